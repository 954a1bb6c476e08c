"""Evaluations at the gate: harm, what was dropped, and what the city signed that it does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from cityai.card.record import CardRecord
from cityai.cli.main import run_command
from cityai.config.keys import KeySpec
from cityai.config.release import ReleaseRule, write_rules
from cityai.pipeline.review import read_review
from cityai.review.acts import EVALUATION, Seen, make_act
from cityai.review.chain import Chain, Link
from cityai.review.evaluated import Evaluated
from cityai.review.gate import check_rules
from cityai.review.standing import Standing
from tests.conftest import BROWSER
from tests.review.conftest import Kept, Place, move
from tests.review.desk import REVIEW, open_desk
from tests.review.governed import (
    DECIDER,
    HARM,
    HELP,
    OPEN,
    TODAY,
    make_part,
    plant_impacts,
    tell_impacts,
)
from tests.review.test_bundle import is_well, look, page, write_bundle
from tests.review.test_gate import read_card, read_out
from tests.review.test_release import SOON, YES, check

__all__ = ["page"]
RULE = "  - {id: effect, sentence: It does no harm., owner: board, evaluation: {}}\n"
LATE = TODAY - timedelta(days=31)


def guard(place: Place, rule: str = RULE) -> None:
    policy = place.policy.read_text("utf-8")
    place.policy.write_text(policy.replace("\noverride:", f"\n{rule}override:"), "utf-8")


def hold(asked: dict[str, object], record: CardRecord, *links: Link) -> tuple[str, str]:
    told = {"id": "r", "sentence": "S", "owner": "x", "evaluation": asked}
    standing = Standing(
        Chain(links, ()), {}, "pilot", TODAY, evaluated=Evaluated(record.impacts, guarded=True)
    )
    (found,) = check_rules([ReleaseRule.model_validate(told)], record, standing)
    return found.outcome, found.observed


@pytest.mark.parametrize(
    ("parts", "asked", "outcome", "told"),
    [
        ([], {}, "met", "No evaluation was announced."),
        ([make_part(mature=TODAY + timedelta(days=1))], {}, "met", "announced, known from"),
        ([make_part()], {}, "met", "to be analysed since"),
        ([make_part(mature=TODAY - timedelta(days=30))], {}, "met", "to be analysed since"),
        ([make_part(mature=LATE)], {}, "not met", "nobody analysed it since"),
        ([make_part(mature=LATE)], {"grace_days": 31}, "met", "to be analysed since"),
        ([make_part(mature=LATE)], {"dropped": "allow"}, "met", "nobody analysed it since"),
        ([make_part(found=HELP)], {}, "met", "visits: worth it."),
        ([make_part(found=OPEN)], {}, "met", "visits: we cannot tell."),
        ([make_part(found=HARM)], {}, "not met", "visits: it does harm."),
        ([make_part(found=HARM)], {"harmful": "allow"}, "met", "visits: it does harm."),
        ([make_part("b", OPEN), make_part("a", HARM)], {}, "met", "b: we cannot tell; a: it does"),
        ([make_part("b"), make_part("a", HARM)], {}, "not met", "a: it does harm"),
        ([make_part("b", HELP, label="other"), make_part("a", HARM)], {}, "not met", "a: it does"),
        ([make_part(found=HELP, drawn="4 8 15")], {}, "not met", "nobody signed the chance"),
    ],
)
def test_the_rule_on_evaluations(parts, asked, outcome, told) -> None:
    found, said = hold(asked, tell_impacts(read_card(), *parts))
    assert (found, told in said) == (outcome, True), said


def make_link(act: str, name: str = "visits", days: int = 0, **more: object) -> Link:
    at = datetime.combine(TODAY - timedelta(days=days), time(12), UTC)
    of = {"evaluations": (name,)} if act in ("announce", "draw", "decide") else {"phase": "pilot"}
    made = make_act(act=act, project="waste", number=1, previous="", reason="said", at=at,
                    seen=Seen(verdict=""), **of, **more)  # fmt: skip
    subjects = {EVALUATION: f"{name:0<64}"} if act in ("announce", "draw", "decide") else {}
    return Link(made, subjects, KeySpec(name="ana", role=DECIDER, public="x", since=TODAY), "", "")


def test_what_was_signed_and_is_not_on_the_card_was_dropped() -> None:
    card, long_ago = tell_impacts(read_card(), make_part("other", HELP)), 4_000
    found, told = hold({}, card, make_link("announce", days=long_ago))
    assert (found, "visits: signed, and the card does not tell of it" in told) == ("not met", True)
    assert hold({}, card, make_link("announce", days=-1))[0] == "met"  # the card is older
    drawn = make_link("draw", "other", days=long_ago, drawn="4 8 15 16 23")
    whole = tell_impacts(read_card(), make_part("other", HELP, drawn="4 8 15 16 23"))
    assert hold({}, whole, drawn)[0] == "met"
    anew = tell_impacts(read_card(), make_part("again"))
    second = make_link("announce", "again", days=long_ago)
    first = replace(second, subjects={EVALUATION: "first"})
    assert hold({}, anew, first, second)[0] == "met"  # sealed again before anything came of it
    looked = make_link("draw", "again", days=long_ago, drawn="4 8 15 16")
    seen = replace(looked, subjects={EVALUATION: "first"})
    assert hold({}, anew, first, seen, second)[0] == "not met"


def test_an_evaluation_may_be_asked_for_after_so_many_days_in_use() -> None:
    asked, used = {"required_after_days": 364}, make_link("promote", days=365, version="1")
    card = read_card()
    assert hold(asked, card, make_link("promote", days=364, version="1"))[0] == "met"
    found, told = hold(asked, card, used)
    assert (found, "without one" in told) == ("not met", True)
    assert hold(asked, tell_impacts(card, make_part()), used)[0] == "met"
    assert hold(asked, card, used, make_link("retire"))[0] == "met"
    again = make_link("promote", days=1, version="2")
    assert hold(asked, card, used, again)[0] == "not met"  # another version is the same use
    stopped = (used, make_link("decide", days=2, decision="stop"), again)
    assert hold({**asked, "dropped": "allow"}, card, *stopped)[0] == "met"


def decide(place: Place, name: str, taken: str, *more: str) -> int:
    given = ("--key", str(place.key(name)), "--reason", "So it is.")
    return run_command(["evaluate", "decide", str(place.project), taken, *given, *more])


def test_a_decision_is_signed_by_the_role_that_the_plan_names(place: Place, kept, capsys) -> None:
    plant_impacts(place, make_part())
    assert decide(place, "cai", "scale") == 2
    assert "the card tells of no result of 'visits'" in capsys.readouterr().err
    uneven = {**HELP, "uneven": True}
    plant_impacts(place, make_part("second", uneven), make_part(found=HELP))
    assert decide(place, "cai", "scale") == 2
    assert "--evaluation with one of second, visits" in capsys.readouterr().err
    assert decide(place, "cai", "scale", "--evaluation", "visit") == 2
    assert "Did you mean 'visits'" in capsys.readouterr().err
    assert decide(place, "ben", "scale", "--evaluation", "visits") == 2
    assert "ben (officer) does not decide on this evaluation" in capsys.readouterr().err
    assert not read_review(place.project).chain.links
    assert decide(place, "cai", "scale", "--evaluation", "visits") == 0
    assert "It was found: worth it." in capsys.readouterr().out
    (link,) = read_review(place.project).chain.links
    own = {"evaluation": f"{'visits':0<64}", "result": "visits-1"}
    assert link.subjects == {**read_review(place.project).subjects, **own}
    page = (place.card / "card.html").read_text("utf-8")
    assert "After the evaluation “visits”: It is scaled up: board" in " ".join(page.split())
    listed = json.loads((place.card.parent / "index.json").read_text())["systems"]
    told = next(s for s in listed if s["id"] == place.card.name)
    assert [t["decision"] for t in told["tested"]] == ["", "scale"]
    row = (place.card.parent / "index.html").read_text("utf-8")
    assert "worth it, but more outcomes of one side are missing" in row
    assert told["release"]["decisions"][0]["outdated"] is False
    plant_impacts(place, make_part(found=OPEN).model_copy(
        update={"found": make_part("another", OPEN).found}))  # fmt: skip
    assert run_command(["card", "index", str(place.folder)]) == 0
    assert "decided on another result" in (place.card / "card.html").read_text("utf-8")


def test_a_stop_ends_the_use_and_what_comes_after_it_needs_a_word(
    place: Place, kept: Kept, capsys
) -> None:
    plant_impacts(place, make_part(found=OPEN))
    for phase in ("pilot", "operational"):
        for name in ("ben", "cai"):
            place.sign("approve", name, "--to", phase, *YES)
        assert move(place, "promote", phase) == 0
    assert decide(place, "cai", "stop") == 0
    assert "Nothing is in use any more" in capsys.readouterr().out
    assert kept.aliases == {}
    assert check(place) == {}
    assert place.gate() == 1
    assert "It was decided to stop it, after the evaluation visits" in read_out(capsys)
    assert move(place, "promote") == 2
    assert "It was decided to stop it" in capsys.readouterr().err
    assert place.sign("approve", "ben", *YES) == 2
    assert "It was decided to stop it" in capsys.readouterr().err
    assert place.sign("override", "dee", "--until", SOON) == 2
    assert "does not name what it sets aside: visits" in capsys.readouterr().err
    assert place.sign("override", "dee", "--until", SOON, "--evaluation", "visits") == 0
    assert move(place, "promote") == 0
    assert decide(place, "cai", "stop") == 0  # an override of before the stop allows no more
    assert kept.aliases == {}
    assert move(place, "promote") == 2
    assert decide(place, "cai", "change") == 0
    assert move(place, "promote") == 0
    assert check(place) == {}


def test_harm_blocks_until_an_override_names_it(place: Place, kept: Kept, capsys) -> None:
    guard(place)
    place.sign("approve", "ben", *YES)
    assert move(place, "promote") == 0
    plant_impacts(place, make_part(found=HARM))
    assert "effect: visits: it does harm" in " ".join(check(place).values())
    assert place.sign("approve", "ben", *YES) == 2
    assert "effect: visits: it does harm" in capsys.readouterr().err
    assert place.sign("override", "dee", "--until", SOON) == 2
    assert "--evaluation visits" in capsys.readouterr().err
    assert place.sign("override", "dee", "--until", SOON, "--evaluation", "others") == 2
    capsys.readouterr()
    assert place.sign("override", "dee", "--until", SOON, "--evaluation", "visits") == 0
    assert place.gate() == 0
    assert move(place, "promote") == 0
    assert set(check(place)) == set()
    page = (place.card / "card.html").read_text("utf-8")
    assert "Allowed against the rules" in page


def test_the_rules_are_written_as_they_were_meant() -> None:
    told = {"id": "r", "sentence": "S", "owner": "x", "evaluation": {"grace_days": 30}}
    rule = ReleaseRule.model_validate(told)
    (written,) = json.loads(write_rules((rule,), None))["release"]
    assert written["evaluation"] == {}


SPOILED = {
    "harm": [make_part(found=HARM)],
    "dropped": [make_part(mature=LATE)],
    "unsigned": [make_part(found=HELP, drawn="4 8 15 16 23")],
}
FINE = {
    "none": [],
    "running": [make_part(mature=TODAY + timedelta(days=9))],
    "due": [make_part(mature=TODAY - timedelta(days=30))],
    "lifted": [make_part("new", OPEN), make_part("old", HARM)],
}


@pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")
@pytest.mark.parametrize("how", [*SPOILED, *FINE])
def test_the_page_holds_evaluations_as_the_gate_does(
    place: Place, kept: Kept, page: Any, tmp_path: Path, how: str
) -> None:
    guard(place)
    plant_impacts(place, *SPOILED.get(how, []), *FINE.get(how, []))
    if how in FINE:
        place.sign("approve", "ben", *YES)
    else:  # it was put into use when the card did not tell that yet
        plant_impacts(place)
        place.sign("approve", "ben", *YES)
        assert move(place, "promote") == 0
        plant_impacts(place, *SPOILED[how])
    move(place, "promote")
    run_command(["card", "index", str(place.folder)])
    holds, told = look(page, write_bundle(place, tmp_path / "bundle"))
    assert (holds, is_well(place)) == (how in FINE, how in FINE), told


@pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")
def test_the_page_knows_a_stop_and_what_lifts_it(
    place: Place, kept: Kept, page: Any, tmp_path: Path
) -> None:
    plant_impacts(place, make_part(found=OPEN))
    place.sign("approve", "ben", *YES)
    move(place, "promote")
    decide(place, "cai", "stop")
    holds, told = look(page, write_bundle(place, tmp_path / "stopped"))
    assert (holds, is_well(place)) == (True, True), told
    assert "Pilot: nothing is in use" in told
    assert "to stop it, after the evaluation visits, by cai (board): So it is." in told
    assert "decides on an evaluation, visits, to be stopped. So it is." in told
    place.sign("override", "dee", "--until", SOON, "--evaluation", "visits")
    assert move(place, "promote") == 0
    assert look(page, write_bundle(place, tmp_path / "again"))[0] is is_well(place) is True
    decide(place, "cai", "scale")
    assert look(page, write_bundle(place, tmp_path / "lifted"))[0] is is_well(place) is True


def test_the_desk_has_the_form_for_whom_the_plan_names(place: Place, kept: Kept) -> None:
    plant_impacts(place, make_part(found=OPEN))
    with open_desk(place, "ben", "cai") as opened:
        ben, cai = opened.visit("ben"), opened.visit("cai")
        assert "Decide on the evaluation" not in ben.get(REVIEW)[2]
        said = {"evaluation": "visits", "decision": "change"}
        status, told = ben.sign("decide", **said)
        assert (status, "ben (officer) does not decide on this evaluation" in told) == (409, True)
        assert "Decide on the evaluation “visits”" in cai.get(REVIEW)[2]
        status, told = cai.sign("decide", "Too few.", evaluation="visits", decision="perhaps")
        assert (status, "Choose what the city does." in told, "Too few." in told) == (
            422,
            True,
            True,
        )
        assert cai.sign("decide", "Too few.", **said)[0] == 303
        page = cai.get(REVIEW)[2]
        assert "decided on an evaluation" in page
        assert "Change it" in page
    (link,) = read_review(place.project).chain.links
    assert (link.act.decision, link.act.phase) == ("change", None)
