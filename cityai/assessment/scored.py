"""Rows as the audit sees them: their sums, and the keys that they are added up by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from cityai.assessment.blocks import join_overlaps
from cityai.assessment.confusion_metrics import EVENTS, build_answer_sums, find_answer_metrics
from cityai.assessment.metrics import Metric, Sums, build_sums, find_metrics
from cityai.columns import AS_OF, BASELINE, ENTITY, FOLD, Y_TRUE
from cityai.config.audit_file import AuditFileSpec
from cityai.config.project import AuditableSpec
from cityai.data.external_predictions import Given
from cityai.errors import DataError
from cityai.i18n.messages import say
from cityai.modeling.predictions import Predictions
from cityai.records.groups import Groups

MOST_CELLS = 150_000_000
"""Moments x units x sums that are held at once."""
REPRESENTATION = "representation"
"""The limit on the shares of the rows against the population."""
INSPECTED_MORE = "inspected_more"
"""The limit on how much more one looked at some than at everyone."""
COUNTED = (REPRESENTATION, INSPECTED_MORE)
NOT_YET = say("no outcome is known yet, so nothing can be said about it")

SpecT = TypeVar("SpecT", bound=AuditableSpec)


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows with their sums.

    Attributes
    ----------
    sums : Sums
        (rows, K).
    metrics : tuple of Metric
        What is made of the sums.
    unit : numpy.ndarray
        (rows,) str: the key that memberships are indexed by.
    moment : numpy.ndarray
        (rows,) datetime64: when it was asked; that of the first where windows overlap.
    fold : numpy.ndarray
        (rows,) int64.
    unit_name : str
        Unit of the target.
    counts : bool
        Whether amounts count people or events.
    amount : str
        The sum that says how much of the whole a group is.
    events : tuple of str
        Sums that count people; a group with few of them, but some, is not shown.
    entity : numpy.ndarray or None
        (rows,) int64 whom each row is about, where units are not the entities themselves.
    called : str
        What several entities are called.
    lists : numpy.ndarray or None
        (rows,) int64 the list that each row is ranked in, where they are not all in one.
    """

    sums: Sums
    metrics: tuple[Metric, ...]
    unit: np.ndarray
    moment: np.ndarray
    fold: np.ndarray
    unit_name: str
    counts: bool
    amount: str = "y"
    events: tuple[str, ...] = ()
    entity: np.ndarray | None = None
    called: str = "places"
    lists: np.ndarray | None = None


def score_predictions(predictions: Predictions) -> Scored:
    """Score forecasts of demand, whose outcomes are all known."""
    table = predictions.table
    outcome = table[Y_TRUE].to_numpy(np.float64)
    return Scored(
        build_sums(table, baselines=predictions.baselines),
        find_metrics(predictions.baselines),
        table[ENTITY].to_numpy(object).astype(str),
        join_overlaps(table),
        table[FOLD].to_numpy(),
        predictions.unit,
        bool((outcome == np.floor(outcome)).all()),
    )


def score_given(given: Given, groups: Groups, spec: AuditFileSpec) -> Scored:
    """Score predictions that somebody else made.

    Raises
    ------
    DataError
        When moments times combinations of groups are more than can be held.
    """
    table = given.table
    amounts = spec.predictions.kind == "amount"
    sums, metrics = _score_amounts(table) if amounts else _score_answers(table)
    moments = table[AS_OF].to_numpy()
    times, units = len(pd.unique(table[AS_OF])), len(pd.unique(groups.units))
    if times * units * len(sums.names) > MOST_CELLS:
        raise DataError(
            f"{times:,} moments of {units:,} combinations of groups are too many to hold at once",
            where="predictions.columns.as_of",
            expected=f"at most {MOST_CELLS:,} figures",
            next_step="leave `as_of` out where each is asked about once; name the day as "
            "`maturity.asked`",
        )
    outcome = table[Y_TRUE].to_numpy(np.float64)
    known = outcome[np.isfinite(outcome)]
    return Scored(
        sums,
        metrics,
        groups.units,
        moments,
        table[FOLD].to_numpy(),
        spec.unit,
        not amounts or bool(len(known) and (known == np.floor(known)).all()),
        ("y" if len(known) else "forecast") if amounts else "n",
        () if amounts else EVENTS,
        pd.factorize(table[ENTITY])[0],
        spec.predictions.label_plural,
    )


def _score_answers(table: pd.DataFrame) -> tuple[Sums, tuple[Metric, ...]]:
    return build_answer_sums(table), find_answer_metrics(table)


def _score_amounts(table: pd.DataFrame) -> tuple[Sums, tuple[Metric, ...]]:
    names = [c.removeprefix(BASELINE) for c in map(str, table) if c.startswith(BASELINE)]
    sums, metrics = build_sums(table, baselines=names), find_metrics(names)
    if table[Y_TRUE].notna().any():
        return sums, metrics
    # Without outcomes no row is scored, yet each still sends capacity somewhere.
    forecast = np.nan_to_num(table["y_pred"].to_numpy(np.float64))
    values = np.column_stack([sums.values, forecast, np.zeros(len(table))])
    values[:, sums.names.index("n")] = 1.0
    return (
        Sums((*sums.names, "forecast", "nothing"), values),
        tuple(replace(m, denominator="nothing", undefined=NOT_YET) for m in metrics),
    )


def fit_limits(spec: SpecT, metrics: tuple[Metric, ...]) -> SpecT:
    """Leave out the policy's limits on figures of another kind, and those of no metric.

    The audit's own limits stay, so that a name that nobody knows is refused; those on what is
    counted and no metric (`representation`, `inspected_more`) go.
    """
    names = {metric.name for metric in metrics}
    policy = {name: limit for name, limit in spec.policy.limits.items() if name in names}
    own = {name: limit for name, limit in spec.audit.limits.items() if name not in COUNTED}
    return spec.model_copy(
        update={
            "policy": spec.policy.model_copy(update={"limits": policy}),
            "audit": spec.audit.model_copy(update={"limits": own}),
        }
    )
