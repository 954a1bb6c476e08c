"""Primary key of a table; and codes that lost their leading zeros."""

from __future__ import annotations

import pandas as pd

from cityai.errors import DataError
from cityai.scaffold.columns import MONTH, TableProfile
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_id

_UNIQUE = 0.999
_OFTEN = 0.5
_AGREE = 0.95


def check_key(profile: TableProfile, written: str) -> tuple[tuple[str, ...], str, int]:
    """Return the key that a person names, how often it comes again, in words and in rows.

    Raises
    ------
    DataError
        When there is no such column.
    """
    names = profile.split(written, "--key: ")
    if profile.months and MONTH in names:
        raise DataError(
            f"--key: there is no column '{MONTH}'",
            where=str(profile.path),
            expected="a column of the table as it is written",
        )
    again = int(profile.frame.duplicated(list(names)).sum())
    if len(names) == 1:
        again = profile.rows - profile.count_distinct(names[0])
    return names, _tell_again(again), again


def choose_key(
    profile: TableProfile, time: str, grain: Grain, *, is_none: bool
) -> tuple[tuple[str, ...], str]:
    """Return the columns that name a row, and what speaks for them.

    Raises
    ------
    DataError
        When a number that should name a row comes again with the same moment: each of its rows
        may be counted, or one.
    """
    if is_none:
        return (), "as you said: repeated rows are not found"
    if grain.is_panel:
        if not grain.key:
            return (), "the hour that comes twice has the same name, so repeats are not found"
        return grain.key, "together they name a row" if len(grain.key) > 1 else "it names a row"
    whole = [c for c in profile.columns.values() if not c.missing and c.type in ("text", "integer")]
    count = {c.name: profile.count_distinct(c.name) for c in whole}
    # A few repeated numbers are the very thing that a key finds.
    unique = [name for name, n in count.items() if n >= _UNIQUE * profile.rows]
    named = [name for name in unique if is_id(name)]
    for name in (named or unique)[:1]:
        return (name,), _tell_again(profile.rows - count[name])
    for name, n in count.items():
        if not is_id(name) or n < _OFTEN * profile.rows:
            continue
        times = profile.frame.groupby(name)[time].agg(["size", "nunique"])
        again = times[times["size"] > 1]
        if len(again) and (again["nunique"] <= 1).mean() >= _AGREE:
            raise DataError(
                f"'{name}' comes again with the same '{time}': {n:,} different in {profile.rows:,} "
                "rows, as when a request is written again each time that its status changes",
                where=str(profile.path),
                expected="whether a request counts once, or each of its rows",
                next_step=f"--key {name} counts one row of each ({n:,}); --key none counts every "
                f"row ({profile.rows:,})",
            )
    return (), "no column names a row, so repeated rows are not found"


def choose_width(profile: TableProfile, grain: Grain, wished: int | None) -> int:
    """Return the digits to which the codes of the place are filled up with leading zeros.

    Raises
    ------
    DataError
        When some codes lost their zeros (2118 beside 02118) and nobody said whether they are one.
    """
    if wished is not None or not grain.entity or grain.spread:
        return wished or 0
    values = profile.frame[grain.entity].dropna().astype("str").value_counts()
    codes = pd.Series(values.index, dtype="str")
    padded = codes[codes.str.fullmatch(r"0\d+")]
    width = int(padded.str.len().max()) if len(padded) else 0
    short = codes[codes.str.fullmatch(r"\d+") & (codes.str.len() < width)]
    twice = short[short.str.zfill(width).isin(padded)]
    if not len(twice):
        return 0
    one = str(twice.iloc[0])
    raise DataError(
        f"'{grain.entity}' holds {one} ({int(values[one]):,} rows) beside {one.zfill(width)} "
        f"({int(values[one.zfill(width)]):,} rows): {len(twice)} codes seem to have lost zeros",
        where=str(profile.path),
        expected="whether the two are one place",
        next_step=f"--width {width} joins them; --width 0 leaves them apart",
    )


def _tell_again(again: int) -> str:
    if not again:
        return "no two rows share it"
    return f"{again:,} rows repeat it, and will be rejected: one row of each is counted"
