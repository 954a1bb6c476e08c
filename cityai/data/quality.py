"""The quality of the data in four dimensions, in total and by area."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cityai.columns import ENTITY, EVERYWHERE, NOT_RECORDED, PERIOD, PERIOD_START
from cityai.config.policy import QualityLimits
from cityai.config.project import AuditableSpec, ProjectSpec
from cityai.data.area_quality import judge_areas
from cityai.data.one_value import find_constant, find_several
from cityai.data.outages import find_touched
from cityai.data.periods import Periods
from cityai.data.phrases import list_names, write_share
from cityai.data.quality_facts import ONE_VALUE, UNKNOWN_AREA
from cityai.data.silences import LEAST_PERIODS, find_areas, mark_reports
from cityai.data.snapshot import RowCounts, Snapshot
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.messages import count_periods, name_periods, say

Dimension = Literal["completeness", "accuracy", "consistency", "timeliness"]
DIMENSIONS: Final[tuple[Dimension, ...]] = (
    "completeness",
    "accuracy",
    "consistency",
    "timeliness",
)
FACTS: Final[dict[str, tuple[Dimension, str]]] = {
    "filled": ("completeness", say("cells filled")),
    "contract": ("accuracy", say("rows that keep the contract")),
    "valid": ("accuracy", say("cells of the declared type and range")),
    "in_range": ("accuracy", say("values within the allowed range")),
    "covariate": ("accuracy", say("rows that keep the contract of the covariate")),
    "unique": ("consistency", say("rows without a repeated key")),
    "one_spelling": ("consistency", say("texts in one spelling")),
    "known_after": ("consistency", say("rows known after they happened")),
    "area_known": ("consistency", say("rows whose area is in the area table")),
    "on_time": ("timeliness", say("rows known within the reporting delay")),
}
"""Dimension and words of each fact."""
PRESENT: Final = say("periods with a row")
DELAY: Final = "median_delay_days"
MEASURES: Final = ("dimension", "measure", "slice", "value", "n", "limit", "status")
SILENCE: Final = 4
"""Shorter silences are not reported."""


@dataclass(frozen=True)
class QualityReport:
    """The quality of the data.

    Attributes
    ----------
    measures : pandas.DataFrame
        dimension, measure (words, with the column), slice (``overall`` or an area's id), value
        (share in [0, 1], NaN when nothing could be measured), n (int64 cells or rows), limit,
        status. A figure of an area counts when it is of enough rows (the policy's `small_cell`),
        and that of ``not recorded`` is shown alone. The median delay, in days, has no limit, nor
        has the share of an area's periods with a row: there each is held to its own habit.
    counts : RowCounts
        Rows in and out.
    rejects : pandas.DataFrame
        row_number, column, value, reason.
    findings : tuple[Finding, ...]
        Gravest first.
    by_period : pandas.DataFrame
        period_start, rows (int64), entities_reporting (int64), median_delay_days (NaN when the
        data do not say when a row was known).
    """

    measures: pd.DataFrame
    counts: RowCounts
    rejects: pd.DataFrame
    findings: tuple[Finding, ...]
    by_period: pd.DataFrame


def report_quality(snapshot: Snapshot, spec: ProjectSpec) -> QualityReport:
    """Report on the quality of the data against the policy's limits.

    Parameters
    ----------
    snapshot : Snapshot
        What was read.
    spec : ProjectSpec
        The project, with its policy.

    Returns
    -------
    QualityReport
        Findings have the codes ``quality.<dimension>``, ``quality.area_gap``,
        ``quality.unknown_area``, ``quality.one_value``, ``quality.constant``,
        ``quality.silent_area``, ``quality.silent_entity`` and ``quality.empty_period``.
    """
    limits = spec.policy.quality
    facts = pd.concat([snapshot.quality_facts, _measure_presence(snapshot, spec)])
    measures = measure_facts(facts, limits, spec.policy.small_cell)
    by_period = _count_periods(snapshot)
    findings = [
        *judge_dimensions(measures, limits, spec),
        *judge_areas(measures, snapshot, spec),
        *find_several(facts, spec),
        find_constant(snapshot, spec),
        _find_silent(snapshot, spec),
        _find_empty(by_period, snapshot.periods, spec),
    ]
    return QualityReport(
        measures=measures,
        counts=snapshot.counts,
        rejects=snapshot.rejects,
        findings=sort_findings(findings),
        by_period=by_period,
    )


def measure_facts(facts: pd.DataFrame, limits: QualityLimits, least: int) -> pd.DataFrame:
    """Turn facts into the measures of a `QualityReport`, each held to its limit."""
    rows = []
    facts = facts[facts["slice_kind"].isin(["overall", "area"])]
    facts = facts[~facts["fact"].isin([UNKNOWN_AREA, ONE_VALUE])]
    for fact in facts.to_dict("records"):
        name, column, total = fact["fact"], fact["column"], fact["total"]
        if name == DELAY:
            dimension, words = "timeliness", say("median days until known")
            value, limit, status = fact["figure"], np.nan, Status.NOT_APPLICABLE
        else:
            dimension, words = FACTS.get(name, ("completeness", name))
            limit = float(getattr(limits, dimension))
            value = fact["good"] / total if total else np.nan
            if name == PRESENT and fact["slice_kind"] == "area":
                limit = np.nan
            status = _judge_share(value, limit, fact, least)
        measure = f"{words}: {column}" if column else words
        rows.append((dimension, measure, fact["slice"], value, total, limit, status.value))
    table = pd.DataFrame(rows, columns=list(MEASURES))
    order = pd.Categorical(table["dimension"], DIMENSIONS, ordered=True)
    is_area = table["slice"] != EVERYWHERE
    table = table.assign(order=order, is_area=is_area)
    table = table.sort_values(["order", "measure", "is_area", "slice"], ignore_index=True)
    return table[list(MEASURES)].astype({"value": "float64", "n": "int64", "limit": "float64"})


def _judge_share(value: float, limit: float, fact: Mapping[Hashable, Any], least: int) -> Status:
    if np.isnan(value) or np.isnan(limit) or fact["slice"] == NOT_RECORDED:
        return Status.NOT_APPLICABLE
    if fact["slice_kind"] == "area" and fact["total"] < least:
        return Status.NOT_ENOUGH
    return Status.PASS if value >= limit else Status.FAIL


def _measure_presence(snapshot: Snapshot, spec: ProjectSpec) -> pd.DataFrame:
    """Count periods with a row: of the city, of areas, of entities where each must report."""
    # A declared outage leaves cells without rows.
    cells, count = snapshot.cells[snapshot.cells["n"] > 0], snapshot.periods.count
    rows = [(PRESENT, "", "overall", EVERYWHERE, cells[PERIOD].nunique(), count)]
    reports = mark_reports(replace(snapshot, cells=cells))
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
        words = say(f"{spec.question.entity.label} and period pairs with a row")
        total = table[["good", "total"]].sum()
        rows.append((words, "", "overall", EVERYWHERE, total["good"], total["total"]))
        if spec.question.entity.area is not None:
            sums = table.groupby("area")[["good", "total"]].sum()
            rows += [(words, "", "area", str(a), g, t) for a, g, t in sums.itertuples()]
    names = ["fact", "column", "slice_kind", "slice", "good", "total"]
    return pd.DataFrame(rows, columns=names).assign(figure=np.nan)


def _list_slices(snapshot: Snapshot, entities: pd.Index) -> pd.Series:
    """Return each entity's area, `not recorded` without one, missing when it is in no table."""
    areas = find_areas(snapshot).reindex(entities)
    known = areas if snapshot.areas is None else areas.where(areas.isin(snapshot.areas.index))
    return known.where(areas.notna(), NOT_RECORDED)


def _count_periods(snapshot: Snapshot) -> pd.DataFrame:
    cells, periods = snapshot.cells, snapshot.periods
    grouped = cells.groupby(PERIOD)
    index = range(periods.count)
    facts = snapshot.quality_facts
    delays = facts[(facts["fact"] == DELAY) & (facts["slice_kind"] == "period")]
    by_period = pd.Series(delays["figure"].to_numpy(), index=delays["slice"].astype("int64"))
    return pd.DataFrame(
        {
            PERIOD_START: periods.starts(),
            "rows": grouped["n"].sum().reindex(index, fill_value=0).to_numpy(np.int64),
            "entities_reporting": grouped[ENTITY]
            .nunique()
            .reindex(index, fill_value=0)
            .to_numpy(np.int64),
            "median_delay_days": by_period.reindex(index).to_numpy(np.float64),
        }
    )


def judge_dimensions(
    measures: pd.DataFrame, limits: QualityLimits, spec: AuditableSpec
) -> Iterator[Finding]:
    """Say for each dimension which figures of the whole lie under the limit."""
    overall = measures[(measures["slice"] == EVERYWHERE) & measures["limit"].notna()]
    for dimension in DIMENSIONS:
        rows = overall[(overall["dimension"] == dimension) & overall["value"].notna()]
        limit = float(getattr(limits, dimension))
        title = say(f"{dimension.capitalize()} of the data")
        if rows.empty:
            reason = say("Nothing in the data lets it be measured.")
            if dimension == "timeliness":
                reason = say(
                    "When a row was known is declared as a fixed lag, not recorded, so it cannot "
                    "be measured."
                )
            code = f"quality.{dimension}"
            yield Finding(code, Status.NOT_APPLICABLE, title, reason, limit=limit, unit="share")
            continue
        worst = rows.sort_values(["value", "measure"]).to_dict("records")[0]
        failed = rows[rows["value"] < limit]
        for row in failed.to_dict("records"):
            yield Finding(
                f"quality.{dimension}",
                Status.FAIL,
                title,
                say(
                    f"{write_share(row['value'])} of {row['n']:,}: {row['measure']}; at least "
                    f"{limit:.0%} is asked."
                ),
                float(row["value"]),
                limit,
                "share",
                row["measure"],
            )
        if failed.empty:
            yield Finding(
                f"quality.{dimension}",
                Status.PASS,
                title,
                say(
                    f"The least figure is {write_share(worst['value'])} ({worst['measure']}); at "
                    f"least {limit:.0%} is asked."
                ),
                float(worst["value"]),
                limit,
                "share",
            )


def _find_silent(snapshot: Snapshot, spec: ProjectSpec) -> Finding:
    """Name entities silent at the end for more than twice their longest silence before."""
    cells = snapshot.cells.loc[snapshot.cells["n"] > 0, [ENTITY, PERIOD]].drop_duplicates()
    cells = cells.sort_values([ENTITY, PERIOD])
    gap = cells.groupby(ENTITY)[PERIOD].diff().fillna(1) - 1
    grouped = cells.assign(gap=gap).groupby(ENTITY)
    longest, last, size = grouped["gap"].max(), grouped[PERIOD].max(), grouped[PERIOD].size()
    silence = snapshot.periods.count - 1 - last
    is_silent = (silence >= SILENCE) & (silence > 2 * longest) & (size >= LEAST_PERIODS)
    entity = spec.question.entity
    if entity.area in entity.columns:  # what no area table lists is counted, not named
        is_silent &= _list_slices(snapshot, silence.index).notna()
    names = sorted(silence.index[is_silent])
    what = spec.question.entity.label_plural
    title = say("Silent sources")
    freq = snapshot.periods.freq
    if not names:
        reason = say(f"None of {len(size):,} {what} stopped sending rows before the end.")
        return Finding("quality.silent_entity", Status.PASS, title, reason, 0.0, 0.0, what)
    reason = say(
        f"{len(names):,} of {len(size):,} {what} sent no row in the last "
        f"{count_periods(SILENCE, freq)} or more, longer than they ever did before: "
        f"{list_names(names)}."
    )
    observed = float(len(names))
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
    title = say(f"{unit.capitalize()} without any row")
    if empty.empty:
        reason = say(f"Every one of {count_periods(len(by_period) - known, freq)} has a row.")
        if known:
            reason += " " + say(
                f"{known} more lie in declared outages and count as missing, not as zero."
            )
        return Finding("quality.empty_period", Status.PASS, title, reason, 0.0, 0.0, unit)
    days = [f"{day:%Y-%m-%d}" for day in empty[PERIOD_START]]
    reason = (
        say(
            f"{len(empty):,} of {count_periods(len(by_period), freq)} have no row at all, "
            f"beginning {list_names(days)}."
        )
        + " "
        + say(
            "They count as they are. If nobody measured, declare `data.outages`; if the last date "
            "of the data is a typing error, set `data.until`."
        )
    )
    observed = float(len(empty))
    return Finding("quality.empty_period", Status.FAIL, title, reason, observed, 0.0, unit)
