"""How often the audit's intervals hold the truth, in simulated cities whose truth is known.

Run: python benchmarks/audit_coverage.py [simulations a row, default 1000]

A city has 60 areas in 5 groups of unequal number, of unequal size, each with a persistent bias of
its own; shocks shared by all areas and shocks of a group follow AR(1). "This city": the areas stay,
the truth is the city's own long-run figure. "Others like these": areas and periods are drawn anew.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from cityai.assessment.gaps import Design, choose_design, measure_groups
from cityai.assessment.metrics import METRICS, Metric
from cityai.assessment.statistics import Cells
from cityai.assessment.verdicts import judge_gap
from cityai.findings import Status

UNDER = next(m for m in METRICS if m.name == "under_forecast_share")
GROUPS = 5
LONG = 20_000
CITIES = 20
CONFIDENCE = 0.95


@dataclass(frozen=True)
class City:
    size: np.ndarray
    group: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Shocks:
    shared: float = 0.5
    own: float = 0.0
    bias: float = 0.15


@dataclass(frozen=True)
class Coverage:
    """Shares of intervals (or dimensions) in percent."""

    gap: float
    family: float
    level: float
    told_fail: float
    none: float


def draw_city(rng: np.random.Generator, areas: int, shocks: Shocks) -> City:
    extra = rng.choice(GROUPS, areas - GROUPS, p=[0.4, 0.25, 0.15, 0.12, 0.08])
    return City(
        50 * np.exp(rng.normal(0, 1, areas)),
        np.concatenate([np.arange(GROUPS), extra]),
        np.exp(rng.normal(0, shocks.bias, areas)),
    )


def _draw_ar(rng: np.random.Generator, periods: int, n: int, rho: float, sd: float) -> np.ndarray:
    out = rng.normal(size=(periods, n))
    if rho:
        out[1:] *= np.sqrt(1 - rho**2)
        for t in range(1, periods):
            out[t] += rho * out[t - 1]
    return sd * out


def draw_cells(rng: np.random.Generator, city: City, periods: int, shocks: Shocks) -> Cells:
    """Sums `under`, `y` by period and area."""
    common = _draw_ar(rng, periods, 1, shocks.shared, 0.15)
    own = _draw_ar(rng, periods, GROUPS, shocks.own, 0.10)[:, city.group]
    noise = rng.normal(0, 0.2, (periods, len(city.size)))
    y = city.size * np.exp(common + own + noise)
    under = np.maximum(y - city.size * city.bias, 0.0)
    return Cells(np.stack([under, y], axis=-1), ("under", "y"))


def find_truth(cells: Cells, weights: np.ndarray) -> np.ndarray:
    """Long-run figure of each group, the whole last."""
    totals = np.column_stack([weights, np.ones(len(weights))]).T @ cells.values.sum(axis=0)
    return totals[:, 0] / totals[:, 1]


def simulate(
    periods: int,
    simulations: int,
    shocks: Shocks,
    *,
    infers: str = "this city",
    areas: int = 60,
    limit: float = 0.01,
    seed: int = 7,
    metric: Metric = UNDER,
) -> Coverage:
    """Count how often intervals hold the truth."""
    rng = np.random.default_rng(seed)
    design = choose_design(infers, periods, CONFIDENCE, 6)  # type: ignore[arg-type]
    counted: list[tuple[float, float, float, float, float]] = []
    fixed = infers == "this city"
    cities = min(CITIES, simulations)
    if not fixed:
        worlds = [find_truth_of(rng, shocks) for _ in range(40)]
        truth = np.full(GROUPS + 1, np.mean(worlds))
    for _ in range(cities):
        city = draw_city(rng, areas, shocks)
        weights = np.eye(GROUPS)[city.group]
        if fixed:
            truth = find_truth(draw_cells(rng, city, LONG, shocks), weights)
        for _ in range(simulations // cities):
            if not fixed:
                city = draw_city(rng, areas, shocks)
                weights = np.eye(GROUPS)[city.group]
            cells = draw_cells(rng, city, periods, shocks)
            counted.append(_judge(cells, weights, truth, design, limit, metric))
    rows = np.array(counted)
    return Coverage(*(100 * np.nanmean(rows, axis=0)))


def find_truth_of(rng: np.random.Generator, shocks: Shocks) -> float:
    city = draw_city(rng, 2000, shocks)
    cells = draw_cells(rng, city, 400, shocks)
    # Equal sizes: the population figure must not hang on a few giants.
    return float(
        (cells.values[..., 0] / city.size).sum() / (cells.values[..., 1] / city.size).sum()
    )


def _judge(
    cells: Cells,
    weights: np.ndarray,
    truth: np.ndarray,
    design: Design,
    limit: float,
    metric: Metric,
) -> tuple[float, float, float, float, float]:
    shown = np.ones(GROUPS, bool)
    found = measure_groups(cells, weights, metric, design, "overall", shown)
    single = [
        measure_groups(cells, weights, metric, design, "overall", np.arange(GROUPS) == g)
        for g in range(GROUPS)
    ]
    margin = np.array([s.gap_margin[g] for g, s in enumerate(single)])
    gap = truth[:-1] - truth[-1]
    has = np.isfinite(margin)
    inside = np.abs(found.gap - gap) <= margin
    family = (np.abs(found.gap - gap) <= found.gap_margin)[np.isfinite(found.gap_margin)]
    level = (found.low <= truth[:-1]) & (truth[:-1] <= found.high)
    known = np.isfinite(found.low)
    wrong = [
        judge_gap(found.gap[g], found.gap_margin[g], limit) is Status.FAIL and abs(gap[g]) <= limit
        for g in range(GROUPS)
    ]
    return (
        inside[has].mean() if has.any() else np.nan,
        float(family.all()) if len(family) else np.nan,
        level[known].mean() if known.any() else np.nan,
        float(any(wrong)),
        float((~has).mean()),
    )


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    designs = [
        ("design: shared AR 0.5", Shocks(), "this city", 60),
        ("shared AR 0.8", Shocks(shared=0.8), "this city", 60),
        ("own shocks AR 0.5 too", Shocks(own=0.5), "this city", 60),
        ("fair: no area bias", Shocks(bias=0.0), "this city", 60),
        ("others, 60 areas", Shocks(), "others like these", 60),
        ("others, 30 areas", Shocks(), "others like these", 30),
        ("others, 200 areas", Shocks(), "others like these", 200),
    ]
    print(f"nominal {CONFIDENCE:.0%}, {simulations} simulations a row, metric {UNDER.name}")
    print(f"{'simulated city':24} {'periods':>7} {'gap':>6} {'family':>7} {'level':>6} ", end="")
    print(f"{'told fail':>9} {'no interval':>11} {'seconds':>8}")
    for name, shocks, infers, areas in designs[int(sys.argv[2]) if len(sys.argv) > 2 else 0 :]:
        for periods in (8, 13, 26):
            start = time.perf_counter()
            got = simulate(periods, simulations, shocks, infers=infers, areas=areas)
            seconds = time.perf_counter() - start
            print(
                f"{name:24} {periods:7} {got.gap:6.1f} {got.family:7.1f} {got.level:6.1f} "
                f"{got.told_fail:9.1f} {got.none:11.1f} {seconds:8.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
