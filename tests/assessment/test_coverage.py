"""Do the intervals hold the truth? Simulated cities; benchmarks/audit_coverage.py prints more."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.promises import trials

pytestmark = pytest.mark.long
PANELS = 200
ACCUSED = trials(1000, 200)
LEAST = 90.0
"""What a coverage of 95 % falls below in one of 300 such simulations of 200 panels."""
LEAST_TESTED = 84.0
"""The same of 90 %, which intervals of two one-sided tests are meant to have."""
TESTED = ("gap", "family", "in-gap", "better")
COVERED = ("gap", "family", "in-gap", "level", "whole", "inside", "better", "closed")
MOST_ACCUSED = 15.5
"""What a rate of 10 % exceeds in one of 100 such simulations: such an interval leaves out 0."""


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "audit_coverage.py"
    spec = importlib.util.spec_from_file_location("audit_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit_coverage"] = module
    sys.path.insert(0, str(path.parent))  # where `audit_cities` lies
    spec.loader.exec_module(module)
    sys.path.remove(str(path.parent))
    return module


@pytest.mark.promise(11)
@pytest.mark.parametrize(
    ("alike", "periods"),
    [
        (0.0, 8),
        (0.0, 26),
        (0.8, 8),
        (0.8, 13),
        (0.8, 26),
    ],
)
def test_every_interval_of_this_city_holds(
    observe: Callable[[str], None], bench: ModuleType, periods: int, alike: float
) -> None:
    got = bench.simulate(periods, PANELS, bench.Shape(shared=alike, own=alike), seed=1)
    away = min(got.cover(column) - (90 if column in TESTED else 95) for column in COVERED)
    observe(f"{periods} periods, {alike:g} carried over: {away:+.1f} points from what is stated")
    for column in COVERED:
        assert got.share(column) > 90, column  # shown, not left out
        assert got.cover(column) >= (LEAST_TESTED if column in TESTED else LEAST), column
    assert got.told_fail <= 5


def test_many_periods_do_not_widen_the_interval_for_nothing(bench: ModuleType) -> None:
    got = bench.simulate(104, 200, bench.Shape(shared=0.0), seed=2)
    assert LEAST <= got.cover("gap") <= 99.5
    assert got.cover("trend") >= LEAST


def test_other_places_like_these(bench: ModuleType) -> None:
    shape = bench.Shape(areas=200, icc=0.3, skew=0.3, infers=bench.OTHERS)
    got = bench.simulate(1, PANELS, shape, seed=3)
    assert got.cover("family") >= LEAST
    assert got.cover("level") >= LEAST
    few = bench.Shape(areas=8, groups=2, icc=0.3, skew=0.3, infers=bench.OTHERS)
    assert bench.simulate(1, 50, few, seed=3).share("gap") < 10  # too few to say


def test_people_with_few_events(bench: ModuleType) -> None:
    got = bench.simulate_persons(bench.Persons(2000, 0.1, 0.1), PANELS, seed=4)
    assert got.cover("family") >= LEAST
    assert got.cover("level") >= LEAST
    assert got.share("level") > 95  # also where few, or none, of a group were missed


@pytest.mark.promise(8)
@pytest.mark.parametrize("groups", [2, 5])
def test_a_fair_system_is_not_accused(
    observe: Callable[[str], None], bench: ModuleType, groups: int
) -> None:
    strict, within = bench.accuse(groups, ACCUSED, (0.0, 0.01), seed=5)
    observe(f"{groups} groups: {within:.1f} of 100 beyond a limit of 1 point")
    assert strict <= MOST_ACCUSED
    assert within <= 2


@pytest.mark.promise(9)
def test_a_true_gap_is_found(observe: Callable[[str], None], bench: ModuleType) -> None:
    found = bench.accuse(2, ACCUSED, (0.0, 0.03), gap=0.1, seed=6)
    observe(f"{found[0]:.1f} of 100, and {found[1]:.1f} at a limit of 3 points")
    assert found[0] >= 97
    assert found[1] >= 88
