"""Delta tables: which of a folder's Parquet files are the table, by its log."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cityai.errors import DataError

_HARMLESS: Final = {"timestampNtz", "vacuumProtocolCheck"}
"""Features of a table that change nothing of how its files are read."""


def read_delta(path: str) -> list[object]:
    """Read which files make up the newest version of a table.

    Returns
    -------
    list
        The version; when it was written, in milliseconds after 1970, if the log says so; its
        Parquet files; None, as its columns are read by their names; no column that cannot be.

    Raises
    ------
    DataError
        If the log cannot be read, or the table uses what is not read here.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(path)
        protocol, options = table.protocol(), table.metadata().configuration
        (last,) = table.history(1) or [{}]
        files, version = table.file_uris(), str(table.version())
    except (DeltaError, OSError, ValueError) as error:
        raise DataError(
            f"the log of the Delta table cannot be read ({type(error).__name__})",
            where=path,
            next_step="check that the folder is complete, or write the table as it is now into a "
            "folder of Parquet files",
        ) from None
    features = set(protocol.reader_features or ()) - _HARMLESS
    if options.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    if features:
        raise DataError(
            f"the Delta table uses {', '.join(sorted(features))}, which is not read here",
            where=path,
            next_step="ask for the table through a connection (Spark), or write it as it is now "
            "into a folder of Parquet files",
        )
    made = last.get("timestamp") if str(last.get("version", version)) == version else None
    return [version, made, [str(Path(file)) for file in files], None, {}]
