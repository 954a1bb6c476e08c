"""Standard errors: cluster-robust, two-way, leverage-corrected; degrees of freedom; quantiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, stdtrit

if TYPE_CHECKING:
    from cityai.inference.cluster_sums import ClusterSums


DRAWS = 4000
"""Draws of the largest of several correlated deviations."""
SEED = 20260101
LEAST_FREEDOM = 9.0
"""Fewer degrees of freedom between entities give no interval: a few large ones decide all."""
LEAST_FREEDOM_LEVEL = 50.0
"""The same for a figure that is not a gap, of entities that differ in size, in one period: heavy
tails do not cancel in it, and a sample without the outliers does not show that there are some."""
MOST_LOPSIDED = 0.15
"""Squared skewness of a figure between entities above which it gives no interval."""


@dataclass(frozen=True, slots=True)
class StandardErrors:
    """Standard errors of C estimates."""

    error: np.ndarray
    """(C,) standard errors; zero where nothing varied."""
    freedom: np.ndarray
    """(C,) degrees of freedom of Student's t."""
    blocks: np.ndarray
    """(C,) blocks behind each."""
    correlation: np.ndarray
    """(C, C) between the estimates; (0, 0) where no two of them are compared."""
    usable: np.ndarray
    """(C,) bool: the data can tell how wide an interval must be."""
    skew: np.ndarray | None = None
    """(C,) size of the skewness of each estimate, where its intervals allow for it."""

    def keep(self, at: int) -> StandardErrors:
        """Keep one estimate."""
        i = [at]
        return StandardErrors(
            self.error[i],
            self.freedom[i],
            self.blocks[i],
            self.correlation[np.ix_(i, i)],
            self.usable[i],
            None if self.skew is None else self.skew[i],
        )

    def tell(self, min_blocks: int, *, still: bool = False) -> np.ndarray:
        """(C,) bool: there may be an interval; `still`: also where nothing varied."""
        known: np.ndarray = self.usable & (self.blocks >= min_blocks)
        return known & ((self.error > 1e-12) | still)


def cluster_robust_se(
    influence: np.ndarray,
    blocks: np.ndarray,
    freedom: np.ndarray,
    entities: ClusterSums | None = None,
    least: float = LEAST_FREEDOM,
) -> StandardErrors:
    """Cluster-robust (sandwich) standard errors, clusters being entities.

    Parameters
    ----------
    influence : numpy.ndarray
        (E, C), made good for leverage (`correct_leverage`).
    blocks : numpy.ndarray
        (C,) entities present.
    freedom : numpy.ndarray
        (C,) degrees of freedom (`satterthwaite_df`): a few large entities leave few, however many
        small ones there are.
    entities : ClusterSums, optional
        What each row stands for, where those alike are taken together in fewer rows.
    least : float
        Degrees of freedom below which there is no interval.

    Notes
    -----
    A t interval of lopsided deviations holds the truth too seldom, at 95 % by a quarter of their
    squared skewness (Hall 1992, The Bootstrap and Edgeworth Expansion, sec. 2.6): as much as
    that skewness is what the error is widened by.
    """
    error = np.sqrt((influence**2).sum(axis=0)) * (1 + find_lopsided(influence, entities))
    count = len(influence) if entities is None else entities.count
    matrix = to_correlation(influence.T @ influence, count)
    usable = freedom >= least
    return StandardErrors(error, np.maximum(freedom, 1.0), blocks, matrix, usable)


def correct_leverage(
    influence: np.ndarray, size: np.ndarray, copies: np.ndarray | None = None
) -> np.ndarray:
    """Leverage-correct cluster influences (CR2-like, Bell and McCaffrey 2002).

    Parameters
    ----------
    influence, size : numpy.ndarray
        (E, G) influences, and denominators.
    copies : numpy.ndarray, optional
        (E,) entities that each row stands for; one without it.

    Returns
    -------
    numpy.ndarray
        (E, G) each influence over ``sqrt(1 - h)``, h the entity's part of the denominator, at most
        nine tenths (Bell and McCaffrey 2002, Survey Methodology 28(2)).
    """
    total = size.sum(axis=0) if copies is None else copies @ size
    part = np.divide(size, total, out=np.zeros_like(size), where=total > 0)
    return influence / np.sqrt(1 - np.minimum(part, 0.9))


def find_lopsided(influence: np.ndarray, entities: ClusterSums | None = None) -> np.ndarray:
    """Find the squared skewness of each column's sum; zero where nothing varies.

    Of a share of yes or no, it is about one over how often the rarer answer was given.
    """
    squares = (influence**2).sum(axis=0)
    cubes = (influence**3).sum(axis=0) if entities is None else entities.sum_cubes(influence)
    return np.divide(cubes**2, squares**3, out=np.zeros_like(squares), where=squares > 1e-24)


def satterthwaite_df(
    size: np.ndarray, influence: np.ndarray, entities: ClusterSums | None = None
) -> np.ndarray:
    """Satterthwaite degrees of freedom of a ratio over unequal clusters.

    Parameters
    ----------
    size, influence : numpy.ndarray
        (E, G) denominators, and influences.
    entities : ClusterSums, optional
        What each row stands for; one entity without it.

    Returns
    -------
    numpy.ndarray
        (G,) as many as equal entities would leave that are worth as much (`count_effective`); 0
        where entities do not differ or are very lopsided, as where hardly any or nearly all have
        the outcome: such a group would lend a gap a certainty that it has not.
    """
    known = np.abs(influence).max(axis=0) > 1e-12
    known &= find_lopsided(influence, entities) <= MOST_LOPSIDED
    copies = None if entities is None else entities.copies
    return np.where(known, count_effective(size**2, copies) - 1, 0.0)


def two_way_se(
    by_period: StandardErrors, by_entity: StandardErrors, cell_squares: np.ndarray
) -> StandardErrors:
    """Two-way clustered standard errors: by entity + by period - by both, at least the larger.

    Parameters
    ----------
    by_period, by_entity : StandardErrors
        The two one-way spreads of the same C estimates.
    cell_squares : numpy.ndarray
        (C,) sum of squared influences of single cells (Cameron, Gelbach and Miller 2011).

    Notes
    -----
    The freedom of a sum of two variances is Satterthwaite's.
    """
    first, second = by_period.error**2, by_entity.error**2
    variance = np.maximum(first + second - cell_squares, np.maximum(first, second))
    parts = first**2 / by_period.freedom + second**2 / by_entity.freedom
    freedom = np.divide(variance**2, parts, out=np.ones_like(parts), where=parts > 0)
    larger = (first > second)[:, None] & (first > second)[None, :]
    return StandardErrors(
        np.sqrt(variance),
        np.clip(freedom, 1.0, np.maximum(by_period.freedom, by_entity.freedom)),
        np.minimum(by_period.blocks, by_entity.blocks),
        np.where(larger, by_period.correlation, by_entity.correlation),
        by_period.usable & by_entity.usable,
    )


def count_effective(size: np.ndarray, copies: np.ndarray | None = None) -> np.ndarray:
    """Count the effective number of blocks: ``(sum s)^2 / sum s^2`` per column (Kish 1965).

    With `copies`, each line of `size` stands for so many blocks.
    """
    squares = (size**2).sum(axis=0) if copies is None else copies @ size**2
    square: np.ndarray = (size.sum(axis=0) if copies is None else copies @ size) ** 2
    return np.divide(square, squares, out=np.zeros_like(squares), where=squares > 0)


def to_correlation(covariance: np.ndarray, blocks: float) -> np.ndarray:
    """Shrink covariances to correlations: from few blocks they come out too strong."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    product = np.outer(scale, scale)
    matrix = np.divide(covariance, product, out=np.zeros_like(covariance), where=product > 0)
    matrix /= 1 + len(scale) / blocks
    np.fill_diagonal(matrix, 1.0)
    return np.clip(matrix, -1.0, 1.0)


def find_test_confidence(confidence: float) -> float:
    """Confidence of the two-sided interval whose ends are one-sided tests at ``1 - confidence``.

    Two one-sided tests at 5 % are a 90 % interval (Schuirmann 1987, J. Pharmacokinet. Biopharm.
    15(6)).
    """
    return 2 * confidence - 1


def simultaneous_confidence(
    correlation: np.ndarray, confidence: float, pairs: bool = False
) -> float:
    """Simultaneous confidence: that of each interval at which all hold together.

    Parameters
    ----------
    correlation : numpy.ndarray
        (C, C) between the estimates.
    confidence : float
        Wanted for all together.
    pairs : bool
        Whether the reference is the best of the C, so that all pairs are compared.

    Returns
    -------
    float
        Between `confidence` and Sidak's.

    Notes
    -----
    Max-t: the distribution of the largest of C correlated normal deviations, drawn with a fixed
    seed (the multiplier bootstrap of the influences). With `pairs`, Sidak over all pairs.
    """
    n = len(correlation)
    if pairs:
        return float(confidence ** (1 / max(n * (n + 1) // 2, 1)))
    if n <= 1:
        return confidence
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    root /= np.sqrt((root**2).sum(axis=1, keepdims=True))
    at = math.ceil(confidence * DRAWS) - 1
    largest = np.partition(np.abs(root @ _draw_normal(n)).max(axis=0), at)[at]
    each = 2 * float(ndtr(largest)) - 1
    return float(min(max(each, confidence), confidence ** (1 / n)))


@lru_cache(maxsize=32)
def _draw_normal(n: int) -> np.ndarray:
    return np.random.default_rng(SEED).standard_normal((n, DRAWS))


def compute_margin(
    spread: StandardErrors, confidence: float, min_blocks: int, *, skewed: bool = False
) -> np.ndarray:
    """Compute half-widths of intervals; `skewed`: they allow for skewness (`allow_skew`).

    Returns
    -------
    numpy.ndarray
        (C,) NaN with fewer than `min_blocks` blocks, where the data cannot tell how wide it must
        be, or where nothing varied between blocks: a standard error of zero would claim certainty.
    """
    quantile = find_quantile(spread, confidence)
    margin = (allow_skew(quantile, spread) if skewed else quantile) * spread.error
    return np.where(spread.tell(min_blocks), margin, np.nan)


def find_quantile(spread: StandardErrors, confidence: float) -> np.ndarray:
    """(C,) quantiles of Student's t that bound two-sided intervals."""
    freedom, at = np.unique(spread.freedom, return_inverse=True)
    return stdtrit(freedom, (1 + confidence) / 2)[at]


def allow_skew(quantile: np.ndarray, spread: StandardErrors) -> np.ndarray:
    """Widen quantiles for skewness: the first term of the Cornish-Fisher expansion, to both sides.

    Notes
    -----
    A t interval of a skewed mean errs by ``g (2 q^2 + 1) / 6`` of its standard errors to one side,
    g the skewness of the mean (Johnson 1978, J. Am. Stat. Assoc. 73(363); Hall 1992): little in the
    middle, much in the tails that many groups are judged by.
    """
    if spread.skew is None:
        return quantile
    return quantile + spread.skew * (2 * quantile**2 + 1) / 6
