"""New workspaces and projects: just the expected files, and no answer does harm."""

from __future__ import annotations

import ast
import random
import re
import string
from dataclasses import replace

import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.config.yaml import read_yaml
from cityai.errors import SpecError
from cityai.samples.extracts import draw_extract
from cityai.scaffold.files import CATALOGUE, TEMPLATES, find_template, read_files
from cityai.scaffold.project import EXPLORE, EXTRACT, NOTEBOOK, ORIGIN, PRISTINE, create_project
from cityai.scaffold.workspace import create_workspace
from tests.promises import trials
from tests.scaffold.conftest import ANSWERS

NAMES = [template.name for template in CATALOGUE]
OWN = {"project.yaml", "card.yaml", "README.md", "tests/test_project.py"}
PIECES = [
    "'", '"', "{{ 7*7 }}", "{% for x in y %}", "\n", "\r\n", "\t", "\x00", "../", "..\\", "/etc/x",
    "$(touch hit)", "`id`", "__import__('os').system('touch hit')", "&a [*a]", "!!python/object",
    ": - #", "%", "\u202e", "\u200b", "é", "مدينة", "🏙", "NO", "02134", "12:30", "null", "- x",
    "\\", "</script><script>", "A" * 10_000, "${CITYAI_DATA}", "PROJECT_NAME", "WORKSPACE_NAME",
]  # fmt: skip


def draw_hostile(seed: int) -> str:
    rng = random.Random(seed)
    pieces = rng.choices([*PIECES, *string.ascii_letters], k=rng.randint(1, 4))
    return "".join(pieces)


def test_workspace_has_its_files_and_no_others(workspace):
    assert set(read_files(workspace)) == {
        ".dockerignore", ".github/workflows/cityai.yml", ".gitignore", ".gitlab-ci.yml",
        "Containerfile", "MLproject", "README.md", "databricks.yml", "deploy/cron",
        "deploy/databricks_task.py", "deploy/gate", "deploy/run",
        "configs/audit.schema.json", "configs/card.schema.json", "configs/city.schema.json",
        "configs/city.yaml", "configs/evaluation.schema.json", "configs/keys.schema.json",
        "configs/policy.schema.json",
        "configs/policy.yaml",
        "configs/port_ellery.yaml", "configs/project.schema.json", "model_cards/README.md",
        "projects/README.md", "pyproject.toml", "tests/test_workspace.py",
    }  # fmt: skip
    text = "".join(content.decode() for content in read_files(workspace).values())
    assert "WORKSPACE_NAME" not in text
    assert "*.pem" in (workspace / ".gitignore").read_text().split()  # keys to sign with
    assert 'name = "little_haven"' in (workspace / "pyproject.toml").read_text()


def test_policy_is_the_one_that_the_examples_are_held_to(workspace, request):
    own = (request.config.rootpath / "configs" / "policy.yaml").read_text()
    assert (workspace / "configs" / "policy.yaml").read_text() == own


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_as_many_folds_as_its_history_holds(workspace, name):
    folder = create_project(workspace, "mine", name).folder
    assert load_project(folder).spec.backtest.folds is None
    assert "  # folds: " in (folder / "project.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_project_has_its_files_and_loads(workspace, name):
    made = create_project(workspace, f"my_{name}", name, "A title")
    files = set(read_files(made.folder))
    own = files - {path for path in files if path.startswith(f"{PRISTINE}/")}
    assert own - {"features.py"} == OWN | {EXTRACT}
    assert {f"{PRISTINE}/{path}" for path in own - {EXTRACT}} | {f"{PRISTINE}/{ORIGIN}"} == (
        files - own
    )
    project = load_project(made.folder)
    assert (project.spec.name, project.spec.title) == (f"my_{name}", "A title")
    assert len((made.folder / "project.yaml").read_text().splitlines()) < 100
    for path in own - {EXTRACT}:
        assert "PROMPT" not in (made.folder / path).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_a_template_is_explained_in_place(workspace, name):
    made = create_project(workspace, "mine", name)
    lines = (made.folder / "project.yaml").read_text().splitlines()
    section = [line for line in lines if line.startswith("  ") and not line.startswith("   ")]
    explained = [line for line in section if "#" in line]
    assert len(explained) >= 0.6 * len(section)


def test_extracts_are_the_same_every_time():
    draw = draw_extract.__wrapped__
    assert draw("waste_collection") == draw("waste_collection")


def test_nothing_is_written_over(workspace):
    create_project(workspace, "mine", "housing")
    before = read_files(workspace)
    with pytest.raises(SpecError, match="something is there already"):
        create_project(workspace, "mine", "housing")
    with pytest.raises(SpecError, match="something is there already"):
        create_workspace(workspace, ANSWERS)
    assert read_files(workspace) == before


def test_mistakes_are_named(workspace, tmp_path):
    with pytest.raises(SpecError, match=r"(?s)no template 'shelter'.*shelter_demand"):
        create_project(workspace, "mine", "shelter")
    with pytest.raises(SpecError, match="not a workspace"):
        create_project(tmp_path, "mine", "housing")
    for name in ("../mine", "Mine", "my project", "", "a" * 64, ".template"):
        with pytest.raises(SpecError, match="cannot be the name"):
            create_project(workspace, name, "housing")
    with pytest.raises(SpecError, match="time_zone"):
        create_workspace(tmp_path / "other", replace(ANSWERS, time_zone="Mars/Olympus"))
    assert not (tmp_path / "other").exists()
    assert find_template("blank-demand").name == "blank_demand"


HOSTILE = trials(500, 120)


@pytest.mark.promise(25)
@pytest.mark.long
def test_hostile_answers_are_refused_or_harmless(observe, tmp_path):
    harmless = create_workspace(tmp_path / "benign", ANSWERS).folder
    benign = create_project(harmless, "mine", "housing", "A title").folder
    code = ast.dump(ast.parse((benign / "tests" / "test_project.py").read_text()))
    for i in range(HOSTILE):
        text = draw_hostile(i)
        folder = tmp_path / f"w{i}"
        field = ("name", "country", "time_zone", "unit", "email")[i % 5]
        try:
            created = create_workspace(folder, replace(ANSWERS, **{field: text}))
        except SpecError:
            assert not folder.exists()
            created = create_workspace(folder, ANSWERS)
        else:
            city = read_yaml(folder / "configs" / "city.yaml").content
            kept = city["contact"] if field in ("unit", "email") else city
            assert kept[field] == text.strip()
        assert (
            {*created.files}
            == {*read_files(folder)}
            == {*read_files(harmless)}
            - {p for p in read_files(harmless) if p.startswith("projects/mine/")}
        )
        name = text if i % 2 else "mine"
        try:
            made = create_project(folder, name, "housing", text)
        except SpecError:
            assert [p.name for p in (folder / "projects").iterdir()] == ["README.md"]
            continue
        assert made.folder == folder / "projects" / name
        assert re.fullmatch("[a-z][a-z0-9_]*", name)
        assert load_project(made.folder).spec.title == text.strip()
        test = (made.folder / "tests" / "test_project.py").read_text()
        assert ast.dump(ast.parse(test)) == code
    assert {path.name for path in tmp_path.iterdir()} == {
        "benign",
        *(f"w{i}" for i in range(HOSTILE)),
    }
    observe(f"{HOSTILE} answers: no file outside, no code but ours")


def test_a_notebook_comes_with_a_project_or_later(workspace, monkeypatch, capsys):
    monkeypatch.chdir(workspace)
    written = (TEMPLATES / NOTEBOOK / EXPLORE).read_bytes()
    assert run_command(["new", "early", "--notebook", "--with-model"]) == 0
    assert (workspace / "projects" / "early" / EXPLORE).read_bytes() == written
    assert (workspace / "projects" / "early" / "models.py").is_file()
    folder = create_project(workspace, "late", "blank_risk").folder
    before = read_files(folder)
    assert run_command(["new", "late", "--notebook"]) == 0
    assert read_files(folder) == {**before, EXPLORE: written}
    (folder / EXPLORE).write_text("mine")
    assert run_command(["new", "late", "--notebook"]) == 2
    assert (folder / EXPLORE).read_text() == "mine"
    assert "has a notebook already" in capsys.readouterr().err
