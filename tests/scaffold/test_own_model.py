"""`cityai new --with-model`: a models.py that is named, and that the rehearsal takes."""

from __future__ import annotations

import pytest

from cityai.config.load import load_project
from cityai.confine import own_file
from cityai.modeling.own.models import OwnLearner, load_models
from cityai.scaffold.project import create_project


@pytest.mark.parametrize("template", ["blank_demand", "blank_risk"])
def test_a_new_project_brings_a_model(workspace, template):
    plain = create_project(workspace, "plain", template)
    made = create_project(workspace, "my_own", template, with_model=True)
    assert {path.name for path in made.folder.iterdir()} - {
        path.name for path in plain.folder.iterdir()
    } == {"models.py"}
    project = load_project(made.folder)
    assert project.spec.models.own == ("mine",)
    text, old = ((m.folder / "project.yaml").read_text() for m in (made, plain))
    assert [line for line in old.splitlines() if "models" not in line and "name:" not in line] == [
        line
        for line in text.splitlines()
        if "models" not in line and "name:" not in line and "own: [mine]" not in line
    ]
    (model,) = load_models(project, probability=template == "blank_risk")
    assert isinstance(model, OwnLearner)
    assert model.label == "Gradient boosting of our own"
    own_file.KEPT.clear()
