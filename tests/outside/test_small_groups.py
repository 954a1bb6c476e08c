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


def test_the_whole_of_a_few_is_not_shown(order, tmp_path, answers_text):
    make_people(8, rare=0).to_csv(tmp_path / "people.csv", index=False)
    card = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv").card
    assert card.eval.metrics
    assert all(m.value is None and m.low is None for m in card.eval.metrics)
    statuses = {r.status for r in card.fairness.results}
    assert statuses == {"suppressed"}
    assert "selection_rate" in json.dumps([m.metric for m in card.eval.metrics])


def test_what_is_hidden_is_never_said_not_to_apply(order, tmp_path, answers_text):
    """Scores of groups whose rates are said in steps: hidden, and the group itself is shown."""
    people = make_people(160, rare=0)
    people.to_csv(tmp_path / "people.csv", index=False)
    card = audit_given(order(answers_text, small_cell=11), tmp_path / "people.csv").card
    hidden = [r for r in card.fairness.results if r.sentence.startswith("Not s")]
    assert hidden
    assert {r.status for r in hidden} == {"suppressed"}
