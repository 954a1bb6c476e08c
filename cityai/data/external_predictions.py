"""External predictions: read by their contract, with canonical column names, as events."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    ASKED,
    BASELINE,
    DECISION,
    ENTITY,
    EVERYWHERE,
    FOLD,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.audit_file import AuditFileSpec, Label
from cityai.config.tables import ColumnSpec, ColumnType, SourceSpec
from cityai.data.contract import build_contract
from cityai.data.given_facts import GROUP, collect_given_facts, count_repeats
from cityai.data.periods import DAY, Periods
from cityai.data.quality_facts import FACT_COLUMNS
from cityai.data.rejects import tell_first
from cityai.data.side_tables import read_rows
from cityai.data.source import open_source
from cityai.data.source.engine import check_columns
from cityai.data.written_dates import is_date_format
from cityai.data.yes_no import read_answer, write_text
from cityai.errors import DataError, SpecError
from cityai.records.events import Events, RowCounts, list_versions

NO_MOMENT: Final = pd.Timestamp("2000-01-01")
"""Stands for the one period of predictions without `as_of`."""

_TYPES: Final[dict[str, ColumnType]] = {
    "prediction": "number",
    "low": "number",
    "high": "number",
    "step": "integer",
    "as_of": "datetime",
    "asked": "datetime",
}


def read_given(path: Path, spec: AuditFileSpec, areas: pd.DataFrame | None = None) -> Events:
    """Read predictions that somebody else made by the audit file's columns.

    Returns
    -------
    Events
        Its table has a row a prediction, in the order of the file: the columns of
        `Predictions.table`, figures NaN where they are missing, ``area_id``, ``asked``
        (datetime64, NaT when missing) and, of each column that divides rows into groups,
        ``group.<name>`` (text, None when missing). Its facts are ``unique`` (`good` of `total`
        rows are the same as no earlier one in every column of the file; `figure` 1 where a column
        names each of them), ``one_value`` (of the moments of an entity, `good` have one value of a
        column that divides), areas of no table, ``unsaid`` (of a column of answers, `good` of
        `total` rows do not mean no by a text that says that nothing is known) and those that
        `given_facts` names.

    Raises
    ------
    DataError
        When a column is missing, no row can be used, a row occurs twice, no prediction is there,
        or a yes or no cannot be told.
    """
    types = _choose_types(spec)
    file = spec.predictions.file
    if file.date_format is not None and not is_date_format(file.date_format):
        raise SpecError(
            f"'{file.date_format}' is no date format with a year and a month",
            where="predictions.file.date_format",
            expected="a strptime pattern such as '%m/%d/%Y', or epoch_ms, epoch_s or excel",
        )
    source = SourceSpec(path=str(path), **file.model_dump(exclude={"max_rows", "date_format"}))
    columns = spec.predictions.columns
    required = [c for c in (columns.entity, columns.as_of, columns.step) if c is not None]
    contract = build_contract(
        {
            name: ColumnSpec(type=kind, format=file.date_format if kind == "datetime" else None)
            for name, kind in types.items()
        },
        required,
        zone=spec.city.time_zone,
        **source.marks,
    )
    # Whether two rows are the same is seen in all columns alone.
    read = None if columns.entity is None else list(types)
    with open_source(source, path, read, max_rows=file.max_rows) as opened:
        check_columns(list(types), list(opened.names), path)
        side = read_rows(opened, contract)
        repeats, has_key = (0, True) if read else count_repeats(opened)
    if 2 * len(side.table) < side.read:
        used = f"{len(side.table):,}" if len(side.table) else "none"
        raise DataError(
            f"{used} of {side.read:,} rows can be used; the first problem is "
            f"{tell_first(side.rejects.head(1))}",
            where=str(path),
            expected="columns of the types that the audit file asks for",
            next_step=_advise(side.rejects, types, spec),
        )
    cells = side.table.reset_index(drop=True)
    table = _name_columns(cells, side.table.index, spec, str(path))
    _check_rows(table, spec, str(path))
    wanted = dict.fromkeys(v for k, v in spec.columns.items() if k.startswith("audit."))
    groups = {f"{GROUP}{name}": write_text(cells[name]) for name in wanted}
    table = table.assign(**groups)
    first, last = (day.normalize() for day in (table[AS_OF].min(), table[AS_OF].max()))
    facts = [
        ("unique", "", EVERYWHERE, EVERYWHERE, side.read - repeats, side.read, float(has_key)),
        *collect_given_facts(table, cells, spec, areas),
    ]
    return Events(
        table,
        Periods(DAY, first, (last - first).days + 1),
        last + pd.Timedelta(days=1),
        RowCounts(side.read, 0, side.read - len(table), len(table)),
        side.rejects,
        pd.DataFrame(facts, columns=list(FACT_COLUMNS)),
        side.digest,
        areas,
        versions=list_versions(version.list_row("data") for version in side.versions),
    )


def _choose_types(spec: AuditFileSpec) -> dict[str, ColumnType]:
    """Type of each column; one that is both a figure and a group is read as a figure."""
    types: dict[str, ColumnType] = {}
    for key, name in spec.columns.items():
        role = key.rsplit(".", 1)[-1]
        kind = _TYPES.get(role, "text")
        if ".baselines." in key or (role == "outcome" and spec.predictions.kind == "amount"):
            kind = "number"
        if types.get(name, "text") == "text":
            types[name] = kind
    return types


def _advise(rejects: pd.DataFrame, types: dict[str, ColumnType], spec: AuditFileSpec) -> str:
    """Say how the column that the first refused cell is in could be read."""
    column = str(rejects["column"].iloc[0]) if len(rejects) else ""
    kind = types.get(column, "text")
    if kind == "datetime":
        return "say how dates are written as `predictions.file.date_format`, such as '%m/%d/%Y'"
    if column == spec.predictions.columns.prediction and spec.predictions.kind == "yes/no":
        return (
            "where it holds words such as High, name it as `decision`, and those that mean yes "
            "as `decision_yes`; say how numbers are written under `predictions.file`"
        )
    if kind in ("number", "integer"):
        return (
            "say how numbers are written under `predictions.file`: `decimal`, `thousands`, "
            "`beside`, and what stands for no number as `missing`"
        )
    return "correct `predictions.columns`, or the file"


def _name_columns(
    cells: pd.DataFrame, numbers: pd.Index, spec: AuditFileSpec, where: str
) -> pd.DataFrame:
    given, columns = spec.predictions, spec.predictions.columns
    nothing = pd.Series(np.nan, index=cells.index)

    def figure(name: str | None) -> pd.Series:
        return nothing if name is None else cells[name].astype(np.float64)

    def answer(name: str | None, yes: tuple[Label, ...], key: str) -> pd.Series:
        return nothing if name is None else read_answer(cells[name], yes, f"{where}, `{key}`")

    entity = write_text(cells[columns.entity]) if columns.entity else pd.Series(numbers).astype(str)
    moment = cells[columns.as_of] if columns.as_of else pd.Series(NO_MOMENT, index=cells.index)
    asked = cells[spec.maturity.asked] if spec.maturity else pd.Series(pd.NaT, index=cells.index)
    score = figure(columns.prediction)
    decision = answer(columns.decision, columns.decision_yes, "decision")
    if given.threshold is not None:
        decision = (score >= given.threshold).astype(np.float64).where(score.notna())
    amount = given.kind == "amount"
    outcome = (
        figure(columns.outcome)
        if amount
        else answer(columns.outcome, columns.outcome_yes, "outcome")
    )
    return pd.DataFrame(
        {
            ENTITY: entity.astype(str),
            AS_OF: moment.astype("datetime64[us]"),
            STEP: cells[columns.step].astype(np.int64) if columns.step else 1,
            FOLD: moment.rank(method="dense").astype(np.int64),
            Y_TRUE: outcome,
            Y_PRED: score,
            Y_LOW: figure(columns.low),
            Y_HIGH: figure(columns.high),
            SCALE: nothing,
            **({} if amount else {DECISION: decision}),
            ASKED: asked.astype("datetime64[us]"),
            AREA: write_text(cells[columns.area]) if columns.area else None,
            **{f"{BASELINE}{k}": figure(v) for k, v in columns.baselines.items()},
        },
        index=cells.index,
    )


def _check_rows(table: pd.DataFrame, spec: AuditFileSpec, where: str) -> None:
    twice: Any = table.duplicated([ENTITY, AS_OF, STEP])
    if twice.any():
        columns = spec.predictions.columns
        named = [c for c in (columns.entity, columns.as_of, columns.step) if c]
        raise DataError(
            f"{int(twice.sum()):,} rows repeat an earlier one's key, the first is "
            f"'{table.loc[twice, ENTITY].iloc[0]}'",
            where=f"{where}, {', '.join(named)}",
            expected="one row for each " + " and ".join(named),
            next_step="where somebody has several predictions, name the column with their day as "
            "`as_of`; without `entity`, each row counts as somebody else, and intervals are too "
            "narrow and small groups of people are not seen",
        )
    ordered = table[Y_LOW] > table[Y_HIGH]
    if ordered.any():
        raise DataError(
            f"{int(ordered.sum()):,} ranges end before they begin, the first of "
            f"'{table.loc[ordered, ENTITY].iloc[0]}'",
            where=f"{where}, {spec.predictions.columns.low}, {spec.predictions.columns.high}",
            expected="low <= high",
            next_step="correct the rows, or leave both ends empty where the range is not known; "
            "where all are so, `low` and `high` are exchanged",
        )
    _check_scale(table, spec, where)
    if table[[c for c in (Y_PRED, DECISION) if c in table]].isna().all(axis=None):
        raise DataError(
            f"all {len(table):,} predictions are missing",
            where=where,
            expected="a prediction or a decision in at least one row",
            next_step="correct `predictions.columns`",
        )


def _check_scale(table: pd.DataFrame, spec: AuditFileSpec, where: str) -> None:
    """Refuse a threshold that is a share where the scores are points or percent."""
    threshold, score = spec.predictions.threshold, table[Y_PRED].dropna()
    if threshold is None or not 0 < threshold < 1 or score.empty or score.min() < 0:
        return
    if (score > 1).mean() > 0.5:
        tenths = score.max() <= 10
        times, called = (10, "points from 1 to 10") if tenths else (100, "percent")
        raise DataError(
            f"`threshold: {threshold:g}` is a share, and the scores go up to {score.max():g}: "
            f"{(score >= threshold).mean():.1%} of the rows would be selected",
            where=f"{where}, column '{spec.predictions.columns.prediction}'",
            expected="a threshold in the unit of the scores",
            next_step=f"write `threshold: {times * threshold:g}` if the scores are {called}",
        )
