"""From what was understood of a table to the words about it and the specification."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from cityai.scaffold.columns import Seen
from cityai.scaffold.look import Understood
from cityai.scaffold.windows import SEASON

_MOST_GROUPS: Final = 60
_FEW: Final = 12
_THIN: Final = 1 / 3
"""Rows of a month, against the usual, below which the end of a table is asked about."""
_NO_PLACE: Final = frozenset(
    {"unknown", "not recorded", "unspecified", "n/a", "na", "none", "null", "other", "missing", "-"}
)


def list_choices(seen: Seen, found: Understood) -> tuple[tuple[str, str, str], ...]:
    """Return what was asked, what was chosen, and what speaks for it."""
    grain, used = found.grain, list_used(found)
    known = "never before the time; 99 of 100 rows within " + str(found.delay) + " days"
    of_place = seen.columns.get(grain.entity)
    others = f"; or --place {', '.join(grain.others)}" if grain.others else ""
    named = _tell_key(seen, found.key)
    return (
        ("time", found.time, seen.columns[found.time].tell()),
        *(
            (("far off", f"{found.far} rows", "their dates lie a year and more from all others"),)
            if found.far
            else ()
        ),
        ("place", grain.entity or "none", (of_place.tell() if of_place else grain.why) + others),
        (
            "layout",
            "panel" if grain.is_panel else "events",
            "a row holds one column a place" if grain.spread else grain.why,
        ),
        ("amount", grain.amount or "rows are counted", grain.why_amount),
        ("key", ", ".join(found.key) or "none", named),
        (
            ("known", found.known, known)
            if found.known
            else ("known", "1 day later", "assumed, no column says when a row was recorded")
        ),
        ("period", found.period, found.why_period),
        ("contract", f"{len(used)} columns", "the others are not read"),
    )


def list_unsettled(seen: Seen, found: Understood, is_cut: bool) -> tuple[str, ...]:
    """Return what the table cannot tell."""
    written = "missing" if found.grain.is_panel else "zero"
    return (
        "the words for readers (`title`, `question.unit`, `question.entity.label`)",
        *_list_scopes(seen, found),
        *_list_unplaced(seen, found),
        *_tell_thin_end(seen, found),
        *(() if found.known else ("when a row could first be seen (`data.known`)",)),
        "which groups of residents it must hold for (`audit.dimensions`), and who lives where "
        "(a table of areas, in `configs/city.yaml`)",
        "whether a period without a row means that nothing happened or that nobody measured "
        f"(`question.missing_periods`; written: {written})",
        "days on which nobody measured (`data.outages`)",
        f"how far ahead the decision must know (`question.horizon`; written: "
        f"{found.windows.horizon} {found.period}s)",
        *(("anything after the rows that were looked at",) if is_cut else ()),
        *(() if found.grain.entity else ("what a prediction is about (`question.entity`)",)),
    )


def _list_scopes(seen: Seen, found: Understood) -> tuple[str, ...]:
    """Name columns of a few values that may divide what is asked about from what is not."""
    used = {*list_used(found), *found.grain.others}
    few = [
        f"{c.name} ({', '.join(sorted(map(str, seen.frame[c.name].dropna().unique())))[:60]})"
        for c in seen.columns.values()
        if c.type == "text" and 2 <= c.distinct <= _FEW and c.name not in used
    ]
    return (f"which rows are meant (`data.where`): {'; '.join(few[:4])}",) if few else ()


def _list_unplaced(seen: Seen, found: Understood) -> tuple[str, ...]:
    """Name values of the place that stand for no place."""
    names = found.grain.spread or (
        sorted(map(str, seen.frame[found.grain.entity].dropna().unique()))
        if found.grain.entity
        else ()
    )
    odd = [name for name in names if name.strip().lower() in _NO_PLACE]
    if not odd:
        return ()
    return (f"whether {', '.join(odd)} is a place to predict, or rows whose place nobody wrote",)


def _tell_thin_end(seen: Seen, found: Understood) -> tuple[str, ...]:
    """Say where the rows thin out, as in an export that was cut or a system that was left."""
    months = seen.frame[found.time].dropna().dt.to_period("M").value_counts().sort_index()
    months = months[months.index <= found.last.to_period("M")]
    months = months.reindex(
        pd.period_range(months.index[0], months.index[-1], freq="M"), fill_value=0
    )
    thin = months < _THIN * months.median()
    count = int(thin[::-1].cumprod().sum())
    if not count or count == len(months):
        return ()
    since, usual = months.index[-count], months.iloc[: len(months) - count].tail(12).median()
    return (
        f"whether the table is whole at its end: from {since} on it has "
        f"{months.iloc[-count:].mean():,.0f} rows a month, {usual:,.0f} before (`data.until`)",
    )


def list_used(found: Understood) -> list[str]:
    """Return the columns of the contract."""
    grain = found.grain
    names = [*found.key, found.time, found.known, grain.entity, grain.amount]
    return [name for name in dict.fromkeys(names) if name]


def write_spec(seen: Seen, found: Understood, encoding: str, delimiter: str) -> dict[str, Any]:
    """Return the sections of `project.yaml`."""
    question = _write_question(found)
    return {
        "title": f"{question['unit'].capitalize()} by {question['entity']['label']}",
        "kind": "demand",
        "city": "city",
        "question": question,
        "data": _write_data(seen, found, encoding, delimiter),
        "backtest": found.windows.write_backtest(),
        "audit": {"infers": "this city", "dimensions": _write_dimensions(seen, found)},
    }


def _write_question(found: Understood) -> dict[str, Any]:
    grain = found.grain
    about = grain.entity or found.time
    label = about.lower().replace("_", " ").strip()
    history = min(SEASON[found.period] // 2, max(2, found.windows.least // 2))
    return {
        "measure": "sum" if grain.amount else "count",
        **({"value": grain.amount} if grain.amount else {}),
        "unit": grain.amount.lower().replace("_", " ") if grain.amount else "events",
        "period": found.period,
        "horizon": found.windows.horizon,
        "missing_periods": "missing" if grain.is_panel else "zero",
        "entity": {
            "columns": [about],
            "label": label,
            "label_plural": label if label.endswith("s") else f"{label}s",
            "cohort": {"min_history": history},
        },
    }


def _write_data(seen: Seen, found: Understood, encoding: str, delimiter: str) -> dict[str, Any]:
    grain = found.grain
    source: dict[str, Any] = {"path": str(seen.path.resolve())}
    if seen.path.suffix.lower() not in (".parquet", ".pq"):
        source |= {"delimiter": delimiter} if delimiter != "," else {}
        source |= {"encoding": encoding} if encoding != "utf-8" else {}
    spread = {"columns": list(grain.spread), "into": grain.entity, "value": grain.amount}
    until = (found.last + pd.Timedelta(days=1)).date()
    ends = {"since": found.first.date(), "until": until} if found.far else {}
    hourly = grain.is_panel and seen.columns[found.time].type == "datetime"
    return {
        "source": source,
        "layout": "panel" if grain.is_panel and not hourly else "events",
        **({"unpivot": spread} if grain.spread else {}),
        "time": found.time,
        "known": {"column": found.known} if found.known else {"lag_days": 1},
        "reporting_delay_days": found.delay,
        **ends,
        "key": list(found.key),
        "columns": {name: _write_column(seen, found, name) for name in list_used(found)},
    }


def _write_column(seen: Seen, found: Understood, name: str) -> dict[str, Any]:
    if found.grain.spread and name == found.grain.amount:
        return {"type": "number", "min": 0}
    if found.grain.spread and name == found.grain.entity:
        return {"type": "text", "required": True}
    return seen.columns[name].write_contract(name in (*found.key, found.time))


def _write_dimensions(seen: Seen, found: Understood) -> dict[str, Any]:
    """Places themselves are the one division that the table alone can tell."""
    entity = found.grain.entity
    few = len(found.grain.spread) or (seen.columns[entity].distinct if entity else 0)
    if not entity or few > _MOST_GROUPS:
        return {}
    return {"place": {"label": entity.replace("_", " ").capitalize(), "attribute": "entity"}}


def _tell_key(seen: Seen, key: tuple[str, ...]) -> str:
    if not key:
        return "no column names a row, so repeated rows are not found"
    if len(key) > 1:
        return "together they name a row"
    again = len(seen.frame) - seen.columns[key[0]].distinct
    return f"{again} rows repeat it, and will be rejected" if again else "no two rows share it"
