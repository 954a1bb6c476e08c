"""From what was understood of a table to the words about it and the specification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.config.city import CitySpec
from cityai.errors import TimeError
from cityai.scaffold.cases import list_answers, write_entity
from cityai.scaffold.columns import AMOUNT, MONTH, TableProfile
from cityai.scaffold.names import is_part_of_time
from cityai.scaffold.recount import recount
from cityai.scaffold.series import (
    Choices,
    Overrides,
    ProposalParts,
    SeriesLayout,
    read_series_layout,
)
from cityai.scaffold.windows import SEASON

_MOST_GROUPS: Final = 60
_MOST_ROWS: Final = 25_000_000
"""Rows from which the specification says how many it expects."""
_FEW: Final = 12
_WHOLE: Final = 0.98
"""Share of the combinations of a key that have a row, from which none is missing by rule."""
_THIN: Final = 1 / 3
"""Rows of a month, against the usual, below which the end of a table is asked about."""
_NO_PLACE: Final = frozenset(
    {"unknown", "not recorded", "unspecified", "n/a", "na", "none", "null", "other", "missing", "-"}
)


def propose_series(
    profile: TableProfile, overrides: Overrides, city: CitySpec | None
) -> ProposalParts:
    """Propose how a table of events or amounts is read.

    Raises
    ------
    DataError
        When it can be read in two ways, or cannot serve a wish.
    """
    found = read_series_layout(profile, overrides, "UTC" if city is None else city.time_zone)
    try:
        counted = recount(profile, found, write_spec(profile, found), city)
    except TimeError:
        if not profile.is_cut or found.far:
            raise
        # Rows far off may be so few that none was among those looked at.
        found = replace(found, far=1)
        counted = recount(profile, found, write_spec(profile, found), city)
    choices = (*list_choices(profile, found), *counted)
    return choices, list_gaps(profile, found), write_spec(profile, found)


def list_choices(profile: TableProfile, found: SeriesLayout) -> Choices:
    """Return what was asked, what was chosen, and what speaks for it."""
    grain, used = found.grain, list_used(found)
    of_place = [profile.columns[name].tell() for name in grain.places if name in profile.columns]
    place = "; ".join(of_place) or (grain.why if grain.spread else "one series of the whole city")
    passed = "".join(f"; or --amount {name}" for name in grain.passed)
    choices = [
        *_tell_file(profile),
        ("time", found.time, profile.columns[found.time].tell() + _offer("--time", found.times)),
        *_tell_ends(profile, found),
        ("place", ", ".join(grain.places) or "none", place + _offer("--place", grain.others)),
        *((("codes", f"{found.width} digits", "with their zeros back"),) if found.width else ()),
        *(
            ("total", f"{t.value} in {t.column}", f"the sum of the {t.parts} others: its {t.rows} "
             "rows are left out")
            for t in grain.totals
        ),
        (
            "layout",
            "panel" if grain.is_panel else "events",
            "a row holds one column a place" if grain.spread else grain.why,
        ),
        ("amount", grain.amount or "rows are counted", grain.why_amount + passed),
        ("key", ", ".join(found.key) or "none", found.why_key),
        _tell_known(found),
        ("period", found.period, found.why_period),
        ("contract", f"{len(used)} columns", "the others are not read"),
    ]  # fmt: skip
    return tuple(choices)


def _offer(option: str, names: Sequence[str]) -> str:
    return f"; or {option} {', '.join(names[:4])}" if names else ""


def _tell_file(profile: TableProfile) -> list[tuple[str, str, str]]:
    source = profile.source
    told: list[tuple[str, str, str]] = []
    if source.encoding != "utf-8":
        told.append(("encoding", source.encoding, "the file is no UTF-8; or --encoding"))
    if source.skip:
        told.append(("header", f"line {source.skip + 1}", "the lines above it are not read"))
    if profile.months:
        shown = f"{profile.months[0]} to {profile.months[-1]}"
        told.append(("rows", f"{len(profile.months)} columns", f"{shown} are turned into rows"))
    return told


def _tell_ends(profile: TableProfile, found: SeriesLayout) -> list[tuple[str, str, str]]:
    told = []
    if found.far:
        told.append(
            (
                "far off",
                f"{found.far:,} rows" if not profile.is_cut else "some rows",
                "their dates lie a year and more from all others; `since` and `until` leave them "
                "out",
            )
        )
    if found.since is not None:
        told.append(("since", f"{found.since:%Y-%m-%d}", "hardly a row before it"))
    return told


def _tell_known(found: SeriesLayout) -> tuple[str, str, str]:
    if found.known:
        return "known", found.known, (
            f"never before the time; 99 of 100 rows within {found.delay} days"
        )  # fmt: skip
    if found.moved:
        return "known", "1 day later", (
            f"assumed; not {', '.join(found.moved)}: later than the time, but moved again by the "
            "name"
        )  # fmt: skip
    return "known", "1 day later", "assumed, no column says when a row was recorded"


def list_gaps(profile: TableProfile, found: SeriesLayout) -> tuple[str, ...]:
    """Return what the table cannot tell."""
    return (
        "the words for readers (`title`, `question.unit`, `question.entity.label`)",
        *_list_scopes(profile, found),
        *_list_unplaced(profile, found),
        *_list_amounts(profile, found),
        *_tell_thin_end(profile, found),
        *(() if found.known else ("when a row could first be seen (`data.known`)",)),
        *_offer_cases(profile),
        "which groups of residents it must hold for (`audit.dimensions`), and who lives where "
        "(a table of areas, in `configs/city.yaml`)",
        "whether a period without a row means that nothing happened or that nobody measured "
        f"(`question.missing_periods`; written: {find_missing(profile, found)})",
        "days on which nobody measured (`data.outages`)",
        f"how far ahead the decision must know (`question.horizon`; written: "
        f"{found.windows.horizon} {found.period}s)",
        *(
            (
                f"what stands in rows that were not looked at: {len(profile.frame):,} of "
                f"{profile.rows:,} were, drawn from the whole table",
            )
            if profile.is_cut
            else ()
        ),
    )


def _offer_cases(profile: TableProfile) -> list[str]:
    """Say that a table with answers may hold cases of a ranked list."""
    found = list_answers(profile)
    return [
        f"whether each row is a case to rank by what turned out ({', '.join(found[:3])}): then "
        "--template blank_risk looks at it so"
    ] if found else []  # fmt: skip


def _list_amounts(profile: TableProfile, found: SeriesLayout) -> list[str]:
    """Name what is odd in the amounts, and in the name of their moment."""
    told: list[str] = []
    column, grain = profile.columns.get(found.grain.amount), found.grain
    if column is not None and column.negative:
        told.append(
            f"whether {column.negative:,} amounts below 0 (down to {column.low}) are corrections: "
            "they are added up as they stand; `min: 0` would reject them"
        )
    if column is not None and column.written is not None and column.written.strange:
        shown = ", ".join(text[:20] for text in column.written.strange[:4])
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
    if grain.is_panel and any(word in found.time.lower() for word in ("end", "fin")):
        told.append(
            f"whether {found.time} is the last day of a period: a row counts in the "
            f"{found.period} that its date lies in"
        )
    return told


def find_missing(profile: TableProfile, found: SeriesLayout) -> str:
    """Return what a period without a row means: `GROUP BY` writes no rows of zero."""
    grain, column = found.grain, profile.columns.get(found.grain.amount)
    if not grain.is_panel:
        return "zero"
    if column is None or column.type != "integer" or grain.spread or float(column.low) < 1:
        return "missing"
    used = grain.key or (found.time, *grain.places)
    full = float(np.prod([max(profile.columns[name].distinct, 1) for name in used]))
    return "zero" if len(profile.frame) < _WHOLE * full and len(used) > 1 else "missing"


def _list_scopes(profile: TableProfile, found: SeriesLayout) -> tuple[str, ...]:
    """Name columns of a few values that may divide what is asked about from what is not."""
    used = {*list_used(found), *found.grain.others}
    few = [
        f"{c.name} ({', '.join(sorted(map(str, profile.frame[c.name].dropna().unique())))[:60]})"
        for c in profile.columns.values()
        if c.type == "text" and not c.is_unsure and 2 <= c.distinct <= _FEW and c.name not in used
    ]
    return (f"which rows are meant (`data.where`): {'; '.join(few[:4])}",) if few else ()


def _list_unplaced(profile: TableProfile, found: SeriesLayout) -> tuple[str, ...]:
    """Name values of the place that stand for no place."""
    names = found.grain.spread or (
        sorted(map(str, profile.frame[found.grain.entity].dropna().unique()))
        if found.grain.entity
        else ()
    )
    odd = [name for name in names if name.strip().lower() in _NO_PLACE]
    if not odd:
        return ()
    return (f"whether {', '.join(odd)} is a place to predict, or rows whose place nobody wrote",)


def _tell_thin_end(profile: TableProfile, found: SeriesLayout) -> tuple[str, ...]:
    """Say where the rows thin out, as in an export that was cut or a system that was left."""
    months = profile.frame[found.time].dropna().dt.to_period("M").value_counts().sort_index()
    first, last = (day.to_period("M") for day in (found.first, found.last))
    months = months[(months.index >= first) & (months.index <= last)]
    months = months.reindex(
        pd.period_range(months.index[0], months.index[-1], freq="M"), fill_value=0
    )
    # The last month is seldom over.
    over = found.last.day / months.index[-1].days_in_month
    part = np.where(months.index == last, over, 1.0)
    thin = months < _THIN * part * months.median()
    count = int(thin[::-1].cumprod().sum())
    if not count or count == len(months):
        return ()
    since, usual = months.index[-count], months.iloc[: len(months) - count].tail(12).median()
    return (
        f"whether the table is whole at its end: from {since} on it has "
        f"{months.iloc[-count:].mean():,.0f} rows a month, {usual:,.0f} before (`data.until`)",
    )


def list_used(found: SeriesLayout) -> list[str]:
    """Return the columns of the contract."""
    grain = found.grain
    names = [*found.key, found.time, found.known, *grain.places, grain.amount]
    names += [total.column for total in grain.totals]
    return [name for name in dict.fromkeys(names) if name]


def write_spec(profile: TableProfile, found: SeriesLayout) -> dict[str, Any]:
    """Return the sections of `project.yaml`."""
    question = _write_question(profile, found)
    return {
        "title": f"{question['unit'].capitalize()} by {question['entity']['label']}",
        "kind": "demand",
        "city": "city",
        "question": question,
        "data": _write_data(profile, found),
        "backtest": found.windows.write_backtest(),
        "audit": {"infers": "this city", "dimensions": _write_dimensions(profile, found)},
    }


def _write_question(profile: TableProfile, found: SeriesLayout) -> dict[str, Any]:
    grain = found.grain
    history = min(SEASON[found.period] // 2, max(2, found.windows.least // 2))
    return {
        "measure": "sum" if grain.amount else "count",
        **({"value": grain.amount} if grain.amount else {}),
        "unit": grain.amount.lower().replace("_", " ") if grain.amount else "events",
        "period": found.period,
        "horizon": found.windows.horizon,
        "missing_periods": find_missing(profile, found),
        "entity": {**write_entity(grain.places), "cohort": {"min_history": history}},
    }


def _write_data(profile: TableProfile, found: SeriesLayout) -> dict[str, Any]:
    grain = found.grain
    source = profile.source.model_dump(exclude_defaults=True)
    amounts = [
        profile.columns[name] for name in (grain.amount, *grain.spread) if name in profile.columns
    ]
    for column in amounts:
        source |= column.written.marks if column.written else {}
    spread = {"columns": list(grain.spread), "into": grain.entity, "value": grain.amount}
    if profile.months:
        spread = {"columns": list(profile.months), "into": MONTH, "value": AMOUNT}
    named = zip(("since", "until"), found.ends, strict=True)
    ends = {name: day.date() for name, day in named if day is not None}
    totals: dict[str, list[str]] = {}
    for total in grain.totals:
        totals.setdefault(total.column, []).append(total.value)
    hourly = grain.is_panel and profile.columns[found.time].type == "datetime"
    return {
        "source": source,
        "layout": "panel" if grain.is_panel and not hourly else "events",
        **({"unpivot": spread} if grain.spread or profile.months else {}),
        "time": found.time,
        "known": {"column": found.known} if found.known else {"lag_days": 1},
        "reporting_delay_days": found.delay,
        **ends,
        "key": list(found.key),
        **({"without": totals} if totals else {}),
        **({"max_rows": 2 * profile.rows} if profile.rows > _MOST_ROWS else {}),
        "columns": {name: _write_column(profile, found, name) for name in list_used(found)},
    }


def _write_column(profile: TableProfile, found: SeriesLayout, name: str) -> dict[str, Any]:
    if found.grain.spread and name == found.grain.amount:
        return {"type": "number", "min": 0}
    if found.grain.spread and name == found.grain.entity:
        return {"type": "text", "required": True}
    entry = profile.columns[name].write_contract(name in (*found.key, found.time))
    if found.width and name == found.grain.entity:
        return {**entry, "type": "text", "width": found.width}
    # A total among the places is named by its text, and a place by its number is one too.
    return {"type": "text"} if name in [t.column for t in found.grain.totals] else entry


def _write_dimensions(profile: TableProfile, found: SeriesLayout) -> dict[str, Any]:
    """Places themselves are the one division that the table alone can tell."""
    entity = found.grain.entity
    few = len(found.grain.spread) or (profile.columns[entity].distinct if entity else 0)
    if not entity or few > _MOST_GROUPS:
        return {}
    if len(found.grain.places) > 1:
        return {}
    return {"place": {"label": entity.replace("_", " ").capitalize(), "attribute": "entity"}}
