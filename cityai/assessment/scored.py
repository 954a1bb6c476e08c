"""Rows as the audit sees them: their sums, and the keys that they are added up by."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pandas as pd

from cityai.assessment.metrics import check_limits, find_metric, score_amounts, score_answers
from cityai.assessment.metrics.confusion import EVENTS
from cityai.columns import AREA, AS_OF, ENTITY, FOLD, OCCURRED_AT, PERIOD, SLOT, Y_TRUE
from cityai.config.project import AuditableSpec
from cityai.errors import DataError
from cityai.modeling.capacity import find_lists
from cityai.records.audit_data import Scored
from cityai.records.groups import Groups
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions

MOST_FOLDS = 40
"""Given predictions of more moments than this are not followed over time."""
MOST_CELLS = 150_000_000
"""Moments x units x sums that are held at once."""
REPRESENTATION = "representation"
"""The limit on the shares of the rows against the population."""
INSPECTED_MORE = "inspected_more"
"""The limit on how much more one looked at some than at everyone."""
COUNTED = (REPRESENTATION, INSPECTED_MORE)

SpecT = TypeVar("SpecT", bound=AuditableSpec)


def score_predictions(
    predictions: Predictions, spec: AuditableSpec, groups: Groups | None = None
) -> Scored:
    """Turn each row into its sums, and find the keys that it is added up by.

    Parameters
    ----------
    predictions : Predictions
        Rows of any origin.
    spec : AuditableSpec
        What is to be inferred: where rows have a date of their own, days are blocks only where the
        statement is about other times. And what several entities are called.
    groups : Groups, optional
        Whose units rows are added up by; entities by default.
    """
    table, amounts = predictions.table, predictions.kind == "amount"
    units = None if groups is None else groups.find_units(table)
    score = score_amounts if amounts else score_answers
    sums, metrics = score(table, predictions.baselines)
    outcome = table[Y_TRUE].to_numpy(np.float64)
    known = outcome[np.isfinite(outcome)]
    moment = join_overlaps(table)
    if OCCURRED_AT in table:
        days = table[OCCURRED_AT].dt.normalize().to_numpy()
        moment = days if spec.audit.infers == "this city" else table[FOLD].to_numpy()
    fold = table[FOLD].to_numpy()
    if groups is not None and groups.keyed_by == "row" and len(np.unique(fold)) > MOST_FOLDS:
        fold = np.ones_like(fold)
    return Scored(
        sums,
        metrics,
        table[ENTITY].to_numpy(object).astype(str) if units is None else units,
        moment,
        fold,
        predictions.unit,
        counts=not amounts or bool(len(known) and (known == np.floor(known)).all()),
        amount=("y" if len(known) else "forecast") if amounts else "n",
        events=() if amounts else EVENTS,
        entity=None if units is None else pd.factorize(table[ENTITY])[0],
        called=spec.entities,
        areas=_are_areas(table),
        lists=find_lists(table) if SLOT in table else None,
    )


def _are_areas(table: pd.DataFrame) -> bool:
    """Tell whether every entity is the area that its row lies in, and so no person."""
    return AREA in table and bool((table[AREA].astype(str) == table[ENTITY].astype(str)).all())


def code_people(table: pd.DataFrame) -> np.ndarray:
    """Code whom each row is about, (n,) int64 from 0: itself alone where entities are areas."""
    named = np.arange(len(table)) if _are_areas(table) else pd.factorize(table[ENTITY])[0]
    return named.astype(np.int64)


def refuse_many_cells(scored: Scored) -> None:
    """Refuse moments times combinations of groups that are more than can be held."""
    times, units = len(pd.unique(scored.moment)), len(pd.unique(scored.unit))
    if times * units * len(scored.sums.names) > MOST_CELLS:
        raise DataError(
            f"{times:,} moments of {units:,} combinations of groups are too many to hold at once",
            where="the audit",
            expected=f"at most {MOST_CELLS:,} figures",
            next_step="divide by fewer dimensions; of given predictions, leave `as_of` out where "
            "each is asked about once, and name the day as `maturity.asked`",
        )


def fit_limits(spec: SpecT, metrics: tuple[Metric, ...]) -> SpecT:
    """Leave out the policy's limits on figures of another target, and all on what is counted.

    The audit's own limits stay, and names that nobody knows, so that these are refused. What is
    counted and no metric (`representation`, `inspected_more`) has its limit where it is counted.
    """
    targets = {target for metric in metrics for target in metric.targets}
    policy = {
        name: limit
        for name, limit in spec.policy.limits.items()
        if name not in COUNTED
        and ((known := find_metric(name)) is None or targets & {*known.targets})
    }
    own = {name: limit for name, limit in spec.audit.limits.items() if name not in COUNTED}
    return spec.model_copy(
        update={
            "policy": spec.policy.model_copy(update={"limits": policy}),
            "audit": spec.audit.model_copy(update={"limits": own}),
        }
    )


def refuse_limits(spec: AuditableSpec, metrics: tuple[Metric, ...], *counted: str) -> None:
    """Refuse limits that a project cannot be held to, before any work is done.

    Parameters
    ----------
    spec : AuditableSpec
        The project's or audit's specification.
    metrics : tuple of Metric
        Those that will be audited.
    *counted : str
        Limits on what is counted that it knows, of `COUNTED`.
    """
    own = {name: limit for name, limit in spec.audit.limits.items() if name not in counted}
    check_limits({**fit_limits(spec, metrics).policy.limits, **own}, metrics)


def join_overlaps(table: pd.DataFrame) -> np.ndarray:
    """Return the moment that stands for each row's block.

    Parameters
    ----------
    table : pandas.DataFrame
        `Predictions.table`: ``as_of`` and, for amounts, the target ``period``.

    Returns
    -------
    numpy.ndarray
        (rows,) datetime64: ``as_of``, or that of the first window which the row's own overlaps
        with. A block ends with its first window; so with a window of h periods asked every s, a
        block is of h / s moments, rounded up.
    """
    if PERIOD not in table:
        return table[AS_OF].to_numpy()
    windows = table.groupby(AS_OF, sort=True)[PERIOD].agg(["min", "max"])
    first: dict[Any, Any] = {}
    start, until = None, -1
    for as_of, low, high in windows.itertuples():
        if start is None or low > until:
            start, until = as_of, high
        first[as_of] = start
    return table[AS_OF].map(first).astype(table[AS_OF].dtype).to_numpy()
