from __future__ import annotations

from pathlib import Path

import pytest

from cityai.errors import StoreError
from cityai.store.files import PUBLIC_FILE_MODE, write_files


def test_files_are_whole_private_and_in_the_folder_asked_for(tmp_path: Path) -> None:
    paths = write_files({"a": b"1", "b": b"2"}, tmp_path / "new")
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    (public,) = write_files({"c": b"3"}, tmp_path / "open", PUBLIC_FILE_MODE)
    assert public.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", "a/../../x"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="outside"):
        write_files({"good": b"", name: b""}, tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_what_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    for name in ("a", "b"):
        with pytest.raises(StoreError, match="--force"):
            write_files({"new": b"", name: b""}, tmp_path, replace=False)
    assert (tmp_path / "a").read_text() == "mine"
    assert not (tmp_path / "new").exists()
    write_files({"a": b"yours"}, tmp_path)
    assert (tmp_path / "a").read_text() == "yours"
