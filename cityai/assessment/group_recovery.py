"""Groups of entities recovered from features by ridge regression, each by a fit that never saw it.

What depends on the features alone is prepared once, whatever groups are asked about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import ENTITY
from cityai.i18n.messages import join, say
from cityai.inference.standard_errors import cluster_robust_se, compute_margin, count_effective

FOLDS: Final = 5
SEED: Final = 20260101
LEAST_ENTITIES: Final = 30
"""Fewer entities with a known group give no figure."""
MOST_LEVELS = 300
"""Values of a category that are told apart, those of most entities."""
BINS = 8
"""Bands of a number, or its own values where there are no more."""
ENOUGH_A_COLUMN = 8
"""Entities for each column that bands would add; with fewer there are none."""
NAMED = say(
    "The model also sees which entity it is asked about, and so whatever is true of that one."
)
LEFT_OUT = say("Left out, as each value belongs to a single entity: {features}.")
LESS_SEEN = say("Only the most frequent values were told apart of: {features}.")


def recover_groups(
    folds: Sequence[ScaledFold], parted: Sequence[PartedGroups], confidence: float
) -> tuple[float, float, float]:
    """Recover membership by cross-fitted ridge regression.

    Parameters
    ----------
    folds : sequence of ScaledFold
        From `part_features`; a missing feature is taken for the average.
    parted : sequence of PartedGroups
        From `part_groups`.
    confidence : float
        Of the interval.

    Returns
    -------
    tuple of float
        Share recovered (one minus squared error over that of the average, both on entities that
        the fit did not see), and its interval (entities vary).
    """
    missed, spread = _cross_fit(folds, parted)
    n = len(missed)
    ratio = missed.sum() / spread.sum()
    influence = ((missed - ratio * spread) / spread.sum())[:, None]
    freedom = count_effective(spread[:, None]) - 1
    margin = compute_margin(
        cluster_robust_se(influence, np.array([float(n)]), freedom), confidence, LEAST_ENTITIES
    )[0]
    if not math.isfinite(margin):
        # All entities are missed alike, or too few of them count to bound it.
        margin = 0.0 if np.abs(influence).max() < 1e-9 else 1.0
    return float(1 - ratio), float(1 - ratio - margin), float(1 - ratio + margin)


def recover_dealt(parts: Sequence[np.ndarray], dealt: np.ndarray) -> np.ndarray:
    """Recover groups that were dealt out often, by each feature.

    Parameters
    ----------
    parts : sequence of numpy.ndarray
        K features (E, F); the last holds all columns of the others, in their order.
    dealt : numpy.ndarray
        (P, E, G) parts of each deal.

    Returns
    -------
    numpy.ndarray
        (K, P) share recovered, as `recover_groups` has it.

    Notes
    -----
    The squared errors of a fit are sums of products of features and groups, which all features
    and deals need together: two products of matrices a fold, and small systems after that.
    """
    deals, n, groups = dealt.shape
    ends = np.cumsum([part.shape[1] for part in parts[:-1]])
    columns = [np.arange(e - p.shape[1], e) for p, e in zip(parts[:-1], ends, strict=True)]
    columns.append(np.arange(parts[-1].shape[1]))
    flat = dealt.transpose(1, 0, 2).reshape(n, deals * groups)
    missed, spread = np.zeros((len(parts), deals * groups)), np.zeros(deals * groups)
    for test in _list_folds(n):
        train, ahead = _scale_features(parts[-1][~test], parts[-1][test])
        mean = flat[~test].mean(axis=0)
        apart, aside = flat[~test] - mean, flat[test] - mean
        inner, outer = train.T @ train, ahead.T @ ahead
        learnt, seen = train.T @ apart, ahead.T @ aside
        total = (aside**2).sum(axis=0)
        spread += total
        for k, own in enumerate(columns):
            square = np.ix_(own, own)
            slope = np.linalg.solve(_pull(inner[square]), learnt[own])
            fit = (slope * (outer[square] @ slope)).sum(axis=0)
            missed[k] += total - 2 * (slope * seen[own]).sum(axis=0) + fit
    shape = (-1, deals, groups)
    whole = spread.reshape(shape).sum(axis=2)
    return 1 - missed.reshape(shape).sum(axis=2) / whole


def _list_folds(n: int) -> list[np.ndarray]:
    fold = np.random.default_rng(SEED).permutation(n) % FOLDS
    return [fold == k for k in range(FOLDS)]


def _pull(inner: np.ndarray) -> np.ndarray:
    """Pull to zero as strongly as one more row for every feature."""
    return inner + max(len(inner), 1) * np.eye(len(inner))


@dataclass(frozen=True, slots=True)
class PartedGroups:
    """A fold's groups, and those of all others, less the others' average."""

    aside: np.ndarray
    apart: np.ndarray


def part_groups(groups: np.ndarray) -> list[PartedGroups]:
    """Part (E, G) groups into folds."""
    parted = []
    for test in _list_folds(len(groups)):
        apart = groups - groups[~test].mean(axis=0)
        parted.append(PartedGroups(apart[test], apart[~test]))
    return parted


@dataclass(frozen=True, slots=True)
class ScaledFold:
    """A fold: its entities (E,), scaled features of theirs and of all others, products of these."""

    test: np.ndarray
    ahead: np.ndarray
    train: np.ndarray
    pulled: np.ndarray


def part_features(features: np.ndarray) -> list[ScaledFold]:
    """Part (E, F) features into folds."""
    parted = []
    for test in _list_folds(len(features)):
        train, ahead = _scale_features(features[~test], features[test])
        parted.append(ScaledFold(test, ahead, train, _pull(train.T @ train)))
    return parted


def _cross_fit(
    folds: Sequence[ScaledFold], parted: Sequence[PartedGroups]
) -> tuple[np.ndarray, np.ndarray]:
    """Predict groups from features: squared errors (E,) of fit and average."""
    missed, spread = np.zeros((2, len(folds[0].test)))
    for fold, groups in zip(folds, parted, strict=True):
        slope = np.linalg.solve(fold.pulled, fold.train.T @ groups.apart)
        missed[fold.test] = ((groups.aside - fold.ahead @ slope) ** 2).sum(axis=1)
        spread[fold.test] = (groups.aside**2).sum(axis=1)
    return missed, spread


def _scale_features(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(train)
    center = np.where(known, train, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, train, center) - center
    scale = np.sqrt((filled**2).mean(axis=0))
    scale = np.where(scale > 1e-12, scale, 1.0)
    return filled / scale, (np.where(np.isfinite(test), test, center) - center) / scale


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the model looks at, averaged over the rows of each entity."""

    entities: pd.Index
    """(E,) sorted."""
    blocks: dict[str, np.ndarray]
    """(E, F) columns of each feature; none where nothing can be learnt from it."""
    labels: Mapping[str, str]
    """What features are called."""
    note: str
    """What was left out of the sight, and that the entity itself is seen."""


def average_entities(
    rows: pd.DataFrame, features: Sequence[str], labels: Mapping[str, str]
) -> Inputs:
    """Average what the model looks at over the rows of each entity, so that entities count once.

    Parameters
    ----------
    rows : pandas.DataFrame
        `entity_id` and the features.
    features : sequence of str
        What the model looks at; the name of the entity itself is left out.
    labels : Mapping of str to str
        What features are called.
    """
    codes, entities = pd.factorize(rows[ENTITY].astype(str), sort=True)
    numbers = [f for f in features if pd.api.types.is_numeric_dtype(rows[f]) and f != ENTITY]
    fine = len(numbers) * BINS * ENOUGH_A_COLUMN <= len(entities)
    means = rows[numbers].astype(np.float64).groupby(codes).mean()
    blocks: dict[str, np.ndarray] = {}
    alone, less = [], []
    for feature in features:
        if feature == ENTITY:
            continue
        if feature in numbers:
            column = means[feature].to_numpy()
            bands = [_cut_bands(column)] if fine else []
            blocks[feature] = np.column_stack([column, *bands])
            continue
        blocks[feature], cut = _share_levels(rows[feature], codes, len(entities))
        less += [labels.get(feature, feature)] * cut
        alone += [labels.get(feature, feature)] * (blocks[feature].shape[1] == 0)
    note = " " + NAMED if ENTITY in features else ""
    for words, names in ((LEFT_OUT, alone), (LESS_SEEN, less)):
        note += " " + words.format(features=join(", ", names)) if names else ""
    return Inputs(pd.Index(entities), blocks, labels, note)


def _cut_bands(column: np.ndarray) -> np.ndarray:
    """Mark the band that a number lies in: its own value where there are few."""
    known = column[np.isfinite(column)]
    values = np.unique(known)
    if len(values) > BINS:
        values = np.unique(np.quantile(known, np.arange(BINS) / BINS))
    at = np.searchsorted(values, column, side="right") - 1
    at[~np.isfinite(column)] = -1
    return (at[:, None] == np.arange(len(values))).astype(np.float64)


def _share_levels(column: pd.Series, codes: np.ndarray, n: int) -> tuple[np.ndarray, bool]:
    """Return the share of each entity's rows with each value, and whether values were left out.

    A value of a single entity says nothing of entities that the fit did not see.
    """
    level = pd.factorize(column)[0]
    pairs = pd.DataFrame({"entity": codes, "level": level}).value_counts().reset_index()
    held = pairs["level"].value_counts()
    held = held[held > 1]
    kept = held.sort_index().nlargest(MOST_LEVELS).index
    shares = np.zeros((n, len(kept)))
    at = kept.get_indexer(pd.Index(pairs["level"]))
    seen = at >= 0
    shares[pairs["entity"][seen], at[seen]] = pairs["count"][seen]
    return shares / np.bincount(codes, minlength=n)[:, None], len(held) > len(kept)
