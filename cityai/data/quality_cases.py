"""The quality of a list of cases: outcomes that are missing, and what is asked about too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AS_OF, ENTITY, KNOWN_AT, OCCURRED_AT, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.data.city_table import find_own
from cityai.data.levels import STRETCH_DAYS, find_shares_leap
from cityai.data.one_value import IN_CASES, find_several
from cityai.data.periods import build_periods
from cityai.data.quality import TableQuality, tabulate_periods
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.records.events import Events

REPEATED: Final = "cases.repeated"
UNKNOWN: Final = "cases.unknown"
AHEAD: Final = "cases.ahead"
ALIKE: Final = "cases.alike"
_SURELY: Final = 30.0
"""Other answers that are usual in a stretch that has none: no chance, even where they cluster."""


def _find_all(
    cases: Events, spec: RiskSpec, facts: pd.DataFrame, _by_period: pd.DataFrame
) -> Iterator[Finding]:
    yield from find_own(facts, spec)
    yield from find_several(facts, spec, IN_CASES)
    yield _find_repeated(cases, spec)
    yield _find_unknown(cases, spec)
    yield _find_ahead(cases, spec)
    yield _find_run(cases, spec)
    yield from find_shares_leap(*_count_stretches(cases), spec.question.unit)


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
    if missing:
        reason = (
            reason
            + " "
            + say(
                "A list takes as many from the others as it would from all, so the share of true "
                "cases that it finds is too high: with few outcomes missing a little, with many "
                "a lot."
            )
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


def _find_run(cases: Events, spec: RiskSpec) -> Finding:
    """Find the longest stretch of cases in which all outcomes are alike, as those not known yet."""
    table = cases.table[cases.table[Y_TRUE].notna()].sort_values([OCCURRED_AT, AS_OF])
    # Within a day nothing says which came first: a day with either answer parts what is alike.
    days = table.groupby(table[OCCURRED_AT].dt.normalize())[Y_TRUE].agg(["sum", "size"])
    title = say("Stretches of one outcome alone")
    longest = (0.0, 0, False, days.index[0], days.index[0])
    for is_yes, other in ((False, days["sum"]), (True, days["size"] - days["sum"])):
        stretch = (other > 0).cumsum()[other == 0]
        if len(stretch):
            rows = days.loc[stretch.index, "size"].groupby(stretch).sum()
            held = stretch.index[stretch == rows.idxmax()]
            usual = float(other.sum() / days["size"].sum() * rows.max())
            longest = max(longest, (usual, int(rows.max()), is_yes, held[0], held[-1]))
    usual, count, is_yes, first, last = longest
    if usual < _SURELY:
        reason = say("No stretch of days lacks one of the outcomes by more than chance.")
        return Finding(ALIKE, Status.PASS, title, reason, usual, _SURELY, spec.question.unit)
    told = (
        say(
            "All {count:,} {unit} from {first:%-d %B %Y} to {last:%-d %B %Y} have the outcome, "
            "where about {usual:,.0f} without it would be usual: it may be written before it is "
            "known."
        )
        if is_yes
        else say(
            "None of the {count:,} {unit} from {first:%-d %B %Y} to {last:%-d %B %Y} has the "
            "outcome, where about {usual:,.0f} would be usual: no may be written before it is "
            "known."
        )
    )
    unit = spec.question.unit
    reason = told.format(count=count, unit=unit, first=first, last=last, usual=usual)
    return Finding(ALIKE, Status.FAIL, title, reason, usual, _SURELY, unit)


def _count_stretches(cases: Events) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Count cases with the outcome, and with a known one, by stretches before the last of them."""
    table = cases.table[cases.table[Y_TRUE].notna()]
    day = table[OCCURRED_AT].dt.normalize()
    back = ((day.max() - day).dt.days // STRETCH_DAYS).to_numpy(np.int64)
    yes = np.bincount(back, table[Y_TRUE].to_numpy(np.float64)).astype(np.float64)
    return yes[::-1], np.bincount(back)[::-1].astype(np.float64)


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


CASES: Final = TableQuality(lambda cases, _: cases.quality_facts.iloc[:0], _count_months, _find_all)
"""Adds the codes ``quality.one_value``, ``cases.repeated`` (an entity asked about several times at
one moment), ``cases.unknown`` (outcomes that ought to be known and are not), ``cases.ahead``
(cases that are asked about after all that is known, or take place later than they can),
``cases.alike`` (a stretch of days in which all outcomes are alike, beyond chance) and
``quality.level``."""
