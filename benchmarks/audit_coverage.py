"""How often the audit's intervals hold the truth, in simulated cities whose truth is known.

Run: python benchmarks/audit_coverage.py [panels a row, default 1000] [rows named so]

Areas of unequal size lie in groups of unequal number, each with a persistent bias of its own;
shocks shared by all areas and shocks of a group follow AR(1). "This city": areas stay, the truth is
the city's own long-run figure. "Others like these": areas and periods are drawn anew.

Columns, in percent of the intervals shown (their share in brackets): `gap` one group's gap with
nothing else compared; `family` all gaps of the dimension at once, as the page prints them; `level`
a group's figure; `whole` the city's figure; `inside` the city's share of outcomes inside the
forecast's interval, and `in-gap` its gaps by group, all at once; `better` the difference to a
baseline. `told fail`: dimensions in which a group within its limit is told `fail`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import numpy as np

from cityai.assessment.gaps import Design, choose_design, measure_groups
from cityai.assessment.metrics import METRICS, Metric
from cityai.assessment.serial import spread_serial
from cityai.assessment.spread import compute_margin
from cityai.assessment.statistics import Cells, compute_influence, compute_ratio
from cityai.assessment.verdicts import judge_gap
from cityai.findings import Status

UNDER = next(m for m in METRICS if m.name == "under_forecast_share")
WAPE = next(m for m in METRICS if m.name == "wape")
INSIDE = next(m for m in METRICS if m.name == "coverage")
NAMES = ("under", "y", "abs_error", "other_error", "inside", "n_interval")
OTHER = Metric("other", "the baseline's", "other_error", "y", "share", "low")
SHARES = (0.4, 0.25, 0.15, 0.12, 0.08)
LONG = 10_000
CITIES = 25
CONFIDENCE = 0.95
COLUMNS = ("gap", "family", "level", "whole", "inside", "in-gap", "better")


@dataclass(frozen=True)
class Shape:
    """A kind of city.

    `tail` is the degrees of freedom of the noise (0: normal), `skew` the spread of the areas' sizes
    on the log scale; `still` a city without shocks, whose one period is like any other.
    """

    areas: int = 60
    groups: int = 5
    shared: float = 0.5
    own: float = 0.0
    bias: float = 0.15
    skew: float = 1.0
    tail: int = 0
    infers: str = "this city"
    still: bool = False


@dataclass(frozen=True)
class City:
    size: np.ndarray
    group: np.ndarray
    bias: np.ndarray
    other: np.ndarray


@dataclass
class Count:
    """Hits and shown intervals by column, and dimensions wrongly told `fail`."""

    hits: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0.0))
    shown: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0.0))
    asked: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0.0))
    told_fail: float = 0.0
    panels: int = 0

    def add(self, column: str, hit: np.ndarray, shown: np.ndarray) -> None:
        self.hits[column] += float((hit & shown).sum())
        self.shown[column] += float(shown.sum())
        self.asked[column] += float(shown.size)

    def cover(self, column: str) -> float:
        return 100 * self.hits[column] / self.shown[column] if self.shown[column] else np.nan

    def share(self, column: str) -> float:
        return 100 * self.shown[column] / max(self.asked[column], 1)

    @property
    def fails(self) -> float:
        return 100 * self.told_fail / self.panels


def draw_city(rng: np.random.Generator, shape: Shape) -> City:
    chance = np.array(SHARES[: shape.groups]) / sum(SHARES[: shape.groups])
    extra = rng.choice(shape.groups, shape.areas - shape.groups, p=chance)
    return City(
        50 * np.exp(rng.normal(0, shape.skew, shape.areas)),
        np.concatenate([np.arange(shape.groups), extra]),
        np.exp(rng.normal(0, shape.bias, shape.areas)),
        np.exp(rng.normal(0, shape.bias + 0.05, shape.areas)),
    )


def _draw_ar(rng: np.random.Generator, periods: int, n: int, rho: float, sd: float) -> np.ndarray:
    out = rng.normal(size=(periods, n))
    if rho:
        out[1:] *= np.sqrt(1 - rho**2)
        for t in range(1, periods):
            out[t] += rho * out[t - 1]
    return sd * out


def draw_cells(rng: np.random.Generator, city: City, periods: int, shape: Shape) -> Cells:
    """Sums by period and area."""
    common = _draw_ar(rng, periods, 1, shape.shared, 0.15)
    own = _draw_ar(rng, periods, shape.groups, shape.own, 0.10)[:, city.group]
    noise = rng.normal(0, 0.2, (periods, len(city.size)))
    if shape.tail:
        draws = rng.standard_t(shape.tail, noise.shape)
        noise = np.clip(0.2 * draws / np.sqrt(shape.tail / (shape.tail - 2)), -3, 3)
    y = city.size * np.exp(noise + (0 if shape.still else common + own))
    p, q = city.size * city.bias, city.size * city.other
    inside = (np.abs(np.log(y / p)) < 0.42).astype(float)
    sums = [np.maximum(y - p, 0), y, np.abs(y - p), np.abs(y - q), inside, np.ones_like(y)]
    return Cells(np.stack(sums, axis=-1), NAMES)


def find_truth(
    rng: np.random.Generator, city: City, shape: Shape, equal: bool = False
) -> np.ndarray:
    """Long-run sums of each group, the whole last: (G + 1, K)."""
    total = np.zeros((len(city.size), len(NAMES)))
    periods = 400 if equal else LONG
    for _ in range(10):
        total += draw_cells(rng, city, periods // 10, shape).values.sum(axis=0)
    if equal:
        # The population figure must not hang on a few giants: areas of equal size.
        total[:, :4] /= city.size[:, None]
    weights = np.column_stack([np.eye(shape.groups)[city.group], np.ones(len(city.size))])
    truth: np.ndarray = weights.T @ total
    return np.tile(truth[-1:], (shape.groups + 1, 1)) if equal else truth


def simulate(
    periods: int, panels: int, shape: Shape, *, limit: float = 0.01, seed: int = 7
) -> Count:
    """Count how often intervals hold the truth."""
    rng = np.random.default_rng(seed)
    design = choose_design(shape.infers, periods, CONFIDENCE, 6)  # type: ignore[arg-type]
    fixed = shape.infers == "this city"
    count = Count()
    if not fixed:
        wide = Shape(**{**_fields(shape), "areas": 2000})
        truth = sum(find_truth(rng, draw_city(rng, wide), wide, equal=True) for _ in range(20))[
            : shape.groups + 1
        ]
    for i in range(panels):
        if not fixed or i % max(panels // CITIES, 1) == 0:
            city = draw_city(rng, shape)
            if fixed:
                truth = find_truth(rng, city, shape)
        _judge(rng, draw_cells(rng, city, periods, shape), city, truth, design, limit, count)
    return count


def _fields(shape: Shape) -> dict[str, object]:
    return {name: getattr(shape, name) for name in Shape.__dataclass_fields__}


def _judge(
    rng: np.random.Generator,
    cells: Cells,
    city: City,
    truth: np.ndarray,
    design: Design,
    limit: float,
    count: Count,
) -> None:
    groups = len(truth) - 1
    weights = np.eye(groups)[city.group]
    under = compute_ratio(truth, NAMES, UNDER)
    gap = under[:-1] - under[-1]
    everyone = np.ones(groups, bool)
    found = measure_groups(cells, weights, UNDER, design, "overall", everyone)
    one = np.arange(groups) == rng.integers(groups)
    single = measure_groups(cells, weights, UNDER, design, "overall", one)
    miss = np.abs(found.gap - gap)
    count.add("gap", (miss <= single.gap_margin)[one], np.isfinite(single.gap_margin)[one])
    _add_family(count, "family", miss, found.gap_margin)
    count.add(
        "level", (found.low <= under[:-1]) & (under[:-1] <= found.high), np.isfinite(found.low)
    )
    share = compute_ratio(truth, NAMES, INSIDE)
    held = measure_groups(cells, weights, INSIDE, design, "overall", everyone)
    _add_family(count, "in-gap", np.abs(held.gap - (share[:-1] - share[-1])), held.gap_margin)
    whole = np.ones((len(weights), 1))
    for column, metric, true in (("whole", UNDER, under), ("inside", INSIDE, share)):
        got = measure_groups(cells, whole, metric, design, "overall", np.ones(1, bool))
        hit = (got.low <= true[-1]) & (true[-1] <= got.high)
        count.add(column, hit, np.isfinite(got.low))
    if design.infers == "this city":
        _add_better(cells, truth, count)
    wrong = [
        judge_gap(found.gap[g], found.gap_margin[g], limit) is Status.FAIL and abs(gap[g]) <= limit
        for g in range(groups)
    ]
    count.told_fail += any(wrong)
    count.panels += 1


def _add_family(count: Count, column: str, miss: np.ndarray, margin: np.ndarray) -> None:
    has = np.isfinite(margin)
    hit = np.array([bool((miss <= margin)[has].all())])
    count.add(column, hit, np.array([bool(has.any())]))


def _add_better(cells: Cells, truth: np.ndarray, count: Count) -> None:
    tensor = cells.values.sum(axis=1, keepdims=True)
    apart = compute_influence(tensor, NAMES, WAPE) - compute_influence(tensor, NAMES, OTHER)
    blocks = np.array([float(len(tensor))])
    margin = compute_margin(spread_serial(apart, blocks), CONFIDENCE, 6)
    totals = tensor.sum(axis=0)
    got, true = (
        compute_ratio(x, NAMES, WAPE) - compute_ratio(x, NAMES, OTHER) for x in (totals, truth[-1:])
    )
    count.add("better", np.abs(got - true) <= margin, np.isfinite(margin))


CITY = "this city"
OTHERS = "others like these"
ROWS: tuple[tuple[str, Shape, tuple[int, ...]], ...] = (
    ("city: shared AR 0.5", Shape(), (8, 13, 26, 104)),
    ("city: no autocorrelation", Shape(shared=0.0), (8, 26)),
    ("city: shared AR 0.8", Shape(shared=0.8), (13, 104)),
    ("city: own AR 0.5 too", Shape(own=0.5), (8, 13, 26)),
    ("city: own AR 0.8 too", Shape(shared=0.8, own=0.8), (13, 26)),
    ("city: two groups", Shape(groups=2), (8, 13)),
    ("city: few areas (8)", Shape(areas=8, groups=3), (13,)),
    ("city: very unequal", Shape(skew=2.0), (13,)),
    ("city: heavy tails (t3)", Shape(tail=3), (13,)),
    ("city: fair", Shape(bias=0.0), (13,)),
    ("others: 200 areas", Shape(areas=200, infers=OTHERS), (8, 13, 26)),
    ("others: 60 areas", Shape(infers=OTHERS), (13,)),
    ("others: 60 equal areas", Shape(skew=0.3, infers=OTHERS), (13,)),
    ("others: one period", Shape(areas=1000, skew=0.3, still=True, infers=OTHERS), (1,)),
    ("others: few areas (16)", Shape(areas=16, groups=2, infers=OTHERS), (13,)),
    ("others: very unequal", Shape(areas=200, skew=2.0, infers=OTHERS), (13,)),
    ("others: heavy tails (t3)", Shape(areas=200, tail=3, infers=OTHERS), (13,)),
    ("others: own AR 0.5 too", Shape(areas=200, own=0.5, infers=OTHERS), (13,)),
)


def accuse(
    groups: int, simulations: int, *, gap: float = 0.0, limit: float = 1e-9, seed: int = 3
) -> float:
    """Share of dimensions with a `fail`: 1,000 persons a group, rate 0.2, one group `gap` higher.

    With a limit of next to nothing, any interval that leaves zero out is a `fail`.
    """
    rng = np.random.default_rng(seed)
    design = choose_design("others like these", 1, CONFIDENCE, 6)
    rate = Metric("rate", "rate", "yes", "n", "share", "low")
    group = np.repeat(np.arange(groups), 1000)
    weights = np.eye(groups)[group]
    chance = np.where(group == groups - 1, 0.2 + gap, 0.2)
    # A gap is found against the first group; a fair system is compared with the whole.
    reference = 0 if gap else "overall"
    told = 0
    for _ in range(simulations):
        yes = (rng.random(len(group)) < chance).astype(float)
        cells = Cells(np.stack([yes, np.ones_like(yes)], axis=-1)[None], ("yes", "n"))
        found = measure_groups(
            cells,
            weights,
            rate,
            design,
            reference,
            np.ones(groups, bool),  # type: ignore[arg-type]
        )
        fails = [
            judge_gap(g, m, limit) is Status.FAIL
            for g, m in zip(found.gap, found.gap_margin, strict=True)
        ]
        told += fails[-1] if gap else any(fails)
    return 100 * told / simulations


def print_verdicts(simulations: int) -> None:
    print(f"\npersons, 1,000 a group, rate 0.2, {simulations} data sets; percent told `fail`")
    for groups in (2, 5, 10, 20):
        print(f"  fair, {groups} groups: {accuse(groups, simulations):.1f}", flush=True)
    for groups in (2, 5):
        for limit in (0.02, 0.03, 0.05):
            found = accuse(groups, simulations, gap=0.1, limit=limit)
            print(f"  true gap 0.1, limit {limit}, {groups} groups: {found:.1f}", flush=True)


def main() -> None:
    panels = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    print(f"nominal {CONFIDENCE:.0%}, {panels} panels a row, {UNDER.name}; - : no interval shown")
    head = "".join(f"{name:>12}" for name in COLUMNS)
    print(f"{'simulated city':26}{'periods':>8}{head}{'told fail':>10}{'seconds':>8}")
    for name, shape, lengths in ROWS:
        for periods in lengths if wanted in name else ():
            start = time.perf_counter()
            got = simulate(periods, panels, shape)
            cells = "".join(
                f"{got.cover(c):6.1f} ({got.share(c):3.0f})" if got.shown[c] else f"{'-':>12}"
                for c in COLUMNS
            )
            seconds = time.perf_counter() - start
            print(f"{name:26}{periods:8}{cells}{got.fails:10.1f}{seconds:8.1f}", flush=True)
    if not wanted or wanted in "verdicts":
        print_verdicts(panels)


if __name__ == "__main__":
    main()
