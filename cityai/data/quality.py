"""The quality of the data in four dimensions, in total and by area."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

import numpy as np
import pandas as pd

from cityai.columns import EVERYWHERE, NOT_RECORDED, PERIOD_START
from cityai.config.policy import QualityLimits
from cityai.config.project import AuditableSpec, BaseProjectSpec
from cityai.data.area_quality import compare_areas, count_unknown
from cityai.data.periods import Periods
from cityai.data.phrases import write_share
from cityai.data.quality_facts import MONTH, ONE_VALUE, UNKNOWN_AREA
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, say
from cityai.records.events import Events, RowCounts, list_left, list_versions

SpecT = TypeVar("SpecT", bound=BaseProjectSpec)
Dimension = Literal["completeness", "accuracy", "consistency", "timeliness"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("completeness", "accuracy", "consistency", "timeliness")
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


@dataclass(frozen=True)
class QualityReport:
    """The quality of the data."""

    measures: pd.DataFrame
    """dimension, measure (words, with the column), slice (``overall`` or an area's id), value
    (share in [0, 1], NaN when nothing could be measured), n (int64 cells or rows), limit, status. A
    figure of an area counts when it is of enough rows (the policy's `small_cell`), and that of
    ``not recorded`` is shown alone. The median delay, in days, has no limit, nor has the share of
    an area's periods with a row: there each is held to its own habit."""
    counts: RowCounts
    """Rows in and out."""
    rejects: pd.DataFrame
    """row_number, column, value, reason."""
    findings: tuple[Finding, ...]
    """Gravest first."""
    by_period: pd.DataFrame
    """period_start, rows (int64), entities_reporting (int64), median_delay_days (NaN when the data
    do not say when a row was known)."""
    left: pd.DataFrame = field(default_factory=list_left)
    versions: pd.DataFrame = field(default_factory=list_versions)
    """What left databases, and which versions were read; see `Events`."""


def list_nothing(events: Events, findings: Iterable[Finding]) -> QualityReport:
    """Report the rows in and out, and what was found of them; nothing is measured."""
    measures = pd.DataFrame(columns=list(MEASURES))
    periods = [PERIOD_START, "rows", "entities_reporting", "median_delay_days"]
    by_period = pd.DataFrame(columns=periods)
    found = sort_findings(findings)
    return QualityReport(
        measures,
        events.counts,
        events.rejects,
        found,
        by_period,
        events.left,
        events.versions,
    )


@dataclass(frozen=True, slots=True)
class TableQuality(Generic[SpecT]):
    """What the main table alone can tell of its quality."""

    measure: Callable[[Events, SpecT], pd.DataFrame]
    """``(events, spec) -> facts`` beside those of the rows, as `collect_facts` gives them."""
    count: Callable[[Events, SpecT], pd.DataFrame]
    """``(events, spec) -> by_period`` of a `QualityReport`."""
    find: Callable[[Events, SpecT, pd.DataFrame, pd.DataFrame], Iterator[Finding]]
    """``(events, spec, facts, by_period) -> findings``."""


def report_quality(events: Events, spec: SpecT, of_table: TableQuality[SpecT]) -> QualityReport:
    """Report on the quality of the data against the policy's limits.

    Returns
    -------
    QualityReport
        Findings have the codes ``quality.<dimension>``, where there are areas ``quality.area_gap``
        and ``quality.unknown_area``, and those of the main table.
    """
    limits = spec.policy.quality
    facts = pd.concat([events.quality_facts, of_table.measure(events, spec)])
    measures = measure_facts(facts, limits, spec.policy.small_cell)
    by_period = of_table.count(events, spec)
    findings = [*judge_dimensions(measures, limits, spec), *judge_latest(events, spec)]
    if events.areas is not None:
        findings += [*compare_areas(measures, spec), count_unknown(events.quality_facts)]
    findings += of_table.find(events, spec, facts, by_period)
    return QualityReport(
        measures=measures,
        counts=events.counts,
        rejects=events.rejects,
        findings=sort_findings(findings),
        by_period=by_period,
        left=events.left,
        versions=events.versions,
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
        measure = join(": ", (words, column)) if column else words
        rows.append((dimension, measure, fact["slice"], value, total, limit, status.value))
    table = make_frame(rows, list(MEASURES))
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


def judge_dimensions(
    measures: pd.DataFrame, limits: QualityLimits, spec: AuditableSpec
) -> Iterator[Finding]:
    """Say for each dimension which figures of the whole lie under the limit."""
    overall = measures[(measures["slice"] == EVERYWHERE) & measures["limit"].notna()]
    for dimension in DIMENSIONS:
        rows = overall[(overall["dimension"] == dimension) & overall["value"].notna()]
        limit = float(getattr(limits, dimension))
        title = say("{capitalize} of the data", capitalize=dimension.capitalize())
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
                    "{value} of {n:,}: {measure}; at least {limit:.0%} is asked.",
                    value=write_share(row["value"]),
                    n=row["n"],
                    measure=row["measure"],
                    limit=limit,
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
                    "The least figure is {value} ({measure}); at least {limit:.0%} is asked.",
                    value=write_share(worst["value"]),
                    measure=worst["measure"],
                    limit=limit,
                ),
                float(worst["value"]),
                limit,
                "share",
            )


def judge_latest(events: Events, spec: AuditableSpec) -> Iterator[Finding]:
    """Yield a finding for each of the latest months of which too few rows keep the contract.

    In the whole of a long history what an export of last month lost is too little to be seen.
    """
    limit, facts = spec.policy.quality.accuracy, events.quality_facts
    # Where all outcomes of a month are refused, the data end before it.
    begins = str((events.until - pd.Timedelta(days=1)).to_period("M") - 1)
    months = facts[(facts["slice_kind"] == MONTH) & (facts["slice"] >= begins)]
    for row in months.to_dict("records"):
        if row["total"] < spec.policy.small_cell or row["good"] >= limit * row["total"]:
            continue
        yield Finding(
            "quality.accuracy",
            Status.FAIL,
            say("Accuracy of the latest data"),
            say(
                "{value} of {n:,} rows of {month} keep the contract; at least {limit:.0%} is "
                "asked. What was rejected is missing from the latest figures.",
                value=write_share(row["good"] / row["total"]),
                n=row["total"],
                month=row["slice"],
                limit=limit,
            ),
            float(row["good"] / row["total"]),
            limit,
            "share",
            str(row["slice"]),
        )


def tabulate_periods(
    periods: Periods, period: pd.Series, entity: pd.Series, rows: pd.Series, delays: pd.Series
) -> pd.DataFrame:
    """Count rows and entities by period, as `QualityReport` shows them.

    Parameters
    ----------
    periods : Periods
        The axis.
    period, entity, rows : pandas.Series
        (n,): the period's index, the entity and how many rows.
    delays : pandas.Series
        Median days until known, by the period's index.
    """
    index = range(periods.count)
    return pd.DataFrame(
        {
            PERIOD_START: periods.starts(),
            "rows": rows.groupby(period).sum().reindex(index, fill_value=0).to_numpy(np.int64),
            "entities_reporting": entity.groupby(period)
            .nunique()
            .reindex(index, fill_value=0)
            .to_numpy(np.int64),
            "median_delay_days": delays.reindex(index).to_numpy(np.float64),
        }
    )
