"""The final model asked about the cases of one moment, and past cases that it got wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    CASE,
    DECISION,
    ENTITY,
    FOLD,
    KNOWN_AT,
    OCCURRED_AT,
    SLOT,
    SLOT_START,
    Y_PRED,
    Y_TRUE,
)
from cityai.errors import TimeError
from cityai.modeling.capacity import rank_cases, select_cases
from cityai.modeling.case_drivers import find_drivers
from cityai.modeling.case_model import CaseModel
from cityai.modeling.drivers import Drivers
from cityai.modeling.fit import require_features

if TYPE_CHECKING:
    from cityai.config.risk import RiskSpec
    from cityai.data.cases import Cases
    from cityai.data.rows import Rows
    from cityai.modeling.case_backtest import CaseBacktest
    from cityai.modeling.predictions import Predictions

RANK, OF = "rank", "of"
BACKGROUND: Final = 4000
"""Latest earlier cases that tell what is usual, and which features move together."""


@dataclass(frozen=True, slots=True, eq=False)
class AheadCases:
    """The ranked list of one moment.

    Attributes
    ----------
    table : pandas.DataFrame
        Sorted by slot and rank: ``rank`` (from 1), ``of`` (cases of the slot), ``case_id``,
        ``entity_id``, ``area_id`` where declared, ``as_of``, ``occurred_at``, ``slot_start``,
        ``y_pred`` (probability), ``decision`` (1: selected).
    drivers : Drivers
        Of the same rows.
    notes : tuple of str
        What is to be known of the list.
    """

    table: pd.DataFrame
    drivers: Drivers
    notes: tuple[str, ...]


def predict_ahead(
    cases: Cases,
    build_rows: Callable[[Cases], Rows],
    final: CaseModel,
    spec: RiskSpec,
    as_of: datetime,
) -> AheadCases:
    """Rank the cases that are asked about on a day, from what was known before each was asked.

    Parameters
    ----------
    cases : Cases
        All cases.
    build_rows : callable
        From cases to their features.
    final : CaseModel
        The model.
    spec : RiskSpec
        Its decision rule.
    as_of : datetime
        The day.

    Raises
    ------
    TimeError
        When nothing can be asked on that day.
    DataError
        When the features are not those of the model.
    """
    from cityai.data.cases import cut_cases

    day = pd.Timestamp(as_of)
    chosen = find_asked(cases, day)
    cut = cut_cases(cases, chosen[AS_OF].max())
    rows = build_rows(cut)
    require_features(final, rows.features, rows.categorical, rows.table)
    table = rows.table.set_index(CASE)
    frame = table.loc[chosen[CASE]].reset_index()
    asked = chosen.copy()
    asked[FOLD] = 1
    asked[Y_PRED] = final.predict(frame)[Y_PRED].to_numpy()
    score = asked[Y_PRED].to_numpy(np.float64)
    selection = select_cases(asked, score, spec.question.decision)
    asked[RANK] = rank_cases(asked, score)
    asked[OF] = asked.groupby(SLOT)[CASE].transform("size")
    asked[DECISION] = selection.decision.astype(np.int64)
    order = np.lexsort((asked[RANK].to_numpy(), asked[SLOT].to_numpy()))
    area = [AREA] if AREA in asked else []
    shown = [RANK, OF, CASE, ENTITY, *area, AS_OF, OCCURRED_AT, SLOT_START, Y_PRED, DECISION]
    background = rows.table[rows.table[AS_OF] < day].tail(BACKGROUND)
    ordered = frame.iloc[order].reset_index(drop=True)
    return AheadCases(
        asked.iloc[order][shown].reset_index(drop=True),
        find_drivers(final, ordered, background, rows.labels),
        _list_notes(asked, selection.full, spec),
    )


def find_asked(cases: Cases, day: pd.Timestamp) -> pd.DataFrame:
    """Return the cases that are asked about on a day.

    Raises
    ------
    TimeError
        When the day lies beyond the data, before any history, or no case is asked about on it.
    """
    moments = cases.table[AS_OF]
    known = cases.table.loc[cases.table[Y_TRUE].notna(), KNOWN_AT]
    if day > cases.until:
        raise TimeError(
            f"{day:%Y-%m-%d} lies in the future of the data",
            where="--as-of",
            expected=f"at the latest {cases.until:%Y-%m-%d}, which the data reach",
            next_step="bring the data up to date, or ask about an earlier day",
        )
    if not (known < day).any():
        raise TimeError(
            f"no outcome was known yet before {day:%Y-%m-%d}",
            where="--as-of",
            expected=f"a day after {known.min():%Y-%m-%d}, when the first outcome was known",
        )
    chosen = cases.table[(moments >= day) & (moments < day + pd.Timedelta(days=1))]
    if chosen.empty:
        days = pd.DatetimeIndex(moments.dt.normalize().unique())
        near = [d for d in (days[days < day].max(), days[days > day].min()) if not pd.isna(d)]
        raise TimeError(
            f"no case is asked about on {day:%Y-%m-%d}",
            where="--as-of",
            expected=f"a day such as {' or '.join(f'{d:%Y-%m-%d}' for d in near)}",
        )
    return chosen.reset_index(drop=True)


def worst_misses(predictions: Predictions, count: int) -> pd.DataFrame:
    """Return the cases that were ranked most wrongly: half passed over, half selected in vain.

    Returns
    -------
    pandas.DataFrame
        The columns of the predictions, ``rank`` and ``of``.
    """
    table = predictions.table
    ranked = table.copy()
    ranked[RANK] = rank_cases(table, table[Y_PRED].to_numpy(np.float64))
    ranked[OF] = table.groupby([FOLD, SLOT])[CASE].transform("size")
    passed = ranked[(ranked[Y_TRUE] == 1) & (ranked[DECISION] == 0)]
    vain = ranked[ranked[Y_TRUE] == 0]
    half = (count + 1) // 2
    first = passed.sort_values([Y_PRED, CASE], kind="stable").head(half)
    second = vain.sort_values([Y_PRED, CASE], ascending=[False, True], kind="stable")
    both = pd.concat([first, second.head(count - len(first))], ignore_index=True)
    kept = [RANK, OF, CASE, ENTITY, AS_OF, OCCURRED_AT, FOLD, Y_TRUE, Y_PRED, DECISION]
    return both[kept]


def take_folds_apart(table: pd.DataFrame, backtest: CaseBacktest, rows: Rows) -> Drivers:
    """Take past cases apart by the model of their own test fold; rows in the order of `table`."""
    features = rows.table.set_index(CASE)
    numbers = [fold.number for fold in backtest.folds.test]
    parts, data, names = [], [], list(backtest.final.feature_names)
    for number, model in zip(numbers, backtest.models, strict=True):
        own = table[table[FOLD] == number]
        if own.empty:
            continue
        frame = features.loc[own[CASE], names]
        cutoff = own[AS_OF].min()
        usual = rows.table.loc[rows.table[AS_OF] < cutoff, names].tail(BACKGROUND)
        found = find_drivers(model, frame, usual, rows.labels)
        parts.append(found.parts.set_axis(own.index))
        data.append(found.data.set_axis(own.index))
    background = rows.table[names].tail(BACKGROUND)
    order = range(len(table))
    return Drivers(
        pd.concat(parts).reindex(order),
        pd.concat(data).reindex(order),
        background.reset_index(drop=True),
        dict(rows.labels),
        1.0,
    )


def _list_notes(asked: pd.DataFrame, full: int, spec: RiskSpec) -> tuple[str, ...]:
    rule = spec.question.decision
    said = [
        "A chance has no range of its own: the card's curve of calibration shows how far such "
        "chances held, and for whom."
    ]
    if full and rule.rule == "top":
        said.append(
            f"There are no more {spec.question.unit} here than the capacity of {rule.capacity} "
            f"per {rule.per}, so all {len(asked):,} are selected: the order is all that is new."
        )
    return tuple(said)
