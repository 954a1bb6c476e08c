"""Files that a source is made of, and what tells whether they changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cityai.data.delta import is_delta, read_log


def list_parts(path: Path) -> list[Path]:
    """Return the file, or the Parquet files of a folder and those in it; hidden ones are none.

    Of a Delta table they are those of its newest version.
    """
    if not path.is_dir():
        return [path]
    if is_delta(path):
        return read_log(path)[1]
    found = (p for end in ("parquet", "pq") for p in path.rglob(f"*.{end}") if p.is_file())
    return sorted(p for p in found if not any(n[0] in "._" for n in p.relative_to(path).parts))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, and of rows that a database keeps beside it.

    That of a folder is of the names and the bytes of its Parquet files.
    """
    if path.is_dir():
        named = (f"{part.relative_to(path)} {digest_file(part)}" for part in list_parts(path))
        return hashlib.sha256("\n".join(named).encode()).hexdigest()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    for log in (Path(f"{path}.wal"), Path(f"{path}-wal")):
        if log.is_file():
            digest.update(log.read_bytes())
    return digest.hexdigest()
