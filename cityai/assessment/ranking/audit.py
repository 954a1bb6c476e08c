"""The audit of a ranked list: who is selected, who is passed over, and whose odds do not hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.audit import Audit, audit_scored
from cityai.assessment.group_tables import find_hidden
from cityai.assessment.metrics.calibration import fit_outcomes, measure_distance
from cityai.assessment.ranking.calibration_curve import CURVE_COLUMNS, draw_curve
from cityai.assessment.ranking.inspection_rates import Attention, count_attention
from cityai.assessment.scored import fit_limits, score_predictions
from cityai.columns import (
    CASE,
    ENTITY,
    EVERYWHERE,
    NOT_RECORDED,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.risk import RiskSpec
from cityai.findings import sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import find_margin_by_entity
from cityai.records.audit_data import Scored
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions

__all__ = ["RankingAudit", "audit_cases"]


@dataclass(frozen=True, slots=True)
class RankingAudit(Audit):
    """For whom a ranked list holds: an audit as any, and what only a list has.

    Metrics are those of a yes or no at the operating point, and ``selection_for_need`` and
    ``exposure_for_need``: a group's share of the selected, or of the exposure by rank, over its
    share of true need (1 is an even share). `findings` hold those of limits and
    ``audit.inspected_more``.

    Attributes
    ----------
    slopes : pandas.DataFrame
        Calibration by group, `dimension` "overall" first: `dimension`, `group`, `n`, `yes`,
        `slope`, `slope_low`, `slope_high`, `intercept`, `intercept_low`, `intercept_high`, `error`
        (mean distance of score and outcome over bands), `chance` (the same if every score held
        exactly), `reason`.
    curves : pandas.DataFrame
        `RankingEvaluation.curve` by `dimension` and `group`.
    attention : pandas.DataFrame
        Where one looked: `dimension`, `group`, `cases`, `entities`, `cases_per_entity`, `low`,
        `high`, `ratio` (to everyone's), `ratio_low`, `ratio_high` (simultaneous), `base_rate`,
        `reason`.
    """

    slopes: pd.DataFrame
    curves: pd.DataFrame
    attention: pd.DataFrame


def audit_cases(predictions: Predictions, groups: Groups, spec: RiskSpec) -> RankingAudit:
    """Audit a ranked list for every group of every dimension.

    Parameters
    ----------
    predictions : Predictions
        Test folds of a yes/no question.
    groups : Groups
        From `assign_groups`, case by case.
    spec : RiskSpec
        Its `limits`, `policy` and `audit.infers`.

    Raises
    ------
    SpecError
        When a limit names a metric that is not audited.
    """
    scored = score_predictions(
        predictions,
        spec.audit.infers,
        find_units(predictions, groups),
        spec.question.entity.label_plural,
    )
    looked = count_attention(groups, spec)
    audit = audit_scored(scored, groups.memberships, fit_limits(spec, scored.metrics))
    odds = _calibrate_groups(predictions, groups, scored, audit, spec)
    return _extend(audit, looked, groups, odds)


def _extend(audit: Audit, looked: Attention, groups: Groups, odds: _Odds) -> RankingAudit:
    kept = {field.name: getattr(audit, field.name) for field in fields(Audit)}
    kept["findings"] = sort_findings((*audit.findings, *looked.findings, *groups.findings))
    return RankingAudit(**kept, slopes=odds.slopes, curves=odds.curves, attention=looked.table)


def find_units(predictions: Predictions, groups: Groups) -> np.ndarray:
    """Return the key that each predicted case's groups are found by, (n,) str."""
    unit = pd.Series(groups.table["unit"].to_numpy(), index=groups.table[CASE])
    return unit.reindex(predictions.table[CASE]).to_numpy(object).astype(str)


@dataclass(frozen=True, slots=True)
class _Odds:
    slopes: pd.DataFrame
    curves: pd.DataFrame


def _calibrate_groups(
    predictions: Predictions, groups: Groups, scored: Scored, audit: Audit, spec: RiskSpec
) -> _Odds:
    """Calibrate everyone and every group that the audit shows."""
    reasons = audit.table.groupby(["dimension", "group"])["reason"].first()
    withheld = find_hidden(audit.table)
    slopes: list[dict[str, object]] = []
    curves: list[pd.DataFrame] = []
    for dimension, group, weight in _list_parts(groups, scored, audit.dimensions):
        named = {"dimension": dimension, "group": group}
        if (dimension, group) in withheld:
            reason = str(reasons[dimension, group])
            nothing = dict.fromkeys(SLOPE_FIGURES, math.nan)
            slopes.append({**named, **nothing, "reason": reason})
            continue
        slopes.append({**named, **_calibrate(predictions, weight, spec)})
        part = predictions.table
        curve = draw_curve(
            part[Y_TRUE].to_numpy(np.float64),
            part[Y_PRED].to_numpy(np.float64),
            spec.policy.small_cell,
            spec.policy.confidence,
            weight,
        )
        curves.append(curve.assign(**named)[["dimension", "group", *CURVE_COLUMNS]])
    filled = [c for c in curves if len(c)] or curves[:1]
    return _Odds(make_frame(slopes), pd.concat(filled, ignore_index=True))


SLOPE_FIGURES: Final = (
    "n",
    "yes",
    "slope",
    "slope_low",
    "slope_high",
    "intercept",
    "intercept_low",
    "intercept_high",
    "error",
    "chance",
)


def _list_parts(
    groups: Groups, scored: Scored, dimensions: pd.DataFrame
) -> list[tuple[str, str, np.ndarray]]:
    """Return every dimension's groups with each case's part in them, everyone first."""
    parts = [(EVERYWHERE, EVERYWHERE, np.ones(len(scored.unit)))]
    told = dimensions.set_index("dimension")
    for membership in groups.memberships:
        weights = membership.weights.reindex(scored.unit)
        unknown = weights.isna().any(axis=1).to_numpy()
        own = {
            group: weights[group].fillna(float(group == NOT_RECORDED)).to_numpy(np.float64)
            for group in membership.groups
        }
        if unknown.any() and NOT_RECORDED not in membership.groups:
            own[NOT_RECORDED] = unknown.astype(np.float64)
        row = told.loc[membership.dimension]
        for group, other in zip(row["groups"], row["counted_with"], strict=True):
            if other:
                own[other] = own[other] + own[group]
        parts += [(membership.dimension, group, weight) for group, weight in own.items()]
    return parts


def _calibrate(predictions: Predictions, weight: np.ndarray, spec: RiskSpec) -> dict[str, object]:
    table, policy = predictions.table, spec.policy
    truth, chance = (table[c].to_numpy(np.float64) for c in (Y_TRUE, Y_PRED))
    entity = pd.factorize(table[ENTITY])[0].astype(np.int64)
    line = fit_outcomes(truth, chance, weight)
    error, alone = measure_distance(truth, chance, weight)
    row: dict[str, object] = {
        "n": float(weight.sum()),
        "yes": float((weight * truth).sum()),
        "error": error,
        "chance": alone,
        "reason": "",
    }
    for name, estimate in (("slope", line.slope), ("intercept", line.intercept)):
        margin = find_margin_by_entity(
            estimate.influence, entity, policy.confidence, policy.min_blocks
        )
        value = estimate.value
        row |= {name: value, f"{name}_low": value - margin, f"{name}_high": value + margin}
        if estimate.reason:
            row["reason"] = mark("No value: {reason}.", reason=estimate.reason)
    return row
