"""What a risk project may say, and what it is told when it may not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from cityai.config.load import load_project
from cityai.config.project import ProjectSpec
from cityai.config.risk import RiskSpec
from cityai.config.schema import build_schema
from cityai.errors import SpecError

ROOT = Path(__file__).parents[2]
CITY = """\
name: Testville
country: US
time_zone: America/New_York
contact: {unit: Data office, email: data@testville.example}
"""
PROJECT = """\
name: visits
title: Whom to visit first
kind: risk
question:
  unit: visits
  case: id
  outcome: {column: missed, yes: ["1"]}
  asked: {days_before: 0}
  entity:
    columns: [person]
    attributes: [age]
  decision: {capacity: 5, per: day}
data:
  source: {path: data.csv}
  time: day
  known: {lag_days: 0}
  columns:
    id: {type: text}
    day: {type: date}
    person: {type: text}
    missed: {type: integer}
    age: {type: integer}
    score: {type: number}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "city.yaml").write_text(CITY)
    (tmp_path / "configs" / "policy.yaml").write_text("small_cell: 11\n")
    (tmp_path / "projects" / "visits").mkdir(parents=True)
    return tmp_path


def load(workspace: Path, *changes: tuple[str, str]):
    text = PROJECT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (workspace / "projects" / "visits" / "project.yaml").write_text(text)
    return load_project(workspace / "projects" / "visits")


def test_the_kind_chooses_the_record(workspace):
    spec = load(workspace).spec
    assert isinstance(spec, RiskSpec)
    assert spec.row_key == ("id",)
    assert spec.unit == "visits"
    assert spec.features.windows_days == (90, 365, 730)
    sample = load_project(ROOT / "projects" / "sample_requests").spec
    assert isinstance(sample, ProjectSpec)
    assert sample.kind == "demand"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: risk", "kind: rsk", "the kind of question 'rsk' is not known"),
        ("kind: risk\n", "", "question.period' is missing"),
        ("  unit: visits", "  unit: visits\n  horizon: 4", "'question.horizon' is not known"),
        ("capacity: 5", "capacty: 5", "Did you mean 'capacity'"),
        ("capacity: 5", "threshold: 0.3", "`rule: top` needs `capacity`"),
        ("capacity: 5", "capacity: 0", "greater than or equal to 1"),
        ("days_before: 0", "days_before: 0, column: day", "either `days_before` or `column`"),
        ("[age]", "[agee]", "names the column 'agee', which has no contract"),
        ("[age]", "[age, missed]", "it would give the answer away"),
        ("[age]", "[day]", "is a moment, which no model can look at"),
        ("columns: [person]", "columns: [missed]", "which is the outcome"),
        ("  time: day", "  time: day\n  where: {missed: [1]}", "which is the outcome"),
        ("  time: day", "  time: day\n  layout: panel", "`data.layout` belongs to `kind: demand`"),
        ("  time: day", "  time: person", "whose type is text"),
        ("  time: day", "  time: day\n  key: [person]", "leave `data.key` out"),
        ("data:\n", "models: {city_score: person}\ndata:\n", "whose type is text"),
        ("name: visits", "name: visit", "its folder 'visits'"),
        (
            "data:\n",
            "events: {calls: {source: {path: c.csv}, time: t, known: {lag_days: 0}, by: area, "
            "key: a}}\ndata:\n",
            "are by area, and the cases have none",
        ),
        (
            "data:\n",
            "events: {calls: {source: {path: c.csv}, time: t, known: {lag_days: 0}, key: p, "
            "totals: {all: [one]}}}\ndata:\n",
            "adds up 'one', which is no numeric column",
        ),
        (
            "data:\n",
            "audit: {dimensions: {age: {label: Age, attribute: age, cuts: [9]}}}\ndata:\n",
            "`band_names` must be one more than `cuts`",
        ),
        (
            "data:\n",
            "audit: {dimensions: {who: {label: Who, attribute: sex}}}\ndata:\n",
            "names the attribute 'sex'",
        ),
    ],
)
def test_mistakes_are_named(workspace, old, new, words):
    with pytest.raises(SpecError) as caught:
        load(workspace, (old, new))
    assert words in str(caught.value)
    assert "project.yaml" in str(caught.value)


def test_the_city_s_own_score_is_never_a_feature(workspace):
    with pytest.raises(SpecError, match="the city's own score"):
        load(
            workspace,
            ("[age]", "[age, score]"),
            ("data:\n", "models: {city_score: score}\ndata:\n"),
        )


def test_keys_of_risk_are_refused_in_demand():
    text = (ROOT / "projects" / "sample_requests" / "project.yaml").read_text()
    schema = jsonschema.Draft202012Validator(build_schema("project"))
    content = json.loads(json.dumps(YAML(typ="safe").load(text), default=str))
    assert schema.is_valid(content)
    assert not schema.is_valid(content | {"events": {}})
    assert not schema.is_valid(content | {"kind": "risk"})


def test_a_second_file_of_a_folder_has_a_name_of_its_own(workspace):
    load(workspace)
    other = workspace / "projects" / "visits" / "with_age.yaml"
    other.write_text(PROJECT.replace("name: visits", "name: visits_with_age"))
    assert load_project(other).spec.name == "visits_with_age"
    other.write_text(PROJECT)
    with pytest.raises(SpecError, match="'visits_with_age'"):
        load_project(other)


@pytest.mark.parametrize(
    "name",
    [
        "food_inspections/project",
        "food_inspections/with_inspectors",
        "clinic_no_shows/project",
        "sample_inspections/project",
    ],
)
def test_the_repository_s_own_risk_projects_load(name):
    path = ROOT / "projects" / f"{name}.yaml"
    spec = load_project(path).spec
    assert isinstance(spec, RiskSpec)
    assert len(path.read_text().splitlines()) < 100
    assert spec.words.decision.supported_decision
    schema = jsonschema.Draft202012Validator(build_schema("project"))
    content = json.loads(json.dumps(YAML(typ="safe").load(path), default=str))
    assert not [e.message for e in schema.iter_errors(content)]


def test_who_inspects_is_not_in_the_registered_version():
    folder = ROOT / "projects" / "food_inspections"
    registered = load_project(folder).spec
    other = load_project(folder / "with_inspectors.yaml").spec
    assert "Inspector_Assigned" not in registered.question.entity.attributes
    assert registered.models.averages == ("Inspector_Assigned",)
    assert "Inspector_Assigned" in other.question.entity.attributes
    assert registered.name != other.name
