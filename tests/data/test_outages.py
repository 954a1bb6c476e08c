from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cityai.config.tables import OutageSpec
from cityai.data.outages import mark_outages
from cityai.data.periods import Periods
from cityai.errors import SpecError

PERIODS = Periods("week", pd.Timestamp("2024-01-01"), 6)
ATTRIBUTES = pd.DataFrame(
    {
        "entity_id": ["a", "b", "b", "c"],
        "known": [1, 1, 4, 4],
        "area_id": ["North", "South", "North", "South"],
    }
)


def make_cells() -> pd.DataFrame:
    rows = [("a", p, p + 1, 5.0, 5) for p in range(6)]
    rows += [("a", 1, 3, 2.0, 2)]  # a late part of the second week
    rows += [("b", p, p + 1, 7.0, 7) for p in (0, 1, 4, 5)]
    rows += [("c", p, p + 1, 1.0, 1) for p in (3, 4, 5)]
    cells = pd.DataFrame(rows, columns=["entity_id", "period", "known", "value", "n"])
    return cells.sort_values(["entity_id", "period", "known"], ignore_index=True)


def list_missing(cells: pd.DataFrame) -> set[tuple[str, int]]:
    missing = cells[cells["value"].isna()]
    return set(zip(missing["entity_id"], missing["period"], strict=True))


def declare(since: str, until: str, areas: tuple[str, ...] | None = None) -> OutageSpec:
    days = {"since": date.fromisoformat(since), "until": date.fromisoformat(until)}
    return OutageSpec(**days, areas=areas, reason="down")


def test_nothing_declared_changes_nothing():
    cells = make_cells()
    assert mark_outages(cells, ATTRIBUTES, PERIODS, ()) is cells


def test_whole_city_is_missing_in_every_period_that_is_touched():
    cells = make_cells()
    # Sunday of the second week to Monday of the third: both are touched; c begins later.
    marked = mark_outages(cells, ATTRIBUTES, PERIODS, [declare("2024-01-14", "2024-01-16")])
    assert list_missing(marked) == {("a", 1), ("a", 2), ("b", 1), ("b", 2)}
    assert marked["n"].sum() == cells["n"].sum()
    assert marked.dtypes.equals(cells.dtypes)
    untouched = ~marked["period"].isin([1, 2])
    pd.testing.assert_frame_equal(
        marked[untouched].reset_index(drop=True),
        cells[~cells["period"].isin([1, 2])].reset_index(drop=True),
    )


def test_the_end_is_no_longer_in_it():
    marked = mark_outages(make_cells(), ATTRIBUTES, PERIODS, [declare("2024-01-08", "2024-01-15")])
    assert {p for _, p in list_missing(marked)} == {1}


def test_an_area_as_it_was_known_then():
    marked = mark_outages(
        make_cells(), ATTRIBUTES, PERIODS, [declare("2024-01-01", "2024-02-12", ("South",))]
    )
    # b lay in the South until origin 4, that is for the weeks 0 to 2; c from its first week.
    assert list_missing(marked) == {("b", 0), ("b", 1), ("b", 2), ("c", 3), ("c", 4), ("c", 5)}


def test_two_that_overlap_count_once():
    both = [declare("2024-01-08", "2024-01-20"), declare("2024-01-10", "2024-01-12")]
    marked = mark_outages(make_cells(), ATTRIBUTES, PERIODS, both)
    assert not marked.duplicated(["entity_id", "period", "known"]).any()
    assert np.isnan(marked.loc[marked["period"] == 1, "value"]).all()


def test_an_area_that_nobody_lies_in_is_refused():
    with pytest.raises(SpecError, match="Did you mean 'North'"):
        mark_outages(
            make_cells(), ATTRIBUTES, PERIODS, [declare("2024-01-08", "2024-01-15", ("Nort",))]
        )
