"""Grain of a table: a row is an event, or the amount of a place and period."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.errors import DataError
from cityai.scaffold.columns import Column, TableProfile
from cityai.scaffold.dates import TIMES_OF_DAY
from cityai.scaffold.names import (
    is_amount,
    is_area,
    is_id,
    is_of_portal,
    is_part_of_time,
    is_rate,
    is_so_far,
    say_count,
)
from cityai.scaffold.parts_of_time import find_parts_of_time
from cityai.scaffold.row_names import (
    LEAST_SPREAD,
    Rows,
    ask_parts,
    ask_spread,
    find_names,
    find_spread,
)
from cityai.scaffold.totals import Total, find_totals

_HALF: Final = 0.5
"""Share of cells that are numbers, from which a column of texts was meant to hold numbers."""
_MOST_TRIED: Final = 6
_ENOUGH: Final = 3.0
"""Rows of a place and month from which a place is worth predicting."""


@dataclass(frozen=True, slots=True)
class Grain:
    """Grain of a table: what one row is."""

    is_panel: bool
    """Whether a row is the amount of a place and period."""
    places: tuple[str, ...]
    """Columns with the place; none for one series."""
    key: tuple[str, ...]
    """Columns that name a row of a panel, its moment first; none where rows repeat with a reason.
    """
    amount: str
    """Column that is added up; empty where rows are counted."""
    spread: tuple[str, ...]
    """Columns to turn into rows: one a place."""
    why: str
    why_amount: str
    """What speaks for it."""
    others: tuple[str, ...] = ()
    """Other columns whose names are those of places."""
    passed: tuple[str, ...] = ()
    """Columns of numbers that could be added up, and are not."""
    totals: tuple[Total, ...] = ()
    """Values that are the sum of the others, left out."""

    @property
    def entity(self) -> str:
        """The first column of the place; empty without one."""
        return self.places[0] if self.places else ""


def find_grain(
    profile: TableProfile, time: str, places: tuple[str, ...], amount: str, counts: bool, zone: str
) -> Grain:
    """Infer the grain of a table: what one row is.

    Parameters
    ----------
    profile : TableProfile
        The table.
    time : str
        Column with the moment.
    places : tuple of str
        Columns that a person named as the place; none to look for one.
    amount : str
        Column that a person named; empty to look for one.
    counts : bool
        Whether a person said that rows are counted.
    zone : str
        The city's time zone, whose clock has one hour twice in autumn.

    Raises
    ------
    DataError
        When rows can be counted or added up with equal right, and nobody said which.
    """
    ranked = _rank_places(profile, time)
    amounts = [amount] if amount else [] if counts else _rank_amounts(profile, time, places, ranked)
    parts_of_time = find_parts_of_time(profile.columns, by_year=False)
    if parts_of_time and not amount:
        amounts = [name for name in amounts if name not in parts_of_time.columns]
        if not amounts and not counts:
            raise ask_parts(profile, parts_of_time)
    rows = Rows(profile, time, zone)
    spread = None
    if not counts:
        repeats = bool(rows.test(()).repeats)
        spread = find_spread(profile, places, amount, amounts, repeats=repeats)
    if spread:
        return Grain(
            True, ("place",), (time, "place"), "amount", spread.columns, spread.why,
            "their cells, one row each",
        )  # fmt: skip
    parts = [
        c.name
        for c in profile.columns.values()
        if (is_part_of_time(c.name) or c.other == TIMES_OF_DAY) and c.distinct > 1
    ]
    numbered = _is_numbered(profile)
    for value in amounts:
        others = [c for c in ranked if c != value and c not in places][:_MOST_TRIED]
        found = find_names(rows, [*others, *parts], places)
        if found is None or (not is_amount(value) and not amount and not found.is_kept):
            continue
        # Where each row has a number, columns that hardly ever agree name it by chance.
        if numbered and found.is_chance(of_amount=bool(amount) or is_amount(value)):
            continue
        area = places or tuple(c for c in found.columns if c not in parts)[:1]
        rivals = [a for a in amounts if a != value and is_amount(a) == is_amount(value)]
        if not area and len(rivals) >= LEAST_SPREAD - 1:
            raise ask_spread(profile, [value, *rivals])
        if rivals and not is_amount(value):
            raise _ask_amount(profile, [value, *rivals])
        shown = " and ".join(found.columns) or "moment"
        why = f"no {shown} has two rows of one moment" if found.columns else "one row a moment"
        if found.repeats:
            why = f"{why}, but for {say_count(found.repeats, 'row')}" + (
                " of the hour that comes twice when the clock is put back" if found.is_clock else ""
            )
        return Grain(
            True, area, () if found.is_clock else (time, *found.columns), value, (), why,
            profile.columns[value].tell(), _list_others(ranked, (*area, *found.columns)),
            tuple(rivals)[:4],
            find_totals(profile, time, found.columns, value),
        )  # fmt: skip
    chosen = places or tuple(_choose_place(profile, time, ranked)[:1])
    named = [a for a in amounts if is_amount(a)]
    if named and not amount:
        _ask_what(profile, named, _tell_revised(rows, chosen))
    if not counts and not amount:
        _refuse_half_numbers(profile)
    if not counts and not amount and rows.is_calendar(chosen):
        _refuse_calendar(profile, chosen, amounts)
    why = (
        "each row is one event"
        if counts or not amounts
        else "rows of the same place and moment repeat, or lie far apart: each is one event"
    )
    of_amount = profile.columns[amount].tell() if amount else "a row is one event"
    passed = () if amount else tuple(a for a in amounts)[:4]
    return Grain(
        False, chosen, (), amount, (), why, of_amount, _list_others(ranked, chosen), passed
    )


def _is_numbered(profile: TableProfile) -> bool:
    """Whether a column names each row, as the number of a case does."""
    return any(
        is_id(column.name) and not column.missing and profile.count_distinct(name) == profile.rows
        for name, column in profile.columns.items()
    )


def _ask_amount(profile: TableProfile, amounts: Sequence[str]) -> DataError:
    """Return the error that asks which of several columns is meant, since no name tells it."""
    shown = [f"--amount '{name}' ({profile.columns[name].tell()})" for name in amounts]
    more = f"; and {len(shown) - 6} more" if len(shown) > 6 else ""
    return profile.refuse(
        f"{len(shown)} columns hold numbers, and no name says which is the amount",
        "the column that is asked about",
        f"one of: {'; '.join(shown[:6])}{more}",
    )


def _tell_revised(rows: Rows, places: tuple[str, ...]) -> str:
    """Say that amounts were written again at later moments, where that tells rows apart."""
    if not rows.test(places).repeats:
        return ""
    for column in rows.profile.columns.values():
        if (
            column.is_moment
            and column.distinct > 1
            and not rows.test((*places, column.name)).repeats
        ):
            return (
                f"; by '{column.name}' each row is another, as where an amount is written again "
                "when more is known: then take the last row of each before it is read"
            )
    return ""


def _ask_what(profile: TableProfile, named: Sequence[str], revised: str) -> None:
    shown = [
        f"--amount {shlex.quote(name)} adds it up ({profile.columns[name].tell()}: "
        f"{profile.read_numbers(name).sum():,.12g} in all)"
        for name in named[:3]
    ]
    same = int(profile.frame.duplicated().sum())
    if same:
        names = ",".join(profile.columns)
        shown.append(
            f"--amount {shlex.quote(named[0])} --key '{names}' adds up one of each row that is "
            "repeated"
        )
    raise profile.refuse(
        "rows of the same place and moment repeat, so they may be counted, or an amount of each "
        "added up"
        + (f"; {say_count(same, 'row')} repeat an earlier one in every column" * bool(same))
        + revised,
        "a word on what is asked",
        f"--count counts the rows ({profile.rows:,}); {'; '.join(shown)}",
    )


def _refuse_calendar(profile: TableProfile, places: Sequence[str], amounts: Sequence[str]) -> None:
    """Refuse to count rows of a record that has as many at every moment, beside its amounts.

    Where a column names the rows, each is an event all the same.
    """
    useless = {c.name: why for c in profile.columns.values() if (why := _tell_useless(profile, c))}
    whole = [c for c in profile.columns.values() if c.distinct == len(profile.frame)]
    if any(is_id(c.name) or c.written is None for c in whole if c.name not in useless):
        return
    amounts = [*amounts, *(c.name for c in whole if c.name not in amounts)]
    if not (useless or amounts):
        return
    told = [f"'{name}' {why}" for name, why in useless.items()]
    of = f" of each {places[0]}" if places else ""
    raise profile.refuse(
        f"there are equally many rows{of} at every moment, so that counting them would count the "
        "calendar" + (f"; {', '.join(told[:4])}" if told else ""),
        "a column of amounts to add up, or rows that are events",
        "; ".join(
            [
                *(f"--amount {shlex.quote(name)} adds it up" for name in amounts[:3]),
                "--count counts the rows",
            ]
        ),
    )


def _refuse_half_numbers(profile: TableProfile) -> None:
    """Refuse to count rows beside what is called an amount and holds numbers with other texts."""
    for column in profile.columns.values():
        if column.written is not None or column.is_moment or not is_amount(column.name):
            continue
        cells = profile.frame[column.name].dropna()
        is_number = cells.str.fullmatch(r"[+-]?[\d.,' ]*\d")
        if not len(cells) or is_number.mean() < _HALF or is_number.all():
            continue
        odd = cells[~is_number]
        raise profile.refuse(
            f"'{column.name}' holds numbers and, in {say_count(len(odd), 'row')}, other texts, "
            f"such as {str(odd.iloc[0])[:30]!r}, so that it cannot be added up",
            "amounts that are numbers",
            "write them so before it is read; or --count counts the rows",
        )


def _tell_useless(profile: TableProfile, column: Column) -> str:
    """Say why a column that could be an amount is none; empty of others."""
    if column.distinct < 2:
        return "holds one value alone" if column.distinct else "holds no value"
    if column.written is not None and column.written.is_percent:
        return "holds percentages"
    if column.written is not None and is_rate(column.name):
        return "holds rates or means by its name"
    if column.is_moment or column.is_unsure or column.written is not None:
        return ""
    cells = profile.frame[column.name].dropna()
    if not is_amount(column.name) or not len(cells):
        return ""
    return f"holds texts, such as {str(cells.iloc[0])[:30]!r}"


def _list_others(places: Sequence[str], chosen: Sequence[str]) -> tuple[str, ...]:
    """List what else could be the place; anything where the chosen one is not called a place."""
    is_sure = not chosen or is_area(chosen[0])
    return tuple(
        [name for name in places if name not in chosen and (is_area(name) or not is_sure)][:3]
    )


def _choose_place(profile: TableProfile, time: str, ranked: Sequence[str]) -> list[str]:
    """Put the finest place first that has rows enough to be predicted."""
    moments = profile.frame[time].dropna().sort_values(ignore_index=True)
    # Single dates far off say nothing of how long the record is.
    edge = len(moments) // 100
    low, high = pd.Timestamp(moments.iloc[edge]), pd.Timestamp(moments.iloc[-1 - edge])
    months = max((high - low).days / 0.98 / 30.4, 1.0)

    def is_thin(name: str) -> bool:
        return profile.rows / months / max(profile.columns[name].distinct, 1) < _ENOUGH

    named = [name for name in ranked if is_area(name)]
    return sorted(named or ranked, key=is_thin)


def _rank_places(profile: TableProfile, time: str) -> list[str]:
    def rank(column: Column) -> tuple[bool, bool, bool, int, str]:
        named = is_area(column.name)
        measured = profile.is_measured(column.name) and not named
        return (not named, measured, column.missing > 0.1, -column.distinct, column.name)

    found = [
        column
        for column in profile.columns.values()
        if column.type in ("text", "integer")
        and 2 <= column.distinct <= min(2_000, max(len(profile.frame) // 4, 2))
        and column.missing < 0.25
        and column.name != time
        and not (column.is_unsure or is_of_portal(column.name))
        and not (column.other and not is_area(column.name))
        and not is_part_of_time(column.name)
        and not (is_amount(column.name) and column.written is not None)
    ]
    return [column.name for column in sorted(found, key=rank)]


def _rank_amounts(
    profile: TableProfile, time: str, places: tuple[str, ...], ranked: Sequence[str]
) -> list[str]:
    def rank(column: Column) -> tuple[bool, bool, bool, int, str]:
        name, so_far = column.name, is_so_far(column.name)
        return (not is_amount(name), so_far, column.missing > 0.05, -column.distinct, name)

    found = [
        column
        for column in profile.columns.values()
        if column.is_amount
        and column.name not in (time, *places)
        and not is_part_of_time(column.name)
        and not (column.name in ranked and is_area(column.name))
    ]
    return [column.name for column in sorted(found, key=rank)]
