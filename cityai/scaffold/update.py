"""An older project gets its template's changes; what a person edited is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final, NamedTuple

from cityai.errors import SpecError
from cityai.scaffold.files import find_template, read_files, replace_file
from cityai.scaffold.project import (
    ORIGIN,
    PRISTINE,
    digest_template,
    read_origin,
    render_template,
    write_origin,
)
from cityai.store.files import guard_files

OURS: Final = b"<<<<<<< yours"
MIDDLE: Final = b"======="
THEIRS: Final = b">>>>>>> template"


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """What an update did, by path inside the project."""

    current: bool
    """Whether there was nothing to do: the template is the same as when the project was made."""
    changed: tuple[str, ...] = ()
    """Files that got the template's changes."""
    added: tuple[str, ...] = ()
    """Files that the template has now."""
    kept: tuple[str, ...] = ()
    """Files that the template changed and a person took away: they stay away."""
    conflicts: tuple[str, ...] = ()
    """Files in which both changed the same lines; both are in the file, marked."""


def update_project(project: Path) -> UpdateOutcome:
    """Bring a project up to its template as it is now, by a three-way merge of lines.

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
    return _merge_lines(base or b"", own, new)


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


class _Unchanged(NamedTuple):
    """Lines that all three have: where they begin in each, and how many there are."""

    base: int
    ours: int
    theirs: int
    size: int


def _merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    """Merge three texts by lines (diff3, Khanna, Kunal and Pierce 2007).

    A stretch that one side alone changed is taken from that side; one that both changed in
    different ways is a conflict, and both versions stay, between marks.
    """
    b, o, t = (text.splitlines(keepends=True) for text in (base, ours, theirs))
    merged: list[bytes] = []
    at = _Unchanged(0, 0, 0, 0)
    for found in _find_unchanged(b, o, t):
        merged += _merge_stretch(
            b[at.base : found.base], o[at.ours : found.ours], t[at.theirs : found.theirs]
        )
        merged += b[found.base : found.base + found.size]
        base_at, ours_at, theirs_at, size = found
        at = _Unchanged(base_at + size, ours_at + size, theirs_at + size, 0)
    return b"".join(merged)


def _find_unchanged(
    base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]
) -> Iterator[_Unchanged]:
    """Yield the stretches of the base that neither side changed; an empty one at the end."""
    left = SequenceMatcher(None, base, ours, autojunk=False).get_matching_blocks()
    right = SequenceMatcher(None, base, theirs, autojunk=False).get_matching_blocks()
    i = j = 0
    while i < len(left) and j < len(right):
        (at, in_ours, a_size), (at_too, in_theirs, b_size) = left[i], right[j]
        first, last = max(at, at_too), min(at + a_size, at_too + b_size)
        if first < last:
            yield _Unchanged(first, in_ours + first - at, in_theirs + first - at_too, last - first)
        i, j = (i + 1, j) if at + a_size < at_too + b_size else (i, j + 1)
    yield _Unchanged(len(base), len(ours), len(theirs), 0)


def _merge_stretch(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> Sequence[bytes]:
    if base == ours:
        return theirs
    if theirs in (base, ours):
        return ours
    return [OURS + b"\n", *_end(ours), MIDDLE + b"\n", *_end(theirs), THEIRS + b"\n"]


def _end(lines: list[bytes]) -> list[bytes]:
    """Give a last line without an end one, so that a mark begins a line."""
    return [line if line.endswith((b"\n", b"\r")) else line + b"\n" for line in lines]
