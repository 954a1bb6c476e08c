"""The capacity as a slider: what the list finds if the city could act on fewer cases, or more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics.ranking import measure_lift, measure_precision, measure_recall
from cityai.assessment.scored import code_people
from cityai.columns import DECISION, ENTITY, FOLD, SLOT, Y_TRUE
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import COARSE
from cityai.disclosure.primary_suppression import is_few, share_people
from cityai.i18n.frames import make_frame
from cityai.inference.clustered_intervals import bound_by_entity
from cityai.modeling.capacity import rank_cases
from cityai.records.audit_data import TOO_SMALL
from cityai.records.metric import Estimate

STEPS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Other capacities, as multiples of the declared one."""
ALL_BUT: Final = 0.95
"""A capacity that selects more of the cases than this is left out: it ranks nothing."""


def list_capacities(table: pd.DataFrame, spec: AuditableSpec) -> tuple[tuple[int, ...], int | None]:
    """Return the capacities to try, cases a slot, and the declared one among them.

    With a threshold there is none declared; then multiples of what it selects on average are tried.
    """
    slots = table.groupby([FOLD, SLOT])[DECISION]
    own = spec.capacity
    middle = own or max(round(float(slots.sum().mean())), 1)
    sizes = slots.size().to_numpy()
    tried = {middle} | {max(round(step * middle), 1) for step in STEPS}
    kept = [k for k in tried if k == own or np.minimum(sizes, k).sum() <= ALL_BUT * sizes.sum()]
    return tuple(sorted(kept)), own


def trace_capacity_curve(
    table: pd.DataFrame, columns: Mapping[str, str], spec: AuditableSpec
) -> pd.DataFrame:
    """Measure every model at every capacity, as `Evaluation.at_capacity` has it.

    Parameters
    ----------
    table : pandas.DataFrame
        `Predictions.table` of a yes/no question.
    columns : mapping of str to str
        The column that each model's score is in.
    spec : AuditableSpec
        Its capacity and policy.
    """
    capacities, own = list_capacities(table, spec)
    return make_frame(
        [
            row
            for model, column in columns.items()
            for row in _measure_model(model, table, column, capacities, own, spec)
        ]
    )


def _measure_model(
    model: str,
    table: pd.DataFrame,
    column: str,
    capacities: tuple[int, ...],
    own: int | None,
    spec: AuditableSpec,
) -> list[dict[str, object]]:
    used = table[np.isfinite(table[column].to_numpy(np.float64))]
    if used.empty:
        return []
    order = rank_cases(used, used[column].to_numpy(np.float64))
    truth = used[Y_TRUE].to_numpy(np.float64)
    entity, person = pd.factorize(used[ENTITY])[0].astype(np.int64), code_people(used)
    return [
        {"model": model, "capacity": capacity, "declared": capacity == own}
        | _measure_capacity(truth, (order <= capacity).astype(np.float64), entity, person, spec)
        for capacity in capacities
    ]


def _measure_capacity(
    truth: np.ndarray,
    decision: np.ndarray,
    entity: np.ndarray,
    person: np.ndarray,
    spec: AuditableSpec,
) -> dict[str, object]:
    policy = spec.policy
    found, selected = float((truth * decision).sum()), float(decision.sum())
    kind = (2 * truth + decision).astype(np.int64)
    counted, _ = share_people(person, kind, np.ones(len(truth)), 4)
    row: dict[str, object] = {
        "share": float(decision.mean()),
        "selected": selected,
        "found": found,
        "reason": "",
    }
    figures: dict[str, Estimate] = {
        "precision": measure_precision(truth, decision),
        "recall": measure_recall(truth, decision),
        "lift": measure_lift(truth, decision),
    }
    few = is_few(counted, policy.small_cell).any()
    if few:
        row |= {"found": math.nan, "reason": TOO_SMALL.format(least=policy.small_cell)}
    for name, estimate in figures.items():
        ends = bound_by_entity(estimate, entity, policy.confidence, policy.min_blocks)
        for key, value in zip(("", "_low", "_high"), (estimate.value, *ends), strict=True):
            row[f"{name}{key}"] = math.nan if few else value
    return row


def hide_capacities(curve: pd.DataFrame) -> pd.DataFrame:
    """Hide what is found at every capacity, with the reason."""
    shown = {"model", "capacity", "declared", "share", "selected", "reason"}
    figures = [str(name) for name in curve if name not in shown]
    return curve.assign(**dict.fromkeys(figures, math.nan), reason=COARSE)
