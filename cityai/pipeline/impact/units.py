"""What a plan seals of who takes part: the cases of lists, or places and when each begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.columns import CASE, OCCURRED_AT
from cityai.config.evaluation import EvaluationSpec
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.errors import DataError, SpecError, TimeError, suggest_name
from cityai.impact.lots import LEAST_PLACES, draw_starts, plan_starts
from cityai.impact.records import LEAST_SEPARATE, PERIOD, UNIT
from cityai.pipeline.impact.faults import refuse_past
from cityai.pipeline.impact.outcomes import CASES, MEASURED_AT, name_table, read_outcomes
from cityai.pipeline.impact.places import lay_axis, read_places

if TYPE_CHECKING:
    from cityai.data.periods import Periods
    from cityai.records.events import Events

LEAST_SETS: Final = LEAST_SEPARATE + 1
"""Separate sets of donors, as many as are treated, below which placebos tell nothing."""


@dataclass(frozen=True, slots=True)
class Units:
    """Who takes part, as it is sealed."""

    names: tuple[str, ...]
    """Cases of the period that are known already, or places; sorted."""
    model: str
    run: str
    """The model that ranks lists, and the run that made it; empty for places."""
    begin: Callable[[str], dict[str, str]]
    """From the seed of the plan to the day on which it begins in each place; empty where it never
    does. Of lists nothing, since theirs are drawn week by week."""


def list_units(project: Project[BaseProjectSpec], spec: EvaluationSpec, events: Events) -> Units:
    """List who takes part in an evaluation that is to be sealed.

    Raises
    ------
    TimeError
        When outcomes of its period can be read already.
    SpecError, DataError
        When a place is not known, or an arm is empty or too small to tell anything.
    """
    return (_list_places if spec.of_places else _list_cases)(project, spec, events)


def _list_cases(project: Project[BaseProjectSpec], spec: EvaluationSpec, events: Events) -> Units:
    from cityai.track.fetch import fetch_model
    from cityai.track.server import connect_tracking

    _refuse_seen(project, spec, events)
    model = fetch_model(connect_tracking(project.state), project.spec.name)
    known = events.table[OCCURRED_AT]
    within = (known >= pd.Timestamp(spec.starts)) & (known < pd.Timestamp(spec.ends))
    cases = sorted(events.table.loc[within, CASE].astype(str))
    return Units(tuple(cases), model.digest, model.run_id, lambda _: {})


def _list_places(project: Project[BaseProjectSpec], spec: EvaluationSpec, events: Events) -> Units:
    measured, axis = read_places(project, spec, events), lay_axis(project.spec, spec)
    early = measured[(measured[PERIOD] >= 0) & (measured[CASES] > 0)]
    if len(early):
        many = f"outcomes of {early[PERIOD].nunique():,} {axis.freq}s from {spec.starts} on"
        raise _tell_seen(project, spec, f"{many} can be read already")
    known = sorted(set(measured.loc[measured[CASES] > 0, UNIT]))
    names = choose_places(spec, known)
    where = name_table(project, spec)
    refuse_past(measured, names, spec, axis, where)
    past = -int(measured.loc[measured[CASES] > 0, PERIOD].min())
    if spec.design == "interrupted" and past // axis.count - 1 < LEAST_SEPARATE:
        raise DataError(
            f"{past:,} {axis.freq}s before hold {max(past // axis.count - 1, 0):,} separate "
            f"stretches of {axis.count:,} {axis.freq}s with as many before",
            where=where,
            expected=f"{LEAST_SEPARATE} at least: with fewer nobody knows how far it strays",
            next_step="take fewer `weeks`, a longer past, or another design",
        )
    return Units(names, "", "", lambda seed: begin_places(spec, axis, names, seed))


def choose_places(spec: EvaluationSpec, known: list[str]) -> tuple[str, ...]:
    """Choose the places that take part, sorted.

    Raises
    ------
    SpecError
        When one is not known.
    DataError
        When an arm is empty, or too small to tell anything.
    """
    for name in (*(spec.treated or ()), *(spec.donors or ())):
        if name not in known:
            raise SpecError(
                f"nothing was measured of a place '{name}'",
                where="treated, donors",
                expected=suggest_name(name, known),
                next_step="correct the name",
            )
    treated = spec.treated or tuple(known)
    if spec.design in {"interrupted", "before after"}:
        return tuple(sorted(treated))
    if spec.design == "stepped wedge":
        if len(known) < LEAST_PLACES:
            raise DataError(
                f"{len(known):,} places can begin at different times",
                where="places",
                expected=f"{LEAST_PLACES} at least: with fewer nobody knows how far it strays",
                next_step="take smaller places (`unit`), or another design",
            )
        return tuple(known)
    donors = spec.donors or tuple(name for name in known if name not in treated)
    if len(donors) // len(treated) < LEAST_SETS:
        raise DataError(
            f"{len(donors):,} places are left to hold {len(treated):,} against",
            where="treated, donors",
            expected=f"{LEAST_SETS} times as many: as many sets of them show how far it strays",
            next_step="begin in fewer places, or take `design: stepped wedge`: all begin",
        )
    return tuple(sorted({*treated, *donors}))


def begin_places(
    spec: EvaluationSpec, axis: Periods, names: tuple[str, ...], seed: str
) -> dict[str, str]:
    """Say on which day it begins in each place: as chance decides, or as is declared."""
    if spec.design == "stepped wedge":
        starts = plan_starts(len(names), axis.count, spec.steps)
        drawn = draw_starts(names, starts, seed)
        return {name: f"{axis.start(drawn[name]):%Y-%m-%d}" for name in names}
    treated = names if spec.treated is None else spec.treated
    return {name: str(spec.starts) if name in treated else "" for name in names}


def _refuse_seen(project: Project[BaseProjectSpec], spec: EvaluationSpec, events: Events) -> None:
    """Refuse a plan of a period of which outcomes can be read already."""
    seen = read_outcomes(project, spec, events)
    early = seen[seen[MEASURED_AT] >= pd.Timestamp(spec.starts)]
    if len(early):
        first, last = (f"{day:%Y-%m-%d}" for day in early[MEASURED_AT].agg(["min", "max"]))
        many = f"{len(early):,} outcomes from {spec.starts} on can be read already"
        until = f", or a first day after {last}"
        raise _tell_seen(project, spec, f"{many}, the first of {first}", until)


def _tell_seen(
    project: Project[BaseProjectSpec],
    spec: EvaluationSpec,
    what: str,
    until: str = " of its period",
) -> TimeError:
    return TimeError(
        f"{what}: nobody could believe that they were not",
        where=name_table(project, spec),
        expected=f"a plan that is sealed before the first outcome{until}",
        next_step="correct `starts`, and seal it then",
    )
