"""A project's own features of cases: functions that see what was known when a day began."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, KNOWN_AT, Y_TRUE
from cityai.config.load import Project
from cityai.config.risk import RiskSpec
from cityai.data.cases.cases import Cases
from cityai.data.features.history import CaseHistory
from cityai.data.features.own import load_functions
from cityai.data.rows import Feature

__all__ = ["CaseHistory", "describe_own"]


def describe_own(
    cases: Cases, project: Project[RiskSpec], only: pd.Timestamp | None = None
) -> Iterator[Feature]:
    """Yield the results of the project's own functions, called once a day with questions.

    With a day given, they are called for that day alone; the other cases have NaN.

    Raises
    ------
    SpecError
        When a function is not there.
    DataError
        When one fails, or gives something other than numbers.
    """
    own = load_functions(project.own_features, project.spec.features.own)
    if own is None:
        return
    table = cases.table
    asked = table[[c for c in table.columns if not _is_later(c)]].set_index(CASE)
    days = table[AS_OF].dt.normalize()
    known = table[table[Y_TRUE].notna()].sort_values([KNOWN_AT, CASE], ignore_index=True)
    known = known[[c for c in known.columns if not c.startswith(("slot", "baseline."))]]
    whole = {"": known, **cases.events}
    results = np.full((len(own.functions), len(table)), np.nan)
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
        results[:, rows] = np.stack(own.call(history, whole))
    for function, values in zip(own.functions, results, strict=True):
        yield Feature(function.name, function.label, values)


def _is_later(column: str) -> bool:
    """Tell which columns of a case are not known when it is asked about."""
    return column in (Y_TRUE, KNOWN_AT) or column.startswith(("slot", "baseline."))


def _cut(frame: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    return frame.iloc[: int(frame[KNOWN_AT].searchsorted(moment, side="left"))]
