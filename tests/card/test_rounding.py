from __future__ import annotations

from math import ceil, floor, gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.card.draft.rounding import SMALL_GROUP, count_decimals, round_figure, round_totals
from cityai.columns import Y_HIGH, Y_LOW, Y_PRED, Y_TRUE


def find_fractions(rate: float, decimals: int, most: int) -> set[tuple[int, int]]:
    """Find every fraction in lowest terms that a published rate could be."""
    half = 0.5 * 10.0**-decimals
    found = set()
    for bottom in range(1, most + 1):
        first = ceil((rate - half) * bottom - 1e-9)
        last = floor((rate + half) * bottom + 1e-9)
        for top in range(max(first, 0), min(last, bottom) + 1):
            shared = gcd(top, bottom)
            found.add((top // shared, bottom // shared))
    return found


def test_no_rate_of_a_small_group_names_its_counts() -> None:
    """Continued fractions, exhausted: no fraction stands alone."""
    hits = 0
    for n in range(11, SMALL_GROUP):
        for top in range(1, n):
            if gcd(top, n) > 1:
                continue
            rate = round_figure(top / n, "share", float(n))
            assert rate is not None
            hits += len(find_fractions(rate, count_decimals(rate, "share", float(n)), 199)) < 2
    assert hits == 0


def test_four_decimals_would() -> None:
    assert find_fractions(round(7 / 43, 4), 4, 50) == {(7, 43)}


@given(
    st.floats(0.1, 1e7), st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3), st.sampled_from([0, 20])
)
def test_no_rounding_puts_what_happened_outside_of_its_range_or_into_it(actual, low, high, step):
    sums = {Y_TRUE: actual, Y_LOW: actual * (1 + low), Y_HIGH: actual * (1 + high), Y_PRED: actual}
    shown = round_totals(sums, step)
    for end in (Y_LOW, Y_HIGH):
        apart = actual - sums[end]
        if step == 0 and abs(apart) > 1e-6:
            assert np.sign(apart) == np.sign(shown[Y_TRUE] - shown[end])
        assert shown[end] == pytest.approx(sums[end], abs=max(step, 0.005 * actual, 0.5))
    if step:
        assert shown[Y_PRED] % step == 0


def test_a_range_that_ends_near_what_happened_has_more_digits():
    shown = round_totals({Y_TRUE: 89126.0, Y_LOW: 89133.2, Y_HIGH: 91000.0})
    assert shown == {Y_TRUE: 89126.0, Y_LOW: 89133.0, Y_HIGH: 91000.0}
    assert round_totals({Y_TRUE: 89126.0})[Y_TRUE] == 89130.0
