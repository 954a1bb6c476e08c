"""Group means of a ratio metric and their gaps, with simultaneous confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityai.i18n.messages import say
from cityai.inference.autocorrelation import PRIOR_INDEPENDENT
from cityai.inference.cluster_sums import ClusteredMetric, vary_units
from cityai.inference.contrasts import Contrasts, take_contrasts
from cityai.inference.equivalence import Verdict, decide_equivalence
from cityai.inference.rate_intervals import bound_values, divide_known
from cityai.inference.ratio_influence import compute_influence, compute_ratio, weigh_cells
from cityai.inference.standard_errors import find_test_confidence, simultaneous_confidence
from cityai.records.audit_data import Blocks, Cells, Design
from cityai.records.metric import Metric

OVERALL = -1
"""Index of the reference that holds every row."""
ALONE = ("alone_low", "alone_high")
"""Ends of a gap's own interval, which verdicts follow from and no page says."""
ROUNDING = 1e-12
"""Share of a figure that the order of its sums may change; a gap below it is none."""


@dataclass(frozen=True, slots=True)
class WidestGap:
    """The largest difference between two groups of a dimension (its range)."""

    worst: int
    best: int
    """Both groups; the one with the larger value first, where the metric does not say which is
    worse."""
    gap: float
    low: float
    high: float
    """Value of the first less that of the second, with its interval of one-sided tests, Sidak over
    all pairs; NaN where unknown."""


@dataclass(frozen=True, slots=True)
class Measures:
    """One metric for G groups."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    """(G,) the level and its own interval."""
    reference: np.ndarray
    """(G,) index of the group that each is compared with, `OVERALL` for the whole."""
    reference_value: np.ndarray
    gap: np.ndarray
    """(G,) its value, and the difference to it; NaN where undefined."""
    gap_low: np.ndarray
    gap_high: np.ndarray
    """(G,) the gap's simultaneous interval, of one-sided tests at ``1 - confidence`` (see
    `find_test_confidence`); NaN where unknown."""
    alone_low: np.ndarray
    alone_high: np.ndarray
    """(G,) the same of each gap alone."""
    blocks: np.ndarray
    """(G,) blocks behind the gap: those with something under the fraction."""
    members: np.ndarray
    """(G,) how many of a group there are for one with something under the fraction; 1 of periods.
    """
    usable: np.ndarray
    """(G,) bool: the blocks can tell how wide the gap's interval must be."""
    widest: WidestGap | None = None
    """The largest difference between two groups that may be shown, where it was asked for."""

    def decide(self, g: int, limit: float) -> Verdict:
        """Hold the gap of one group against a limit."""
        alone, together = (
            (float(low[g]), float(high[g]))
            for low, high in ((self.alone_low, self.alone_high), (self.gap_low, self.gap_high))
        )
        return decide_equivalence(float(self.gap[g]), alone, together, limit)


def choose_design(
    infers: Literal["this city", "others like these"],
    n_periods: int,
    confidence: float,
    min_blocks: int,
    called: str = "places",
    days: float = math.nan,
) -> Design:
    """Choose the blocks from what is to be inferred.

    With "others like these" and fewer than `min_blocks` periods, the blocks are entities alone:
    the statement is then about other entities in these same periods.
    """
    blocks: Blocks = "periods"
    if infers == "others like these":
        blocks = "both" if n_periods >= min_blocks else "entities"
    days = days if blocks == "periods" else math.nan
    return Design(infers, blocks, confidence, min_blocks, called, days, PRIOR_INDEPENDENT)


def describe_design(design: Design, n_periods: int) -> str:
    """Say in words what the intervals allow for."""
    if design.blocks == "periods":
        return say(
            "this city at other times: the {n_periods} test periods vary, the places are fixed",
            n_periods=n_periods,
        )
    called = design.called
    if n_periods == 1:
        return say("other {called} like these, in the same period", called=called)
    if design.blocks == "entities":
        return say(
            "other {called} like these, in the same {n_periods} test periods",
            called=called,
            n_periods=n_periods,
        )
    return say(
        "other {called} like these at other times: {called} and {n_periods} test periods vary",
        called=called,
        n_periods=n_periods,
    )


def measure_groups(
    cells: Cells,
    weights: np.ndarray,
    metric: Metric,
    design: Design,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
    varied: ClusteredMetric | None = None,
    *,
    widest: bool = False,
) -> Measures:
    """Measure a metric for every group and its gap to the reference.

    Parameters
    ----------
    cells : Cells
        (B, E, K) sums by period (in order of time) and entity.
    weights : numpy.ndarray
        (E, G) each entity's part in each group.
    metric : Metric
        What to measure.
    design : Design
        What the intervals are about.
    reference : "overall", "best" or int
        What each group is compared with.
    shown : numpy.ndarray
        (G,) bool: groups that may be shown; only these can be best, and only these count among
        the chances to be wrong.
    varied : ClusteredMetric, optional
        The entities that make up E, where each of E is not an entity of its own: persons in groups
        of the same kind, or one whose group differs between rows.
    widest : bool
        Whether the largest difference between two groups is measured too.

    Notes
    -----
    Gaps have two intervals, whose ends are one-sided tests: of each alone, for what must hold of
    every group (an intersection-union test, Berger 1982, Technometrics 24(4)), and simultaneous
    over the dimension by max-t (`simultaneous_confidence`; Sidak over all pairs where the best is
    the reference), for what may hold of any. A rate of yes or no has those of `rates`.
    A group is a part of the city that it is compared with, so its gap is taken as that to the rest,
    with which it has nobody in common, times the rest's part of the city:
    ``p - p_city = (1 - part) (p - p_rest)``.
    """
    pair, everyone, contrast, known = _set_up(cells, weights, metric, reference, shown)
    totals, value, chosen, beside = known.totals, known.value, known.chosen, known.beside
    count, names = weights.shape[1], (metric.numerator, metric.denominator)
    lookup = np.where(chosen == OVERALL, count, chosen)
    engine = Contrasts(pair, everyone, names, metric, totals, varied or vary_units(cells, names))
    level = engine.spread(np.eye(len(totals))[:, : count + 1], design, level=True)
    apart = engine.spread(contrast, design, level=False)
    gap = value[:-1] - value[lookup]
    gap = np.where(np.abs(gap) <= ROUNDING * np.abs(value[:-1]), 0.0, gap)
    live = shown & (chosen != np.arange(count)) & np.isfinite(gap)
    live &= apart.tell(design.min_blocks, still=metric.counts)
    correlation = apart.correlation[np.ix_(live, live)]
    alone = find_test_confidence(design.confidence)
    together = simultaneous_confidence(correlation, alone, pairs=reference == "best")
    low, high = bound_values(
        *(value, level, design.confidence, design.min_blocks),
        floor=metric.floor,
        part=bool(metric.part),
        rates=engine.describe(everyone[:, : count + 1], design) if metric.part == "rows" else None,
    )
    pairs = np.arange(count), beside
    # The tails that many groups are judged by are where skewness tells.
    tests = (together, True), (alone, False)
    ends = engine.bound_gaps(gap, pairs, contrast, apart, tests, design)
    if metric.counted:
        counted = float(cells.values[..., cells.names.index(metric.counted)].sum())
        known = level.tell(design.min_blocks, still=True) & np.isfinite(value)
        own = engine.bound_ratios(level, design.confidence, counted)
        low, high = (np.where(known, end, np.nan) for end in own)
        if reference == "overall":
            bounds = [engine.bound_ratios(apart, c, counted) for c in (together, alone)]
            ends = [(below - value[-1], above - value[-1]) for below, above in bounds]
    bounded = [np.where(live, end, np.nan) for both in ends for end in both]
    return Measures(
        *(value[:-1], low[:-1], high[:-1], chosen, value[lookup]),
        *(gap, bounded[0], bounded[1], bounded[2], bounded[3]),
        level.blocks[:-1] if len(totals) > count + 1 else apart.blocks,
        engine.count_members(count, design),
        apart.usable,
        _measure_widest(engine, value[:-1], contrast, shown, design) if widest else None,
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """Sums (C, 2) and values (G + 1,), the reference of each group, and what it is taken from."""

    totals: np.ndarray
    value: np.ndarray
    chosen: np.ndarray
    beside: np.ndarray


def _set_up(
    cells: Cells,
    weights: np.ndarray,
    metric: Metric,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, _Known]:
    """Both sums (B, E, 2), weights of all columns (E, C), gaps as contrasts (C, G), and values."""
    pair = cells.values[
        ..., [cells.names.index(metric.numerator), cells.names.index(metric.denominator)]
    ]
    names = (metric.numerator, metric.denominator)
    count = weights.shape[1]
    rest = 1.0 - weights if metric.part == "rows" and reference == "overall" else weights[:, :0]
    everyone = np.column_stack([weights, np.ones(len(weights)), rest])
    totals = weigh_cells(pair.sum(axis=0)[None], everyone)[0]
    value = compute_ratio(totals, names, metric)[: count + 1]
    chosen = choose_reference(value[:-1], metric, reference, shown)
    lookup = np.where(chosen == OVERALL, count, chosen)
    beside, scale = lookup, np.ones(count)
    if rest.size:
        beside = count + 1 + np.arange(count)
        scale = divide_known(totals[beside, 1], totals[count, 1])
    contrast = np.eye(len(totals))[:, :count] * scale
    np.subtract.at(contrast, (beside, np.arange(count)), scale)
    return pair, everyone, contrast, _Known(totals, value, chosen, beside)


def trace_gaps(
    cells: Cells,
    weights: np.ndarray,
    metric: Metric,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
) -> np.ndarray:
    """Influence of each gap by period, (B, G), zero of groups that may not be shown.

    Parameters as for `measure_groups`.
    """
    pair, everyone, contrast, _ = _set_up(cells, weights, metric, reference, shown)
    names = (metric.numerator, metric.denominator)
    own = compute_influence(weigh_cells(pair, everyone), names, metric)
    return np.where(shown, take_contrasts(own, metric, contrast), 0.0)


def _measure_widest(
    engine: Contrasts, value: np.ndarray, contrast: np.ndarray, shown: np.ndarray, design: Design
) -> WidestGap | None:
    usable = np.flatnonzero(shown & np.isfinite(value))
    if len(usable) < 2:
        return None
    order = usable[np.argsort(value[usable], kind="stable")]
    worst, best = order[[0, -1]] if engine.metric.worse == "low" else order[[-1, 0]]
    pair = np.zeros((len(contrast), 1))
    pair[worst], pair[best] = 1.0, -1.0
    # Beside the gaps to the reference, from which the resemblance of periods is learnt too.
    apart = engine.spread(np.column_stack([contrast, pair]), design, level=False).keep(-1)
    gap = value[[worst]] - value[[best]]
    test = find_test_confidence(design.confidence)
    together = simultaneous_confidence(np.eye(len(usable) - 1), test, pairs=True)
    groups = np.array([worst]), np.array([best])
    [(low, high)] = engine.bound_gaps(gap, groups, pair, apart, [(together, True)], design)
    known = apart.tell(design.min_blocks, still=engine.metric.counts)
    ends = (float(np.where(known, end, np.nan)[0]) for end in (low, high))
    return WidestGap(int(worst), int(best), float(gap[0]), *ends)


def choose_reference(
    value: np.ndarray,
    metric: Metric,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
) -> np.ndarray:
    """Return what each group (G,) is compared with: a group's place, or `OVERALL`."""
    if reference == "overall":
        return np.full(len(value), OVERALL)
    if isinstance(reference, int):
        return np.full(len(value), reference)
    badness = {"low": value, "high": -value, "zero": np.abs(value)}[metric.better]
    usable = shown & np.isfinite(badness)
    best = int(np.argmin(np.where(usable, badness, np.inf))) if usable.any() else OVERALL
    return np.full(len(value), best)
