"""Tables that a PostgreSQL server is asked for: the same numbers, and nothing of a secret."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.connection import Query
from cityai.config.load import load_project
from cityai.config.tables import SourceSpec
from cityai.confine.reader import _READERS
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.source import open_source
from cityai.data.source.connections import _connect, digest_query, find_place
from cityai.data.source.engine import open_room
from cityai.data.source.questions import cut_end
from cityai.data.sources import digest_sources
from cityai.errors import CityaiError, DataError, SetupError, SpecError
from cityai.records.events import Events, describe_left, list_left
from tests.conftest import CITY, PROJECT, draw_requests
from tests.servers import SECRET, Postgres

CONNECTED = f"{CITY}connections:\n  warehouse: {{driver: postgres, address: WAREHOUSE}}\n"
ASKED = "{connection: warehouse, sql: queries/requests.sql}"
SELECT = "SELECT id, opened, seen, district, topic\nFROM requests  -- the city's own view\n;\n"


def ask(statement: str, zone: str = "America/New_York") -> Query:
    return Query("warehouse", "postgres", "WAREHOUSE", statement, zone, "queries/asked.sql")


def read(statement: str, columns: list[str] | None = None, max_rows: int = 1_000) -> pd.DataFrame:
    source = SourceSpec(connection="warehouse", table="asked")
    with open_source(source, ask(statement), columns, max_rows=max_rows) as opened:
        frame = opened.engine.con.sql("FROM raw ORDER BY n").to_arrow_table().to_pandas()
        return frame.rename(columns={c: name for name, c in opened.names.items()})


@pytest.fixture
def warehouse(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    monkeypatch.setenv("WAREHOUSE", postgres.address)
    return postgres


def assert_same(left: Events, right: Events) -> None:
    """Hold two readings of the same rows against each other: figures to 1e-9, all else exactly."""
    assert left.counts == right.counts
    assert (left.periods, left.until) == (right.periods, right.until)
    keys = ["fact", "column", "slice_kind", "slice"]
    facts = [e.quality_facts.sort_values(keys, ignore_index=True) for e in (left, right)]
    for a, b in ((left.table, right.table), (left.attributes, right.attributes), facts):
        pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=0, atol=1e-9)
    # A row's number is that of the sorted table in one, and of the file in the other.
    reasons = []
    for rejects in (left.rejects, right.rejects):
        why = rejects["reason"].str.replace(r"of row [\d,]+$", "of another", regex=True)
        reasons.append(rejects.assign(reason=why).groupby(["column", "reason"]).size().to_dict())
    assert reasons[0] == reasons[1]


def test_changing_one_line_changes_no_number(warehouse, make_workspace, requests_table):
    folder = make_workspace()
    file = read_events(load_project(folder), DENSE_PANEL)
    typed = requests_table.assign(
        opened=pd.to_datetime(requests_table["opened"]).dt.date,
        seen=pd.to_datetime(requests_table["seen"]).dt.date,
    )
    warehouse.put("requests", pa.Table.from_pandas(typed, preserve_index=False))
    make_workspace(PROJECT.replace("{path: data.csv}", ASKED), city=CONNECTED)
    (folder / "queries").mkdir()
    (folder / "queries" / "requests.sql").write_text(SELECT)
    project = load_project(folder)
    asked = read_events(project, DENSE_PANEL)
    assert_same(file, asked)
    assert len(file.left) == 0
    (left,) = asked.left.to_dict("records")
    assert left["source"], left["connection"] == ("data", "warehouse")
    assert (left["columns"], left["held"]) == (5, len(requests_table))
    seen = digest_sources(project)
    assert seen == digest_sources(project)
    warehouse.run("UPDATE requests SET topic = 'heat' WHERE id = 'R000001' AND topic <> 'heat'")
    warehouse.run("UPDATE requests SET topic = 'waste' WHERE id = 'R000001'")
    assert digest_sources(project) != seen


@pytest.mark.parametrize(
    "types", [("datetime", "datetime"), ("date", "datetime"), ("datetime", "date")]
)
def test_alike_rows_are_counted_where_they_are(warehouse, make_workspace, tmp_path, types):
    """Without a key nothing tells two rows of a day apart; of their hours the last one stands."""
    rng = np.random.default_rng(4)
    data = pd.concat([draw_requests(weeks=20)] * 3).drop(columns="id")
    for name in ("opened", "seen"):
        hours = pd.to_timedelta(rng.integers(0, 86_400, len(data)), "s")
        data[name] = (pd.to_datetime(data[name]) + hours).astype("datetime64[us]")
    table = pa.Table.from_pandas(data, preserve_index=False)
    warehouse.put("alike", table)
    pq.write_table(table, tmp_path / "alike.parquet")
    project = PROJECT.replace("  key: [id]\n", "")
    project = project.replace("    id: {type: text, required: true}\n", "")
    for name, kind in zip(("opened", "seen"), types, strict=True):
        project = project.replace(f"{name}: {{type: date", f"{name}: {{type: {kind}")
    read_from = {}
    for source in ("{path: ../../alike.parquet}", "{connection: warehouse, table: alike}"):
        folder = make_workspace(project.replace("{path: data.csv}", source), b"", city=CONNECTED)
        read_from[source] = read_events(load_project(folder), DENSE_PANEL)
    file, asked = read_from.values()
    assert_same(file, asked)
    (left,) = asked.left.to_dict("records")
    assert left["held"] == len(data) > 1.3 * left["rows"]
    early = file.quality_facts.query("fact == 'known_after' and slice_kind == 'overall'")
    assert (early["good"] < early["total"]).all() == (set(types) == {"datetime"})


TYPES = """SELECT * FROM (VALUES
  (1, 1.50::numeric(10, 2), 12.500::numeric, timestamptz '2024-07-01 23:30+00', true,
   '00000000-0000-0000-0000-000000000001'::uuid, 'a'::char(3), '12:30'::time, '"j"'::jsonb, 0.1),
  (2, NULL, 'NaN', timestamptz '2024-01-01 04:59:59+00', NULL, NULL, 'b', NULL, NULL, NULL))
  AS t (n0, money, amount, moment, flag, id, code, hour, doc, rest)"""


def test_types_of_a_database_are_read_as_they_are(warehouse):
    frame = read(TYPES)
    first, second = frame.iloc[0], frame.iloc[1]
    assert (float(first["money"]), first["amount"], bool(first["flag"])) == (1.5, "12.5", True)
    assert pd.isna(second["amount"])
    assert first["moment"] == pd.Timestamp("2024-07-01 23:30", tz="UTC")
    assert first["id"] == "00000000-0000-0000-0000-000000000001"
    assert (first["code"], first["hour"], first["doc"], first["rest"]) == (
        *("a", "12:30:00", '"j"', "0.1"),
    )


@pytest.mark.parametrize("column", ["ARRAY[1, 2]", "'a'::bytea", "ROW(1, 2)"])
def test_a_cell_with_several_values_is_refused_where_it_is_read(warehouse, column):
    statement = f"SELECT 1 AS a, {column} AS b"
    with pytest.raises(DataError, match="'b' holds a list"):
        read(statement)
    assert read(statement, ["a"])["a"].tolist() == [1]


def test_the_session_speaks_the_city_s_time(warehouse):
    statement = "SELECT (timestamptz '2024-07-01 01:30+00')::date AS day"
    assert read(statement)["day"].astype(str).tolist() == ["2024-06-30"]


REFUSED = {
    "SELECT a\nFORM t": r"asked.sql, line 2, column 6: .*syntax error at or near \"t\"",
    "SELECT 1 AS a,\n  nope AS b": r'asked.sql, line 2, column 3: .*column "nope" does not exist',
    "SELECT 1 AS a; DROP TABLE kept": r"line 1, column 14: this is more than one statement",
    "SELECT 1 AS a) SELECT 1; DROP TABLE kept; --": "more than one|refuses",
    "WITH gone AS (DELETE FROM kept RETURNING a) SELECT a FROM gone": "change the database",
    "SELECT a FROM kept FOR UPDATE": "change the database",
    "SELECT 1 / (a - a) AS a FROM kept": "cannot compute the statement",
    "SELECT note::int AS a FROM kept": "cannot compute the statement",
    "SELECT a FROM kept WHERE false": "gives no rows",
    "SELECT generate_series(1, 1001) AS a": "more than 1,000 rows",
    "SELECT repeat('x', 1000001) AS a": "more than 1,000,000 bytes",
    "SELECT 1 AS a, 2 AS a": "appears 2 times",
    "SELECT pg_terminate_backend(pg_backend_pid()) AS a": "connection to the database was lost",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_a_statement_that_cannot_be_asked_is_told_with_its_place(warehouse, statement):
    warehouse.run(
        "CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS a, 'Ana Silva'::text AS note",
    )
    with pytest.raises(CityaiError, match=REFUSED[statement]) as raised:
        read(statement, ["a"])
    assert "Ana" not in str(raised.value)
    assert SECRET not in str(raised.value)
    assert read("SELECT count(*) AS a FROM kept")["a"].tolist() == [1]


@pytest.mark.parametrize("end", ["; -- the end\n", ";\n/* ; */\n;", " -- a;"])
def test_a_statement_may_end_in_semicolons_and_comments(warehouse, make_workspace, end):
    assert read(cut_end("postgres", f"SELECT ';--' AS a{end}"))["a"].tolist() == [";--"]
    folder = make_workspace(PROJECT.replace("{path: data.csv}", ASKED), city=CONNECTED)
    (folder / "queries").mkdir()
    (folder / "queries" / "requests.sql").write_bytes(f"SELECT 1 AS a{end}".encode("utf-8-sig"))
    project = load_project(folder)
    query = find_place(project, project.spec.data.source)
    assert isinstance(query, Query)
    assert query.statement.startswith("SELECT 1 AS a")
    assert read(query.statement)["a"].tolist() == [1]


def test_a_column_of_any_name_is_part_of_the_digest(warehouse):
    """In PostgreSQL a column hides a table of its name."""
    names = ("kept", "asked", "t0", "c0", "d0", "early", "times", "came", "n0", "User", "Größe")
    for name in names:
        one, two = (digest_query(ask(f'SELECT 1 AS "{name}", {n} AS other')) for n in (1, 2))
        assert one != two, name
    cells = ", ".join(f'{i} AS "{name}"' for i, name in enumerate(names))
    assert read(f"SELECT {cells}")[list(names)].loc[0].tolist() == list(range(len(names)))


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize("key", ["  key: [id]\n", ""])
def test_infinity_is_refused_as_a_day_and_counted(warehouse, make_workspace, kind, key):
    """As a cell by itself: the other rows are read."""
    folder = make_workspace(
        PROJECT.replace("{path: data.csv}", ASKED).replace("  key: [id]\n", key), city=CONNECTED
    )
    (folder / "queries").mkdir()
    cells = "'D0' AS district, 'noise' AS topic"
    day = "date '2024-01-01' + r"
    (folder / "queries" / "requests.sql").write_text(
        f"SELECT r::text AS id, ({day})::{kind} AS opened, ({day})::{kind} AS seen, {cells} "
        "FROM generate_series(1, 99) AS r "
        f"UNION ALL SELECT 'x', 'infinity'::{kind}, '2024-02-01', {cells} "
        f"UNION ALL SELECT 'y', '2024-02-01', '-infinity'::{kind}, {cells}"
    )
    events = read_events(load_project(folder), DENSE_PANEL)
    found = events.rejects.groupby(["column", "value"]).size().to_dict()
    assert found == {("opened", "infinity"): 1, ("seen", "-infinity"): 1}
    assert events.counts.rejected == 2


def test_settings_of_an_account_change_no_cell_and_its_limit_holds(warehouse, monkeypatch):
    own = {"TimeZone": "Asia/Tokyo", "extra_float_digits": "-10", "IntervalStyle": "iso_8601"}
    own |= {"client_encoding": "latin1", "statement_timeout": "2s", "DateStyle": "SQL, DMY"}
    said = (
        "SELECT 'é' AS a, interval '3 days' AS i, timestamptz '2024-07-01 01:30+00' AS m, 0.1 AS x"
    )
    warehouse.run("DROP ROLE IF EXISTS short", "CREATE ROLE short LOGIN PASSWORD 'x'")
    digest, row = digest_query(ask(said)), read(said)
    for name, value in own.items():
        warehouse.run(f"ALTER ROLE short SET {name} = '{value}'")
    address = f"postgresql://short:x@127.0.0.1:{warehouse.port}/postgres"
    monkeypatch.setenv("WAREHOUSE", f"{address}\n")
    assert digest_query(ask(said)) == digest
    pd.testing.assert_frame_equal(read(said), row)
    with pytest.raises(DataError, match=r"ended after 2 seconds"):
        read("SELECT pg_sleep(60)::text AS a")
    monkeypatch.setenv("WAREHOUSE", f"{address}?sslmode=require")
    with pytest.raises(DataError, match="speaks no SSL"):
        read(said)


def test_a_query_that_is_ended_there_is_told_as_such(warehouse):
    def end() -> None:
        time.sleep(2.0)
        warehouse.run(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' "
            "AND pid <> pg_backend_pid()"
        )

    read("SELECT 1 AS a")
    breaker = threading.Thread(target=end)
    breaker.start()
    with pytest.raises(DataError, match="ended by who runs the database"):
        read("SELECT pg_sleep(60)::text AS a")
    breaker.join()


def test_a_server_ends_a_query_for_which_nobody_waits(warehouse):
    """As after Ctrl-C, or an end of this process by force."""
    read("SELECT 1 AS a")
    with open_room() as room:
        _connect(room, ask("SELECT 1 AS a"))
        threading.Timer(1.5, forget_by_force).start()
        with pytest.raises(DataError):
            room.ask("digest", "SELECT pg_sleep(61)::text AS a")
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sl' || 'eep(61)%'"
    for _ in range(100):
        if warehouse.read(running) == [(0,)]:
            return
        time.sleep(0.2)
    pytest.fail("the query goes on")


def forget_by_force() -> None:
    _READERS[0]._process.kill()


def test_a_statement_without_end_is_ended_and_said(warehouse, monkeypatch):
    read("SELECT 1 AS a")
    monkeypatch.setenv("CITYAI_LIMIT_SECONDS", "6")
    endless = (
        "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a FROM r) SELECT max(a) AS a FROM r"
    )
    with pytest.raises(DataError, match=r"ended after 6 seconds|longer than 6 seconds"):
        read(endless)


def test_a_connection_that_breaks_half_way_leaves_nothing(warehouse):
    def end() -> None:
        time.sleep(1.0)
        warehouse.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'cityai' AND pid <> pg_backend_pid()"
        )

    read("SELECT 1 AS a")
    breaker = threading.Thread(target=end)
    breaker.start()
    slow = "SELECT i AS a, pg_sleep(0.001)::text AS s FROM generate_series(1, 20000) AS i"
    with pytest.raises(DataError, match="connection to the database was lost"):
        read(slow, max_rows=100_000)
    breaker.join()
    assert read("SELECT 1 AS a")["a"].tolist() == [1]


def test_where_a_database_cannot_be_reached_no_secret_is_told(warehouse, monkeypatch):
    wrong = {
        warehouse.address.replace("p4ss", "p5ss"): "refuses the user or the password",
        warehouse.address.replace(f":{warehouse.port}/", ":1/"): "cannot be reached",
        warehouse.address.replace("/postgres", "/n0db"): "no database of that name",
        warehouse.address.replace("%2F", "%zz"): "cannot be read",
        "mysql://city:p4ss@secret.host/db": "no address of PostgreSQL",
        "p4ss": "no address of PostgreSQL",
        "": "WAREHOUSE is not set",
    }
    for address, said in wrong.items():
        monkeypatch.setenv("WAREHOUSE", address)
        with pytest.raises((DataError, SetupError), match=said) as raised:
            digest_query(ask("SELECT 1 AS a"))
        for hidden in ("p4ss", "p5ss", "127.0.0.1", "secret.host", str(warehouse.port), "n0db"):
            assert hidden not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("asked", ["sslmode=banana", "sslmode=verify-full"])
def test_what_is_asked_of_ssl_is_told_apart(warehouse, monkeypatch, asked):
    monkeypatch.setenv("WAREHOUSE", f"{warehouse.address}?{asked}")
    said = "speaks no SSL" if "full" in asked else "the address in the variable cannot be read"
    with pytest.raises(DataError, match=said):
        digest_query(ask("SELECT 1 AS a"))


def test_a_server_that_closes_at_once_is_not_taken_for_a_mistyped_address(monkeypatch):
    """As a pooler whose database is away does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close() -> None:
            server.accept()[0].close()

        ended = threading.Thread(target=close)
        ended.start()
        monkeypatch.setenv("WAREHOUSE", f"postgresql://127.0.0.1:{server.getsockname()[1]}/db")
        with pytest.raises(DataError, match="cannot be reached"):
            digest_query(ask("SELECT 1 AS a"))
        ended.join()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("55000", 'refuses the statement: materialized view "mv" has not been populated'),
        ("53200", "lacks the memory, the disk or another means"),
        ("40001", "since its data were changed"),
    ],
)
def test_what_a_database_lacks_is_not_called_a_lost_connection(warehouse, state, said):
    warehouse.run(
        "DROP MATERIALIZED VIEW IF EXISTS mv",
        "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a WITH NO DATA",
        "CREATE OR REPLACE FUNCTION fail(code text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a cell' USING ERRCODE = code; END $$",
    )
    asked = "SELECT a FROM mv" if state == "55000" else f"SELECT fail('{state}') AS a"
    with pytest.raises(DataError, match=said) as raised:
        read(asked)
    assert "a cell" not in str(raised.value)


def test_rows_that_policies_keep_from_the_account_are_told(warehouse, monkeypatch):
    """Row-level security leaves rows out without a word."""
    warehouse.run(
        "DROP TABLE IF EXISTS kept CASCADE",
        "DROP ROLE IF EXISTS partner",
        "CREATE TABLE kept AS SELECT 'D' || i % 5 AS district FROM generate_series(1, 50) i",
        "CREATE VIEW of_the_owner AS SELECT * FROM kept",
        "ALTER TABLE kept ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY one ON kept USING (district = 'D1')",
        "CREATE ROLE partner LOGIN PASSWORD 'x'",
        "GRANT SELECT ON kept, of_the_owner TO partner",
    )
    source, found = SourceSpec(connection="warehouse", table="asked"), {}
    partner = f"postgresql://partner:x@127.0.0.1:{warehouse.port}/postgres"
    for who, address in {"owner": warehouse.address, "partner": partner}.items():
        monkeypatch.setenv("WAREHOUSE", address)
        for table in ("kept", "of_the_owner"):
            asked = ask(f"SELECT * FROM {table}")
            with open_source(source, asked, None, max_rows=1_000) as opened:
                assert opened.left is not None
                found[who, table] = (opened.left.held, opened.left.partial)
    assert found.pop(("partner", "kept")) == (10, True)
    assert set(found.values()) == {(50, False)}
    (said,) = describe_left(list_left([("data", "warehouse", 10, 2, 80, 10, True)]))
    assert "keeps rows from it (row-level security)" in said


def test_a_driver_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("cityai.data.source.connections.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"cityai\[postgres\]"):
        digest_query(ask("SELECT 1 AS a"))


SPECS = {
    "{connection: warehose, table: t}": r"project.yaml:\d+:\d+: the city has no connection "
    r"'warehose'\s+expected: Did you mean 'warehouse'",
    "{connection: warehouse}": "either `sql` or `table`",
    "{connection: warehouse, table: t, sql: q.sql}": "either `sql` or `table`",
    "{connection: warehouse, table: t, path: data.csv}": "either `path` or `connection`",
    "{connection: warehouse, table: t, skip: 1}": "`skip` is for files of text",
    "{path: data.csv, sql: q.sql}": "`sql` is for a `connection`",
    "{}": "either `path` or `connection`",
}


@pytest.mark.parametrize("source", SPECS)
def test_a_source_that_cannot_be_meant_is_refused(make_workspace, source):
    folder = make_workspace(PROJECT.replace("{path: data.csv}", source), city=CONNECTED)
    with pytest.raises(SpecError, match=SPECS[source]):
        load_project(folder)


@pytest.mark.parametrize("text", [None, "", "DELETE FROM t", "-- SELECT\nDROP TABLE t"])
def test_a_file_without_a_select_is_refused_before_anything_is_asked(make_workspace, text):
    folder = make_workspace(PROJECT.replace("{path: data.csv}", ASKED), city=CONNECTED)
    if text is not None:
        (folder / "queries").mkdir()
        (folder / "queries" / "requests.sql").write_text(text)
    with pytest.raises(SpecError, match=r"no such file|no SELECT"):
        read_events(load_project(folder), DENSE_PANEL)


def test_a_pipe_in_place_of_a_select_is_not_waited_for(make_workspace):
    folder = make_workspace(PROJECT.replace("{path: data.csv}", ASKED), city=CONNECTED)
    (folder / "queries").mkdir()
    os.mkfifo(folder / "queries" / "requests.sql")
    with pytest.raises(SpecError, match="no text"):
        read_events(load_project(folder), DENSE_PANEL)


@pytest.mark.parametrize(
    "entry",
    [
        "{driver: postgres, address: 'postgresql://city:hush@host/db'}",
        "{driver: hush, address: WAREHOUSE}",
        "{driver: postgres, address: WAREHOUSE, password: hush}",
        "{driver: postgres, address: [hush]}",
    ],
)
def test_a_secret_that_was_written_down_is_not_repeated(make_workspace, entry):
    folder = make_workspace(city=f"{CITY}connections:\n  warehouse: {entry}\n")
    with pytest.raises(SpecError, match=r"city\.yaml:\d+:\d+") as raised:
        load_project(folder)
    assert "hush" not in str(raised.value)


def test_a_table_s_name_is_no_statement(warehouse):
    warehouse.run('CREATE TABLE IF NOT EXISTS "odd "" name" AS SELECT 7 AS a')
    from cityai.config.connection import ConnectionSpec, write_query

    spec = ConnectionSpec(driver="postgres", address="WAREHOUSE")
    source = SourceSpec(connection="warehouse", table='public.odd " name')
    query = write_query(source, spec, "UTC", "", "")
    assert read(query.statement)["a"].tolist() == [7]


def test_rows_are_numbered_alike_in_any_order(warehouse):
    values = ", ".join(f"({i})" for i in np.random.default_rng(1).permutation(50))
    frame = read(f"SELECT a FROM (VALUES {values}) AS t (a)")
    assert frame["a"].tolist() == list(range(50))


def test_no_address_stands_in_the_child_s_arguments(warehouse):
    """Other accounts may read the arguments and, of their own, the environment of a process."""
    read("SELECT 1 AS a")
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes())
        except OSError:
            continue
    assert found
    assert not [line for line in found if b"p4ss-w%C3" in line]
    assert os.environ["WAREHOUSE"] == warehouse.address
