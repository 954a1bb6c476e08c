"""Calibration: outcomes beside bands of probability, and the groups whose do not hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.group_tables import find_hidden
from cityai.assessment.metrics.calibration import (
    NO_SCORE,
    cut_bands,
    fit_outcomes,
    measure_clustering,
    measure_distance,
)
from cityai.assessment.metrics.ranking import measure_ratio
from cityai.assessment.scored import code_people
from cityai.columns import ENTITY, EVERYWHERE, NOT_RECORDED, Y_PRED, Y_TRUE
from cityai.config.policy import PolicySpec
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import COARSE
from cityai.disclosure.primary_suppression import hide_cells, is_few, share_people
from cityai.i18n.frames import choose_texts, make_frame
from cityai.i18n.messages import say
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import bound_by_entity, find_margin_by_entity
from cityai.records.audit_data import Scored
from cityai.records.groups import Membership
from cityai.records.metric import Floats
from cityai.records.predictions import Predictions

SMALL_BAND: Final = say(
    "Not shown: fewer than {least} people or events, or a band that would reveal one."
)

CURVE_COLUMNS: Final = [
    "band",
    "score_low",
    "score_high",
    "n",
    "yes",
    "mean_score",
    "outcome_share",
    "low",
    "high",
    "chance",
    "reason",
]
"""Columns of a calibration curve."""
COUNTED: Final = ["n", "yes", "outcome_share", "low", "high"]
"""Those of a band that may be hidden."""


def calibrate_groups(
    predictions: Predictions,
    memberships: Sequence[Membership],
    scored: Scored,
    table: pd.DataFrame,
    dimensions: pd.DataFrame,
    spec: AuditableSpec,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Calibrate lists for everyone and every group shown: `Audit.slopes` and `Audit.curves`."""
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
        pd.factorize(part[ENTITY])[0].astype(np.int64),
        code_people(part),
        spec.policy,
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
    error, alone = measure_distance(truth, chance, entity, weight)
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


def draw_curve(
    truth: Floats,
    chance: Floats,
    entity: np.ndarray,
    person: np.ndarray,
    policy: PolicySpec,
    weight: Floats | None = None,
) -> pd.DataFrame:
    """Compare probabilities with outcomes by band of probability, each with as many cases.

    Parameters
    ----------
    truth, chance, weight
        As for `fit_outcomes`.
    entity : numpy.ndarray
        Shape (n,), int64 codes from 0: cases of one entity resemble each other, which the
        interval of a band's share allows for (`bound_by_entity`).
    person : numpy.ndarray
        Shape (n,), int64 codes from 0: whom each case is about (`code_people`).
    policy : PolicySpec
        Bands in which fewer people than `small_cell` have a yes, or a no, but some, are not shown.

    Returns
    -------
    pandas.DataFrame
        `CURVE_COLUMNS`; `chance` is how far the two shares of a band lie apart on average when
        every probability holds exactly. Empty when there are too few cases for two bands.
    """
    part = np.ones(len(truth)) if weight is None else weight
    band, count = cut_bands(truth, chance, part)
    if count < 2:
        return pd.DataFrame(columns=CURVE_COLUMNS)
    least = policy.small_cell

    def add(values: Floats) -> Floats:
        return np.bincount(band, weights=part * values, minlength=count).astype(np.float64)

    n, yes = add(np.ones(len(truth))), add(truth)
    mean, share = add(chance) / n, yes / n
    noise = np.sqrt(np.bincount(band, weights=part**2 * chance * (1 - chance), minlength=count))
    held = part > 0
    noise *= math.sqrt(measure_clustering(*(x[held] for x in (truth, chance, band, entity))))
    own = (np.where(band == k, part, 0.0) for k in range(count))
    shares = [replace(measure_ratio(w * truth, w, NO_SCORE), counted=w) for w in own]
    ends = [bound_by_entity(x, entity, policy.confidence, policy.min_blocks) for x in shares]
    low, high = np.transpose(ends)
    edges = pd.Series(chance).groupby(band)
    people = [share_people(person, band, part * (truth == side), count) for side in (1.0, 0.0)]
    hidden = np.logical_or(*(is_few(each.round(9), least) for each, _ in people))
    for _, shared in people:
        hidden = hide_cells(shared, hidden, least)
    table = make_frame(
        {
            "band": np.arange(1, count + 1),
            "score_low": edges.min().to_numpy(),
            "score_high": edges.max().to_numpy(),
            "n": n,
            "yes": yes,
            "mean_score": mean,
            "outcome_share": share,
            "low": low,
            "high": high,
            "chance": noise / n * math.sqrt(2 / math.pi),
            "reason": choose_texts(hidden, SMALL_BAND.format(least=least), ""),
        }
    )
    table.loc[hidden, COUNTED] = np.nan
    return table


def hide_bands(curve: pd.DataFrame) -> pd.DataFrame:
    """Hide every band of a curve, with the reason."""
    return curve.assign(**dict.fromkeys(COUNTED, np.nan), reason=COARSE)
