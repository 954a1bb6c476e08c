"""Do the intervals hold the truth? Simulated cities; benchmarks/audit_coverage.py prints more."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PANELS = 300


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "audit_coverage.py"
    spec = importlib.util.spec_from_file_location("audit_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit_coverage"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("periods", [8, 13, 26])
def test_gap_intervals_hold_what_they_promise(bench: ModuleType, periods: int) -> None:
    got = bench.simulate(periods, PANELS, bench.Shape())
    assert 92 <= got.cover("gap") <= 98.5
    assert 92 <= got.cover("family") <= 99
    assert 92 <= got.cover("better") <= 99
    assert got.share("level") == 0  # so few periods do not show how far a level drifts
    assert got.fails <= 5


@pytest.mark.slow
def test_other_places_like_these(bench: ModuleType) -> None:
    shape = bench.Shape(areas=200, infers=bench.OTHERS)
    got = bench.simulate(13, 200, shape)
    assert got.cover("family") >= 93
    assert got.fails <= 5


@pytest.mark.slow
@pytest.mark.parametrize("groups", [2, 5, 10])
def test_a_fair_system_is_not_accused(bench: ModuleType, groups: int) -> None:
    assert bench.accuse(groups, 200) <= 8.5


@pytest.mark.slow
def test_a_true_gap_is_found(bench: ModuleType) -> None:
    assert bench.accuse(2, 200, gap=0.1, limit=0.03) >= 88
