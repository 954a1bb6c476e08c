"""From what was understood of a table to the words about it and the specification."""

from __future__ import annotations

from typing import Any, Final

from cityai.scaffold.columns import Seen
from cityai.scaffold.look import HORIZON, Understood

_SEASON: Final = {"day": 28, "week": 52, "month": 12}
"""Periods of history that a forecast should have seen before it is first asked."""
_MOST_FOLDS: Final = 8
_MOST_GROUPS: Final = 60


def list_choices(seen: Seen, found: Understood) -> tuple[tuple[str, str, str], ...]:
    """Return what was asked, what was chosen, and what speaks for it."""
    grain, used = found.grain, list_used(found)
    known = "never before the time; 99 of 100 rows within " + str(found.delay) + " days"
    of_place = seen.columns.get(grain.entity)
    named = _tell_key(seen, found.key)
    return (
        ("time", found.time, seen.columns[found.time].tell()),
        *(
            (("far off", f"{found.far} rows", "their dates lie a year and more from all others"),)
            if found.far
            else ()
        ),
        ("place", grain.entity or "none", of_place.tell() if of_place else grain.why),
        ("layout", "panel" if grain.is_panel else "events", grain.why),
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


def list_unsettled(found: Understood, is_cut: bool) -> tuple[str, ...]:
    """Return what the table cannot tell."""
    written = "missing" if found.grain.is_panel else "zero"
    return (
        *(() if found.known else ("when a row could first be seen (`data.known`)",)),
        "which groups of residents it must hold for (`audit.dimensions`), and who lives where "
        "(a table of areas, in `configs/city.yaml`)",
        "whether a period without a row means that nothing happened or that nobody measured "
        f"(`question.missing_periods`; written: {written})",
        "days on which nobody measured (`data.outages`)",
        f"how far ahead the decision must know (`question.horizon`; written: "
        f"{HORIZON[found.period]} {found.period}s)",
        *(("anything after the rows that were looked at",) if is_cut else ()),
        *(() if found.grain.entity else ("what a prediction is about (`question.entity`)",)),
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
        "city": "city",
        "question": question,
        "data": _write_data(seen, found, encoding, delimiter),
        "backtest": _write_backtest(found),
        "audit": {"infers": "this city", "dimensions": _write_dimensions(seen, found)},
    }


def _write_question(found: Understood) -> dict[str, Any]:
    grain = found.grain
    about = grain.entity or found.time
    label = about.lower().replace("_", " ").strip()
    history = min(_SEASON[found.period] // 2, max(2, found.periods // 6))
    return {
        "measure": "sum" if grain.amount else "count",
        **({"value": grain.amount} if grain.amount else {}),
        "unit": grain.amount.lower().replace("_", " ") if grain.amount else "events",
        "period": found.period,
        "horizon": HORIZON[found.period],
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
    ends = {"since": found.first.date(), "until": (found.last.date())} if found.far else {}
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


def _write_backtest(found: Understood) -> dict[str, int]:
    """Ask as often as the history allows, with half of it kept to learn from."""
    horizon, season = HORIZON[found.period], _SEASON[found.period]
    if found.periods >= 2 * season + 16 * horizon:
        return {"folds": _MOST_FOLDS, "calibration": _MOST_FOLDS}
    stride = max(1, found.periods // 2 // (2 * _MOST_FOLDS))
    folds = max(2, min(_MOST_FOLDS, (found.periods // 2 - horizon) // stride // 2))
    least = max(2, found.periods // 2 - horizon)
    return {"folds": folds, "stride": stride, "calibration": folds, "min_train": least}


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
