"""What was measured of those who took part, read from the city's own table as it is now."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import CASE, OCCURRED_AT, VALUE, Y_TRUE
from cityai.config.evaluation import EvaluationSpec, MeasuredSpec
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.tables import ColumnSpec, ColumnType
from cityai.data.city_table import refuse_repeated
from cityai.data.yes_no import write_answer
from cityai.errors import DataError, StoreError
from cityai.impact.lots import COLUMNS
from cityai.pipeline.impact.given import read_given
from cityai.store.files import guard_files, write_files

if TYPE_CHECKING:
    from cityai.records.events import Events

MEASURED_AT: Final = "measured_at"
ASKED: Final = 8
"""Words that are asked about by name."""
ASSIGNED: Final = "assignments.parquet"
ACTED: Final = "actions.parquet"
CASES: Final = "cases"
"""Column with how many outcomes are behind a mean."""
LOST: Final = "lost"
"""Column with how many cases have none that is known."""
DONE: Final = "done"
"""Whether, or how far, it was done: from 0 to 1, or NaN where nobody told of any."""
DONE_ON: Final = "done_on"
"""The day on which it was done, or began."""


def read_outcomes(
    project: Project[BaseProjectSpec],
    spec: EvaluationSpec,
    events: Events,
    column: str = "",
    key: str = CASE,
) -> pd.DataFrame:
    """Read all outcomes that there are, earlier ones too.

    Parameters
    ----------
    project, spec : Project, EvaluationSpec
        Which table, and which columns of it.
    events : Events
        The project's own data: the outcome's where the evaluation names no table.
    column : str, optional
        Another column of the outcome's table than the sealed one.
    key : str, optional
        What the table's key holds: cases, one row each, or something with any number of rows.

    Returns
    -------
    pandas.DataFrame
        The key (str), ``measured_at`` (datetime64), ``value`` (float64; NaN where something else
        than a case has an empty one).

    Raises
    ------
    DataError
        When the table cannot be read, a row of it is not understood or has an outcome without a
        day, a word of it is not declared, or it tells of a case twice.
    """
    told = spec.outcome
    if told.source is None or told.key is None or told.time is None or told.value is None:
        own = events.table[[CASE, OCCURRED_AT, Y_TRUE]].dropna()
        return own.set_axis([CASE, MEASURED_AT, VALUE], axis=1).reset_index(drop=True)
    value = column or told.value
    kind: ColumnType = "text" if told.yes else "number"
    contract = {
        told.key: ColumnSpec(type="text"),
        told.time: ColumnSpec(type="datetime"),
        value: ColumnSpec(type=kind),
    }
    words = kind == "number" and "words under `yes`, `no` and `missing` of `outcome`, "
    step = (
        f"before the plan is sealed, `evaluations` may declare {words or ''}the names of columns, "
        "and the `decimal` of the source; afterwards correct the table alone"
    )
    side = read_given(project, "outcome", told.source, contract, [told.key], step)
    found = side.table
    measured = _read_words(found[value], told, side.where) if told.yes else found[value]
    if undated := int((found[value].notna() & found[told.time].isna()).sum()):
        raise DataError(
            f"{undated:,} of {len(found):,} outcomes have no day in `{told.time}`",
            where=side.where,
            expected="the day on which each was measured",
            next_step="add the days; nothing that was gathered is changed",
        )
    read = pd.DataFrame(
        {
            key: found[told.key].astype(str),
            MEASURED_AT: found[told.time].astype("datetime64[us]"),
            VALUE: measured.to_numpy(np.float64, na_value=np.nan),
        }
    ).dropna(subset=[key, MEASURED_AT])
    if key == CASE:
        read = read.dropna()
        refuse_repeated(read[CASE], side.where, pd.Series(pd.NaT, index=read.index))
    return read.reset_index(drop=True)


def _read_words(column: pd.Series, told: MeasuredSpec, where: str) -> pd.Series:
    """Read declared answers as 1, 0 or NaN; ask about every other, none is guessed."""
    said = write_answer(column).str.casefold()
    said = said.where(said.str.len() > 0)
    meant = {1.0: told.yes, 0.0: told.no, np.nan: told.missing}
    known = {
        word: number
        for number, words in meant.items()
        for word in write_answer(pd.Series(words, dtype=object)).str.casefold()
    }
    odd = said[said.notna() & ~said.isin(known.keys())].value_counts()
    if len(odd):
        shown = ", ".join(f"'{word}' ({n:,})" for word, n in odd[:ASKED].items())
        more = f" and {len(odd) - ASKED} more" * (len(odd) > ASKED)
        raise DataError(
            f"{int(odd.sum()):,} of {len(column):,} answers are neither yes nor no: {shown}{more}",
            where=f"{where}, `{column.name}`",
            expected=f"yes: {', '.join(told.yes)}; no: {', '.join(told.no) or 'nothing declared'}",
            next_step="before the plan is sealed, name each under `yes`, `no` or `missing` of "
            "`outcome`; afterwards correct the table, and leave empty what was not measured",
        )
    return said.map(known).astype(np.float64)


def name_table(project: Project[BaseProjectSpec], spec: EvaluationSpec) -> str:
    """Name the table with the outcomes, for messages."""
    return spec.outcome.source.name if spec.outcome.source else str(project.file)


def write_gathered(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table for its owner's eyes only; the one that was there is replaced whole."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_files({name: buffer.getvalue()}, folder)


def read_gathered(folder: Path, name: str) -> pd.DataFrame | None:
    """Read a table that was gathered; None where there is none yet.

    Raises
    ------
    StoreError
        When it is damaged.
    """
    path = folder / name
    if not path.exists():
        return None
    with guard_files(path, "what was gathered cannot be read"):
        content = path.read_bytes()
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise StoreError(
            "this is no table any more",
            where=str(path),
            expected="the file as cityai wrote it",
            next_step="put it back from a copy",
        ) from error


def read_assigned(folder: Path) -> pd.DataFrame:
    """Read all assignments so far; without a row where nothing was drawn yet."""
    found = read_gathered(folder, ASSIGNED)
    return pd.DataFrame(columns=list(COLUMNS)) if found is None else found
