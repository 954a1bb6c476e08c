"""Questions that a table of amounts leaves open, though it can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from cityai.config.project import Period
from cityai.data.conversion import fold_spelling
from cityai.data.periods import WEEK, find_starts
from cityai.data.sums import EVER, find_running
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.ends import Ends
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_area, is_part_of_time

_FEW_SECOND: Final = 0.15
"""Share of places and periods with a second row, up to which it is the exception."""
_LEAST_REPEATED: Final = 20
"""Rows that follow one another as they did before, from which on that is hardly by chance."""
_MOST_STEPS: Final = 5
_MORE: Final = 1.05
_STEPS: Final = 15
"""Usual distances between rows of a place, after which it is silent by more than chance."""
_QUARTER: Final = 92
"""Days, at least, of silence before or after a place's rows that are told."""


def tell_running(profile: TableProfile, time: str, grain: Grain, period: Period) -> str:
    """Ask about an amount that never falls, as the sum of all that came so far."""
    if not grain.is_panel or grain.spread:
        return ""
    table = profile.frame[[time, *grain.key[1:]]]
    for total in grain.totals:
        table = table[table[total.column].astype("str") != total.value]
    who = table.groupby(list(grain.key[1:]), dropna=False).ngroup() if grain.key[1:] else 0
    amount = profile.read_numbers(grain.amount)
    table = pd.DataFrame({"when": table[time]}).assign(who=who, amount=amount)
    unit = find_running(table, period == WEEK)
    if not unit:
        return ""
    when = "" if unit == EVER else f" but where a {unit} begins"
    return (
        f"whether {grain.amount} is a running total, since it never falls{when}: its periods are "
        "added up as they stand; write what came in each period instead"
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


def tell_repeats(profile: TableProfile, key: Sequence[str]) -> str:
    """Ask about rows that repeat an earlier one in every column, in the order of those.

    Single events that are alike are nothing odd; many that follow one another as they did before
    are an export that was appended twice.
    """
    if key or profile.is_cut or profile.months or not profile.frame.duplicated().any():
        return ""
    rows = pd.Series(profile.frame.groupby(list(profile.frame), dropna=False, sort=False).ngroup())
    number = pd.Series(range(len(rows)))
    places = number.groupby(rows.to_numpy())
    # The first of the rows that are alike and the first of their copies lie as far apart as the
    # export and what was appended.
    half = places.cumcount() == places.transform("size") / 2
    back = pd.concat([number - places.shift(), (number - places.transform("first"))[half]])
    far = back[back > 0].value_counts().head(_MOST_STEPS).index
    longest = max((_find_run(rows, int(step)) for step in far), default=0)
    if longest < _LEAST_REPEATED:
        return ""
    names = ",".join(str(name) for name in profile.frame)
    again = int(rows.duplicated().sum())
    others = ", of single events that are alike too" if again > _MORE * longest else ""
    return (
        f"whether {again:,} rows count that are the same as an earlier one in every column, "
        f"{longest:,} of them one after the other as before, as in an export that was appended "
        f"twice: they are counted; --key '{names}' counts one of each{others}"
    )


def _find_run(rows: pd.Series, step: int) -> int:
    """Count the most rows in a row that are those of so many rows before, and not all alike."""
    is_same = (rows == rows.shift(step)).to_numpy()
    follows = pd.Series(is_same & (rows != rows.shift()).to_numpy())
    return int(follows.groupby((~pd.Series(is_same)).cumsum().to_numpy()).sum().max())


def list_alike(profile: TableProfile, grain: Grain) -> str:
    """Name places that differ in capitals, spaces or the way accents are written alone."""
    cells = profile.frame[list(grain.places)] if not grain.spread else pd.DataFrame()
    for name in cells:
        texts = pd.Series(cells[name].dropna().unique(), dtype="str")
        plain = fold_spelling(texts)
        alike = [", ".join(sorted(same)) for _, same in texts.groupby(plain) if len(same) > 1]
        if alike:
            more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
            return (
                f"whether these of {name} are one place, written in two ways: "
                f"{'; '.join(alike[:3])}{more}; they are predicted apart"
            )
    return ""


def list_ended(profile: TableProfile, time: str, grain: Grain, ends: Ends) -> str:
    """Name places whose rows begin late or end early, as where places were merged or renamed."""
    names = [name for name in grain.places if name in profile.frame]
    if not names or grain.spread:
        return ""
    table = profile.frame[[*names, time]].dropna()
    table = table[table[time].between(ends.start, ends.last + pd.Timedelta(days=1))]
    for total in grain.totals:
        if total.column in names:
            table = table[table[total.column].astype("str") != total.value]
    rows = table.groupby(names)[time].agg(["min", "max", "size"])
    rows = rows[rows["size"] > 1]
    quarter = pd.Timedelta(days=_QUARTER)
    usual = (rows["max"] - rows["min"]) / (rows["size"] - 1)
    least = (usual * _STEPS).where(usual * _STEPS > quarter, quarter)
    late, early = rows["min"] - table[time].min() > least, table[time].max() - rows["max"] > least
    told = []
    for name, row in rows[late | early].sort_values("size", ascending=False).iterrows():
        parts = [f"from {row['min']:%Y-%m-%d}"] if late[name] else []
        parts += [f"until {row['max']:%Y-%m-%d}"] if early[name] else []
        called = " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
        told.append(f"{called[:30]} ({' '.join(parts)})")
    if not told:
        return ""
    more = f" and {len(told) - 6} more" if len(told) > 6 else ""
    return (
        f"whether places began, ended, or were merged, divided or renamed: {', '.join(told[:6])}"
        f"{more}; each is predicted as it is written, and what is one place must have one name"
    )


def refuse_second_rows(profile: TableProfile, time: str, grain: Grain, period: Period) -> None:
    """Refuse a panel where a few places and periods have a second row, as sums of a year are.

    Raises
    ------
    DataError
        When nearly all have one row, and a few have more, of other moments.
    """
    others = list(grain.key[1:])
    table = profile.frame[[time, *others]].dropna(subset=[time])
    keyed = table.assign(**{time: find_starts(period, table[time])})
    for total in grain.totals:
        keyed = keyed[keyed[total.column].astype("str") != total.value]
    counts = keyed.value_counts([time, *others], dropna=False)
    more = int((counts > 1).sum())
    if not more or more > _FEW_SECOND * len(counts):
        return
    again = keyed[keyed.duplicated([time, *others], keep=False)].index
    named = table.loc[again].sort_values([*others, time], kind="stable").head(2)
    shown = " and ".join(
        ", ".join([f"{row[time]:%Y-%m-%d}", *(str(row[name])[:30] for name in others)])
        for _, row in named.iterrows()
    )
    what = " and ".join([*others, period])
    raise profile.refuse(
        f"{more:,} of {len(counts):,} times a {what} has more than one row, such as {shown}, as "
        "where sums stand among their parts",
        f"one row a {what}",
        f"take out what is a sum or a repeat; or --key none adds up every row of a {period}",
    )
