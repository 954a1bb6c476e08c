"""The quality of the cases' data, in the same record as that of demand."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, ENTITY, KNOWN_AT, OCCURRED_AT, PERIOD_START, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.data.area_quality import compare_areas, count_unknown
from cityai.data.cases.cases import Cases
from cityai.data.cases.join import find_several
from cityai.data.periods import build_periods
from cityai.data.quality import QualityReport, judge_dimensions, measure_facts
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.messages import say

REPEATED: Final = "cases.repeated"
UNKNOWN: Final = "cases.unknown"
AHEAD: Final = "cases.ahead"


def report_case_quality(cases: Cases, spec: RiskSpec) -> QualityReport:
    """Report on the quality of the data against the policy's limits.

    Parameters
    ----------
    cases : Cases
        What was read.
    spec : RiskSpec
        The project, with its policy.

    Returns
    -------
    QualityReport
        `by_period` counts cases by the month in which they take place. Findings have the codes
        ``quality.<dimension>``, ``quality.area_gap``, ``quality.unknown_area``, ``cases.repeated``
        (an entity asked about several times at one moment), ``cases.unknown`` (outcomes that ought
        to be known and are not) and ``cases.ahead`` (cases that are asked about after all that is
        known, or take place later than they can).
    """
    limits = spec.policy.quality
    measures = measure_facts(cases.quality_facts, limits, spec.policy.small_cell)
    findings = [
        *judge_dimensions(measures, limits, spec),
        *_judge_areas(measures, cases, spec),
        *find_several(cases.several, len(cases.table), spec.question.entity.area),
        _find_repeated(cases, spec),
        _find_unknown(cases, spec),
        _find_ahead(cases, spec),
    ]
    return QualityReport(
        measures=measures,
        counts=cases.counts,
        rejects=cases.rejects,
        findings=sort_findings(findings),
        by_period=_count_months(cases, spec),
    )


def _judge_areas(measures: pd.DataFrame, cases: Cases, spec: RiskSpec) -> tuple[Finding, ...]:
    if cases.areas is None:
        return ()
    return (*compare_areas(measures, spec), count_unknown(cases.quality_facts))


def _find_repeated(cases: Cases, spec: RiskSpec) -> Finding:
    """Say how many entities are asked about several times at one moment: allowed, and said."""
    title = say(f"One case of a {spec.question.entity.label} at a moment")
    twice = cases.table.duplicated([ENTITY, AS_OF], keep=False)
    count, total = int(twice.sum()), len(cases.table)
    many = spec.question.entity.label_plural
    if not count:
        reason = say(f"No {spec.question.entity.label} is asked about twice at one moment.")
        return Finding(REPEATED, Status.PASS, title, reason, 0.0, None, "share")
    entities = cases.table.loc[twice, ENTITY].nunique()
    reason = say(
        f"{count:,} of {total:,} {spec.question.unit} are asked about at the same moment as "
        f"another one of the same {spec.question.entity.label} ({entities:,} {many}). Each counts "
        "by itself, and none sees the outcome of the others."
    )
    return Finding(REPEATED, Status.NOT_APPLICABLE, title, reason, count / total, None, "share")


def _find_unknown(cases: Cases, spec: RiskSpec) -> Finding:
    """Say how many cases are over and have no outcome."""
    table = cases.table
    title = say("Outcomes of cases that are over")
    over = (table[KNOWN_AT] < cases.until) | (
        table[KNOWN_AT].isna() & (table[OCCURRED_AT] < cases.until)
    )
    missing, total = int((over & table[Y_TRUE].isna()).sum()), int(over.sum())
    share = missing / total if total else 0.0
    limit = round(1 - spec.policy.quality.completeness, 10)
    status = Status.FAIL if share > limit else Status.PASS
    reason = say(
        f"{missing:,} of {total:,} {spec.question.unit} that are over have no outcome; nothing is "
        "learnt from them, and they are not judged."
    )
    return Finding(UNKNOWN, status, title, reason, share, limit, "share")


def _find_ahead(cases: Cases, spec: RiskSpec) -> Finding:
    """Say whether cases are asked about after everything that is known."""
    table, until = cases.table, cases.until
    later = table[AS_OF] >= until
    title = say("Cases lie where something is known")
    if not later.any():
        reason = say(f"Every case is asked about before {until:%Y-%m-%d}, when the data end.")
        return Finding(AHEAD, Status.PASS, title, reason, 0.0, 0.0, spec.question.unit)
    with_answer = table[later & table[Y_TRUE].notna()]
    reason = say(
        f"{int(later.sum()):,} {spec.question.unit} are asked about on or after {until:%Y-%m-%d}, "
        f"when the data end, the last on {table[AS_OF].max():%Y-%m-%d}: they can be predicted, and "
        "are not judged."
    )
    observed = float(later.sum())
    status = Status.FAIL if len(with_answer) else Status.NOT_APPLICABLE
    return Finding(AHEAD, status, title, reason, observed, 0.0, spec.question.unit)


def _count_months(cases: Cases, spec: RiskSpec) -> pd.DataFrame:
    table = cases.table
    occurred = table[OCCURRED_AT]
    periods = build_periods("month", occurred.min(), occurred.max())
    month = pd.Series(periods.index(occurred), index=table.index)
    grouped, index = table.groupby(month), range(periods.count)
    delay = pd.Series(np.nan, index=table.index)
    if spec.data.known.column is not None:
        delay = (table[KNOWN_AT].dt.normalize() - occurred.dt.normalize()).dt.days
    return pd.DataFrame(
        {
            PERIOD_START: periods.starts(),
            "rows": grouped.size().reindex(index, fill_value=0).to_numpy(np.int64),
            "entities_reporting": grouped[ENTITY]
            .nunique()
            .reindex(index, fill_value=0)
            .to_numpy(np.int64),
            "median_delay_days": delay.groupby(month).median().reindex(index).to_numpy(np.float64),
        }
    )
