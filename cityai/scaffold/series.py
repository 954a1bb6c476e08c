"""Questions of how much: a table of events or amounts as series by entity and period."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.config.project import ProjectSpec
from cityai.data.periods import count_between
from cityai.data.reading.dense import DENSE_PANEL
from cityai.errors import suggest_name
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.ends import (
    FAR_OFF,
    SEASON,
    Ends,
    choose_ends,
    fit_windows,
    leave_cut,
    leave_first,
)
from cityai.scaffold.grain import Grain, find_grain
from cityai.scaffold.keys import choose_key, choose_width
from cityai.scaffold.moments import choose_known, choose_period, choose_time
from cityai.scaffold.names import NO_VALUE, is_part_of_time, is_rate, say_count
from cityai.scaffold.open_questions import (
    list_alike,
    list_ended,
    list_passed_places,
    refuse_second_rows,
    tell_day,
    tell_repeats,
    tell_running,
)
from cityai.scaffold.outcome import list_answers
from cityai.scaffold.proposal import Proposal, drop_empty, name_entity, offer
from cityai.scaffold.recount import recount
from cityai.scaffold.totals import tell_named_total, write_without
from cityai.scaffold.units import refuse_units

_MOST_GROUPS: Final = 60
_MOST_ROWS: Final = 25_000_000
"""Rows from which the specification says how many it expects."""
_FEW: Final = 12
_WHOLE: Final = 0.98
"""Share of the combinations of a key that have a row, from which none is missing by rule."""
_THIN: Final = 1 / 3
"""Rows of a month, against the usual, below which the end of a table is asked about."""
_LEAST_NINES: Final = 99
_PLACEHOLDERS: Final = (-1, -9, -99, -999, -9999)
_LEAST_PLACEHOLDERS: Final = 3
"""Rows, at least, with a number that may stand for no value."""
_NO_PLACE: Final = NO_VALUE | {"none", "other"}


def propose_series(look: Proposal) -> None:
    """Propose how a table of events or amounts is read.

    Raises
    ------
    DataError
        When it can be read in two ways, cannot serve a wish, or most rows cannot be read.
    TimeError
        When the table holds no complete period.
    """
    profile, said = look.profile, look.said
    time = choose_time(look)
    places = profile.split(said.place)
    _refuse_useless(look, time, places)
    grain = find_grain(profile, time, places, said.amount, said.counts, look.zone)
    source = profile.write_source((grain.amount, *grain.spread))
    if grain.amount and not grain.spread:
        refuse_units(profile, grain.amount, {*grain.places, *grain.key})
    ends = choose_ends(look, time, grain.is_panel)
    ends = leave_cut(look, time, ends) if grain.is_panel else ends
    width = choose_width(profile, grain, said.width)
    _choose_layout(look, grain, width)
    key = choose_key(look, time, grain)
    known, delay = choose_known(look, time)
    period = choose_period(look, time, grain, ends)
    ends = ends if grain.is_panel else leave_first(look, time, ends, period)
    if grain.is_panel and grain.key and not grain.spread and said.key != "none":
        refuse_second_rows(profile, time, grain, period)
    windows = fit_windows(period, count_between(period, ends.start, ends.last), delay)
    used = [*key, time, known, *grain.places, grain.amount, *(t.column for t in grain.totals)]
    missing = _find_missing(profile, time, grain)
    columns = look.choose_contract(used, (*key, time), _write_own(profile, grain, key, width))
    history = min(SEASON[period] // 2, max(2, windows.least // 2))
    unit = grain.amount.lower().replace("_", " ") or "events"
    entity = name_entity(grain.places, cohort={"min_history": history})
    is_panel = grain.is_panel and profile.columns[time].type != "datetime"
    look.spec = {
        "title": f"{unit.capitalize()} "
        + (f"by {entity['label']}" if grain.places else "in the whole city"),
        "kind": "demand",
        "city": "city",
        "question": drop_empty(
            measure="sum" if grain.amount else "count",
            value=grain.amount or None,
            unit=unit,
            period=period,
            horizon=windows.horizon,
            missing_periods=missing,
            entity=entity,
        ),
        "data": drop_empty(
            source=source,
            layout="panel" if is_panel else "events",
            unpivot=_write_unpivot(profile, grain),
            time=time,
            known={"column": known} if known else {"lag_days": 1},
            reporting_delay_days=delay,
            **ends.limit(period),
            key=list(key),
            without=write_without(grain.totals),
            max_rows=2 * profile.rows if profile.rows > _MOST_ROWS else None,
            columns=columns,
        ),
        "backtest": windows.write_backtest(),
        "audit": {"infers": "this city", "dimensions": _write_dimensions(profile, grain)},
    }
    left = {"totals among the places": sum(total.rows for total in grain.totals), FAR_OFF: ends.far}
    recount(look, ProjectSpec, DENSE_PANEL, left, f"in {period}s that are not whole")
    answers = list_answers(profile)
    look.leave_open(
        "the words for readers (`title`, `question.unit`, `question.entity.label`)",
        _list_scopes(profile, {*used, *grain.others}),
        _list_unplaced(profile, grain),
        list_passed_places(profile, time, grain),
        tell_repeats(profile, key),
        list_alike(profile, grain),
        list_ended(profile, time, grain, ends),
        "" if grain.spread else tell_named_total(profile, grain.places, grain.totals),
        *_list_amounts(profile, grain),
        tell_running(profile, time, grain, period),
        tell_day(profile, time, grain, period),
        _tell_thin_end(profile, time, ends),
        "" if known else "when a row could first be seen (`data.known`)",
        f"whether each row is a case to rank by what turned out ({', '.join(answers[:3])}): then "
        "--template blank_risk looks at it so"
        if answers
        else "",
        "which groups of residents it must hold for (`audit.dimensions`), and who lives where "
        "(a table of areas, in `configs/city.yaml`)",
        "whether a period without a row means that nothing happened or that nobody measured "
        f"(`question.missing_periods`; written: {missing})",
        "days on which nobody measured (`data.outages`)",
        f"how far ahead the decision must know (`question.horizon`; written: {windows.horizon} "
        f"{period}s)",
    )


def _refuse_useless(look: Proposal, time: str, places: Sequence[str]) -> None:
    """Refuse a wish that cannot serve."""
    profile = look.profile
    amounts = profile.split(look.said.amount)
    if amounts and look.said.counts:
        what = "--count: rows are counted, or an amount is added up"
        raise profile.refuse(what, "one of the two")
    for wished in amounts:
        amount = profile.columns[wished]
        if amount.written is None:
            numbers = [c.name for c in profile.columns.values() if c.is_amount]
            raise profile.refuse(
                f"--amount: '{wished}' holds {amount.tell()}, no numbers",
                suggest_name(wished, numbers) if numbers else "a column of numbers",
            )
        if amount.written.is_percent:
            what = f"--amount: '{wished}' holds percentages, which do not add up"
            raise profile.refuse(what, "a column of amounts")
    for name in places:
        distinct, rows = profile.columns[name].distinct, len(profile.frame)
        if name in (time, *amounts):
            what = f"--place: '{name}' is the time or the amount"
            raise profile.refuse(what, "a column of places")
        if distinct >= max(0.9 * rows, 2) or not distinct:
            raise profile.refuse(
                f"--place: '{name}' has {distinct:,} values in {rows:,} rows",
                "a column whose values come again, so that each has a history",
            )


def _tell_placeholder(profile: TableProfile, name: str) -> str:
    """Ask about a number that may stand for no value: 9999 far above all others, -1 below them."""
    counts = profile.read_numbers(name).dropna().value_counts().sort_index()
    odd: list[float] = []
    if len(counts) > 2:
        largest, next_one = float(counts.index[-1]), float(counts.index[-2])
        is_nines = set(f"{largest:.12g}") == {"9"} and largest >= _LEAST_NINES
        odd += [largest] if is_nines and largest > 2 * next_one else []
        below = [float(number) for number in counts.index if number < 0]
        odd += below if len(below) == 1 and below[0] in _PLACEHOLDERS else []
    told = [(n, int(counts[n])) for n in odd if counts[n] >= _LEAST_PLACEHOLDERS]
    if not told:
        return ""
    shown = " and ".join(f"{n:.12g} ({say_count(rows, 'row')})" for n, rows in told)
    written = ", ".join(f"'{n:.12g}'" for n, _ in told)
    return (
        f"whether {shown} in {name} stand for no value, as such numbers often do: they are added "
        f"up; `source.missing: ['', {written}]` leaves them out"
    )


def _choose_layout(look: Proposal, grain: Grain, width: int) -> None:
    columns = look.profile.columns
    of_place = [columns[name].tell() for name in grain.places if name in columns]
    if width:
        codes = look.profile.frame[grain.entity].dropna().astype("str")
        many = codes.str.zfill(width).nunique()
        zeros = f"with their zeros back, {columns[grain.entity].distinct:,} texts are {many:,}"
        of_place[0] = f"{many:,} different codes"
    place = "; ".join(of_place) or (grain.why if grain.spread else "one series of the whole city")
    look.choose("place", ", ".join(grain.places) or "none", place + offer("--place", grain.others))
    if width:
        look.choose("codes", f"{width} digits", zeros)
    for t in grain.totals:
        look.choose("total", f"{t.value} in {t.column}", t.tell())
    why = "a row holds one column a place" if grain.spread else grain.why
    look.choose("layout", "panel" if grain.is_panel else "events", why)
    passed = "".join(f"; or --amount {name}" for name in grain.passed)
    look.choose("amount", grain.amount or "rows are counted", grain.why_amount + passed)


def _find_missing(profile: TableProfile, time: str, grain: Grain) -> str:
    """Return what a period without a row means: `GROUP BY` writes no rows of zero."""
    column = profile.columns.get(grain.amount)
    if not grain.is_panel:
        return "zero"
    if column is None or column.type != "integer" or grain.spread or float(column.low) < 1:
        return "missing"
    used = list(grain.key or (time, *grain.places))
    dated = profile.frame.loc[profile.frame[time].notna(), used]
    for total in grain.totals:
        dated = dated[dated[total.column].astype("str") != total.value]
    # Where a place began or ended, the periods before and after are no gaps.
    moments = dated[time].rank(method="dense")
    others = [dated[name] for name in used if name != time]
    if not others:
        return "missing"
    spans = moments.groupby(others, dropna=False).agg(["min", "max"])
    return "zero" if len(dated) < _WHOLE * (spans["max"] - spans["min"] + 1).sum() else "missing"


def _write_own(
    profile: TableProfile, grain: Grain, key: Sequence[str], width: int
) -> dict[str, dict[str, Any]]:
    """Return what the contract says of columns that are not as their cells look."""
    if grain.spread:
        is_below = any(profile.columns[name].negative for name in grain.spread)
        amount = {"type": "number"} if is_below else {"type": "number", "min": 0}
        place = {"type": "text", "required": True}
        return {grain.amount: amount, grain.entity: place}
    # A total among the places is named by its text, and a place by its number is one too.
    own: dict[str, dict[str, Any]] = {total.column: {"type": "text"} for total in grain.totals}
    if width:
        entry = profile.columns[grain.entity].write_contract(grain.entity in key)
        own[grain.entity] = {**entry, "type": "text", "width": width}
    return own


def _write_unpivot(profile: TableProfile, grain: Grain) -> dict[str, Any] | None:
    if profile.months:
        into, value = profile.melted
        return {"columns": list(profile.months), "into": into, "value": value}
    if grain.spread:
        return {"columns": list(grain.spread), "into": grain.entity, "value": grain.amount}
    return None


def _write_dimensions(profile: TableProfile, grain: Grain) -> dict[str, Any]:
    """Places themselves are the one division that the table alone can tell."""
    entity = grain.entity
    few = len(grain.spread) or (profile.columns[entity].distinct if entity else 0)
    if len(grain.places) != 1 or few > _MOST_GROUPS:
        return {}
    return {"place": {"label": entity.replace("_", " ").capitalize(), "attribute": "entity"}}


def _list_amounts(profile: TableProfile, grain: Grain) -> list[str]:
    """Name what is odd in the amounts, and in what names them."""
    told: list[str] = []
    column = profile.columns.get(grain.amount)
    placeholder = _tell_placeholder(profile, grain.amount) if column is not None else ""
    told += [placeholder] if placeholder else []
    if column is not None and column.negative:
        told.append(
            f"whether {column.negative:,} amounts below 0 (down to {column.low}) are corrections: "
            "they are added up as they stand; `min: 0` would reject them"
        )
    if column is not None and is_rate(grain.amount):
        told.append(
            f"whether {grain.amount} may be added up: its name says that it is a rate or a mean, "
            "and what is asked about is the sum over the rows of a place and period"
        )
    if column is not None and column.written is not None and column.written.strange:
        shown = ", ".join(text[:20] for text in column.written.strange[:4])
        if any(re.fullmatch(r"\([\d., ]+\)", text) for text in column.written.strange):
            shown += " (an amount below 0 is written -120)"
        told.append(
            f"what {shown} means in {column.name}: such rows are rejected; list it under "
            "`source.missing` where it stands for no value"
        )
    kept = [*grain.places, *filter(is_part_of_time, grain.key)]
    extra = [name for name in grain.key[1:] if name not in kept]
    if extra and not grain.spread:
        told.append(
            f"whether each {' and '.join(extra)} is to be predicted too: --place "
            f"{','.join([*grain.places, *extra])}; it is no attribute of a {grain.entity}, which "
            "has several at one moment"
        )
    return told


def _list_scopes(profile: TableProfile, used: set[str]) -> str:
    """Name columns of a few values that may divide what is asked about from what is not."""
    few = [
        f"{c.name} ({', '.join(sorted(map(str, profile.frame[c.name].dropna().unique())))[:60]})"
        for c in profile.columns.values()
        if c.type == "text" and not c.is_unsure and 2 <= c.distinct <= _FEW and c.name not in used
    ]
    return f"which rows are meant (`data.where`): {'; '.join(few[:4])}" if few else ""


def _list_unplaced(profile: TableProfile, grain: Grain) -> str:
    """Name values of the place that stand for no place."""
    names = grain.spread or (
        sorted(map(str, profile.frame[grain.entity].dropna().unique())) if grain.entity else ()
    )
    odd = ", ".join(name for name in names if name.strip().lower() in _NO_PLACE)
    return f"whether {odd} is a place to predict, or rows whose place nobody wrote" if odd else ""


def _tell_thin_end(profile: TableProfile, time: str, ends: Ends) -> str:
    """Say where the rows thin out, as in an export that was cut or a system that was left."""
    months = profile.frame[time].dropna().dt.to_period("M").value_counts().sort_index()
    first, last = (day.to_period("M") for day in (ends.first, ends.last))
    months = months[(months.index >= first) & (months.index <= last)]
    months = months.reindex(
        pd.period_range(months.index[0], months.index[-1], freq="M"), fill_value=0
    )
    # The last month is seldom over.
    over = ends.last.day / months.index[-1].days_in_month
    part = np.where(months.index == last, over, 1.0)
    thin = months < _THIN * part * months.median()
    count = int(thin[::-1].cumprod().sum())
    if not count or count == len(months):
        return ""
    since, usual = months.index[-count], months.iloc[: len(months) - count].tail(12).median()
    return (
        f"whether the table is whole at its end: from {since} on it has "
        f"{say_count(round(months.iloc[-count:].mean()), 'row')} a month, {usual:,.0f} before "
        "(`data.until`)"
    )
