"""A new store: MLflow's own migrations are the oracle of the tables that are written at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cityai.errors import TrackingError
from cityai.track import new_store, server
from cityai.track.new_store import TABLES, migrate_tables, write_tables
from cityai.track.server import connect_tracking


def dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def split(script: str) -> list[list[str]]:
    """Return each statement's lines, all sorted: constraints and indexes come in no order."""
    statements = script.split(";\n")
    return sorted(sorted(line.strip(", ") for line in s.splitlines()) for s in statements)


def test_the_tables_are_those_that_the_migrations_leave(tmp_path: Path) -> None:
    kept = TABLES.read_text("utf-8")
    made = migrate_tables()
    assert split(made) == split(kept), "write them again: python -m cityai.track.new_store"
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        write_tables(connection)
    assert "\n".join((kept.partition("\n")[0], *dump(tmp_path / "new.db"), "")) == kept


def test_another_version_of_mlflow_migrates_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_store, "name_version", lambda: "-- MLflow 99")
    server._prepare_database(tmp_path / server.DATABASE)
    assert dump(tmp_path / server.DATABASE) == ["BEGIN TRANSACTION;", "COMMIT;"]
    tracking = connect_tracking(tmp_path)
    assert [e.name for e in tracking.client.search_experiments()] == ["Default"]


def test_the_last_migration_is_the_one_that_mlflow_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.db import utils

    last = utils._get_latest_schema_revision()
    monkeypatch.setattr(utils, "_get_latest_schema_revision", lambda: "searched")
    with new_store.trust_tables():
        assert utils._get_latest_schema_revision() == last
    assert utils._get_latest_schema_revision() == "searched"
    monkeypatch.setattr(new_store, "name_version", lambda: "-- MLflow 99")
    with new_store.trust_tables():
        assert utils._get_latest_schema_revision() == "searched"


def test_a_store_of_another_version_is_not_written_to(tmp_path: Path) -> None:
    server._prepare_database(tmp_path / server.DATABASE)
    with closing(sqlite3.connect(tmp_path / server.DATABASE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    with pytest.raises(TrackingError, match="out-of-date"):
        connect_tracking(tmp_path)


def test_a_store_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute("CREATE TABLE kept (a INTEGER)")
        before = list(connection.iterdump())
        write_tables(connection)
        assert list(connection.iterdump()) == before


def test_tables_that_break_off_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = TABLES.read_text("utf-8").splitlines()
    (tmp_path / "half.sql").write_text("\n".join((*lines[:400], "no SQL;", *lines[400:])), "utf-8")
    monkeypatch.setattr(new_store, "TABLES", tmp_path / "half.sql")
    with (
        closing(sqlite3.connect(tmp_path / "new.db")) as connection,
        pytest.raises(sqlite3.OperationalError),
    ):
        write_tables(connection)
    assert dump(tmp_path / "new.db") == ["BEGIN TRANSACTION;", "COMMIT;"]
