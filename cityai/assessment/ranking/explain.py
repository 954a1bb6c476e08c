"""The explanation of a ranked list: what moved the odds, overall and by group. Never a cause."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.explain import (
    ALIKE,
    Explanation,
    explain_nothing,
    find_families,
    judge_additivity,
    rank_drivers,
)
from cityai.assessment.own_models import OWN_METHOD, has_own
from cityai.columns import CASE, ENTITY, FOLD, STEP, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say
from cityai.modeling.drivers import explain_blend
from cityai.records.groups import Membership

if TYPE_CHECKING:
    from cityai.data.rows import Rows
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.final import FinalModel
    from cityai.records.groups import Groups

MOST_CASES: Final = 1500
"""Cases explained in each fold; more are sampled, the same ones every time."""
CAVEAT: Final = say(
    "These figures say what the model looked at, not what causes the outcome: changing such a "
    "thing in the world need not change it. What is found also depends on who was looked at."
)
METHOD: Final = say(
    "Exact Shapley values of each test fold's own model on {cases:,} of {all:,} cases: TreeSHAP "
    "for the trees (computed by LightGBM), distance from the mean times coefficient for the "
    "logistic regression, added by their weights in the blend. They add up in log-odds before "
    "calibration, which keeps the order. Features that move together (rank correlation above "
    "{alike}) are shown as one."
)


@dataclass(frozen=True, slots=True)
class _Part:
    rows: pd.DataFrame
    values: pd.DataFrame
    data: pd.DataFrame
    error: float
    weight: float


def explain_cases(backtest: Backtest, rows: Rows, groups: Groups, spec: RiskSpec) -> Explanation:
    """Explain the models of the test folds on the cases that they were tested on.

    Parameters
    ----------
    backtest : Backtest
        Its `models`, one a test fold, and `predictions`.
    rows : Rows
        All cases with their features.
    groups : Groups
        Groups to explain for.
    spec : RiskSpec
        Its seed and policy.

    Returns
    -------
    Explanation
        Parts in log-odds. ``by_area`` is empty: no entity is explained on a card.
    """
    table = backtest.predictions.table
    features = rows.table.set_index(CASE)
    folds = [fold.number for fold in backtest.folds.test]
    tried = [
        _explain_fold(model, fold, table[table[FOLD] == fold], features, spec.models.seed)
        for fold, model in zip(folds, backtest.models, strict=True)
        if model.feature_names and (table[FOLD] == fold).any()
    ]
    parts = [p for p in tried if p is not None]
    own = has_own(m.models for m in backtest.models)
    if not parts:
        return explain_nothing(own)
    values = pd.concat([p.values for p in parts], ignore_index=True)
    data = pd.concat([p.data for p in parts], ignore_index=True)
    explained = pd.concat([p.rows for p in parts], ignore_index=True)
    families = find_families(data, values.abs().mean())
    joint = pd.DataFrame({lead: values[list(m)].sum(axis=1) for lead, m in families.items()})
    error, weight = max(p.error for p in parts), float(np.mean([p.weight for p in parts]))
    return Explanation(
        rank_drivers(joint, explained[FOLD], families, rows.labels),
        _explain_groups(joint, explained, groups, spec.policy.small_cell),
        pd.DataFrame(columns=[ENTITY, "feature", "mean_shap"]),
        (OWN_METHOD if own else METHOD).format(
            cases=len(explained), rows=len(explained), all=len(table), weight=weight, alike=ALIKE
        ),
        CAVEAT,
        weight,
        error,
        (judge_additivity(error, len(explained)),),
        explained,
        values,
        data,
        dict(rows.labels),
    )


def _explain_fold(
    model: FinalModel, fold: int, tested: pd.DataFrame, features: pd.DataFrame, seed: int
) -> _Part | None:
    chosen = tested
    if len(tested) > MOST_CASES:
        drawn = np.random.default_rng([seed, fold]).choice(len(tested), MOST_CASES, replace=False)
        chosen = tested.iloc[np.sort(drawn)]
    frame = features.loc[chosen[CASE]].reset_index(drop=True)
    names = list(model.feature_names)
    background = features.loc[tested[CASE], names]
    parts, weight = explain_blend(model.models, model.blend, frame[names], background)
    if parts is None:
        return None
    total = parts.base + parts.values.sum(axis=1).to_numpy()
    error = float((np.abs(total - parts.raw) / np.maximum(np.abs(parts.raw), 1.0)).max())
    rows = pd.DataFrame(
        {
            FOLD: fold,
            ENTITY: chosen[ENTITY].to_numpy(),
            STEP: 1,
            "level": 1.0,
            "base": parts.base,
            "raw": parts.raw,
            CASE: chosen[CASE].to_numpy(),
            Y_TRUE: chosen[Y_TRUE].to_numpy(np.float64),
        }
    )
    texts = {c: frame[c].astype("str") for c in names if c in model.categories}
    data = frame[names].assign(**texts)
    return _Part(rows, parts.values.reset_index(drop=True), data, error, weight)


def _explain_groups(
    joint: pd.DataFrame, explained: pd.DataFrame, groups: Groups, least: int
) -> pd.DataFrame:
    unit = explained[CASE].map(groups.table.set_index(CASE)["unit"])
    columns = ["dimension", "group", "feature", "mean_shap", "importance"]
    frames = [_explain_dimension(joint, explained, unit, m, least) for m in groups.memberships]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _explain_dimension(
    joint: pd.DataFrame, explained: pd.DataFrame, unit: pd.Series, member: Membership, least: int
) -> pd.DataFrame:
    weights = member.weights.reindex(unit).fillna(0.0)
    size, parts = weights.to_numpy(np.float64), joint.to_numpy()
    yes = explained[Y_TRUE].to_numpy(np.float64)
    few = np.minimum(size.T @ yes, size.T @ (1 - yes)) < least
    divisor = np.where(few, math.nan, size.sum(axis=0))[:, None]
    names = [str(g) for g in weights.columns]
    return make_frame(
        {
            "dimension": member.dimension,
            "group": np.repeat(np.array(names, dtype=object), joint.shape[1]),
            "feature": np.tile(joint.columns.to_numpy(object), len(names)),
            "mean_shap": (size.T @ parts / divisor).ravel(),
            "importance": (size.T @ np.abs(parts) / divisor).ravel(),
        }
    )
