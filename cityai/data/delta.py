"""Delta tables: which of a folder's Parquet files are the table, by its log."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cityai.errors import DataError, SetupError

LOG: Final = "_delta_log"
_HARMLESS: Final = {"timestampNtz", "vacuumProtocolCheck"}
"""Features of a table that change nothing of how its files are read."""


def is_delta(path: Path) -> bool:
    """Tell whether a folder is a Delta table."""
    return (path / LOG).is_dir()


def read_log(path: Path) -> tuple[int, list[Path]]:
    """Read which files make up the newest version of a table.

    Returns
    -------
    int
        The version.
    list of Path
        Its Parquet files, sorted.

    Raises
    ------
    SetupError
        If the library that reads logs is not installed.
    DataError
        If the log cannot be read, names a file that is not there, or the table uses what is not
        read here.
    """
    if find_spec("deltalake") is None:
        raise SetupError(
            "the library for Delta tables is not installed",
            where=str(path),
            next_step="pip install 'cityai[delta]', or ask for the table through a connection",
        )
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(path)
        protocol, options = table.protocol(), table.metadata().configuration
        found = [Path(file).resolve() for file in table.file_uris()]
        version = int(table.version())
    except (DeltaError, OSError, ValueError) as error:
        raise DataError(
            f"the log of the Delta table cannot be read ({type(error).__name__})",
            where=str(path),
            next_step="check that the folder is complete, or write the table as it is now into a "
            "folder of Parquet files",
        ) from None
    features = set(protocol.reader_features or ()) - _HARMLESS
    if options.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    if features:
        raise DataError(
            f"the Delta table uses {', '.join(sorted(features))}, which is not read here",
            where=str(path),
            next_step="ask for the table through a connection (Spark), or write it as it is now "
            "into a folder of Parquet files",
        )
    home = path.resolve()
    if not all(file.is_relative_to(home) and file.is_file() for file in found):
        raise DataError(
            "the log of the Delta table names files that are not in its folder",
            where=str(path),
            next_step="write the table as it is now into a folder of Parquet files",
        )
    return version, sorted(path / file.relative_to(home) for file in found)
