"""What one engine does otherwise than another, and must not: the same rows, the same figures."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.source.questions import cut_end, is_one_part
from cityai.errors import DataError
from cityai.records.events import Events
from tests.conftest import CITY, PROJECT, draw_requests

CONNECTED = f"{CITY}connections:\n" + "".join(
    f"  {name}: {{driver: {name}, address: {name.upper()}}}\n" for name in ("postgres", "spark")
)
UNKEYED = (
    PROJECT.replace("  key: [id]\n", "")
    .replace("    id: {type: text, required: true}\n", "")
    .replace("    area: district\n    areas: districts\n", "")
    .split("audit:")[0]
)
ENGINES = ("parquet", "duckdb", "postgres", "spark")
FOLDED = {
    "duckdb": "district COLLATE NOCASE.NOACCENT AS district",
    "postgres": "district COLLATE folded AS district",
    "spark": "district COLLATE UTF8_LCASE AS district",
    "parquet": "district",
}
FOLD = (
    "CREATE COLLATION IF NOT EXISTS folded "
    "(provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    """An engine's name, and its server where it has one."""
    name = request.param
    server = request.getfixturevalue(name) if name in ("postgres", "spark") else None
    if server is not None:
        monkeypatch.setenv(name.upper(), server.address)
    return name, server


def read(engine, make_workspace, table: pa.Table, cells: str, project: str = UNKEYED) -> Events:
    """Read a table from an engine, with these cells selected there."""
    name, server = engine
    folder = make_workspace(project, b"", city=CONNECTED)
    place: Path = folder / "rows.parquet"
    pq.write_table(table, place)
    source = "{path: rows.parquet}"
    if name == "duckdb":
        with duckdb.connect(folder / "rows.duckdb") as con:
            con.execute(f"CREATE OR REPLACE TABLE rows AS FROM '{place}'")
            con.execute(f"CREATE OR REPLACE VIEW seen AS SELECT {cells} FROM rows")
        source = "{path: rows.duckdb, table: seen}"
    elif name != "parquet":
        rows = f"parquet.`{place}`"
        if name == "postgres":
            rows = "engine_rows"
            server.put(rows, table)
            server.run(FOLD)
        (folder / "asked.sql").write_text(f"SELECT {cells} FROM {rows};\n-- that is all\n")
        source = f"{{connection: {name}, sql: asked.sql}}"
    make_workspace(project.replace("{path: data.csv}", source), b"", city=CONNECTED)
    return read_events(load_project(folder), DENSE_PANEL)


def test_texts_that_a_collation_takes_for_one_stay_two(engine, make_workspace):
    data = draw_requests(weeks=12)
    for name in ("opened", "seen"):
        data[name] = pd.to_datetime(data[name]).dt.date
    names = {"D0": "Ana", "D1": "ana", "D2": "Aná", "D3": "Bo", "D4": "BO", "D5": "Bo "}
    data["district"] = data["district"].map(names)
    cells = f"opened, seen, topic, {FOLDED[engine[0]]}"
    table = pa.Table.from_pandas(data.drop(columns="id"), preserve_index=False)
    events = read(engine, make_workspace, table, cells)
    counted = events.table.groupby("entity_id")["value"].sum()
    until = events.until.date()
    last = data["opened"] < until
    expected = data[last].assign(district=data["district"].str.strip()).groupby("district").size()
    assert counted.to_dict() == expected.to_dict()


@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("column", ["opened", "seen"])
def test_dates_that_became_moments_of_utc_are_refused(engine, make_workspace, kind, column):
    """West of Greenwich each would be counted on the day before."""
    data = draw_requests(weeks=12).drop(columns="id")
    hours = {name: pd.Timedelta("0h" if name == column else "17h") for name in ("opened", "seen")}
    table = write_moments(data, hours)
    project = UNKEYED.replace(f"{column}: {{type: date", f"{column}: {{type: {kind}")
    cells = "opened, seen, topic, district"
    with pytest.raises(DataError, match="every moment is midnight in UTC") as raised:
        read(engine, make_workspace, table, cells, project)
    assert f"column '{column}'" in raised.value.where
    later = {name: hour + pd.Timedelta("5h") for name, hour in hours.items()}
    read(engine, make_workspace, write_moments(data, later), cells, project)


def write_moments(data: pd.DataFrame, hours: dict[str, pd.Timedelta]) -> pa.Table:
    """Return the rows with moments of UTC, so long after midnight."""
    table = pa.Table.from_pandas(data, preserve_index=False)
    for name, hour in hours.items():
        clock = (pd.to_datetime(data[name]) + hour).astype("datetime64[us]")
        moments = pa.array(clock.to_numpy()).cast(pa.timestamp("us", "UTC"))
        table = table.set_column(table.schema.get_field_index(name), name, moments)
    return table


def test_under_utc_days_without_an_offset_are_refused_as_moments(make_workspace):
    project = UNKEYED.replace("  time: opened", "  zone: utc\n  time: opened")
    project = project.replace("opened: {type: date", "opened: {type: datetime")
    with pytest.raises(DataError, match="every moment is midnight in UTC") as raised:
        read_events(load_project(make_workspace(project)), DENSE_PANEL)
    assert "`type: date`" in raised.value.next_step
    read_events(
        load_project(make_workspace(project.replace("type: datetime", "type: date"))), DENSE_PANEL
    )


def test_a_comment_of_spark_hides_no_parenthesis():
    """There a comment goes on behind a backslash at the end of its line."""
    statement = "SELECT 1 AS a -- \\\n(\n) INSERT INTO hidden SELECT 6 -- \\"
    sent = cut_end("spark", statement)
    assert "--" not in sent
    assert " ".join(sent.split()) == "SELECT 1 AS a ( ) INSERT INTO hidden SELECT 6"
    text = "SELECT '-- /* x' AS a, `b -- c` /* y */ FROM t -- é"
    assert " ".join(cut_end("spark", text).split()) == "SELECT '-- /* x' AS a, `b -- c` FROM t"
    assert is_one_part("spark", sent)


def test_a_name_that_two_schemas_have_is_asked_with_its_schema(make_workspace):
    folder = make_workspace(UNKEYED, b"", city=CONNECTED)
    data = draw_requests(weeks=12)
    with duckdb.connect(folder / "rows.duckdb") as con:
        con.execute("CREATE SCHEMA old; CREATE TABLE rows AS FROM data")
        con.execute("CREATE TABLE old.rows AS FROM data LIMIT 500")
    for table, count in {"main.rows": len(data), "old.rows": 500}.items():
        source = f"{{path: rows.duckdb, table: {table}}}"
        make_workspace(UNKEYED.replace("{path: data.csv}", source), b"")
        assert read_events(load_project(folder), DENSE_PANEL).counts.read == count
    make_workspace(UNKEYED.replace("{path: data.csv}", "{path: rows.duckdb, table: rows}"), b"")
    with pytest.raises(DataError, match=r"no table 'rows'[\s\S]*old\.rows"):
        read_events(load_project(folder), DENSE_PANEL)
