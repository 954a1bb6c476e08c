"""A new SQLite store: the tables that MLflow's migrations leave, written at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cityai.track.door import import_mlflow, keep_quiet

TABLES: Final = Path(__file__).parent / "mlflow_tables.sql"
"""The tables, under a line with the version of MLflow whose migrations left them."""


def write_tables(connection: sqlite3.Connection) -> None:
    """Write MLflow's tables into an empty database, whole or not at all.

    Its seventy migrations take fifty times as long. They are left to MLflow where its version is
    another than the one of `TABLES`.
    """
    version, _, script = TABLES.read_text("utf-8").partition("\n")
    empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    if empty and version == name_version():
        connection.executescript(script)


def name_version() -> str:
    """Return the first line of tables that this MLflow's migrations leave."""
    return f"-- MLflow {import_mlflow().__version__}"


def migrate_tables() -> str:
    """Let MLflow's migrations make a new database; return it as SQL, under MLflow's version."""
    import_mlflow()
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine

    with TemporaryDirectory() as folder, keep_quiet():
        database = Path(folder) / "new.db"
        engine = create_engine(f"sqlite:///{database}")
        _initialize_tables(engine)
        engine.dispose()
        with closing(sqlite3.connect(database)) as connection:
            lines = [line.rstrip() for line in "\n".join(connection.iterdump()).splitlines()]
    return "\n".join((name_version(), *lines, ""))


if __name__ == "__main__":
    TABLES.write_text(migrate_tables(), "utf-8")
