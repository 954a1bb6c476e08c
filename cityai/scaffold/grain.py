"""What one row of a table is: an event, or the amount of a place and period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.scaffold.columns import Column, Seen

_AREA_WORDS: Final = (
    "neigh", "district", "ward", "area", "zone", "barrio", "bairro", "quartier", "arrond",
    "borough", "community", "zip", "postal", "tract", "precinct", "region", "comuna", "dist",
    "program", "site", "station", "facility", "distrito", "account",
)  # fmt: skip
_AMOUNT_WORDS: Final = (
    "count", "total", "tons", "tonnes", "people", "users", "calls", "value", "amount", "number",
    "num_", "cantidad", "quantidade", "nombre",
)  # fmt: skip
_TIME_WORDS: Final = frozenset({"year", "month", "day", "hour", "week", "weekday", "quarter"})
_MOST_TRIED: Final = 6


@dataclass(frozen=True, slots=True)
class Grain:
    """What one row is.

    Attributes
    ----------
    is_panel : bool
        Whether a row is the amount of a place and period.
    entity : str
        Column with the place; empty without one.
    amount : str
        Column that is added up; empty where rows are counted.
    spread : tuple of str
        Columns to turn into rows: one a place.
    why, why_amount : str
        What speaks for it.
    others : tuple of str
        Other columns whose names are those of places.
    """

    is_panel: bool
    entity: str
    amount: str
    spread: tuple[str, ...]
    why: str
    why_amount: str
    others: tuple[str, ...] = ()


def find_grain(seen: Seen, time: str, place: str, amount: str) -> Grain:
    """Find what one row is.

    Parameters
    ----------
    seen : Seen
        The table.
    time : str
        Column with the moment.
    place, amount : str
        Columns that a person named; empty to look for them.
    """
    amounts = [amount] if amount else _rank_amounts(seen, time)
    spread = None if place or amount else _find_spread(seen, amounts)
    if spread:
        why = f"{', '.join(spread.columns)} add up to {spread.total}"
        return Grain(True, "place", "amount", spread.columns, why, "their cells, one row each")
    ranked = _rank_places(seen, time)
    places = [place] if place else ranked
    days = seen.frame[time].dt.normalize()
    for name in places[:_MOST_TRIED]:
        values = [a for a in amounts if a != name]
        repeated = pd.DataFrame({"t": days, "p": seen.frame[name]}).duplicated().any()
        if values and not repeated:
            why = seen.columns[values[0]].tell()
            alone = f"no {name} has two rows of one day"
            return Grain(True, name, values[0], (), alone, why, _list_others(ranked, name))
    chosen = places[0] if places else ""
    why = "rows of the same place and day repeat, so each row is one event"
    if amount:
        of_amount = seen.columns[amount].tell()
        return Grain(False, chosen, amount, (), why, of_amount, _list_others(ranked, chosen))
    return Grain(False, chosen, "", (), why, "a row is one event", _list_others(ranked, chosen))


def _list_others(places: list[str], chosen: str) -> tuple[str, ...]:
    named = [name for name in places if name != chosen and _is_area(name)]
    return tuple(named[:3])


def _is_area(name: str) -> bool:
    return any(word in name.lower() for word in _AREA_WORDS)


def _rank_places(seen: Seen, time: str) -> list[str]:
    def rank(column: Column) -> tuple[bool, bool, bool, int, str]:
        named = _is_area(column.name)
        measured = seen.is_measured(column.name) and not named
        return (not named, measured, column.missing > 0.1, -column.distinct, column.name)

    found = [
        column
        for column in seen.columns.values()
        if column.type in ("text", "integer")
        and 2 <= column.distinct <= min(2_000, len(seen.frame) // 4)
        and column.missing < 0.25
        and column.name != time
        and not _is_part_of_time(column)
    ]
    return [column.name for column in sorted(found, key=rank)]


def _rank_amounts(seen: Seen, time: str) -> list[str]:
    def rank(column: Column) -> tuple[bool, bool, int, str]:
        named = any(word in column.name.lower() for word in _AMOUNT_WORDS)
        return (column.missing > 0.05, not named, -column.distinct, column.name)

    found = [
        column
        for column in seen.columns.values()
        if column.type in ("integer", "number")
        and column.distinct > 1
        and column.name != time
        and not _is_part_of_time(column)
        and not column.name.lower().endswith("id")
        and column.distinct < len(seen.frame)
    ]
    return [column.name for column in sorted(found, key=rank)]


@dataclass(frozen=True, slots=True)
class _Spread:
    columns: tuple[str, ...]
    total: str


def _find_spread(seen: Seen, amounts: list[str]) -> _Spread | None:
    """Return columns that add up to one more column: a table with one column a place."""
    numbers = {name: seen.read_numbers(name) for name in amounts}
    whole = pd.DataFrame(numbers).fillna(0.0)
    for total in amounts:
        rest = [name for name in amounts if name != total]
        if len(rest) >= 3 and bool((whole[rest].sum(axis=1) == whole[total]).all()):
            order = list(seen.columns)
            return _Spread(tuple(sorted(rest, key=order.index)), total)
    return None


def _is_part_of_time(column: Column) -> bool:
    return column.name.lower() in _TIME_WORDS
