"""A new SQLite store: the tables that MLflow's migrations leave, written at once."""

from __future__ import annotations

import re
import sqlite3
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cityai.track.door import import_mlflow, keep_quiet, stand_in

TABLES: Final = Path(__file__).parent / "mlflow_tables.sql"
"""The tables, under a line with the version of MLflow whose migrations left them."""

LAST: Final = re.compile(r"INTO \"alembic_version\" VALUES\('(\w+)'\)")
"""The migration that a store of MLflow's stands at."""


def write_tables(connection: sqlite3.Connection) -> None:
    """Write MLflow's tables into an empty database, whole or not at all.

    Its seventy migrations take fifty times as long. They are left to MLflow where its version is
    another than the one of `TABLES`.
    """
    script = _read_script()
    if script and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
        connection.executescript(script)


def trust_tables() -> AbstractContextManager[None]:
    """Spare MLflow the search of its migrations for the last one: `TABLES` names it."""
    last = LAST.search(_read_script())
    if last is None:
        return nullcontext()
    return stand_in("mlflow.store.db.utils", "_get_latest_schema_revision", lambda: last[1])


def _read_script() -> str:
    """Read `TABLES`; nothing where they are not those of this MLflow."""
    version, _, script = TABLES.read_text("utf-8").partition("\n")
    return script if version == name_version() else ""


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
