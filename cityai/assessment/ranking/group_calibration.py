"""Calibration by group: whose probabilities do not hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.group_tables import find_hidden
from cityai.assessment.metrics.calibration import fit_outcomes, measure_distance
from cityai.assessment.ranking.calibration_curve import CURVE_COLUMNS, draw_curve
from cityai.columns import ENTITY, EVERYWHERE, NOT_RECORDED, Y_PRED, Y_TRUE
from cityai.config.project import AuditableSpec
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import find_margin_by_entity
from cityai.records.audit_data import Scored
from cityai.records.groups import Membership
from cityai.records.predictions import Predictions


def calibrate_groups(
    predictions: Predictions,
    memberships: Sequence[Membership],
    scored: Scored,
    table: pd.DataFrame,
    dimensions: pd.DataFrame,
    spec: AuditableSpec,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Calibrate the scores of lists for everyone and every group that the audit shows.

    Parameters
    ----------
    predictions, memberships, scored
        What was audited.
    table, dimensions : pandas.DataFrame
        As in `Audit`.
    spec : AuditableSpec
        Its policy.

    Returns
    -------
    tuple of pandas.DataFrame
        `Audit.slopes` and `Audit.curves`.
    """
    reasons = table.groupby(["dimension", "group"])["reason"].first()
    withheld = find_hidden(table)
    slopes: list[dict[str, object]] = []
    curves: list[pd.DataFrame] = []
    for dimension, group, weight in list_parts(memberships, scored, dimensions):
        named = {"dimension": dimension, "group": group}
        if (dimension, group) in withheld:
            reason = str(reasons[dimension, group])
            nothing = dict.fromkeys(SLOPE_FIGURES, math.nan)
            slopes.append({**named, **nothing, "reason": reason})
            continue
        slopes.append({**named, **_calibrate(predictions, weight, spec)})
        curves.append(_draw(predictions.table, weight, named, spec))
    # Where all is withheld, the whole too, there is a table of no rows.
    none = _draw(predictions.table[:0], np.empty(0), {"dimension": "", "group": ""}, spec)
    filled = [c for c in curves if len(c)] or [none]
    return make_frame(slopes), pd.concat(filled, ignore_index=True)


def _draw(
    part: pd.DataFrame, weight: np.ndarray, named: dict[str, str], spec: AuditableSpec
) -> pd.DataFrame:
    curve = draw_curve(
        part[Y_TRUE].to_numpy(np.float64),
        part[Y_PRED].to_numpy(np.float64),
        spec.policy.small_cell,
        spec.policy.confidence,
        weight,
    )
    return curve.assign(**named)[["dimension", "group", *CURVE_COLUMNS]]


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


def list_parts(
    memberships: Sequence[Membership], scored: Scored, dimensions: pd.DataFrame
) -> list[tuple[str, str, np.ndarray]]:
    """Return every dimension's groups with each case's part in them, everyone first."""
    parts = [(EVERYWHERE, EVERYWHERE, np.ones(len(scored.unit)))]
    told = dimensions.set_index("dimension")
    for membership in memberships:
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


def _calibrate(
    predictions: Predictions, weight: np.ndarray, spec: AuditableSpec
) -> dict[str, object]:
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
