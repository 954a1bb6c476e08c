"""Tables that Spark is asked for, through Spark Connect: the same numbers, nothing of a secret."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.connection import Query
from cityai.config.load import load_project
from cityai.config.tables import SourceSpec
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.source import open_source
from cityai.data.source.connections import _connect, digest_query
from cityai.data.source.engine import open_room
from cityai.data.sources import digest_sources
from cityai.errors import CityaiError, DataError, SetupError
from tests.conftest import CITY, PROJECT
from tests.data.test_connections import assert_same
from tests.servers import Spark

CONNECTED = f"{CITY}connections:\n  warehouse: {{driver: spark, address: WAREHOUSE}}\n"


def ask(statement: str) -> Query:
    zone = "America/New_York"
    return Query("warehouse", "spark", "WAREHOUSE", statement, zone, "queries/asked.sql")


def read(statement: str, columns: list[str] | None = None) -> pd.DataFrame:
    source = SourceSpec(connection="warehouse", table="asked")
    with open_source(source, ask(statement), columns, max_rows=1_000) as opened:
        frame = opened.engine.con.sql("FROM raw ORDER BY n").to_arrow_table().to_pandas()
        return frame.rename(columns={c: name for name, c in opened.names.items()})


@pytest.fixture
def warehouse(spark: Spark, monkeypatch: pytest.MonkeyPatch) -> Spark:
    monkeypatch.setenv("WAREHOUSE", spark.address)
    return spark


def test_changing_one_line_changes_no_number(warehouse, make_workspace, requests_table, tmp_path):
    folder = make_workspace()
    file = read_events(load_project(folder), DENSE_PANEL)
    days = {name: pd.to_datetime(requests_table[name]).dt.date for name in ("opened", "seen")}
    table = pa.Table.from_pandas(requests_table.assign(**days), preserve_index=False)
    pq.write_table(table, tmp_path / "requests.parquet")
    warehouse.run(f"CREATE TABLE requests USING parquet LOCATION '{tmp_path}/requests.parquet'")
    asked = "{connection: warehouse, table: default.requests}"
    make_workspace(PROJECT.replace("{path: data.csv}", asked), city=CONNECTED)
    project = load_project(folder)
    events = read_events(project, DENSE_PANEL)
    assert_same(file, events)
    (left,) = events.left.to_dict("records")
    assert (left["connection"], left["columns"], left["held"]) == ("warehouse", 5, len(table))
    assert digest_sources(project) == digest_sources(project)


TYPES = """SELECT 1 AS n0, 1.50BD AS money, float(0.5) AS rest, CAST('NaN' AS double) AS amount,
  timestamp_ltz '2024-07-01 23:30:00+00:00' AS moment, timestamp '2024-07-01 23:30' AS clock,
  interval 3 days AS span, true AS flag, NULL AS nothing, current_date() AS day, array(1) AS list"""


def test_types_of_spark_are_read_as_they_are(warehouse):
    names = ["n0", "money", "rest", "amount", "moment", "clock", "span", "flag", "nothing", "day"]
    row = read(TYPES, names).iloc[0]
    assert (row["n0"], float(row["money"]), row["rest"], bool(row["flag"])) == (1, 1.5, 0.5, True)
    assert pd.isna(row["amount"])
    assert pd.isna(row["nothing"])
    assert row["moment"] == pd.Timestamp("2024-07-01 23:30", tz="UTC")
    assert row["clock"] == pd.Timestamp("2024-07-01 23:30")
    assert "3" in row["span"]
    with pytest.raises(DataError, match="'list' holds a list"):
        read(TYPES)


def test_the_session_speaks_the_city_s_time(warehouse):
    statement = "SELECT CAST(timestamp_ltz '2024-07-01 01:30:00+00:00' AS date) AS day"
    assert read(statement)["day"].astype(str).tolist() == ["2024-06-30"]


REFUSED = {
    "SELECT a\nFORM t": r"asked.sql, line 2, column 6: .*Syntax error at or near 't'",
    "SELECT 1 AS a,\n  nope AS b FROM range(1)": r"line 2, column 3: .*`nope` cannot be resolved",
    "SELECT a FROM nowhere": r"line 1, column 15: .*`nowhere` cannot be found",
    "SELECT 1 AS a; DROP TABLE kept": "more than one statement",
    "SELECT 1 AS a) SELECT 2 AS a --": "more than one statement",
    "SELECT 1 AS a) FROM (SELECT 2 AS a) INSERT INTO kept SELECT * --": "more than one statement",
    "SELECT ')' AS a /* ) */ -- )\n) SELECT 2": "more than one statement",
    "SELECT 1 / (id - id) AS a FROM range(1)": "cannot compute the statement",
    "SELECT int('Ana Silva') AS a": "cannot compute the statement",
    "SELECT raise_error('Ana Silva') AS a": "cannot compute the statement",
    "SELECT 1 AS a WHERE false": "gives no rows",
    "SELECT id AS a FROM range(1001)": "more than 1,000 rows",
    "SELECT repeat('x', 1000001) AS a": "more than 1,000,000 bytes",
    "SELECT 1 AS a, 2 AS a": "appears 2 times",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_a_statement_that_cannot_be_asked_is_told_with_its_place(warehouse, statement):
    with pytest.raises(CityaiError, match=REFUSED[statement]) as raised:
        read(statement, ["a"])
    assert "Ana" not in str(raised.value)


def test_parentheses_in_texts_and_comments_are_none(warehouse):
    statement = "SELECT ')' AS a, '\\';(' AS b /* ) */ -- )\n"
    assert read(statement).loc[0, ["a", "b"]].tolist() == [")", "';("]


def test_a_statement_without_end_is_ended_and_said(warehouse, monkeypatch):
    read("SELECT 1 AS a")
    monkeypatch.setenv("CITYAI_LIMIT_SECONDS", "8")
    endless = "SELECT sum(xxhash64(id) % 7) AS a FROM range(1000000000000)"
    with pytest.raises(DataError, match=r"ended after 8 seconds|longer than 8 seconds"):
        read(endless)


def test_where_spark_cannot_be_reached_no_secret_is_told(warehouse, monkeypatch):
    wrong = {
        warehouse.address.replace("p4ss", "p5ss"): "refuses the token",
        warehouse.address.replace(f":{warehouse.port}/", ":1/"): "cannot be reached",
        "sc://localhost:1/;p4ss": "cannot be read",
        "spark://secret.host:7077": "no address of Spark Connect",
        "": "WAREHOUSE is not set",
    }
    for address, said in wrong.items():
        monkeypatch.setenv("WAREHOUSE", address)
        with pytest.raises((DataError, SetupError), match=said) as raised:
            digest_query(ask("SELECT 1 AS a"))
        for hidden in ("p4ss", "p5ss", "localhost", "secret.host", str(warehouse.port)):
            assert hidden not in str(raised.value)


CHANGES = ("(1, 'a', NULL)", "(1, NULL, 'a')", "(1, 'null', 'a')", "(1, 'a', 'null')")


def test_every_change_of_a_cell_changes_the_digest_and_the_order_of_rows_none(warehouse):
    def add_up(values: str) -> str:
        with open_room() as room:
            query = ask(f"SELECT * FROM VALUES {values} AS t (n, a, b)")
            _connect(room, query)
            return str(room.ask("digest", query.statement)[0][0])

    sums = [add_up(f"{one}, (2, 'x', 'y')") for one in CHANGES]
    assert len(set(sums)) == len(CHANGES)
    assert add_up(f"(2, 'x', 'y'), {CHANGES[0]}") == sums[0]


def test_spark_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("cityai.data.source.connections.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"cityai\[spark\]"):
        digest_query(ask("SELECT 1 AS a"))


def test_a_folder_of_files_is_a_table_of_spark(warehouse, tmp_path: Path):
    for part in ("a", "b"):
        (tmp_path / f"kind={part}").mkdir()
        pq.write_table(pa.table({"n": [1, 2]}), tmp_path / f"kind={part}" / "x.parquet")
    frame = read(f"SELECT kind, n FROM parquet.`{tmp_path}`")
    assert sorted(frame["kind"]) == ["a", "a", "b", "b"]
