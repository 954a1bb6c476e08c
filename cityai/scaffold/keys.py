"""Primary key of a table, of its rows or its cases; and codes that lost their leading zeros."""

from __future__ import annotations

import shlex

import pandas as pd

from cityai.scaffold.columns import TableProfile
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_id, say_count
from cityai.scaffold.proposal import Proposal

_UNIQUE = 0.999
_PART = 0.01
"""Share of the rows that numbers must have, at least, to be those of cases."""
_LEAST_ROWS = 20
_REPEATED = 0.01
"""Share of the numbers that come again, from which it is asked about."""
_AGREE = 0.95


def choose_key(look: Proposal, time: str, grain: Grain) -> tuple[str, ...]:
    """Return the columns that name a row.

    Raises
    ------
    DataError
        When there is no such column as a person says, or a number that should name a row comes
        again with the same moment: each of its rows may be counted, or one.
    """
    wished, key = look.said.key, grain.key
    if wished == "none":
        key, why = (), "as you said: repeated rows are not found"
    elif wished:
        key, again = _check_key(look.profile, wished)
        why = _tell_again(again)
    elif not grain.is_panel:
        key, why = _find_key(look.profile, time)
    elif not grain.key:
        key, why = (), "the hour that comes twice has the same name, so repeats are not found"
    else:
        why = "together they name a row" if len(key) > 1 else "it names a row"
    look.choose("key", ", ".join(key) or "none", why)
    return key


def choose_case(look: Proposal, time: str) -> tuple[tuple[str, ...], bool]:
    """Return the columns that name a case, and whether several rows are one.

    Raises
    ------
    DataError
        When there is no such column as a person says, or none that names a case.
    """
    profile = look.profile
    if look.said.key:
        names, again = _check_key(profile, look.said.key)
        return names, again > 0
    count, rows = _count_names(profile, time)
    if named := _find_unique(count, rows):
        return (named,), False
    for name, n in count.items():
        # Rows of one number on one day are one case: the violations of an inspection.
        is_number = is_id(name) and n > len(profile.frame) // 20
        if is_number and (profile.frame.groupby(name)[time].nunique() == 1).all():
            return (name,), True
    dated = profile.frame[profile.frame[time].notna()]
    pairs = [f"{n},{time}" for n in count if not dated.duplicated([n, time]).any()]
    raise profile.refuse(
        "no column names a case",
        "a column that differs in every row",
        "say what names a case with --key COLUMN, or --key COLUMN,COLUMN; rows that share it are "
        "joined to one case"
        + (
            f". These differ in every row: --key {' or '.join(map(shlex.quote, pairs[:3]))}"
            if pairs
            else ""
        ),
    )


def _check_key(profile: TableProfile, written: str) -> tuple[tuple[str, ...], int]:
    """Return the key that a person names, and how many rows repeat it."""
    names = profile.split(written, "--key: ")
    made = profile.melted[0]
    if profile.months and made in names:
        raise profile.refuse(
            f"--key: there is no column '{made}'", "a column of the table as it is written"
        )
    if len(names) == 1:
        return names, profile.rows - profile.count_distinct(names[0])
    return names, int(profile.frame.duplicated(list(names)).sum())


def _count_names(profile: TableProfile, time: str) -> tuple[dict[str, int], int]:
    """Count the different cells of columns that could name rows, and the rows with a moment.

    Lines below a table have none.
    """
    dated = profile.frame[profile.frame[time].notna()]
    names = [
        c.name
        for c in profile.columns.values()
        if c.type in ("text", "integer") and dated[c.name].notna().all()
    ]
    if profile.is_cut:
        return {name: profile.count_distinct(name) for name in names}, profile.rows
    return {name: int(dated[name].nunique()) for name in names}, len(dated)


def _find_unique(count: dict[str, int], least: float) -> str:
    """Return the first column with so many different cells; empty without one."""
    unique = [name for name, n in count.items() if n >= least]
    named = [name for name in unique if is_id(name)]
    return (named or unique or [""])[0]


def _find_key(profile: TableProfile, time: str) -> tuple[tuple[str, ...], str]:
    """Return the column that names an event, and what speaks for it."""
    count, rows = _count_names(profile, time)
    # A few repeated numbers are the very thing that a key finds.
    named = _find_unique(count, _UNIQUE * rows)
    for name, n in count.items():
        if not is_id(name) or not _LEAST_ROWS <= n < _UNIQUE * rows:
            continue
        times = profile.frame.groupby(name)[time].agg(["size", "nunique"])
        again = times[times["size"] > 1]
        if (
            not _is_of_day(profile, name, time)
            and n >= _PART * rows
            and len(again) >= _REPEATED * n
            and (again["nunique"] <= 1).mean() >= _AGREE
        ):
            every = shlex.quote(named or "none")
            raise profile.refuse(
                f"'{name}' comes again with the same '{time}': {n:,} different in {profile.rows:,} "
                "rows, as when a request is written again each time that its status changes, or "
                "one case has several parts",
                "whether a request counts once, or each of its rows",
                f"--key {shlex.quote(name)} counts one row of each ({n:,}); --key {every} counts "
                f"every row ({profile.rows:,})",
            )
    if named:
        return (named,), _tell_again(rows - count[named])
    return (), "no column names a row, so repeated rows are not found"


def _is_of_day(profile: TableProfile, name: str, time: str) -> bool:
    """Whether a column writes the day in another way: `20240131` beside 2024-01-31."""
    moments = profile.frame[time].dropna()
    if (moments != moments.dt.normalize()).any():
        return False
    return bool((profile.frame.groupby(time)[name].nunique() == 1).mean() >= _AGREE)


def choose_width(profile: TableProfile, grain: Grain, wished: int | None) -> int:
    """Return the digits to which the codes of the place are filled up with leading zeros.

    Raises
    ------
    DataError
        When some codes lost their zeros (2118 beside 02118) and nobody said whether they are one,
        or there are no codes to fill up.
    """
    has_codes = bool(grain.entity) and not grain.spread
    if wished and not has_codes:
        raise profile.refuse("--width: no column names a place", "a column of codes")
    if wished is not None or not has_codes:
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
    whole = one.zfill(width)
    bare, full = (say_count(int(values[code]), "row") for code in (one, whole))
    raise profile.refuse(
        f"'{grain.entity}' holds {one} ({bare}) beside {whole} ({full}): "
        f"{say_count(len(twice), 'code')} seem to have lost zeros",
        "whether the two are one place",
        f"--width {width} joins them; --width 0 leaves them apart",
    )


def _tell_again(again: int) -> str:
    if not again:
        return "no two rows share it"
    return f"{say_count(again, 'row')} repeating it will be rejected: one of each is counted"
