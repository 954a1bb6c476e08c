"""A later run asks a database only for what is new, and reads what a full run reads."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.source.engine import Room
from cityai.records.events import Events
from tests.conftest import PROJECT, draw_requests
from tests.data.test_connections import CONNECTED
from tests.data.test_spark import CONNECTED as ON_SPARK
from tests.servers import Postgres, Spark

DRAWN = int(os.environ.get("CITYAI_DRAWN") or 3)
STEPS = ("later", "later", "late", "correction", "gone", "nothing", "later", "unknown")
UNKEYED = PROJECT.replace("  key: [id]\n", "").replace("    id: {type: text, required: true}\n", "")


@pytest.fixture
def travelled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each reading brought from the database, but for the one of midnights' sums."""
    found: list[int] = []
    ask = Room.ask

    def count(room: Room, *work: object) -> list[list[object]]:
        rows = ask(room, *work)
        if work[0] == "fetch" and rows[0][0] != 1:
            found.append(rows[0][0])
        return rows

    monkeypatch.setattr(Room, "ask", count)
    return found


def assert_equal(left: Events, right: Events) -> None:
    """Hold two readings of the same rows against each other, to the bit."""
    assert (left.counts, left.periods, left.until) == (right.counts, right.periods, right.until)
    assert left.digest == right.digest
    for name in ("table", "attributes", "quality_facts", "rejects"):
        pd.testing.assert_frame_equal(getattr(left, name), getattr(right, name), check_exact=True)


def read_twice(folder: Path, monkeypatch: pytest.MonkeyPatch, place: Path) -> tuple[Events, Events]:
    """Read with what came before, and with nothing."""
    kept = read_events(load_project(folder), DENSE_PANEL)
    with monkeypatch.context() as patch:
        patch.setenv("CITYAI_STATE", str(place / f"fresh{len(list(place.iterdir()))}"))
        return kept, read_events(load_project(folder), DENSE_PANEL)


def draw_rows(rng: np.random.Generator, kind: str) -> pd.DataFrame:
    """Draw requests with hours, as days, or as moments with a zone."""
    data = draw_requests(weeks=12)
    for name in ("opened", "seen"):
        moments = pd.to_datetime(data[name])
        if kind != "date":
            moments += pd.to_timedelta(rng.integers(0, 86_400, len(data)), "s")
        data[name] = moments.astype("datetime64[us]")
    data.loc[rng.random(len(data)) < 0.01, "seen"] = None
    return data


def write_table(data: pd.DataFrame, kind: str) -> pa.Table:
    """Return the rows in the order in which they became known, with their type of moment."""
    data = data.sort_values("seen", na_position="first", ignore_index=True)
    table = pa.Table.from_pandas(data, preserve_index=False)
    moment = {"date": pa.date32(), "clock": pa.timestamp("us")}
    moment["zoned"] = pa.timestamp("us", "UTC")
    for name in ("opened", "seen"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(moment[kind]))
    return table


def change(postgres: Postgres, rng: np.random.Generator, step: str, rest: list[pa.Table]) -> bool:
    """Change the table as cities do; return whether rows that came before are as they were."""
    latest = "(SELECT max(seen) FROM arriving)"
    day = "interval '20 days'"
    put = "INSERT INTO arriving (id, opened, seen, district, topic)"
    done = {
        "late": f"{put} SELECT 'L' || id, opened, seen - {day}, district, topic "
        f"FROM arriving WHERE seen = {latest}",
        "correction": f"UPDATE arriving SET topic = topic || ' ' WHERE seen < {latest} - {day}",
        "gone": "DELETE FROM arriving WHERE id IN (SELECT id FROM arriving ORDER BY seen LIMIT 3)",
        "unknown": f"{put} SELECT 'U' || id, opened, NULL, district, topic "
        f"FROM arriving WHERE seen = {latest}",
    }
    if step == "later":
        size = int(rng.integers(30, 120))
        postgres.put("more", rest[0].slice(0, size))
        postgres.run("INSERT INTO arriving SELECT * FROM more")
        rest[0] = rest[0].slice(size)
    elif step in done:
        postgres.run(done[step])
    return step in ("later", "nothing", "unknown")


@pytest.mark.parametrize("seed", range(DRAWN))
def test_any_order_of_arrivals_reads_what_a_full_run_reads(
    postgres, monkeypatch, make_workspace, tmp_path, travelled, seed
):
    rng = np.random.default_rng(seed)
    monkeypatch.setenv("WAREHOUSE", postgres.address)
    kind = ["date", "clock", "zoned"][seed % 3]
    whole = write_table(draw_rows(rng, kind), kind)
    cut = int(len(whole) * 0.6)
    postgres.put("arriving", whole.slice(0, cut))
    rest = [whole.slice(cut)]
    project = [UNKEYED, PROJECT][seed % 2]
    if kind != "date" and seed // 2 % 2:
        project = project.replace("{type: date", "{type: datetime")
    asked = "{connection: warehouse, table: arriving}"
    folder = make_workspace(project.replace("{path: data.csv}", asked), b"", city=CONNECTED)
    places = tmp_path / "states"
    places.mkdir()
    first, full = read_twice(folder, monkeypatch, places)
    assert_equal(first, full)
    assert travelled[0] == travelled[1]
    for step in rng.permutation(STEPS):
        is_same = change(postgres, rng, str(step), rest)
        travelled.clear()
        kept, full = read_twice(folder, monkeypatch, places)
        assert_equal(kept, full)
        new, everything = travelled
        assert new < 0.5 * everything if is_same else new == everything, step
        assert kept.left["rows"].tolist() == full.left["rows"].tolist()


def test_what_is_kept_is_private_and_a_damaged_file_is_not_believed(
    postgres, monkeypatch, make_workspace, tmp_path, travelled
):
    monkeypatch.setenv("WAREHOUSE", postgres.address)
    data = draw_rows(np.random.default_rng(1), "clock")
    postgres.put("arriving", pa.Table.from_pandas(data, preserve_index=False))
    asked = "{connection: warehouse, table: arriving}"
    folder = make_workspace(PROJECT.replace("{path: data.csv}", asked), b"", city=CONNECTED)
    project = load_project(folder)
    first = read_events(project, DENSE_PANEL)
    (file,) = (project.state / "arrived" / "requests").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    content = bytearray(file.read_bytes())
    for place in range(200, len(content) // 2, 97):
        content[place] ^= 0xFF
    file.write_bytes(content)
    assert_equal(first, read_events(project, DENSE_PANEL))
    assert travelled == [len(data), len(data)]


def test_a_day_far_ahead_keeps_nothing_from_arriving(
    postgres, monkeypatch, make_workspace, tmp_path, travelled
):
    """A placeholder of the year 2100 is no reason to ask for everything for ever."""
    monkeypatch.setenv("WAREHOUSE", postgres.address)
    data = draw_rows(np.random.default_rng(2), "clock")
    data.loc[0, "seen"] = pd.Timestamp("2100-01-01")
    postgres.put("arriving", pa.Table.from_pandas(data, preserve_index=False))
    asked = "{connection: warehouse, table: arriving}"
    folder = make_workspace(PROJECT.replace("{path: data.csv}", asked), b"", city=CONNECTED)
    read_events(load_project(folder), DENSE_PANEL)
    today = datetime.now(UTC).date()
    postgres.run(
        "INSERT INTO arriving (id, opened, seen, district, topic) SELECT 'N' || id, opened, "
        f"timestamp '{today}', district, topic FROM arriving LIMIT 5"
    )
    travelled.clear()
    read_events(load_project(folder), DENSE_PANEL)
    assert travelled[0] < 0.2 * len(data)


def test_spark_is_asked_for_what_is_new(
    spark: Spark, monkeypatch, make_workspace, tmp_path, travelled
):
    monkeypatch.setenv("WAREHOUSE", spark.address)
    data = write_table(draw_rows(np.random.default_rng(3), "zoned"), "zoned")
    parts, places = tmp_path / "parts", tmp_path / "states"
    parts.mkdir()
    places.mkdir()
    cut = int(0.8 * len(data))
    for name, part in (("a", data.slice(0, cut)), ("b", data.slice(cut))):
        pq.write_table(part, parts / f"{name}.parquet")
        folder = make_workspace(
            UNKEYED.replace("{path: data.csv}", "{connection: warehouse, sql: asked.sql}"),
            b"",
            city=ON_SPARK,
        )
        (folder / "asked.sql").write_text(f"SELECT * FROM parquet.`{parts}`")
        travelled.clear()
        assert_equal(*read_twice(folder, monkeypatch, places))
    assert travelled[0] < 0.5 * travelled[1]
