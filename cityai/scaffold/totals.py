"""Total rows: a row of the whole city, or of a part of it, beside those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.data.sums import LEAST_PARTS, find_sums, find_whole, is_total
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.names import say_count

_NEAR: Final = 0.005
_MOST_VALUES: Final = 200


@dataclass(frozen=True, slots=True)
class Total:
    """A value of a column that stands for the sum of others."""

    column: str
    value: str
    """Where it stands."""
    rows: int
    """Rows with it."""
    parts: tuple[str, ...]
    """The others."""
    is_whole: bool
    """Whether these are all others that are no totals."""

    def tell(self) -> str:
        """Say what it is the sum of, and that it is left out."""
        shown = ", ".join(self.parts[:3]) + (" and others" if len(self.parts) > 3 else "")
        of = f"the {len(self.parts)} others" if self.is_whole else f"{len(self.parts)}: {shown}"
        return f"the sum of {of}: {say_count(self.rows, 'row')} left out"


def find_totals(
    profile: TableProfile, time: str, columns: Sequence[str], amount: str
) -> tuple[Total, ...]:
    """Find values whose amounts are the sum of all others at almost every moment, or of some.

    A column is looked at within equal values of the others, so that `all` beside men and women is
    found as well as the whole city beside its districts.
    """
    table = pd.DataFrame({name: profile.frame[name] for name in (time, *columns)})
    table["y"] = profile.read_numbers(amount)
    found: list[Total] = []
    for column in columns:
        values = table[column].dropna().astype("str").value_counts()
        if not LEAST_PARTS < len(values) <= _MOST_VALUES:
            continue
        others = [time, *(name for name in columns if name != column)]
        named = table.assign(**{column: table[column].astype("str")}).groupby(
            [*others, column], sort=False
        )["y"]
        wide = named.sum(min_count=1).unstack(column)
        whole = find_whole(wide, is_total)
        sums = {} if whole is None else {whole: [n for n in wide.columns if n != whole]}
        # Where nothing is written nothing came; what is written and unknown is unknown.
        absent = named.size().unstack(column).isna()
        sums |= find_sums(wide.where(~absent, 0.0).drop(columns=list(sums)))
        single = len(values) - len(sums)
        found += [
            Total(column, v, int(values[v]), tuple(sorted(map(str, of))), len(of) >= single)
            for v, of in sums.items()
        ]
        called = [str(value) for value in values.index if is_total(str(value))]
        if len(called) == 1 and column not in {total.column for total in found}:
            found += _find_closing(table, time, column, called[0])
    return tuple(found)


def _find_closing(table: pd.DataFrame, time: str, column: str, value: str) -> list[Total]:
    """Find rows that are called a total and hold what came since the last of them."""
    is_total_row = table[column].astype("str") == value
    own = table[is_total_row].groupby(time)["y"].sum(min_count=1).dropna()
    parts = table[~is_total_row].groupby(time)["y"].sum().sort_index().cumsum()
    if own.empty or parts.empty:
        return []
    places = parts.index.searchsorted(own.index, side="right") - 1
    if places[0] < 0:
        return []
    so_far = parts.iloc[places].set_axis(own.index)
    near = (own - so_far.diff().fillna(so_far)).abs() <= _NEAR * own.abs() + 0.5
    names = tuple(map(str, table.loc[~is_total_row, column].dropna().unique()))
    return [Total(column, value, int(is_total_row.sum()), names, True)] if near.all() else []


def write_without(totals: Sequence[Total]) -> dict[str, list[str]] | None:
    """Return `data.without`, which leaves totals out; None without one."""
    found: dict[str, list[str]] = {}
    for total in totals:
        found.setdefault(total.column, []).append(total.value)
    return found or None


def tell_named_total(profile: TableProfile, columns: Sequence[str], totals: Sequence[Total]) -> str:
    """Ask about a place that is called a total, and is not the sum of the others."""
    known = {(total.column, total.value) for total in totals}
    for column in columns:
        counts = profile.frame[column].value_counts()
        for value, rows in counts.items():
            if is_total(str(value)) and (column, str(value)) not in known:
                return (
                    f"whether {str(value)[:40]!r} in {column} ({say_count(int(rows), 'row')}) is a "
                    "place: it is called a total, is not the sum of the others at its moments, and "
                    f"is predicted as a place; `data.without: {{{column}: [{str(value)[:40]}]}}` "
                    "leaves it out"
                )
    return ""
