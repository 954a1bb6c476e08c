"""The explanation: what the models looked at, overall and by group. Never a cause."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.explanation_words import (
    MANNERS,
    NO_EXPLAINER,
    NO_TREES,
    OWN_METHOD,
    SPACES,
    has_own,
)
from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension
from cityai.assessment.scored import score_predictions
from cityai.columns import CASE, ENTITY, FOLD, STEP
from cityai.config.project import BaseProjectSpec
from cityai.data.rows import take_rows
from cityai.findings import Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say, say_n
from cityai.modeling.drivers import explain_blend, place_rows
from cityai.progress import counting
from cityai.records.audit_data import AuditData

if TYPE_CHECKING:
    import shap

    from cityai.data.rows import Rows
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.final import FinalModel
    from cityai.records.groups import Groups

ALIKE: Final = 0.9
"""Features whose ranks to_correlation more strongly than this are shown as one."""
TOP: Final = 5
"""Rank up to which a feature counts as one of a fold's leading ones."""
EXACT: Final = 1e-6
"""Largest relative difference between a raw score and the sum of its parts."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the tree part of the forecast looked at."""

    drivers: pd.DataFrame
    """One row a feature, or group of near-duplicates: `feature` (its leading member), `label`,
    `members` (list), `importance` (mean absolute part, in the target's unit), `share` of all,
    `rank` from 1, `stability` (standard deviation of the share over folds; NaN with one fold),
    `folds_in_top` (folds in which it ranks among the first `TOP`)."""
    by_group: pd.DataFrame
    """`dimension`, `group`, `feature`, `mean_shap` (signed), `importance`; weighted by membership,
    NaN for groups that may not be shown."""
    method: str
    caveat: str
    """How it was made, and what it does not say."""
    weight: float
    """Share of the forecast that the trees are, mean over test folds."""
    additivity_error: float
    """Largest relative difference between a raw score and its base plus parts."""
    findings: tuple[Finding, ...]
    """`explain.additivity`."""
    rows: pd.DataFrame
    """The rows explained: `fold`, `entity_id`, `step`, `level`, `base`, `raw` (raw score). Not for
    publication, nor are the next two."""
    values: pd.DataFrame
    data: pd.DataFrame
    """(rows, features): parts of the raw score, and the features' values."""
    labels: dict[str, str]
    """Words for readers, by feature."""
    own: bool = False
    """Whether models of the city's own are among those explained."""

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
    backtest: Backtest, rows: Rows, groups: Groups, spec: BaseProjectSpec
) -> Explanation:
    """Explain the models of a backtest on their test rows, by Shapley values.

    Notes
    -----
    TreeSHAP: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9. Near-duplicate features share
    their importance by chance, so their sum is shown; importance is no cause (Janzing et al. 2020).
    """
    predictions = backtest.predictions
    manner = MANNERS[predictions.kind]
    tested = predictions.table
    place, fold_of = place_rows(tested, rows), tested[FOLD].to_numpy()
    folds = [np.flatnonzero(fold_of == fold.number) for fold in backtest.folds.test]
    tried = [
        _explain_fold(
            model, tested.iloc[at], take_rows(rows.table, place[at]), manner.most, spec.models.seed
        )
        for model, at in zip(counting(backtest.models), folds, strict=True)
        if model.feature_names and len(at)
    ]
    parts = [p for p in tried if p is not None]
    own = has_own(m.models for m in backtest.models)
    if not parts:
        return explain_nothing(NO_EXPLAINER if own else NO_TREES, manner.caveat)
    values, units, data, explained = (
        pd.concat([getattr(p, name) for p in parts], ignore_index=True)
        for name in ("values", "units", "data", "rows")
    )
    families = find_families(data, units.abs().mean())
    joint = pd.DataFrame({lead: units[list(m)].sum(axis=1) for lead, m in families.items()})
    total = explained["base"] + values.sum(axis=1)
    error = float(((total - explained["raw"]).abs() / explained["raw"].abs().clip(lower=1.0)).max())
    weight = float(np.mean([p.weight for p in parts]))
    method = (OWN_METHOD if own else manner.method).format(
        rows=len(explained),
        cases=len(explained),
        all=sum(map(len, folds)),
        space=SPACES.get(parts[0].link, ""),
        unit=predictions.unit,
        weight=weight,
        alike=ALIKE,
    )
    facts = gather_audit_data(score_predictions(predictions, spec, groups), spec)
    entity, unit = explained[ENTITY], groups.find_units(explained)
    return Explanation(
        rank_drivers(joint, explained[FOLD], families, rows.labels),
        _explain_groups(joint, entity if unit is None else pd.Series(unit), groups, facts),
        method,
        manner.caveat,
        weight,
        error,
        (judge_additivity(error, len(explained)),),
        explained,
        values,
        data,
        dict(rows.labels),
        own,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    rows: pd.DataFrame
    values: pd.DataFrame
    units: pd.DataFrame
    data: pd.DataFrame
    link: str
    weight: float


def _explain_fold(
    model: FinalModel, tested: pd.DataFrame, rows: pd.DataFrame, most: int, seed: int
) -> _Part | None:
    """Explain a fold's predictions, (n,), and the rows that they were made from."""
    chosen = np.arange(len(rows))
    if len(rows) > most:
        drawn = np.random.default_rng([seed, tested[FOLD].iloc[0]])
        chosen = np.sort(drawn.choice(len(rows), most, replace=False))
    table, tested = rows.iloc[chosen].reset_index(drop=True), tested.iloc[chosen]
    found, weight = explain_blend(model.models, model.blend, table, rows)
    if found is None:
        return None
    named = [column for column in (FOLD, ENTITY, STEP, CASE) if column in tested]
    explained = tested[named].reset_index(drop=True)
    explained = explained.assign(level=found.level, base=found.base, raw=found.raw)
    data = table[list(model.feature_names)]
    texts = {c: data[c].astype("str") for c in data if c in model.categories}
    return _Part(explained, found.values, found.to_unit(), data.assign(**texts), found.link, weight)


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
    joint: pd.DataFrame, entity: pd.Series, groups: Groups, facts: AuditData
) -> pd.DataFrame:
    frames = []
    place = {e: i for i, e in enumerate(facts.entities)}
    known = entity.isin(place).to_numpy()
    parts = joint.to_numpy()[known]
    at = entity[known].map(place).to_numpy(np.int64)
    for membership in groups.memberships:
        view = tabulate_dimension(membership, facts)
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


def explain_nothing(why: str, caveat: str) -> Explanation:
    """Return the explanation of a model that cannot be taken apart."""
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
        why,
        caveat,
        0.0,
        math.nan,
        (finding,),
        pd.DataFrame(columns=[FOLD, ENTITY, STEP, "level", "base", "raw"]),
        pd.DataFrame(),
        pd.DataFrame(),
        {},
    )
