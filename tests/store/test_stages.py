from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cityai.errors import StoreError
from cityai.store import cards
from cityai.store.cards import PENDING, finish_card, publish_card
from cityai.store.digests import CHAPTERS, STAGES, digest_sources, digest_stage, digest_text
from cityai.store.files import TEMPORARY
from cityai.store.locks import hold_lock
from cityai.store.stages import clean_stages, open_store


def name_files(html: str, markdown: str, json: str) -> dict[str, str]:
    return {"card.html": html, "card.md": markdown, "card.json": json}


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
    assert digest_stage("panel", "a") == digest_stage("panel", "a")
    assert digest_text("a") != digest_text("b")


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="'pannel'"):
        digest_stage("pannel")


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("columns.py", {"spec", "data", "modeling", "assessment", "card"}),
        ("kinds/demand.py", {"spec", "data", "modeling", "assessment", "card"}),
        ("modeling/fit.py", {"modeling", "assessment", "card"}),
        ("card/templates/card.html.j2", {"card"}),
        ("card/__pycache__/x.pyc", set()),
        ("cli/main.py", set()),
    ],
)
def test_a_change_of_code_makes_its_chapter_and_those_above_stale(
    tmp_path: Path, changed: str, stale: set[str]
) -> None:
    names = ["columns.py", "kinds/demand.py", "spec/a.py", "modeling/fit.py"]
    names += ["card/templates/card.html.j2", "card/__pycache__/x.pyc", "cli/main.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    before = {c: digest_sources.__wrapped__(c, tmp_path) for c in CHAPTERS}
    (tmp_path / changed).write_text("2")
    after = {c: digest_sources.__wrapped__(c, tmp_path) for c in CHAPTERS}
    assert {c for c in CHAPTERS if before[c] != after[c]} == stale


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
from cityai.store.locks import hold_lock
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
        assert 0.3 <= time.monotonic() - began < 3
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


def read_all(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(folder.iterdir())}


def test_a_card_is_published_for_all_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "model_cards" / "waste"
    publish_card(folder, name_files("<p>", "# é", "{}"))
    (folder / "register.json").write_text("kept")
    publish_card(folder, name_files("<p>2", "# 2", '{"2": 2}'))
    assert read_all(folder) == {
        "card.html": "<p>2",
        "card.json": '{"2": 2}',
        "card.md": "# 2",
        "register.json": "kept",
    }
    assert {oct(p.stat().st_mode & 0o777) for p in folder.glob("card.*")} == {"0o644"}
    assert oct(folder.stat().st_mode & 0o777) == "0o755"


def test_a_card_that_cannot_be_published_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_card(tmp_path, name_files("old", "old", "old"))
    (tmp_path / "card.md").unlink()
    (tmp_path / "card.md").mkdir()
    with pytest.raises(StoreError, match="cannot be published"):
        publish_card(tmp_path, name_files("new", "new", "new"))
    assert (tmp_path / "card.html").read_text() == "old"
    assert not (tmp_path / PENDING).exists()


def test_a_publication_cut_short_is_finished_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_card(tmp_path, name_files("old", "old", "old"))
    real, moves = os.replace, iter([True, False])

    def die(*paths: Path) -> None:
        if not next(moves):
            raise KeyboardInterrupt
        real(*paths)

    monkeypatch.setattr(cards.os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        publish_card(tmp_path, name_files("new", "new", "new"))
    monkeypatch.undo()
    finish_card(tmp_path)
    assert set(read_all(tmp_path).values()) == {"new"}
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
