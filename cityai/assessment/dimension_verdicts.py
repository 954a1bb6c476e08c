"""One verdict a dimension and limit: its groups together, and the largest gap between two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from cityai.assessment import sentences as say
from cityai.findings import Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join
from cityai.i18n.messages import say as mark
from cityai.inference.equivalence import Grade
from cityai.inference.group_gaps import WidestGap
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

COLUMNS: Final = [
    *("dimension", "metric", "status", "grade", "worst", "best"),
    *("spread", "spread_low", "spread_high", "size", "limit", "sentence"),
]
WEIGHTIEST: Final = (Grade.BEYOND, Grade.LEANS, Grade.OPEN, Grade.NOT_SEEN, Grade.TOO_FEW)
"""What groups together are told by, the first that one of them has."""
_WIDEST: Final = mark(
    "{label}: the largest gap between two groups is {gap} ({low} to {high}), of {worst} and {best}."
)
_WIDEST_ALONE: Final = mark(
    "{label}: the largest gap between two groups is {gap}, of {worst} and {best}."
)
_TOLD: Final[dict[str, str]] = {
    Grade.WITHIN: mark("All groups told stay within the limit of {limit}."),
    Grade.BEYOND: mark("At least one group is beyond the limit of {limit}."),
    Grade.LEANS: mark("A group leans beyond the limit of {limit}; more data must tell."),
    Grade.OPEN: mark("There is a gap; whether it stays within the limit of {limit} is open."),
    Grade.NOT_SEEN: mark("No gap is seen; whether all stay within the limit of {limit} is open."),
    Grade.TOO_FEW: mark("There is too little data to hold it against the limit of {limit}."),
}


def judge_dimensions(
    table: pd.DataFrame,
    views: Sequence[GroupTable],
    widest: Mapping[tuple[str, str], WidestGap | None],
    metrics: Sequence[Metric],
    facts: AuditData,
) -> pd.DataFrame:
    """Judge each dimension by its groups together, a row a limit.

    Parameters
    ----------
    table : pandas.DataFrame
        The audit's table, as it may be said.
    views : sequence of GroupTable
        Single dimensions.
    widest : mapping
        By dimension and metric: the largest gap between two groups.
    metrics, facts
        As the table was made from.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; `spread` is NaN where one of both groups' figures is not said exactly.
    """
    known, rows = {m.name: m for m in metrics}, []
    for view in views:
        limited = table[(table["dimension"] == view.dimension) & table["limit"].notna()]
        for name, part in limited.groupby("metric", sort=False):
            pair = widest.get((view.dimension, str(name)))
            rows.append(_judge(view, part, known[str(name)], pair, facts))
    return make_frame(rows, columns=COLUMNS)


def _judge(
    view: GroupTable, part: pd.DataFrame, metric: Metric, pair: WidestGap | None, facts: AuditData
) -> dict[str, Any]:
    limit = float(part["limit"].iloc[0])
    judged = part[part["status"].isin([Status.PASS, Status.FAIL, Status.NOT_ENOUGH])]
    grades, statuses = set(judged["grade"]), set(judged["status"])
    grade = next((g for g in WEIGHTIEST if g in grades), None)
    status = Status.NOT_APPLICABLE
    if len(judged):
        undecided = Status.NOT_ENOUGH if Status.NOT_ENOUGH in statuses else Status.PASS
        status = Status.FAIL if Status.FAIL in statuses else undecided
    if status is Status.PASS:
        grade = Grade.WITHIN
    elif status is Status.NOT_ENOUGH and grade is None:
        grade = Grade.TOO_FEW
    words = {"limit": say.say_gap(metric, limit, facts.unit, sign="")}
    told = [_TOLD[grade].format(**words)] if grade is not None and len(judged) else []
    row: dict[str, Any] = dict.fromkeys(("spread", "spread_low", "spread_high", "size"), math.nan)
    row |= {"worst": "", "best": ""}
    held = _find_exact(part, view, pair)
    if pair is not None and held is not None:
        size = float(held["size"].min())
        row = {"spread": pair.gap, "spread_low": pair.low, "spread_high": pair.high, "size": size}
        row |= {"worst": view.groups[pair.worst], "best": view.groups[pair.best]}
        told.insert(0, _tell_widest(row, view, metric, facts))
    return {
        **{"dimension": view.dimension, "metric": metric.name, "status": status.value},
        **{"grade": grade.value if grade else "", **row, "limit": limit},
        "sentence": join(" ", told),
    }


def _find_exact(
    part: pd.DataFrame, view: GroupTable, pair: WidestGap | None
) -> pd.DataFrame | None:
    """Find both rows of a pair where both figures are said, and exactly."""
    if pair is None:
        return None
    held = part[part["group"].isin([view.groups[pair.worst], view.groups[pair.best]])]
    said = held["value"].notna() & held["value_least"].isna()
    return held if len(held) == 2 and bool(said.all()) else None


def _tell_widest(row: dict[str, Any], view: GroupTable, metric: Metric, facts: AuditData) -> str:
    digits = 1 if not facts.counts or row["size"] >= say.FEW_FOR_DECIMALS else 0
    side = math.copysign(1.0, row["spread"])

    def write(name: str) -> str:
        return say.say_gap(metric, side * row[name], facts.unit, digits, sign="")

    words = {
        "label": view.label,
        "gap": write("spread"),
        "worst": row["worst"],
        "best": row["best"],
    }
    if not math.isfinite(row["spread_low"]):
        return _WIDEST_ALONE.format(**words)
    low, high = ("spread_low", "spread_high")[:: int(side)]
    return _WIDEST.format(low=write(low), high=write(high), **words)
