"""How long the audit's arithmetic takes, and how its intervals cover, beside fairlearn's.

Run: python benchmarks/audit_speed.py [folder for the plot]

fairlearn is timed on a few replicates of six metrics and scaled to 1,000, on the same rows. The
floor is one `numpy.bincount` of the codes: nothing that looks at every row once can be faster.
Coverage is counted on the same simulated panels for both, fairlearn with few replicates.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from audit_cities import NAMES as CELL_NAMES
from audit_cities import OTHERS, Shape, draw_panels
from matplotlib.figure import Figure

from cityai.assessment.metrics import METRICS, build_answer_sums, find_metrics
from cityai.columns import DECISION, Y_PRED, Y_TRUE
from cityai.inference.cluster_sums import ClusteredMetric, collapse_identical_clusters, find_parts
from cityai.inference.group_gaps import choose_design, measure_groups
from cityai.inference.ratio_influence import compute_ratio, sum_cells
from cityai.records.audit_data import Cells

REPLICATES = 1_000
TIMED = 3
SIX = ("wape", "mae", "rmse", "bias", "under_forecast_share", "over_forecast_share")
NAMES = ("n", "y", "excess", "abs_error", "squared_error", "under", "over", "spare")
BLOCKS = 26
UNDER = next(m for m in METRICS if m.name == "under_forecast_share")
PANELS, RESAMPLES = 60, 60
"""Panels on which coverage is counted, and fairlearn's replicates on each."""


def draw_rows(rows: int, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, forecast, block and group of each row."""
    rng = np.random.default_rng(0)
    y = rng.poisson(20, rows).astype(float)
    p = y * np.exp(rng.normal(0, 0.2, rows))
    return y, p, rng.integers(0, BLOCKS, rows), rng.integers(0, groups, rows)


def build_rows(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    e = p - y
    columns = [np.ones_like(y), y, e, np.abs(e), e**2, np.maximum(-e, 0), np.maximum(e, 0), e]
    return np.column_stack(columns)


def audit_closed(tensor: np.ndarray) -> None:
    """Values, intervals and simultaneous intervals of gaps, six metrics."""
    groups = tensor.shape[1]
    design = choose_design("this city", BLOCKS, 0.95, 6)
    cells, everyone = Cells(tensor, NAMES), np.ones(groups, bool)
    for name in SIX:
        metric = next(m for m in METRICS if m.name == name)
        measure_groups(cells, np.eye(groups), metric, design, "overall", everyone)


def audit_blocks(tensor: np.ndarray, replicates: int = REPLICATES) -> None:
    """A block bootstrap of the same six metrics: quantiles of every group's gap."""
    rng = np.random.default_rng(0)
    blocks = len(tensor)
    draws = rng.multinomial(blocks, np.full(blocks, 1 / blocks), replicates).astype(float)
    sums = np.einsum("rb,bgk->rgk", draws, tensor, optimize=True)
    whole = sums.sum(axis=1, keepdims=True)
    for name in SIX:
        metric = next(m for m in METRICS if m.name == name)
        k, d = NAMES.index(metric.numerator), NAMES.index(metric.denominator)
        gap = sums[..., k] / sums[..., d] - whole[..., k] / whole[..., d]
        gap.sort(axis=0)


def clock(task: Callable[[], object], turns: int = 5) -> float:
    """Least seconds of several turns."""
    best = float("inf")
    for _ in range(turns):
        start = time.perf_counter()
        task()
        best = min(best, time.perf_counter() - start)
    return best


def clock_fairlearn(y: np.ndarray, p: np.ndarray, group: np.ndarray) -> float:
    """Seconds for `REPLICATES` bootstrap replicates, scaled from `TIMED`."""
    from fairlearn.metrics import MetricFrame

    from cityai.assessment.metric_frame import _find_own

    own = _find_own("amount")
    metrics = {name: own[name] for name in SIX}

    def run(n_boot: int | None) -> object:
        more = {} if n_boot is None else {"n_boot": n_boot, "ci_quantiles": [0.025, 0.975]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MetricFrame(
                metrics=metrics, y_true=y, y_pred=p, sensitive_features=group, **more
            )

    once = clock(lambda: run(None), 1)
    timed = clock(lambda: run(TIMED), 1)
    return (timed - once) / TIMED * REPLICATES


def time_all(rows: int, groups: int, replicates: int = REPLICATES) -> dict[str, float]:
    y, p, block, group = draw_rows(rows, groups)
    values = build_rows(y, p)
    code = block * groups + group
    tensor = sum_cells(values, block, group, BLOCKS, groups)
    return {
        "floor (one bincount)": clock(lambda: np.bincount(code)),
        "pass over the rows (8 sums)": clock(
            lambda: sum_cells(values, block, group, BLOCKS, groups)
        ),
        "closed form, 6 metrics": clock(lambda: audit_closed(tensor), 3),
        f"{replicates:,} block replicates, 6 metrics": clock(
            lambda: audit_blocks(tensor, replicates), 3
        ),
    }


def clock_persons(rows: int, groups: int) -> dict[str, float]:
    """Seconds for the rates of a yes or no when every row is a person: sums, then intervals."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, groups, rows)
    table = pd.DataFrame(
        {
            Y_TRUE: (rng.random(rows) < 0.2).astype(float),
            DECISION: (rng.random(rows) < 0.3).astype(float),
            Y_PRED: rng.random(rows).round(4),
        }
    )
    sums = build_answer_sums(table)
    person = np.arange(rows)
    design = choose_design("others like these", 1, 0.95, 6)
    shown = np.ones(groups, bool)

    def judge() -> None:
        parts = find_parts(group, person)
        cells = Cells(sum_cells(sums.values, group * 0, group, 1, groups), sums.names)
        for metric in find_metrics("yes/no"):
            columns = [sums.names.index(n) for n in (metric.numerator, metric.denominator)]
            alike = collapse_identical_clusters(sums.values[:, columns], parts)
            varied = ClusteredMetric(alike, alike)
            measure_groups(cells, np.eye(groups), metric, design, "overall", shown, varied)

    return {
        "persons: sums of the rows": clock(lambda: build_answer_sums(table), 2),
        f"persons: intervals, {len(find_metrics('yes/no'))} rates": clock(judge, 3),
    }


def cover_both(shape: Shape, periods: int) -> str:
    """Count how often each interval of the groups' gaps holds the truth, on the same panels."""
    from fairlearn.metrics import MetricFrame

    rng = np.random.default_rng(11)
    design = choose_design(shape.infers, periods, 0.95, 6)  # type: ignore[arg-type]
    held = {"ours": 0, "fairlearn": 0}
    asked = shown = 0

    def gap(y: np.ndarray, p: np.ndarray, *, group: np.ndarray, of: int) -> float:
        y, short = np.asarray(y), np.maximum(np.asarray(y) - np.asarray(p), 0)
        own = np.asarray(group) == of
        return float(short[own].sum() / y[own].sum() - short.sum() / y.sum())

    for panel in draw_panels(rng, periods, PANELS, shape, by_area=True):
        level = compute_ratio(panel.truth, CELL_NAMES, UNDER)
        true = level[:-1] - level[-1]
        for g in range(shape.groups):
            one = np.arange(shape.groups) == g
            found = measure_groups(panel.cells, panel.weights, UNDER, design, "overall", one)
            shown += bool(np.isfinite(found.gap_low[g]))
            held["ours"] += bool(found.gap_low[g] <= true[g] <= found.gap_high[g])
        y = panel.cells.values[..., CELL_NAMES.index("y")].ravel()
        p = y - panel.cells.values[..., CELL_NAMES.index("under")].ravel()
        group = np.tile(panel.weights.argmax(axis=1), periods)
        frame = MetricFrame(
            metrics={f"g{g}": partial(gap, of=g) for g in range(shape.groups)},
            y_true=y,
            y_pred=p,
            sensitive_features=np.zeros(len(y)),
            sample_params={f"g{g}": {"group": group} for g in range(shape.groups)},
            n_boot=RESAMPLES,
            ci_quantiles=[0.025, 0.975],
            random_state=1,
        )
        low, high = (q.to_numpy(float) for q in frame.overall_ci)
        held["fairlearn"] += int(((low <= true) & (true <= high)).sum())
        asked += shape.groups
    ours = 100 * held["ours"] / shown if shown else float("nan")
    return (
        f"ours {ours:5.1f} % (shown {100 * shown / asked:.0f} %), "
        f"fairlearn's rows {100 * held['fairlearn'] / asked:5.1f} %"
    )


def draw_growth(folder: Path) -> None:
    """Growth over rows, groups and replicates, as a plot."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    cases = [
        ("rows (60 groups)", [(n, (n, 60, 1000)) for n in (10_000, 100_000, 1_000_000)]),
        ("groups (100,000 rows)", [(g, (100_000, g, 1000)) for g in (5, 20, 60, 200)]),
        ("replicates (60 groups)", [(r, (100_000, 60, r)) for r in (100, 1000, 10_000)]),
    ]
    for axis, (label, points) in zip(axes, cases, strict=True):
        times = [list(time_all(*case).values()) for _, case in points]
        for i, name in enumerate(("floor", "pass over rows", "closed form", "block replicates")):
            axis.loglog([x for x, _ in points], [t[i] for t in times], marker="o", label=name)
        axis.set_xlabel(label)
    axes[0].set_ylabel("seconds")
    axes[0].legend(fontsize=7)
    figure.savefig(folder / "audit_speed.png", dpi=70)


def main() -> None:
    y, p, _, group = draw_rows(100_000, 60)
    print("100,000 rows, 60 groups, 6 metrics")
    own = time_all(100_000, 60)
    for name, seconds in own.items():
        print(f"  {name:40}{seconds:10.5f} s")
    theirs = clock_fairlearn(y, p, group)
    print(f"  fairlearn, {REPLICATES:,} replicates, scaled from {TIMED}: {theirs:,.0f} s")
    _, rows, closed, blocks = own.values()
    for name, seconds in (("closed form", closed), ("block replicates", blocks)):
        print(
            f"  ratio, {name}: {theirs / (rows + seconds):,.0f} with the pass over the rows,"
            f" {theirs / seconds:,.0f} without"
        )
    print("1,000,000 rows, 100 groups")
    for name, seconds in time_all(1_000_000, 100).items():
        print(f"  {name:40}{seconds:10.5f} s")
    for name, seconds in clock_persons(1_000_000, 100).items():
        print(f"  {name:40}{seconds:10.5f} s")
    print(
        f"coverage of the gap's 95% interval, 13 periods, {PANELS} panels x 5 groups "
        f"(fairlearn: {RESAMPLES} replicates each)"
    )
    for label, shape in (
        ("this city, places fixed", Shape(shared=0.5)),
        ("others like these, 200 like areas", Shape(infers=OTHERS, areas=200, icc=0.3, skew=0.3)),
    ):
        print(f"  {label:40}{cover_both(shape, 13)}")
    draw_growth(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)


if __name__ == "__main__":
    main()
