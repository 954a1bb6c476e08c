"""An older project gets the template's changes; what a person edited is kept."""

from __future__ import annotations

import shutil

import pytest

from cityai.errors import SpecError
from cityai.scaffold import files, project
from cityai.scaffold.files import read_files
from cityai.scaffold.project import create_project
from cityai.scaffold.update import update_project


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """A copy of the templates that a test may change, as a later version would."""
    copy = tmp_path / "templates"
    shutil.copytree(files.TEMPLATES, copy)
    monkeypatch.setattr(project, "TEMPLATES", copy)
    return copy


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_to_do(workspace, templates):
    made = create_project(workspace, "mine", "housing").folder
    edit(made / "project.yaml", "horizon: 1", "horizon: 2")
    before = read_files(made)
    assert update_project(made).current
    assert read_files(made) == before


def test_changes_come_and_edits_stay(workspace, templates):
    made = create_project(workspace, "mine", "housing", "My title").folder
    edit(made / "project.yaml", "horizon: 1", "horizon: 2")
    edit(templates / "housing" / "project.yaml", "coverage: 0.9", "coverage: 0.8")
    (templates / "housing" / "features.py").write_text('"""New in this version."""\n')
    done = update_project(made)
    text = (made / "project.yaml").read_text()
    assert "horizon: 2" in text
    assert "coverage: 0.8" in text
    assert "title: My title" in text
    assert (done.changed, done.added, done.conflicts) == (("project.yaml",), ("features.py",), ())
    assert update_project(made).current


def test_a_conflict_is_marked_and_nothing_is_lost(workspace, templates):
    made = create_project(workspace, "mine", "housing").folder
    edit(made / "project.yaml", "coverage: 0.9", "coverage: 0.95")
    edit(templates / "housing" / "project.yaml", "coverage: 0.9", "coverage: 0.8")
    done = update_project(made)
    text = (made / "project.yaml").read_text()
    assert done.conflicts == ("project.yaml",)
    assert text.index("<<<<<<< yours") < text.index("coverage: 0.95") < text.index("coverage: 0.8")
    edit(templates / "housing" / "project.yaml", "coverage: 0.8", "coverage: 0.7")
    with pytest.raises(SpecError, match="marks of an earlier conflict"):
        update_project(made)


def test_a_file_that_was_taken_away_stays_away(workspace, templates):
    made = create_project(workspace, "mine", "housing").folder
    (made / "README.md").unlink()
    edit(templates / "housing" / "README.md", "It runs at once", "It runs")
    done = update_project(made)
    assert done.kept == ("README.md",)
    assert not (made / "README.md").exists()


def test_a_killed_update_can_be_repeated(workspace, templates, monkeypatch):
    made = create_project(workspace, "mine", "housing").folder
    edit(templates / "housing" / "project.yaml", "coverage: 0.9", "coverage: 0.8")
    edit(templates / "housing" / "README.md", "It runs at once", "It runs")
    from cityai.scaffold import update

    real, written = update.replace_file, []

    def die(path, content):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        real(path, content)

    monkeypatch.setattr(update, "replace_file", die)
    with pytest.raises(KeyboardInterrupt):
        update_project(made)
    monkeypatch.setattr(update, "replace_file", real)
    done = update_project(made)
    assert not done.conflicts
    assert "coverage: 0.8" in (made / "project.yaml").read_text()
    assert "It runs on" in (made / "README.md").read_text()


def test_only_projects_of_a_template(workspace, request):
    with pytest.raises(SpecError, match="not made from a template"):
        update_project(request.config.rootpath / "projects" / "waste_tonnage")
    made = create_project(workspace, "mine", "housing").folder
    (made / ".template" / "origin.json").write_text("[]")
    with pytest.raises(SpecError, match="cannot be read where"):
        update_project(made)
