"""What surrounds a case: its attributes, the calendar of its day, weather and the like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AREA, AS_OF, ENTITY, KNOWN_AT, NOT_RECORDED, OCCURRED_AT
from cityai.config.risk import RiskSpec
from cityai.data.calendar import CALENDAR, build_calendar
from cityai.data.cases.cases import DAY, KEY, REGISTERED_AT, Cases
from cityai.data.features.as_of_join import (
    find_groups,
    look_back,
    order_past,
    read_moments,
    sum_seen,
    take_last,
)
from cityai.data.features.events import DAY_US
from cityai.data.periods import build_periods
from cityai.data.rows import Feature, Floats, Ints
from cityai.i18n.messages import say

RECENT_DAYS: Final = 3
"""Latest known days whose mean is a feature."""


def describe_attributes(cases: Cases, spec: RiskSpec) -> Iterator[Feature]:
    """Yield the declared cells of the case's own row."""
    if not spec.features.attributes:
        return
    for name in spec.question.entity.attributes:
        column = cases.table[name]
        label = spec.data.columns[name].label or name.replace("_", " ")
        if column.dtype.kind == "f":
            values = column.to_numpy(np.float64)
            yield Feature(name, label, values)
            continue
        text = column.where(column.notna(), NOT_RECORDED).astype(object)
        found = sorted(set(text) - {NOT_RECORDED})
        categories = (*found, NOT_RECORDED)
        codes = pd.Categorical(text, categories).codes.astype(np.float64)
        yield Feature(name, label, codes, categories)


def describe_calendar(cases: Cases, spec: RiskSpec) -> Iterator[Feature]:
    """Yield what the calendar says of the case's day, and how far ahead it was asked."""
    table = cases.table
    day = table[OCCURRED_AT].dt.normalize()
    if spec.question.asked.column is not None:
        ahead = (day - table[AS_OF].dt.normalize()).dt.days.to_numpy(np.float64)
        yield Feature("days_ahead", say("days from the question to its day"), ahead)
    if REGISTERED_AT in table:
        since = (day - table[REGISTERED_AT].dt.normalize()).dt.days.to_numpy(np.float64)
        label = say("days from its registration to its day")
        yield Feature("days_since_registered", label, since)
    if not spec.features.calendar:
        return
    periods = build_periods("day", day.min(), day.max())
    known = build_calendar(periods, periods.count, spec.city.country, spec.city.subdivision)
    at = periods.index(day)
    for name, label in CALENDAR["day"].items():
        values = known[name].to_numpy(np.float64)[at]
        yield Feature(f"day_{name}", say(f"{label}, of the case's day"), values)


def describe_covariates(cases: Cases, spec: RiskSpec) -> Iterator[Feature]:
    """Yield what was last known of every covariate, or what is known ahead of the case's day."""
    for name, covariate in spec.covariates.items():
        daily = cases.covariates[name]
        columns = [str(c) for c in daily.columns if c not in (KEY, DAY, KNOWN_AT)]
        column = {"entity": ENTITY, "area": AREA}.get(covariate.by)
        table = cases.table
        of_case = pd.Series("", index=table.index) if column is None else table[column]
        group, asked = find_groups(daily[KEY], of_case)
        for c in columns:
            declared = covariate.columns[c].label or f"{name} {c}".replace("_", " ")
            values = daily[c].to_numpy(np.float64)
            if covariate.known == "ahead":
                day = table[OCCURRED_AT].dt.normalize()
                found = _look_up(group, read_moments(daily[DAY]), values, asked, read_moments(day))
                yield Feature(f"{name}.{c}", say(f"{declared}, on its day"), found)
                continue
            for days in (1, RECENT_DAYS):
                mean = _mean_latest(daily, group, values, asked, table, days)
                said = (
                    say("on the last day known")
                    if days == 1
                    else say(f"mean of the last {days} days")
                )
                suffix = "" if days == 1 else f"_{days}d"
                yield Feature(f"{name}.{c}{suffix}", f"{declared}, {said}", mean)


def _look_up(group: Ints, day: Ints, values: Floats, asked: Ints, wanted: Ints) -> Floats:
    index = pd.MultiIndex.from_arrays([group, day])
    at = index.get_indexer(pd.MultiIndex.from_arrays([asked, wanted]))
    return np.where(at >= 0, values[at], np.nan) if len(values) else np.full(len(wanted), np.nan)


def _mean_latest(
    daily: pd.DataFrame, group: Ints, values: Floats, asked: Ints, table: pd.DataFrame, days: int
) -> Floats:
    """Mean of the known values among the latest days; the last one when it is one day."""
    past = order_past(group, read_moments(daily[KNOWN_AT]), read_moments(daily[DAY]))
    moment = read_moments(table[AS_OF])
    whole = look_back(past, asked, moment)
    if days == 1:
        return take_last(past, whole, values)
    recent = look_back(past, asked, moment, moment - days * DAY_US)
    filled = (~np.isnan(values)).astype(np.float64)
    total, count = (sum_seen(past, recent, whole, v) for v in (values, filled))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan)


__all__ = ["RECENT_DAYS", "describe_attributes", "describe_calendar", "describe_covariates"]
