"""The commands that make things: what they say, what they refuse, and how they end."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from cityai.cli.main import run_command
from cityai.config.yaml import read_yaml
from cityai.scaffold import files, project
from cityai.scaffold.files import read_files
from cityai.scaffold.workspace import create_workspace
from tests.scaffold.conftest import ANSWERS


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = create_workspace(tmp_path / "haven", ANSWERS).folder
    monkeypatch.chdir(folder)
    return folder


def write_table(path: Path) -> Path:
    rows = [f"r{i},2024-{i % 12 + 1:02d}-{i % 28 + 1:02d},{'NS'[i % 2]}" for i in range(2_000)]
    path.write_text("id,opened,district\n" + "\n".join(rows) + "\n")
    return path


def test_a_workspace_is_made_and_tested(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--name", "Haven", "--country", "US", "--time-zone", "America/Chicago"]
    assert run_command(["init", "my-city", "--yes", *asked, "--language", "en, es"]) == 0
    assert "next: cd my-city && cityai new" in capsys.readouterr().out
    city = read_yaml(tmp_path / "my-city" / "configs" / "city.yaml").content
    assert (city["name"], city["languages"]) == ("Haven", ["en", "es"])
    assert run_command(["init", "my-city", "--yes"]) == 2
    assert "something is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--time-zone", "Mars/Olympus", "time_zone"),
        ("--country", "usa", "country"),
        ("--language", "tlh", "languages"),
        ("--name", "a\nb", "cannot be the name"),
        ("--email", "", "cannot be the mailbox"),
    ],
)
def test_answers_are_refused_before_a_file_is_written(
    tmp_path: Path, monkeypatch: Any, capsys: Any, option: str, value: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["init", "city", "--yes", option, value]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_templates_are_listed(capsys: Any) -> None:
    assert run_command(["templates"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 9


def test_a_project_is_made(inside: Path, capsys: Any) -> None:
    assert run_command(["new", "mine", "--template", "waste-collection", "--title", "Waste"]) == 0
    assert "next: cityai check projects/mine" in capsys.readouterr().out
    assert "title: Waste" in (inside / "projects" / "mine" / "project.yaml").read_text()
    assert run_command(["new", "mine", "--template", "housing"]) == 2
    assert "something is there already" in capsys.readouterr().err
    assert run_command(["new", "other", "--template", "houses"]) == 2
    assert "no template 'houses'" in capsys.readouterr().err
    assert run_command(["new", "../other"]) == 2
    assert "cannot be the name" in capsys.readouterr().err


def test_a_project_needs_a_workspace(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["new", "mine"]) == 2
    error = capsys.readouterr().err
    assert "no workspace" in error
    assert "cityai init my-city" in error


def test_questions_without_a_terminal_name_the_way_to_answer(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run_command(["init", "city"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_found_by_its_name_and_a_check_says_which_rows_it_refused(
    inside: Path, capsys: Any
) -> None:
    table = write_table(inside / "requests.csv")
    table.write_text(table.read_text() + "r9,2024-06-01,N\nx,soon,N\ny,never,S\n")
    assert run_command(["new", "mine", "--from", str(table)]) == 0
    told = capsys.readouterr().out
    assert "rejected  2 rows: opened: not a date; rows 2,002 ('soon'), 2,003 ('never')" in told
    assert run_command(["check", "mine"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "of 2,003 used, 3 rejected" in said
    assert "2 cells or rows, opened: not a date; rows 2,002 ('soon'), 2,003 ('never')" in said
    assert "1 cells or rows, repeats the key of another row; row 10 ('r9')" in said


def test_a_table_is_looked_at_and_what_was_understood_is_told(inside: Path, capsys: Any) -> None:
    table = write_table(inside / "requests.csv")
    assert run_command(["new", "mine", "--from", str(table), "--place", "district"]) == 0
    said = capsys.readouterr().out
    assert "requests.csv: 2,000 rows\n" in said
    assert "time      opened: dates from 2024-01-01 to 2024-12-28" in said
    assert "The table cannot tell" in said
    assert "which groups of residents" in said
    written = (inside / "projects" / "mine" / "project.yaml").read_text()
    assert "path: requests.csv" in written
    assert "# a repeated key is rejected and counted" in written
    assert not (inside / "projects" / "mine" / "extract.csv").exists()
    assert run_command(["check", "projects/mine"]) == 0


def test_a_table_that_cannot_be_looked_at(inside: Path, capsys: Any) -> None:
    table = write_table(inside / "requests.csv")
    before = read_files(inside)
    for asked, said in (
        (["--from", "none.csv"], "cannot be read"),
        (["--from", str(table), "--time", "day"], "no column 'day'"),
        (["--from", str(table), "--template", "inspections"], "no column holds yes and no"),
    ):
        assert run_command(["new", "mine", *asked]) == 2
        assert said in capsys.readouterr().err
    assert read_files(inside) == before


def test_a_project_is_brought_up_to_date(
    inside: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    import shutil

    copy = tmp_path / "templates"
    shutil.copytree(files.TEMPLATES, copy)
    monkeypatch.setattr(project, "TEMPLATES", copy)
    assert run_command(["new", "mine", "--template", "housing"]) == 0
    assert run_command(["project", "update", "projects/mine"]) == 0
    assert "has not changed" in capsys.readouterr().out
    newer = copy / "housing" / "project.yaml"
    newer.write_text(newer.read_text().replace("coverage: 0.9", "coverage: 0.8"))
    assert run_command(["project", "update", "projects/mine"]) == 0
    assert "changed: project.yaml" in capsys.readouterr().out
    own = inside / "projects" / "mine" / "project.yaml"
    own.write_text(own.read_text().replace("coverage: 0.8", "coverage: 0.7"))
    newer.write_text(newer.read_text().replace("coverage: 0.8", "coverage: 0.6"))
    assert run_command(["project", "update", "projects/mine"]) == 1
    shown = capsys.readouterr()
    assert "CONFLICT, both are marked: project.yaml" in shown.out
    assert "next: choose the lines" in shown.err
    assert run_command(["project", "update", str(inside)]) == 2
    assert "not made from a template" in capsys.readouterr().err
