"""Standard errors and intervals of contrasts of group means of a ratio metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cityai.inference.autocorrelation import autocorrelated_se
from cityai.inference.cluster_sums import ClusteredMetric, ClusterSums
from cityai.inference.rate_intervals import Rates, bound_counts, bound_gaps, divide_known
from cityai.inference.ratio_influence import compute_influence, weigh_cells
from cityai.inference.standard_errors import (
    LEAST_FREEDOM,
    LEAST_FREEDOM_LEVEL,
    StandardErrors,
    allow_skew,
    cluster_robust_se,
    correct_leverage,
    count_effective,
    find_quantile,
    satterthwaite_df,
    to_correlation,
    two_way_se,
)
from cityai.records.audit_data import Design
from cityai.records.metric import Metric

MOST_ROWS = 50_000
"""Sums of entities at single moments that are held at once by group."""


@dataclass(frozen=True)
class Contrasts:
    """Contrasts of the values of columns of weights; influences are found once for all of them."""

    pair: np.ndarray
    """(B, E, 2) numerators and denominators by period and entity."""
    weights: np.ndarray
    """(E, C) each entity's part in each group, in everyone, and perhaps in the rest of each."""
    names: tuple[str, str]
    """Of both sums."""
    metric: Metric
    """What is measured."""
    totals: np.ndarray
    """(C, 2) sums of each column."""
    varied: ClusteredMetric
    """The entities that make up E."""

    @property
    def counts(self) -> bool:
        """Whether the metric is a rate of yes or no."""
        return self.metric.part == "rows"

    def spread(self, contrast: np.ndarray, design: Design, level: bool) -> StandardErrors:
        """Standard errors of the contrasts (G + 1, C) of the groups' values."""
        if design.blocks == "periods":
            return self._by_period(contrast, level, design.unrelated)
        size = self.varied.entities.size
        unequal = len(np.unique(size[size > 0])) > 1
        single = level and design.blocks == "entities" and unequal and not self.metric.counts
        by_entity = self._by_entity(contrast, LEAST_FREEDOM_LEVEL if single else LEAST_FREEDOM)
        if design.blocks == "entities":
            return by_entity
        by_period = self._by_period(contrast, level, design.unrelated)
        return two_way_se(by_period, by_entity, self._squares(contrast))

    def bound_gaps(
        self,
        gap: np.ndarray,
        pairs: tuple[np.ndarray, np.ndarray],
        contrast: np.ndarray,
        apart: StandardErrors,
        tests: Sequence[tuple[float, bool]],
        design: Design,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Intervals of the gaps, (C,), between columns of weights.

        There is one for each test: its confidence, and whether it allows for skewness.
        """
        quantiles = [find_quantile(apart, confidence) for confidence, _ in tests]
        if not self.counts:
            most = 1.0 if self.metric.part else np.inf
            wider = (
                allow_skew(q, apart) if skewed else q
                for q, (_, skewed) in zip(quantiles, tests, strict=True)
            )
            margins = (q * apart.error for q in wider)
            return [(np.maximum(gap - m, -most), np.minimum(gap + m, most)) for m in margins]
        first, second = (self.describe(self.weights[:, at], design) for at in pairs)
        scale = contrast.max(axis=0)
        both = self.weights @ divide_known(contrast, self.totals[:, 1:])
        separate = scale**2 * (divide_known(1.0, first.rows) + divide_known(1.0, second.rows))
        overlap = np.minimum(divide_known(self.varied.entities.sum_rows(both), separate), 1.0)
        return [bound_gaps(first, second, scale, overlap, apart.error, q) for q in quantiles]

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
        return np.maximum(divide_known(entities.count_members(weights), counted), 1.0)

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

    @cached_property
    def _periods(self) -> tuple[np.ndarray, np.ndarray]:
        """Influences by period (B, C) of each column, and (C,) periods in which it has rows."""
        tensor = weigh_cells(self.pair, self.weights)
        present = (tensor[..., 1] > 0).sum(axis=0).astype(np.float64)
        return compute_influence(tensor, self.names, self.metric), present

    @cached_property
    def _entities(self) -> tuple[np.ndarray, np.ndarray]:
        """The same by entity, leverage-corrected, and its sizes."""
        entities = self.varied.entities
        size = entities.weigh_sizes(self.weights)
        return correct_leverage(self._influence(entities), size, entities.copies), size

    def _by_period(self, contrast: np.ndarray, level: bool, unrelated: float) -> StandardErrors:
        own, present = self._periods
        apart = take_contrasts(own, self.metric, contrast)
        return autocorrelated_se(
            apart, _fewest(present, contrast), level=level, unrelated=unrelated
        )

    def _by_entity(self, contrast: np.ndarray, least: float) -> StandardErrors:
        entities = self.varied.entities
        own, size = self._entities
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


def take_contrasts(own: np.ndarray, metric: Metric, contrast: np.ndarray) -> np.ndarray:
    """Influences by period (B, C) of contrasts (G, C), from those of groups (B, G)."""
    apart: np.ndarray = own @ contrast
    return apart if metric.part == "rows" else contrast_groups(own, contrast)


def contrast_groups(influence: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Turn influences of groups (B, G) into those of contrasts (G, C) of them.

    A contrast with a group that did not vary at all is zero: the rest would lend it a certainty
    that it has not.
    """
    still = np.abs(influence).max(axis=0) <= 1e-12
    varies = ~(contrast[still] != 0).any(axis=0)
    return (influence @ contrast) * varies


def _fewest(present: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    # The reference's gap to itself rests on nothing.
    return np.array([present[c != 0].min() if c.any() else 0.0 for c in contrast.T])
