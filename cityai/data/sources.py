"""Which files and queries a project reads, and whether they changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cityai.config.connection import Query, list_asked
from cityai.config.load import Project
from cityai.config.project import AuditableSpec
from cityai.config.record import walk_records
from cityai.data.file_digests import digest_file


def _list_sources(project: Project[AuditableSpec]) -> tuple[Path, ...]:
    """Return every file that a project reads: those of its specification in its order, and others.

    Whatever record of it has `paths` or a `path` names files: tables, what is joined to them,
    events, covariates, weights, the table of areas and its outlines. The city's other tables of
    areas are not read.
    """
    parts = [part for name, part in project.spec if name != "city"]
    records = (record for _, record in walk_records([*parts, project.spec.areas]))
    named = (getattr(r, "paths", (getattr(r, "path", None),)) for r in records)
    found = dict.fromkeys(path for paths in named for path in paths if isinstance(path, str))
    return *(project.find_path(path) for path in found), *project.files


def digest_sources(project: Project[AuditableSpec]) -> str:
    """Return one SHA-256 of the bytes of all files, and of the rows of all queries, that are read.

    A file that is not there, a pipe or a device counts as empty: reading it is what says so.
    """
    digest = hashlib.sha256()
    for path in _list_sources(project):
        is_read = path.is_file() or path.is_dir()
        digest.update((digest_file(path) if is_read else "absent").encode())
    if asked := list_asked(project.spec):
        from cityai.data.source.connections import digest_query, find_place
    for source in asked:
        place = find_place(project, source)
        digest.update((digest_query(place) if isinstance(place, Query) else "").encode())
    return digest.hexdigest()
