"""Reading for a list: cases with an outcome of yes or no, asked about one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    AVERAGE_BY,
    BASELINE,
    CASE,
    CITY_SCORE,
    ENTITY,
    EVERYWHERE,
    KNOWN_AT,
    OCCURRED_AT,
    REGISTERED_AT,
    SLOT,
    SLOT_START,
    Y_TRUE,
)
from cityai.config.project import Period
from cityai.config.risk import RiskSpec
from cityai.config.tables import ColumnSpec
from cityai.data.city_table import join_cases, list_facts
from cityai.data.contract import Contract
from cityai.data.periods import Periods, add_days, build_periods, find_starts
from cityai.data.quality_facts import FACT_COLUMNS, ONE_VALUE
from cityai.data.reading.outcomes import check_outcomes, read_outcomes, write_both
from cityai.data.reading.reader import LaidOut
from cityai.data.row_status import ACCEPTED, JOINT, OUT_OF_SCOPE, judge_rows
from cityai.data.side_tables import LAST_MOMENT
from cityai.data.source.engine import Table, fetch_frame
from cityai.data.source.questions import Grouping
from cityai.errors import DataError
from cityai.i18n.messages import say
from cityai.records.events import Events

AFTER_CASE: Final = say("after the case takes place")
BEFORE_ASKED: Final = "before the case is asked about"
DAY: Final = pd.Timedelta(days=1)
OWN_SCORE: Final = f"{BASELINE}{CITY_SCORE}"


class ListOfCases:
    """Cases that are asked about one by one: each accepted row is one, or a part of one."""

    by_period = False

    def list_columns(self, spec: RiskSpec) -> dict[str, ColumnSpec]:
        """Return the contract of every column; what `yes` and `no` are held against is text."""
        outcome = spec.question.outcome
        if outcome.yes is None:
            return spec.data.columns
        declared = spec.data.columns[outcome.column]
        allowed = None if outcome.no is None else write_both((*outcome.yes, *outcome.no))
        as_text = ColumnSpec(
            type="text",
            required=declared.required,
            allowed=declared.allowed or allowed,
            label=declared.label,
        )
        return {**spec.data.columns, outcome.column: as_text}

    def list_required(self, spec: RiskSpec) -> tuple[str, ...]:
        """Return the columns without which a case cannot be placed: which, who and when."""
        question, asked = spec.question, spec.question.asked
        moments = (spec.data.time, asked.column, asked.registered)
        names = (*spec.case_columns, *question.entity.columns, *(m for m in moments if m))
        return tuple(dict.fromkeys(names))

    def find_grouping(self, spec: RiskSpec) -> Grouping | None:
        """Return none: every case is a row of its own."""
        return None

    def judge(self, converted: Table, contract: Contract, spec: RiskSpec) -> Table:
        """Give every row its status; a case that was not registered in time is out of scope."""
        rows = judge_rows(_refuse_moments(converted, contract, spec), contract, spec)
        return _leave_unregistered(rows, contract, spec)

    def find_axis(
        self, rows: Table, spec: RiskSpec, ends: tuple[pd.Timestamp, pd.Timestamp], where: str
    ) -> tuple[Table, Periods]:
        """Find the days of the cases."""
        return rows, build_periods("day", *ends)

    def lay_out(
        self, accepted: Table, contract: Contract, spec: RiskSpec, periods: Periods, where: str
    ) -> LaidOut:
        """Read the cases with their outcomes."""
        written = _fetch_cases(accepted, contract, spec)
        outcomes = read_outcomes(written, spec, where)
        written = written.drop(columns="outcome").assign(**{Y_TRUE: outcomes})
        facts = None
        if spec.question.rows == "several":
            written, facts = _join_rows(written, where, spec.question.entity.area)
        until = _find_until(written, spec)
        table = _lay_out(written, until, spec)
        check_outcomes(table, until, spec, where)
        if OWN_SCORE in table:
            has = table[OWN_SCORE].notna().to_numpy()
            facts = pd.concat([facts, list_facts(has, has, 0)])
        return LaidOut(table, until, facts=facts)

    def join_own(
        self, events: Events, own: pd.DataFrame, where: str
    ) -> tuple[Events, pd.DataFrame]:
        """Give each case the city's own score that was there before it was asked about."""
        table, facts = join_cases(events.table, own, OWN_SCORE, where)
        return replace(events, table=table), facts


LIST_OF_CASES: Final = ListOfCases()


def _ask(rows: Table, contract: Contract, spec: RiskSpec) -> Any:
    """Return the moment at which each row is asked about."""
    asked = spec.question.asked
    if asked.column is not None:
        return rows[f"v{contract.place(asked.column)}"]
    occurred = rows[f"v{contract.place(spec.data.time)}"]
    return add_days(occurred.truncate("D"), -(asked.days_before or 0))


def _refuse_moments(converted: Table, contract: Contract, spec: RiskSpec) -> Table:
    """Refuse what was asked or registered after the case, or known before it was asked."""
    occurred, asked = converted[f"v{contract.place(spec.data.time)}"], spec.question.asked
    by_day = contract.columns[spec.data.time].type == "date"
    wrong: dict[str, tuple[Any, str]] = {}
    for name in (asked.column, asked.registered):
        if name is not None:
            moment = converted[f"v{contract.place(name)}"]
            moment = moment.truncate("D") if by_day else moment
            wrong[name] = (moment > occurred, AFTER_CASE)
    known = spec.data.known.column
    if known is not None:
        end = converted[f"v{contract.place(known)}"]
        if contract.columns[known].type == "date":
            end = end + LAST_MOMENT.to_pytimedelta()
        wrong[known] = (end < _ask(converted, contract, spec), BEFORE_ASKED)
    changed: dict[str, Any] = {}
    for name, (is_wrong, reason) in wrong.items():
        i = contract.place(name)
        refused = converted[f"r{i}"].isnull() & is_wrong.fill_null(False)
        changed[f"r{i}"] = refused.ifelse(reason, converted[f"r{i}"])
        changed[f"x{i}"] = refused.ifelse(converted[f"v{i}"].cast("string"), converted[f"x{i}"])
    return converted.mutate(**changed) if changed else converted


def _leave_unregistered(rows: Table, contract: Contract, spec: RiskSpec) -> Table:
    """Put cases out of scope that the city did not know of when it would have asked."""
    name = spec.question.asked.registered
    if name is None:
        return rows
    is_late = rows[f"v{contract.place(name)}"] >= _ask(rows, contract, spec)
    is_late = (rows["status"] == ACCEPTED) & is_late.fill_null(False)
    return rows.mutate(status=is_late.ifelse(OUT_OF_SCOPE, rows["status"]).cast("int8"))


def _fetch_cases(accepted: Table, contract: Contract, spec: RiskSpec) -> pd.DataFrame:
    question, entity = spec.question, spec.question.entity

    def cell(name: str) -> Any:
        return accepted[f"v{contract.place(name)}"]

    columns: dict[str, Any] = {
        CASE: reduce(
            lambda left, right: left.concat(JOINT, right),
            [cell(name).cast("string") for name in spec.case_columns],
        ),
        ENTITY: accepted["e"],
        AS_OF: _ask(accepted, contract, spec),
        OCCURRED_AT: accepted["o"],
        KNOWN_AT: accepted["k"],
        "outcome": cell(question.outcome.column),
    }
    if entity.area is not None:
        columns[AREA] = accepted["a"]
    if question.asked.registered is not None:
        columns[REGISTERED_AT] = cell(question.asked.registered)
    numbers = {"latitude": entity.latitude, "longitude": entity.longitude}
    own = spec.models.city_score
    numbers[OWN_SCORE] = own if isinstance(own, str) else None
    columns |= {key: cell(name).cast("float64") for key, name in numbers.items() if name}
    others = (n for n in spec.models.averages if n not in entity.attributes)
    columns |= {f"{BASELINE}{AVERAGE_BY}{n}": cell(n).cast("string") for n in others}
    for name in entity.attributes:
        is_number = contract.columns[name].type in ("integer", "number", "boolean")
        columns[name] = cell(name).cast("float64" if is_number else "string")
    named = {f"c{i}": column for i, column in enumerate(columns.values())}
    frame = fetch_frame(accepted.select(**named))
    frame = frame.set_axis(list(columns), axis=1)
    source = spec.data.known.column or spec.data.time
    if contract.columns[source].type == "date":
        frame[KNOWN_AT] = frame[KNOWN_AT] + LAST_MOMENT
    return frame


def _find_until(table: pd.DataFrame, spec: RiskSpec) -> pd.Timestamp:
    """Find the end of what is known: the midnight after the last outcome, or `data.until`."""
    if spec.data.until is not None:
        return pd.Timestamp(spec.data.until).as_unit("us")
    seen = table.loc[table[Y_TRUE].notna(), KNOWN_AT].dropna()
    last = seen.max() if len(seen) else table[AS_OF].max()
    return pd.Timestamp(last.normalize() + DAY).as_unit("us")


def _lay_out(written: pd.DataFrame, until: pd.Timestamp, spec: RiskSpec) -> pd.DataFrame:
    known = written[KNOWN_AT]
    y_true = written[Y_TRUE].where(known.notna() & (known < until))
    table = written.assign(**{Y_TRUE: y_true})
    starts = _find_slots(table[OCCURRED_AT], spec.question.decision.per)
    table[SLOT] = pd.factorize(starts, sort=True)[0].astype(np.int64)
    table[SLOT_START] = starts
    moments = [AS_OF, OCCURRED_AT, KNOWN_AT, SLOT_START]
    moments += [REGISTERED_AT] if REGISTERED_AT in table else []
    table = table.astype(dict.fromkeys(moments, "datetime64[us]"))
    texts = [c for c in spec.question.entity.attributes if table[c].dtype.kind != "f"]
    for name in [*texts, *([AREA] if AREA in table else [])]:
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    table = table.astype({CASE: "str", ENTITY: "str"})
    return table.sort_values([AS_OF, CASE], ignore_index=True)


def _find_slots(occurred: pd.Series, per: Literal[Period, "fold"]) -> pd.Series:
    if per == "fold":
        return pd.Series(occurred.min().normalize(), index=occurred.index)
    return find_starts(per, occurred)


def _join_rows(
    table: pd.DataFrame, where: str, area: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make one row of all rows of a case."""
    entities = table.groupby(CASE)[ENTITY].nunique()
    if (entities > 1).any():
        raise DataError(
            f"the case '{entities.idxmax()}' is about {int(entities.max())} entities "
            f"({int((entities > 1).sum()):,} cases are about several)",
            where=where,
            expected="rows of one case that are about one entity",
            next_step="add the columns of the entity to `question.case`",
        )
    described = [c for c in map(str, table) if c not in (CASE, ENTITY, Y_TRUE, KNOWN_AT)]
    moments = [c for c in (AS_OF, OCCURRED_AT, REGISTERED_AT) if c in table]
    ordered = table.sort_values([CASE, *moments, *(c for c in described if c not in moments)])
    grouped = ordered.groupby(CASE, sort=True)
    joined = grouped[[ENTITY, *described]].first()
    joined[KNOWN_AT] = grouped[KNOWN_AT].max()
    unknown = ordered[Y_TRUE].isna().groupby(ordered[CASE]).any()
    any_yes = grouped[Y_TRUE].max()
    joined[Y_TRUE] = any_yes.where((any_yes == 1) | ~unknown)
    facts = [
        {
            "fact": ONE_VALUE,
            "column": area if name == AREA and area else name,
            "slice_kind": "overall",
            "slice": EVERYWHERE,
            "good": int((grouped[name].nunique() <= 1).sum()),
            "total": len(joined),
            "figure": np.nan,
        }
        for name in described
        if name not in moments
    ]
    columns = [CASE, *(c for c in table if c != CASE)]
    return joined.reset_index()[columns], pd.DataFrame(facts, columns=list(FACT_COLUMNS))
