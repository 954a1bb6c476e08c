"""A unit, a code or a coverage that changes in the last stretch is found; seasons are not."""

from __future__ import annotations

import numpy as np
import pytest

from cityai.data.levels import find_shares_leap, find_totals_leap

SEASON = 400 * (1 + 0.3 * np.sin(2 * np.pi * np.arange(156) / 52))


@pytest.mark.parametrize("factor", [1_000, 0.2])
def test_totals_in_another_unit_are_found(factor: float) -> None:
    totals = np.random.default_rng(1).poisson(SEASON).astype(float)
    assert not [*find_totals_leap(totals, "week")]
    totals[-4:] *= factor
    [found] = find_totals_leap(totals, "week")
    assert "The last 4 weeks add up to" in found.reason
    assert found.observed == pytest.approx(totals[-4:].sum() / totals[:-4].sum() * 38)


def test_a_short_or_an_empty_history_is_not_judged() -> None:
    totals = np.full(48, 100.0)
    totals[-4:] = 1e6
    assert not [*find_totals_leap(totals, "week")]
    assert not [*find_totals_leap(np.zeros(100), "week")]
    assert not [*find_totals_leap(np.array([]), "month")]


def test_outcomes_that_are_turned_round_are_found() -> None:
    rng = np.random.default_rng(2)
    known = rng.integers(200, 260, 24).astype(float)
    yes = rng.binomial(known.astype(int), 0.28).astype(float)
    assert not [*find_shares_leap(yes, known, "visits")]
    yes[-1] = known[-1] - yes[-1]
    [found] = find_shares_leap(yes, known, "visits")
    assert found.observed == yes[-1] / known[-1]
    assert "of the visits of the last 4 weeks whose outcome is known have it" in found.reason
