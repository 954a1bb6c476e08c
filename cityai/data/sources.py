"""Which files a project reads, and whether they changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.source.engine import digest_file


def list_sources(project: Project[BaseProjectSpec]) -> tuple[Path, ...]:
    """Return every file that a project's specification names, in the order of the specification.

    Whatever record of it has a `path` names a file: tables, what is joined to them, events,
    covariates, tables of areas and their outlines.
    """
    found = dict.fromkeys(_find_paths(project.spec))
    return tuple(project.find_path(path) for path in found)


def digest_sources(project: Project[BaseProjectSpec]) -> str:
    """Return one SHA-256 of the bytes of all sources; a file that is not there counts as empty.

    Reading it is what finds a missing file and says so.
    """
    digest = hashlib.sha256()
    for path in list_sources(project):
        digest.update((digest_file(path) if path.is_file() else "absent").encode())
    return digest.hexdigest()


def _find_paths(part: object) -> Iterator[str]:
    if isinstance(part, BaseModel):
        for name, value in part:
            if name == "path" and isinstance(value, str):
                yield value
            else:
                yield from _find_paths(value)
    elif isinstance(part, Mapping | tuple | list):
        for value in part.values() if isinstance(part, Mapping) else part:
            yield from _find_paths(value)
