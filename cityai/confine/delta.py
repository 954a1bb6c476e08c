"""Delta tables: which of a folder's Parquet files are the table, by its log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np

from cityai.confine.deleted import Positions, describe_deleted
from cityai.errors import DataError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_KNOWN: Final = {"timestampNtz", "vacuumProtocolCheck", "deletionVectors", "columnMapping"}
"""Features of a table that change nothing of how its files are read, and those that are read."""
_TYPES: Final = {
    **{"boolean": "BOOLEAN", "byte": "TINYINT", "short": "SMALLINT", "integer": "INTEGER"},
    **{"long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "string": "VARCHAR", "date": "DATE"},
    **{"timestamp": "TIMESTAMPTZ", "timestamp_ntz": "TIMESTAMP"},
}
"""The engine's name of each type that has one value in a cell."""
_MAPPING: Final = "delta.columnMapping"


def read_delta(path: str) -> list[object]:
    """Read which files make up the newest version of a table.

    Returns
    -------
    list
        The version; when it was written, in milliseconds after 1970, if the log says so; its
        Parquet files; number, name, the engine's type and the files' name of each column that can
        be read, None where columns go by their names; the types of those that cannot; what is
        deleted of its files, as `describe_deleted` tells it; by file, the texts of the columns that
        it is a part by, where neither the files nor their folders' names hold them.

    Raises
    ------
    DataError
        If the log cannot be read, or the table uses what is not read here.
    """
    from deltalake import DeltaTable

    with _reading(path):
        table = DeltaTable(path)
        protocol, about = table.protocol(), table.metadata()
        fields = json.loads(table.schema().to_json())["fields"]
        (last,) = table.history(1) or [{}]
        files, version = table.file_uris(), str(table.version())
    features = set(protocol.reader_features or ()) - _KNOWN
    is_mapped = about.configuration.get(f"{_MAPPING}.mode", "none") != "none"
    divided = list(about.partition_columns)
    if features:
        raise DataError(
            f"the Delta table uses {', '.join(sorted(features))}, which is not read here",
            where=path,
            next_step="ask for the table through a connection (Spark), or write it as it is now "
            "into a folder of Parquet files",
        )
    made = last.get("timestamp") if str(last.get("version", version)) == version else None
    stored = [field for field in fields if field["name"] not in divided]
    columns, unread = _list_columns(stored) if is_mapped else (None, {})
    is_told = all(f"/{name}=" in f"/{file}" for file in files for name in divided)
    with _reading(path):
        deleted = describe_deleted(_read_vectors(table))
        parts = {} if is_told and not is_mapped else _read_partitions(table, divided)
    return [version, made, [str(Path(file)) for file in files], columns, unread, deleted, parts]


def _read_partitions(table: DeltaTable, names: list[str]) -> dict[str, dict[str, str | None]]:
    """Read what the log says of each file, as text; a value that it does not name is missing."""
    import pyarrow as pa

    if not names:
        return {}
    files = [Path(file) for file in table.file_uris()]
    told = pa.table(table.get_add_actions(flatten=True))
    values = [told[f"partition.{name}"].cast(pa.string()).to_pylist() for name in names]
    rows = (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))
    home = Path(unquote(urlsplit(table.table_uri).path))
    found = {
        str((home / unquote(name)).resolve()): row
        for name, row in zip(told["path"].to_pylist(), rows, strict=True)
    }
    return {str(file.resolve()): found[str(file.resolve())] for file in files}


def _list_columns(
    fields: list[dict[str, Any]],
) -> tuple[list[tuple[int, str, str, str]], dict[str, str]]:
    """List mapped columns, and the types of those that have no single value in a cell."""
    columns, unread = [], {}
    for field in fields:
        name, kind, about = field["name"], field["type"], field["metadata"]
        text = kind if isinstance(kind, str) else str(kind["type"])
        known = text.upper() if text.startswith("decimal(") else _TYPES.get(text)
        if known is None:
            unread[name] = text
        else:
            stored = str(about[f"{_MAPPING}.physicalName"])
            columns.append((int(about[f"{_MAPPING}.id"]), name, known, stored))
    return columns, unread


def find_deleted(path: str, version: str) -> Positions:
    """Find the rows that a version of a table marks as deleted (deletion vectors).

    Raises
    ------
    DataError
        If they cannot be read, or are of a file that is not the version's.
    """
    from deltalake import DeltaTable

    with _reading(path):
        return _read_vectors(DeltaTable(path, version=int(version)))


@contextmanager
def _reading(path: str) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError, ValueError, LookupError) as error:
        raise DataError(
            f"the log of the Delta table cannot be read ({type(error).__name__})",
            where=path,
            next_step="check that the folder is complete, or write the table as it is now into a "
            "folder of Parquet files",
        ) from None


def _read_vectors(table: DeltaTable) -> Positions:
    import pyarrow as pa

    found: Positions = {}
    names = table.file_uris()
    files = set(names)
    if len(files) < len(names):
        raise LookupError("a file comes twice")
    for batch in pa.RecordBatchReader.from_stream(table.deletion_vectors()):
        for name, kept in zip(*batch.columns, strict=True):
            file = unquote(urlsplit(name.as_py()).path)
            if file not in files:
                raise LookupError(file)
            mask = kept.values.to_numpy(zero_copy_only=False)
            found[str(Path(file).resolve())] = np.flatnonzero(~mask)
    return found
