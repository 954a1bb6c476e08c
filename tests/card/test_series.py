"""The picture of the whole city: a range of its total, or none, never a sum of ranges."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cityai.card.draft.evaluation import _find_partial, _range_periods
from cityai.card.draft.withheld import take_latest

DAY = pd.Timestamp("2024-01-01")
NEXT = pd.Timestamp("2024-01-08")
NONE = pd.Index([])


def make_table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entity_id": ["a", "b", "a", "b"], "fold": 1, "step": [1, 1, 2, 2],
            "period_start": [DAY, DAY, NEXT, NEXT], "y_true": 5.0, "y_pred": 5.0,
            "y_low": 2.0, "y_high": 8.0,
        }
        | columns
    )  # fmt: skip


def test_several_places_have_the_range_of_their_total() -> None:
    table = make_table(total_low=[8.0, 8.0, 7.0, 7.0], total_high=[12.0, 12.0, 13.0, 13.0])
    found = _range_periods(table, NONE)
    assert found["y_low"].tolist() == [8.0, 7.0]
    assert found["y_high"].tolist() == [12.0, 13.0]


def test_one_place_has_its_own() -> None:
    table = make_table().query("entity_id == 'a'")
    assert _range_periods(table, NONE).to_numpy().tolist() == [[2.0, 8.0], [2.0, 8.0]]


def test_ranges_that_came_in_a_file_are_not_added_up() -> None:
    assert _range_periods(make_table(), NONE).isna().all(axis=None)


def test_a_total_of_two_moments_has_none() -> None:
    table = make_table(
        fold=[1, 2, 1, 1], step=[1, 2, 2, 2],
        total_low=[8.0, 9.0, 7.0, 7.0], total_high=[12.0, 11.0, 13.0, 13.0],
    )  # fmt: skip
    found = _range_periods(take_latest(table), NONE)
    assert found.loc[DAY].isna().all()
    assert found.loc[NEXT].tolist() == [7.0, 13.0]


def test_the_card_prints_it(city) -> None:
    for point in city.record.eval.series:
        assert (
            0.93 * point.forecast < point.low < point.forecast < point.high < 1.07 * point.forecast
        )


def test_a_total_without_some_places_has_no_range_of_all() -> None:
    """What one place came to is not known: the sum is of the others, the range of all."""
    table = make_table(
        y_true=[5.0, 5.0, 5.0, np.nan],
        total_low=[8.0, 8.0, 7.0, 7.0], total_high=[12.0, 12.0, 13.0, 13.0],
    )  # fmt: skip
    lacking = _find_partial(table, take_latest(table))
    assert lacking.tolist() == [NEXT]
    found = _range_periods(take_latest(table), lacking)
    assert found.loc[DAY].tolist() == [8.0, 12.0]
    assert found.loc[NEXT].isna().all()
