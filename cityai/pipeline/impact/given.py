"""Tables that a city's offices hand in for an evaluation, as their programs write them.

How a file is written is found where the evaluation does not say it: a sealed plan cannot be changed
when an office exports otherwise than before. Rows that are not understood are refused, since who is
left out of a trial changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.tables import ColumnSpec, SourceSpec
from cityai.data.contract import build_contract
from cityai.data.rejects import tell_first
from cityai.data.side_tables import MOST_ROWS, SideTable, read_rows
from cityai.data.source import open_source
from cityai.data.source.connections import find_place
from cityai.data.source.engine import tell_absent
from cityai.data.source.written import describe_file
from cityai.errors import DataError

WRITTEN: Final = {
    "text": "text",
    "date": "days as 2026-01-31",
    "datetime": "days as 2026-01-31",
    "number": "numbers as 12.5",
}
"""How values are to be written, by the type of their column."""


def read_given(
    project: Project[BaseProjectSpec],
    name: str,
    source: SourceSpec,
    columns: Mapping[str, ColumnSpec],
    required: Sequence[str],
    step: str,
) -> SideTable:
    """Read a table that was handed in, whole.

    Parameters
    ----------
    project : Project
        Whose folder and time zone it is read by.
    name : str
        What the table is of, for messages.
    source : SourceSpec
        Where it is; how it is written is found where this does not say so.
    columns : mapping
        The columns, and what they hold.
    required : sequence of str
        Columns with a value in each row.
    step : str
        What to do where the table is not as it is to be.

    Raises
    ------
    DataError
        When it cannot be read, lacks a column, or has a row that is not understood.
    """
    path = find_place(project, source)
    if isinstance(path, Path) and path.is_file():
        said = source.model_dump(include=source.model_fields_set)
        source = source.model_copy(update=describe_file(path, said, source.table or ""))
    contract = build_contract(columns, required, zone=project.spec.city.time_zone, **source.marks)
    try:
        with open_source(source, path, list(columns), max_rows=MOST_ROWS) as opened:
            side = read_rows(opened, contract, name)
    except DataError as error:
        if error.what in map(tell_absent, columns):
            error.next_step = f"name the columns {', '.join(columns)} in the table; {step}"
        raise
    if side.rejected:
        wrong = {str(column).removeprefix(f"{name}.") for column in side.rejects["column"]}
        kinds = {spec.type: WRITTEN[spec.type] for own, spec in columns.items() if own in wrong}
        shown = ", ".join(dict.fromkeys(kinds.values())) or "as many cells in each row as columns"
        raise DataError(
            f"{side.rejected:,} of {side.read:,} rows are not understood, the first: "
            f"{tell_first(side.rejects)}",
            where=side.where,
            expected=f"in {', '.join(c for c in columns if c in wrong) or 'each row'}: {shown}"
            + f"; a value of {' and '.join(required)} in each row" * bool(wrong & set(required)),
            next_step=f"correct the rows; {step}",
        )
    return side
