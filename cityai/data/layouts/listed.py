"""Listed rows: one case, one row, in the order in which the cases are listed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, ENTITY, KNOWN_AT, SLOT, STEP, Y_TRUE
from cityai.config.load import Project
from cityai.config.risk import RiskSpec
from cityai.data.cases.cases import Cases, cut_cases
from cityai.data.cases.context import describe_attributes, describe_calendar, describe_covariates
from cityai.data.cases.own import describe_own
from cityai.data.features.events import describe_cases_past, describe_events
from cityai.data.features.nearby import describe_nearby
from cityai.data.leaks import Labels
from cityai.data.rows import Moments, Rows, RowsAt, choose_features, write_rows

_KEYS = (CASE, ENTITY, AS_OF, KNOWN_AT, SLOT)


def lay_listed(cases: Cases, project: Project[RiskSpec]) -> RowsAt:
    """Return the function from moments to listed rows; the rows of all cases are made once."""
    whole = cache(lambda: build_case_rows(cases, project))

    def rows_at(moments: Moments | None = None, known_before: pd.Timestamp | None = None) -> Rows:
        if known_before is None:
            rows = whole()
        else:
            day = moments[0].normalize() if moments is not None and len(moments) == 1 else None
            rows = build_case_rows(cut_cases(cases, known_before), project, day)
        if moments is None:
            return rows
        kept = rows.table[rows.table[AS_OF].isin(list(moments))]
        return replace(rows, table=kept.reset_index(drop=True))

    return rows_at


def label_listed(cases: Cases) -> Labels:
    """Return the outcomes of all listed rows, for `check_leaks`."""
    return Labels(cases.table[Y_TRUE].to_numpy(np.float64))


def build_case_rows(
    cases: Cases, project: Project[RiskSpec], day: pd.Timestamp | None = None
) -> Rows:
    """Build the features of every case from what was known strictly before it was asked about.

    Cases whose outcome is not known yet have rows too: those are predicted.

    Parameters
    ----------
    cases : Cases
        What was read.
    project : Project
        The question, and the project's own functions.
    day : pandas.Timestamp, optional
        Call the project's own functions for the cases asked about on this day alone, which is all
        that a list of that day needs; the others get NaN from them.

    Raises
    ------
    SpecError
        When the specification names a feature that does not exist.
    DataError
        When one of the project's own functions fails.
    """
    spec = project.spec
    features = choose_features(
        (
            *describe_cases_past(cases, spec),
            *describe_events(cases, spec),
            *describe_nearby(cases, spec),
            *describe_attributes(cases, spec),
            *describe_calendar(cases, spec),
            *describe_covariates(cases, spec),
            *describe_own(cases, project, day),
        ),
        spec.features,
        reserved=(*_KEYS, STEP),
    )
    keys = {name: cases.table[name] for name in _KEYS}
    keys[STEP] = pd.Series(1, index=cases.table.index, dtype=np.int16)
    return write_rows(keys, [(f, f.values) for f in features], spec.features)
