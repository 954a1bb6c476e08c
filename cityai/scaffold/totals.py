"""Total rows: a row of the whole city beside those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.scaffold.columns import TableProfile
from cityai.scaffold.names import is_total

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
        for value in sorted(values.index, key=lambda text: (not is_total(text), text)):
            own = wide[value].dropna()
            parts = rest[own.index] - own
            # Of zeros alone nobody can tell.
            own = own[(own != 0) | (parts != 0)]
            parts = parts[own.index]
            near = (own - parts).abs() <= _NEAR * parts.abs() + 0.5
            if len(own) >= _LEAST_PARTS and near.mean() >= _ALMOST_ALL:
                found.append(Total(column, value, int(values[value]), len(values) - 1))
                break
    return tuple(found)
