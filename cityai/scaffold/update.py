"""An older project gets its template's changes; what a person edited is kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from cityai.errors import SpecError
from cityai.scaffold.catalogue import find_template
from cityai.scaffold.files import read_files, replace_file
from cityai.scaffold.project import (
    ORIGIN,
    PRISTINE,
    digest_template,
    read_origin,
    render_template,
    write_origin,
)
from cityai.scaffold.three_way_merge import OURS, THEIRS, merge_lines
from cityai.store.files import guard_files


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """What an update did, by path inside the project.

    Attributes
    ----------
    current : bool
        Whether there was nothing to do: the template is the same as when the project was made.
    changed : tuple of str
        Files that got the template's changes.
    added : tuple of str
        Files that the template has now.
    kept : tuple of str
        Files that the template changed and a person took away: they stay away.
    conflicts : tuple of str
        Files in which both changed the same lines; both are in the file, marked.
    """

    current: bool
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def update_project(project: Path) -> UpdateOutcome:
    """Bring a project up to its template as it is now, by a three-way merge of lines.

    Parameters
    ----------
    project : Path
        The project's folder.

    Raises
    ------
    SpecError
        When it was not made from a template, or marks of an earlier conflict are left in it.
    StoreError
        When the disk refuses.
    """
    origin = read_origin(project)
    template = find_template(origin.template)
    digest = digest_template(template)
    if digest == origin.digest:
        return UpdateOutcome(current=True)
    base = {p: c for p, c in read_files(project / PRISTINE).items() if p != ORIGIN}
    new = render_template(template, origin)
    own = {path: _read_own(project, path) for path in {*base, *new}}
    _refuse_marks(project, {path: content for path, content in own.items() if content})
    merged = {path: _merge(base.get(path), own[path], content) for path, content in new.items()}
    outcome = _tell(base, own, new, merged)
    with guard_files(project, "the project cannot be written"):
        for path in (*outcome.changed, *outcome.added, *outcome.conflicts):
            replace_file(project / path, merged[path] or b"")
        for path, content in new.items():
            replace_file(project / PRISTINE / path, content)
        for path in base.keys() - new.keys():
            (project / PRISTINE / path).unlink()
        replace_file(project / PRISTINE / ORIGIN, write_origin(replace(origin, digest=digest)))
        shutil.rmtree(project / PRISTINE / "__pycache__", ignore_errors=True)
    return outcome


def _read_own(project: Path, path: str) -> bytes | None:
    file = project / path
    return file.read_bytes() if file.is_file() else None


def _refuse_marks(project: Path, own: dict[str, bytes]) -> None:
    for path, content in own.items():
        if any(line.startswith((OURS, THEIRS)) for line in content.splitlines()):
            raise SpecError(
                "marks of an earlier conflict are left",
                where=str(project / path),
                expected="a file without lines that begin with <<<<<<< or >>>>>>>",
                next_step="choose the lines that hold, take the marks out, and update again",
            )


def _merge(base: bytes | None, own: bytes | None, new: bytes) -> bytes | None:
    """Return the merged content; None where the file stays away."""
    if own is None:
        return new if base is None else None
    if own in (base, new):
        return new
    if base == new:
        return own
    return merge_lines(base or b"", own, new)


def _tell(
    base: dict[str, bytes],
    own: dict[str, bytes | None],
    new: dict[str, bytes],
    merged: dict[str, bytes | None],
) -> UpdateOutcome:
    conflicts = sorted(p for p, content in merged.items() if content and OURS in content)
    written = sorted(p for p, c in merged.items() if c is not None and c != own[p])
    return UpdateOutcome(
        current=False,
        changed=tuple(p for p in written if own[p] is not None and p not in conflicts),
        added=tuple(p for p in written if own[p] is None),
        kept=tuple(sorted(p for p in new if own[p] is None and p in base and base[p] != new[p])),
        conflicts=tuple(conflicts),
    )
