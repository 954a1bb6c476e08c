"""Two-way fixed effects (difference-in-differences) and two-stage least squares, cluster-robust.

A stepped wedge, and any panel of places that begin at different times: outcomes less what is
peculiar to each place and to each period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from cityai.impact.assignment import SEED, randomize_effect
from cityai.impact.difference_in_means import ASSIGNED, bound_effect
from cityai.impact.records import Effect, Law, leave_undefined

FOLLOWED: Final = "effect of being treated, of those who follow the assignment (LATE)"
LEAST_F: Final = 10.0
"""First-stage F below which an instrument is weak (Staiger and Stock 1997, Econometrica 65(3))."""
Errors = Literal["cluster", "iid"]


@dataclass(frozen=True, slots=True)
class Within:
    """The within transformation: projects away units and periods, with weights."""

    weights: np.ndarray
    """(rows,) float64, above 0."""
    order: np.ndarray
    start: np.ndarray
    """Rows by unit, and the first of each unit."""
    basis: np.ndarray
    """(rows, R) orthonormal in the weights: periods less what units share, in that order."""
    rank: int
    """Units and periods that are projected away."""

    def project(self, values: np.ndarray) -> np.ndarray:
        """Residuals (..., rows) of values (..., rows), in the order by unit."""
        held = _demean(np.asarray(values, np.float64)[..., self.order], self.weights, self.start)
        return held - ((held * self.weights) @ self.basis) @ self.basis.T


def _demean(held: np.ndarray, weights: np.ndarray, start: np.ndarray) -> np.ndarray:
    size = np.diff(np.append(start, len(weights)))
    mean = np.add.reduceat(held * weights, start, axis=-1) / np.add.reduceat(weights, start)
    return held - np.repeat(mean, size, axis=-1)


def find_within(unit: np.ndarray, period: np.ndarray, weights: np.ndarray) -> Within:
    """Find the within transformation of a panel, balanced or not.

    Parameters
    ----------
    unit, period : numpy.ndarray
        (rows,) codes.
    weights : numpy.ndarray
        (rows,) above 0.
    """
    order = np.argsort(unit, kind="stable")
    start = np.flatnonzero(np.diff(unit[order], prepend=unit.min() - 1))
    held = weights[order].astype(np.float64)
    code = np.unique(period[order], return_inverse=True)[1]
    dummies = _demean(np.eye(int(code.max()) + 1)[:, code], held, start)
    values, vectors = np.linalg.eigh((dummies * held) @ dummies.T)
    kept = values > 1e-10 * max(float(values.max()), 1e-300)
    basis = dummies.T @ vectors[:, kept] / np.sqrt(values[kept])
    return Within(held, order, start, basis, len(start) + int(kept.sum()))


@dataclass(frozen=True)
class ScoreReference:
    """Sums by cluster of redrawn assignments, from which any supposed effect follows."""

    estimate: float
    standard_error: float
    """As assigned."""
    own: np.ndarray
    seen: np.ndarray
    outcome: np.ndarray
    """(n, G) sums by cluster of the redrawn assignment, residual, times itself, times what was
    received (or the assignment as it was), and times the outcome."""
    small: float
    """What the squared error is multiplied by, of few clusters and rows."""
    assigned: ScoreReference | None = None
    """The same sums of the assignment as it was, n = 1."""

    def compare(self, tau: float) -> tuple[np.ndarray, np.ndarray]:
        """(n,) slopes of outcomes less the supposed effect, and their cluster-robust errors."""
        crossed = self.outcome - tau * self.seen
        with np.errstate(divide="ignore", invalid="ignore"):
            size = self.own.sum(axis=-1)
            slope = crossed.sum(axis=-1) / size
            scores = crossed - slope[..., None] * self.own
            error = np.sqrt(self.small * (scores**2).sum(axis=-1)) / size
        return slope, error

    def observe(self, tau: float) -> float:
        """Return the cluster-robust t statistic as assigned, of outcomes less the effect."""
        if self.assigned is None:
            return (self.estimate - tau) / self.standard_error
        return float(self.assigned.studentize(tau)[0])

    def studentize(self, tau: float) -> np.ndarray:
        """(n,) cluster-robust t statistics of outcomes less the supposed effect."""
        slope, error = self.compare(tau)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: np.ndarray = slope / error
        return ratio


def two_way_fixed_effects(
    outcome: np.ndarray,
    assigned: np.ndarray,
    unit: np.ndarray,
    period: np.ndarray,
    *,
    arms: tuple[str, str],
    weights: np.ndarray | None = None,
    received: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    confidence: float = 0.95,
    errors: Errors = "cluster",
    law: Law | None = None,
    draws: int = 0,
) -> Effect:
    """Estimate an effect by two-way fixed effects, or by instrument where not all followed.

    Parameters
    ----------
    outcome : numpy.ndarray
        (rows,) NaN where it is not known: such rows are left out, and counted.
    assigned : numpy.ndarray
        (rows,) 1 where the second arm was assigned.
    unit, period : numpy.ndarray
        (rows,) codes of what is taken away: a place's, or a block's, own level, and that of a
        period. With one period for all, this is a regression with fixed effects of units.
    arms : tuple of str
        What it is compared with, and what it is the effect of.
    weights : numpy.ndarray, optional
        (rows,) cases behind a row.
    received : numpy.ndarray, optional
        (rows,) what was received, a share or yes and no: the assignment is its instrument.
    cluster : numpy.ndarray, optional
        (rows,) codes of what was assigned together; units without it.
    confidence : float
        Of the interval.
    errors : str
        `cluster`: CR1, t of one less than the clusters (as Stata and fixest have it). `iid`: those
        of least squares, too small where a place's rows resemble each other.
    law : Law, optional
        Of the same rows, to be redrawn for randomisation inference.
    draws : int
        Redrawn assignments; 0 gives the t interval.
    """
    method = "two-way fixed effects" if received is None else "two-stage least squares"
    estimand = ASSIGNED if received is None else FOLLOWED
    weight = np.ones(len(outcome)) if weights is None else np.asarray(weights, np.float64)
    known = np.isfinite(outcome) & (weight > 0)
    if received is not None:
        if not np.isfinite(received).any():
            return leave_undefined("nobody told what was done", arms, method, estimand)
        known &= np.isfinite(received)
    lost = int((~known).sum())
    told = f"{lost:,} of {len(known):,} rows without an outcome or a weight left out" * bool(lost)
    if not known.any():
        return leave_undefined(told or "no rows", arms, method, estimand)
    within = find_within(unit[known], period[known], weight[known])
    whom = (unit if cluster is None else cluster)[known][within.order]
    fit = Fit(
        within,
        np.unique(whom, return_inverse=True)[1],
        errors,
        _is_nested(unit[known][within.order], whom),
    )
    y, z = within.project(outcome[known]), within.project(assigned[known])
    d = z if received is None else within.project(np.asarray(received, np.float64)[known])
    solved = fit.solve(y, z, d)
    n = int(known.sum())
    if solved is None:
        reason = "the assignment does not differ within places and periods, or too few rows"
        return leave_undefined("; ".join(filter(None, [reason, told])), arms, method, estimand, n)
    estimate, error, freedom = solved
    if (
        received is not None
        and (first := fit.solve(d, z, z))
        and (first[0] / first[1]) ** 2 < LEAST_F
    ):
        reason = (
            f"the assignment was followed too little to tell (F = {(first[0] / first[1]) ** 2:.1f})"
        )
        return leave_undefined("; ".join(filter(None, [reason, told])), arms, method, estimand, n)
    effect = bound_effect(
        *(estimate, error, freedom, arms, method, estimand, confidence),
        n=n,
        blocks=int(whom.size and len(np.unique(whom))),
        reason=told,
    )
    if law is None or not draws:
        return effect
    return randomize_effect(effect, redraw_scores(fit, law, known, (y, z, d), draws, SEED), draws)


def _is_nested(unit: np.ndarray, cluster: np.ndarray) -> bool:
    """Whether each unit lies in one cluster."""
    pairs = np.unique(np.stack([unit, cluster]), axis=1)
    return bool(len(np.unique(unit)) == pairs.shape[1])


@dataclass(frozen=True, slots=True)
class Fit:
    """A regression on one variable, fixed effects projected away."""

    within: Within
    """The projection."""
    cluster: np.ndarray
    """(rows,) int64 codes from 0 in the projection's order."""
    errors: Errors
    """`cluster` or `iid`."""
    nested: bool
    """Whether each unit lies in one cluster: then units are not counted once more among the
    parameters (as fixest has it)."""

    @property
    def groups(self) -> int:
        """Clusters."""
        return int(self.cluster.max(initial=-1)) + 1

    @property
    def small(self) -> float:
        """CR1's factor of few clusters and rows."""
        n = len(self.cluster)
        counted = self.within.rank - (len(self.within.start) - 1) * self.nested + 1
        return self.groups / (self.groups - 1) * (n - 1) / max(n - counted, 1)

    def solve(
        self, y: np.ndarray, z: np.ndarray, d: np.ndarray
    ) -> tuple[float, float, float] | None:
        """Slope of y on d by the instrument z, its standard error and degrees of freedom."""
        w = self.within.weights
        cross, size = float((w * z) @ d), float((w * z) @ z)
        spare = len(y) - self.within.rank - 1
        if size < 1e-10 * float(w.sum()) or abs(cross) < 1e-12 * size or spare <= 0:
            return None
        slope = float((w * z) @ y) / cross
        residual = y - slope * d
        if self.errors == "iid":
            error = np.sqrt(float((w * residual) @ residual) / spare * size) / abs(cross)
            return (slope, float(error), float(spare)) if error > 0 else None
        if self.groups < 2:
            return None
        scores = np.bincount(self.cluster, weights=w * z * residual, minlength=self.groups)
        error = np.sqrt(self.small * float(scores @ scores)) / abs(cross)
        return (slope, float(error), float(self.groups - 1)) if error > 0 else None


def redraw_scores(
    fit: Fit,
    law: Law,
    known: np.ndarray,
    values: tuple[np.ndarray, np.ndarray, np.ndarray],
    draws: int,
    seed: int,
) -> ScoreReference:
    """Redraw the assignment by the law, and sum what the slope and its error follow from.

    Parameters
    ----------
    fit : Fit
        Of the rows that are known.
    law : Law
        Of all rows.
    known : numpy.ndarray
        (rows,) bool.
    values : tuple of numpy.ndarray
        Outcome, assignment and what was received (the assignment where all followed), projected.
    draws, seed : int
        Of the redraws.
    """
    order = np.argsort(fit.cluster, kind="stable")
    start = np.flatnonzero(np.diff(fit.cluster[order], prepend=-1))
    rng = np.random.default_rng(seed)
    y, z, d = values

    def add(drawn: np.ndarray) -> list[np.ndarray]:
        scaled = drawn * fit.within.weights
        return [np.add.reduceat((scaled * v)[:, order], start, axis=1) for v in (drawn, d, y)]

    parts = [
        add(fit.within.project(redrawn[:, known])) for redrawn in law.redraw_in_parts(rng, draws)
    ]
    own, seen, crossed = (np.concatenate(held) for held in zip(*parts, strict=True))
    solved = fit.solve(y, z, d)
    slope, error = (np.nan, np.nan) if solved is None else solved[:2]
    once, received, told = add(z[None])
    assigned = ScoreReference(slope, error, once, received, told, fit.small)
    return ScoreReference(slope, error, own, seen, crossed, fit.small, assigned)
