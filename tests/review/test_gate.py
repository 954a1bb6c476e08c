"""The gate: what the policy asks, held against a published card and its review."""

from __future__ import annotations

import random
import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from cityai.card.record import CardRecord
from cityai.card.record.described import FindingPart, Gap
from cityai.card.verify import read_record
from cityai.cli.main import run_command
from cityai.cli.review import ACTS
from cityai.config.keys import KeySpec
from cityai.config.policy import PolicySpec
from cityai.config.release import PHASES, ReleaseRule
from cityai.desk.pages import _is_mended_here, _stops
from cityai.pipeline.review import read_review
from cityai.review.acts import GOVERNED, LASTING, MOVING, Condition, Kind, Said, Seen, make_act
from cityai.review.chain import Chain, Link
from cityai.review.gate import check_rules, is_open
from cityai.review.standing import Standing
from tests.review.conftest import CONDITION, NAME, ROOT, Place

TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=90)).isoformat()
YES = ("--until", UNTIL, "--condition", CONDITION)


@cache
def read_card() -> CardRecord:
    return read_record((ROOT / "model_cards" / NAME / "card.json").read_bytes())


def make_rule(**asked: object) -> ReleaseRule:
    return ReleaseRule.model_validate(
        {"id": "r", "sentence": "It holds.", "owner": "board", **asked}
    )


def check(rule: ReleaseRule, record: CardRecord, today: date | None = None) -> tuple[str, str]:
    day = today or record.record.updated.date()
    (found,) = check_rules([rule], record, Standing(Chain((), ()), {}, "pilot", day))
    return found.outcome, found.observed


def plant(*statuses: str) -> CardRecord:
    findings = [
        FindingPart(code="time.x", status=status, title="t", reason="r", observed=None, limit=None,
                    unit="", subject=f"s{i}")
        for i, status in enumerate(statuses)
    ]  # fmt: skip
    return read_card().model_copy(update={"findings": tuple(findings)})


@pytest.mark.parametrize(
    ("statuses", "how", "outcome"),
    [
        (["pass", "not applicable"], "refuse", "met"),
        (["pass", "fail"], "allow", "not met"),
        (["error"], "allow", "not met"),
        (["pass", "not enough evidence"], "refuse", "not met"),
        (["pass", "suppressed"], "refuse", "not met"),
        (["pass", "suppressed"], "allow", "met"),
        (["pass", "not enough evidence"], "condition", "not met"),
        (["not applicable", "not applicable"], "refuse", "not met"),
        (["not applicable"], "condition", "not met"),
        (["not applicable"], "allow", "met"),
        ([], "allow", "not met"),
        (["not enough evidence", "fail"], "condition", "not met"),
    ],
)
def test_findings(statuses, how, outcome) -> None:
    more = {"open": how, "compensation": "a monitor" * (how == "condition")}
    rule, standing = (
        make_rule(findings=["time.*"], **more),
        Standing(Chain((), ()), {}, "pilot", TODAY),
    )
    (found,) = check_rules([rule], plant(*statuses), standing)
    assert found.outcome == outcome
    # No condition makes up for a check that failed, here or at the desk.
    asked = outcome == "not met" and how == "condition" and "fail" not in statuses
    assert found.on_condition == asked
    assert _is_mended_here(found, standing) == asked
    assert _stops(found) == (outcome == "not met" and not asked)


def test_what_nobody_knows_is_no_pass() -> None:
    """Without groups nothing is known about them, whatever else passes; what failed says why."""
    (known,) = plant("pass").findings
    told = {"code": "audit.dimensions", "status": "not applicable", "reason": "No groups."}
    unknown, rule = known.model_copy(update=told), make_rule(findings=["time.*", "audit.*"])
    alone = plant().model_copy(update={"findings": (unknown,)})
    assert check(rule, alone) == ("not met", "1 looked at, nothing is known by it: No groups.")
    beside = plant().model_copy(update={"findings": (unknown, known)})
    assert check(rule, beside)[0] == "not met"
    (found,) = check_rules([rule], plant("fail"), Standing(Chain((), ()), {}, "pilot", TODAY))
    assert found.next_step.startswith("time.x: r (docs/findings.md")


def test_what_does_not_apply_is_no_check_of_those_that_are_counted() -> None:
    rule = make_rule(findings=["time.*"], open="allow")
    told = check(rule, plant("pass", "not enough evidence", "not applicable", "not applicable"))[1]
    assert told.startswith("1 of 2 are open: ")


def test_a_check_that_is_not_there_is_no_pass() -> None:
    assert check(make_rule(findings=["nothing.*"]), read_card()) == (
        "not met", "The card holds no such check."
    )  # fmt: skip


def test_answers_words_age_and_code() -> None:
    card = read_card()
    assert check(make_rule(verdicts=["not ready"]), card)[0] == "not met"
    assert check(make_rule(verdicts=[card.verdict.word]), card)[0] == "met"
    made = card.record.updated.date()
    rule = make_rule(card_days=10)
    assert check(rule, card, made + timedelta(days=10))[0] == "met"
    assert check(rule, card, made + timedelta(days=11)) == (
        "not met", "The card is 11 days old; 10 are allowed."
    )  # fmt: skip
    assert (
        check(rule, card, made + timedelta(days=1))[1] == "The card is 1 day old; 10 are allowed."
    )
    assert "Missing: 1 of any role." in check(make_rule(reviewers={"anyone": 1}), card)[1]
    gap = Gap(path="legal.basis", what="say it", required=True)
    asked = card.model_copy(update={"gaps": (gap,)})
    assert check(make_rule(answers=["legal.*"]), asked)[0] == "not met"
    assert check(make_rule(answers=["use.*"]), asked)[0] == "met"
    for commit, dirty, outcome in (
        ("ab", False, "met"),
        ("ab", True, "not met"),
        ("", False, "not met"),
    ):
        made_of = card.provenance.model_copy(update={"git_commit": commit, "git_dirty": dirty})
        changed = card.model_copy(update={"provenance": made_of})
        assert check(make_rule(committed=True), changed)[0] == outcome


def test_a_rule_for_another_level_of_risk_does_not_apply() -> None:
    card = read_card()
    levels = {c.level for c in card.legal.risk_class}
    assert check(make_rule(card_days=9999, risk=["no such level"]), card)[0] == "does not apply"
    assert check(make_rule(card_days=9999, risk=[*levels]), card)[0] == "met"
    unnamed = card.model_copy(update={"legal": card.legal.model_copy(update={"risk_class": None})})
    assert check(make_rule(card_days=9999, risk=["no such level"]), unnamed)[0] == "met"


def test_nothing_that_applies_is_no_yes() -> None:
    standing = Standing(Chain((), ()), {}, "pilot", date(2026, 1, 1))
    found = check_rules([make_rule(committed=True, risk=["none"])], read_card(), standing)
    assert not is_open(found, standing)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "asks nothing"),
        ({"committed": True, "card_days": 3}, "asks `card_days` and `committed`"),
        ({"findings": ["a"], "open": "condition"}, "need each other"),
        ({"committed": True, "open": "allow"}, "there are none"),
        ({"committed": True, "phases": []}, "at least 1"),
    ],
)
def test_a_rule_that_asks_otherwise_is_refused(asked, said) -> None:
    with pytest.raises(ValidationError, match=said):
        make_rule(**asked)


def test_two_rules_of_one_name_are_refused() -> None:
    rule = make_rule(committed=True).model_dump()
    with pytest.raises(ValidationError, match="two rules are called r"):
        PolicySpec.model_validate({"release": [rule, rule]})


def test_rules_change_no_run() -> None:
    """What must hold before use is no part of a specification's digest."""
    rule = make_rule(committed=True).model_dump()
    told = {"release": [rule], "override": {"roles": ["mayor"]}, "unapproved": "refuse"}
    with_rule = PolicySpec.model_validate(told)
    assert with_rule.release
    assert with_rule.model_dump() == PolicySpec().model_dump()


def draw_link(drawn: random.Random, number: int) -> Link:
    """An act that is no valid approval: of the author, of other bytes, over, late, or another."""
    kind = drawn.choice([*get_args(Kind), "approve", "approve", "approve"])
    fault = drawn.choice(["author", "bytes", "over", "late", "phase"])
    day = date(2026, 6, 1)
    late = Condition(rule="groups", text="a monitor", due=date(2026, 5, 1))
    yes = {"valid_until": date(2026, 5, 1) if fault == "over" else date(2026, 12, 1)}
    governed = kind in GOVERNED
    act = make_act(
        act=kind, project="waste", number=number, previous="" if number == 1 else "ab" * 32,
        phase=None if governed else "operational" if fault == "phase" else "pilot",
        evaluations=("visits",) if governed else (), drawn="4 8 15 16" if kind == "draw" else "",
        decision=drawn.choice(["scale", "stop"]) if kind == "decide" else None,
        at=datetime(2026, 4, 1, tzinfo=UTC),
        reason="said", rule="other" if kind == "fulfil" else "", seen=Seen(verdict=""),
        conditions=(late,) if (kind, fault) == ("approve", "late") else (),
        valid_until=yes["valid_until"] if kind in LASTING else None,
        version="1" if kind in MOVING else "",
    )  # fmt: skip
    name = "ana" if fault == "author" or kind == "open" else drawn.choice(["ben", "cai"])
    signer = KeySpec(name=name, role="board", public="x", since=day)
    of = {"evaluation": "ab" * 32} if governed else {}
    return Link(act, {"card.json": "of before" if fault == "bytes" else "x", **of}, signer, "", "")


@pytest.mark.promise(13)
def test_no_order_of_acts_opens_the_gate_without_a_valid_approval(observe) -> None:
    rule, opened = make_rule(reviewers={"anyone": 1}), 0
    for seed in range(200):
        drawn = random.Random(seed)
        links = [draw_link(drawn, number) for number in range(1, drawn.randint(2, 12))]
        first = next((i for i, link in enumerate(links) if link.act.act == "open"), None)
        asked = [draw_open()] if first is None else []
        chain = Chain((*asked, *links), ())
        standing = Standing(chain, {"card.json": "x"}, "pilot", date(2026, 6, 1))
        opened += is_open(check_rules([rule], read_card(), standing), standing)
    observe(f"{opened} of 200 drawn orders of acts open it")
    assert opened == 0


def draw_open() -> Link:
    asked = make_act(
        act="open", project="waste", phase="pilot", number=1, previous="", reason="said",
        at=datetime(2026, 4, 1, tzinfo=UTC), seen=Seen(verdict=""),
    )  # fmt: skip
    return Link(asked, {}, KeySpec(name="ana", role="x", public="x", since=TODAY), "", "")


def test_every_act_has_a_command() -> None:
    assert tuple(ACTS) == get_args(Said)


def test_the_citys_own_policy_is_whole() -> None:
    from cityai.config.yaml import read_yaml

    policy = PolicySpec.model_validate(read_yaml(ROOT / "configs" / "policy.yaml").content)
    for phase in PHASES:
        assert sum(phase in rule.phases for rule in policy.release) >= 8


def read_out(capsys) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_condition_of_a_reviewers_own_counts_too(place: Place, monkeypatch, capsys) -> None:
    soon = (TODAY + timedelta(days=3)).isoformat()
    own = ("--condition", f"use: only two districts by {soon}")
    assert place.sign("approve", "ben", *YES, *own) == 0
    assert place.gate() == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(write_epoch(4)))
    assert place.gate() == 1
    assert f"ben, a condition was due on {soon}" in read_out(capsys)


def write_epoch(days: int) -> int:
    return int(datetime.now(UTC).timestamp()) + days * 86_400


def test_a_new_workspace_begins_with_the_same_policy() -> None:
    template = ROOT / "cityai" / "scaffold" / "templates" / "_workspace" / "configs" / "policy.yaml"
    assert template.read_bytes() == (ROOT / "configs" / "policy.yaml").read_bytes()


def test_from_a_published_card_to_a_yes(place: Place, capsys) -> None:
    assert place.gate() == 1
    assert "Nobody approved this card" in capsys.readouterr().out
    assert place.sign("open", "ana") == 0
    assert place.sign("approve", "ana", *YES) == 2
    assert "asked for the review" in capsys.readouterr().err
    assert place.sign("approve", "ben", "--until", UNTIL) == 2
    assert "the policy allows no approval: groups" in capsys.readouterr().err
    assert place.gate() == 1
    assert place.sign("approve", "ben", *YES) == 0
    capsys.readouterr()
    assert place.gate() == 0
    assert "met on condition" in capsys.readouterr().out
    assert place.gate("--to", "operational") == 1
    assert place.sign("approve", "ben", "--to", "operational", *YES) == 0
    assert place.gate("--to", "operational") == 1
    assert place.sign("approve", "cai", "--to", "operational", *YES) == 0
    assert place.gate("--to", "operational") == 0


def test_a_folder_of_a_card_is_taken_also_without_a_project(place: Place, capsys) -> None:
    """A project's own policy decides; without one, as for given predictions, the policy."""
    place.sign("approve", "ben", *YES)
    answers = []
    for given in (place.project, place.card, place.card / "card.json"):
        capsys.readouterr()
        answers.append((run_command(["gate", str(given)]), capsys.readouterr().out))
    shutil.rmtree(place.project)
    answers.append((run_command(["gate", str(place.card)]), capsys.readouterr().out))
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 0
    copied = shutil.copytree(place.card, place.folder / "elsewhere")
    assert run_command(["gate", str(copied)]) == 2
    assert "not where the workspace publishes" in capsys.readouterr().err


def test_what_is_refused_says_where_what_and_what_next(place: Place, capsys) -> None:
    for act in ("approve", "override"):
        assert place.sign(act, "ben", "--until", UNTIL) == 2
        told = capsys.readouterr().err
        assert f"{place.policy}: the policy allows" in told
        assert ".;" not in told
        assert "expected: " in told
        assert "next: " in told


def box(place: Place) -> str:
    """The colour of what people decided, on the card."""
    page = (place.card / "card.html").read_text("utf-8")
    return page.partition('<section id="release" class="verdict verdict-')[2].partition('"')[0]


def test_a_return_stands_until_it_is_withdrawn(place: Place) -> None:
    place.sign("approve", "ben", *YES)
    assert place.gate() == 0
    assert box(place) == "pass"
    assert place.sign("return", "cai", reason="The East is not looked at.") == 0
    assert place.gate() == 1
    assert box(place) == "fail"
    assert place.sign("withdraw", "cai") == 0
    assert place.gate() == 0
    assert place.sign("withdraw", "ben") == 0
    assert place.gate() == 1
    assert box(place) == "open"
    assert place.sign("withdraw", "ben") == 2


@pytest.mark.parametrize("changed", ["policy", "card", "chain"])
def test_an_approval_is_of_these_bytes(place: Place, spoil, changed: str, capsys) -> None:
    place.sign("approve", "ben", *YES)
    assert place.gate() == 0
    if changed == "policy":
        place.policy.write_text(place.policy.read_text("utf-8") + "# kinder\n", "utf-8")
        capsys.readouterr()
        assert place.gate() == 1
        assert "No longer counts: ben, under another policy" in read_out(capsys)
        return
    path = place.card / ("card.json" if changed == "card" else "reviews/0001.json")
    for at in range(0, path.stat().st_size, path.stat().st_size // 2):
        before = path.read_bytes()
        spoil(path, at)
        assert place.gate() in (1, 2), at
        path.write_bytes(before)
    assert place.gate() == 0


def test_conditions_and_days_end(place: Place, monkeypatch, capsys) -> None:
    soon = (TODAY + timedelta(days=3)).isoformat()
    late = f"groups: a monitor runs by {soon}"
    place.sign("approve", "ben", "--until", UNTIL, "--condition", late)
    assert place.gate() == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(write_epoch(4)))
    assert place.gate() == 1
    assert f"ben, a condition was due on {soon}" in read_out(capsys)
    assert place.sign("fulfil", "ana", "--rule", "groups", reason="It runs: see ticket 12.") == 0
    assert place.gate() == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(write_epoch(92)))
    assert place.gate() == 1
    assert "No longer counts: ben, over" in read_out(capsys)


def test_the_log_tells_all_and_the_head(place: Place, capsys) -> None:
    place.sign("open", "ana", "--phase", "pilot", reason="For the spring.")
    assert "no phase was named" not in capsys.readouterr().out
    place.sign("comment", "cai", reason="The <b>East</b>?")
    assert "no phase was named" in capsys.readouterr().out
    project = str(place.project)
    assert run_command(["review", "log", project]) == 0
    told = capsys.readouterr().out
    assert "1. " in told
    assert "ana (data office): open, pilot. For the spring." in told
    head = re.search(r"head ([0-9a-f]{64})", told)[1]
    assert run_command(["review", "log", project, "--head", head]) == 0
    (place.card / "reviews" / "0002.json").unlink()
    assert run_command(["review", "log", project]) == 1  # the card and the portfolio name it
    for page in (*place.card.glob("card*.html"), place.card.parent / "index.json"):
        page.unlink()
    assert run_command(["review", "log", project]) == 0
    assert run_command(["review", "log", project, "--head", head]) == 1
    assert run_command(["gate", project, "--head", head]) == 2


def test_who_is_not_listed_or_says_nonsense_signs_nothing(place: Place, capsys) -> None:
    for nothing in ("", " \n", "\u202e"):
        assert place.sign("comment", "ben", reason=nothing) == 2
        said = capsys.readouterr().err
        assert "the act has no reason" in said
        assert "next: say it in a sentence" in said
    nameless = ["review", "key", str(place.folder / "new.pem"), "--name", " ", "--role", "x"]
    assert run_command(nameless) == 2
    assert "--name: the key has no name" in capsys.readouterr().err
    assert not (place.folder / "new.pem").exists()
    place.keys.write_text("keys: []\n", "utf-8")
    assert place.sign("open", "ana") == 2
    assert "nobody listed the key" in capsys.readouterr().err
    place.keys.write_text("keys: [{name: x}]\n", "utf-8")
    assert place.sign("open", "ana") == 2
    assert "keys.yaml:1" in capsys.readouterr().err
    place.keys.unlink()
    assert place.sign("approve", "ben", "--until", UNTIL, "--condition", "groups soon") == 2
    assert "is not understood" in capsys.readouterr().err
    assert place.sign("open", "nobody") == 2
    assert not (place.card / "reviews").exists()


def test_a_card_that_was_made_again_is_reviewed_again(place: Place) -> None:
    place.sign("approve", "ben", *YES)
    reviewed = read_review(place.project)
    other = replace(reviewed, subjects={**reviewed.subjects, "card.json": "0" * 64})
    standing = other.stand("pilot", TODAY)
    assert standing.approvals == []
    assert [link.signer.name for link in standing.stale] == ["ben"]


def test_what_was_seen_stands_in_the_act(place: Place) -> None:
    place.sign("approve", "ben", *YES)
    (link,) = read_review(place.project).chain.links
    record = read_record((place.card / "card.json").read_bytes())
    assert record.verdict is not None
    assert link.act.seen.verdict == record.verdict.word
    assert sum(link.act.seen.findings.values()) == len(record.findings)
    listed = Path(place.card / "reviews").iterdir()
    assert [path.stat().st_mode & 0o777 for path in listed] == [0o644]
