"""Proxies: whether the model could guess the groups from its inputs.

A model that is never told a group may still know it. Membership is predicted from the features by
ridge regression, every entity by a fit that never saw it; what is reported is the share of the
differences between entities that is recovered. Whether that is more than chance is judged against
the same with the groups dealt out anew among the entities, all features together, so that many
features of few entities do not find a proxy by luck.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.spread import compute_margin, count_effective, spread_entities
from cityai.columns import ENTITY
from cityai.data.groups import Membership
from cityai.findings import Finding, Status, sort_findings
from cityai.messages import say

if TYPE_CHECKING:
    from cityai.data.cases import CaseRows
    from cityai.data.rows import Rows

CODE = "audit.proxy"
TOGETHER = "all together"
FOLDS = 5
DEALS = 199
"""How often the groups are dealt out anew."""
FEWEST_DEALS = 99
MOST_CELLS = 20_000_000
SEED = 20260101
MOST_ENTITIES = 4_000
"""Of more entities so many are drawn, the same ones every time."""
LEAST_ENTITIES = 30
"""Fewer entities with a known group give no figure."""
MOST_LEVELS = 30
"""A category with more values than this, or with one for each entity, is left out."""
COLUMNS: Final = [
    "dimension",
    "feature",
    "label",
    "recovered",
    "low",
    "high",
    "chance",
    "verdict",
    "entities",
    "reason",
]
FOUND, NOT_SHOWN, UNKNOWN = "found", "not shown", "unknown"
FEW = say("{n} entities have a known group; at least {least} are needed to say so.")
ALIKE = say("All entities belong to the groups alike, so there is nothing to recover.")
TOLD_FOUND = say(
    "The inputs tell the groups apart. Together they recover {value:.0%} of the differences between"
    " {n} entities ({low:.0%} to {high:.0%}); the most telling one is {feature} ({best:.0%})."
)
TOLD_NOT = say(
    "There is not enough evidence that the inputs tell the groups apart: together they recover"
    " {value:.0%} of the differences between {n} entities (up to {high:.0%}), and by chance"
    " {chance:.0%} would not be rare."
)
NAMED = say(
    " The model also sees which entity it is asked about, and so whatever is true of that one."
)


@dataclass(frozen=True)
class Proxies:
    """How well features recover group membership.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a dimension and feature, and one for all together: `feature`, `label`, `recovered`
        (1 for perfectly, 0 for no better than the average), `low`, `high`, `chance` (what the most
        telling of all features exceeds by chance once in twenty), `verdict` ("found", "not shown",
        "unknown"), `entities`, `reason` (why there is none).
    findings : tuple of Finding
        `audit.proxy`, one a dimension.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...]


def find_proxies(
    rows: Rows | CaseRows, memberships: Sequence[Membership], confidence: float
) -> Proxies:
    """Find how well features recover the groups of each dimension.

    Parameters
    ----------
    rows : Rows
        What the model looks at. Rows of an entity are averaged, so that entities count once; a
        category counts as one feature, the name of the entity is left out.
    memberships : sequence of Membership
        The dimensions.
    confidence : float
        Of each interval, and of the verdicts of a dimension taken together.

    Notes
    -----
    The verdicts of a dimension hold together: each is held against the largest figure of any
    feature under permutation (Westfall and Young 1993, Resampling-Based Multiple Testing).
    """
    blocks = _average_entities(rows.table, rows.features)
    named = ENTITY in rows.features
    parts = [_judge_dimension(blocks, m, confidence, rows.labels, named) for m in memberships]
    table = pd.concat([p[0] for p in parts]) if parts else pd.DataFrame(columns=COLUMNS)
    return Proxies(table.reset_index(drop=True), sort_findings(p[1] for p in parts))


def _average_entities(rows: pd.DataFrame, features: Sequence[str]) -> dict[str, pd.DataFrame]:
    entity = rows[ENTITY].astype(str)
    n, blocks = entity.nunique(), {}
    for feature in features:
        column = rows[feature]
        if feature == ENTITY:
            continue
        if pd.api.types.is_numeric_dtype(column):
            block = column.astype(np.float64).to_frame()
        else:
            if column.nunique() > min(MOST_LEVELS, n - 1):
                continue
            block = pd.get_dummies(column.astype(str), dtype=np.float64)
        blocks[feature] = block.groupby(entity, sort=True).mean()
    if not blocks:
        blocks[""] = pd.DataFrame(index=pd.Index(sorted(entity.unique())))
    return blocks


def _judge_dimension(
    blocks: dict[str, pd.DataFrame],
    membership: Membership,
    confidence: float,
    labels: Mapping[str, str],
    named: bool,
) -> tuple[pd.DataFrame, Finding]:
    weights, index = membership.weights, next(iter(blocks.values())).index
    shared = _draw_entities([e for e in index if e in weights.index])
    groups = weights.loc[shared].to_numpy(np.float64)
    inside = {f: block.loc[shared].to_numpy() for f, block in blocks.items() if f}
    inside[TOGETHER] = np.column_stack([np.zeros((len(shared), 0)), *inside.values()])
    n, reason = len(shared), ""
    if n < LEAST_ENTITIES or inside[TOGETHER].shape[1] == 0:
        reason = FEW.format(n=n, least=LEAST_ENTITIES)
    elif ((groups - groups.mean(axis=0)) ** 2).sum() < 1e-9:
        reason = ALIKE
    title = say(f"Could the groups be guessed from the inputs: {membership.label}")
    subject = membership.dimension
    if reason:
        nothing = (math.nan,) * 4
        rows = [(subject, f, labels.get(f, f), *nothing, UNKNOWN, n, reason) for f in inside]
        status = Status.NOT_APPLICABLE if reason == ALIKE else Status.NOT_ENOUGH
        return pd.DataFrame(rows, columns=COLUMNS), Finding(
            CODE, status, title, reason, subject=subject
        )
    found = [recover_groups(part, groups, confidence) for part in inside.values()]
    chance = _find_chance(list(inside.values()), groups, confidence)
    rows = [
        (
            *(subject, f, labels.get(f, f), *figures, chance),
            *(FOUND if figures[0] > max(chance, 0.0) else NOT_SHOWN, n, ""),
        )
        for f, figures in zip(inside, found, strict=True)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table, _tell_dimension(table, title, subject, named)


def _draw_entities(entities: list[str]) -> list[str]:
    if len(entities) <= MOST_ENTITIES:
        return entities
    drawn = np.random.default_rng(SEED).choice(len(entities), MOST_ENTITIES, replace=False)
    return [entities[i] for i in np.sort(drawn)]


def _tell_dimension(table: pd.DataFrame, title: str, subject: str, named: bool) -> Finding:
    whole, single = table.iloc[-1], table.iloc[:-1]
    best = single.iloc[int(np.nanargmax(single["recovered"].to_numpy(np.float64)))]
    found = bool((table["verdict"] == FOUND).any())
    told = (TOLD_FOUND if found else TOLD_NOT).format(
        value=max(whole["recovered"], 0.0),
        low=min(max(whole["low"], 0.0), 1.0),
        high=min(max(whole["high"], 0.0), 1.0),
        n=int(whole["entities"]),
        feature=best["label"],
        best=max(best["recovered"], 0.0),
        chance=max(whole["chance"], 0.0),
    )
    status = Status.NOT_APPLICABLE if found else Status.NOT_ENOUGH
    observed = float(whole["recovered"])
    reason = f"{told}{NAMED if named else ''}{say(' No limit is declared.') if found else ''}"
    return Finding(CODE, status, title, reason, observed, None, "share", subject)


def recover_groups(
    features: np.ndarray, groups: np.ndarray, confidence: float
) -> tuple[float, float, float]:
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
    tuple of float
        Share recovered (one minus squared error over that of the average, both on entities that
        the fit did not see), and its interval (entities vary).
    """
    n = len(groups)
    missed, spread = _cross_fit(features, groups)
    ratio = missed.sum() / spread.sum()
    influence = ((missed - ratio * spread) / spread.sum())[:, None]
    freedom = count_effective(spread[:, None]) - 1
    margin = compute_margin(
        spread_entities(influence, np.array([float(n)]), freedom), confidence, LEAST_ENTITIES
    )[0]
    return float(1 - ratio), float(1 - ratio - margin), float(1 - ratio + margin)


def _find_chance(parts: Sequence[np.ndarray], groups: np.ndarray, confidence: float) -> float:
    """Find the share that the most telling features seldom recover of groups dealt out anew."""
    deals = int(np.clip(MOST_CELLS // max(groups.size, 1), FEWEST_DEALS, DEALS))
    rng = np.random.default_rng(SEED + 1)
    dealt = np.stack([groups[rng.permutation(len(groups))] for _ in range(deals)])
    # With the real deal among them, so many may be larger that chance alone stays within bounds.
    allowed = math.floor((1 - confidence) * (deals + 1))
    most = recover_dealt(parts, dealt).max(axis=0)
    return float(np.sort(most)[::-1][max(allowed - 1, 0)])


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
    shares: np.ndarray = 1 - missed.reshape(shape).sum(axis=2) / whole
    return shares


def _list_folds(n: int) -> list[np.ndarray]:
    fold = np.random.default_rng(SEED).permutation(n) % FOLDS
    return [fold == k for k in range(FOLDS)]


def _pull(inner: np.ndarray) -> np.ndarray:
    """Pull to zero as strongly as one more row for every feature."""
    pulled: np.ndarray = inner + max(len(inner), 1) * np.eye(len(inner))
    return pulled


def _cross_fit(features: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predict (E, G) groups from (E, F) features: squared errors (E,) of fit and average."""
    missed, spread = np.zeros(len(groups)), np.zeros(len(groups))
    for test in _list_folds(len(groups)):
        train, ahead = _scale_features(features[~test], features[test])
        apart = groups - groups[~test].mean(axis=0)
        slope = np.linalg.solve(_pull(train.T @ train), train.T @ apart[~test])
        missed[test] = ((apart[test] - ahead @ slope) ** 2).sum(axis=1)
        spread[test] = (apart[test] ** 2).sum(axis=1)
    return missed, spread


def _scale_features(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(train)
    center = np.where(known, train, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, train, center) - center
    scale = np.sqrt((filled**2).mean(axis=0))
    scale = np.where(scale > 1e-12, scale, 1.0)
    return filled / scale, (np.where(np.isfinite(test), test, center) - center) / scale
