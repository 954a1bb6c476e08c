"""A project's own features of cases: functions that see what was known when a day began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, KNOWN_AT, Y_TRUE
from cityai.data.cases.cases import Cases
from cityai.data.cases.rows import OWN_FUNCTIONS, CaseFeature
from cityai.data.features.own import OwnFunction, load_functions, run_function
from cityai.spec.load import Project
from cityai.spec.risk import RiskSpec


@dataclass(frozen=True, slots=True, eq=False)
class CaseHistory:
    """What a feature function of cases is given: the past, as it was known when a day began.

    Attributes
    ----------
    as_of : pandas.Timestamp
        Midnight at the beginning of the day on which the cases are asked about.
    asked : pandas.DataFrame
        The cases asked about on that day, indexed by ``case_id``: ``entity_id``, ``area_id``
        (where declared), ``as_of``, ``occurred_at``, the point and the attributes.
    cases : pandas.DataFrame
        Earlier cases whose outcome was known before ``as_of``, in the order in which it became
        known: the same columns, ``case_id``, ``known_at`` and ``y_true`` (1 or 0).
    events : dict of str to pandas.DataFrame
        The project's tables of events, known before ``as_of``, in that order.
    """

    as_of: pd.Timestamp
    asked: pd.DataFrame
    cases: pd.DataFrame
    events: dict[str, pd.DataFrame]


def describe_own(
    cases: Cases, project: Project[RiskSpec], only: pd.Timestamp | None = None
) -> Iterator[CaseFeature]:
    """Yield the results of the project's own functions, called once a day with questions.

    With a day given, they are called for that day alone; the other cases have NaN.

    Raises
    ------
    SpecError
        When a function is not there.
    DataError
        When one fails, or gives something other than numbers.
    """
    functions = load_functions(project.own_features, project.spec.features.own)
    if not functions:
        return
    table = cases.table
    asked = table[[c for c in table.columns if not _is_later(c)]].set_index(CASE)
    days = table[AS_OF].dt.normalize()
    known = table[table[Y_TRUE].notna()].sort_values([KNOWN_AT, CASE], ignore_index=True)
    known = known[[c for c in known.columns if not c.startswith(("slot", "baseline."))]]
    results = {function.name: np.full(len(table), np.nan) for function in functions}
    for day, rows in table.groupby(days, sort=True).indices.items():
        moment = pd.Timestamp(str(day))
        if only is not None and moment != only:
            continue
        history = CaseHistory(
            moment,
            asked.iloc[rows],
            _cut(known, moment),
            {name: _cut(events, moment) for name, events in cases.events.items()},
        )
        for function in functions:
            results[function.name][rows] = _call(function, history)
    for function in functions:
        yield CaseFeature(function.name, function.label, OWN_FUNCTIONS, results[function.name])


def _is_later(column: str) -> bool:
    """Tell which columns of a case are not known when it is asked about."""
    return column in (Y_TRUE, KNOWN_AT) or column.startswith(("slot", "baseline."))


def _call(function: OwnFunction, history: CaseHistory) -> np.ndarray:
    said = f"the history was cut at {history.as_of:%Y-%m-%d}, with {len(history.cases):,} cases"
    return run_function(function, history, history.asked.index, said, history.as_of)


def _cut(frame: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    return frame.iloc[: int(frame[KNOWN_AT].searchsorted(moment, side="left"))]
