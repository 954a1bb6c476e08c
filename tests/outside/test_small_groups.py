"""Small groups of given answers: they hide themselves, and no large group for their sake."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.group_tables import find_hidden
from cityai.cli.main import run_command
from cityai.disclosure.primary_suppression import count_people, find_few_people, gather_people
from cityai.pipeline.external_audit import audit_given
from cityai.pipeline.verify import verify_published
from tests.kinds import judge_given


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


VISITS = """\
name: visits
title: Who is selected
predictions:
  kind: yes/no
  unit: visits
  label: visit
  label_plural: visits
  columns: {entity: person, as_of: day, outcome: y, decision: d}
audit:
  infers: others like these
  dimensions:
    kind: {label: Kind, attribute: kind}
    side: {label: Side, attribute: side}
  limits: {false_positive_rate: 0.05, selection_rate: 0.05}
"""


def draw_visits(rng: np.random.Generator) -> pd.DataFrame:
    """Visits of persons, of whom a few have most: kinds of few persons, or of few who say yes."""
    sizes = [rng.integers(150, 400), rng.integers(60, 200), *rng.integers(2, 14, 2)]
    kind = np.repeat(["a", "b", "c", "d"], sizes)
    many = np.minimum(rng.geometric(np.where(np.isin(kind, ["c", "d"]), 0.05, 0.5)), 30)
    chance = rng.beta(0.5, 1.5, len(kind)) * np.where(kind == "b", rng.random(), 1.0)
    person = np.repeat(np.arange(len(kind)), many)
    nth = np.arange(len(person)) - np.repeat(np.cumsum(many) - many, many)
    return pd.DataFrame(
        {
            "person": person,
            "day": (pd.Timestamp("2024-01-01") + pd.to_timedelta(nth, unit="D")).date,
            "kind": kind[person],
            "side": rng.choice(["left", "right"], len(kind), p=[0.4, 0.6])[person],
            "y": (rng.random(len(person)) < chance[person]).astype(int),
            "d": (rng.random(len(person)) < 0.4).astype(int),
        }
    )


def count_visitors(visits: pd.DataFrame) -> list[int]:
    """Persons with a visit, with one that was a yes, and with one that was a no."""
    return [
        int(visits.loc[visits["y"].isin(of), "person"].nunique()) for of in ((0, 1), (1,), (0,))
    ]


def test_many_rows_of_few_persons_are_a_small_group(order, tmp_path):
    """By rows they were none: three persons with forty visits each stood there with their rates."""
    rng, hidden = np.random.default_rng(9), 0
    for _ in range(4):
        visits = draw_visits(rng)
        visits.to_csv(tmp_path / "visits.csv", index=False)
        audit = judge_given(order(VISITS, small_cell=11), tmp_path / "visits.csv").facts.audit
        gone = find_hidden(audit.table)
        for part in audit.dimensions.to_dict("records"):
            name = part["dimension"]
            if " * " in name:
                continue
            joined = dict(zip(part["groups"], part["counted_with"], strict=True))
            own = visits[name].map(lambda g, to=joined: to[g] or g)
            unsaid = {g for d, g in gone if d == name}
            few = {
                g for g in own.unique() if any(0 < n < 11 for n in count_visitors(visits[own == g]))
            }
            assert few <= unsaid
            assert not any(0 < n < 11 for n in count_visitors(visits[own.isin(unsaid)]))
            hidden += len(few)
    assert hidden >= 3


def test_persons_are_counted_once_and_areas_are_nobody():
    people = gather_people(np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 0, 0, 0, 1]), 2)
    weights = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    assert count_people(people, weights).tolist() == pytest.approx([25 / 9, 1, 3], rel=0.01)
    assert find_few_people({"n": people}, weights, 3).tolist() == [True, True, False]
