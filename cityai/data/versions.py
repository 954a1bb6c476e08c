"""Tables that are kept with versions (Delta, Iceberg): which files are the table, by its log.

A format tells the files of the newest version, which version that is, and by what its columns are
found; the reader of Parquet files does the rest. Within a run the log is read once, so that all of
the run is of one version, whatever is written meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cityai.confine.reader import ask_reader
from cityai.errors import DataError, SetupError

_LIBRARIES: Final = {"Delta": "deltalake", "Iceberg": "pyiceberg"}
_METADATA: Final = ".metadata.json"
_HINT: Final = "version-hint.text"
_HELD: ContextVar[dict[Path, TableVersion] | None] = ContextVar("held", default=None)


@dataclass(frozen=True)
class TableVersion:
    """What a table was, at a moment."""

    format: str
    """`Delta` or `Iceberg`."""
    number: str
    """The version; of Iceberg the snapshot."""
    made: datetime | None
    """When it was written, in UTC, as its log says; None where it does not."""
    home: Path
    """The table's folder, without links."""
    parts: tuple[Path, ...]
    """Its Parquet files, sorted."""
    columns: tuple[tuple[int, str, str, str], ...] | None
    """Where the files may call a column otherwise: its number in them, its name, the engine's type,
    and what they must call it, if anything; None where names are the same."""
    unread: dict[str, str]
    """Columns that cannot be read, with their types."""
    deleted: dict[Path, tuple[int, str]]
    """Where rows of a file are marked as deleted: how many, and the SHA-256 of their positions."""
    divided: dict[Path, dict[str, str | None]]
    """Where the log alone holds columns by which the table is divided: their texts, by file."""
    log: tuple[str, ...]
    """What the reading process is told to find these rows: `cityai.confine.delta.find_deleted`."""

    @property
    def told(self) -> str:
        """Which it is, for messages."""
        return f"{'snapshot' if self.format == 'Iceberg' else 'version'} {self.number}"

    def list_row(self, source: str) -> tuple[str, str, str, str]:
        """Return the row of `list_versions` for the table of that name."""
        made = self.made.isoformat() if self.made else ""
        return source, self.format, self.number, made


@contextmanager
def hold_versions() -> Iterator[None]:
    """Read each log once as long as this lasts, or as long as one around it does."""
    if _HELD.get() is not None:
        yield
        return
    held = _HELD.set({})
    try:
        yield
    finally:
        _HELD.reset(held)


def find_version(path: Path) -> TableVersion | None:
    """Return the newest version of a table; None where a path is no table with versions.

    Parameters
    ----------
    path : Path
        Its folder; of an Iceberg table also the file of its metadata.

    Raises
    ------
    SetupError
        If the library that reads its log is not installed.
    DataError
        If the log cannot be read, names a file that is not in the folder, or the table uses what
        is not read here.
    """
    held, path = _HELD.get(), path.resolve()
    if held is not None and path in held:
        return held[path]
    if path.name.endswith(_METADATA) and path.is_file():
        # In the folder `metadata` of the table's own.
        found = _ask("Iceberg", path, path.parent.parent, path)
    elif not path.is_dir():
        return None
    elif (path / "_delta_log").is_dir():
        found = _ask("Delta", path, path)
    elif metadata := _find_metadata(path):
        found = _ask("Iceberg", path, path, metadata)
    else:
        return None
    if held is not None:
        held[path] = found
    return found


def _find_metadata(path: Path) -> Path | None:
    """Return the file of an Iceberg table's newest metadata; None where a folder is none.

    The hint, where there is one, may lag behind by a commit. A table of a catalog has none: what
    is current stands in the catalog, and the highest number is taken if only one file has it.
    """
    numbered: dict[int, list[Path]] = {}
    for file in (path / "metadata").glob(f"*{_METADATA}"):
        if number := re.match(r"v?(\d+)[.-]", file.name):
            numbered.setdefault(int(number[1]), []).append(file)
    hint = path / "metadata" / _HINT
    if not numbered:
        if hint.exists():
            raise _tell_unclear(path, "there is no file of its metadata")
        return None
    last = max(numbered)
    if hint.exists():
        hinted = hint.read_bytes()[:20].decode("ascii", "replace").strip()
        if not hinted.isdecimal() or int(hinted) not in numbered:
            raise _tell_unclear(path, f"{_HINT} names none of its metadata")
        last = int(hinted)
        while last + 1 in numbered:
            last += 1
    if len(numbered[last]) > 1:
        names = " and ".join(sorted(file.name for file in numbered[last]))
        raise _tell_unclear(path, f"{names} have the same number")
    return numbered[last][0]


def _tell_unclear(path: Path, why: str) -> DataError:
    return DataError(
        f"which version of the Iceberg table is the current one cannot be told: {why}",
        where=str(path),
        next_step="name the file of its metadata that the catalog says is current as `path`",
    )


def _ask(kind: str, path: Path, home: Path, metadata: Path | None = None) -> TableVersion:
    """Let the reading process read a log."""
    if find_spec(_LIBRARIES[kind]) is None:
        raise SetupError(
            f"the library for {kind} tables is not installed",
            where=str(path),
            next_step=f"pip install 'cityai[{kind.lower()}]', or ask for the table through a "
            "connection",
        )
    given = [str(home)] if metadata is None else [str(metadata), str(home)]
    ((number, made, files, columns, unread, deleted, divided),) = ask_reader(
        path, kind.lower(), *given
    )
    parts = sorted(Path(file).resolve() for file in files)
    if not all(part.is_relative_to(home) and part.is_file() for part in parts):
        raise DataError(
            f"the log of the {kind} table names files that are not in its folder",
            where=str(path),
            next_step="write the table as it is now into a folder of Parquet files",
        )
    moment = None if made is None else datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=made)
    return TableVersion(
        kind,
        number,
        moment,
        home,
        tuple(parts),
        None if columns is None else tuple((i, *told) for i, *told in columns),
        unread,
        {Path(file): (count, digest) for file, (count, digest) in deleted.items()},
        {Path(file): texts for file, texts in divided.items()},
        (*given, number) if metadata is None else tuple(given),
    )
