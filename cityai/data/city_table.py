"""The city's own scores or forecasts, from a table beside the main one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, ENTITY, KNOWN, KNOWN_AT, OCCURRED_AT, PERIOD, VALUE
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.tables import CityTableSpec, ColumnSpec
from cityai.data.periods import Periods
from cityai.data.quality_facts import FACT_COLUMNS
from cityai.data.row_status import JOINT
from cityai.data.side_tables import LAST_MOMENT, SideTable, read_table
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, say

OWN: Final = "city_own"
"""Fact: how many of what is asked about have the city's own, and why others have none."""
ANSWERED: Final = "answered"
LATE: Final = "late"
WITHOUT: Final = "without"
STRAY: Final = "stray"
CODE: Final = "quality.city_own"


def read_city_table(project: Project[BaseProjectSpec], table: CityTableSpec) -> SideTable:
    """Read what the city itself says of each case, or of each entity and period.

    Returns
    -------
    SideTable
        Its table: ``case_id`` (str: the id, as the main table's), ``occurred_at`` (start of the
        period; NaT for cases), ``value`` (float64), ``known_at`` (datetime64[us]: it may be used
        by what is asked later; NaT for always); sorted, one row an id and period.

    Raises
    ------
    DataError
        When the table cannot be read, most rows break the contract, or an id is repeated.
    """
    spec, (name, _) = project.spec, project.spec.city_own
    contract = dict(table.columns)
    for key, own in zip(table.keys, spec.asked_of, strict=True):
        contract.setdefault(key, spec.data.columns.get(own, ColumnSpec(type="text")))
    contract.setdefault(table.value, ColumnSpec(type="number"))
    made = None if table.known == "ahead" else table.known.column
    moments = [column for column in (table.time, made) if column]
    for column in moments:
        contract.setdefault(column, ColumnSpec(type="datetime"))
    used = (*table.keys, table.value, *moments)
    contract = {column: contract[column] for column in dict.fromkeys(used)}
    required = [column for column in contract if column != table.value]
    side = read_table(project, name, table.source, contract, required, "models")
    good = side.table
    ids = [_write_ids(good[key], contract[key].type) for key in table.keys]
    read = pd.DataFrame(
        {
            CASE: reduce(lambda left, right: left + JOINT + right, ids) if ids else spec.entity,
            OCCURRED_AT: good[table.time] if table.time else pd.NaT,
            VALUE: good[table.value].astype("float64"),
            KNOWN_AT: _find_made(good, table, contract),
        },
        index=good.index,
    ).astype({CASE: "str", OCCURRED_AT: "datetime64[us]", KNOWN_AT: "datetime64[us]"})
    refuse_repeated(read[CASE], side.where, read[OCCURRED_AT])
    read = read.sort_values([CASE, OCCURRED_AT], ignore_index=True)
    return replace(side, table=read)


def refuse_repeated(ids: pd.Series, where: str, period: pd.Series) -> None:
    """Refuse a table that says two things of one case, or of one entity and period."""
    twice = pd.DataFrame({"id": ids, "period": period}).duplicated(keep=False)
    if twice.any():
        raise DataError(
            f"{int(twice.sum()):,} rows repeat an id, the first of them '{ids[twice].iloc[0]}'",
            where=where,
            expected="one row for each",
            next_step="keep the one that was there when it was asked about",
        )


def join_cases(
    table: pd.DataFrame, own: pd.DataFrame, column: str, where: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each case the city's own score, where it was there before the case was asked about.

    Returns
    -------
    table, facts : pandas.DataFrame
        The cases with the column (float64, NaN where there is none), and the facts `OWN`.

    Raises
    ------
    DataError
        When no id is that of a case.
    """
    _refuse_strangers(own[CASE], table[CASE], where)
    found = own.set_index(CASE).reindex(table[CASE])
    known = found[KNOWN_AT].to_numpy()
    has = found[VALUE].notna().to_numpy()
    in_time = has & (np.isnat(known) | (known < table[AS_OF].to_numpy()))
    scored = table.assign(**{column: np.where(in_time, found[VALUE].to_numpy(), np.nan)})
    stray = int((~own[CASE].isin(table[CASE])).sum())
    return scored, list_facts(in_time, has, stray)


def join_periods(
    own: pd.DataFrame, entities: pd.Series, periods: Periods, where: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the city's own forecasts by entity and period, with the first origin that saw them.

    Returns
    -------
    forecasts, facts : pandas.DataFrame
        entity_id, period, value, known (int64; 0 for always), and the facts `OWN`.

    Raises
    ------
    DataError
        When no id is an entity's, or two rows fall into one period.
    """
    _refuse_strangers(own[CASE], entities, where)
    period = pd.Series(periods.index(own[OCCURRED_AT]), index=own.index)
    refuse_repeated(own[CASE], where, period)
    made = own[KNOWN_AT]
    known = periods.index(made.fillna(periods.first)) + 1
    made_first = np.where(made.isna(), 0, known)
    frame = pd.DataFrame({ENTITY: own[CASE], PERIOD: period, VALUE: own[VALUE], KNOWN: made_first})
    is_here = own[CASE].isin(entities) & (period >= 0) & own[VALUE].notna()
    kept = frame[is_here].sort_values([ENTITY, PERIOD], ignore_index=True)
    kept = kept.astype({ENTITY: "str", PERIOD: "int64", KNOWN: "int64", VALUE: "float64"})
    here = np.ones(len(kept), bool)
    return kept, list_facts(here, here, int((~is_here).sum()))


def list_facts(answered: np.ndarray, has: np.ndarray, stray: int) -> pd.DataFrame:
    """List how many have the city's own, came too late, have none, and belong to nobody."""
    counts = {
        ANSWERED: int(answered.sum()),
        LATE: int((has & ~answered).sum()),
        WITHOUT: int((~has).sum()),
        STRAY: stray,
    }
    rows = [(OWN, "", OWN, what, good, len(answered), np.nan) for what, good in counts.items()]
    return pd.DataFrame(rows, columns=list(FACT_COLUMNS))


def find_own(facts: pd.DataFrame, spec: BaseProjectSpec) -> Iterator[Finding]:
    """Say how much of what is asked about the city's own is there for, and what is not known."""
    rows = facts[facts["fact"] == OWN]
    if rows.empty:
        return
    count = dict(zip(rows["slice"], rows["good"].astype(int), strict=True))
    total, by = int(rows["total"].iloc[0]), spec.summed_by
    if by:
        told = [say("The city's own forecast is there for {n:,} periods of places.", n=total)]
    else:
        told = [
            say(
                "The city's own score is there for {n:,} of {total:,} {unit}; only those are "
                "compared with it.",
                n=count[ANSWERED],
                total=total,
                unit=spec.question.unit,
            )
        ]
    if count[LATE]:
        late = say("{n:,} were asked about before it could be known.", n=count[LATE])
        told.append(late)
    if count[WITHOUT]:
        told.append(say("{n:,} have none.", n=count[WITHOUT]))
    if count[STRAY]:
        n = count[STRAY]
        told.append(say("Rows of its table that are about nothing that is asked: {n:,}.", n=n))
    table = spec.city_table
    if table is None or table.known == "ahead":
        told.append(say("That it was there before is declared, not recorded."))
    title, share = say("The city's own score"), count[ANSWERED] / max(total, 1)
    status = Status.NOT_APPLICABLE if share else Status.FAIL
    yield Finding(CODE, status, title, join(" ", told), share, None, "share")


def _refuse_strangers(ids: pd.Series, known: pd.Series, where: str) -> None:
    if not ids.isin(known).any():
        raise DataError(
            f"none of {len(ids):,} ids is one of the main table",
            where=where,
            expected="the ids of the main table, written alike",
            next_step="see `key`, and leading zeros (`width`)",
        )


def _write_ids(cells: pd.Series, kind: str) -> pd.Series:
    """Write ids as the main table's are written."""
    if kind == "date":
        return pd.Series(cells.dt.strftime("%Y-%m-%d"))
    return cells.astype("int64").astype("str") if kind == "integer" else cells.astype("str")


def _find_made(
    good: pd.DataFrame, table: CityTableSpec, contract: dict[str, ColumnSpec]
) -> pd.Series:
    """Return the last moment at which each row was not there yet; NaT where it always was."""
    if table.known == "ahead":
        return pd.Series(pd.NaT, index=good.index)
    if table.known.since is not None:
        before = pd.Timestamp(table.known.since) - pd.Timedelta(microseconds=1)
        return pd.Series(before, index=good.index)
    column = str(table.known.column)
    made = good[column]
    by_day = contract[column].type == "date" or (made == made.dt.normalize()).all()
    return made + LAST_MOMENT if by_day else made
