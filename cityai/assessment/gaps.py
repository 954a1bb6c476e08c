"""One metric for all groups of a dimension: values, gaps to the reference, intervals that fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityai.assessment.alike import Alike, Varied, vary_units
from cityai.assessment.metrics import Metric
from cityai.assessment.serial import spread_serial
from cityai.assessment.spread import (
    LEAST_FREEDOM,
    LEAST_FREEDOM_LEVEL,
    Blocks,
    Spread,
    adjust_confidence,
    compute_margin,
    count_freedom,
    mend_leverage,
    spread_both,
    spread_entities,
)
from cityai.assessment.statistics import Cells, compute_influence, compute_ratio, weigh_cells
from cityai.messages import say

OVERALL = -1
"""Index of the reference that holds every row."""
MOST_ROWS = 50_000
"""Sums of entities at single moments that are held at once by group."""
ROUNDING = 1e-12
"""Share of a figure that the order of its sums may change; a gap below it is none."""


@dataclass(frozen=True, slots=True)
class Design:
    """What the intervals are about, and so which rows belong together.

    Attributes
    ----------
    infers : str
        "this city" (at other times) or "others like these".
    blocks : {"periods", "entities", "both"}
        What varies from draw to draw.
    confidence : float
        Of an interval; for gaps, of all intervals of a dimension together.
    min_blocks : int
        Fewer give no interval.
    called : str
        What several entities are called.
    """

    infers: Literal["this city", "others like these"]
    blocks: Blocks
    confidence: float
    min_blocks: int
    called: str = "places"

    @property
    def word(self) -> str:
        """What one more block is called."""
        return say("test periods") if self.blocks == "periods" else self.called


@dataclass(frozen=True, slots=True)
class Measures:
    """One metric for G groups.

    Attributes
    ----------
    value, low, high : numpy.ndarray
        (G,) the level and its own interval.
    reference : numpy.ndarray
        (G,) index of the group that each is compared with, `OVERALL` for the whole.
    reference_value, gap, gap_margin : numpy.ndarray
        (G,) its value, the difference to it, and the half-width of the simultaneous interval; NaN
        where undefined or unknown.
    blocks : numpy.ndarray
        (G,) blocks behind the gap.
    usable : numpy.ndarray
        (G,) bool: the blocks can tell how wide the gap's interval must be.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reference: np.ndarray
    reference_value: np.ndarray
    gap: np.ndarray
    gap_margin: np.ndarray
    blocks: np.ndarray
    usable: np.ndarray


def choose_design(
    infers: Literal["this city", "others like these"],
    n_periods: int,
    confidence: float,
    min_blocks: int,
    called: str = "places",
) -> Design:
    """Choose the blocks from what is to be inferred.

    With "others like these" and fewer than `min_blocks` periods, the blocks are entities alone:
    the statement is then about other entities in these same periods.
    """
    blocks: Blocks = "periods"
    if infers == "others like these":
        blocks = "both" if n_periods >= min_blocks else "entities"
    return Design(infers, blocks, confidence, min_blocks, called)


def describe_design(design: Design, n_periods: int) -> str:
    """Say in words what the intervals allow for."""
    if design.blocks == "periods":
        return say(
            f"this city at other times: the {n_periods} test periods vary, the places are fixed"
        )
    called = design.called
    if n_periods == 1:
        return say(f"other {called} like these, in the same period")
    if design.blocks == "entities":
        return say(f"other {called} like these, in the same {n_periods} test periods")
    return say(
        f"other {called} like these at other times: {called} and {n_periods} test periods vary"
    )


def measure_groups(
    cells: Cells,
    weights: np.ndarray,
    metric: Metric,
    design: Design,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
    varied: Varied | None = None,
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
    varied : Varied, optional
        The entities that make up E, where each of E is not an entity of its own: persons in groups
        of the same kind, or one whose group differs between rows.
    """
    pair = cells.values[
        ..., [cells.names.index(metric.numerator), cells.names.index(metric.denominator)]
    ]
    names = (metric.numerator, metric.denominator)
    everyone = np.column_stack([weights, np.ones(len(weights))])
    totals = weigh_cells(pair.sum(axis=0)[None], everyone)[0]
    value = compute_ratio(totals, names, metric)
    chosen = _choose_reference(value[:-1], metric, reference, shown)
    lookup = np.where(chosen == OVERALL, len(value) - 1, chosen)
    contrast = np.eye(len(value))[:, :-1]
    np.subtract.at(contrast, (lookup, np.arange(len(chosen))), 1.0)
    engine = _Engine(pair, everyone, names, metric, totals, varied or vary_units(cells, names))
    level = engine.spread(np.eye(len(value))[:, :-1], design, level=True)
    apart = engine.spread(contrast, design, level=False)
    gap = value[:-1] - value[lookup]
    gap = np.where(np.abs(gap) <= ROUNDING * np.abs(value[:-1]), 0.0, gap)
    margin = _find_margin(apart, gap, design, shown & (chosen != np.arange(len(chosen))), reference)
    width = compute_margin(level, design.confidence, design.min_blocks)
    low, high = value[:-1] - width, value[:-1] + width
    if metric.better != "zero":
        low = np.maximum(low, 0.0)
    if metric.name == "coverage":
        high = np.minimum(high, 1.0)
    return Measures(
        value[:-1], low, high, chosen, value[lookup], gap, margin, apart.blocks, apart.usable
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


def _find_margin(
    apart: Spread,
    gap: np.ndarray,
    design: Design,
    counted: np.ndarray,
    reference: Literal["overall", "best"] | int,
) -> np.ndarray:
    possible = np.isfinite(compute_margin(apart, design.confidence, design.min_blocks))
    live = counted & np.isfinite(gap) & possible
    correlation = apart.correlation[np.ix_(live, live)]
    each = adjust_confidence(correlation, design.confidence, pairs=reference == "best")
    return np.where(live, compute_margin(apart, each, design.min_blocks), np.nan)


@dataclass(frozen=True, slots=True)
class _Engine:
    pair: np.ndarray
    weights: np.ndarray
    names: tuple[str, str]
    metric: Metric
    totals: np.ndarray
    varied: Varied

    def spread(self, contrast: np.ndarray, design: Design, level: bool) -> Spread:
        """Spread of the contrasts (G + 1, C) of the groups' values."""
        if design.blocks == "periods":
            return self._by_period(contrast, level)
        size = self.varied.entities.size
        unequal = len(np.unique(size[size > 0])) > 1
        single = level and design.blocks == "entities" and unequal
        by_entity = self._by_entity(contrast, LEAST_FREEDOM_LEVEL if single else LEAST_FREEDOM)
        if design.blocks == "entities":
            return by_entity
        return spread_both(self._by_period(contrast, level), by_entity, self._squares(contrast))

    def _by_period(self, contrast: np.ndarray, level: bool) -> Spread:
        tensor = weigh_cells(self.pair, self.weights)
        present = (tensor[..., 1] > 0).sum(axis=0).astype(np.float64)
        own = compute_influence(tensor, self.names, self.metric)
        return spread_serial(
            contrast_groups(own, contrast), _fewest(present, contrast), level=level
        )

    def _by_entity(self, contrast: np.ndarray, least: float) -> Spread:
        entities = self.varied.entities
        size = entities.weigh_sizes(self.weights)
        own = mend_leverage(self._influence(entities), size, entities.copies)
        present = entities.copies @ (size > 0)
        freedom = _fewest(count_freedom(size, own, entities), contrast)
        return spread_entities(own @ contrast, _fewest(present, contrast), freedom, entities, least)

    def _influence(self, alike: Alike) -> np.ndarray:
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
