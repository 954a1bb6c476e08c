"""External predictions: read by their contract, with canonical column names, as events."""

from __future__ import annotations

import math
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
from cityai.data.conversion import fold_spelling
from cityai.data.periods import DAY, Periods
from cityai.data.quality_facts import FACT_COLUMNS, ONE_VALUE, UNKNOWN_AREA
from cityai.data.rejects import tell_first
from cityai.data.side_tables import read_rows
from cityai.data.source import SourceTable, open_source
from cityai.data.source.engine import check_columns, fetch_frame
from cityai.data.yes_no import count_unsaid, read_answer, write_text
from cityai.errors import DataError
from cityai.records.events import Events, RowCounts, list_versions

NO_MOMENT: Final = pd.Timestamp("2000-01-01")
"""Stands for the one period of predictions without `as_of`."""
GROUP: Final = "group."
"""Prefix of a column that divides rows into groups, as text."""
UNSAID_NO: Final = "unsaid"
"""Fact: answers that count as no, though they may say that nothing is known."""
ALIKE: Final = "alike"
"""Fact: values of a column of groups that differ in their spelling alone."""

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
        `total` rows do not mean no by a text that says that nothing is known) and ``alike``
        (values of a column that divides, in `slice`, that differ in their spelling alone).

    Raises
    ------
    DataError
        When a column is missing, no row can be used, a row occurs twice, no prediction is there,
        or a yes or no cannot be told.
    """
    types = _choose_types(spec)
    file = spec.predictions.file
    source = SourceSpec(path=str(path), **file.model_dump(exclude={"max_rows"}))
    columns = spec.predictions.columns
    required = [c for c in (columns.entity, columns.as_of, columns.step) if c is not None]
    contract = build_contract(
        {name: ColumnSpec(type=kind) for name, kind in types.items()},
        required,
        zone=spec.city.time_zone,
        decimal=file.decimal,
        missing=file.missing,
    )
    # Whether two rows are the same is seen in all columns alone.
    read = None if columns.entity is None else list(types)
    with open_source(source, path, read, max_rows=file.max_rows) as opened:
        check_columns(list(types), list(opened.names), path)
        side = read_rows(opened, contract)
        repeats, has_key = (0, True) if read else _count_repeats(opened)
    if side.table.empty:
        raise DataError(
            f"none of {side.read:,} rows can be used; the first problem is "
            f"{tell_first(side.rejects.head(1))}",
            where=str(path),
            expected="columns of the types that the audit file asks for",
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
        *_count_values(table, spec),
        *_count_unknown(table, areas),
        *_count_unsaid(cells, spec),
        *_list_alike(table),
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


Fact = tuple[str, str, str, str, int, int, float]


def _count_values(table: pd.DataFrame, spec: AuditFileSpec) -> list[Fact]:
    """Count, where there are steps, the moments of an entity with one value of a column."""
    if spec.predictions.columns.step is None:
        return []
    found: list[Fact] = []
    for name in (c for c in table if str(c).startswith(GROUP)):
        values = table[name].groupby([table[ENTITY], table[AS_OF]]).nunique()
        one, column = int((values <= 1).sum()), str(name).removeprefix(GROUP)
        found.append((ONE_VALUE, column, EVERYWHERE, EVERYWHERE, one, len(values), math.nan))
    return found


def _count_unknown(table: pd.DataFrame, areas: pd.DataFrame | None) -> list[Fact]:
    """Count rows in areas that the area table does not list, by area."""
    if areas is None:
        return []
    counted = table.loc[~table[AREA].isin(areas.index), AREA].dropna().value_counts().sort_index()
    n = int(counted.sum())
    whole = (UNKNOWN_AREA, "", EVERYWHERE, EVERYWHERE, len(table) - n, len(table), len(counted))
    listed = [(UNKNOWN_AREA, "", "code", str(c), 0, int(m), math.nan) for c, m in counted.items()]
    return [whole, *listed] if n else []


def _count_unsaid(cells: pd.DataFrame, spec: AuditFileSpec) -> list[Fact]:
    """Count answers that mean no only since nothing else was said of them."""
    columns, found = spec.predictions.columns, list[Fact]()
    answers = (columns.outcome, columns.outcome_yes), (columns.decision, columns.decision_yes)
    for name, yes in answers:
        if name is not None and yes and (n := count_unsaid(cells[name], yes)):
            total = len(cells)
            found.append((UNSAID_NO, name, EVERYWHERE, EVERYWHERE, total - n, total, math.nan))
    return found


def _list_alike(table: pd.DataFrame) -> list[Fact]:
    """List values of columns of groups that differ in capitals, spaces or accents alone."""
    found: list[Fact] = []
    for name in (c for c in map(str, table) if c.startswith(GROUP)):
        counts = table[name].dropna().astype("str").value_counts()
        texts = pd.Series(counts.index, index=counts.index, dtype="str")
        for _, same in texts.groupby(fold_spelling(texts)):
            if len(same) > 1:
                written, held = ", ".join(f"'{x}'" for x in sorted(same)), counts[same]
                rows = int(held.max()), int(held.sum())
                found.append((ALIKE, name.removeprefix(GROUP), "values", written, *rows, math.nan))
    return found


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


def _count_repeats(opened: SourceTable) -> tuple[int, bool]:
    """Count rows that are the same in every column, and say whether one names all others."""
    names = list(opened.names.values())
    rows = opened.table.select(*names).distinct()
    distinct = rows.aggregate(n=rows.count(), **{f"d{c}": rows[c].nunique() for c in names})
    counts = fetch_frame(distinct).iloc[0]
    left = int(counts["n"])
    return opened.count_rows() - left, bool((counts.drop("n") == left).any())


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
            next_step="name `as_of` or `step` where predictions repeat, or leave `entity` out",
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
        raise DataError(
            f"`threshold: {threshold:g}` is a share, and the scores go up to {score.max():g}: "
            f"{(score >= threshold).mean():.1%} of the rows would be selected",
            where=f"{where}, column '{spec.predictions.columns.prediction}'",
            expected="a threshold in the unit of the scores",
            next_step=f"write `threshold: {100 * threshold:g}` if the scores are percent",
        )
