"""Which files a project reads, and whether they changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cityai.spec.load import Project


def list_sources(project: Project) -> tuple[Path, ...]:
    """Return the files that a project's data come from, in the order of the specification."""
    spec = project.spec
    written = [spec.data.source.path, *(c.source.path for c in spec.covariates.values())]
    if spec.areas is not None:
        written.append(spec.areas.path)
    return tuple(project.find_path(path) for path in written)


def digest_sources(project: Project) -> str:
    """Return one SHA-256 of the bytes of all sources; a file that is not there counts as empty.

    Reading it is what finds a missing file and says so.
    """
    digest = hashlib.sha256()
    for path in list_sources(project):
        content = b""
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        digest.update(content or b"absent")
    return digest.hexdigest()
