"""Questions that a table of amounts leaves open, though it can be read."""

from __future__ import annotations

from typing import Final

import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import WEEK
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_area, is_part_of_time

_LEAST_STEPS: Final = 24
"""Amounts that follow one another, at least, of which "never falls" says something."""


def tell_running(profile: TableProfile, time: str, grain: Grain) -> str:
    """Ask about an amount that never falls, as the sum of all that came so far."""
    if not grain.is_panel or grain.spread:
        return ""
    table = profile.frame[[time, *grain.key[1:]]].assign(y=profile.read_numbers(grain.amount))
    table = table.dropna(subset=[time, "y"]).sort_values(time, kind="stable")
    others = list(grain.key[1:])
    steps = (table.groupby(others, dropna=False)["y"] if others else table["y"]).diff().dropna()
    if len(steps) < _LEAST_STEPS or (steps < 0).any() or (steps > 0).mean() < 1 / 2:
        return ""
    return (
        f"whether {grain.amount} is a running total, since it never falls: its periods are added "
        "up as they stand; write what came in each period instead"
    )


def tell_day(profile: TableProfile, time: str, grain: Grain, period: Period) -> str:
    """Ask which day of its period a row of a panel is dated by."""
    days = profile.frame[time].dropna().dt.day_name().unique()
    if not grain.is_panel:
        return ""
    if period == WEEK and len(days) == 1 and days[0] != "Monday":
        return (
            f"whether {time}, always a {days[0]}, is the first or the last day of what a row "
            "counts: it counts in the week from Monday to Sunday that its date lies in, and is "
            "known when that is over; a first day is best written as the next Monday"
        )
    if any(word in time.lower() for word in ("end", "fin")):
        return (
            f"whether {time} is the last day of a period: a row counts in the {period} that its "
            "date lies in"
        )
    return ""


def list_passed_places(profile: TableProfile, time: str, grain: Grain) -> str:
    """Name columns that could say what a row is about, where one series was made of all rows."""
    if grain.places or grain.spread:
        return ""
    rows = len(profile.frame)
    found = [
        column
        for column in profile.columns.values()
        if (column.type == "text" or (column.type == "integer" and is_area(column.name)))
        and 2 <= column.distinct <= 0.9 * rows
        and column.name not in (time, grain.amount)
        and not is_part_of_time(column.name)
    ]
    told = [
        f"{column.name} ({column.distinct:,} values"
        + (f", {column.missing:.0%} of rows have none)" if column.missing else ")")
        for column in sorted(found, key=lambda c: (not is_area(c.name), c.missing, c.name))[:3]
    ]
    return (
        "which place, or what else, a row is about: the whole city is one series; --place "
        f"predicts each value of a column by itself: {', '.join(told)}"
        if told
        else ""
    )


def list_alike(profile: TableProfile, grain: Grain) -> str:
    """Name places that differ in capitals, spaces or the way accents are written alone."""
    cells = profile.frame[list(grain.places)] if not grain.spread else pd.DataFrame()
    for name in cells:
        texts = pd.Series(cells[name].dropna().unique(), dtype="str")
        plain = texts.str.normalize("NFKC").str.casefold().str.split().str.join(" ")
        alike = [", ".join(sorted(same)) for _, same in texts.groupby(plain) if len(same) > 1]
        if alike:
            more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
            return (
                f"whether these of {name} are one place, written in two ways: "
                f"{'; '.join(alike[:3])}{more}; they are predicted apart"
            )
    return ""
