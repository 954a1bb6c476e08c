"""Rows that an Iceberg table lists as deleted by what stands in them (deletes by equality)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from cityai.confine.deleted import Positions
from cityai.errors import DataError

Entry: TypeAlias = Any
"""A file of a table, as its manifest tells it: `cityai.confine.iceberg` reads it."""
_FIELD: Final = b"PARQUET:field_id"


def find_equal(
    path: str,
    find: Callable[[str], Path],
    deletes: list[Entry],
    rows: list[Entry],
    everywhere: set[int],
) -> Positions:
    """Find rows whose cells equal those of a list of deletes.

    A list counts for files that are older than it is, of its own partition or, where it has none,
    of every one. A missing cell equals a missing cell.

    Parameters
    ----------
    path : str
        The table, for messages.
    find : Callable
        Finds a file by the name that the table gives it.
    deletes, rows : list of Entry
        Files of deletes by equality, and of rows.
    everywhere : set of int
        Numbers of the partition specs that divide nothing.

    Raises
    ------
    DataError
        If the cells cannot be held against each other.
    """
    found: Positions = {}
    for numbers, alike in groupby(sorted(deletes, key=_list_numbers), key=_list_numbers):
        lists = [(entry, _read(find(_name(entry)), numbers, path)) for entry in alike]
        for of_rows in rows:
            counted = [t for entry, t in lists if _counts(entry, of_rows, everywhere)]
            if not counted:
                continue
            columns = _read(find(_name(of_rows)), numbers, path, may_lack=True)
            positions = _match(counted, columns, path)
            if len(positions):
                name = _name(of_rows)
                found[name] = np.union1d(found.get(name, np.empty(0, np.int64)), positions)
    return found


def _counts(entry: Entry, of_rows: Entry, everywhere: set[int]) -> bool:
    if (of_rows.sequence_number or 0) >= (entry.sequence_number or 0):
        return False
    ours, theirs = entry.data_file, of_rows.data_file
    is_same = ours.spec_id == theirs.spec_id and list(ours.partition) == list(theirs.partition)
    return ours.spec_id in everywhere or is_same


def _name(entry: Entry) -> str:
    return str(entry.data_file.file_path)


def _list_numbers(entry: Entry) -> tuple[int, ...]:
    return tuple(sorted(entry.data_file.equality_ids or ()))


def _read(file: Path, numbers: tuple[int, ...], path: str, *, may_lack: bool = False) -> list[Any]:
    """Read the columns of these numbers; one that was added after the rows is missing there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        told = {(f.metadata or {}).get(_FIELD): f.name for f in opened.schema_arrow}
        names = [told.get(str(number).encode()) for number in numbers]
        if not numbers or not (may_lack or all(names)):
            raise _refuse(path, "it does not say which columns they are")
        table = opened.read([name for name in names if name])
        count = opened.metadata.num_rows
    return [pa.chunked_array([pa.nulls(count)]) if n is None else table[n] for n in names]


def _match(lists: list[list[Any]], columns: list[Any], path: str) -> np.ndarray:
    """Return the positions of rows that equal one of the lists' in all columns."""
    import pyarrow as pa

    size = sum(len(columns_of[0]) for columns_of in lists)
    codes = np.zeros(size + len(columns[0]), np.int64)
    for i, column in enumerate(columns):
        parts = [_level(part, path) for part in (*(of[i] for of in lists), column)]
        kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
        if len(kinds) > 1:
            raise _refuse(path, f"a column is {' and '.join(sorted(map(str, kinds)))}")
        kind = next(iter(kinds), pa.null())
        if pa.types.is_null(kind):
            continue
        both = pa.chunked_array([c for part in parts for c in part.cast(kind).chunks], kind)
        own = both.dictionary_encode().unify_dictionaries()
        place = np.concatenate([c.indices.fill_null(-1).to_numpy() for c in own.chunks]) + 1
        codes = np.unique(codes * (place.max() + 1) + place, return_inverse=True)[1]
    return np.flatnonzero(np.isin(codes[size:], codes[:size])).astype(np.int64)


def _level(column: Any, path: str) -> Any:
    """Write types that a table may widen in one way."""
    import pyarrow as pa

    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if types.is_integer(kind):
        return column.cast(pa.int64())
    if types.is_decimal(kind):
        return column.cast(pa.decimal128(38, kind.scale))
    if types.is_timestamp(kind):
        return column.cast(pa.timestamp(kind.unit, None if kind.tz is None else "UTC"))
    if types.is_large_string(kind) or types.is_string(kind):
        return column.cast(pa.large_string())
    plain = ("null", "boolean", "date32", "time64", "fixed_size_binary")
    if not any(getattr(types, f"is_{name}")(kind) for name in plain):
        raise _refuse(path, f"a column is {kind}")
    return column


def _refuse(path: str, why: str) -> DataError:
    return DataError(
        f"the Iceberg table lists deleted rows by equality in a way that is not read here ({why})",
        where=path,
        expected="columns of whole numbers, decimals, texts, dates, moments, yes or no",
        next_step="let its owner rewrite the files (`rewrite_data_files` with "
        "`delete-file-threshold` 1), or ask for the table through a connection (Spark)",
    )
