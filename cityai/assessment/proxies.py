"""Proxies: how well what the model looks at recovers who belongs to which group.

A model that is never told a group may still know it. Membership is predicted from the features by
ridge regression, every entity by a fit that never saw it; what is reported is the share of the
differences between entities that is recovered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.assessment.spread import compute_margin, count_effective, spread_entities
from cityai.columns import ENTITY
from cityai.data.groups import Membership
from cityai.findings import Finding, Status, sort_findings

CODE = "audit.proxy"
TOGETHER = "all together"
FOLDS = 5
SEED = 20260101
LEAST_ENTITIES = 30
"""Fewer entities with a known group give no figure."""
COLUMNS = ["dimension", "feature", "recovered", "low", "high", "entities", "reason"]
FEW = "{n} entities with a known group; at least {least} are needed."
ALIKE = "All entities belong to the groups alike, so there is nothing to recover."
TOLD = (
    "{label}: the features together recover {value:.0%} of the differences between {n} entities"
    " ({low:.0%} to {high:.0%}); the most telling one is {feature} ({best:.0%})."
    " No limit is declared."
)


@dataclass(frozen=True)
class Proxies:
    """How well features recover group membership.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a dimension and feature, and one for all together: `recovered` (1 for perfectly, 0
        for no better than the average), `low`, `high`, `entities`, `reason` (why there is none).
    findings : tuple of Finding
        `audit.proxy`, one a dimension.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...]


def find_proxies(
    rows: pd.DataFrame,
    features: Sequence[str],
    memberships: Sequence[Membership],
    confidence: float,
) -> Proxies:
    """Find how well features recover the groups of each dimension.

    Parameters
    ----------
    rows : pandas.DataFrame
        `entity_id` and the features; rows of an entity are averaged, so that entities count once.
    features : sequence of str
        Those to look at; what is not a number is left out.
    memberships : sequence of Membership
        The dimensions.
    confidence : float
        Of each interval.
    """
    usable = [f for f in features if pd.api.types.is_numeric_dtype(rows[f])]
    means = rows[usable].astype(np.float64).groupby(rows[ENTITY].astype(str), sort=True).mean()
    parts = [_judge_dimension(means, m, confidence) for m in memberships]
    table = pd.concat([p[0] for p in parts]) if parts else pd.DataFrame(columns=COLUMNS)
    return Proxies(table.reset_index(drop=True), sort_findings(p[1] for p in parts))


def _judge_dimension(
    means: pd.DataFrame, membership: Membership, confidence: float
) -> tuple[pd.DataFrame, Finding]:
    weights = membership.weights
    shared = [e for e in means.index if e in weights.index]
    inside, groups = means.loc[shared].to_numpy(), weights.loc[shared].to_numpy(np.float64)
    found = [(f, inside[:, [i]]) for i, f in enumerate(means.columns)] + [(TOGETHER, inside)]
    rows = [
        (membership.dimension, feature, *recover_groups(part, groups, confidence))
        for feature, part in found
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    whole, single = table.iloc[-1], table.iloc[:-1]
    title = f"Groups in the features: {membership.label}"
    if whole["reason"] or single.empty:
        status = Status.NOT_APPLICABLE if whole["reason"] == ALIKE else Status.NOT_ENOUGH
        return table, Finding(CODE, status, title, whole["reason"], subject=membership.dimension)
    best = single.iloc[int(np.nanargmax(single["recovered"].to_numpy(np.float64)))]
    told = TOLD.format(
        label=membership.label,
        value=max(whole["recovered"], 0.0),
        low=max(whole["low"], 0.0),
        high=min(max(whole["high"], 0.0), 1.0),
        n=int(whole["entities"]),
        feature=best["feature"],
        best=max(best["recovered"], 0.0),
    )
    observed = float(whole["recovered"])
    subject = membership.dimension
    return table, Finding(
        CODE, Status.NOT_APPLICABLE, title, told, observed, None, "share", subject
    )


def recover_groups(
    features: np.ndarray, groups: np.ndarray, confidence: float
) -> tuple[float, float, float, int, str]:
    """Recover membership by cross-fitted ridge regression.

    Parameters
    ----------
    features : numpy.ndarray
        (E, F); a missing one is taken for the average.
    groups : numpy.ndarray
        (E, G) parts.
    confidence : float
        Of the interval.

    Returns
    -------
    tuple
        Share recovered (one minus squared error over that of the average, both on entities that
        the fit did not see), its interval (entities vary), entities, and why there is none.
    """
    n = len(groups)
    nothing = (math.nan, math.nan, math.nan, n)
    if n < LEAST_ENTITIES or features.shape[1] == 0:
        return *nothing, FEW.format(n=n, least=LEAST_ENTITIES)
    fold = np.random.default_rng(SEED).permutation(n) % FOLDS
    missed, spread = np.zeros(n), np.zeros(n)
    for k in range(FOLDS):
        test = fold == k
        guess, mean = _fit_ridge(features[~test], groups[~test], features[test])
        missed[test] = ((groups[test] - guess) ** 2).sum(axis=1)
        spread[test] = ((groups[test] - mean) ** 2).sum(axis=1)
    if spread.sum() < 1e-9:
        return *nothing, ALIKE
    ratio = missed.sum() / spread.sum()
    influence = ((missed - ratio * spread) / spread.sum())[:, None]
    freedom = count_effective(spread[:, None]) - 1
    margin = compute_margin(
        spread_entities(influence, np.array([float(n)]), freedom), confidence, LEAST_ENTITIES
    )[0]
    recovered = 1 - ratio
    return float(recovered), float(recovered - margin), float(recovered + margin), n, ""


def _fit_ridge(
    train: np.ndarray, groups: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(train)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, train, 0.0).sum(axis=0) / count
    filled = np.where(known, train, center) - center
    scale = np.sqrt((filled**2).mean(axis=0))
    scale = np.where(scale > 1e-12, scale, 1.0)
    filled /= scale
    mean = groups.mean(axis=0)
    # As strong a pull to zero as one more row for every feature.
    inner = filled.T @ filled + filled.shape[1] * np.eye(filled.shape[1])
    slope = np.linalg.solve(inner, filled.T @ (groups - mean))
    ahead = (np.where(np.isfinite(test), test, center) - center) / scale
    return mean + ahead @ slope, mean
