from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.config.policy import PolicySpec
from cityai.errors import StoreError
from cityai.findings import Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say
from cityai.i18n.stored import dump_text
from cityai.store import files as store_files
from cityai.store.records import (
    MANIFEST,
    has_record,
    keep_record,
    load_record,
    read_record,
    save_record,
    write_record,
)
from cityai.store.tables import read_table, write_table
from cityai.store.values import decode_value


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Part:
    """A nested record."""

    table: pd.DataFrame
    first: pd.Timestamp
    weight: float


@dataclass(frozen=True)
class Whole:
    """One field of every kind that records of the project hold."""

    findings: tuple[Finding, ...]
    part: Part
    parts: dict[str, Part]
    tables: dict[str, pd.DataFrame]
    maybe: pd.DataFrame | None
    array: np.ndarray[Any, Any]
    arrays: tuple[np.ndarray[Any, Any], ...]
    policy: PolicySpec
    day: date
    colour: Colour
    figures: dict[str, float]
    counts: dict[int, int]
    either: float | int | str | None
    both: Part | Finding
    pair: tuple[str, float]
    missing: pd.Timestamp
    zoned: pd.Timestamp
    free: dict[str, Any]
    nothing: tuple[str, ...] = ()


def make_whole(**changes: Any) -> Whole:
    table = pd.DataFrame({"y": [1.5, np.nan], "g": pd.Categorical(["a", None])})
    part = Part(table, pd.Timestamp("2024-01-01").as_unit("s"), float("nan"))
    finding = Finding("a.b", Status.FAIL, "T", "Ré", float("nan"), 0.05, "share", "x=é")
    whole = Whole(
        findings=(finding, replace(finding, observed=None)),
        part=part,
        parts={"é/..": part},
        tables={"rain": table},
        maybe=None,
        array=np.array([[1.0, np.nan], [-0.0, np.inf]]),
        arrays=(np.array([True]), np.array(["2024-01-01"], dtype="M8[D]")),
        policy=PolicySpec(small_cell=7),
        day=date(2024, 2, 29),
        colour=Colour.RED,
        figures={"nan": float("nan"), "inf": float("-inf"), "x": 0.1 + 0.2},
        counts={3: 4},
        either="3",
        both=finding,
        pair=("a", 1e-320),
        missing=pd.NaT,
        zoned=pd.Timestamp("2024-07-01 12:00:00.123456789", tz="America/Lima"),
        free={"a": [1, "x", None, {"b": 2.5}]},
    )
    return replace(whole, **changes)


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
    elif hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, pd.Timestamp):
        assert (a, a.unit, str(a.tz)) == (b, b.unit, str(b.tz))
    else:
        assert repr(a) == repr(b)


def test_a_record_comes_back_as_it_went(tmp_path: Path) -> None:
    save_record(make_whole(), tmp_path / "p" / "stage" / "digest")
    assert_same(load_record(Whole, tmp_path / "p" / "stage" / "digest"), make_whole())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.one_of(st.none(), st.text(), st.integers(), st.floats()),
    st.dictionaries(st.text(), st.floats(), max_size=4),
    st.dictionaries(st.text(), JSON, max_size=3),
    st.integers(-(10**9), 4 * 10**9),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_any_values_come_back(
    either: Any, figures: dict[str, float], free: dict[str, Any], second: int, unit: Any
) -> None:
    moment = pd.Timestamp(second, unit="s").as_unit(unit)
    whole = make_whole(either=either, figures=figures, free=free, missing=moment)
    assert_same(read_record(Whole, write_record(whole), "here"), whole)


def test_a_message_in_a_table_keeps_its_arguments() -> None:
    """Texts that pandas would hold as ``str`` forget what they were made from."""
    told = [say("{n} rows", n=3), say("{n} rows", n=4)]
    content, described = write_table(make_frame({"told": told, "plain": ["a", "b"]}))
    back = read_table(content, described)["told"]
    assert [dump_text(text) for text in back] == [dump_text(text) for text in told]
    assert isinstance(dump_text(back[0]), dict)


def test_the_same_record_gives_the_same_bytes() -> None:
    assert write_record(make_whole()) == write_record(make_whole())


def test_numpy_scalars_become_plain_ones() -> None:
    whole = make_whole(counts={np.int64(3): np.int32(4)}, pair=(np.str_("a"), np.float64(2)))
    back = read_record(Whole, write_record(whole), "here")
    assert back.counts == {3: 4}
    assert back.pair == ("a", 2.0)


@pytest.mark.parametrize(
    "changes",
    [{"pair": ("a", "b", "c")}, {"maybe": 3}, {"counts": {"a": 1}}, {"array": [1.0]}],
    ids=["length", "table", "key", "array"],
)
def test_a_value_of_another_type_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        write_record(make_whole(**changes))


def test_objects_in_an_array_are_refused() -> None:
    with pytest.raises(ValueError, match="pickle"):
        write_record(make_whole(array=np.array([{}], dtype=object)))


def test_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    save_record(make_whole(), folder)
    assert {oct(p.stat().st_mode & 0o777) for p in folder.iterdir()} == {"0o600"}
    assert {oct(p.stat().st_mode & 0o777) for p in (folder, folder.parent)} == {"0o700"}


def test_the_manifest_is_what_sha256sum_reads(tmp_path: Path) -> None:
    save_record(make_whole(), tmp_path / "r")
    lines = (tmp_path / "r" / MANIFEST).read_text().splitlines()
    assert all(len(line.split("  ")[0]) == 64 for line in lines)
    listed = {line.split("  ")[1] for line in lines}
    assert listed == {p.name for p in (tmp_path / "r").iterdir()} - {MANIFEST}


@pytest.mark.parametrize("name", ["record.json", "part.table.parquet", "array.npy", MANIFEST])
@pytest.mark.parametrize("how", ["flip", "cut", "delete"])
def test_a_changed_file_is_found_and_named(tmp_path: Path, name: str, how: str) -> None:
    save_record(make_whole(), tmp_path / "r")
    path = tmp_path / "r" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if how == "delete":
        path.unlink()
    else:
        path.write_bytes(content if how == "flip" else content[: len(content) // 2])
    named = r"record|parquet|npy" if name == MANIFEST else name
    with pytest.raises(StoreError, match=named) as caught:
        load_record(Whole, tmp_path / "r")
    assert "delete the folder and run again" in caught.value.next_step


def test_an_added_file_is_found(tmp_path: Path) -> None:
    save_record(make_whole(), tmp_path / "r")
    (tmp_path / "r" / "extra.npy").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"extra\.npy was added"):
        load_record(Whole, tmp_path / "r")


def test_a_record_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_record(Part(pd.DataFrame(), pd.Timestamp(0), 1.0), tmp_path / "r")
    with pytest.raises(StoreError, match="Whole"):
        load_record(Whole, tmp_path / "r")


def test_no_record_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no saved result"):
        load_record(Whole, tmp_path / "r")


def test_a_kept_record_is_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> Part:
        made.append(1)
        return make_whole().part

    first = keep_record(Part, tmp_path / "r", make)
    assert_same(keep_record(Part, tmp_path / "r", make), first)
    assert len(made) == 1


def list_all(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_file_that_cannot_grow_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "p" / "r"
    save_record(make_whole(), folder)
    before = list_all(tmp_path)
    big = make_whole(array=np.random.default_rng(0).random(10_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StoreError, match="file too large"):
            save_record(big, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list_all(tmp_path) == before
    assert [p.name for p in folder.parent.iterdir()] == ["r"]


@pytest.mark.promise(23)
@pytest.mark.parametrize("call", range(1, 12, 2))
def test_a_full_disk_at_any_write_leaves_what_was_there(
    observe: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    folder = tmp_path / "p" / "r"
    save_record(make_whole(), folder)
    before, calls = list_all(tmp_path), iter(range(1, 1000))

    def fill(handle: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_files.os, "fsync", fill)
    fails = call <= len(list(folder.iterdir())) + 1  # each file, and the folder
    if fails:
        with pytest.raises(StoreError, match="no space left") as caught:
            save_record(make_whole(day=date(2025, 1, 1)), folder)
        assert "free some space" in caught.value.next_step
    else:
        save_record(make_whole(day=date(2025, 1, 1)), folder)
    monkeypatch.undo()
    assert fails == (list_all(tmp_path) == before)
    assert load_record(Whole, folder)
    assert [p.name for p in folder.parent.iterdir()] == ["r"]
    observe("old files whole" if fails else "written whole")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be saved: not a directory") as caught:
        save_record(make_whole(), tmp_path / "file" / "r")
    assert "CITYAI_STATE" in caught.value.next_step
    assert not has_record(tmp_path / "file" / "r")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_refuses_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="permission denied"):
        save_record(make_whole(), tmp_path / "r")
    tmp_path.chmod(0o700)


@dataclass(frozen=True)
class Younger:
    """A record that got a field."""

    old: int
    new: str = "nothing"


def test_a_record_that_is_older_than_a_field_with_a_default_is_read() -> None:
    assert decode_value({"old": 1}, Younger, {}) == Younger(1)
    with pytest.raises(TypeError, match="old"):
        decode_value({"new": "x"}, Younger, {})
