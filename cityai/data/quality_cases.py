"""The quality of a list of cases: outcomes that are missing, and what is asked about too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, ENTITY, KNOWN_AT, OCCURRED_AT, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.data.city_table import find_own
from cityai.data.one_value import IN_CASES, find_several
from cityai.data.periods import build_periods
from cityai.data.quality import TableQuality, tabulate_periods
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.records.events import Events

REPEATED: Final = "cases.repeated"
UNKNOWN: Final = "cases.unknown"
AHEAD: Final = "cases.ahead"


def _measure_nothing(cases: Events, _: RiskSpec) -> pd.DataFrame:
    return cases.quality_facts.iloc[:0]


def _find_all(
    cases: Events, spec: RiskSpec, facts: pd.DataFrame, _by_period: pd.DataFrame
) -> Iterator[Finding]:
    yield from find_own(facts, spec)
    yield from find_several(facts, spec, IN_CASES)
    yield _find_repeated(cases, spec)
    yield _find_unknown(cases, spec)
    yield _find_ahead(cases, spec)


def _find_repeated(cases: Events, spec: RiskSpec) -> Finding:
    """Say how many entities are asked about several times at one moment: allowed, and said."""
    title = say("One case of each {label} at a moment", label=spec.question.entity.label)
    twice = cases.table.duplicated([ENTITY, AS_OF], keep=False)
    count, total = int(twice.sum()), len(cases.table)
    many = spec.question.entity.label_plural
    if not count:
        reason = say(
            "No {label} is asked about twice at one moment.", label=spec.question.entity.label
        )
        return Finding(REPEATED, Status.PASS, title, reason, 0.0, None, "share")
    entities = cases.table.loc[twice, ENTITY].nunique()
    reason = say(
        "{count:,} of {total:,} {unit} are asked about at the same moment as another "
        "one of the same {label} ({entities:,} {many}). Each counts by itself, and "
        "none sees the outcome of the others.",
        count=count,
        total=total,
        unit=spec.question.unit,
        label=spec.question.entity.label,
        entities=entities,
        many=many,
    )
    return Finding(REPEATED, Status.NOT_APPLICABLE, title, reason, count / total, None, "share")


def _find_unknown(cases: Events, spec: RiskSpec) -> Finding:
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
        "{missing:,} of {total:,} {unit} that are over have no outcome; nothing is "
        "learnt from them, and they are not judged.",
        missing=missing,
        total=total,
        unit=spec.question.unit,
    )
    return Finding(UNKNOWN, status, title, reason, share, limit, "share")


def _find_ahead(cases: Events, spec: RiskSpec) -> Finding:
    """Say whether cases are asked about after everything that is known."""
    table, until = cases.table, cases.until
    later = table[AS_OF] >= until
    title = say("Events lie where something is known")
    if not later.any():
        reason = say(
            "Every case is asked about before {until:%-d %B %Y}, when the data end.", until=until
        )
        return Finding(AHEAD, Status.PASS, title, reason, 0.0, 0.0, spec.question.unit)
    with_answer = table[later & table[Y_TRUE].notna()]
    reason = say(
        "{sum:,} {unit} are asked about on or after {until:%-d %B %Y}, when the data "
        "end, the last on {max:%-d %B %Y}: they can be predicted, and are not judged.",
        sum=int(later.sum()),
        unit=spec.question.unit,
        until=until,
        max=table[AS_OF].max(),
    )
    observed = float(later.sum())
    status = Status.FAIL if len(with_answer) else Status.NOT_APPLICABLE
    return Finding(AHEAD, status, title, reason, observed, 0.0, spec.question.unit)


def _count_months(cases: Events, spec: RiskSpec) -> pd.DataFrame:
    table = cases.table
    occurred = table[OCCURRED_AT]
    periods = build_periods("month", occurred.min(), occurred.max())
    month = pd.Series(periods.index(occurred), index=table.index)
    delay = pd.Series(np.nan, index=table.index)
    if spec.data.known.column is not None:
        delay = (table[KNOWN_AT].dt.normalize() - occurred.dt.normalize()).dt.days
    ones = pd.Series(1, index=table.index)
    return tabulate_periods(periods, month, table[ENTITY], ones, delay.groupby(month).median())


CASES: Final = TableQuality(_measure_nothing, _count_months, _find_all)
"""Adds the codes ``quality.one_value``, ``cases.repeated`` (an entity asked about several times at
one moment), ``cases.unknown`` (outcomes that ought to be known and are not) and ``cases.ahead``
(cases that are asked about after all that is known, or take place later than they can)."""
