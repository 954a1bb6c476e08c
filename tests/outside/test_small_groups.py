"""Small groups of given answers: they hide themselves, and no large group for their sake."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.pipeline.external_audit import audit_given
from cityai.pipeline.verify import verify_published


def make_people(n: int = 1500, rare: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    truth = rng.random(n) < 0.3
    score = np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0.01, 0.99).round(3)
    group = rng.choice(["A", "B", "C"], n, p=[0.5, 0.3, 0.2]).astype(object)
    group[:rare] = "Bb"
    rows = {"y": truth.astype(int), "d": (score > 0.5).astype(int), "score": score, "group": group}
    return pd.DataFrame({"id": np.arange(n), **rows})


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("rare", [1, 9])
def test_a_mistyped_group_hides_itself_and_no_other(order, tmp_path, answers_text, rare):
    people = make_people(rare=rare)
    people.to_csv(tmp_path / "people.csv", index=False)
    audited = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv")
    card = audited.card
    rates = {r.group: r for r in card.fairness.results if r.metric == "selection_rate"}
    assert {g for g, r in rates.items() if r.status == "suppressed"} == {"Bb"}
    assert rates["Bb"].value is None
    assert rates["Bb"].sentence == "Not shown: fewer than 11 people or events. Counted with A."
    assert sum(r.n or 0 for r in rates.values()) == len(people)
    told = " ".join(card.fairness.dimensions[0].in_words)
    assert "“Bb”" in told
    assert "counted with “A”" in told
    auc = next(r for r in card.fairness.results if (r.group, r.metric) == ("A", "auc"))
    assert auc.n == rates["A"].n
    figures = {f.code: f.status.value for f in verify_published(audited.card_path.parent)}
    assert figures["card.figures"] == "pass"


@pytest.mark.usefixtures("no_pictures")
def test_a_group_that_nobody_has_recorded_is_a_failed_finding(order, tmp_path, answers_text):
    people = make_people(rare=0).assign(group=None)
    people.to_csv(tmp_path / "people.csv", index=False)
    card = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv").card
    [found] = [f for f in card.findings if f.code == "audit.recorded"]
    assert (found.status, found.subject) == ("fail", "group")
    assert any(c.check == "audit.recorded" for c in card.verdict.conditions)


@pytest.mark.usefixtures("no_pictures")
def test_an_outcome_that_nearly_all_have_is_not_called_too_few_rows(order, tmp_path, answers_text):
    people = make_people(rare=0)
    people["y"] = (people.index != 7).astype(int)
    people.to_csv(tmp_path / "people.csv", index=False)
    card = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv").card
    assert "Too few had the outcome, or too few had not" in " ".join(card.eval.in_words)
    told = " ".join(c.text for c in card.verdict.conditions)
    assert "when it is known what happened" not in told
    assert "Judge it again with more cases" in told


@pytest.mark.usefixtures("no_pictures")
def test_a_card_whose_reference_is_counted_with_another_verifies(order, tmp_path, answers_text):
    people = make_people(rare=9)
    people.to_csv(tmp_path / "people.csv", index=False)
    text = answers_text.replace("attribute: group}", "attribute: group, reference: Bb}")
    assert text != answers_text
    audited = audit_given(order(text, small_cell=11), tmp_path / "people.csv")
    rates = {r.group: r for r in audited.card.fairness.results if r.metric == "selection_rate"}
    assert rates["A"].value is not None
    assert rates["A"].reference == "Bb"
    assert all(r.reference_value is None and r.gap is None for r in rates.values())
    figures = {f.code: f.status.value for f in verify_published(audited.card_path.parent)}
    assert figures["card.figures"] == "pass"


def test_the_cell_that_hides_another_is_named_to_the_analyst_alone(
    order, tmp_path, answers_text, capsys
):
    """Too many to be counted with another, too few to be shown: a second group is hidden."""
    people = make_people(700, rare=9)
    people["group"] = people["group"].where(people["group"] == "Bb", "A")
    people.loc[20:80, "group"] = "C"
    people.to_csv(tmp_path / "people.csv", index=False)
    order(answers_text, small_cell=70)
    people_file, spec_file = str(tmp_path / "people.csv"), str(tmp_path / "audit.yaml")
    assert not run_command(["audit", people_file, "--spec", spec_file])
    told = " ".join(capsys.readouterr().out.split())
    assert "Not shown" in told
    assert "for the sake of group=" in told
    for path in (tmp_path / "model_cards").rglob("*.*"):
        assert "for the sake of group=" not in path.read_text(), path


@pytest.mark.usefixtures("no_pictures")
def test_the_whole_of_a_few_is_not_shown(order, tmp_path, answers_text):
    make_people(8, rare=0).to_csv(tmp_path / "people.csv", index=False)
    card = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv").card
    assert card.eval.metrics
    assert all(m.value is None and m.low is None for m in card.eval.metrics)
    statuses = {r.status for r in card.fairness.results}
    assert statuses == {"suppressed"}
    assert "selection_rate" in json.dumps([m.metric for m in card.eval.metrics])


@pytest.mark.usefixtures("no_pictures")
def test_what_is_hidden_is_never_said_not_to_apply(order, tmp_path, answers_text):
    """Scores of groups whose rates are said in steps: hidden, and the group itself is shown."""
    people = make_people(160, rare=0)
    people.to_csv(tmp_path / "people.csv", index=False)
    card = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv").card
    hidden = [r for r in card.fairness.results if r.sentence.startswith("Not s")]
    assert hidden
    assert {r.status for r in hidden} == {"suppressed"}


@pytest.mark.usefixtures("no_pictures")
def test_beside_a_range_no_grade_and_no_spread_is_told(order, tmp_path, answers_text):
    """What is said only as a range is not told finer by a grade, a side, or the widest gap."""
    rng = np.random.default_rng(7)
    group = np.repeat(["A", "B", "C"], [900, 500, 120])
    chosen = rng.random(1520) < np.repeat([0.30, 0.33, 0.05], [900, 500, 120])
    people = pd.DataFrame({"y": rng.random(1520) < 0.3, "d": chosen, "group": group}).astype(
        {"y": int, "d": int}
    )
    people.assign(score=0.5 * chosen + 0.2, id=range(1520)).to_csv(
        tmp_path / "people.csv", index=False
    )
    text = answers_text.replace("{selection_rate: 0.1}", "{selection_rate: 0.25}")
    fairness = audit_given(order(text, small_cell=11), tmp_path / "people.csv").card.fairness
    ranged = {r.group for r in fairness.results if r.between or r.reference_between}
    assert ranged, "this table has no figure that is said as a range"
    for r in fairness.results:
        if r.between and r.status == "not enough evidence":
            assert r.grade == ""
        if r.between and r.status != "fail":
            assert r.served == ""
    exact = {(r.metric, r.group) for r in fairness.results if r.value is not None and not r.between}
    assert fairness.verdicts
    for verdict in fairness.verdicts:
        named = {(verdict.metric, verdict.worst), (verdict.metric, verdict.best)}
        assert (verdict.spread is not None) == (named <= exact)
