"""The cases that a project asks about, and what was known of them at any moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import pandas as pd

from cityai.columns import AS_OF, KNOWN_AT, Y_TRUE
from cityai.data.snapshot import RowCounts

REGISTERED_AT: Final = "registered_at"
CITY_SCORE: Final = "city_score"
KEY: Final = "key"
DAY: Final = "day"
CATEGORY: Final = "category"


@dataclass(frozen=True)
class Cases:
    """All cases, and the tables beside them.

    Attributes
    ----------
    table : pandas.DataFrame
        Sorted by (``as_of``, ``case_id``), one row a case: ``case_id``, ``entity_id`` (str),
        ``area_id`` (object, None when missing; where declared), ``as_of`` (asked; datetime64[us],
        local), ``occurred_at`` (takes place), ``known_at`` (its outcome could be seen), ``y_true``
        (float64: 1, 0, or NaN when it is not known), ``slot`` (int64) and ``slot_start``
        (datetime64[us]): the period of the capacity, by the day on which the case takes place
        (all 0 for ``per: fold``), ``latitude`` and ``longitude`` (float64, where declared), the
        attributes under their own names (str, None when missing, or float64) and
        ``baseline.city_score`` (float64, where declared). ``registered_at`` where declared.
    until : pandas.Timestamp
        End of what is known: the midnight after the last outcome, or ``data.until``.
    areas : pandas.DataFrame or None
        The area table, as `read_areas` gives it.
    covariates : dict of str to pandas.DataFrame
        By name: ``key`` (str, "" for the city), ``day`` (datetime64[us]), ``known_at``
        (datetime64[us]; NaT for what is known ahead) and its columns (float64), sorted by the
        first two.
    events : dict of str to pandas.DataFrame
        By name: ``occurred_at``, ``known_at``, the key (``entity_id``, ``area_id``, or
        ``latitude`` and ``longitude``; none for the city), its numeric columns or totals
        (float64) and ``category`` (str) where declared, sorted by ``known_at``.
    counts : RowCounts
        Rows of the main table in and out.
    rejects : pandas.DataFrame
        ``row_number``, ``column``, ``value``, ``reason``, as in `Snapshot`.
    quality_facts : pandas.DataFrame
        As `collect_facts` gives them.
    digest : str
        SHA-256 of the sources and of the declarations they were read by.
    several : dict of str to int
        Where rows were joined to cases: for each attribute, the cases with several values.
    """

    table: pd.DataFrame
    until: pd.Timestamp
    areas: pd.DataFrame | None
    covariates: dict[str, pd.DataFrame]
    events: dict[str, pd.DataFrame]
    counts: RowCounts
    rejects: pd.DataFrame
    quality_facts: pd.DataFrame
    digest: str
    several: dict[str, int] = field(default_factory=dict)


def cut_cases(cases: Cases, moment: pd.Timestamp) -> Cases:
    """Return what was known strictly before a moment.

    Parameters
    ----------
    cases : Cases
        Everything.
    moment : pandas.Timestamp
        Local, without a zone.

    Returns
    -------
    Cases
        Without the cases asked later, with NaN for outcomes that were not known before it, and
        without events and covariates that were not (those known ahead stay). Counts, rejects and
        quality facts describe the whole source and stay.
    """
    table = cases.table[cases.table[AS_OF] <= moment].reset_index(drop=True)
    table = table.assign(**{Y_TRUE: table[Y_TRUE].where(table[KNOWN_AT] < moment)})
    return replace(
        cases,
        table=table,
        until=min(cases.until, moment),
        covariates={name: _cut(frame, moment) for name, frame in cases.covariates.items()},
        events={name: _cut(frame, moment) for name, frame in cases.events.items()},
    )


def _cut(frame: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    known = frame[KNOWN_AT]
    return frame[known.isna() | (known < moment)].reset_index(drop=True)
