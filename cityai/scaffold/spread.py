"""Wide tables: one column a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.errors import DataError
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.parts_of_time import PartsOfTime, find_parts_of_time

LEAST_SPREAD: Final = 3
"""Columns of amounts, at least, of which each may be that of a place."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Columns of which each is a place, and what speaks for it."""

    columns: tuple[str, ...]
    why: str


def find_spread(
    profile: TableProfile,
    places: tuple[str, ...],
    amount: str,
    amounts: Sequence[str],
    *,
    repeats: bool,
) -> Spread | None:
    """Find the columns of a table with one column a place.

    A person names them between commas, or they add up to one more column.

    Parameters
    ----------
    profile : TableProfile
        The table.
    places, amount
        What a person named; empty to look.
    amounts : sequence of str
        Columns that may be added up.
    repeats : bool
        Whether several rows have the same moment.

    Raises
    ------
    DataError
        When several columns are named, and rows are told apart by another place.
    """
    named = profile.split(amount) if amount else ()
    if len(named) > 1:
        if places or repeats:
            raise profile.refuse(
                "--amount: several columns are one place each",
                "one row a moment, and no --place beside them",
            )
        parts = find_parts_of_time(named, by_year=False)
        if parts:
            raise ask_parts(profile, parts)
        return Spread(named, "as you said")
    if places or amount or repeats:
        return None
    numbers = {name: profile.read_numbers(name) for name in amounts}
    whole = pd.DataFrame(numbers).fillna(0.0)
    for total in amounts:
        rest = [name for name in amounts if name != total]
        if len(rest) >= LEAST_SPREAD and bool((whole[rest].sum(axis=1) == whole[total]).all()):
            order = list(profile.columns)
            columns = tuple(sorted(rest, key=order.index))
            return Spread(columns, f"{', '.join(columns)} add up to {total}")
    return None


def ask_spread(profile: TableProfile, amounts: Sequence[str]) -> DataError:
    """Return the error that asks which column is meant, or whether each of them is a place."""
    order = list(profile.columns)
    listed = sorted(amounts, key=order.index)
    shown = ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")
    return profile.refuse(
        f"{len(listed)} columns hold amounts, and none holds places: {shown}",
        "the column that is asked about; or all that are, where each is the column of a place",
        f"--amount '{listed[0]}'; or --amount '{','.join(listed[:3])}"
        + (",...'" if len(listed) > 3 else "'"),
    )


def ask_parts(profile: TableProfile, parts: PartsOfTime) -> DataError:
    """Return the error that refuses columns that are parts of time, as amounts and as places."""
    return profile.refuse(
        parts.tell(),
        "one row a place and period with the amount of the whole period, or one row for each part",
        "add them up to one column, or turn them into rows, before it is read; or, for one of them "
        f"alone, --amount '{parts.columns[0]}'",
    )
