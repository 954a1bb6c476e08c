from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from cityai.config.load import load_project
from cityai.config.schema import build_schema
from cityai.errors import SpecError, suggest_name

CITY = """\
name: Testville
country: US
time_zone: America/New_York
contact: {unit: Data office, email: data@testville.example}
areas:
  districts: {path: areas.csv, key: id}
"""
PROJECT = """\
name: requests
title: Requests by district
question:
  unit: requests
  period: week
  horizon: 4
  entity:
    columns: [district]
    area: district
    areas: districts
data:
  source: {path: data.csv}
  time: opened
  known: {lag_days: 1}
  columns:
    opened: {type: date, required: true}
    district: {type: text}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "configs" / "presets").mkdir(parents=True)
    (tmp_path / "configs" / "city.yaml").write_text(CITY)
    (tmp_path / "configs" / "policy.yaml").write_text("small_cell: 11\n")
    (tmp_path / "projects" / "requests").mkdir(parents=True)
    (tmp_path / "projects" / "requests" / "project.yaml").write_text(PROJECT)
    return tmp_path


def load(workspace: Path, text: str | None = None):
    folder = workspace / "projects" / "requests"
    if text is not None:
        (folder / "project.yaml").write_text(text)
    return load_project(folder)


def test_resolves_city_policy_and_words(workspace):
    project = load(workspace)
    assert project.spec.city.name == "Testville"
    assert project.spec.policy.small_cell == 11
    assert project.spec.words.system.name is None
    assert project.workspace == workspace.resolve()
    assert project.spec.limits["bias"] == 0.05


def test_a_file_or_its_folder_may_be_given(workspace):
    file = workspace / "projects" / "requests" / "project.yaml"
    assert load_project(file).digest == load_project(file.parent).digest


def test_digest_follows_what_matters(workspace):
    first = load(workspace).digest
    assert load(workspace, "# a comment\n" + PROJECT).digest == first
    assert load(workspace, PROJECT.replace("horizon: 4", "horizon: 5")).digest != first
    load(workspace, PROJECT)
    (workspace / "projects" / "requests" / "features.py").write_text("x = 1\n")
    assert load(workspace).digest != first


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "  horizon: 4",
            "  horizn: 4",
            r"project.yaml:6:3: the key 'question.horizn' is not known",
        ),
        ("  horizon: 4", "  horizn: 4", "Did you mean 'horizon'"),
        ("  horizon: 4", "  horizon: four", r"project.yaml:6:3: question.horizon: .*given: 'four'"),
        ("  horizon: 4\n", "", "'question.horizon' is missing"),
        ("  period: week", "  period: fortnight", "'day', 'week' or 'month'"),
        ("    columns: [district]", "    columns: [distric]", "Did you mean 'district'"),
        ("    areas: districts", "    areas: districs", "no area table 'districs'"),
        ("name: requests", "name: other", "its folder 'requests'"),
        ("name: requests", "name: Requests!", "lower-case letters"),
        ("name: requests", "name: con", "project.yaml:1:1: .*Windows uses itself.*'con'"),
        ("name: requests", "name: artifacts", "the workspace or Windows uses itself"),
        ("name: requests", "name: predictions", "city_predictions"),
        ("name: requests", "name: misses", "city_misses"),
        ("known: {lag_days: 1}", "known: {}", "either `column` or `lag_days`"),
        ("  unit: requests", "  unit: tons\n  measure: sum", "needs `value`"),
        ("title: R", "city: tstville\ntitle: R", "does not exist"),
        ("title: R", "use: weekly\ntitle: R", "presets/weekly.yaml does not exist"),
        (
            "title: R",
            "audit: {limits: {selection_rate: 5}}\ntitle: R",
            r"audit.limits: `selection_rate: 5` would be a gap of 500 points.*write 0.05 for 5",
        ),
        ("title: R", "audit: {limits: 5}\ntitle: R", "limits: (?s:.*)next: write its keys below"),
        ("title: R", "policies: x\ntitle: R", "Did you mean 'policy'"),
    ],
)
def test_a_mistake_is_named_with_its_line(workspace, old, new, says):
    assert old in PROJECT
    with pytest.raises(SpecError, match=says) as caught:
        load(workspace, PROJECT.replace(old, new, 1))
    assert caught.value.exit_code == 2


def test_two_projects_never_share_a_name(workspace):
    file = workspace / "projects" / "requests" / "late.yaml"
    file.write_text(PROJECT.replace("name: requests", "name: requests_late"))
    assert load_project(file).spec.name == "requests_late"
    other = workspace / "projects" / "requests_late"
    other.mkdir()
    (other / "project.yaml").write_text("name: requests_late\n")
    with pytest.raises(SpecError, match=r"late.yaml:1:1: a project is called 'requests_late' too"):
        load_project(file)


def test_a_preset_gives_whole_sections_and_no_more(workspace):
    preset = workspace / "configs" / "presets" / "weekly.yaml"
    preset.write_text("backtest: {folds: 13, calibration: 6}\nmodels: {seed: 5}\n")
    spec = load(workspace, "use: weekly\n" + PROJECT + "models: {threads: 1}\n").spec
    assert (spec.backtest.folds, spec.backtest.calibration) == (13, 6)
    assert (spec.models.seed, spec.models.threads) == (20260101, 1)
    preset.write_text("backtest: {fold: 13}\n")
    with pytest.raises(SpecError, match=r"weekly.yaml:1:12: the key 'backtest.fold' is not known"):
        load(workspace)


def test_words_are_checked_where_they_are_written(workspace):
    card = workspace / "projects" / "requests" / "card.yaml"
    card.write_text("system:\n  phase: running\n")
    with pytest.raises(SpecError, match=r"card.yaml:2:3: system.phase"):
        load(workspace)
    card.write_text("legal:\n  basis: {not_applicable: No decision about a person.}\n")
    assert load(workspace).spec.words.legal.basis.not_applicable.startswith("No")


def test_unknown_path_variable_is_refused(workspace):
    project = load(workspace)
    with pytest.raises(SpecError, match="CITYAI_DATA"):
        project.find_path("${CITYAI_DAT}/x.csv")


def test_paths_are_looked_for_in_the_project_then_the_workspace(workspace, monkeypatch):
    project = load(workspace)
    assert project.find_path("a.csv") == project.workspace / "a.csv"
    (project.folder / "a.csv").touch()
    assert project.find_path("a.csv") == project.folder / "a.csv"
    monkeypatch.setenv("CITYAI_DATA", "/elsewhere")
    assert project.find_path("${CITYAI_DATA}/b.csv") == Path("/elsewhere/b.csv")


def test_no_project_lists_those_there_are(workspace):
    with pytest.raises(SpecError, match="Did you mean 'requests'"):
        load_project(workspace / "projects" / "request")


def test_the_nearest_name():
    assert suggest_name("horizn", ["horizon", "lead"]) == "Did you mean 'horizon'?"
    assert suggest_name("zzz", ["b", "a"]) == "Known: a, b."


def _list_branches(schema):
    return [schema["$defs"][f"{kind}Project"] for kind in ("Demand", "Risk")]


@pytest.mark.parametrize("name", ["project", "evaluation", "card", "city", "policy", "keys"])
def test_schemas_are_valid_and_documented(name):
    schema = build_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    branches = [schema] if name != "project" else _list_branches(schema)
    assert all(branch["additionalProperties"] is False for branch in branches)
    published = Path(__file__).parents[2] / "configs" / f"{name}.schema.json"
    assert json.loads(published.read_text()) == schema, "run `make schema`"


def test_the_repository_s_own_files_fit_their_schemas():
    root = Path(__file__).parents[2]
    files = {
        "project": [*root.glob("projects/*/project.yaml")],
        "card": [*root.glob("projects/*/card.yaml")],
        "policy": [root / "configs" / "policy.yaml"],
        "city": [p for p in root.glob("configs/*.yaml") if p.stem != "policy"],
    }
    for name, paths in files.items():
        validator = jsonschema.Draft202012Validator(build_schema(name))
        for path in paths:
            content = json.loads(json.dumps(YAML(typ="safe").load(path), default=str))
            assert not [e.message for e in validator.iter_errors(content)], path
