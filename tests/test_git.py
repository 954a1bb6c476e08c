"""A delivered folder's git configuration may name programs; none of them is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cityai.pipeline.provenance import read_git


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "delivered"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("1\n")
    (folder / ".gitattributes").write_text("*.txt filter=spy\n")
    (folder / "b.csv").write_text("1\n")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_spy(folder: Path) -> tuple[str, Path]:
    mark = folder.parent / "ran"
    spy = folder.parent / "spy.sh"
    spy.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    spy.chmod(0o755)
    return str(spy), mark


def test_commit_and_changes_are_read(folder: Path, tmp_path: Path) -> None:
    head = git(folder, "rev-parse", "HEAD")
    assert read_git(folder) == (head, False)
    (folder / "a.txt").write_text("2\n")
    assert read_git(folder) == (head, True)
    assert read_git(tmp_path) == ("", False)


@pytest.mark.parametrize(
    "key",
    ["core.fsmonitor", "filter.spy.clean", "filter.spy.process", "hook", "include"],
)
def test_no_program_of_the_folder_is_run(folder: Path, key: str) -> None:
    spy, mark = make_spy(folder)
    if key == "hook":
        hook = folder / ".git" / "hooks" / "post-index-change"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(Path(spy).read_text())
        hook.chmod(0o755)
    elif key == "include":
        (folder / ".git" / "more").write_text(
            f'[core]\nfsmonitor = {spy}\n[filter "spy"]\nclean={spy}'
        )
        git(folder, "config", "include.path", "more")
    else:
        git(folder, "config", key, spy)
    if key.startswith("filter"):
        git(folder, "config", "filter.spy.required", "true")
    for name in ("a.txt", "b.csv"):
        os.utime(folder / name, (1, 1))
    commit, dirty = read_git(folder)
    assert len(commit) == 40
    assert not dirty
    assert not mark.exists()
    # The trap itself works: plain git runs the program.
    subprocess.run(["git", "-C", str(folder), "status"], capture_output=True, check=False)
    assert mark.exists()


def test_a_folder_that_only_looks_like_a_repository_is_not_one(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", ".")
    spy, mark = make_spy(tmp_path / "x")
    git(tmp_path, "config", "core.fsmonitor", spy)
    assert read_git(tmp_path) == ("", False)
    assert not mark.exists()
