"""Group means of a ratio metric and their gaps, with simultaneous confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityai.i18n.messages import say
from cityai.inference.autocorrelation import autocorrelated_se
from cityai.inference.cluster_sums import ClusteredMetric, ClusterSums, vary_units
from cityai.inference.rate_intervals import (
    Rates,
    bound_counts,
    bound_gaps,
    bound_values,
    divide_known,
)
from cityai.inference.ratio_influence import compute_influence, compute_ratio, weigh_cells
from cityai.inference.standard_errors import (
    LEAST_FREEDOM,
    LEAST_FREEDOM_LEVEL,
    StandardErrors,
    cluster_robust_se,
    correct_leverage,
    count_effective,
    find_quantile,
    satterthwaite_df,
    simultaneous_confidence,
    to_correlation,
    two_way_se,
)
from cityai.records.audit_data import Blocks, Cells, Design
from cityai.records.metric import Metric

OVERALL = -1
"""Index of the reference that holds every row."""
MOST_ROWS = 50_000
"""Sums of entities at single moments that are held at once by group."""
ROUNDING = 1e-12
"""Share of a figure that the order of its sums may change; a gap below it is none."""


@dataclass(frozen=True, slots=True)
class Measures:
    """One metric for G groups.

    Attributes
    ----------
    value, low, high : numpy.ndarray
        (G,) the level and its own interval.
    reference : numpy.ndarray
        (G,) index of the group that each is compared with, `OVERALL` for the whole.
    reference_value, gap, gap_low, gap_high : numpy.ndarray
        (G,) its value, the difference to it, and the simultaneous interval of that; NaN where
        undefined or unknown.
    blocks : numpy.ndarray
        (G,) blocks behind the gap: those with something under the fraction.
    members : numpy.ndarray
        (G,) how many of a group there are for one with something under the fraction; 1 of periods.
    usable : numpy.ndarray
        (G,) bool: the blocks can tell how wide the gap's interval must be.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reference: np.ndarray
    reference_value: np.ndarray
    gap: np.ndarray
    gap_low: np.ndarray
    gap_high: np.ndarray
    blocks: np.ndarray
    members: np.ndarray
    usable: np.ndarray


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
    return Design(infers, blocks, confidence, min_blocks, called, days)


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

    Notes
    -----
    Intervals of gaps are simultaneous over the dimension by max-t (`simultaneous_confidence`;
    Sidak over all pairs where the best is the reference). A rate of yes or no has those of `rates`.
    A group is a part of the city that it is compared with, so its gap is taken as that to the rest,
    with which it has nobody in common, times the rest's part of the city:
    ``p - p_city = (1 - part) (p - p_rest)``.
    """
    pair = cells.values[
        ..., [cells.names.index(metric.numerator), cells.names.index(metric.denominator)]
    ]
    names = (metric.numerator, metric.denominator)
    count = weights.shape[1]
    rest = 1.0 - weights if metric.part == "rows" and reference == "overall" else weights[:, :0]
    everyone = np.column_stack([weights, np.ones(len(weights)), rest])
    totals = weigh_cells(pair.sum(axis=0)[None], everyone)[0]
    value = compute_ratio(totals, names, metric)[: count + 1]
    chosen = _choose_reference(value[:-1], metric, reference, shown)
    lookup = np.where(chosen == OVERALL, count, chosen)
    beside, scale = lookup, np.ones(count)
    if rest.size:
        beside = count + 1 + np.arange(count)
        scale = divide_known(totals[beside, 1], totals[count, 1])
    contrast = np.eye(len(totals))[:, :count] * scale
    np.subtract.at(contrast, (beside, np.arange(count)), scale)
    engine = _Engine(pair, everyone, names, metric, totals, varied or vary_units(cells, names))
    level = engine.spread(np.eye(len(totals))[:, : count + 1], design, level=True)
    apart = engine.spread(contrast, design, level=False)
    gap = value[:-1] - value[lookup]
    gap = np.where(np.abs(gap) <= ROUNDING * np.abs(value[:-1]), 0.0, gap)
    live = shown & (chosen != np.arange(count)) & np.isfinite(gap)
    live &= apart.tell(design.min_blocks, still=metric.counts)
    correlation = apart.correlation[np.ix_(live, live)]
    together = simultaneous_confidence(correlation, design.confidence, pairs=reference == "best")
    low, high = bound_values(
        *(value, level, design.confidence, design.min_blocks),
        floor=metric.floor,
        part=bool(metric.part),
        rates=engine.describe(everyone[:, : count + 1], design) if metric.part == "rows" else None,
    )
    ends = engine.bound_gaps(gap, beside, contrast, apart, together, design)
    if metric.counted:
        counted = float(cells.values[..., cells.names.index(metric.counted)].sum())
        known = level.tell(design.min_blocks, still=True) & np.isfinite(value)
        own = engine.bound_ratios(level, design.confidence, counted)
        low, high = (np.where(known, end, np.nan) for end in own)
        if reference == "overall":
            own = engine.bound_ratios(apart, together, counted)
            ends = own[0] - value[-1], own[1] - value[-1]
    gap_low, gap_high = (np.where(live, end, np.nan) for end in ends)
    return Measures(
        *(value[:-1], low[:-1], high[:-1], chosen, value[lookup]),
        *(gap, gap_low, gap_high, level.blocks[:-1] if rest.size else apart.blocks),
        *(engine.count_members(count, design), apart.usable),
    )


def _choose_reference(
    value: np.ndarray,
    metric: Metric,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
) -> np.ndarray:
    if reference == "overall":
        return np.full(len(value), OVERALL)
    if isinstance(reference, int):
        return np.full(len(value), reference)
    badness = {"low": value, "high": -value, "zero": np.abs(value)}[metric.better]
    usable = shown & np.isfinite(badness)
    best = int(np.argmin(np.where(usable, badness, np.inf))) if usable.any() else OVERALL
    return np.full(len(value), best)


@dataclass(frozen=True, slots=True)
class _Engine:
    pair: np.ndarray
    weights: np.ndarray
    names: tuple[str, str]
    metric: Metric
    totals: np.ndarray
    varied: ClusteredMetric

    @property
    def counts(self) -> bool:
        return self.metric.part == "rows"

    def spread(self, contrast: np.ndarray, design: Design, level: bool) -> StandardErrors:
        """Standard errors of the contrasts (G + 1, C) of the groups' values."""
        if design.blocks == "periods":
            return self._by_period(contrast, level)
        size = self.varied.entities.size
        unequal = len(np.unique(size[size > 0])) > 1
        single = level and design.blocks == "entities" and unequal and not self.metric.counts
        by_entity = self._by_entity(contrast, LEAST_FREEDOM_LEVEL if single else LEAST_FREEDOM)
        if design.blocks == "entities":
            return by_entity
        return two_way_se(self._by_period(contrast, level), by_entity, self._squares(contrast))

    def bound_gaps(
        self,
        gap: np.ndarray,
        beside: np.ndarray,
        contrast: np.ndarray,
        apart: StandardErrors,
        confidence: float,
        design: Design,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Intervals of the gaps, (G,), to the columns of weights at `beside`."""
        quantile = find_quantile(apart, confidence)
        if not self.counts:
            most = 1.0 if self.metric.part else np.inf
            margin = quantile * apart.error
            return np.maximum(gap - margin, -most), np.minimum(gap + margin, most)
        first = self.describe(self.weights[:, : len(gap)], design)
        second = self.describe(self.weights[:, beside], design)
        scale = contrast.max(axis=0)
        both = self.weights @ divide_known(contrast, self.totals[:, 1:])
        separate = scale**2 * (divide_known(1.0, first.rows) + divide_known(1.0, second.rows))
        overlap = np.minimum(divide_known(self.varied.entities.sum_rows(both), separate), 1.0)
        return bound_gaps(first, second, scale, overlap, apart.error, quantile)

    def bound_ratios(
        self, spread: StandardErrors, confidence: float, counted: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Intervals of ratios of two counts; `counted` rows make up the upper one of the whole."""
        top, bottom = self.totals[: len(spread.error), 0], self.totals[: len(spread.error), 1]
        unit = float(self.totals[:, 0].max()) / max(counted, 1.0)
        quantile = find_quantile(spread, confidence)
        return bound_counts(top, bottom, max(unit, 1e-12), spread.error, quantile)

    def count_members(self, count: int, design: Design) -> np.ndarray:
        """(G,) entities of a group for each that counts in the metric."""
        if design.blocks == "periods":
            return np.ones(count)
        entities, weights = self.varied.entities, self.weights[:, :count]
        counted = entities.copies @ (entities.weigh_sizes(weights) > 0)
        members: np.ndarray = np.maximum(
            divide_known(entities.count_members(weights), counted), 1.0
        )
        return members

    def describe(self, weights: np.ndarray, design: Design) -> Rates:
        """Rates of groups by their weights (units, C), and what they rest on."""
        entities = self.varied.entities
        top, bottom = weigh_cells(self.pair.sum(axis=0)[None], weights)[0].T
        rows = entities.sum_rows(weights)
        if design.blocks == "periods":
            blocks = (weigh_cells(self.pair[..., 1:], weights)[..., 0] ** 2).sum(axis=0)
        else:
            blocks = entities.copies @ entities.weigh_sizes(weights) ** 2
        value = np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
        return Rates(
            value, divide_known(bottom**2, rows), np.maximum(divide_known(blocks, rows), 1.0)
        )

    def _by_period(self, contrast: np.ndarray, level: bool) -> StandardErrors:
        tensor = weigh_cells(self.pair, self.weights)
        present = (tensor[..., 1] > 0).sum(axis=0).astype(np.float64)
        own = compute_influence(tensor, self.names, self.metric)
        apart = own @ contrast if self.counts else contrast_groups(own, contrast)
        return autocorrelated_se(apart, _fewest(present, contrast), level=level)

    def _by_entity(self, contrast: np.ndarray, least: float) -> StandardErrors:
        entities = self.varied.entities
        size = entities.weigh_sizes(self.weights)
        own = correct_leverage(self._influence(entities), size, entities.copies)
        present = entities.copies @ (size > 0)
        if not self.metric.counts:
            freedom = satterthwaite_df(size, own, entities)
            return cluster_robust_se(
                own @ contrast,
                _fewest(present, contrast),
                _fewest(freedom, contrast),
                entities,
                least,
            )
        freedom = _fewest(count_effective(size**2, entities.copies) - 1, contrast)
        # How gaps are correlated follows from who is in which group, also where nothing varied.
        equal = (
            np.sqrt(entities.copies)[:, None] * size @ divide_known(contrast, self.totals[:, 1:])
        )
        return StandardErrors(
            np.sqrt(((own @ contrast) ** 2).sum(axis=0)),
            np.maximum(freedom, 1.0),
            _fewest(present, contrast),
            to_correlation(equal.T @ equal, np.inf),
            freedom >= least,
        )

    def _influence(self, alike: ClusterSums) -> np.ndarray:
        tensor = alike.weigh_pairs(self.weights)
        return compute_influence(tensor, self.names, self.metric, self.totals)

    def _squares(self, contrast: np.ndarray) -> np.ndarray:
        total = np.zeros(contrast.shape[1])
        for part in self.varied.crossed.split(MOST_ROWS):
            total += ((self._influence(part) @ contrast) ** 2).sum(axis=0)
        return total


def contrast_groups(influence: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Turn influences of groups (B, G) into those of contrasts (G, C) of them.

    A contrast with a group that did not vary at all is zero: the rest would lend it a certainty
    that it has not.
    """
    still = np.abs(influence).max(axis=0) <= 1e-12
    varies = ~(contrast[still] != 0).any(axis=0)
    apart: np.ndarray = (influence @ contrast) * varies
    return apart


def _fewest(present: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    # The reference's gap to itself rests on nothing.
    return np.array([present[c != 0].min() if c.any() else 0.0 for c in contrast.T])
