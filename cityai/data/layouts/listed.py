"""Listed rows: one case, one row, in the order in which the cases are listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from cityai.columns import (
    AS_OF,
    BASELINE,
    CASE,
    ENTITY,
    KNOWN_AT,
    OCCURRED_AT,
    REGISTERED_AT,
    SLOT,
    STEP,
    Y_TRUE,
)
from cityai.config.load import Project
from cityai.config.risk import RiskSpec
from cityai.data.features.context import describe_attribute, describe_calendar
from cityai.data.features.covariates import Cases, describe_covariates
from cityai.data.features.events import describe_cases_past, describe_events
from cityai.data.features.history import CaseHistory
from cityai.data.features.nearby import describe_nearby
from cityai.data.features.own import OwnFeatures
from cityai.data.features.plan import FeaturePlan, plan_listed
from cityai.data.leaks import Labels
from cityai.data.periods import build_periods
from cityai.data.rows import Choose, Feature, Moments, Rows, RowsAt, choose_features, write_rows
from cityai.i18n.messages import say
from cityai.records.events import Events, cut_events

_KEYS = (CASE, ENTITY, AS_OF, KNOWN_AT, SLOT)


def lay_listed(cases: Events, project: Project[RiskSpec]) -> RowsAt:
    """Return the function from moments to listed rows; the rows of all cases are made once."""
    plan = cache(lambda: plan_listed(cases, project.spec))
    whole = cache(lambda: _build_case_rows(cases, project, plan()))

    def rows_at(
        moments: Moments | None = None,
        known_before: pd.Timestamp | None = None,
        choose: Choose | None = None,
    ) -> Rows:
        if known_before is None:
            rows = whole()
        else:
            day = moments[0].normalize() if moments is not None and len(moments) == 1 else None
            rows = _build_case_rows(cut_events(cases, known_before), project, plan(), day)
        if moments is not None:
            kept = rows.table[rows.table[AS_OF].isin(list(moments))]
            rows = replace(rows, table=kept.reset_index(drop=True))
        chosen = None if choose is None else choose(rows)
        if chosen is None:
            return rows
        return replace(rows, table=rows.table.iloc[chosen].reset_index(drop=True))

    return rows_at


def label_listed(rows: Rows, cases: Events) -> Labels:
    """Return the outcomes of listed rows, for `check_leaks`."""
    outcomes = cases.table.set_index(CASE)[Y_TRUE]
    return Labels(outcomes.reindex(rows.table[CASE]).to_numpy(np.float64))


def _build_case_rows(
    cases: Events,
    project: Project[RiskSpec],
    plan: FeaturePlan | None = None,
    day: pd.Timestamp | None = None,
) -> Rows:
    """Build the features of every case from what was known strictly before it was asked about.

    Cases whose outcome is not known yet have rows too: those are predicted.
    """
    spec = project.spec
    plan = plan or plan_listed(cases, spec)
    features = choose_features(
        (
            *describe_cases_past(cases, spec, plan),
            *describe_events(cases, spec, plan),
            *describe_nearby(cases, spec),
            *_describe_attributes(cases, spec, plan),
            *_describe_day(cases, spec),
            *describe_covariates(Cases(cases.table), cases.covariates, spec.covariates),
            *_describe_own(cases, project, day),
        ),
        spec.features,
        reserved=(*_KEYS, STEP),
    )
    keys = {name: cases.table[name] for name in _KEYS}
    keys[STEP] = pd.Series(1, index=cases.table.index, dtype=np.int16)
    return write_rows(keys, [(f, f.values) for f in features], spec.features)


def _describe_attributes(cases: Events, spec: RiskSpec, plan: FeaturePlan) -> Iterator[Feature]:
    """Yield the declared cells of the case's own row."""
    for name in spec.question.entity.attributes if spec.features.attributes else ():
        label = spec.data.columns[name].label or name.replace("_", " ")
        yield describe_attribute(name, label, cases.table[name], plan.categories.get(name))


def _describe_day(cases: Events, spec: RiskSpec) -> Iterator[Feature]:
    """Yield what the calendar says of the case's day, and how far ahead it was asked."""
    table = cases.table
    day = table[OCCURRED_AT].dt.normalize()
    if spec.question.asked.column is not None:
        ahead = (day - table[AS_OF].dt.normalize()).dt.days.to_numpy(np.float64)
        yield Feature("days_ahead", say("days from the question to its day"), ahead)
    if REGISTERED_AT in table:
        since = (day - table[REGISTERED_AT].dt.normalize()).dt.days.to_numpy(np.float64)
        label = say("days from its registration to its day")
        yield Feature("days_since_registered", label, since)
    periods = build_periods("day", day.min(), day.max())
    yield from describe_calendar(
        periods,
        periods.index(day),
        spec,
        "day_",
        lambda label: say("{label}, of the case's day", label=label),
    )


def _describe_own(
    cases: Events, project: Project[RiskSpec], only: pd.Timestamp | None
) -> list[Feature]:
    """Ask the project's own functions once a day with questions, or on one day alone."""
    table = cases.table
    own = OwnFeatures(project, (len(table),))
    if not own.functions:
        return []
    asked = table[[c for c in table.columns if not _is_later(c)]].set_index(CASE)
    known = table[table[Y_TRUE].notna()].sort_values([KNOWN_AT, CASE], ignore_index=True)
    known = known[[c for c in known.columns if not c.startswith((SLOT, BASELINE))]]
    whole = {"": known, **cases.events}
    for day, rows in table.groupby(table[AS_OF].dt.normalize(), sort=True).indices.items():
        moment = pd.Timestamp(str(day))
        if only is not None and moment != only:
            continue
        seen = {name: _cut(frame, moment) for name, frame in whole.items()}
        own.ask(
            (np.asarray(rows),), CaseHistory(moment, asked.iloc[rows], seen.pop(""), seen), whole
        )
    return own.collect()


def _is_later(column: str) -> bool:
    """Tell which columns of a case are not known when it is asked about."""
    return column in (Y_TRUE, KNOWN_AT) or column.startswith((SLOT, BASELINE))


def _cut(frame: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    return frame.iloc[: int(frame[KNOWN_AT].searchsorted(moment, side="left"))]
