"""Files that a source is made of, and what tells whether they changed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from io import BufferedReader
from pathlib import Path
from typing import Final

from cityai.data.versions import find_version
from cityai.errors import DataError

SETTLED: Final = 2_000_000_000
"""Nanoseconds since its last change from which a file's times tell a later one."""
_DIGESTS: dict[tuple[int, ...], str] = {}
"""What large files were when they were last read here: nothing of them changed since."""


def list_parts(path: Path) -> list[Path]:
    """Return the file, or the Parquet files of a folder and those in it; hidden ones are none.

    Of a table with versions they are those of the newest one.
    """
    if version := find_version(path):
        return list(version.parts)
    if not path.is_dir():
        return [path]
    found = (p for end in ("parquet", "pq") for p in path.rglob(f"*.{end}") if p.is_file())
    return sorted(p for p in found if not any(n[0] in "._" for n in p.relative_to(path).parts))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, and of rows that a database keeps beside it.

    That of a folder is of the names and the bytes of its Parquet files, and, where the files do not
    say it, of how their columns are called, which of their rows are deleted, and what part of the
    table they are.
    """
    version = find_version(path)
    if version or path.is_dir():
        home, parts = (version.home, version.parts) if version else (path, list_parts(path))
        named = [f"{part.relative_to(home)} {digest_file(part)}" for part in parts]
        if version and version.columns is not None:
            named.append(json.dumps(version.columns))
        if version and version.deleted:
            named += [f"deleted {version.deleted.get(part)}" for part in parts]
        if version and version.divided:
            named += [json.dumps(version.divided[part]) for part in parts]
        return hashlib.sha256("\n".join(named).encode()).hexdigest()
    logs = [log for log in (Path(f"{path}.wal"), Path(f"{path}-wal")) if log.is_file()]
    with open_bytes(path) as file:
        state = os.fstat(file.fileno())
        times = state.st_mtime_ns, state.st_ctime_ns
        key = state.st_dev, state.st_ino, state.st_size, *times
        if key in _DIGESTS and not logs:
            return _DIGESTS[key]
        is_settled = time.time_ns() - max(times) > SETTLED
        digest = hashlib.file_digest(file, "sha256")
    for log in logs:
        digest.update(log.read_bytes())
    if is_settled and not logs:
        _DIGESTS[key] = digest.hexdigest()
    return digest.hexdigest()


def open_bytes(path: Path) -> BufferedReader:
    """Open a file of the city's; what the system refuses is told as a mistake in the data."""
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(path),
            expected="a file that this account may read",
            next_step="make it readable for you, or name another file",
        ) from None
