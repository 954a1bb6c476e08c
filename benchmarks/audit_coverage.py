"""How often the audit's intervals hold the truth, in simulated cities whose truth is known.

Run: python benchmarks/audit_coverage.py [panels a row, default 1000] [rows named so]

Areas of unequal size lie in groups of unequal number, each with a persistent bias of its own;
shocks shared by all areas and shocks of a group follow AR(1). "This city": areas stay, the truth is
each city's own long-run figure. "Others like these": areas and periods are drawn anew. Sums by
period are drawn for many panels at once; every interval is the product's own.

Columns, in percent of the intervals shown (their share in brackets, where not all are): `gap` one
group's gap with nothing else compared; `family` all gaps of the dimension at once, as the page
prints them; `in-gap` the same for the share of outcomes inside the forecast's interval; `level` a
group's figure; `whole` and `inside` the city's figures; `better` the difference to another
forecast's error; `closed` what another forecast closes of the gaps, all at once; `trend` the slope
over the periods. Gaps and comparisons have intervals of two one-sided tests, so 90 % is meant of
them, of all others 95 %. `told fail`: dimensions in which a group within its limit is told `fail`.
At a limit that the true gap of a group just reaches, either verdict is wrong: `pass at` the share
of groups told `pass`, `fail at` of dimensions in which one is told `fail`; 5 % is promised of each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from audit_cities import CITY, NAMES, OTHERS, SHARES, Panel, Shape, draw_panels

from cityai.assessment.metrics import find_metrics
from cityai.findings import Status
from cityai.inference.autocorrelation import learn_independence, mixture_margin
from cityai.inference.cluster_sums import (
    ClusteredMetric,
    Parts,
    collapse_identical_clusters,
    find_parts,
)
from cityai.inference.group_gaps import Measures, choose_design, measure_groups, trace_gaps
from cityai.inference.paired_difference import measure_change
from cityai.inference.ratio_influence import compute_influence, compute_ratio
from cityai.inference.standard_errors import find_test_confidence
from cityai.inference.trend import fit_line
from cityai.records.audit_data import Cells, Design
from cityai.records.metric import Metric

UNDER = next(m for m in find_metrics("amount") if m.name == "under_forecast_share")
WAPE = next(m for m in find_metrics("amount") if m.name == "wape")
INSIDE = next(m for m in find_metrics("amount") if m.name == "coverage")
CONFIDENCE, MIN_BLOCKS, LIMIT = 0.95, 6, 0.01
SEED = 20261122
CHUNK = 100
COLUMNS = ["gap", "family", "in-gap", "level", "whole", "inside", "better", "closed", "trend"]


@dataclass
class Count:
    """Hits and shown intervals by column, and dimensions wrongly told `fail`."""

    hits: dict[str, float] = field(default_factory=dict)
    shown: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    fails: float = 0.0
    at_limit: dict[Status, float] = field(default_factory=lambda: dict.fromkeys(Status, 0.0))
    held: float = 0.0

    def add(self, column: str, miss: np.ndarray | float, margin: np.ndarray | float) -> None:
        """Count each interval."""
        has = np.isfinite(margin)
        self._add(column, (np.abs(miss) <= margin) & has, has)

    def add_family(self, column: str, miss: np.ndarray, margin: np.ndarray) -> None:
        """Count all intervals of a dimension as one."""
        has = np.isfinite(margin)
        self._add(column, (np.abs(miss) <= margin)[has].all() & has.any(), has.any())

    def _add(self, column: str, hit: np.ndarray | np.bool_, has: np.ndarray | np.bool_) -> None:
        for store, what in ((self.hits, hit), (self.shown, has), (self.asked, np.ones_like(has))):
            store[column] = store.get(column, 0.0) + float(np.sum(what))

    def add_verdicts(self, found: Measures, true: np.ndarray) -> None:
        """Count fair groups told `fail`, and wrong verdicts on gaps that are at their limit."""
        told = np.array([found.decide(g, LIMIT).status is Status.FAIL for g in range(len(true))])
        self.fails += bool((told & (np.abs(true) <= LIMIT)).any())
        if not true.all():
            return
        told_at = [found.decide(g, abs(float(gap))).status for g, gap in enumerate(true)]
        self.held += 1
        self.at_limit[Status.PASS] += sum(s is Status.PASS for s in told_at) / len(true)
        self.at_limit[Status.FAIL] += Status.FAIL in told_at

    def cover(self, column: str) -> float:
        """Percent of the shown intervals that hold the truth; NaN where none is shown."""
        shown = self.shown.get(column, 0.0)
        return 100 * self.hits[column] / shown if shown else np.nan

    def share(self, column: str) -> float:
        """Percent of the intervals asked for that are shown."""
        return 100 * self.shown.get(column, 0.0) / max(self.asked.get(column, 0.0), 1)

    @property
    def told_fail(self) -> float:
        """Percent of the dimensions."""
        return 100 * self.fails / self.asked["family"]


def simulate(periods: int, panels: int, shape: Shape, *, seed: int = SEED) -> Count:
    """Count how often intervals hold the truth."""
    rng = np.random.default_rng([seed, periods])
    design = choose_design(shape.infers, periods, CONFIDENCE, MIN_BLOCKS)  # type: ignore[arg-type]
    count = Count()
    if periods == 1:
        # Then the statement is about other areas in this same period.
        shape = replace(shape, still=True)
    for start in range(0, panels, CHUNK):
        for panel in draw_panels(rng, periods, min(CHUNK, panels - start), shape):
            one = np.arange(shape.groups) == rng.integers(shape.groups)
            _judge_gaps(panel, design, one, count)
            _judge_whole(panel, design, count)
    return count


def _judge_gaps(panel: Panel, design: Design, one: np.ndarray, count: Count) -> None:
    shown = np.ones(len(one), bool)
    if design.blocks != "entities":
        traced = [
            trace_gaps(panel.cells, panel.weights, m, "overall", shown) for m in (UNDER, INSIDE)
        ]
        unrelated = learn_independence(np.concatenate(traced, axis=1))
        design = replace(design, unrelated=unrelated)
    for metric, column in ((UNDER, "family"), (INSIDE, "in-gap")):
        level = compute_ratio(panel.truth, NAMES, metric)
        true = level[:-1] - level[-1]
        found = measure_groups(panel.cells, panel.weights, metric, design, "overall", shown)
        count.add_family(column, *_miss_gaps(found, true))
        if metric is INSIDE:
            continue
        single = measure_groups(panel.cells, panel.weights, metric, design, "overall", one)
        count.add("gap", *(x[one] for x in _miss_gaps(single, true)))
        _add_levels(count, "level", found, level[:-1])
        count.add_verdicts(found, true)
    if design.infers == CITY:
        before, after = (compute_ratio(t, NAMES, UNDER) for t in (panel.truth, panel.other_truth))
        change = measure_change(
            panel.cells, panel.other, panel.weights, UNDER, design, "overall", shown
        )
        closed = (before - before[-1]) - (after - after[-1])
        side = np.where(change.before < 0, -1.0, 1.0)
        count.add_family("closed", change.closed - side * closed[:-1], change.closed_margin)


def _judge_whole(panel: Panel, design: Design, count: Count) -> None:
    whole, shown = np.ones((len(panel.weights), 1)), np.ones(1, bool)
    for metric, column in ((UNDER, "whole"), (INSIDE, "inside")):
        true = compute_ratio(panel.truth, NAMES, metric)[-1:]
        found = measure_groups(panel.cells, whole, metric, design, "overall", shown)
        _add_levels(count, column, found, true)
    if design.infers != CITY:
        return
    true, theirs = (compute_ratio(t, NAMES, WAPE)[-1] for t in (panel.truth, panel.other_truth))
    change = measure_change(panel.cells, panel.other, whole, WAPE, design, "overall", shown)
    ours, other = (
        compute_influence(c.values.sum(axis=1), NAMES, WAPE) for c in (panel.cells, panel.other)
    )
    apart, test = (other - ours).ravel(), find_test_confidence(CONFIDENCE)
    margin = mixture_margin(apart, float(len(apart)), test, MIN_BLOCKS)
    count.add("better", change.whole - (theirs - true), margin)
    tensor = panel.cells.values.sum(axis=1)
    value = compute_ratio(tensor, NAMES, UNDER)
    slope, margin, _ = fit_line(np.arange(len(value), dtype=float), value, CONFIDENCE)
    count.add("trend", slope, margin)


@dataclass(frozen=True)
class Persons:
    """People in unequal groups, some with the outcome; the figure is the share of those missed."""

    people: int
    outcome: float
    missed: float
    groups: int = 5


RATE = Metric("false_negative_rate", "missed", "missed", "outcome", "share", "low", part="rows")


def simulate_persons(kind: Persons, panels: int, *, seed: int = SEED) -> Count:
    """Count as `simulate` does, in one period; entities are people."""
    rng = np.random.default_rng([seed, kind.people])
    design = choose_design(OTHERS, 1, CONFIDENCE, MIN_BLOCKS, "people")
    group = rng.choice(
        kind.groups, kind.people, p=SHARES[: kind.groups] / SHARES[: kind.groups].sum()
    )
    weights, shown, count = np.eye(kind.groups), np.ones(kind.groups, bool), Count()
    parts = find_parts(group, np.arange(len(group)))
    for _ in range(panels):
        outcome = rng.random(kind.people) < kind.outcome
        missed = outcome & (rng.random(kind.people) < kind.missed)
        pair = np.stack([missed, outcome], -1).astype(float)
        cells, varied = _sum_people(pair, parts, ("missed", "outcome"))
        one = np.arange(kind.groups) == rng.integers(kind.groups)
        found = measure_groups(cells, weights, RATE, design, "overall", shown, varied)
        single = measure_groups(cells, weights, RATE, design, "overall", one, varied)
        nothing = np.zeros(kind.groups)
        count.add("gap", *(x[one] for x in _miss_gaps(single, nothing)))
        count.add_family("family", *_miss_gaps(found, nothing))
        _add_levels(count, "level", found, np.full(kind.groups, kind.missed))
    return count


def _sum_people(
    pair: np.ndarray, parts: Parts, names: tuple[str, str]
) -> tuple[Cells, ClusteredMetric]:
    alike = collapse_identical_clusters(pair, parts)
    sums = np.stack([np.bincount(parts.unit, weights=column) for column in pair.T], axis=-1)
    return Cells(sums[None], names), ClusteredMetric(alike, alike)


def _add_levels(count: Count, column: str, found: Measures, true: np.ndarray) -> None:
    count.add(column, *_miss(found.low, found.high, true))


def _miss_gaps(found: Measures, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _miss(found.gap_low, found.gap_high, true)


def _miss(low: np.ndarray, high: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # As a miss of nothing or of all beside a margin of nothing: intervals need not be symmetric.
    hit = (low <= true) & (true <= high)
    return np.where(hit, 0.0, np.inf), np.where(np.isfinite(low), 0.0, np.nan)


CITY_PERIODS = (6, 8, 13, 26, 52)
DRAWN = Shape(areas=40, icc=0.3, skew=0.3, infers=OTHERS)
ROWS: tuple[tuple[str, Shape, tuple[int, ...]], ...] = (
    ("city: no autocorrelation", Shape(shared=0.0), CITY_PERIODS),
    ("city: shared AR 0.5", Shape(), CITY_PERIODS),
    ("city: shared AR 0.8", Shape(shared=0.8), CITY_PERIODS),
    ("city: own AR 0.5 too", Shape(own=0.5), CITY_PERIODS),
    ("city: own AR 0.8 too", Shape(shared=0.8, own=0.8), CITY_PERIODS),
    ("city: two groups", Shape(groups=2), (8, 26)),
    ("city: 6 areas, 3 groups", Shape(areas=6, groups=3), (8, 26)),
    ("city: 8 areas, own AR 0.8", Shape(areas=8, groups=3, own=0.8), (8, 26)),
    ("city: very unequal areas", Shape(skew=2.0), (8, 26)),
    ("city: tails of t3", Shape(tail="t3"), (8, 26)),
    ("city: tails lognormal", Shape(tail="lognormal"), (8, 26)),
    ("city: fair, 2 groups", Shape(groups=2, bias=0.0), (13,)),
    ("city: fair, 5 groups", Shape(bias=0.0), (13,)),
    ("city: fair, 20 groups", Shape(groups=20, bias=0.0), (13,)),
    ("others: 8 areas", replace(DRAWN, areas=8, groups=2), (1, 13)),
    ("others: 15 areas", replace(DRAWN, areas=15, groups=2), (1, 13)),
    ("others: 40 areas", DRAWN, (1, 8, 26)),
    ("others: 200 areas", replace(DRAWN, areas=200), (1, 13)),
    ("others: 200 unequal areas", replace(DRAWN, areas=200, skew=1.0), (1, 13)),
    ("others: tails of t3", replace(DRAWN, areas=60, tail="t3"), (1, 13)),
    ("others: tails lognormal", replace(DRAWN, areas=60, tail="lognormal"), (1, 13)),
    ("others: own AR 0.8 too", replace(DRAWN, areas=60, own=0.8, shared=0.8), (13,)),
)
PEOPLE: tuple[tuple[str, Persons], ...] = (
    ("people: 1,500 events", Persons(5000, 0.3, 0.3)),
    ("people: 200 events", Persons(2000, 0.1, 0.3)),
    ("people: 200, few missed", Persons(2000, 0.1, 0.1)),
    ("people: 50 events", Persons(500, 0.1, 0.3)),
)


def accuse(
    groups: int, simulations: int, limits: Sequence[float], *, gap: float = 0.0, seed: int = SEED
) -> list[float]:
    """Percent of data sets with a `fail` by limit: 1,000 people a group, rate 0.2, the last higher.

    With a limit of 0, an interval that leaves out 0 is one. A gap is looked for against the first
    group; a fair system is compared with the whole.
    """
    rng = np.random.default_rng([seed, groups])
    design = choose_design(OTHERS, 1, CONFIDENCE, MIN_BLOCKS, "people")
    metric = Metric("rate", "rate", "yes", "n", "share", "low", part="rows")
    group = np.repeat(np.arange(groups), 1000)
    weights, shown = np.eye(groups), np.ones(groups, bool)
    parts = find_parts(group, np.arange(len(group)))
    chance = np.where(group == groups - 1, 0.2 + gap, 0.2)
    reference: Literal["overall"] | int = 0 if gap else "overall"
    told = np.zeros(len(limits))
    for _ in range(simulations):
        yes = (rng.random(len(group)) < chance).astype(float)
        cells, varied = _sum_people(np.stack([yes, np.ones_like(yes)], -1), parts, ("yes", "n"))
        found = measure_groups(cells, weights, metric, design, reference, shown, varied)
        asked = range(groups)[-1 if gap else 0 :]
        told += [any(_is_beyond(found, g, x) for g in asked) for x in limits]
    return [float(x) for x in 100 * told / simulations]


def _is_beyond(found: Measures, g: int, limit: float) -> bool:
    """Tell whether a gap is beyond a limit; of 0, whether its interval leaves out 0."""
    if limit:
        return found.decide(g, limit).status is Status.FAIL
    return bool(found.gap_low[g] > 0 or found.gap_high[g] < 0)


def print_verdicts(simulations: int) -> None:
    """Print how often a fair system is accused, and how often a true gap is found."""
    print(f"\npeople, 1,000 a group, rate 0.2, {simulations} data sets; percent told `fail`")
    fair, true = (0.0, 0.01), (0.0, 0.01, 0.02, 0.03, 0.05)
    print(f"{'limit':26}" + "".join(f"{x:8.2f}" for x in true))
    for groups in (2, 5, 10, 20):
        told = dict(zip(fair, accuse(groups, simulations, fair), strict=True))
        cells = "".join(f"{told[x]:8.1f}" if x in told else f"{'':8}" for x in true)
        print(f"{f'fair, {groups} groups':26}{cells}".rstrip(), flush=True)
    for groups in (2, 5):
        cells = "".join(f"{x:8.1f}" for x in accuse(groups, simulations, true, gap=0.1))
        print(f"{f'true gap 0.1, {groups} groups':26}{cells}", flush=True)


def main() -> None:
    """Print every row."""
    panels = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    start = time.perf_counter()
    test = find_test_confidence(CONFIDENCE)
    print(f"gaps and comparisons {test:.0%} meant, all others {CONFIDENCE:.0%};", end=" ")
    print(f"{panels} panels a row, seed {SEED}; - : no interval shown")
    head = "".join(f"{name:>11}" for name in COLUMNS)
    print(
        f"{'simulated city':26}{'periods':>8}{head}{'told fail':>10}{'pass at':>10}{'fail at':>10}"
    )
    for name, shape, lengths in ROWS:
        for periods in lengths if wanted in name else ():
            print(_say_row(name, periods, simulate(periods, panels, shape)), flush=True)
    for name, kind in PEOPLE:
        if wanted in name:
            print(_say_row(name, 1, simulate_persons(kind, panels)), flush=True)
    if wanted in "verdicts":
        print_verdicts(panels)
    print(f"{time.perf_counter() - start:.0f} seconds")


def _say_row(name: str, periods: int, got: Count) -> str:
    cells = "".join(f"{_say_cover(got, c):>11}" for c in COLUMNS)
    wrong = (got.at_limit[s] / got.held if got.held else np.nan for s in (Status.PASS, Status.FAIL))
    ends = "".join("         -" if np.isnan(x) else f"{100 * x:10.1f}" for x in wrong)
    return f"{name:26}{periods:8}{cells}{got.told_fail:10.1f}{ends}"


def _say_cover(got: Count, column: str) -> str:
    if not got.shown.get(column):
        return "-"
    share = got.share(column)
    return f"{got.cover(column):.1f}" + (f" ({share:.0f})" if share < 99.5 else "")


if __name__ == "__main__":
    main()
