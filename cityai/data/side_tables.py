"""The tables beside the main one: the city's areas, and covariates with values in time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, PERIOD, ROW_NUMBER
from cityai.config.city import AreasSpec
from cityai.config.load import Project
from cityai.config.load_audit import AuditRequest
from cityai.config.project import BaseProjectSpec, ColumnSpec, CovariateSpec, SourceSpec
from cityai.config.risk import EventSpec
from cityai.data.contract import Contract, build_contract, judge_values
from cityai.data.conversion import NUMBER, convert_cells
from cityai.data.periods import Periods
from cityai.data.source import REJECT_COLUMNS, SourceTable, open_source
from cityai.data.source.engine import check_columns, fetch_frame, list_none
from cityai.errors import DataError, suggest_name
from cityai.i18n.messages import say

AREA_NAME: Final = "area_name"
POPULATION: Final = "population"
_LIMIT: Final = 5_000_000


@dataclass(frozen=True)
class SideTable:
    """One table beside the main one.

    Attributes
    ----------
    table : pandas.DataFrame
        See `read_areas` and `read_covariate`.
    read, rejected : int
        Rows of the source, and those that do not keep the contract.
    rejects : pandas.DataFrame
        row_number, column (`covariate.column`), value, reason: one row per refused cell.
    digest : str
        SHA-256 of the file.
    """

    table: pd.DataFrame
    read: int
    rejected: int
    rejects: pd.DataFrame
    digest: str


def read_areas(project: Project[BaseProjectSpec] | AuditRequest, areas: AreasSpec) -> SideTable:
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
    """
    path = project.find_path(areas.path)
    try:
        first = _read_areas(project, areas, path)
        for more in areas.more:
            path = project.find_path(more.path)
            added = _read_areas(project, AreasSpec(**more.model_dump()), path)
            first = _add_areas(first, added, path)
        table = first.table.set_axis(_write_ids(first.table.index, areas, path), axis=0)
        return replace(first, table=table.rename_axis(AREA).sort_index())
    except DataError as error:
        raise DataError(
            f"the area table: {error.what}",
            where=error.where or str(path),
            expected=error.expected,
            next_step="correct the table, or `areas` in the city's file; a table is CSV (UTF-8, "
            "commas between cells, a point in decimals) or Parquet",
        ) from None


def _read_areas(
    project: Project[BaseProjectSpec] | AuditRequest, areas: AreasSpec, path: Path
) -> SideTable:
    contract = build_contract(
        {areas.key: ColumnSpec(type="text")}, [areas.key], zone=project.spec.city.time_zone
    )
    with open_source(SourceSpec(path=areas.path), path, None, max_rows=_LIMIT) as opened:
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
    table = table.copy().assign(
        **{
            AREA_NAME: table[areas.name].astype("str") if areas.name else ids.to_numpy(),
            POPULATION: np.nan,
        }
        if areas.population is None
        else {
            AREA_NAME: table[areas.name].astype("str") if areas.name else ids.to_numpy(),
            POPULATION: _read_population(table, areas, str(path)),
        }
    )
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


def _write_ids(ids: pd.Index, areas: AreasSpec, path: Path) -> list[str]:
    """Return the ids as the city's data write them."""
    known = set(ids)
    for name in areas.written:
        if name not in known:
            raise DataError(
                f"`written` names an area '{name}' that the table does not have",
                where=f"{path}, column '{areas.key}'",
                expected=suggest_name(name, known),
            )
    written = [areas.written.get(name, name) for name in ids]
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


def read_covariate(project: Project, name: str, spec: CovariateSpec, periods: Periods) -> SideTable:
    """Read one covariate, combined to the project's periods.

    Returns
    -------
    SideTable
        Its table has the key (`entity_id` or `area_id`; `""` in `entity_id` for the city), period
        (int64), known (int64: first origin at which the period's value is complete; 0 for what is
        known ahead) and the declared columns (float64, NaN when missing), sorted.

    Raises
    ------
    DataError
        If the table cannot be read or most rows break the contract.
    SpecError
        If a key is missing for `by: area` or `by: entity`.
    """
    side = read_side(project, name, spec)
    return replace(side, table=_combine(side.table, spec, periods))


def read_side(
    project: Project[BaseProjectSpec],
    name: str,
    spec: CovariateSpec | EventSpec,
    section: str = "covariates",
) -> SideTable:
    """Read a table with values in time, row by row.

    Returns
    -------
    SideTable
        Its table has the rows that keep the contract, in the order of the source: every declared
        column under its own name, and `n`, the row's number.

    Raises
    ------
    DataError
        If the table cannot be read or most rows break the contract.
    """
    columns = {spec.time: _find_moment(spec), **spec.columns}
    required = [spec.time]
    if spec.key is not None and spec.by != "city":
        columns[spec.key] = ColumnSpec(type="text")
        required.append(spec.key)
    known = None if spec.known == "ahead" else spec.known
    if known is not None and known.column is not None:
        columns.setdefault(known.column, ColumnSpec(type="datetime"))
        required.append(known.column)
    if isinstance(spec, EventSpec):
        points = [name for name in (spec.latitude, spec.longitude) if name]
        columns |= {name: ColumnSpec(type="number") for name in points}
        required += points
        if spec.join is not None:
            columns.setdefault(spec.join.on, ColumnSpec(type="text"))
    return read_table(project, name, spec.source, columns, required, section)


def _find_moment(spec: CovariateSpec | EventSpec) -> ColumnSpec:
    return ColumnSpec(type="date" if isinstance(spec, CovariateSpec) else "datetime")


def read_table(
    project: Project[BaseProjectSpec],
    name: str,
    source: SourceSpec,
    columns: Mapping[str, ColumnSpec],
    required: Sequence[str],
    section: str,
) -> SideTable:
    """Read the rows of any table beside the main one, as `read_side`."""
    path = project.find_path(source.path)
    contract = build_contract(
        columns,
        required,
        zone=project.spec.city.time_zone,
        **source.marks,
    )
    with open_source(source, path, list(columns), max_rows=_LIMIT) as opened:
        frame, read = _read_frame(opened, contract)
        digest, cut = opened.digest, len(opened.cut_rows)
        rejects = _list_rejects(frame, contract, name, opened.cut_rows)
    is_good = ~frame.filter(regex=r"^r\d+$").notna().any(axis=1)
    rejected = int((~is_good).sum()) + cut
    if rejected * 2 > read + cut:
        raise DataError(
            f"{rejected:,} of {read + cut:,} rows of the {section.removesuffix('s')} '{name}' "
            "break its contract",
            where=str(path),
            expected=_describe_first(frame, contract),
            next_step=f"correct the contract under `{section}`, or the file",
        )
    good = frame[is_good].rename(columns={f"v{i}": c for i, c in enumerate(contract.columns)})
    return SideTable(good[[*contract.columns, "n"]], read + cut, rejected, rejects, digest)


def _read_frame(opened: SourceTable, contract: Contract) -> tuple[pd.DataFrame, int]:
    converted = opened.save("converted", convert_cells(opened, contract))
    judge_values(converted, contract, opened.where)
    frame = fetch_frame(converted.order_by("n"))
    return frame, len(frame)


def _list_rejects(
    frame: pd.DataFrame, contract: Contract, name: str, cut_rows: pd.DataFrame
) -> pd.DataFrame:
    """List every refused cell, its column after the name of the covariate."""
    parts = [cut_rows.assign(column=name)]
    for i, column in enumerate(contract.columns):
        bad = frame[frame[f"r{i}"].notna()]
        cells = {ROW_NUMBER: bad["n"], "value": bad[f"x{i}"], "reason": bad[f"r{i}"]}
        parts.append(pd.DataFrame(cells).assign(column=f"{name}.{column}"))
    listed = pd.concat([part for part in parts if len(part)] or [cut_rows])
    listed = listed.sort_values([ROW_NUMBER, "column"], ignore_index=True)
    return listed[list(REJECT_COLUMNS)].astype(list_none().dtypes.to_dict())


def _describe_first(frame: pd.DataFrame, contract: Contract) -> str:
    for i, name in enumerate(contract.columns):
        bad = frame[frame[f"r{i}"].notna()]
        if len(bad):
            row = bad.iloc[0]
            return f"row {row['n']}: '{name}' is {row[f'x{i}']!r} ({row[f'r{i}']})"
    return say("rows with as many cells as the header")


def _combine(good: pd.DataFrame, spec: CovariateSpec, periods: Periods) -> pd.DataFrame:
    key = AREA if spec.by == "area" else ENTITY
    names = [name for name in spec.columns if name not in (spec.time, spec.key)]
    period = periods.index(good[spec.time])
    table = good[names].astype("float64").assign(**{PERIOD: period})
    table[key] = good[spec.key].astype("str") if spec.by != "city" and spec.key else ""
    table[ROW_NUMBER] = good["n"]
    table["day"] = good[spec.time]
    if spec.known == "ahead":
        table[KNOWN] = 0
    else:
        column, lag = spec.known.column, pd.Timedelta(days=spec.known.lag_days or 0)
        moments = good[column] if column else good[spec.time] + lag
        table[KNOWN] = np.maximum(periods.index(moments), period) + 1
    # Sorted by day and value, so the rows' order in the file changes nothing.
    table = table[table[PERIOD] >= 0].sort_values([key, PERIOD, "day", *names])
    grouped = table.groupby([key, PERIOD], sort=True)
    combined = (
        grouped[names].sum(min_count=1)
        if spec.combine == "sum"
        else grouped[names].agg(spec.combine)
    )
    combined.insert(0, KNOWN, grouped[KNOWN].max())
    return combined.reset_index()[[key, PERIOD, KNOWN, *names]].astype(
        {PERIOD: "int64", KNOWN: "int64"}
    )
