"""Merging lines: what one side changed is taken, and a conflict loses nothing."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.scaffold.update import MIDDLE, OURS, THEIRS, _merge_lines


@st.composite
def two_edits(draw):
    """A text of lines that differ, and two edits of it: one alignment, so that tools agree."""
    base = [f"{i}\n" for i in range(draw(st.integers(0, 10)))]
    sides = []
    for side in "ot":
        edited = []
        for i, line in enumerate(base):
            what = draw(st.sampled_from(["keep", "keep", "keep", "drop", "change", "insert"]))
            edited += {"keep": [line], "drop": [], "change": [f"{side}{i}\n"]}.get(
                what, [f"{side}{i}\n", line]
            )
        sides.append(edited)
    return tuple("".join(lines).encode() for lines in (base, *sides))


texts = st.lists(st.sampled_from("abcdef"), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines).encode()
)


@given(texts, texts)
def test_what_one_side_alone_changed_is_taken(base, changed):
    assert _merge_lines(base, changed, base) == changed
    assert _merge_lines(base, base, changed) == changed
    assert _merge_lines(base, changed, changed) == changed


@given(texts, texts, texts)
def test_no_line_of_either_side_is_lost_without_a_choice(base, ours, theirs):
    merged = _merge_lines(base, ours, theirs).splitlines()
    known = set(base.splitlines())
    for side in (ours, theirs):
        assert set(side.splitlines()) - known <= set(merged)
    assert merged.count(OURS) == merged.count(MIDDLE) == merged.count(THEIRS)


def test_changes_in_two_places_meet():
    assert _merge_lines(b"a\nb\nc\n", b"A\nb\nc\n", b"a\nb\nC\n") == b"A\nb\nC\n"


def test_a_conflict_holds_both_and_marks_begin_lines():
    merged = _merge_lines(b"a\nb", b"a\nours", b"a\ntheirs")
    assert merged == b"a\n<<<<<<< yours\nours\n=======\ntheirs\n>>>>>>> template\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="git, the oracle, is not installed")
@settings(max_examples=60, deadline=None)
@given(two_edits())
def test_equal_to_git_where_git_merges(tmp_path_factory, edits):
    base, ours, theirs = edits
    folder = tmp_path_factory.mktemp("merge")
    for name, text in {"base": base, "ours": ours, "theirs": theirs}.items():
        (folder / name).write_bytes(text)
    done = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=folder, capture_output=True
    )
    merged = _merge_lines(base, ours, theirs)
    assert (done.returncode == 0) == (OURS not in merged)
    if done.returncode == 0:
        assert merged == done.stdout
