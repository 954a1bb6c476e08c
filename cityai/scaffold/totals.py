"""Total rows: a row of the whole city beside those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.scaffold.columns import TableProfile
from cityai.scaffold.names import is_total, say_count

_ALMOST_ALL: Final = 0.95
_NEAR: Final = 0.005
_LEAST_PARTS: Final = 2
_MOST_VALUES: Final = 200


@dataclass(frozen=True, slots=True)
class Total:
    """A value of a column that stands for the sum of the others.

    Attributes
    ----------
    column, value : str
        Where it stands.
    rows : int
        Rows with it.
    parts : int
        Other values.
    """

    column: str
    value: str
    rows: int
    parts: int


def find_totals(
    profile: TableProfile, time: str, columns: Sequence[str], amount: str
) -> tuple[Total, ...]:
    """Find values whose amounts are the sum of all others, at almost every moment.

    A column is looked at within equal values of the others, so that `all` beside men and women is
    found as well as the whole city beside its districts.
    """
    table = pd.DataFrame({name: profile.frame[name] for name in (time, *columns)})
    table["y"] = profile.read_numbers(amount)
    found = []
    for column in columns:
        values = table[column].dropna().astype("str").value_counts()
        if not _LEAST_PARTS < len(values) <= _MOST_VALUES:
            continue
        others = [time, *(name for name in columns if name != column)]
        named = table.assign(**{column: table[column].astype("str")})
        wide = named.groupby([*others, column], sort=False)["y"].sum(min_count=1).unstack(column)
        rest = wide.sum(axis=1)
        for value in sorted(wide.columns, key=lambda text: (not is_total(text), text)):
            own = wide[value].dropna()
            parts = rest[own.index] - own
            # Of zeros alone nobody can tell.
            own = own[(own != 0) | (parts != 0)]
            parts = parts[own.index]
            hidden = _bound_hidden(wide.loc[own.index].drop(columns=value)) * is_total(value)
            slack = _NEAR * parts.abs() + 0.5
            near = (own - parts).between(-slack, slack + hidden)
            if len(own) >= _LEAST_PARTS and near.mean() >= _ALMOST_ALL:
                found.append(Total(column, value, int(values[value]), len(values) - 1))
                break
        called = [str(value) for value in values.index if is_total(str(value))]
        if len(called) == 1 and column not in {total.column for total in found}:
            found += _find_closing(table, time, column, called[0])
    return tuple(found)


def _bound_hidden(parts: pd.DataFrame) -> pd.Series:
    """Return how much the parts without an amount can hold at each moment.

    A hidden amount (`<5`) is less than the smallest that is shown.
    """
    shown = parts.where(parts > 0).min().min()
    return parts.isna().sum(axis=1) * (0.0 if pd.isna(shown) else float(shown))


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
    n = int(table[column].nunique()) - 1
    return [Total(column, value, int(is_total_row.sum()), n)] if near.all() else []


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
