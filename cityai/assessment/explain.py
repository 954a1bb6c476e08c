"""The explanation: what the trees looked at, overall, by group and by place. Never a cause."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension
from cityai.assessment.own_models import NO_EXPLAINER, OWN_METHOD, has_own
from cityai.assessment.scored import score_predictions
from cityai.columns import AS_OF, ENTITY, FOLD, STEP
from cityai.config.project import ProjectSpec
from cityai.disclosure.primary_suppression import hide_cells
from cityai.findings import Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say, say_n
from cityai.modeling.drivers import explain_blend
from cityai.modeling.forecasters import join_categories, list_features
from cityai.records.audit_data import AuditData
from cityai.records.groups import Membership

if TYPE_CHECKING:
    import shap

    from cityai.data.rows import Rows
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.final import FinalModel
    from cityai.modeling.folds import Fold

MOST_ROWS: Final = 400
"""Rows explained in each fold; more are sampled, the same ones every time."""
ALIKE: Final = 0.9
"""Features whose ranks to_correlation more strongly than this are shown as one."""
TOP: Final = 5
"""Rank up to which a feature counts as one of a fold's leading ones."""
EXACT: Final = 1e-6
"""Largest relative difference between a raw score and the sum of its parts."""

CAVEAT: Final = say(
    "These figures say what the model looked at, not what causes demand: changing such a thing in "
    "the world need not change the outcome."
)
NO_TREES: Final = say(
    "No part of the forecast is made of trees, so there is nothing to take apart."
)
METHOD: Final = say(
    "Exact TreeSHAP of each test fold's own trees, computed by LightGBM on {rows:,} of {all:,} "
    "test rows. The parts add up exactly in the trees' own score ({space}); for the reader each is "
    "turned into {unit}, in proportion, so that the parts of a row add up to the trees' forecast "
    "minus their starting point. The trees make up {weight:.0%} of the forecast. Features that "
    "move together (rank correlation above {alike}) are shown as one."
)
SPACES: Final = {
    "log": say("the logarithm of the forecast relative to the entity's recent level"),
    "identity": say("the forecast relative to the entity's recent level"),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the tree part of the forecast looked at.

    Attributes
    ----------
    drivers : pandas.DataFrame
        One row a feature, or group of near-duplicates: `feature` (its leading member), `label`,
        `members` (list), `importance` (mean absolute part, in the target's unit), `share` of all,
        `rank` from 1, `stability` (standard deviation of the share over folds; NaN with one fold),
        `folds_in_top` (folds in which it ranks among the first `TOP`).
    by_group : pandas.DataFrame
        `dimension`, `group`, `feature`, `mean_shap` (signed), `importance`; weighted by membership,
        NaN for groups that may not be shown.
    by_area : pandas.DataFrame
        `entity_id`, `feature`, `mean_shap`; NaN for entities that may not be shown.
    method, caveat : str
        How it was made, and what it does not say.
    weight : float
        Share of the forecast that the trees are, mean over test folds.
    additivity_error : float
        Largest relative difference between a raw score and its base plus parts.
    findings : tuple of Finding
        `explain.additivity`.
    rows : pandas.DataFrame
        The rows explained: `fold`, `entity_id`, `step`, `level`, `base`, `raw` (raw score). Not
        for publication, nor are the next two.
    values, data : pandas.DataFrame
        (rows, features): parts of the raw score, and the features' values.
    labels : dict of str to str
        Words for readers, by feature.
    """

    drivers: pd.DataFrame
    by_group: pd.DataFrame
    by_area: pd.DataFrame
    method: str
    caveat: str
    weight: float
    additivity_error: float
    findings: tuple[Finding, ...]
    rows: pd.DataFrame
    values: pd.DataFrame
    data: pd.DataFrame
    labels: dict[str, str]

    def to_shap(self) -> shap.Explanation:
        """Hand the parts of the raw score to those who know shap and its plots."""
        with warnings.catch_warnings():
            # shap's colour maps call what matplotlib will rename.
            warnings.filterwarnings("ignore", "The set_", PendingDeprecationWarning)
            import shap

        return shap.Explanation(
            values=self.values.to_numpy(np.float64),
            base_values=self.rows["base"].to_numpy(np.float64),
            data=self.data.to_numpy(object),
            feature_names=[self.labels.get(str(c), str(c)) for c in self.values.columns],
        )


def explain_models(
    backtest: Backtest, rows: Rows, memberships: Sequence[Membership], spec: ProjectSpec
) -> Explanation:
    """Explain the tree part of a backtest on its test rows.

    Parameters
    ----------
    backtest : Backtest
        Its `folds`, `models` (one a fold) and `predictions`.
    rows : Rows
        Rows of the test folds' origins (others are not looked at).
    memberships : sequence of Membership
        Groups to explain for.
    spec : ProjectSpec
        Its seed and policy.

    Notes
    -----
    TreeSHAP: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9. Near-duplicate features share
    their importance by chance, so their sum is shown; importance is no cause (Janzing et al. 2020).
    """
    tried = [
        _explain_fold(fold, model, rows, spec.models.seed)
        for fold, model in zip(backtest.folds.test, backtest.models, strict=True)
    ]
    parts = [p for p in tried if p is not None and len(p.rows)]
    own = has_own(m.models for m in backtest.models)
    if not parts:
        return explain_nothing(own)
    values = pd.concat([p.values for p in parts], ignore_index=True)
    units = pd.concat([p.units for p in parts], ignore_index=True)
    data = pd.concat([p.data for p in parts], ignore_index=True)
    explained = pd.concat([p.rows for p in parts], ignore_index=True)
    families = find_families(data, units.abs().mean())
    joint = pd.DataFrame({lead: units[list(m)].sum(axis=1) for lead, m in families.items()})
    total = explained["base"] + values.sum(axis=1)
    error = float(((total - explained["raw"]).abs() / explained["raw"].abs().clip(lower=1.0)).max())
    facts = gather_audit_data(score_predictions(backtest.predictions), spec)
    weight = float(np.mean([p.weight for p in parts]))
    method = (OWN_METHOD if own else METHOD).format(
        rows=len(explained),
        all=sum(p.available for p in parts),
        space=SPACES[parts[0].link],
        unit=backtest.predictions.unit,
        weight=weight,
        alike=ALIKE,
    )
    return Explanation(
        rank_drivers(joint, explained[FOLD], families, rows.labels),
        _explain_groups(joint, explained[ENTITY], memberships, facts, spec),
        _explain_entities(joint, explained[ENTITY], facts, spec),
        method,
        CAVEAT,
        weight,
        error,
        (judge_additivity(error, len(explained)),),
        explained,
        values,
        data,
        dict(rows.labels),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    rows: pd.DataFrame
    values: pd.DataFrame
    units: pd.DataFrame
    data: pd.DataFrame
    available: int
    link: str
    weight: float


def _explain_fold(fold: Fold, model: FinalModel, rows: Rows, seed: int) -> _Part | None:
    own = table = rows.table[rows.table[AS_OF] == fold.as_of]
    available = len(table)
    if available > MOST_ROWS:
        drawn = np.random.default_rng([seed, fold.number]).choice(
            available, MOST_ROWS, replace=False
        )
        table = table.iloc[np.sort(drawn)]
    table = table.reset_index(drop=True)
    found, weight = explain_blend(model.models, model.blend, table, own)
    if found is None:
        return None
    features, text = list(list_features(model.models)), join_categories(model.models)
    data = table[features]
    explained = pd.DataFrame(
        {
            FOLD: fold.number,
            ENTITY: table[ENTITY].astype(str).to_numpy(),
            STEP: table[STEP].to_numpy(np.int64),
            "level": found.level,
            "base": found.base,
            "raw": found.raw,
        }
    )
    texts = {c: data[c].astype("str") for c in features if c in text}
    return _Part(
        explained,
        found.values,
        found.to_unit(),
        data.assign(**texts),
        available,
        found.link,
        weight,
    )


def find_families(data: pd.DataFrame, importance: pd.Series) -> dict[str, tuple[str, ...]]:
    """Group features that move together (absolute rank correlation above `ALIKE`).

    Parameters
    ----------
    data : pandas.DataFrame
        (rows, features); text columns stay alone.
    importance : pandas.Series
        By feature; the most important member leads its family.

    Returns
    -------
    dict of str to tuple of str
        Leading member to all members, it first, in order of falling importance.
    """
    numeric = data.select_dtypes("number")
    varying = numeric.loc[:, numeric.nunique() > 1]
    correlation = varying.rank().corr().abs()
    pool = sorted(data.columns, key=lambda c: (-float(importance[c]), str(c)))
    family = {str(c): str(c) for c in pool}
    for first in varying.columns:
        for second in correlation.index[correlation[first] > ALIKE]:
            old, new = family[str(second)], family[str(first)]
            family = {c: new if f == old else f for c, f in family.items()}
    members: dict[str, list[str]] = {}
    for name in pool:
        members.setdefault(family[str(name)], []).append(str(name))
    return {m[0]: tuple(m) for m in members.values()}


def rank_drivers(
    joint: pd.DataFrame,
    fold: pd.Series,
    families: dict[str, tuple[str, ...]],
    labels: dict[str, str],
) -> pd.DataFrame:
    """Rank families of features by what they moved, as `Explanation.drivers` holds them."""
    by_fold = joint.abs().groupby(fold.to_numpy()).mean()
    shares = by_fold.div(by_fold.sum(axis=1).replace(0.0, math.nan), axis=0)
    importance = joint.abs().mean()
    total = float(importance.sum())
    table = make_frame(
        {
            "feature": list(families),
            "label": [_label_family(m, labels) for m in families.values()],
            "members": [list(m) for m in families.values()],
            "importance": importance.to_numpy(),
            "share": importance.to_numpy() / total if total > 0 else math.nan,
            "stability": shares.std(ddof=1).to_numpy(),
            "folds_in_top": (shares.rank(axis=1, ascending=False) <= TOP).sum().to_numpy(),
        }
    )
    table = table.sort_values(["importance", "feature"], ascending=[False, True], kind="stable")
    table.insert(5, "rank", np.arange(1, len(table) + 1))
    return table.reset_index(drop=True)


def _label_family(members: tuple[str, ...], labels: dict[str, str]) -> str:
    label = labels.get(members[0], members[0])
    others = len(members) - 1
    if not others:
        return label
    return say_n(
        "{label} (and {n} that moves with it)",
        "{label} (and {n} that move with it)",
        others,
        label=label,
    )


def _explain_groups(
    joint: pd.DataFrame,
    entity: pd.Series,
    memberships: Sequence[Membership],
    facts: AuditData,
    spec: ProjectSpec,
) -> pd.DataFrame:
    frames = []
    place = {e: i for i, e in enumerate(facts.entities)}
    known = entity.isin(place).to_numpy()
    parts = joint.to_numpy()[known]
    at = entity[known].map(place).to_numpy(np.int64)
    for membership in memberships:
        view = tabulate_dimension(membership, facts, spec.policy.small_cell)
        weights = view.weights[at]
        size = weights.sum(axis=0)
        usable = (size > 0) & ~view.hidden
        divisor = np.where(usable, size, math.nan)[:, None]
        frames.append(
            pd.DataFrame(
                {
                    "dimension": view.dimension,
                    "group": np.repeat(np.array(view.groups, dtype=object), joint.shape[1]),
                    "feature": np.tile(joint.columns.to_numpy(object), len(view.groups)),
                    "mean_shap": (weights.T @ parts / divisor).ravel(),
                    "importance": (weights.T @ np.abs(parts) / divisor).ravel(),
                }
            )
        )
    columns = ["dimension", "group", "feature", "mean_shap", "importance"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _explain_entities(
    joint: pd.DataFrame, entity: pd.Series, facts: AuditData, spec: ProjectSpec
) -> pd.DataFrame:
    amount = facts.cells.values[..., facts.cells.names.index("y")].sum(axis=0)
    least = spec.policy.small_cell
    hidden = hide_cells(amount, (amount < least) & facts.counts, least)
    shown = {e for e, h in zip(facts.entities, hidden, strict=True) if not h}
    means = joint.groupby(entity.to_numpy(), sort=True).mean()
    means = means.where(pd.Series(means.index.isin(shown), index=means.index), math.nan, axis=0)
    table = make_frame(
        {
            ENTITY: np.repeat(means.index.to_numpy(), means.shape[1]),
            "feature": np.tile(means.columns.to_numpy(), len(means)),
            "mean_shap": means.to_numpy().ravel(),
        }
    )
    return table.sort_values([ENTITY, "feature"], kind="stable", ignore_index=True)


def judge_additivity(error: float, rows: int) -> Finding:
    """Judge how well the parts of an explanation add up."""
    status = Status.PASS if error <= EXACT else Status.FAIL
    reason = say(
        "On {rows:,} rows the parts of the explanation add up to the model's score, "
        "to within {error:.1g} of it.",
        rows=rows,
        error=error,
    )
    title = say("The explanation adds up to the forecast")
    return Finding("explain.additivity", status, title, reason, error, EXACT, "share")


def explain_nothing(own: bool = False) -> Explanation:
    """Return the explanation of a model that cannot be taken apart."""
    why = NO_EXPLAINER if own else NO_TREES
    drivers = ["feature", "label", "members", "importance", "share", "rank", "stability"]
    finding = Finding(
        "explain.additivity",
        Status.NOT_APPLICABLE,
        say("The explanation adds up to the forecast"),
        why,
    )
    return Explanation(
        pd.DataFrame(columns=[*drivers, "folds_in_top"]),
        pd.DataFrame(columns=["dimension", "group", "feature", "mean_shap", "importance"]),
        pd.DataFrame(columns=[ENTITY, "feature", "mean_shap"]),
        why,
        CAVEAT,
        0.0,
        math.nan,
        (finding,),
        pd.DataFrame(columns=[FOLD, ENTITY, STEP, "level", "base", "raw"]),
        pd.DataFrame(),
        pd.DataFrame(),
        {},
    )
