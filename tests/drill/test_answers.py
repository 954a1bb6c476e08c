"""Answers to a drill, told to who made it alone; a drill is never an approval."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cityai.card.record import seal_record, write_lines
from cityai.card.verify import read_record
from cityai.cli.main import run_command
from cityai.drill.faults import FAULTS, find_fault
from cityai.drill.make import DRILLS, SEALED, choose_fault, digest_planted, write_told
from cityai.pipeline.review import DRILL
from tests.review.conftest import Kept, Place, move
from tests.review.test_release import YES

PLANTED = {"drill": "0badc0de", "fault": "limits", "nonce": "7" * 64}


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drill as it was handed out, and the workspace that made it."""
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITYAI_STATE", str(tmp_path / ".cityai"))
    folder = tmp_path / "drill"
    (folder / "card").mkdir(parents=True)
    (folder / "card" / "card.json").write_bytes(b"{}\n")
    private = tmp_path / ".cityai" / DRILLS
    private.mkdir(parents=True)
    (private / "0badc0de.json").write_bytes(write_told(PLANTED))
    told = {"drill": "0badc0de", "card": hashlib.sha256(b"{}\n").hexdigest(),
            "seal": digest_planted(PLANTED), "made": "2026-11-29"}  # fmt: skip
    (folder / SEALED).write_bytes(write_told(told))
    return folder


def answer(folder: Path, name: str, decision: str, *more: str) -> int:
    given = ("--name", name, "--decision", decision, "--reason", f"{name} looked.")
    return run_command(["review", "drill-answer", str(folder), *given, *more])


def test_the_result_says_who_would_have_approved(drill: Path, capsys) -> None:
    assert answer(drill, "Ana", "approve") == 0
    assert answer(drill, "Ben B.", "return", "--fault", "limits") == 0
    assert answer(drill, "Cai", "return", "--fault", "leak") == 0
    assert answer(drill, "Ana", "return") == 1  # once
    for path in (drill / "answers").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    before = capsys.readouterr()
    assert "limits" not in before.out + before.err
    assert run_command(["review", "drill-result", str(drill)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Planted: limits" in told
    assert find_fault("limits").sign in told
    assert "Ana: would have approved. Ana looked." in told
    assert "Ben B.: found." in told
    assert "Cai: returned for another reason." in told
    assert "1 of 3 would have approved" in told


def test_an_answer_after_the_end_says_so(drill: Path, capsys, monkeypatch) -> None:
    assert run_command(["review", "drill-result", str(drill)]) == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "4000000000")
    answer(drill, "Ana", "return", "--fault", "limits")
    assert run_command(["review", "drill-result", str(drill)]) == 0
    assert "Ana: found (answered after the result was opened)" in capsys.readouterr().out


@pytest.mark.parametrize("changed", ["card", "planted", "elsewhere", "answer"])
def test_what_was_changed_is_refused(drill: Path, capsys, monkeypatch, changed: str) -> None:
    answer(drill, "Ana", "approve")
    private = drill.parent / ".cityai" / DRILLS / "0badc0de.json"
    if changed == "card":
        (drill / "card" / "card.json").write_bytes(b"{} \n")
    elif changed == "planted":
        private.write_bytes(write_told(PLANTED | {"fault": "leak"}))
    elif changed == "elsewhere":
        private.unlink()
    else:
        path = drill / "answers" / "ana.json"
        path.write_bytes(write_told(json.loads(path.read_bytes()) | {"card": "ab" * 32}))
    assert run_command(["review", "drill-result", str(drill)]) == 2
    said = {"card": "was changed", "planted": "seal is not", "elsewhere": "did not make",
            "answer": "another drill"}  # fmt: skip
    assert said[changed] in capsys.readouterr().err


def test_no_drill_and_no_such_fault_are_told(drill: Path, capsys) -> None:
    assert answer(drill.parent, "Ana", "return") == 2
    assert "this is no drill" in capsys.readouterr().err
    assert answer(drill, "Ana", "return", "--fault", "limit") == 2
    assert "limits" in capsys.readouterr().err


def test_every_fault_is_drawn_and_listed(capsys) -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) == 10
    assert {choose_fault(seed).name for seed in range(100)} == {f.name for f in FAULTS}
    assert run_command(["review", "drill", "--list"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for fault in FAULTS:
        assert f"{fault.name}: {fault.what}" in told
        assert f"What gives it away: {fault.sign}" in told
    assert run_command(["review", "drill"]) == 2


def test_a_card_of_a_drill_is_signed_and_used_by_nobody(place: Place, kept: Kept, capsys) -> None:
    """Also where somebody puts it among the cards of a workspace, by its own name."""
    path = place.card / "card.json"
    record = read_record(path.read_bytes())
    named = record.record.model_copy(update={"id": f"{DRILL}0badc0de"})
    sealed = seal_record(record.model_copy(update={"record": named}))
    path.write_text(write_lines(sealed), "utf-8")
    for page in place.card.glob("card*.[hm]*"):
        before, after = record.record.content_digest, sealed.record.content_digest
        page.write_text(page.read_text("utf-8").replace(before, after), "utf-8")
    for act, who, more in (("approve", "ben", YES), ("comment", "ana", ())):
        assert place.sign(act, who, *more) == 2
        assert "this card is a drill" in capsys.readouterr().err
    for command in ("promote", "rollback", "retire"):
        assert move(place, command) == 2
        assert "this card is a drill" in capsys.readouterr().err
    assert kept.aliases == {}
    assert not (place.card / "reviews").exists()
