"""Drawn tables, read from files and asked from databases: the same figures everywhere.

Events, contract and rejects, quality, rows, and the audit of a naive forecast. By default a few
tables are drawn; CITYAI_DRAWN=500 draws all that are promised. What is not installed is left out,
and said.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.assessment.audit import audit_predictions
from cityai.config.load import Project, load_project
from cityai.config.project import ProjectSpec
from cityai.data.panel import build_panel
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.errors import UserError
from cityai.kinds import open_kind
from cityai.records.events import Events
from cityai.records.predictions import build_predictions
from tests.books import write_book
from tests.conftest import CITY, write_workspace
from tests.data.test_connections import assert_same

DRAWN = int(os.environ.get("CITYAI_DRAWN") or 6)
PROJECT = """\
name: requests
title: Requests by district
question:
  {measure}
  unit: requests
  period: {period}
  horizon: 2
  entity:
    columns: [district]
    label: district
    label_plural: districts
    attributes: [topic, paid]
    area: district
    areas: districts
data:
  source: {source}
  zone: {zone}
  time: opened
  known: {known}
  {key}
  columns:
    id: {{type: text, required: true}}
    opened: {{type: {moment}, required: true}}
    seen: {{type: datetime}}
    district: {{type: text, required: true}}
    topic: {{type: text, allowed: [noise, waste, heat, "è"]}}
    amount: {{type: number, min: -2, max: 90}}
    code: {{type: text, pattern: '[0-9]+'}}
    paid: {{type: boolean}}
audit:
  dimensions:
    topic: {{label: Topic, attribute: topic}}
    income: {{label: Income, bands: income, band_names: [lower, higher]}}
"""
CONNECTED = f"{CITY}connections:\n" + "".join(
    f"  {name}: {{driver: {name}, address: {name.upper()}}}\n" for name in ("postgres", "spark")
)
FOLDS = 4
TEXTS = np.array(
    ["noise", "waste", "heat", " heat", "noise ", "è", "e\u0300", "", "NA", "other", None], object
)


def draw_table(rng: np.random.Generator) -> pa.Table:
    """Draw events with what databases and files write in more than one way."""
    rows = int(rng.integers(300, 600))
    stamps = pd.Timestamp("2024-02-01") + pd.to_timedelta(rng.integers(0, 80 * 86_400, rows), "s")
    seen = stamps + pd.to_timedelta(rng.integers(-3_600, 9 * 86_400, rows), "s")
    zoned = bool(rng.integers(2))
    moments = pa.timestamp("us", tz="UTC" if zoned else None)
    amounts = np.round(rng.normal(20, 30, rows), int(rng.integers(0, 9)))
    numbers = {
        "float": pa.array(np.where(rng.random(rows) < 0.02, np.nan, amounts)),
        "decimal": pa.array([f"{a:.3f}" for a in amounts]).cast(pa.decimal128(14, 3)),
        "int": pa.array(amounts.astype("int32")),
        "text": pa.array([f"{a:.2f}" if a > -40 else "n/a" for a in amounts]),
    }
    codes = rng.integers(0, 40, rows)
    identifiers = {
        "int": pa.array(codes.astype("int64")),
        "float": pa.array(np.where(codes == 7, np.nan, codes.astype(float))),
        "text": pa.array([f"{c:03d}" if c != 9 else "x9" for c in codes]),
        "decimal": pa.array([f"{c}.00" for c in codes]).cast(pa.decimal128(10, 2)),
    }
    keys = [f"R{i}" for i in rng.integers(0, 40 * rows, rows)]
    is_day = bool(rng.integers(2)) and not zoned
    day = pa.date32() if is_day else moments
    holes = rng.random(rows) < 0.03
    return pa.table(
        {
            "paid": pa.array(rng.choice(np.array([True, False, None], object), rows), pa.bool_()),
            "topic": pa.array(rng.choice(TEXTS, rows), pa.string()),
            "id": pa.array([None if h else k for h, k in zip(holes, keys, strict=True)]),
            "seen": pa.array(seen.as_unit("us"), moments, mask=rng.random(rows) < 0.01),
            "district": pa.array([f"D{d}" for d in rng.integers(0, 7, rows)]),
            "opened": pa.array(stamps.as_unit("us"), pa.timestamp("us")).cast(day, safe=False),
            "amount": numbers[str(rng.choice(list(numbers)))],
            "code": identifiers[str(rng.choice(list(identifiers)))],
        }
    )


def draw_project(rng: np.random.Generator) -> dict[str, str]:
    """Draw what is asked of such a table."""
    return {
        "measure": str(rng.choice(["measure: count", "measure: sum\n  value: amount"])),
        "period": str(rng.choice(["day", "week"])),
        "zone": str(rng.choice(["local", "utc"])),
        "known": str(rng.choice(["{column: seen}", "{lag_days: 1}"])),
        "key": str(rng.choice(["key: [id]", "key: []", "key: [district, opened]"])),
        "moment": str(rng.choice(["date", "datetime"])),
    }


def read_drawn(
    place: Path, source: str, drawn: dict[str, str]
) -> tuple[Project[ProjectSpec], Events | str]:
    """Read the events, or return what is said where they cannot be."""
    text = PROJECT.format(source=source, **drawn)
    folder = write_workspace(place, b"", text, CONNECTED)
    (folder / "asked.sql").write_text(f"SELECT * FROM parquet.`{place / 'drawn.parquet'}`")
    project = load_project(folder)
    try:
        return project, read_events(project, DENSE_PANEL)
    except UserError as error:
        return project, error.what


def judge(project: Project[ProjectSpec], events: Events) -> dict[str, pd.DataFrame | str]:
    """Return quality, rows, and the audit of the forecast that repeats the period before."""
    spec, found = project.spec, {"quality": open_kind(project).report(events).measures}
    try:
        panel = build_panel(events, spec)
        rows = pd.DataFrame(panel.final[-FOLDS - 1 :], columns=list(panel.entity_ids)).fillna(0)
        parts = pd.DataFrame(
            {n: getattr(panel.parts, n) for n in ("period", "entity", "known", "value")}
        )
        late = parts[parts["known"] > parts["period"] + 1].reset_index(drop=True)
        found |= {"final": rows, "late": late, "active": pd.DataFrame(panel.active)}
        both = [rows.iloc[1:].stack(), rows.shift().iloc[1:].stack()]
        table = pd.concat(both, axis=1, keys=["y_true", "y_pred"]).rename_axis(
            ["fold", "entity_id"]
        )
        table = table.reset_index().assign(step=1, y_low=lambda t: t.y_pred, scale=1.0)
        start = pd.Timestamp("2024-01-01") + pd.to_timedelta(table["fold"], unit="D")
        table = table.assign(
            y_high=table.y_pred, period=table.fold, as_of=start, period_start=start
        )
        table["baseline.naive"] = table["y_pred"]
        made = build_predictions(table, unit="requests", chosen="naive", coverage=0.9)
        found["audit"] = audit_predictions(
            made, open_kind(project).assign_groups(events), spec
        ).table
    except UserError as error:
        found["said"] = error.what
    return found


@dataclass(frozen=True)
class Drawn:
    """A table, what is asked of it, and what its file gives."""

    place: Path
    table: pa.Table
    asked: dict[str, str]
    read: Events | str
    judged: dict[str, pd.DataFrame | str]


@pytest.fixture(scope="module", params=range(DRAWN))
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Draw a table, and read its file once for all databases."""
    rng, place = np.random.default_rng(request.param), tmp_path_factory.mktemp("drawn")
    table, asked = draw_table(rng), draw_project(rng)
    pq.write_table(table, place / "drawn.parquet")
    project, read = read_drawn(place, f'{{path: "{place / "drawn.parquet"}"}}', asked)
    return Drawn(place, table, asked, read, {} if isinstance(read, str) else judge(project, read))


@pytest.mark.parametrize("name", ["postgres", "spark"])
def test_drawn_tables_are_the_same_from_everywhere(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, drawn: Drawn, name: str
) -> None:
    server = request.getfixturevalue(name)
    monkeypatch.setenv(name.upper(), server.address)
    asked = "{connection: spark, sql: asked.sql}"
    if name == "postgres":
        server.put("drawn", drawn.table)
        asked = "{connection: postgres, table: drawn}"
    hold_against(drawn, asked)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drawn.csv", "drawn.xlsx", "drawn.jsonl", "drawn.geojson"])
def test_drawn_tables_are_the_same_from_every_kind_of_file(drawn: Drawn, name: str) -> None:
    """As a spreadsheet and a program write them: 7.0 is 7 there, and a gap is empty or null."""
    names, rows = drawn.table.column_names, list_rows(drawn.table)
    path = drawn.place / name
    if drawn.asked["moment"] == "date" and pa.types.is_timestamp(drawn.table["opened"].type):
        # A text with an hour is no date, in any file.
        drawn = draw_again(drawn, moment="datetime")
    records = [dict(zip(names, row, strict=True)) for row in rows]
    if name.endswith(".xlsx"):
        # A spreadsheet's moments know no zone, and no part of a second beyond the thousandth.
        is_zoned = drawn.table.schema.field("seen").type.tz is not None
        texts = [[str(c) if is_zoned and isinstance(c, datetime) else c for c in r] for r in rows]
        write_book(path, {"Data": [["Requests"], [], names, *texts], "Notes": [["x"]]})
        hold_against(drawn, f'{{path: "{path}", table: Data, skip: 2}}')
        return
    if name.endswith(".csv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([names, *rows])
    elif name.endswith(".jsonl"):
        path.write_text("\n".join(json.dumps(record, default=str) for record in records))
    else:
        features = [{"geometry": None, "properties": record} for record in records]
        path.write_text(json.dumps({"features": features}, default=str, ensure_ascii=False))
    hold_against(drawn, f'{{path: "{path}"}}')


def draw_again(drawn: Drawn, **asked: str) -> Drawn:
    """Ask something else of a drawn table."""
    asked = {**drawn.asked, **asked}
    project, read = read_drawn(drawn.place, f'{{path: "{drawn.place / "drawn.parquet"}"}}', asked)
    judged = {} if isinstance(read, str) else judge(project, read)
    return Drawn(drawn.place, drawn.table, asked, read, judged)


def list_rows(table: pa.Table) -> list[list[object]]:
    """Return the rows with what a spreadsheet or a program has in their cells."""

    def write(cell: object) -> object:
        if isinstance(cell, Decimal):
            cell = float(cell)
        if isinstance(cell, float):
            return None if np.isnan(cell) else int(cell) if cell.is_integer() else cell
        return cell

    return [[write(cell) for cell in row.values()] for row in table.to_pylist()]


def hold_against(drawn: Drawn, source: str) -> None:
    """Hold the figures from another source against those of the Parquet file."""
    project, read = read_drawn(drawn.place, source, drawn.asked)
    if isinstance(drawn.read, str) or isinstance(read, str):
        assert isinstance(drawn.read, str), read
        assert isinstance(read, str)
        assert drawn.read.split("(")[0] == read.split("(")[0]
        return
    assert_same(drawn.read, read)
    assert read.counts.accepted > 100
    judged = judge(project, read)
    assert judged.keys() == drawn.judged.keys()
    for what, figures in drawn.judged.items():
        if isinstance(figures, str):
            assert figures == judged[what]
        else:
            pd.testing.assert_frame_equal(
                figures, judged[what], check_exact=False, rtol=0, atol=1e-9, obj=what
            )
