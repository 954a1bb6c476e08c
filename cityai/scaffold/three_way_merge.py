"""Three-way merge of lines (diff3): what two sides changed since a common base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

OURS: Final = b"<<<<<<< yours"
MIDDLE: Final = b"======="
THEIRS: Final = b">>>>>>> template"


class _Unchanged(NamedTuple):
    """Lines that all three have: where they begin in each, and how many there are."""

    base: int
    ours: int
    theirs: int
    size: int


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    """Merge three texts by lines (diff3, Khanna, Kunal and Pierce 2007).

    A stretch that one side alone changed is taken from that side; one that both changed in
    different ways is a conflict, and both versions stay, between marks.

    Parameters
    ----------
    base, ours, theirs : bytes
        The text that both sides began with, and what each made of it.

    Returns
    -------
    bytes
        The merged text. Lines that begin with `OURS`, `MIDDLE` and `THEIRS` mark a conflict.
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
