"""A full disk: no decision is lost, none is doubled, and what is said is what happened."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cityai.cli.main import run_command
from cityai.pipeline.review import read_review
from tests.review.conftest import Kept, Place, move
from tests.review.test_release import YES

STANDS = "is signed and stands"
WRITES = ("open", "mkdir", "replace", "rename", "fsync", "link", "symlink")


@contextmanager
def fill_disk_after(writes: int) -> Iterator[list[str]]:
    """Let so many calls of the system that write go through; every later one finds no space."""
    done: list[str] = []

    def guard(name: str, real):
        def call(*given, **more):
            reads = name == "open" and not given[1] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
            if not reads:
                done.append(name)
                if len(done) > writes:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*given, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(os, name, guard(name, getattr(os, name)))
        yield done


def require_told(place: Place, before: int, code: int, said: str) -> int:
    """Hold what is in the chain against what was said of it; return the number of acts."""
    chain = read_review(place.project).chain
    assert chain.faults == ()
    signed = len(chain.links) - before
    assert signed in (0, 1)
    assert (STANDS in said) is bool(signed and code), said
    assert bool(code) or signed == 1
    assert "Traceback" not in said
    return len(chain.links)


def try_every_write(place: Place, command, capsys) -> tuple[int, int]:
    """Run a command with the disk full after 0, 1, 2, ... writes; return how many failed, stood."""
    refused = stood = 0
    for writes in range(10_000):
        before = len(read_review(place.project).chain.links)
        capsys.readouterr()
        with fill_disk_after(writes) as done:
            code = command()
        said = " ".join(capsys.readouterr().err.split())
        after = require_told(place, before, code, said)
        refused += bool(code)
        stood += bool(code) and after > before
        if len(done) <= writes:
            assert code == 0
            return refused, stood
    raise AssertionError("it never ends")


@pytest.mark.promise(12)
def test_no_decision_is_lost_or_doubled_where_the_disk_is_full(
    place: Place, capsys, monkeypatch, observe
) -> None:
    monkeypatch.setattr("cityai.pipeline.sign.publish_portfolio", lambda workspace: None)
    refused, stood = try_every_write(place, lambda: place.sign("comment", "ben"), capsys)
    assert refused >= 4
    assert stood == 0
    observe(f"a disk that is full at each of {refused} writes of an act: none lost, none doubled")


@pytest.mark.long
@pytest.mark.promise(12)
def test_an_act_stands_though_its_pages_found_no_space(
    place: Place, kept: Kept, capsys, observe
) -> None:
    refused, stood = try_every_write(place, lambda: place.sign("approve", "ben", *YES), capsys)
    assert stood > 10
    assert run_command(["card", "index", str(place.folder)]) == 0
    assert run_command(["registry", "check", str(place.project)]) == 0
    more, kept_on = try_every_write(place, lambda: move(place, "promote"), capsys)
    assert kept_on > 10
    assert run_command(["registry", "restore", str(place.project)]) == 0
    assert run_command(["registry", "check", str(place.project)]) == 0
    observe(
        f"a disk full at each of {refused + more} writes: {stood + kept_on} acts stand, as told"
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", "size=64m", "cityai", str(folder)]
    if not shutil.which("mount") or subprocess.run(asked, capture_output=True).returncode:
        pytest.skip("nobody may mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.promise(12)
def test_a_disk_that_is_really_full(
    made_place: Path, small_disk: Path, capsys, monkeypatch, observe
) -> None:
    """A file takes all but some blocks; acts are signed until the whole disk is free again."""
    place = Place(made_place).copy(small_disk / "city")
    monkeypatch.setenv("CITYAI_STATE", str(place.folder / ".cityai"))
    assert place.sign("open", "ana") == 0
    free = os.statvfs(small_disk)
    blocks, refused, stood = free.f_bavail, 0, 0
    for left in (0, 1, 2, 3, 4, 6, 8, 16, 64, 256, 1024, blocks):
        balloon = small_disk / "balloon"
        balloon.unlink(missing_ok=True)
        balloon.write_bytes(bytes(max(os.statvfs(small_disk).f_bavail - left, 0) * free.f_bsize))
        before = len(read_review(place.project).chain.links)
        capsys.readouterr()
        code = place.sign("comment", "ben")
        after = require_told(place, before, code, " ".join(capsys.readouterr().err.split()))
        refused, stood = refused + bool(code), stood + (bool(code) and after > before)
    assert code == 0
    assert refused >= 3
    assert [*place.folder.rglob(".tmp-*")] == []
    observe(f"a file system with no space left: {refused} acts refused or kept as told, none lost")
