"""Paired differences of two forecasts of the same rows: a metric and its gaps, with intervals.

Both are judged on the same blocks, so what a block does to both alike cancels: the influence of a
change is the difference of the two influences, and its interval follows as that of a gap does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityai.inference.autocorrelation import PRIOR_ALONE, PRIOR_INDEPENDENT, autocorrelated_se
from cityai.inference.contrasts import contrast_groups
from cityai.inference.group_gaps import OVERALL, choose_reference
from cityai.inference.ratio_influence import compute_influence, compute_ratio, weigh_cells
from cityai.inference.standard_errors import (
    StandardErrors,
    cluster_robust_se,
    compute_margin,
    correct_leverage,
    find_test_confidence,
    satterthwaite_df,
    simultaneous_confidence,
    two_way_se,
)
from cityai.records.audit_data import Cells, Design
from cityai.records.metric import Metric


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a metric's gaps, and of the whole, from one forecast to another."""

    reference: np.ndarray
    """(G,) index of the group that each is compared with; G is the whole. The first forecast's
    best-off group, where the best is the reference."""
    value_before: np.ndarray
    value_after: np.ndarray
    """(G + 1,) the metric by group, the whole last."""
    before: np.ndarray
    before_margin: np.ndarray
    after: np.ndarray
    after_margin: np.ndarray
    """(G,) the gap before and after, and half-widths, simultaneous over the groups; NaN where there
    is no interval. They are of one-sided tests, as the audit's (`find_test_confidence`)."""
    after_alone: np.ndarray
    """(G,) half-width of each gap after alone."""
    closed: np.ndarray
    closed_margin: np.ndarray
    """(G,) how far the gap has moved towards 0 (and perhaps beyond), and half-widths,
    simultaneous over the groups; NaN where there is no interval."""
    whole: float
    whole_margin: float
    """The change of the whole."""
    blocks: np.ndarray
    """(G,) blocks behind each."""


def measure_change(
    first: Cells,
    second: Cells,
    weights: np.ndarray,
    metric: Metric,
    design: Design,
    reference: Literal["overall", "best"] | int,
    shown: np.ndarray,
) -> Change:
    """Measure how a metric changes from a first forecast to a second of the same rows.

    Parameters
    ----------
    first, second : Cells
        (B, E, K) sums of each, the same periods and entities.
    weights : numpy.ndarray
        (E, G) each entity's part in each group.
    metric : Metric
        What to measure.
    design : Design
        What the intervals are about.
    reference : "overall", "best" or int
        What each group is compared with.
    shown : numpy.ndarray
        (G,) bool: groups that may be shown, and that count among the chances to be wrong.
    """
    pair = _Pair(first, second, np.column_stack([weights, np.ones(len(weights))]), metric)
    before_all, after_all = pair.values
    count = weights.shape[1]
    chosen = choose_reference(before_all[:count], metric, reference, shown)
    lookup = np.where(chosen == OVERALL, count, chosen)
    own = np.eye(count + 1)[:, :count]
    np.subtract.at(own, (lookup, np.arange(count)), 1.0)
    nothing = np.zeros_like(own)
    before, after = before_all @ own, after_all @ own
    side = np.where(before < 0, -1.0, 1.0)
    counted = shown & (lookup != np.arange(count)) & np.isfinite(before) & np.isfinite(after)
    contrasts = {
        "before": np.vstack([own, nothing]),
        "after": np.vstack([nothing, own]),
        "closed": np.vstack([own * side, -own * side]),
    }
    # What two forecasts differ by is a comparison; either's gap is a gap.
    chances = {"closed": PRIOR_ALONE}
    spreads = {
        name: pair.spread(contrast, design, chances.get(name, PRIOR_INDEPENDENT))
        for name, contrast in contrasts.items()
    }
    test, pairs = find_test_confidence(design.confidence), reference == "best"
    # Gaps have the intervals of the audit's verdicts, which allow for skewness.
    wanted = {"before": (test, True), "after": (test, True), "closed": (design.confidence, False)}
    margins = {
        name: _find_margin(
            spreads[name], counted, confidence, design.min_blocks, pairs=pairs, skewed=skewed
        )
        for name, (confidence, skewed) in wanted.items()
    }
    alone = compute_margin(spreads["after"], test, design.min_blocks)
    whole = np.zeros((2 * (count + 1), 1))
    whole[count], whole[-1] = -1.0, 1.0
    spread = pair.spread(whole, design, PRIOR_ALONE)
    apart = compute_margin(spread, design.confidence, design.min_blocks)
    return Change(
        reference=lookup,
        value_before=before_all,
        value_after=after_all,
        before=before,
        before_margin=margins["before"],
        after=after,
        after_margin=margins["after"],
        after_alone=np.where(np.isfinite(margins["after"]), alone, np.nan),
        closed=side * (before - after),
        closed_margin=margins["closed"],
        whole=float(after_all[-1] - before_all[-1]),
        whole_margin=float(apart[0]),
        blocks=spreads["before"].blocks,
    )


def _find_margin(
    spread: StandardErrors,
    counted: np.ndarray,
    confidence: float,
    least: int,
    *,
    pairs: bool,
    skewed: bool,
) -> np.ndarray:
    live = counted & np.isfinite(compute_margin(spread, confidence, least))
    correlation = spread.correlation[np.ix_(live, live)]
    each = simultaneous_confidence(correlation, confidence, pairs=pairs)
    return np.where(live, compute_margin(spread, each, least, skewed=skewed), np.nan)


class _Pair:
    """The sums of one metric for both forecasts, and the spread of any contrast of their values."""

    def __init__(self, first: Cells, second: Cells, weights: np.ndarray, metric: Metric) -> None:
        self.names = (metric.numerator, metric.denominator)
        self.sums = tuple(
            cells.values[..., [cells.names.index(n) for n in self.names]]
            for cells in (first, second)
        )
        self.weights, self.metric = weights, metric
        self.totals = tuple(weigh_cells(s.sum(axis=0)[None], weights)[0] for s in self.sums)
        self.values = tuple(compute_ratio(t, self.names, metric) for t in self.totals)
        tensors = [weigh_cells(s, weights) for s in self.sums]
        self.present = np.hstack([(t[..., 1] > 0).sum(axis=0) for t in tensors])
        self.influence = np.hstack([compute_influence(t, self.names, metric) for t in tensors])

    def spread(self, contrast: np.ndarray, design: Design, unrelated: float) -> StandardErrors:
        """Errors of contrasts (2 (G + 1), C) of the values: the first forecast's, then the other's.

        Blocks are as in `measure_groups`; `unrelated` is the chance, before looking, that periods
        have nothing in common.
        """
        if design.blocks == "entities":
            return self._by_entity(contrast)
        influence = contrast_groups(self.influence, contrast)
        present = _fewest(self.present, contrast)
        by_period = autocorrelated_se(influence, present, unrelated=unrelated)
        if design.blocks == "periods":
            return by_period
        return two_way_se(by_period, self._by_entity(contrast), self._squares(contrast))

    def _by_entity(self, contrast: np.ndarray) -> StandardErrors:
        tensors = [s.sum(axis=0)[:, None, :] * self.weights[:, :, None] for s in self.sums]
        size = np.hstack([t[..., 1] for t in tensors])
        influence = np.hstack([compute_influence(t, self.names, self.metric) for t in tensors])
        return cluster_robust_se(
            correct_leverage(influence, size) @ contrast,
            _fewest((size > 0).sum(axis=0), contrast),
            _fewest(satterthwaite_df(size, influence), contrast),
        )

    def _squares(self, contrast: np.ndarray) -> np.ndarray:
        total = np.zeros(contrast.shape[1])
        for blocks in zip(*self.sums, strict=True):
            parts = [
                compute_influence(
                    b[:, None, :] * self.weights[:, :, None], self.names, self.metric, known
                )
                for b, known in zip(blocks, self.totals, strict=True)
            ]
            total += ((np.hstack(parts) @ contrast) ** 2).sum(axis=0)
        return total


def _fewest(present: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Return the least of what a contrast rests on; 0 for a group compared with itself."""
    return np.array([present[c != 0].min() if c.any() else 0.0 for c in contrast.T], np.float64)
