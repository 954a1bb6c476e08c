"""Do the intervals hold the truth? Simulated cities; benchmarks/audit_coverage.py prints more."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SIMULATIONS = 300


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
    got = bench.simulate(periods, SIMULATIONS, bench.Shocks())
    assert 93 <= got.gap <= 97.5
    assert got.family >= 92
    assert got.told_fail <= 5


@pytest.mark.slow
def test_a_fair_city_is_not_accused(bench: ModuleType) -> None:
    got = bench.simulate(8, SIMULATIONS, bench.Shocks(bias=0.0), limit=1e-6)
    # With a limit of nothing, a false alarm is an interval that leaves zero out.
    assert got.told_fail <= 7.5


@pytest.mark.slow
def test_other_places_like_these(bench: ModuleType) -> None:
    got = bench.simulate(13, 200, bench.Shocks(), infers="others like these", areas=60)
    assert got.gap >= 93
    assert got.told_fail <= 5
