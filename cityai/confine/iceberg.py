"""Iceberg tables: which Parquet files are the table, by its metadata, and which column is which."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cityai.confine.deleted import Positions, describe_deleted
from cityai.confine.equality import find_equal
from cityai.errors import DataError

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestEntry
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.table.metadata import TableMetadata

_TYPES: Final = {
    **{"boolean": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT"},
    **{"double": "DOUBLE", "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP"},
    **{"timestamptz": "TIMESTAMPTZ", "timestamp_ns": "TIMESTAMP_NS", "string": "VARCHAR"},
    "uuid": "UUID",
}
"""The engine's name of each type that has one value in a cell."""
_POSITIONS: Final = 1
_EQUAL: Final = 2
"""The kinds of deletes: by position, and by equality."""
_READ_DELETES: Final = ({"PARQUET"}, {"PUFFIN"})
_REWRITE: Final = (
    "let its owner rewrite the files (`rewrite_data_files` with `delete-file-threshold` 1), or ask "
    "for the table through a connection (Spark)"
)
_WRITE: Final = "write the table as it is now into a folder of Parquet files"


def read_iceberg(path: str, home: str) -> list[object]:
    """Read which files make up the current snapshot of a table.

    Where the table was written is not where it is read: a name in its metadata is one below the
    table's own folder, or is refused. Nothing is opened but files of that folder.

    Returns
    -------
    list
        The snapshot's number (empty where there is none); when it was written, in milliseconds
        after 1970; its Parquet files; number, name and the engine's type of each column that can
        be read, and an empty text, as files may call it anything; the types of those that cannot;
        what is deleted of its files, as `describe_deleted` tells it; and nothing else, as files
        hold all columns.

    Raises
    ------
    DataError
        If the metadata cannot be read, or the table uses what is not read here.
    """
    with _reading(path):
        metadata, files, entries = _open_snapshot(path, home)
        parts = [
            str(files.find(_check_rows(entry.data_file, path)))
            for entry in entries
            if not int(entry.data_file.content)
        ]
        columns, unread = _list_columns(metadata, path)
        deleted = describe_deleted(_find_deleted(path, metadata, files, entries))
    snapshot = metadata.current_snapshot()
    number, made = (str(snapshot.snapshot_id), snapshot.timestamp_ms) if snapshot else ("", None)
    return [number, made, parts, columns, unread, deleted, {}]


def find_deleted(path: str, home: str) -> Positions:
    """Find the rows that the current snapshot of a table lists as deleted (see `read_iceberg`)."""
    with _reading(path):
        return _find_deleted(path, *_open_snapshot(path, home))


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of a damaged file the library raises whatever it meets
        raise DataError(
            f"the metadata of the Iceberg table cannot be read ({type(error).__name__})",
            where=path,
            next_step=f"check that the folder is complete, or {_WRITE}",
        ) from None


def _open_snapshot(path: str, home: str) -> tuple[TableMetadata, _Files, list[ManifestEntry]]:
    """Open a table's metadata, and list the files of rows and of deletes of its snapshot."""
    from pyiceberg.manifest import read_manifest_list
    from pyiceberg.serializers import FromInputFile

    metadata = FromInputFile.table_metadata(_open_file(Path(path)))
    files, entries = _Files(Path(home), metadata.location), []
    if snapshot := metadata.current_snapshot():
        for manifest in read_manifest_list(files.new_input(snapshot.manifest_list)):
            entries += manifest.fetch_manifest_entry(files)
    return metadata, files, entries


def _find_deleted(
    path: str, metadata: TableMetadata, files: _Files, entries: list[ManifestEntry]
) -> Positions:
    """Find deleted rows by file: of a vector where it has one, else of lists of positions.

    A list counts for files that are no younger than it is. Rows that are deleted by equality are
    added to them.
    """
    age = {str(e.data_file.file_path): e.sequence_number or 0 for e in entries if not _kind(e)}
    listed: dict[str, list[np.ndarray]] = {}
    vectors: Positions = {}
    equal = [entry for entry in entries if _kind(entry) == _EQUAL]
    if any(_form(entry.data_file) != "PARQUET" for entry in equal):
        raise _refuse_deletes(path)
    placed = [entry for entry in entries if _kind(entry) == _POSITIONS]
    for name, own in groupby(sorted(placed, key=_name), key=_name):
        of_file = list(own)
        form = {_form(entry.data_file) for entry in of_file}
        if form not in _READ_DELETES:
            raise _refuse_deletes(path)
        if form == {"PUFFIN"}:
            counts = [int(entry.data_file.record_count) for entry in of_file]
            vectors |= _read_vectors(path, files.find(name), counts)
            continue
        for file, positions in _read_positions(files.find(name)):
            if age.get(file, math.inf) <= (of_file[0].sequence_number or 0):
                listed.setdefault(file, []).append(positions)
    found = {file: np.unique(np.concatenate(rows)) for file, rows in listed.items()} | vectors
    held = [entry for entry in entries if not _kind(entry)]
    undivided = {s.spec_id for s in metadata.partition_specs if _is_undivided(s)}
    for file, rows in find_equal(path, files.find, equal, held, undivided).items():
        found[file] = np.union1d(found.get(file, rows), rows)
    return {str(files.find(file)): rows for file, rows in found.items() if file in age}


def _is_undivided(spec: PartitionSpec) -> bool:
    """Tell whether a partition spec divides nothing; a part that was taken out is `void`."""
    return all(str(field.transform) == "void" for field in spec.fields)


def _read_positions(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Read a list of positions, by the file of rows that they are of."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as lists:
        table = lists.read(["file_path", "pos"]).combine_chunks()
    names = table["file_path"].combine_chunks().dictionary_encode()
    order, positions = names.indices.to_numpy(), table["pos"].to_numpy()
    for i, name in enumerate(names.dictionary.to_pylist()):
        yield name, positions[order == i]


def _read_vectors(path: str, file: Path, counts: list[int]) -> Positions:
    """Read deletion vectors; refuse a file that holds others than the snapshot counts."""
    from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
    from pyiceberg.table.puffin import PuffinFile

    vectors = deletion_vectors_from_puffin_file(PuffinFile(file.read_bytes()))
    found = {v.referenced_data_file: v.to_vector().to_numpy().astype(np.int64) for v in vectors}
    if len(found) != len(vectors) or sorted(map(len, found.values())) != sorted(counts):
        raise _refuse_deletes(path)
    return found


def _kind(entry: ManifestEntry) -> int:
    """Return what a file holds: 0 for rows, else which kind of deletes."""
    return int(entry.data_file.content)


def _name(entry: ManifestEntry) -> str:
    return str(entry.data_file.file_path)


def _form(file: DataFile) -> str:
    return str(getattr(file.file_format, "value", file.file_format)).upper()


def _check_rows(file: DataFile, path: str) -> str:
    """Return the name of a file of rows, or refuse what it is."""
    if (form := _form(file)) != "PARQUET":
        raise DataError(
            f"the Iceberg table has files of {form}, which are not read here",
            where=path,
            expected="rows in Parquet files",
            next_step=_REWRITE,
        )
    return str(file.file_path)


def _refuse_deletes(path: str) -> DataError:
    return DataError(
        "the Iceberg table tells deleted rows in a way that is not read here",
        where=path,
        expected="lists of deletes in Parquet files, or deletion vectors",
        next_step=_REWRITE,
    )


def _list_columns(
    metadata: TableMetadata, path: str
) -> tuple[list[tuple[int, str, str, str]], dict[str, str]]:
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
            columns.append((int(field.field_id), str(field.name), known, ""))
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
