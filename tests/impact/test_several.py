"""Several evaluations of a project: one after another, each with its plan, all on the card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cityai.card.draft.impact import draft_impact
from cityai.card.verify.impact import list_impacts_claims
from cityai.config.load import load_project
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.verify import verify_published
from tests.impact.conftest import EVALUATION, OWN, PLAN, Say, find_only, set_clock

SECOND = "evaluations/second.yaml"


def declare_second(city: Path, starts: str = "2024-02-05") -> None:
    (city / SECOND).write_text(EVALUATION.replace("2023-11-27", starts))


def test_a_second_year_keeps_the_first(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert say("evaluate", "analyse", city)[0] == 0
    declare_second(city)
    for words in (["analyse"], ["plan"], ["design"], ["actions", city / "later.csv"]):
        code, told = say("evaluate", words[0], city, *words[1:])
        assert (code, "has 2 evaluations: second, visits" in told) == (2, True), told
    code, told = say("evaluate", "plan", city, "--evaluation", "visit")
    assert (code, "Did you mean 'visits'?" in told) == (2, True), told
    code, told = say("evaluate", "plan", city, "--evaluation", "second")
    assert (code, "--evaluation second" in told) == (0, True), told
    newest, first = find_impacts(load_project(city))
    assert (newest.sealed.name, first.sealed.name) == ("second", "visits")
    assert newest.analysis is None
    assert first.analysis is not None
    for day in ("2024-01-29", "2023-01-02"):
        code, told = say("predict", city, "--assign", "--as-of", day)
        assert (code, "none of the evaluations runs on" in told) == (2, True), told
    code, told = say("predict", city, "--assign", "--as-of", "2023-12-18")
    assert code == 0, told
    assert say("run", city)[0] == 0
    card = city.parents[1] / "model_cards" / "requests"
    told = [part["name"] for part in json.loads((card / "card.json").read_text())["impacts"]]
    assert told == ["second", "visits"]
    page = (card / "card.html").read_text()
    assert page.index("was announced on") < page.index("An earlier test, announced on")
    listed = json.loads((card.parent / "index.json").read_text())["systems"][0]["tested"]
    assert [(one["name"], bool(one["word"])) for one in listed] == [
        ("second", False),
        ("visits", True),
    ]
    assert {f.status.value for f in verify_published(city)} <= {"pass", "not applicable"}
    parts = (draft_impact(newest), draft_impact(first))
    assert all(c.holds for c in list_impacts_claims(parts, (newest, first)))
    for forged in (parts[:1], parts[::-1], ()):
        assert not all(c.holds for c in list_impacts_claims(forged, (newest, first)))


def test_two_that_would_run_at_once_are_refused(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "2023-11-20")
    declare_second(city, "2024-01-22")
    code, told = say("evaluate", "plan", city, "--evaluation", "second")
    assert (code, "would run beside 'visits'" in told, "2024-01-23" in told) == (2, True, True)
    assert not (city / SECOND).with_suffix(".plan.json").exists()


def test_a_file_of_before_is_moved_as_told_and_its_seal_holds(city: Path, say: Say) -> None:
    plan = json.loads((city / PLAN).read_text())
    assert plan["name"] == "visits"
    shutil.move(city / OWN, city / "evaluation.yaml")
    for words in (("evaluate", "analyse"), ("run",)):
        code, told = say(*words, city)
        assert (code, "git mv evaluation.yaml evaluations/requests.yaml" in told) == (2, True)
    shutil.move(city / "evaluation.yaml", city / "evaluations/requests.yaml")
    shutil.move(city / PLAN, city / "evaluations/requests.plan.json")
    code, told = say("evaluate", "analyse", city)
    assert (code, "was sealed as 'visits.plan.json'" in told) == (1, True), told


def test_a_plan_without_its_file_and_odd_names_are_told(city: Path, say: Say) -> None:
    shutil.copy(city / OWN, city / "evaluations/My Test.yaml")
    code, told = say("evaluate", "analyse", city)
    assert (code, "cannot be called 'My Test.yaml'" in told) == (2, True), told
    (city / "evaluations/My Test.yaml").unlink()
    (city / "evaluations/README.md").write_text("What we test.\n")
    assert find_only(city).sealed.name == "visits"
    (city / OWN).unlink()
    for words in (("evaluate", "analyse"), ("run",)):
        code, told = say(*words, city)
        assert (code, "is not there" in told) == (1, True), told
