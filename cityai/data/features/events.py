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
    DAY_US,
    NOTHING,
    Past,
    Seen,
    divide,
    find_latest,
    join_by,
    look_back,
    order_past,
    read_moments,
    sum_seen,
    take_last,
)
from cityai.data.features.plan import FeaturePlan
from cityai.data.rows import Feature, Floats, Ints
from cityai.i18n.messages import say
from cityai.records.events import Events

LONGEST_DAYS: Final = 3650.0
"""Times since something are capped here, ten years."""
_PLACES: Final = (OCCURRED_AT, KNOWN_AT, ENTITY, AREA, CATEGORY, "latitude", "longitude")


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """The past of every case at one level, ready to be counted."""

    past: Past
    """What happened."""
    seen: Seen
    """What each case could see of all of it."""
    windows: dict[int, Seen]
    """The same, by days back."""
    asked: Ints
    occurred: Ints
    """(cases,) when each was asked, (events,) when each event happened; int64 microseconds."""

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
            happened = np.where(among == 1, happened, NOTHING)
        latest = find_latest(self.past, self.seen, happened)
        is_any = latest != NOTHING
        days = np.where(is_any, (self.asked - np.where(is_any, latest, 0)) / DAY_US, np.nan)
        return np.minimum(days, LONGEST_DAYS)


def follow(events: pd.DataFrame, by: str, cases: Events, plan: FeaturePlan) -> Trail:
    """Lay out the past of every case at one level: ``entity``, ``area`` or another for all."""
    group, of_case = join_by(by, events, cases.table)
    asked = read_moments(cases.table[AS_OF])
    occurred = read_moments(events[OCCURRED_AT])
    past = order_past(group, read_moments(events[KNOWN_AT]), occurred)
    seen = look_back(past, of_case, asked)
    back = {d: look_back(past, of_case, asked, asked - d * DAY_US) for d in plan.windows}
    return Trail(past, seen, back, asked, occurred)


def describe_cases_past(cases: Events, spec: RiskSpec, plan: FeaturePlan) -> Iterator[Feature]:
    """Yield what earlier cases of the entity, its area and the city showed."""
    label, unit = spec.question.outcome.label, spec.question.unit
    where = say("same {label}", label=spec.question.entity.label)
    yes = say("times that {label}", label=label)
    y_true = cases.table[Y_TRUE].to_numpy(np.float64)
    answered = (~np.isnan(y_true)).astype(np.float64)
    trail = follow(cases.table, "entity", cases, plan)
    many, found = trail.sum(answered), trail.sum(y_true)

    def own(name: str, template: str, values: Floats, span: str = "") -> Feature:
        words = {"unit": unit, "where": where, "yes": yes, "label": label, "span": span}
        return Feature(name, template.format(**words), values)

    yield own("past_cases", say("earlier {unit} of the {where}"), many)
    yield own("past_yes", say("{yes} before, {where}"), found)
    yield own(
        "past_rate",
        say("share of earlier {unit} of the {where} in which {label}"),
        divide(found, many),
    )
    yield own(
        "last_outcome",
        say("whether at the last of the {unit} of the {where} {label}"),
        take_last(trail.past, trail.seen, y_true),
    )
    yield own(
        "days_since_last",
        say("days since the last of the {unit}, {where}"),
        trail.days_since(answered),
    )
    yield own(
        "days_since_yes",
        say("days since the last time that {label}, {where}"),
        trail.days_since(y_true),
    )
    for days in plan.windows:
        span = say_span(days)
        many, found = trail.sum(answered, days), trail.sum(y_true, days)
        yield own(f"past_cases_{days}d", say("{unit} of the {where} in {span}"), many, span)
        yield own(f"past_yes_{days}d", say("{yes} in {span}, {where}"), found, span)
    places = {"city": say("the whole city"), "area": say("the same area")}
    for level in (level for level in places if level in plan.levels):
        trail = follow(cases.table, level, cases, plan)
        for days in plan.windows:
            said = say(
                "share of {unit} in {words} in {days} in which {label}",
                unit=unit,
                words=places[level],
                days=say_span(days),
                label=label,
            )
            rate = divide(trail.sum(y_true, days), trail.sum(answered, days))
            yield Feature(f"{level}_rate_{days}d", said, rate)


def describe_events(cases: Events, spec: RiskSpec, plan: FeaturePlan) -> Iterator[Feature]:
    """Yield counts and sums of every declared table of events that has a key."""
    for name, event in spec.events.items():
        if event.by != "point":
            yield from _describe_table(name, event, cases, spec, plan)


def _describe_table(
    name: str, event: EventSpec, cases: Events, spec: RiskSpec, plan: FeaturePlan
) -> Iterator[Feature]:
    events = cases.events[name]
    trail = follow(events, event.by, cases, plan)
    is_own = event.by == "entity"
    what = event.label or name.replace("_", " ")
    at = {
        "entity": say("same {label}", label=spec.question.entity.label),
        "area": say("same area"),
    }.get(event.by, say("whole city"))
    spans = {days: say_span(days) for days in plan.windows}

    def feature(suffix: str, label: str, values: Floats) -> Feature:
        return Feature(f"{name}.{suffix}", (label + ", " + at), values)

    if is_own:
        yield feature("count", say("{what} before", what=what), trail.count())
        yield feature(
            "days_since", say("days since the last of the {what}", what=what), trail.days_since()
        )
    for days, span in spans.items():
        label = say("{what} in {days}", what=what, days=span)
        yield feature(f"count_{days}d", label, trail.count(days))
    for amount in list_amounts(events):
        values = events[amount].to_numpy(np.float64)
        declared = event.contract.get(amount)
        said = (declared.label if declared else "") or amount.replace("_", " ")
        if is_own:
            last = take_last(trail.past, trail.seen, values)
            label = say("{said} at the last of the {what}", said=said, what=what)
            yield feature(f"{amount}_last", label, last)
            mean = divide(trail.sum(values), trail.count())
            yield feature(f"{amount}_mean", say("{said} on average", said=said), mean)
        for days, span in spans.items():
            label = say("{said} in {days}", said=said, days=span)
            yield feature(f"{amount}_{days}d", label, trail.sum(values, days))
    categories = event.contract[event.categories].allowed if event.categories else None
    for category in categories or ():
        is_it = (events[CATEGORY] == category).to_numpy().astype(np.float64)
        for days, span in spans.items():
            label = say("{what} ({category}) in {days}", what=what, category=category, days=span)
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
