"""Effects by group with simultaneous confidence intervals, and their differences from the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from cityai.disclosure.primary_suppression import hide_cells, is_few, join_small
from cityai.impact.difference_in_means import ASSIGNED, difference_in_means, pair_arms, sum_blocks
from cityai.impact.records import Effect, Law, leave_undefined
from cityai.inference.rate_intervals import Rates, bound_gaps
from cityai.inference.standard_errors import simultaneous_confidence

HIDDEN = "too few people in an arm to show"
RATES = "difference in proportions by block (MOVER of Wilson intervals)"


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """An effect in each group."""

    groups: tuple[str, ...]
    """In order of their names."""
    effects: tuple[Effect, ...]
    """Of each, with intervals that hold all together."""
    hidden: np.ndarray
    """(G,) bool: too few in an arm, or what would give such a group away."""
    counted_with: tuple[str, ...]
    """For each the group that it is counted with where it is a small part of it; else empty."""
    counts: pd.DataFrame
    """(G, arms) rows by group and arm; of groups that are hidden too, so not for print."""


def compare_groups(
    outcome: np.ndarray,
    law: Law,
    group: np.ndarray,
    arms: tuple[str, str],
    confidence: float = 0.95,
    *,
    small_cell: float = 11.0,
) -> GroupEffects:
    """Estimate the effect of a lottery in each group; all intervals hold with `confidence`.

    Notes
    -----
    Of yes and no the interval is that of two Wilson intervals (Newcombe 1998), which exists where
    nobody, or everybody, had the outcome.
    """

    def estimate(rows: np.ndarray, each: float) -> Effect:
        return compare_arms(outcome[rows], law.keep(rows), arms, each)

    assigned = np.asarray(law.arms)[law.arm]
    return split_effect(group, assigned, arms, estimate, confidence, small_cell=small_cell)


def split_effect(
    group: np.ndarray,
    assigned: np.ndarray,
    arms: tuple[str, str],
    estimate: Callable[[np.ndarray, float], Effect],
    confidence: float = 0.95,
    *,
    cases: np.ndarray | None = None,
    small_cell: float = 11.0,
) -> GroupEffects:
    """Estimate an effect in each group, with simultaneous confidence intervals.

    Parameters
    ----------
    group : numpy.ndarray
        (rows,) text; a missing one is a group by its name (`columns.NOT_RECORDED`).
    assigned : numpy.ndarray
        (rows,) the arm of each, as `arms` has them.
    arms : tuple of str
        What it is compared with, and what it is the effect of.
    estimate : callable
        The effect from some rows, by their (n,) int64 positions, with a confidence.
    confidence : float
        Of all intervals of the groups together.
    cases : numpy.ndarray, optional
        (rows,) cases behind a row; one each without it.
    small_cell : float
        The policy's threshold: groups with fewer cases in either arm are counted with the largest
        where they are a small part of it, else hidden, and another with them where they would
        follow from the whole.

    Notes
    -----
    Groups have nobody in common, so their estimates are unrelated, and the confidence of each is
    Sidak's.
    """
    names, code = np.unique(group.astype(str), return_inverse=True)
    frame = pd.DataFrame({"group": code, "arm": assigned, "n": 1.0 if cases is None else cases})
    counts = frame.pivot_table(index="group", columns="arm", values="n", aggfunc="sum")
    counts = counts.reindex(index=range(len(names))).fillna(0.0)
    counts.index = pd.Index(names)
    of_both = counts.reindex(columns=list(arms), fill_value=0).to_numpy(np.float64)
    few = np.asarray(is_few(of_both, small_cell)).any(axis=1) | (of_both == 0).any(axis=1)
    held = of_both.sum(axis=1)
    _, apart, largest = join_small(np.eye(len(names)), few, [held, held], small_cell)
    joined = np.asarray(apart.any(axis=0))
    code = np.where(joined, largest, np.arange(len(names)))[code]
    hidden = joined | hide_cells(np.where(joined, 0.0, held), few & ~joined, small_cell)
    each = simultaneous_confidence(np.eye(max(int((~hidden).sum()), 1)), confidence)
    effects = [
        leave_undefined(HIDDEN, arms, RATES, ASSIGNED)
        if hidden[g]
        else estimate(np.flatnonzero(code == g), each)
        for g in range(len(names))
    ]
    counted_with = tuple(str(names[largest]) if j else "" for j in joined)
    return GroupEffects(tuple(map(str, names)), tuple(effects), hidden, counted_with, counts)


def compare_arms(
    outcome: np.ndarray, law: Law, arms: tuple[str, str], confidence: float = 0.95
) -> Effect:
    """Estimate an effect without redraws: of yes and no by score intervals, else by Welch's t."""
    plain = difference_in_means(outcome, law, arms, confidence)
    known, pair = outcome[np.isfinite(outcome)], pair_arms(outcome, law, arms)
    if not len(pair.rows) or not np.isin(known, (0.0, 1.0)).all():
        return plain
    sums = sum_blocks(pair)
    rows = sums.count.sum(axis=0)
    part = rows / rows.sum()
    first, second = (
        Rates(
            np.array([part @ (sums.total[a] / sums.count[a])]),
            np.array([1 / float((part**2 / sums.count[a]).sum())]),
            np.ones(1),
        )
        for a in (1, 0)
    )
    error = np.array([plain.standard_error or 0.0])
    quantile = np.array([stdtrit(max(len(pair.rows) - 2, 1), (1 + confidence) / 2)])
    low, high = bound_gaps(first, second, np.ones(1), np.ones(1), error, quantile)
    estimate = float(first.value[0] - second.value[0])
    if plain.known:
        return replace(plain, low=float(low[0]), high=float(high[0]), method=RATES)
    return Effect(
        *(estimate, None, float(low[0]), float(high[0]), None, len(pair.rows), arms, RATES),
        *(ASSIGNED, confidence, float(len(pair.rows)), len(pair.rows), pair.left_out),
    )
