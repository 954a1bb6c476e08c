from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cityai.errors import StoreError
from cityai.progress import SilentProgress, heard_by
from cityai.store import digests
from cityai.store.cards import PENDING, hold_cards, publish_files, read_seal
from cityai.store.digests import CHAPTERS, SHARED, STAGES, digest_sources, digest_stage, digest_text
from cityai.store.files import TEMPORARY, hold_lock
from cityai.store.stages import clean_stages, open_store


def test_the_state_is_private_and_never_committed(tmp_path: Path) -> None:
    store = open_store(tmp_path / "new" / ".cityai")
    assert oct(store.state.stat().st_mode & 0o777) == "0o700"
    assert (store.state / ".gitignore").read_text() == "*\n"
    assert open_store(store.state) == store
    assert store.find_folder(
        "waste", "panel", "ab" * 32
    ) == store.state / "projects/waste/panel" / ("ab" * 8)


def test_a_state_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="CITYAI_STATE"):
        open_store(tmp_path / "file" / ".cityai")


def test_digests_depend_on_each_input_and_on_the_stage() -> None:
    made = {digest_stage(s, *i) for s in STAGES for i in (("a", "b"), ("ab",), ("b", "a"), ())}
    assert len(made) == 4 * len(STAGES)
    assert digest_stage("quality", "a") == digest_stage("quality", "a")
    assert digest_text("a") != digest_text("b")


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="'pannel'"):
        digest_stage("pannel")


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("columns.py", {"data", "modeling", "assessment", "card"}),
        ("kinds/demand.py", {"data", "modeling", "assessment", "card"}),
        ("modeling/fit.py", {"modeling", "assessment", "card"}),
        ("card/templates/card.html.j2", {"card"}),
        ("card/__pycache__/x.pyc", set()),
        ("cli/main.py", set()),
    ],
)
def test_a_change_of_code_makes_its_chapter_and_those_above_stale(
    tmp_path: Path, changed: str, stale: set[str]
) -> None:
    rooms = [f"{room}/a.py" for chapter in CHAPTERS.values() for room in chapter]
    files = [part if part.endswith(".py") else f"{part}/a.py" for part in SHARED]
    names = [*rooms, *files, "kinds/demand.py", "modeling/fit.py"]
    names += ["card/templates/card.html.j2", "card/__pycache__/x.pyc", "cli/main.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")

    def digest_anew() -> tuple[dict[str, str], str]:
        digests._list_files.cache_clear()
        told = {c: digest_sources.__wrapped__(c, tmp_path) for c in CHAPTERS}
        return told, digests.digest_package(tmp_path)

    before, whole = digest_anew()
    (tmp_path / changed).write_text("2")
    after, whole_after = digest_anew()
    assert {c for c in CHAPTERS if before[c] != after[c]} == stale
    assert (whole != whole_after) == (not changed.endswith(".pyc"))


def test_a_room_that_is_gone_is_no_silent_part_of_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="results would not depend on its code"):
        digest_sources.__wrapped__("data", tmp_path)


def test_the_records_used_last_stay(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for stage in ("panel", "rows"):
        for i in range(4):
            folder = store.find_folder("waste", stage, f"{i}" * 16)
            folder.mkdir(parents=True)
            os.utime(folder, (i, i))
    left = tmp_path / "projects" / "waste" / "rows" / f"{TEMPORARY}1-ab"
    left.mkdir()
    assert len(clean_stages(store, "waste", keep=2)) == 5
    kept = sorted(p.name[0] for p in (tmp_path / "projects" / "waste").glob("*/*"))
    assert kept == ["2", "2", "3", "3"]
    assert clean_stages(store, "another") == ()


HOLD = """
import sys, time
from pathlib import Path
from cityai.store.files import hold_lock
with hold_lock(Path(sys.argv[1]), "x", doing="a run", seconds=1):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_told_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []
        began = time.monotonic()
        with (
            pytest.raises(StoreError, match=rf"in progress \(process {holder.pid}\)"),
            hold_lock(tmp_path, "x", doing="a run", seconds=0.3, on_wait=said.append),
        ):
            pass
        assert time.monotonic() - began >= 0.3  # it waited as long as it was told to
        assert len(said) == 1
        holder.kill()
        holder.wait()
    with hold_lock(tmp_path, "x", doing="a run", seconds=1):
        pass


def test_a_waiting_holder_gets_its_turn(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with (
        store.lock_project("waste"),
        store.lock_project("water", seconds=0),
        pytest.raises(StoreError, match="another run of waste"),
        store.lock_project("waste", 0),
    ):
        pass
    with store.lock_project("waste", 0):
        pass


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    (tmp_path / ".cityai").mkdir()
    return tmp_path / "model_cards"


def publish(cards: Path, text: str, *names: str) -> None:
    with hold_cards(cards, cards.parent / ".cityai"):
        publish_files(cards, dict.fromkeys(names or NAMES, text))


NAMES = ("waste/card.html", "waste/card.json", "waste/card.md", "index.html")


def read_all(cards: Path) -> dict[str, str]:
    return {p.relative_to(cards).as_posix(): p.read_text() for p in cards.rglob("*") if p.is_file()}


def test_a_card_is_published_for_all_to_read(cards: Path) -> None:
    publish(cards, "é")
    (cards / "waste" / "register.json").write_text("kept")
    publish(cards, "2")
    assert read_all(cards) == {**dict.fromkeys(NAMES, "2"), "waste/register.json": "kept"}
    assert {oct((cards / n).stat().st_mode & 0o777) for n in NAMES} == {"0o644"}
    assert oct((cards / "waste").stat().st_mode & 0o777) == "0o755"
    publish(cards, "", "waste/card.md")
    assert "waste/card.md" not in read_all(cards)


def test_a_card_that_cannot_be_published_leaves_the_old_one(cards: Path) -> None:
    publish(cards, "old")
    (cards / "waste" / "card.md").unlink()
    (cards / "waste" / "card.md").mkdir()
    with pytest.raises(StoreError, match="cannot be published"):
        publish(cards, "new")
    assert set(read_all(cards).values()) == {"old"}
    assert not (cards / PENDING).exists()


@pytest.mark.parametrize("refused", ["folder", "file"])
def test_a_folder_that_refuses_is_seen_before_anything_is_replaced(
    cards: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """Root passes by modes, so the system's answers are those of an immutable file or folder."""
    publish(cards, "old")
    open_, access = os.open, os.access

    def deny(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if refused == "file" and path == cards / "waste" / "card.md" and flags & os.O_WRONLY:
            raise PermissionError(errno.EPERM, "not permitted", str(path))
        return open_(path, flags, *more, **named)

    def ask(path: Any, mode: int) -> bool:
        return access(path, mode) and not (refused == "folder" and path == cards / "waste")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", deny)
        patch.setattr(os, "access", ask)
        with pytest.raises(StoreError, match="cannot be published") as caught:
            publish(cards, "new")
        assert caught.value.next_step == "make it writable for you, run again"
        assert set(read_all(cards).values()) == {"old"}
        assert not (cards / PENDING).exists()


def test_a_publication_cut_short_is_finished_aloud_or_told(
    cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(cards, json.dumps({"record": {"content_digest": "a"}}))
    state, replace, moved = cards.parent / ".cityai", os.replace, []

    def refuse(path: Path, target: Path) -> None:
        moved.append(target.name)
        if target.name == "index.html":
            raise PermissionError(errno.EPERM, "not permitted", str(target))
        replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(StoreError, match="in part") as caught:
            publish(cards, "new")
        assert "`cityai card index`" in caught.value.next_step
        assert moved == ["card.html", "card.json", "card.md", "index.html"]
        assert read_seal(cards, state, "waste") == ""
    heard: list[str] = []

    class Ear(SilentProgress):
        def warn(self, what: str) -> None:
            heard.append(what)

    with heard_by(Ear()), hold_cards(cards, state):
        assert set(read_all(cards).values()) == {"new"}
    assert heard == [f"finished a publication that was cut short: {cards}"]


CALLS = ("mkdir", "chmod", "open", "write", "fsync", "rename", "replace", "unlink", "rmdir")


def test_a_publication_cut_short_anywhere_is_old_or_new(
    cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies before or between any two calls of the system leaves no half state."""
    state, left, ended = cards.parent / ".cityai", 0, False
    publish(cards, "old")
    while not ended:
        calls = iter(range(left))

        def step(real: Any, *given: Any, calls: Any = calls, **more: Any) -> Any:
            if next(calls, None) is None:
                raise SystemExit
            return real(*given, **more)

        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, partial(step, getattr(os, name)))
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # the dead clear nothing away
            with suppress(SystemExit):
                publish(cards, "new")
                ended = True
        with hold_cards(cards, state):
            found = read_all(cards)
        assert found in (dict.fromkeys(NAMES, "old"), dict.fromkeys(NAMES, "new")), left
        assert not ended or set(found.values()) == {"new"}
        publish(cards, "old")
        left += 1
    assert left > 20
