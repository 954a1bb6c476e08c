"""The final model asked about one moment: predictions, and what moved each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    CANDIDATE,
    CASE,
    DECISION,
    ENTITY,
    FOLD,
    KNOWN_AT,
    OCCURRED_AT,
    PERIOD_START,
    SLOT,
    SLOT_START,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.data.features.as_of_join import find_positions
from cityai.data.periods import Periods, find_start
from cityai.errors import TimeError
from cityai.modeling.capacity import OF, RANK, rank_cases, select_cases
from cityai.modeling.drivers import BACKGROUND, Drivers, find_drivers
from cityai.modeling.final import FinalModel, require_features
from cityai.modeling.forecasters.pretrained import refuse_other_weights
from cityai.modeling.forecasters.protocol import Candidate, list_series
from cityai.modeling.layouts.dense import read_history
from cityai.modeling.layouts.source import IntArray
from cityai.modeling.unlike import tell_unlike

if TYPE_CHECKING:
    from cityai.config.project import Period, ProjectSpec
    from cityai.config.risk import RiskSpec
    from cityai.data.panel import Panel
    from cityai.data.rows import Rows, RowsAt
    from cityai.records.events import Events

SHOWN: Final = (ENTITY, AS_OF, STEP, PERIOD_START, Y_PRED, Y_LOW, Y_HIGH)
MOMENTS: Final = 12
"""Earlier moments of a panel whose rows tell which features move together."""


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Predictions of one moment."""

    table: pd.DataFrame
    """In the order in which it is to be read. Of a panel: `SHOWN`, sorted by entity and step,
    figures in the target's unit. Of cases: ``rank`` (from 1), ``of`` (cases of the slot),
    ``case_id``, ``entity_id``, ``area_id`` where declared, ``as_of``, ``occurred_at``,
    ``slot_start``, ``y_pred`` (probability), ``decision`` (1: selected), sorted by slot and rank.
    """
    drivers: Drivers
    """Of the same rows."""
    notes: tuple[str, ...] = ()
    """What is to be known of all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What the final model says of what comes after the data."""

    table: pd.DataFrame
    """``entity_id``, ``step``, ``period_start``, ``y_pred``, ``y_low``, ``y_high``, as `Ahead` has
    them; without a row where nobody knows yet what will be asked about."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One moment as a layout of rows asks it."""

    rows: Rows
    """Rows with their features, those asked about among them."""
    frame: pd.DataFrame
    """What the model predicts from, one row a prediction."""
    background: pd.DataFrame
    """Earlier rows, that tell what is usual and which features move together."""
    arrange: Callable[[pd.DataFrame], tuple[pd.DataFrame, IntArray, tuple[str, ...]]]
    """From what the model predicts to the table as it is read, the order in it of the frame's rows,
    and notes."""


def predict_ahead(final: FinalModel, question: Question) -> Ahead:
    """Predict a moment from what was known before it, each with what moved it.

    Raises
    ------
    DataError
        When the features are not those of the model.
    """
    rows = question.rows
    require_features(final, rows.features, rows.categorical, rows.table)
    table, order, notes = question.arrange(final.predict(question.frame))
    ordered = question.frame.iloc[order].reset_index(drop=True)
    drivers = find_drivers(final, ordered, question.background, rows.labels)
    unlike = tell_unlike(final, rows, question.frame, question.background)
    return Ahead(table.reset_index(drop=True), drivers, (*notes, *unlike))


def lay_panel_ahead(
    panel: Panel,
    rows_at: RowsAt,
    final: FinalModel,
    spec: ProjectSpec,
    candidates: Sequence[Candidate],
    as_of: datetime,
) -> Question:
    """Ask a panel for the periods that follow a moment, the local start of a period.

    Candidates of the blend that look at series are asked again.

    Raises
    ------
    TimeError
        When nothing can be asked at that moment.
    """
    rows, frame = _ask_panel(panel, rows_at, final, spec, candidates, as_of)
    origin, start = find_origin(panel, as_of), panel.periods.start
    earlier = [start(o) for o in range(origin - 1, 0, -1) if panel.active[o].any()][:MOMENTS]
    background = rows_at(earlier).table if earlier and final.models else frame.iloc[:0]

    def arrange(found: pd.DataFrame) -> tuple[pd.DataFrame, IntArray, tuple[str, ...]]:
        table = frame[[ENTITY, AS_OF, STEP, PERIOD_START]].join(found[[Y_PRED, Y_LOW, Y_HIGH]])
        notes = tuple(tell_left_out(panel, origin, spec))
        return table.astype({ENTITY: "str", STEP: np.int64}), np.arange(len(table)), notes

    return Question(rows, frame, background, arrange)


def tell_left_out(panel: Panel, origin: int, spec: ProjectSpec) -> Iterator[str]:
    """Tell whom the data know and nobody asks about, and who is asked about without news."""
    known = np.isfinite(panel.known_at(origin))
    asked, names = panel.active[origin], np.array(panel.entity_ids, dtype=object)
    left = names[known.any(axis=0) & ~asked]
    if len(left):
        yield (
            f"No forecast is made of {len(left):,} that the data tell of, the first '{left[0]}': "
            "what is known of them is too short or too old (`question.entity.cohort`)."
        )
    last = np.where(known.any(axis=0), origin - 1 - np.argmax(known[::-1], axis=0), -1)
    silent = np.flatnonzero(asked & (last >= 0) & (last < last[asked].max() - 1))
    if len(silent):
        since = panel.periods.start(int(last[silent[0]]))
        yield (
            f"Of {len(silent):,} {spec.entities} nothing is known of the latest periods, the first "
            f"'{names[silent[0]]}', last of the {panel.periods.freq} from {_write(since)}: their "
            "forecasts rest on what was before."
        )


def look_ahead(
    panel: Panel,
    rows_at: RowsAt,
    final: FinalModel,
    spec: ProjectSpec,
    candidates: Sequence[Candidate],
) -> Outlook:
    """Forecast the periods that follow the data.

    Raises
    ------
    TimeError
        When nothing can be asked at the end of the data.
    """
    end = panel.periods.start(panel.periods.count)
    frame = _ask_panel(panel, rows_at, final, spec, candidates, end.to_pydatetime())[1]
    found = final.predict(frame)[[Y_PRED, Y_LOW, Y_HIGH]]
    table = frame[[ENTITY, STEP, PERIOD_START]].join(found)
    return Outlook(table.astype({ENTITY: "str", STEP: np.int64}).reset_index(drop=True))


def _ask_panel(
    panel: Panel,
    rows_at: RowsAt,
    final: FinalModel,
    spec: ProjectSpec,
    candidates: Sequence[Candidate],
    as_of: datetime,
) -> tuple[Rows, pd.DataFrame]:
    """Lay out the rows of a moment, and beside their features what series say."""
    origin = find_origin(panel, as_of)
    rows = rows_at([panel.periods.start(origin)])
    history = read_history(panel, origin, spec)
    entity = find_positions(rows.table[ENTITY], panel.entity_ids)
    step = rows.table[STEP].to_numpy(np.int64) - 1
    asked = [model for model in list_series(candidates) if model.name in final.blend]
    for model in asked:
        refuse_other_weights(model, final.series.get(model.name, {}))
    series = {CANDIDATE + m.name: m.forecast(history)[step, entity] for m in asked}
    return rows, rows.table.assign(**series)


def lay_cases_ahead(
    cases: Events, build_rows: Callable[[Events], Rows], spec: RiskSpec, as_of: datetime
) -> Question:
    """Ask for the ranks of the cases of a day, each from what was known before it was asked.

    Raises
    ------
    TimeError
        When nothing can be asked on that day.
    """
    from cityai.records.events import cut_events

    day = pd.Timestamp(as_of)
    asked = _find_asked(cases, day)
    rows = build_rows(cut_events(cases, asked[AS_OF].max()))
    frame = rows.table.set_index(CASE).loc[asked[CASE]].reset_index()

    def arrange(found: pd.DataFrame) -> tuple[pd.DataFrame, IntArray, tuple[str, ...]]:
        score = found[Y_PRED].to_numpy(np.float64)
        table = asked.copy()
        table[FOLD], table[Y_PRED] = 1, score
        selection = select_cases(table, score, spec.question.decision)
        table[RANK] = rank_cases(table, score)
        table[OF] = table.groupby(SLOT)[CASE].transform("size")
        table[DECISION] = selection.decision.astype(np.int64)
        order = np.lexsort((table[RANK].to_numpy(), table[SLOT].to_numpy()))
        area = [AREA] if AREA in table else []
        shown = [RANK, OF, CASE, ENTITY, *area, AS_OF, OCCURRED_AT, SLOT_START, Y_PRED, DECISION]
        notes = (*_list_notes(table, selection.full, spec), *_tell_parts(table, cases, spec))
        return table.iloc[order][shown], order, notes

    return Question(rows, frame, rows.table[rows.table[AS_OF] < day].tail(BACKGROUND), arrange)


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


def _find_asked(cases: Events, day: pd.Timestamp) -> pd.DataFrame:
    """Return the cases that are asked about on a day."""
    moments = cases.table[AS_OF]
    known = cases.table.loc[cases.table[Y_TRUE].notna(), KNOWN_AT]
    reached = _find_reach(cases)
    if day > reached:
        raise TimeError(
            f"{day:%Y-%m-%d} lies in the future of the data",
            where="--as-of",
            expected=f"at the latest {reached:%Y-%m-%d}, which the data reach",
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


def _find_reach(cases: Events) -> pd.Timestamp:
    """Find the last day on which no outcome is missing that an export of that day would hold.

    Days without cases, such as a weekend, lie between what is known and what is asked next.
    """
    due = cases.table[KNOWN_AT].fillna(cases.table[OCCURRED_AT])
    later = due[due >= cases.until]
    return later.min().normalize() if len(later) else cases.until


def ask_together(cases: Events, as_of: datetime, per: Period | Literal["fold"]) -> Events:
    """Ask about all cases of a capacity's period at its start, before any of them takes place.

    Each is ranked from what was known at that moment, as who deals out the whole capacity must.

    Raises
    ------
    TimeError
        When the moment is no such start, or the data end more than a period before it.
    """
    day = pd.Timestamp(as_of).as_unit("us")
    if per == "fold" or find_start(per, day) != day:
        raise TimeError(
            f"no list of a whole {per} begins on {_write(day)}",
            where="--as-of",
            expected="a day" if per == "fold" else f"such as {_write(find_start(per, day))}",
            next_step="let the capacity hold for a day, a week or a month (`per`)",
        )
    if cases.until < find_start(per, day - pd.Timedelta(days=1)):
        return cases  # `_find_asked` says until when they reach
    table = cases.table
    within = (table[SLOT_START] == day) & (table[AS_OF] >= day)
    table = table.assign(**{AS_OF: table[AS_OF].mask(within, day)})
    ordered = table.sort_values([AS_OF, CASE], ignore_index=True)
    return replace(cases, table=ordered, until=max(cases.until, day))


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


def _tell_parts(asked: pd.DataFrame, cases: Events, spec: RiskSpec) -> Iterator[str]:
    """Tell where a day's list is a part of a period, and has the capacity of the whole of it."""
    rule = spec.question.decision
    there = int(cases.table[SLOT_START].isin(asked[SLOT_START].unique()).sum())
    if rule.rule == "top" and rule.per != "fold" and there > len(asked):
        yield (
            f"These are {len(asked):,} of the {there:,} {spec.question.unit} that the data hold of "
            f"their {rule.per}, and the whole capacity of {rule.capacity} per {rule.per} is marked "
            f"among them: take off what other days of the {rule.per} use of it, or let the "
            "capacity hold for a day (`question.decision.per`)."
        )


def _write(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d}" if moment == moment.normalize() else f"{moment:%Y-%m-%d %H:%M}"
