"""The city's area table: ids, names, residents, and whatever else it says of areas."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AREA
from cityai.config.city import AreasSpec
from cityai.config.load import Project
from cityai.config.project import AuditableSpec
from cityai.config.tables import ColumnSpec, SourceSpec
from cityai.data.contract import build_contract
from cityai.data.conversion import NUMBER, convert_cells
from cityai.data.side_tables import MOST_ROWS, SideTable
from cityai.data.source import open_source
from cityai.data.source.engine import check_columns, fetch_frame, list_none
from cityai.errors import DataError, SpecError, suggest_name

AREA_NAME: Final = "area_name"
POPULATION: Final = "population"


def read_areas(project: Project[AuditableSpec], areas: AreasSpec) -> SideTable:
    """Read the city's areas, indexed by their id.

    A column of a CSV file whose every filled cell is a number is a number; the id is always text.

    Returns
    -------
    SideTable
        Its table is indexed by `area_id` (str, sorted) and has the source's columns, `area_name`
        (str) and `population` (float64, NaN when not declared).

    Raises
    ------
    DataError
        If it is no CSV in UTF-8 with commas and no Parquet file, a column is absent, an id is
        missing or appears twice, or a population is not a number.
    SpecError
        When `names` or `written` name an area that the table does not have.
    """
    path = project.find_path(areas.path)
    try:
        first = _read_areas(project, areas, path)
        for more in areas.more:
            path = project.find_path(more.path)
            added = _read_areas(project, AreasSpec(**more.model_dump()), path)
            first = _add_areas(first, added, path)
        place = next((n for n, one in project.spec.city.areas.items() if one == areas), "")
        names = areas.names
        if isinstance(names, str):
            names = {name: names.replace("{id}", name) for name in map(str, first.table.index)}
        for key, given in {"names": names, "written": areas.written}.items():
            _check_ids(given, first.table.index, path, f"areas.{place}.{key}")
        named = pd.Series({**first.table[AREA_NAME], **names}, dtype="str")
        table = first.table.assign(**{AREA_NAME: named})
        table = table.set_axis(_write_ids(table.index, areas, path), axis=0)
        return replace(first, table=table.rename_axis(AREA).sort_index())
    except DataError as error:
        raise DataError(
            f"the area table: {error.what}",
            where=error.where or str(path),
            expected=error.expected,
            next_step="correct the table, or `areas` in the city's file; a table is CSV (UTF-8, "
            "commas between cells, a point in decimals), Parquet, xlsx or JSON",
        ) from None


def _read_areas(project: Project[AuditableSpec], areas: AreasSpec, path: Path) -> SideTable:
    contract = build_contract(
        {areas.key: ColumnSpec(type="text")}, [areas.key], zone=project.spec.city.time_zone
    )
    with open_source(SourceSpec(path=areas.path), path, None, max_rows=MOST_ROWS) as opened:
        named = [c for c in (areas.key, areas.name, areas.population) if c]
        check_columns(named, list(opened.names), path)
        keys = fetch_frame(convert_cells(opened, contract).order_by("n"))
        table = fetch_frame(opened.table.order_by("n"))
        table = table.rename(columns={new: old for old, new in opened.names.items()})
        table = table.drop(columns="n")
        if opened.is_text:
            table = table.apply(_read_numbers)
        digest = opened.digest
    ids = keys["v0"]
    for at, problem in ((ids.isna(), "has no id"), (ids.duplicated(), "repeats an id")):
        if at.any():
            raise DataError(
                f"row {int(keys['n'][at].iloc[0])} {problem}",
                where=f"{path}, column '{areas.key}'",
                expected="one row per area, each with its own id",
            )
    people = np.nan if areas.population is None else _read_population(table, areas, str(path))
    names = table[areas.name].astype("str") if areas.name else ids.to_numpy()
    table = table.copy().assign(**{AREA_NAME: names, POPULATION: people})
    table.index = pd.Index(ids.astype("str"), name=AREA)
    return SideTable(table, len(table), 0, list_none(), digest)


def _add_areas(first: SideTable, more: SideTable, path: Path) -> SideTable:
    """Add the columns of another table about the same areas."""
    known = more.table.index.intersection(first.table.index)
    again = more.table.columns.intersection(first.table.columns)
    added = more.table.drop(columns=again)
    earlier, later = first.table.loc[known], more.table.loc[known]
    own = again.drop([AREA_NAME, POPULATION])
    both = [str(c) for c in own if not earlier[c].equals(later[c])]
    if both or known.empty:
        raise DataError(
            f"the column '{both[0]}' is in an earlier table too, and holds something else there"
            if both
            else "none of its areas is in the first table",
            where=str(path),
            expected="columns of its own, and the ids of the first table",
            next_step="rename the column, or correct `key` under `more`",
        )
    return SideTable(
        first.table.join(added),
        first.read + more.read,
        0,
        list_none(),
        hashlib.sha256(f"{first.digest} {more.digest}".encode()).hexdigest(),
    )


def _check_ids(named: Iterable[str], ids: pd.Index, path: Path, where: str) -> None:
    for name in named:
        if name not in ids:
            raise SpecError(
                f"there is no area '{name}' in {path.name}",
                where=f"{where}.{name}",
                expected=suggest_name(name, map(str, ids)),
            )


def _write_ids(ids: pd.Index, areas: AreasSpec, path: Path) -> list[str]:
    """Return the ids as the city's data write them."""
    written = [areas.written.get(name, name) for name in map(str, ids)]
    if len(set(written)) < len(written):
        raise DataError(
            "`written` gives two areas the same id",
            where=str(path),
            expected="a writing of its own for every area",
        )
    return written


def _read_numbers(column: pd.Series) -> pd.Series:
    text = column.astype("str").str.strip()
    filled = text[text.notna() & (text != "")]
    is_number = filled.str.fullmatch(NUMBER["."]) & ~filled.str.fullmatch(r"[+-]?0[0-9]+")
    if len(filled) and bool(is_number.all()):
        return text.where(text != "").astype("float64")
    return text


def _read_population(table: pd.DataFrame, areas: AreasSpec, where: str) -> pd.Series:
    written = table[areas.population]
    filled = written.notna() & (written.astype("str").str.strip() != "")
    people = pd.to_numeric(written.where(filled), errors="coerce").astype("float64")
    wrong = filled & ~(people >= 0)
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise DataError(
            f"the column '{areas.population}' does not hold numbers of residents: row {row + 1} "
            f"has '{written.iloc[row]}'",
            where=where,
            expected="numbers such as 12034, or nothing where they are not known",
        )
    return people
