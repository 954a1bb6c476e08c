"""The past of a case: earlier cases of its entity, area and city, and what else happened there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AREA, AS_OF, CATEGORY, ENTITY, KNOWN_AT, OCCURRED_AT, Y_TRUE
from cityai.config.risk import EventSpec, RiskSpec
from cityai.data.features.as_of_join import (
    Past,
    Seen,
    divide,
    find_groups,
    find_latest,
    look_back,
    order_past,
    read_moments,
    sum_seen,
    take_last,
)
from cityai.data.rows import Feature, Floats, Ints
from cityai.i18n.messages import say
from cityai.records.events import Events

DAY_US: Final = 86_400_000_000
LONGEST_DAYS: Final = 3650.0
"""Times since something are capped here, ten years."""
_NOTHING: Final = np.iinfo(np.int64).min
_PLACES: Final = (OCCURRED_AT, KNOWN_AT, ENTITY, AREA, CATEGORY, "latitude", "longitude")


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """The past of every case at one level, ready to be counted.

    Attributes
    ----------
    past : Past
        What happened.
    seen : Seen
        What each case could see of all of it.
    windows : dict of int to Seen
        The same, by days back.
    asked, occurred : numpy.ndarray
        (cases,) when each was asked, (events,) when each event happened; int64 microseconds.
    """

    past: Past
    seen: Seen
    windows: dict[int, Seen]
    asked: Ints
    occurred: Ints

    def sum(self, amount: Floats, days: int | None = None) -> Floats:
        """Add up an amount, of all time or of the last days."""
        seen = self.seen if days is None else self.windows[days]
        return sum_seen(self.past, seen, self.seen, amount)

    def count(self, days: int | None = None) -> Floats:
        """Count what happened, of all time or in the last days."""
        return (self.seen if days is None else self.windows[days]).count

    def days_since(self, among: Floats | None = None) -> Floats:
        """Days since the latest, capped at ten years; NaN where there was none.

        Parameters
        ----------
        among : numpy.ndarray, optional
            (events,) float64: only those that are 1 count.
        """
        happened = self.occurred
        if among is not None:
            happened = np.where(among == 1, happened, _NOTHING)
        latest = find_latest(self.past, self.seen, happened)
        is_any = latest != _NOTHING
        days = np.where(is_any, (self.asked - np.where(is_any, latest, 0)) / DAY_US, np.nan)
        return np.minimum(days, LONGEST_DAYS)


def follow(
    events: pd.DataFrame, group: Ints, cases: Events, of_case: Ints, windows: tuple[int, ...]
) -> Trail:
    """Lay out the past of every case at one level."""
    asked = read_moments(cases.table[AS_OF])
    occurred = read_moments(events[OCCURRED_AT])
    past = order_past(group, read_moments(events[KNOWN_AT]), occurred)
    seen = look_back(past, of_case, asked)
    back = {d: look_back(past, of_case, asked, asked - d * DAY_US) for d in windows}
    return Trail(past, seen, back, asked, occurred)


def describe_cases_past(cases: Events, spec: RiskSpec) -> Iterator[Feature]:
    """Yield what earlier cases of the entity, its area and the city showed."""
    table, windows = cases.table, tuple(sorted(set(spec.features.windows_days)))
    entity, unit = spec.question.entity, spec.question.unit
    own, of_case = find_groups(table[ENTITY], table[ENTITY])
    trail = follow(table, own, cases, of_case, windows)
    y_true = table[Y_TRUE].to_numpy(np.float64)
    answered = (~np.isnan(y_true)).astype(np.float64)
    yes, where = (
        say("times that {label}", label=spec.question.outcome.label),
        say("same {label}", label=entity.label),
    )
    yield _own(
        "past_cases",
        say("earlier {unit} of the {where}", unit=unit, where=where),
        trail.sum(answered),
    )
    yield _own("past_yes", say("{yes} before, {where}", yes=yes, where=where), trail.sum(y_true))
    yield _own(
        "past_rate",
        say(
            "share of earlier {unit} of the {where} in which {label}",
            unit=unit,
            where=where,
            label=spec.question.outcome.label,
        ),
        divide(trail.sum(y_true), trail.sum(answered)),
    )
    yield _own(
        "last_outcome",
        say(
            "whether at the last of the {unit} of the {where} {label}",
            unit=unit,
            where=where,
            label=spec.question.outcome.label,
        ),
        take_last(trail.past, trail.seen, y_true),
    )
    yield _own(
        "days_since_last",
        say("days since the last of the {unit}, {where}", unit=unit, where=where),
        trail.days_since(answered),
    )
    yield _own(
        "days_since_yes",
        say(
            "days since the last time that {label}, {where}",
            label=spec.question.outcome.label,
            where=where,
        ),
        trail.days_since(y_true),
    )
    for days in windows:
        span = say_span(days)
        count, found = trail.sum(answered, days), trail.sum(y_true, days)
        yield _own(
            f"past_cases_{days}d",
            say("{unit} of the {where} in {span}", unit=unit, where=where, span=span),
            count,
        )
        yield _own(
            f"past_yes_{days}d",
            say("{yes} in {span}, {where}", yes=yes, span=span, where=where),
            found,
        )
    yield from _describe_rates(cases, spec, y_true, answered, windows)


def _describe_rates(
    cases: Events, spec: RiskSpec, y_true: Floats, answered: Floats, windows: tuple[int, ...]
) -> Iterator[Feature]:
    table, unit = cases.table, spec.question.unit
    levels = {"city": (pd.Series("", index=table.index), say("the whole city"))}
    if AREA in table:
        levels["area"] = (table[AREA], say("the same area"))
    for level, (place, words) in levels.items():
        group, of_case = find_groups(place, place)
        trail = follow(table, group, cases, of_case, windows)
        for days in windows:
            yield Feature(
                f"{level}_rate_{days}d",
                say(
                    "share of {unit} in {words} in {days} in which {label}",
                    unit=unit,
                    words=words,
                    days=say_span(days),
                    label=spec.question.outcome.label,
                ),
                divide(trail.sum(y_true, days), trail.sum(answered, days)),
            )


def describe_events(cases: Events, spec: RiskSpec) -> Iterator[Feature]:
    """Yield counts and sums of every declared table of events that has a key."""
    windows = tuple(sorted(set(spec.features.windows_days)))
    for name, event in spec.events.items():
        if event.by != "point":
            yield from _describe_table(name, event, cases, spec, windows)


def _describe_table(
    name: str, event: EventSpec, cases: Events, spec: RiskSpec, windows: tuple[int, ...]
) -> Iterator[Feature]:
    events, table = cases.events[name], cases.table
    everyone = pd.Series("", index=events.index), pd.Series("", index=table.index)
    column = {"entity": ENTITY, "area": AREA}.get(event.by)
    known, asked = everyone if column is None else (events[column], table[column])
    group, of_case = find_groups(known, asked)
    trail = follow(events, group, cases, of_case, windows)
    is_own = event.by == "entity"
    what = event.label or name.replace("_", " ")
    at = {
        "entity": say("same {label}", label=spec.question.entity.label),
        "area": say("same area"),
    }.get(event.by, say("whole city"))

    def feature(suffix: str, label: str, values: Floats) -> Feature:
        return Feature(f"{name}.{suffix}", (label + ", " + at), values)

    if is_own:
        yield feature("count", say("{what} before", what=what), trail.count())
        yield feature(
            "days_since", say("days since the last of the {what}", what=what), trail.days_since()
        )
    for days in windows:
        yield feature(
            f"count_{days}d",
            say("{what} in {days}", what=what, days=say_span(days)),
            trail.count(days),
        )
    for amount in list_amounts(events):
        values = events[amount].to_numpy(np.float64)
        said = _say_amount(amount, event)
        if is_own:
            last = take_last(trail.past, trail.seen, values)
            total = trail.sum(values)
            yield feature(
                f"{amount}_last",
                say("{said} at the last of the {what}", said=said, what=what),
                last,
            )
            yield feature(
                f"{amount}_mean", say("{said} on average", said=said), divide(total, trail.count())
            )
        for days in windows:
            yield feature(
                f"{amount}_{days}d",
                say("{said} in {days}", said=said, days=say_span(days)),
                trail.sum(values, days),
            )
    if event.categories is not None:
        allowed = {**event.columns, **(event.join.columns if event.join else {})}
        for category in allowed[event.categories].allowed or ():
            is_it = (events[CATEGORY] == category).to_numpy().astype(np.float64)
            for days in windows:
                label = say(
                    "{what} ({category}) in {days}",
                    what=what,
                    category=category,
                    days=say_span(days),
                )
                yield feature(f"{category}_{days}d", label, trail.sum(is_it, days))


def list_amounts(events: pd.DataFrame) -> list[str]:
    """Return the numeric columns of a table of events."""
    return [str(c) for c in events.columns if c not in _PLACES]


def say_span(days: int) -> str:
    """Say a number of days in words: ``the last 2 years``."""
    if days % 365 == 0:
        years = days // 365
        return say("the last year") if years == 1 else say("the last {years} years", years=years)
    return say("the last day") if days == 1 else say("the last {days} days", days=days)


def _say_amount(amount: str, event: EventSpec) -> str:
    columns = {**event.columns, **(event.join.columns if event.join else {})}
    declared = columns.get(amount)
    return (declared.label if declared else "") or amount.replace("_", " ")


def _own(name: str, label: str, values: Floats) -> Feature:
    return Feature(name, label, values)
