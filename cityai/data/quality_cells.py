"""The quality of a dense panel: periods with rows, places that fell silent, amounts that vary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, EVERYWHERE, NOT_RECORDED, PERIOD, PERIOD_START, VALUE
from cityai.config.project import ProjectSpec
from cityai.data.area_quality import find_silent_areas
from cityai.data.city_table import find_own
from cityai.data.features.as_of_join import find_positions
from cityai.data.levels import find_totals_leap
from cityai.data.one_value import ON_DAYS, find_constant, find_net, find_several
from cityai.data.outages import LEAST_PERIODS, find_areas, find_touched, mark_reports
from cityai.data.periods import Periods, by_period
from cityai.data.phrases import list_names
from cityai.data.quality import DELAY, PRESENT, TableQuality, tabulate_periods
from cityai.data.sums import find_all_sums
from cityai.findings import Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import count_periods, join, name_periods, say, write
from cityai.records.events import Events

SILENCE: Final = 4
"""Shorter silences are not reported."""
ALIKE: Final = by_period(day=(7, 13), week=(1, 26), month=(1, 12))
"""Which periods are held beside one: each so many further on, and how many of them at most."""
ENOUGH: Final = 8
"""With fewer of them nothing is said."""
LEAST: Final = 20.0
"""Where the least of them is smaller, chance alone could make the difference."""
CUT: Final = 2 / 3


def _measure_presence(snapshot: Events, spec: ProjectSpec) -> pd.DataFrame:
    """Count periods with a row: of the city, of areas, of entities where each must report."""
    # A declared outage leaves cells without rows.
    cells, count = snapshot.table[snapshot.table["n"] > 0], snapshot.periods.count
    rows = [(PRESENT, "", "overall", EVERYWHERE, cells[PERIOD].nunique(), count)]
    reports = mark_reports(replace(snapshot, table=cells))
    firsts = reports.to_numpy().argmax(axis=1) if count else ()
    for area, first, good in zip(reports.index, firsts, reports.sum(axis=1), strict=True):
        rows.append((PRESENT, "", "area", str(area), int(good), count - int(first)))
    if spec.question.missing_periods == "missing" or spec.data.layout == "panel":
        first = cells.groupby(ENTITY)[PERIOD].min()
        table = pd.DataFrame(
            {
                "good": cells.groupby(ENTITY)[PERIOD].nunique(),
                "total": count - first,
                "area": _list_slices(snapshot, first.index),
            }
        )
        words = say("{label} and period pairs with a row", label=spec.question.entity.label)
        total = table[["good", "total"]].sum()
        rows.append((words, "", "overall", EVERYWHERE, total["good"], total["total"]))
        if spec.question.entity.area is not None:
            sums = table.groupby("area")[["good", "total"]].sum()
            rows += [(words, "", "area", str(a), g, t) for a, g, t in sums.itertuples()]
    names = ["fact", "column", "slice_kind", "slice", "good", "total"]
    return make_frame(rows, names).assign(figure=np.nan)


def _list_slices(snapshot: Events, entities: pd.Index) -> pd.Series:
    """Return each entity's area, `not recorded` without one, missing when it is in no table."""
    areas = find_areas(snapshot).reindex(entities)
    known = areas if snapshot.areas is None else areas.where(areas.isin(snapshot.areas.index))
    return known.where(areas.notna(), NOT_RECORDED)


def _count_periods(snapshot: Events, spec: ProjectSpec) -> pd.DataFrame:
    cells, facts = snapshot.table, snapshot.quality_facts
    delays = facts[(facts["fact"] == DELAY) & (facts["slice_kind"] == "period")]
    by_period = pd.Series(delays["figure"].to_numpy(), index=delays["slice"].astype("int64"))
    return tabulate_periods(snapshot.periods, cells[PERIOD], cells[ENTITY], cells["n"], by_period)


def _find_all(
    snapshot: Events, spec: ProjectSpec, facts: pd.DataFrame, by_period: pd.DataFrame
) -> Iterator[Finding]:
    if snapshot.areas is not None:
        yield from find_silent_areas(snapshot, spec)
    yield from find_own(facts, spec)
    yield from find_several(facts, spec, ON_DAYS)
    yield find_constant(snapshot, spec)
    yield from find_net(snapshot, spec)
    yield from _find_cut(snapshot, spec)
    whole = _add_up(snapshot, spec)[: _find_last(snapshot, spec) + 1]
    yield from find_totals_leap(whole, snapshot.periods.freq)
    yield from find_all_sums(snapshot, spec)
    yield _find_silent(snapshot, spec)
    yield _find_empty(by_period, snapshot.periods, spec)


def _find_silent(snapshot: Events, spec: ProjectSpec) -> Finding:
    """Name entities silent at the end for more than twice their longest silence before."""
    cells = snapshot.table.loc[snapshot.table["n"] > 0, [ENTITY, PERIOD]]
    entities = sorted(cells[ENTITY].unique())
    width = int(cells[PERIOD].max()) + 1 if len(cells) else 1
    cell = find_positions(cells[ENTITY], entities) * width + cells[PERIOD].to_numpy(np.int64)
    cell = np.sort(cell, kind="stable")  # nearly is already
    place, period = np.divmod(cell[np.diff(cell, prepend=-1) > 0], width)
    first = np.flatnonzero(np.diff(place, prepend=-1))
    gap = np.diff(period, prepend=0) - 1
    gap[first] = 0
    longest, size = np.maximum.reduceat(gap, first), np.diff(np.append(first, len(period)))
    index = pd.Index(entities, dtype="str", name=ENTITY)
    silence = pd.Series(snapshot.periods.count - 1 - period[first + size - 1], index=index)
    is_silent = (silence >= SILENCE) & (silence > 2 * longest) & (size >= LEAST_PERIODS)
    entity = spec.question.entity
    if entity.area in entity.columns:  # what no area table lists is counted, not named
        is_silent &= _list_slices(snapshot, silence.index).notna()
    names = sorted(silence.index[is_silent])
    what = spec.question.entity.label_plural
    title = say("Silent sources")
    freq = snapshot.periods.freq
    observed = float(len(names))
    if len(size) == 1:
        silent = say(
            "No row came in the last {silence} or more, longer than ever before.",
            silence=count_periods(SILENCE, freq),
        )
        reason = silent if names else say("Rows came until the end.")
        status = Status.FAIL if names else Status.PASS
        return Finding("quality.silent_entity", status, title, reason, observed, 0.0, what)
    if not names:
        reason = say(
            "None of {size:,} {what} stopped sending rows before the end.",
            size=len(size),
            what=what,
        )
        return Finding("quality.silent_entity", Status.PASS, title, reason, observed, 0.0, what)
    reason = say(
        "{names:,} of {size:,} {what} sent no row in the last {silence} or more, "
        "longer than they ever did before: {names2}.",
        names=len(names),
        size=len(size),
        what=what,
        silence=count_periods(SILENCE, freq),
        names2=list_names(snapshot.call_places(names)),
    )
    return Finding("quality.silent_entity", Status.FAIL, title, reason, observed, 0.0, what)


def _find_empty(by_period: pd.DataFrame, periods: Periods, spec: ProjectSpec) -> Finding:
    freq = spec.question.period
    empty = by_period[by_period["rows"] == 0]
    whole = [outage for outage in spec.data.outages if outage.areas is None]
    declared = [find_touched(outage, periods) for outage in whole]
    touched = np.unique(np.concatenate([np.empty(0, np.int64), *declared]))
    is_declared = empty[PERIOD_START].isin(periods.starts()[touched])
    known = int(is_declared.sum())
    empty = empty[~is_declared]
    unit = name_periods(freq)
    title = say("{capitalize} without any row", capitalize=unit.capitalize())
    if empty.empty:
        reason = say(
            "Every one of {by_period} has a row.",
            by_period=count_periods(len(by_period) - known, freq),
        )
        if known:
            reason += " " + say(
                "{known} more lie in declared outages and count as missing, not as zero.",
                known=known,
            )
        return Finding("quality.empty_period", Status.PASS, title, reason, 0.0, 0.0, unit)
    days = [write(day, "%Y-%m-%d") for day in empty[PERIOD_START]]
    reason = (
        say(
            "{empty:,} of {by_period} have no row at all, beginning {days}.",
            empty=len(empty),
            by_period=count_periods(len(by_period), freq),
            days=list_names(days),
        )
        + " "
        + say(
            "They count as they are. If nobody measured, declare `data.outages`; if the last date "
            "of the data is a typing error, set `data.until`."
        )
    )
    observed = float(len(empty))
    return Finding("quality.empty_period", Status.FAIL, title, reason, observed, 0.0, unit)


CELLS: Final = TableQuality(_measure_presence, _count_periods, _find_all)
"""Adds the codes ``quality.silent_area``, ``quality.one_value``, ``quality.constant``,
``quality.net``, ``quality.cut_period``, ``quality.level``, ``quality.sums``,
``quality.running_total``, ``quality.silent_entity`` and ``quality.empty_period``."""


def _find_cut(snapshot: Events, spec: ProjectSpec) -> Iterator[Finding]:
    """Yield a finding where the first or last period is below two thirds of the least like it.

    A day is held beside the same weekday of the 13 weeks next to it, a week beside 26 weeks, a
    month beside 12. Periods of a declared outage are no measure, and a period that is still being
    reported is not the last one.
    """
    periods = snapshot.periods
    totals = _add_up(snapshot, spec)
    last = _find_last(snapshot, spec)
    shares = {i: _compare(totals, i, way, periods) for i, way in ((0, 1), (last, -1)) if i >= 0}
    cut = {i: share for i, share in shares.items() if share is not None and share < CUT}
    if not cut:
        return
    told = join(
        "; ",
        [
            say(
                "{start}: {share:.0%} of the least of those like it",
                start=write(periods.start(i), "%Y-%m-%d"),
                share=share,
            )
            for i, share in cut.items()
        ],
    )
    reason = say(
        "A period at the edge of the data holds far less than all those like it next to it "
        "({told}). If the record begins or ends within it, leave it out by `data.since` or "
        "`data.until`; until then it counts as whole.",
        told=told,
    )
    title = say("Periods that may be cut")
    unit = name_periods(spec.question.period)
    yield Finding(
        "quality.cut_period", Status.NOT_ENOUGH, title, reason, float(len(cut)), 0.0, unit
    )


def _find_last(snapshot: Events, spec: ProjectSpec) -> int:
    """Return the last period that is not still being reported."""
    periods = snapshot.periods
    until = periods.start(periods.count) - pd.Timedelta(days=spec.data.reporting_delay_days)
    return min(int(periods.index(pd.DatetimeIndex([until]))[0]), periods.count) - 1


def _add_up(snapshot: Events, spec: ProjectSpec) -> npt.NDArray[np.float64]:
    """Return the total of each period, NaN where an amount is missing or nobody measured."""
    periods, table = snapshot.periods, snapshot.table
    grouped = table.groupby(PERIOD)[VALUE]
    totals = np.full(periods.count, 0.0 if spec.question.measure == "count" else np.nan)
    sums = grouped.sum().where(grouped.count() == grouped.size())
    inside = sums.index < periods.count
    totals[sums.index[inside].to_numpy(np.int64)] = sums[inside]
    for outage in spec.data.outages:
        totals[find_touched(outage, periods)] = np.nan
    return totals


def _compare(totals: npt.NDArray[np.float64], i: int, way: int, periods: Periods) -> float | None:
    """Return a period's total over the least of those like it; None where that tells nothing."""
    step, most = ALIKE[periods.freq]
    places = i + way * step * np.arange(1, most + 1)
    alike = totals[places[(places >= 0) & (places < len(totals))]]
    alike = alike[~np.isnan(alike)]
    if len(alike) < ENOUGH or np.isnan(totals[i]) or alike.min() < LEAST:
        return None
    return float(totals[i] / alike.min())
