"""Iceberg tables: which Parquet files are the table, by its metadata, and which column is which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cityai.errors import DataError

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

_TYPES: Final = {
    **{"boolean": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT"},
    **{"double": "DOUBLE", "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP"},
    **{"timestamptz": "TIMESTAMPTZ", "timestamp_ns": "TIMESTAMP_NS", "string": "VARCHAR"},
    "uuid": "UUID",
}
"""The engine's name of each type that has one value in a cell."""
_WRITE: Final = "write the table as it is now into a folder of Parquet files"


def read_iceberg(path: str, home: str) -> list[object]:
    """Read which files make up the current snapshot of a table.

    Where the table was written is not where it is read: a name in its metadata is one below the
    table's own folder, or is refused. Nothing is opened but files of that folder.

    Parameters
    ----------
    path : str
        The file of its metadata.
    home : str
        Its folder.

    Returns
    -------
    list
        The snapshot's number (empty where there is none); when it was written, in milliseconds
        after 1970; its Parquet files; number, name and the engine's type of each column that can
        be read; the types of those that cannot.

    Raises
    ------
    DataError
        If the metadata cannot be read, or the table uses what is not read here.
    """
    from pyiceberg.manifest import read_manifest_list
    from pyiceberg.serializers import FromInputFile

    try:
        metadata = FromInputFile.table_metadata(_open_file(Path(path)))
        files = _Files(Path(home), metadata.location)
        snapshot = metadata.current_snapshot()
        found: list[DataFile] = []
        if snapshot is not None:
            for manifest in read_manifest_list(files.new_input(snapshot.manifest_list)):
                found += [entry.data_file for entry in manifest.fetch_manifest_entry(files)]
        parts = [str(files.find(_check_file(file, path))) for file in found]
        columns, unread = _list_columns(metadata, path)
    except DataError:
        raise
    except Exception as error:  # of a damaged file the library raises whatever it meets
        raise DataError(
            f"the metadata of the Iceberg table cannot be read ({type(error).__name__})",
            where=path,
            next_step=f"check that the folder is complete, or {_WRITE}",
        ) from None
    if snapshot is None:
        return ["", None, parts, columns, unread]
    return [str(snapshot.snapshot_id), snapshot.timestamp_ms, parts, columns, unread]


def _check_file(file: DataFile, path: str) -> str:
    """Return the name of a file of rows, or refuse what it is."""
    content, kind = int(file.content), str(getattr(file.file_format, "value", file.file_format))
    if content or kind.upper() != "PARQUET":
        raise DataError(
            "the Iceberg table keeps deleted rows in files of their own, which are not read here"
            if content
            else f"the Iceberg table has files of {kind}, which are not read here",
            where=path,
            expected="rows in Parquet files, without deletes beside them",
            next_step="let its owner rewrite the files (`rewrite_data_files` with "
            "`delete-file-threshold` 1), or ask for the table through a connection (Spark)",
        )
    return str(file.file_path)


def _list_columns(
    metadata: TableMetadata, path: str
) -> tuple[list[tuple[int, str, str]], dict[str, str]]:
    columns, unread = [], {}
    for field in metadata.schema().fields:
        kind = str(field.field_type)
        known = kind.replace(" ", "").upper() if kind.startswith("decimal(") else _TYPES.get(kind)
        if known is None:
            unread[field.name] = kind.partition("<")[0]
        elif field.initial_default is not None:
            raise DataError(
                f"the column '{field.name}' stands for a value in rows older than itself, which is "
                "not read here",
                where=path,
                next_step=f"ask for the table through a connection (Spark), or {_WRITE}",
            )
        else:
            columns.append((int(field.field_id), str(field.name), known))
    return columns, unread


def _write_plain(name: str) -> str:
    """Write a local file's name in one way: writers say `file:/x`, `file:///x` and `/x`."""
    return re.sub(r"^file:/+", "/", name)


def _open_file(path: Path) -> Any:
    from pyiceberg.io import InputFile

    class File(InputFile):  # type: ignore[misc]
        """A file of the table's folder."""

        def __len__(self) -> int:
            return path.stat().st_size

        def exists(self) -> bool:
            return path.is_file()

        def open(self, seekable: bool = True) -> Any:
            return path.open("rb")

    return File(str(path))


class _Files:
    """The files of a table's folder, by the names that its metadata gives them."""

    def __init__(self, home: Path, location: str) -> None:
        self._home, self._location = home.resolve(), f"{_write_plain(location).rstrip('/')}/"

    def new_input(self, name: str) -> Any:
        """Open a file of metadata."""
        return _open_file(self.find(name))

    def find(self, name: str) -> Path:
        """Return where a file is.

        Raises
        ------
        DataError
            If it is not within the folder.
        """
        name = _write_plain(name)
        file = (self._home / name.removeprefix(self._location)).resolve()
        if name.startswith(self._location) and file.is_relative_to(self._home) and file.is_file():
            return file
        raise DataError(
            "the metadata of the Iceberg table names files that are not in its folder",
            where=str(self._home),
            expected="all files of the table, below one folder",
            next_step=f"copy the whole folder, or {_WRITE}",
        )
