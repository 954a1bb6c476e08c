"""Row counts and total of a table, by the very reading that a run uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import pandas as pd

from cityai.columns import ENTITY, VALUE, Y_TRUE
from cityai.config.city import CitySpec
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.reading.reader import Layout, read_events
from cityai.data.rejects import tell_rejects
from cityai.records.events import Events
from cityai.scaffold.names import say_count
from cityai.scaffold.proposal import Proposal

_NOWHERE: Final = {
    "name": "City",
    "country": "US",
    "time_zone": "UTC",
    "contact": {"unit": "-", "email": "data@city.example"},
}
SpecT = TypeVar("SpecT", bound=BaseProjectSpec)


def recount(
    look: Proposal,
    read_as: type[SpecT],
    layout: Layout[SpecT],
    parts: Mapping[str, int],
    others: str,
) -> None:
    """Count the table as a run does, and note what was counted and what was not.

    Parameters
    ----------
    look : Proposal
        With its specification.
    read_as : type
        Its kind of specification.
    layout : Layout
        How the main table is laid out.
    parts : mapping of str to int
        Rows that are known to be left out, by what they are.
    others : str
        What other rows are that are left out.

    Raises
    ------
    DataError
        When most rows cannot be read as proposed.
    TimeError
        When the table holds no complete period.
    """
    city = look.city or CitySpec.model_validate(_NOWHERE)
    spec = read_as.model_validate({**look.spec, "name": "look", "city": city.model_dump()})
    folder = look.profile.path.parent
    events = read_events(Project(spec, folder, folder, ""), layout)
    counts = events.counts
    look.choose(
        "total",
        f"{_add_up(events.table):,.12g} {spec.question.unit}",
        f"{counts.accepted:,} of {say_count(counts.read, 'row')}, {_tell_span(events, spec)}; "
        f"a run counts the same{_tell_unknown(events.table)}",
    )
    if counts.out_of_scope:
        # What is refused too, as the year 9999 is, is told below.
        left = {part: min(n, counts.out_of_scope) for part, n in parts.items()}
        left[others] = counts.out_of_scope - sum(left.values())
        # Of a table too large to be looked at whole, only a run counts how many are of which kind.
        is_cut = look.profile.is_cut
        why = ", ".join(part if is_cut else f"{n:,} {part}" for part, n in left.items() if n > 0)
        look.choose("left out", say_count(counts.out_of_scope, "row"), why)
    for n, why in tell_rejects(events.rejects):
        look.choose("rejected", say_count(n, "row"), why)


def _add_up(table: pd.DataFrame) -> float:
    return float(table[VALUE].sum()) if VALUE in table else len(table)


def _tell_span(events: Events, spec: BaseProjectSpec) -> str:
    periods, entity = events.periods, spec.question.entity
    last = periods.start(periods.count) - pd.Timedelta(days=1)
    n = events.table[ENTITY].nunique()
    many = f"{n:,} {entity.label if n == 1 else entity.label_plural}"
    return (
        f"in {say_count(periods.count, periods.freq)} from {periods.first:%Y-%m-%d} to "
        f"{last:%Y-%m-%d}, {many if entity.columns else 'one series'}"
    )


def _tell_unknown(table: pd.DataFrame) -> str:
    column, what = (VALUE, "amounts") if VALUE in table else (Y_TRUE, "outcomes")
    unknown = int(table[column].isna().sum())
    return f"; {unknown:,} {what} are unknown" if unknown else ""
