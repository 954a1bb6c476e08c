from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.card.spreadsheet import ACTIVE, guard_cell, write_frame
from cityai.delivery.predict import _write_list
from cityai.delivery.sheets import name_file
from tests.promises import trials

CELLS = st.one_of(
    st.text(), st.builds(lambda head, tail: head + tail, st.sampled_from(ACTIVE), st.text())
)


@pytest.mark.promise(16)
@settings(
    max_examples=trials(10_000, 100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(CELLS)
def test_no_text_begins_as_a_formula_does(observe: Callable[[str], None], text: str) -> None:
    guarded = guard_cell(text)
    assert not guarded.startswith(ACTIVE)
    assert guarded.removeprefix("'") == text or guarded == text
    observe("0 triggers in a fuzzed cell")


@pytest.mark.promise(16)
@settings(
    max_examples=trials(10_000, 100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_stay_numbers(observe: Callable[[str], None], values: list[float]) -> None:
    written = write_frame(pd.DataFrame({"=x": values, "y": ["-1"] * len(values)}))
    table = pd.read_csv(io.BytesIO(written))
    assert list(table.columns) == ["'=x", "y"]
    np.testing.assert_array_equal(table["'=x"].to_numpy(), np.array(values))
    assert set(table["y"]) == {"'-1"}
    observe("numbers unchanged")


def test_both_files_are_private_and_hold_the_same(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "who": ["=HYPERLINK(1)", "plain"],
            "at": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "n": [-1.25, 2.0],
        }
    )
    paths = _write_list(table, tmp_path / "new", "list")
    written = _write_list(table, tmp_path / "new", "list")
    assert paths == written
    assert {p.stat().st_mode & 0o777 for p in paths} == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["list.csv", "list.parquet"]
    with (tmp_path / "new" / "list.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["who"] for row in rows] == ["'=HYPERLINK(1)", "plain"]
    assert [float(row["n"]) for row in rows] == [-1.25, 2.0]
    assert list(pd.read_parquet(paths[1])["who"]) == ["=HYPERLINK(1)", "plain"]


@given(st.text())
def test_no_head_leads_out_of_the_folder(head: str) -> None:
    name = name_file(0, head)
    assert name.startswith("001-")
    assert name.endswith(".html")
    assert Path(name).name == name
    assert len(name) < 100


def test_a_name_with_accents_can_be_read_in_the_files_name() -> None:
    assert name_file(0, "São João, 2026-01-05") == "001-Sao-Joao-2026-01-05.html"
