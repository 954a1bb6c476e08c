"""Amounts that are sums of others: a total among the places, a running total in time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, PERIOD, VALUE
from cityai.config.project import ProjectSpec
from cityai.data.periods import WEEK
from cityai.data.phrases import list_names
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.records.events import Events

_ALMOST_ALL: Final = 0.95
_NEAR: Final = 0.005
_LEAST_MOMENTS: Final = 2
"""With an amount, of a place whose name says that it is a total."""
LEAST_PARTS: Final = 2
_MOST_PARTS: Final = 200
_SPARE: Final = 8
"""Moments beyond the number of columns, and moments with an amount of each, from which a sum is
none by chance."""
_EXACT: Final = 1e-9
_WHOLE: Final = 1e-6
_LEAST_STEPS: Final = 24
"""Amounts that follow one another, at least, of which "never falls" says something."""
_MOST_FALL: Final = 0.8
"""Share of the turns of a year, or a month, at which a total that begins anew falls."""

TOTALS: Final = (
    *("total", "totals", "citywide", "city-wide", "all", "overall", "sum", "gesamt", "insgesamt"),
    *("summe", "todos", "todas", "todo", "ensemble", "tous", "geral", "total_general"),
    "grand_total",
)
"""What the sum of all places is called."""

EVER: Final = "ever"
Unit = str
"""When a running total begins anew: `year`, `month`, or not `ever`."""


def is_total(value: str) -> bool:
    """Whether a text stands for the sum of all places."""
    text = value.strip().lower()
    words = re.split(r"[^\w-]+", text)
    return text in TOTALS or not {"total", "citywide", "gesamt", "insgesamt"}.isdisjoint(words)


def find_whole(
    wide: pd.DataFrame, is_named: Callable[[str], bool] = lambda name: False
) -> str | None:
    """Find the column that is the sum of all others at almost every moment.

    Parameters
    ----------
    wide : pandas.DataFrame
        Moments by places; NaN where there is no amount.
    is_named : callable
        Whether a name says that it is a total: then what is hidden of the parts is allowed for.
    """
    if wide.shape[1] <= LEAST_PARTS:
        return None
    amounts = wide.to_numpy(np.float64)
    parts = np.nansum(amounts, axis=1)[:, None] - np.nan_to_num(amounts)
    # Of zeros alone nobody can tell.
    told = ~np.isnan(amounts) & ((amounts != 0) | (parts != 0))
    over, slack = amounts - parts, _NEAR * np.abs(parts) + 0.5
    names = list(map(str, wide.columns))
    for i in sorted(range(len(names)), key=lambda i: (not is_named(names[i]), names[i])):
        hidden: Any = 0.0
        least = _SPARE
        if is_named(names[i]):
            hidden, least = _bound_hidden(np.delete(amounts, i, axis=1)), _LEAST_MOMENTS
        near = (over[:, i] >= -slack[:, i]) & (over[:, i] <= slack[:, i] + hidden)
        count = int(told[:, i].sum())
        if count >= least and near[told[:, i]].mean() >= _ALMOST_ALL:
            return names[i]
    return None


def _bound_hidden(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how much the parts without an amount can hold at each moment.

    A hidden amount (`<5`) is less than the smallest that is shown.
    """
    shown = parts[parts > 0]
    return np.isnan(parts).sum(axis=1) * (float(shown.min()) if len(shown) else 0.0)


def find_sums(wide: pd.DataFrame) -> dict[str, list[str]]:
    """Find columns that are the sum of two or more others at every moment, and of which.

    A sum is an exact linear relation, so it lies in the null space of the amounts. There, the
    reduced echelon form with the largest columns first has one row a sum, all parts single places.

    Parameters
    ----------
    wide : pandas.DataFrame
        Moments by places; 0 where nothing came, NaN where an amount is not known.
    """
    known = wide.dropna()
    known = known.loc[:, (known != 0).sum() >= _SPARE]
    count = known.shape[1]
    if not LEAST_PARTS < count <= _MOST_PARTS or len(known) < count + _SPARE:
        return {}
    names = list(map(str, known.sum().sort_values(ascending=False, kind="stable").index))
    amounts = known.set_axis(known.columns.astype(str), axis=1)[names].to_numpy(np.float64)
    norms = np.linalg.norm(amounts, axis=0)
    _, sizes, axes = np.linalg.svd(amounts / norms, full_matrices=False)
    null = axes[sizes <= _EXACT * sizes[0]] / norms
    found: dict[str, list[str]] = {}
    for row in _reduce(null * norms.max()):
        whole = np.round(row)
        if np.abs(row - whole).max() > _WHOLE or not set(whole) <= {-1.0, 0.0, 1.0}:
            continue
        parts = np.flatnonzero(whole == -1)
        if (whole == 1).sum() == 1 and len(parts) >= LEAST_PARTS:
            found[names[int(np.argmax(whole))]] = [names[i] for i in parts]
    return found


def _reduce(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the reduced row echelon form, pivots from the left."""
    rows, at = rows.copy(), 0
    for column in range(rows.shape[1]):
        if at == len(rows):
            break
        pivot = at + int(np.abs(rows[at:, column]).argmax())
        if abs(rows[pivot, column]) < _WHOLE * max(np.abs(rows).max(), 1e-300):
            continue
        rows[[at, pivot]] = rows[[pivot, at]]
        rows[at] /= rows[at, column]
        others = np.arange(len(rows)) != at
        rows[others] -= np.outer(rows[others, column], rows[at])
        at += 1
    return rows[:at]


def find_running(table: pd.DataFrame, is_weekly: bool) -> Unit:
    """Tell when amounts begin anew that otherwise never fall; empty where they do fall.

    Parameters
    ----------
    table : pandas.DataFrame
        who (whatever tells series apart), when, amount; one row each, in any order.
    is_weekly : bool
        Whether rows are weeks, each of the year in which its Thursday lies.
    """
    table = table.dropna().sort_values("when", kind="stable")
    series = table.groupby("who", sort=False)
    step = series["amount"].diff()
    # The Thursday of a week that is dated by its Monday.
    day = table["when"] + pd.Timedelta(days=3 * is_weekly)
    falls = day[step < 0]
    months = set(falls.dt.month)
    begins: dict[Unit, pd.Series | None] = {EVER: None}
    if len(months) == 1:
        begins["year"] = (day - pd.DateOffset(months=months.pop() - 1)).dt.year
    begins["month"] = day.dt.year * 12 + day.dt.month
    for unit, number in begins.items():
        turns = pd.Series(False, index=table.index)
        if number is not None:
            turns = (number != number.groupby(table["who"], sort=False).shift()) & step.notna()
        within = step[~turns].dropna()
        if (
            len(within) >= _LEAST_STEPS
            and (within >= 0).all()
            and (within > 0).mean() >= 1 / 2
            and (number is None or (step[turns] < 0).mean() >= _MOST_FALL)
        ):
            return unit
    return ""


def find_all_sums(snapshot: Events, spec: ProjectSpec) -> Iterator[Finding]:
    """Yield a finding for places that are sums of others, and for amounts that never fall."""
    cells = snapshot.table.groupby([PERIOD, ENTITY])[VALUE].sum(min_count=1)
    yield from _find_totals(snapshot, spec, cells)
    if spec.question.measure == "sum":
        yield from _find_running(snapshot, spec, cells)


def _find_totals(snapshot: Events, spec: ProjectSpec, cells: pd.Series) -> Iterator[Finding]:
    entities = cells.index.get_level_values(ENTITY).nunique()
    if entities > _MOST_PARTS:
        return
    wide = cells.unstack(ENTITY)
    # Where nothing is written nothing came; what is written and not known stays so.
    there = pd.Series(1.0, index=cells.index).unstack(ENTITY)
    wide = wide.where(there.notna(), 0.0)
    whole = find_whole(wide)
    sums = [] if whole is None else [whole]
    sums += find_sums(wide.drop(columns=sums))
    if not sums:
        return
    label, many = spec.question.entity.label, spec.question.entity.label_plural
    reason = say(
        "{count:,} of {total:,} {many} are the sum of others in every period: {names}. What "
        "happened there is counted twice; `data.without` leaves rows out.",
        count=len(sums),
        total=entities,
        many=many,
        names=list_names(snapshot.call_places(sorted(sums))),
    )
    title = say("No {label} is the sum of others", label=label)
    yield Finding("quality.sums", Status.FAIL, title, reason, float(len(sums)), 0.0, many)


def _find_running(snapshot: Events, spec: ProjectSpec, cells: pd.Series) -> Iterator[Finding]:
    starts = snapshot.periods.starts()
    table = cells.reset_index(name="amount")
    table["when"] = starts[table[PERIOD].to_numpy()]
    table = table.rename(columns={ENTITY: "who"})[["who", "when", "amount"]]
    unit = find_running(table, snapshot.periods.freq == WEEK)
    if not unit:
        return
    said = {
        EVER: say("The {unit} never fall from one period to the next.", unit=spec.question.unit),
        "year": say("The {unit} fall only where a year begins.", unit=spec.question.unit),
        "month": say("The {unit} fall only where a month begins.", unit=spec.question.unit),
    }[unit]
    reason = (
        said
        + " "
        + say(
            "A running total looks so, and each part of it would be counted again and again. If it "
            "is one, write what came in each period instead."
        )
    )
    title = say("Amounts of single periods")
    yield Finding("quality.running_total", Status.NOT_ENOUGH, title, reason)
