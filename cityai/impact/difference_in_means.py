"""Blocked difference in means (Neyman) of two arms of a lottery, of amounts or of yes and no."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtr, stdtrit

from cityai.impact.assignment import SEED, randomize_effect
from cityai.impact.records import Effect, Law, leave_undefined

METHOD: Final = "difference in means by block (Neyman)"
UNEQUAL: Final = 1.96
"""Standard errors between two arms' losses beyond which they are told to differ."""
ASSIGNED: Final = "effect of being assigned (intention to treat)"


@dataclass(frozen=True, slots=True)
class Arms:
    """Rows of two arms, in order of their block."""

    outcome: np.ndarray
    """(rows,) float64."""
    treated: np.ndarray
    """(rows,) float64 1 or 0."""
    start: np.ndarray
    """(B,) first row of each block."""
    rows: np.ndarray
    """(rows,) where they stand in the law."""
    left_out: str
    """What was left out, and why."""

    def add(self, values: np.ndarray) -> np.ndarray:
        """Sum (..., rows) by block, (..., B)."""
        return np.add.reduceat(values, self.start, axis=-1)


def pair_arms(outcome: np.ndarray, law: Law, arms: tuple[str, str]) -> Arms:
    """Keep the rows of two arms that have an outcome, in blocks that hold both."""
    codes = [law.arms.index(name) for name in arms]
    of_arms = np.isin(law.arm, codes)
    known = of_arms & np.isfinite(outcome)
    unknown = [int((of_arms & ~known & (law.arm == code)).sum()) for code in codes]
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(law.block[rows], kind="stable")]
    treated = law.arm[rows] == codes[1]
    size = int(law.block.max(initial=-1)) + 1
    counts = np.bincount(law.block[rows], minlength=size)
    ones = np.bincount(law.block[rows], weights=treated, minlength=size)
    both = ((ones > 0) & (ones < counts))[law.block[rows]]
    left_out = ""
    if any(unknown):
        left_out = (
            f"without an outcome: {unknown[0]:,} of '{arms[0]}', {unknown[1]:,} of '{arms[1]}'"
        )
        if attrition_differs(unknown, [int((law.arm == code).sum()) for code in codes]):
            left_out += "; the arms differ in this, so the effect may be of who is measured"
    if lone := int((~both).sum()):
        left_out = "; ".join(filter(None, [left_out, f"{lone:,} rows in blocks of one arm only"]))
    rows, treated = rows[both], treated[both].astype(np.float64)
    start = np.flatnonzero(np.diff(law.block[rows], prepend=-1))
    return Arms(outcome[rows].astype(np.float64), treated, start, rows, left_out)


def attrition_differs(lost: list[int], rows: list[int]) -> bool:
    """Test whether two arms lost outcomes unequally (differential attrition), by 1 in 20."""
    share = sum(lost) / max(sum(rows), 1)
    error = math.sqrt(share * (1 - share) * (1 / max(rows[0], 1) + 1 / max(rows[1], 1)))
    return error > 0 and abs(lost[1] / rows[1] - lost[0] / rows[0]) > UNEQUAL * error


@dataclass(frozen=True, slots=True)
class BlockSums:
    """What the estimate and its error follow from: sums by arm and block, (..., 2, B)."""

    count: np.ndarray
    total: np.ndarray
    square: np.ndarray
    """Rows, outcomes and their squares; of the first arm, and of the second."""

    def compare(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the difference (...), its standard error and its degrees of freedom.

        Notes
        -----
        Blocks count by their rows (Imbens and Rubin 2015, Causal Inference, 9.3-9.5). The variance
        of an arm that has one row in a block is that of the arm within other blocks. Where it has
        one row in all of them, the error follows from how the blocks differ (`vary_between`).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / self.count
            within = np.maximum(self.square - self.total * mean, 0.0)
            free = self.count - 1
            pooled = within.sum(axis=-1, keepdims=True) / free.sum(axis=-1, keepdims=True)
            variance = np.where(free > 0, within / free, pooled)
            rows = self.count.sum(axis=-2)
            part = rows / rows.sum(axis=-1, keepdims=True)
            parts = part[..., None, :] ** 2 * variance / self.count
            total = parts.sum(axis=(-1, -2))
            each = (parts**2 / np.where(free > 0, free, np.inf)).sum(axis=(-1, -2))
            freedom = total**2 / each
            apart = mean[..., 1, :] - mean[..., 0, :]
            gap = (part * apart).sum(axis=-1)
        lone = (free.sum(axis=-1) == 0).any(axis=-1)
        if lone.any():
            total = np.where(lone, vary_between(apart, rows), total)
            freedom = np.where(lone, free.shape[-1] - 1.0, freedom)
        return gap, np.sqrt(total), freedom


def vary_between(apart: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Variance of the mean of blocks' differences by how they differ; NaN where it has none.

    Parameters
    ----------
    apart, rows : numpy.ndarray
        (..., B) differences, and what they count by.

    Notes
    -----
    Of pairs, and wherever an arm has one row in each block; it is too large where effects differ
    between blocks (Pashley and Miratrix 2021, J. Educ. Behav. Stat. 46(3), for unequal blocks). A
    block of half of all rows has none to be held against.
    """
    whole = rows.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(whole > 2 * rows, rows**2 / (whole - 2 * rows), np.nan)
        mean = (rows * apart).sum(axis=-1, keepdims=True) / whole
        spread = (weight * (apart - mean) ** 2).sum(axis=-1)
        found: np.ndarray = spread / (whole[..., 0] + weight.sum(axis=-1))
    return found


def sum_blocks(arms: Arms) -> BlockSums:
    """Sum the two arms as they were assigned."""
    y = arms.outcome
    held = [arms.add(np.stack([1 - arms.treated, arms.treated]) * v) for v in (1.0, y, y**2)]
    return BlockSums(*held)


@dataclass(frozen=True)
class BlockReference:
    """Sums of redrawn assignments, from which any supposed effect follows."""

    estimate: float
    standard_error: float
    """As assigned."""
    drawn: dict[str, np.ndarray]
    """(n, B) sums over the rows redrawn into the second arm: of 1, y, y squared, of the second arm
    as assigned (w) and y times that."""
    whole: dict[str, np.ndarray]
    """(B,) the same over all rows."""

    def observe(self, tau: float) -> float:
        """Return the studentised difference as assigned, of outcomes less the supposed effect."""
        return (self.estimate - tau) / self.standard_error

    def studentize(self, tau: float) -> np.ndarray:
        """(n,) studentised differences of outcomes less the supposed effect."""
        treated, everyone = (_take_effect(sums, tau) for sums in (self.drawn, self.whole))
        both = [np.stack([e - t, t], axis=-2) for e, t in zip(everyone, treated, strict=True)]
        gap, error, _ = BlockSums(*both).compare()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: np.ndarray = gap / error
        return ratio


def _take_effect(sums: dict[str, np.ndarray], tau: float) -> tuple[np.ndarray, ...]:
    """Rows, and sums of ``y - tau w`` and its square."""
    total = sums["y"] - tau * sums["w"]
    return sums["1"], total, sums["yy"] - 2 * tau * sums["yw"] + tau**2 * sums["w"]


def redraw_blocks(arms: Arms, law: Law, draws: int) -> BlockReference:
    """Redraw who is in which of two arms, block by block, by the law."""
    rng = np.random.default_rng(SEED)
    y = arms.outcome - arms.outcome.mean()
    columns = {"1": np.ones_like(y), "y": y, "yy": y**2, "w": arms.treated, "yw": y * arms.treated}
    part = _between_two(arms, law)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in columns}
    for redrawn in part.redraw_in_parts(rng, draws):
        for name, column in columns.items():
            kept[name].append(arms.add(redrawn * column))
    gap, error, _ = sum_blocks(arms).compare()
    return BlockReference(
        float(gap),
        float(error),
        {name: np.concatenate(found) for name, found in kept.items()},
        {name: arms.add(column) for name, column in columns.items()},
    )


def _between_two(arms: Arms, law: Law) -> Law:
    """The law between two arms, given which rows are in either and have an outcome."""
    kept = law.keep(arms.rows)
    return Law(
        "lottery",
        ("", ""),
        arms.treated.astype(np.int64),
        kept.probability,
        kept.unit,
        kept.block,
        np.arange(len(arms.rows)),
        kept.period,
    )


def difference_in_means(
    outcome: np.ndarray,
    law: Law,
    arms: tuple[str, str],
    confidence: float = 0.95,
    *,
    draws: int = 0,
) -> Effect:
    """Estimate the effect of one arm of a lottery against another: difference in means by block.

    Parameters
    ----------
    outcome : numpy.ndarray
        (rows,) float64, NaN where it is not known: such rows are left out, and counted.
    law : Law
        A lottery of units; clusters need `fixed_effects.two_way_fixed_effects`.
    arms : tuple of str
        What it is compared with, and what it is the effect of.
    confidence : float
        Of the interval.
    draws : int
        Redrawn assignments (`randomization.DRAWS`); 0 gives Welch's t interval.

    Returns
    -------
    Effect
        Undefined where an arm has no outcome, or where nothing varies.

    Raises
    ------
    ValueError
        For a law that is no lottery of units: its draw would be another.
    """
    if law.kind != "lottery" or len(np.unique(law.cluster)) < len(law):
        raise ValueError("a difference in means by block is of a lottery of single units")
    pair = pair_arms(outcome, law, arms)
    if not len(pair.rows):
        reason = "; ".join(filter(None, ["no block has outcomes in both arms", pair.left_out]))
        return leave_undefined(reason, arms, METHOD, ASSIGNED)
    gap, error, freedom = (float(x) for x in sum_blocks(pair).compare())
    if not error > 0:
        reason = "nothing varies within the arms, or between too few blocks"
        return leave_undefined(reason, arms, METHOD, ASSIGNED, len(pair.rows), estimate=gap)
    effect = bound_effect(
        *(gap, error, freedom, arms, METHOD, ASSIGNED, confidence),
        n=len(pair.rows),
        reason=pair.left_out,
    )
    reference = redraw_blocks(pair, law, draws) if draws else None
    return randomize_effect(effect, reference, draws)


def bound_effect(
    estimate: float,
    error: float,
    freedom: float,
    arms: tuple[str, str],
    method: str,
    estimand: str,
    confidence: float,
    *,
    n: int,
    blocks: int | None = None,
    reason: str = "",
) -> Effect:
    """Give an estimate its t interval and two-sided p value; `blocks` are rows without it."""
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(estimate) / error))
    return Effect(
        *(estimate, error, estimate - half, estimate + half, p_value, n, arms, method, estimand),
        *(confidence, freedom, n if blocks is None else blocks, reason),
    )
