"""What is in use is what people signed: no other way in, and what was moved behind it is found."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cityai.cli.main import run_command
from cityai.pipeline.portfolio import publish_portfolio
from cityai.pipeline.registry import check_registry
from cityai.pipeline.review import read_review
from cityai.pipeline.unchanged import digest_published
from cityai.store.files import write_files
from cityai.track.registry import Held
from tests.card.test_brief import Pdf
from tests.promises import trials
from tests.review.conftest import CONDITION, MODEL, Kept, Place, draw_again, move
from tests.track.conftest import fork

TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=90)).isoformat()
SOON = (TODAY + timedelta(days=20)).isoformat()
YES = ("--until", UNTIL, "--condition", CONDITION)


def check(place: Place) -> dict[str, str]:
    """What is wrong, by code: its reason; the exit code says the same."""
    found = check_registry(place.project)
    wrong = {f.code: f.reason for f in found if f.status == "fail"}
    code = run_command(["registry", "check", str(place.project)])
    assert code == bool(wrong)
    return wrong


def go_on(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    later = datetime.now(UTC) + timedelta(days=days)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(later.timestamp())))


def test_from_an_approval_to_use_and_back(place: Place, kept: Kept, capsys) -> None:
    assert move(place, "promote") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "groups:" in told
    assert "Nobody approved this card" in told
    assert "cityai review approve --phase pilot" in told
    place.sign("approve", "ben", *YES)
    assert move(place, "promote") == 0
    assert kept.aliases == {"pilot": "1"}
    assert kept.heads["1"] == read_review(place.project).chain.head
    assert check(place) == {}
    assert move(place, "rollback") == 2
    assert "nothing to go back to" in capsys.readouterr().err
    draw_again(place, kept, "cd" * 32, "2")
    assert move(place, "promote") == 2
    place.sign("approve", "ben", *YES)
    assert move(place, "promote") == 0
    assert kept.aliases == {"pilot": "2"}
    assert move(place, "rollback") == 0
    assert kept.aliases == {"pilot": "1"}
    assert check(place) == {}
    assert move(place, "retire") == 0
    assert kept.aliases == {}
    assert move(place, "retire") == 2
    assert check(place) == {}
    acts = [link.act.act for link in read_review(place.project).chain.links]
    assert acts == ["approve", "promote", "approve", "promote", "rollback", "retire"]


def test_what_was_taken_back_is_not_gone_back_to(place: Place, kept: Kept, capsys) -> None:
    place.sign("approve", "ben", *YES)
    move(place, "promote")
    draw_again(place, kept, "cd" * 32, "2")
    place.sign("approve", "cai", *YES)
    assert move(place, "promote") == 0
    assert place.sign("withdraw", "ben") == 0
    assert move(place, "rollback") == 2
    assert "version 1 may not be used any more" in capsys.readouterr().err
    kept.versions["2"] = Held("cd" * 32, "another")
    assert set(check(place)) == {"registry.model"}


@pytest.mark.parametrize("bound", ["model", "record", "policy", "card", "chain", "registered"])
def test_approved_and_then_one_byte_changed(place: Place, kept: Kept, spoil, bound: str) -> None:
    """Nothing moves; and of what is in use already it is found."""
    place.sign("approve", "ben", *YES)
    promoted = bound == "registered"
    if promoted:
        assert move(place, "promote") == 0
        kept.versions["1"] = Held(MODEL, "one byte otherwise")
        assert set(check(place)) == {"registry.model"}
        return
    if bound == "model":
        kept.versions["1"] = Held("", "w1")
    elif bound == "record":
        place.write_card("ab" * 31 + "ac")
        kept.logged["1"] = "ab" * 31 + "ac"
    elif bound == "policy":
        spoil(place.policy, place.policy.read_bytes().index(b"too early"))
    else:
        path = place.card / ("card.json" if bound == "card" else "reviews/0001.json")
        spoil(path, path.stat().st_size // 2)
    assert move(place, "promote") == 2
    assert kept.aliases == {}


def test_what_happens_behind_its_back_is_found(place: Place, kept: Kept, monkeypatch) -> None:
    place.sign("approve", "ben", *YES)
    kept.aliases["operational"] = "1"
    assert "moved without an act" in check(place)["registry.alias"]
    del kept.aliases["operational"]
    move(place, "promote")
    kept.aliases["pilot"] = "7"
    assert "pilot is version 7, signed was version 1" in check(place)["registry.alias"]
    assert run_command(["registry", "restore", str(place.project)]) == 0
    assert check(place) == {}
    policy = place.policy.read_text("utf-8")
    place.policy.write_text(policy + "# kinder\n", "utf-8")
    publish_portfolio(place.folder)
    assert "Suspended" in check(place)["registry.approval"]
    place.policy.write_text(policy, "utf-8")
    go_on(monkeypatch, 92)
    publish_portfolio(place.folder)
    assert "No longer counts: ben, over" in check(place)["registry.approval"]
    kept.aliases.clear()
    assert run_command(["registry", "restore", str(place.project)]) == 2


def test_a_condition_that_is_late_suspends(place: Place, kept: Kept, monkeypatch) -> None:
    place.sign("approve", "ben", "--until", UNTIL, "--condition", f"groups: a monitor by {SOON}")
    move(place, "promote")
    draw_again(place, kept, "cd" * 32, "2")
    go_on(monkeypatch, 21)
    assert place.sign("comment", "cai") == 0
    assert f"a condition was due on {SOON}" in check(place)["registry.approval"]
    assert place.sign("fulfil", "ana", "--rule", "groups", reason="It runs.") == 0
    assert check(place) == {}


def test_a_chain_that_was_cut_is_found_wherever_its_head_stands(place: Place, kept: Kept) -> None:
    place.sign("approve", "ben", *YES)
    move(place, "promote")
    last = place.card / "reviews" / "0002.json"
    content = last.read_bytes()
    last.unlink()
    assert "registry.chain" in check(place)
    assert move(place, "promote") == 2
    publish_portfolio(place.folder)
    assert "does not hold" in (place.card / "card.html").read_text("utf-8")
    assert "registry.chain" in check(place)
    for page in (*place.card.glob("card*.html"), place.card.parent / "index.json"):
        page.unlink()  # then only the registry knows
    assert "version 1 of the registered model" in {
        f.subject for f in check_registry(place.project) if f.status == "fail"
    }
    last.write_bytes(content)
    publish_portfolio(place.folder)
    assert check(place) == {}


def test_a_promotion_that_broke_off_is_found_and_ended(place: Place, kept: Kept, capsys) -> None:
    place.sign("approve", "ben", *YES)
    kept.down = True
    assert move(place, "promote") != 0
    assert "act 2 is signed and stands" in capsys.readouterr().err
    kept.down = False
    assert "broke off" in check(place)["registry.alias"]
    assert run_command(["registry", "restore", str(place.project)]) == 0
    assert kept.aliases == {"pilot": "1"}
    assert check(place) == {}


class OnDisk(Kept):
    """The same with its aliases in a file, which a process that is killed leaves as they are."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def read_aliases(self) -> dict[str, str]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def move_alias(self, alias: str, version: str) -> None:
        made = {**self.read_aliases(), alias: version}
        content = json.dumps({a: v for a, v in made.items() if v}).encode()
        write_files({self.path.name: content}, self.path.parent)


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.long)])
def test_who_is_killed_while_moving_leaves_what_can_be_ended(
    place: Place, tmp_path: Path, monkeypatch, kills: int
) -> None:
    registry = OnDisk(tmp_path / "aliases.json")
    for module in ("release", "registry"):
        where = f"cityai.pipeline.{module}.open_registry"
        monkeypatch.setattr(where, lambda state, project: registry)
    place.sign("approve", "ben", *YES)

    def go() -> None:
        while True:
            move(place, "promote")
            move(place, "retire")

    drawn = random.Random(3)
    for _ in range(kills):
        pid = fork(go)
        time.sleep(drawn.uniform(0.1, 1.5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert set(check(place)) <= {"registry.alias", "registry.card"}
        assert run_command(["registry", "restore", str(place.project)]) == 0
        assert check(place) == {}


def test_who_may_overrides_and_everybody_sees_it(place: Place, kept: Kept, monkeypatch) -> None:
    reason = "The <b>flood</b>."
    late = (TODAY + timedelta(days=31)).isoformat()
    assert place.sign("override", "ben", "--until", SOON, reason=reason) == 2
    assert place.sign("override", "dee", "--until", late, reason=reason) == 2
    assert place.sign("override", "dee", "--until", SOON, reason=reason) == 0
    assert place.gate() == 0
    assert place.gate("--to", "operational") == 1
    assert move(place, "promote") == 0
    assert check(place) == {}
    page = (place.card / "card.html").read_text("utf-8")
    assert page.index("Allowed against the rules") < page.index('id="verdict"')
    assert "The &lt;b&gt;flood&lt;/b&gt;." in page
    assert "Allowed against the rules" in (place.card / "card.md").read_text("utf-8")
    (own,) = json.loads((place.card.parent / "index.json").read_text("utf-8"))["systems"]
    assert own["release"]["overrides"][0]["role"] == "mayor"
    assert "Allowed against the rules" in (place.card.parent / "index.html").read_text("utf-8")
    draw_again(place, kept, "cd" * 32, "2")
    assert place.gate() == 1
    assert move(place, "promote") == 2
    publish_portfolio(place.folder)
    assert "Allowed against the rules" in (place.card / "card.html").read_text("utf-8")
    go_on(monkeypatch, 21)
    publish_portfolio(place.folder)
    assert "Allowed against the rules" not in (place.card / "card.html").read_text("utf-8")
    assert "suspended" in (place.card / "card.html").read_text("utf-8")
    assert "Suspended" in check(place)["registry.approval"]


def test_an_override_stands_on_paper_and_in_the_registers(
    place: Place, tmp_path: Path, capsys
) -> None:
    """The council's page in each language, the bill of materials, the report of an inventory."""

    def read() -> list[str]:
        assert run_command(["card", "brief", str(place.project)]) == 0
        briefs = [Pdf(p.read_bytes()).read_text() for p in sorted(place.card.glob("brief*.pdf"))]
        for to in ("cyclonedx", "inventory"):
            run_command(["card", "export", str(place.project), "--to", to, "--force",
                         "--out", str(tmp_path)])  # fmt: skip
        bom = json.loads((tmp_path / "waste_tonnage.cdx.json").read_text("utf-8"))
        said = {p["name"]: p["value"] for p in bom["metadata"].get("properties", [])}
        return [*map(str, briefs), str(said), " ".join(capsys.readouterr().out.split())]

    assert not any("Road closed" in text for text in read())
    place.sign("override", "dee", "--until", SOON, reason="Road closed.")
    capsys.readouterr()
    *briefs, bom, report = read()
    assert len(briefs) == len([*place.card.glob("card*.html")])
    for text in (*briefs, bom, report):
        assert "Road closed" in text
        assert "mayor" in text
    assert any("Allowed against the rules" in text for text in briefs)
    assert "overridden" in bom
    place.sign("withdraw", "dee")
    capsys.readouterr()
    assert not any("Road closed" in text for text in read())


def test_an_override_is_taken_back(place: Place) -> None:
    place.sign("override", "dee", "--until", SOON)
    assert place.gate() == 0
    assert place.sign("withdraw", "dee") == 0
    assert place.gate() == 1


def test_the_page_and_the_list_show_the_head_and_what_counts(place: Place, kept: Kept) -> None:
    before = {p.name: p.read_bytes() for p in place.card.glob("card*.html")}
    published = digest_published(place.card)
    place.sign("approve", "ben", *YES)
    move(place, "promote")
    assert digest_published(place.card) == published  # so that no run follows from an act
    head = read_review(place.project).chain.head
    for name in before:
        page = (place.card / name).read_text("utf-8")
        assert page.count(head) == 2
        assert page.count("<main") == 1
    assert "in use, approved until" in (place.card / "card.html").read_text("utf-8")
    (own,) = json.loads((place.card.parent / "index.json").read_text("utf-8"))["systems"]
    assert own["release"]["head"] == head
    assert own["release"]["phases"][0]["state"] == "approved"
    page = place.card / "card.html"
    page.write_text(page.read_text("utf-8").replace("in use, approved", "loved"), "utf-8")
    assert "cityai card index" in check(place)["registry.card"]
    for path in (place.card / "reviews").iterdir():
        path.unlink()
    (place.card / "reviews").rmdir()
    from cityai.card.release import take_out_release

    assert {n: take_out_release((place.card / n).read_bytes()) for n in before} == before


COMMANDS = ("open", "comment", "return", "withdraw", "fulfil", "approve", "override")


def draw_order(place: Place, kept: Kept, drawn: random.Random, monkeypatch) -> None:
    """Commands without one valid approval: of the author, of another phase, over, taken back."""
    late = (TODAY + timedelta(days=1)).isoformat()
    place.sign("open", "ben")
    for _ in range(drawn.randint(1, 3)):
        said, by = drawn.choice(COMMANDS), drawn.choice(["ana", "ben", "cai", "zoe"])
        more: tuple[str, ...] = ()
        if said == "approve":
            by = drawn.choice(["ben", "zoe"]) if drawn.random() < 0.5 else by
            more = YES if by in ("ben", "zoe") else ("--until", UNTIL)  # without its condition
        elif said == "override":
            more = ("--until", late)
        elif said == "fulfil":
            more = ("--rule", "groups")
        place.sign(said, by, *more)
        if drawn.random() < 0.4:
            move(place, drawn.choice(["promote", "rollback"]), "pilot", by)
        if drawn.random() < 0.2:
            run_command(["registry", "restore", str(place.project)])
    end = drawn.choice(["over", "taken back", "returned", "of another phase", "of before"])
    if end == "of another phase":
        place.sign("approve", "cai", "--to", "operational", *YES)
    else:
        place.sign("withdraw", "cai")
        place.sign("approve", "cai", *YES[2:], "--until", late)
    if end == "taken back":
        place.sign("withdraw", "cai")
    elif end == "returned":
        place.sign("return", "ana")
    elif end == "of before":
        place.write_card("cd" * 32)
    elif end == "over":
        go_on(monkeypatch, 2)
    assert kept.aliases == {}


def count_promotions(made: Place, tmp_path: Path, kept: Kept, seeds: range, monkeypatch) -> int:
    monkeypatch.setattr("cityai.pipeline.sign.publish_portfolio", lambda workspace: None)
    promoted = 0
    for seed in seeds:
        drawn = random.Random(seed)
        place = made.copy(tmp_path / str(seed))
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        draw_order(place, kept, drawn, monkeypatch)
        before = len(kept.aliases)
        assert move(place, "promote") != 0
        promoted += len(kept.aliases) - before
        shutil.rmtree(place.folder)
    return promoted


DRAWN = trials(200, 25)
"""Orders of commands; 200 take three minutes of a core."""
PARTS = [pytest.param(range(at, at + 25), marks=pytest.mark.long) for at in range(0, DRAWN, 25)]


@pytest.mark.parametrize("seeds", [range(2), *PARTS], ids=lambda s: f"{s.start}-{s.stop}")
@pytest.mark.promise(13)
def test_no_order_of_commands_promotes_without_an_approval(
    place: Place, kept: Kept, tmp_path: Path, monkeypatch, observe, seeds: range
) -> None:
    promoted = count_promotions(place, tmp_path, kept, seeds, monkeypatch)
    observe(f"{promoted} promotions in {len(seeds)} drawn orders of commands")
    assert promoted == 0


def test_the_gate_of_ci_asks_for_what_the_card_names(place: Place, capsys) -> None:
    named = read_review(place.project).record.system.phase
    expected = 1 if named in ("pilot", "operational") else 0
    assert place.gate("--declared") == expected
    assert bool(re.search("nothing is asked", capsys.readouterr().out)) is not bool(expected)
