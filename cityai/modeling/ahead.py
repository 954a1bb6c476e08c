"""The final model asked about a moment: the next periods, and what moved each forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AS_OF,
    CANDIDATE,
    ENTITY,
    FOLD,
    ORIGIN,
    PERIOD_START,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
)
from cityai.data.periods import Periods, find_start
from cityai.errors import TimeError
from cityai.modeling.drivers import Drivers, explain_blend
from cityai.modeling.final import FinalModel
from cityai.modeling.fit import require_features
from cityai.modeling.forecasters import (
    Candidate,
    cut_history,
    list_features,
    list_series,
)

if TYPE_CHECKING:
    from cityai.config.project import ProjectSpec
    from cityai.data.panel import Panel
    from cityai.data.rows import Rows
    from cityai.modeling.backtest import Backtest

SHOWN: Final = (ENTITY, AS_OF, STEP, PERIOD_START, Y_PRED, Y_LOW, Y_HIGH)
BACKGROUND: Final = 12
"""Earlier moments whose rows tell which features move together."""


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Forecasts of one moment.

    Attributes
    ----------
    table : pandas.DataFrame
        Sorted by entity and step: `SHOWN`; figures in the target's unit.
    drivers : Drivers
        Of the same rows.
    """

    table: pd.DataFrame
    drivers: Drivers


def forecast_ahead(
    panel: Panel,
    rows_for: Callable[[Sequence[int]], Rows],
    final: FinalModel,
    spec: ProjectSpec,
    candidates: Sequence[Candidate],
    as_of: datetime,
) -> Ahead:
    """Forecast the periods that follow a moment, from what was known before it.

    Parameters
    ----------
    panel : Panel
        What was known when.
    rows_for : callable
        From origins to their rows.
    final : FinalModel
        The model.
    spec : ProjectSpec
        The project.
    candidates : sequence of Candidate
        The kind's: those of the blend that look at series are asked again.
    as_of : datetime
        The moment: the local start of a period.

    Raises
    ------
    TimeError
        When nothing can be asked at that moment.
    DataError
        When the features are not those of the model.
    """
    origin = find_origin(panel, as_of)
    rows = rows_for([origin])
    require_features(final, rows.features, rows.categorical, rows.table)
    frame = rows.table.assign(**_ask_series(panel, rows.table, final, spec, candidates, origin))
    found = final.predict(frame)
    table = frame[[ENTITY, AS_OF, STEP, PERIOD_START]].join(found[[Y_PRED, Y_LOW, Y_HIGH]])
    table = table.astype({ENTITY: "str", STEP: np.int64}).reset_index(drop=True)
    earlier = [o for o in range(origin - 1, 0, -1) if panel.active[o].any()][:BACKGROUND]
    background = rows_for(earlier).table if earlier and final.models else rows.table.iloc[:0]
    return Ahead(table, _take_apart(final, frame, background, rows.labels))


def take_fold_apart(
    table: pd.DataFrame, backtest: Backtest, rows_for: Callable[[Sequence[int]], Rows]
) -> Drivers:
    """Take past forecasts apart by the learners of their own test fold.

    Parameters
    ----------
    table : pandas.DataFrame
        ``fold``, ``entity_id``, ``step``: rows of the test folds.
    backtest : Backtest
        Its `models` and `weights`.
    rows_for : callable
        From origins to their rows.
    """
    models = {model.fold: model for model in backtest.models}
    none = pd.DataFrame(index=table.index)
    if not models:
        return Drivers(none, none, none, {}, 0.0)
    rows = rows_for(sorted({model.origin for model in models.values()}))
    origins = table[FOLD].map({fold: model.origin for fold, model in models.items()})
    found = rows.table.assign(**{ENTITY: rows.table[ENTITY].astype("str")})
    found = found.set_index([ORIGIN, ENTITY, STEP])
    keys = pd.MultiIndex.from_arrays([origins, table[ENTITY].astype("str"), table[STEP]])
    own = found.loc[keys].reset_index()
    names = list(list_features([m for model in backtest.models for m in model.models]))
    weights = backtest.weights.set_index([FOLD, "candidate"])["weight"]
    parts, shares = [], []
    for fold, model in sorted(models.items()):
        here = np.flatnonzero(table[FOLD].to_numpy() == fold)
        if not len(here):
            continue
        part, share = explain_blend(
            model.models, weights.loc[fold].to_dict(), own.iloc[here], rows.table
        )
        if part is not None:
            shares.append(share)
            parts.append(part.to_unit() * share)
    if not parts:
        return Drivers(none, none, none, {}, 0.0)
    joined = pd.concat(parts).reindex(index=range(len(table)), columns=names, fill_value=0.0)
    return Drivers(joined, own[names], rows.table[names], dict(rows.labels), float(np.mean(shares)))


def find_origin(panel: Panel, as_of: datetime) -> int:
    """Return the index of a moment on the panel's axis.

    Raises
    ------
    TimeError
        When it is not the start of a period, lies beyond the data, or before any history.
    """
    periods, moment = panel.periods, pd.Timestamp(as_of)
    start = find_start(periods.freq, moment)
    origin = int(periods.index(pd.DatetimeIndex([start]))[0])
    if moment != start:
        raise TimeError(
            f"{_write(moment)} is not the start of a {periods.freq}",
            where="--as-of",
            expected=f"the start of a {periods.freq}: {_write(start)} or "
            f"{_write(periods.start(origin + 1))}",
        )
    if origin > periods.count:
        raise TimeError(
            f"{_write(moment)} lies in the future of the data",
            where="--as-of",
            expected=f"at the latest {_write(periods.start(periods.count))}, which the data reach",
            next_step="bring the data up to date, or ask about an earlier moment",
        )
    if origin < 1 or not panel.active[origin].any():
        raise TimeError(
            f"nothing was known yet before {_write(moment)} that could be asked about",
            where="--as-of",
            expected=_tell_first(panel, periods),
        )
    return origin


def _tell_first(panel: Panel, periods: Periods) -> str:
    asked = np.flatnonzero(panel.active.any(axis=1))
    if not len(asked):
        return "entities that are asked about (`question.entity.cohort`)"
    return f"a moment from {_write(periods.start(max(int(asked[0]), 1)))} on"


def _ask_series(
    panel: Panel,
    table: pd.DataFrame,
    final: FinalModel,
    spec: ProjectSpec,
    candidates: Sequence[Candidate],
    origin: int,
) -> dict[str, np.ndarray]:
    question = spec.question
    asked = cut_history(panel, origin, horizon=question.horizon, lead=question.lead)
    entity = pd.Index(panel.entity_ids).get_indexer(pd.Index(table[ENTITY].astype("str")))
    step = table[STEP].to_numpy(np.int64) - 1
    return {
        CANDIDATE + model.name: model.forecast(asked)[step, entity]
        for model in list_series(candidates)
        if model.name in final.blend
    }


def _take_apart(
    final: FinalModel, frame: pd.DataFrame, background: pd.DataFrame, labels: dict[str, str]
) -> Drivers:
    names = list(final.feature_names)
    found, weight = explain_blend(final.models, final.blend, frame, background)
    if found is None:
        none = pd.DataFrame(index=frame.index).reset_index(drop=True)
        return Drivers(none, none, none, dict(labels), 0.0)
    factor = frame[ENTITY].astype("str").map(final.corrections).fillna(1.0).to_numpy(np.float64)
    units = found.to_unit().mul(weight * factor, axis=0)
    return Drivers(
        units.reset_index(drop=True),
        frame[names].reset_index(drop=True),
        background[names].reset_index(drop=True),
        dict(labels),
        weight,
    )


def _write(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d}" if moment == moment.normalize() else f"{moment:%Y-%m-%d %H:%M}"
