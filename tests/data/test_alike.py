"""Alike rows of a file are judged once: every figure, and every refused cell, is that of each row.

The oracle reads every row by itself. By default a few tables are drawn; CITYAI_DRAWN=500 draws
more.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import WriteOptions, write_csv

from cityai.config.load import load_project
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.source import alike
from cityai.errors import UserError
from cityai.records.events import Events
from tests.conftest import write_workspace
from tests.data.test_conformance import PROJECT, draw_project, draw_table

DRAWN = int(os.environ.get("CITYAI_DRAWN") or 3)
BY_ROW, ALWAYS = 10**9, 0
TABLES = ("table", "attributes", "quality_facts", "rejects", "city_rule")
BROKEN = ("too,few", "1,2,3,4,5,6,7,8,9,10,11", '"a"b,,,,,,,')


def draw_alike(rng: np.random.Generator) -> pa.Table:
    """Draw rows of which many are alike but for an hour or a key, and some in every cell."""
    table = draw_table(rng)
    table = table.take(pa.array(rng.integers(0, len(table) // 3, len(table))))
    count, at = len(table), table.schema.get_field_index
    hours = rng.integers(0, 7_200_000_000, count) * (rng.random(count) < 0.5)
    for name in ("opened", "seen"):
        if pa.types.is_timestamp(table.schema.field(name).type):
            moved = pc.add(table[name], pa.array(hours, pa.duration("us")))
            table = table.set_column(at(name), name, moved)
    others = pa.array(np.arange(count).astype(str))
    keys = pc.if_else(pa.array(rng.random(count) < 0.9), others, table["id"])
    return table.set_column(at("id"), "id", keys)


def write_file(folder: Path, table: pa.Table, rng: np.random.Generator, kind: str) -> str:
    """Write one Parquet file, a folder of them, or a CSV with rows that cannot be divided."""
    if kind == "csv":
        written = io.BytesIO()
        write_csv(table, written, WriteOptions(quoting_style="needed"))
        lines = written.getvalue().decode().splitlines()
        for row in sorted(rng.integers(1, len(lines), int(rng.integers(0, 4)))):
            lines.insert(row, str(rng.choice(BROKEN)))
        (folder / "drawn.csv").write_text("\n".join(lines) + "\n")
    elif kind == "folder":
        (folder / "drawn.folder").mkdir()
        for i in range(3):
            pq.write_table(table.slice(i * 150, 150), folder / "drawn.folder" / f"{i}.parquet")
    else:
        pq.write_table(table, folder / "drawn.parquet", row_group_size=70)
    return f"drawn.{kind}"


COUNT_ALIKE = alike.count_alike


def read(folder: Path, least: float, monkeypatch: pytest.MonkeyPatch) -> Events | str:
    made: list[object] = []

    def count(*given: Any) -> object:
        made.append(COUNT_ALIKE(*given))
        return made[-1]

    monkeypatch.setattr(alike, "LEAST", least)
    monkeypatch.setattr(alike, "count_alike", count)
    try:
        return read_events(load_project(folder), DENSE_PANEL)
    except UserError as error:
        return str(error)
    finally:
        assert [found is None for found in made] == [least == BY_ROW]


def assert_identical(left: Events | str, right: Events | str) -> None:
    """Hold two readings of a file against each other, to the last bit."""
    if isinstance(left, str) or isinstance(right, str):
        assert left == right
        return
    assert left.counts == right.counts
    assert (left.periods, left.until, left.digest) == (right.periods, right.until, right.digest)
    for name in TABLES:
        one, other = getattr(left, name), getattr(right, name)
        assert (one is None) == (other is None)
        if one is not None:
            pd.testing.assert_frame_equal(one, other, check_exact=True, obj=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "folder", "csv"])
@pytest.mark.parametrize("seed", range(DRAWN))
def test_rows_that_are_counted_are_rows_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, kind: str
) -> None:
    rng = np.random.default_rng([seed, len(kind)])
    drawn = draw_project(rng) | {
        "key": str(rng.choice(["key: []", "key: [id]", "key: [id, seen]"]))
    }
    table = draw_alike(rng)
    name = write_file(tmp_path, table, rng, kind)
    project = PROJECT.format(source=f"{{path: {tmp_path / name}}}", **drawn)
    if rng.random() < 0.5:
        project += "models:\n  city_rule: amount\n"
    folder = write_workspace(tmp_path, b"", project)
    counted = read(folder, ALWAYS, monkeypatch)
    assert_identical(read(folder, BY_ROW, monkeypatch), counted)
