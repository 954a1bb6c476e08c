"""Every template: made, run to its card, its own test passed, and nothing left lying about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cityai.card import pages
from cityai.config.load import load_project
from cityai.modeling import folds
from cityai.pipeline.run import run_project
from cityai.scaffold.files import CATALOGUE, read_files
from cityai.scaffold.project import create_project
from cityai.scaffold.workspace import create_workspace
from cityai.testing import check_project, check_workspace
from tests.scaffold.conftest import ANSWERS

CARD = ("card.html", "card.es.html", "card.fr.html", "card.pt.html", "card.json", "card.md")
INDEX = {
    f"model_cards/index{part}" for part in (".html", ".es.html", ".fr.html", ".pt.html", ".json")
}
PICTURED = ("service_requests", "shelter_demand", "inspections")
"""Counts on a map, amounts without one, and a ranked list: all pictures that templates draw."""


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Path:
    """One workspace for all: its sample city is invented by the first run that needs it."""
    for name in ("CITYAI_STATE", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    return create_workspace(tmp_path_factory.mktemp("templates") / "haven", ANSWERS).folder


def list_public(workspace: Path) -> set[str]:
    return {path for path in read_files(workspace) if not path.startswith(".cityai/")}


@pytest.fixture
def _few_replays(monkeypatch) -> None:
    """As many replays as may be taken unasked, but no more than the fewest: not up to 52."""
    for name in ("MOST_TESTS", "MOST_SHORT_TESTS"):
        monkeypatch.setattr(folds, name, folds.FEWEST_TESTS)


@pytest.mark.long
@pytest.mark.usefixtures("_few_replays", "few_trees")
@pytest.mark.parametrize("template", [template.name for template in CATALOGUE])
def test_template_works(city, template, monkeypatch):
    if template not in PICTURED:
        monkeypatch.setattr(pages, "draw_figures", lambda *_: ())
    name = f"my_{template}"
    create_project(city, name, template)
    before = list_public(city)
    result = run_project(load_project(city / "projects" / name))
    assert result.card_path == city / "model_cards" / name / "card.html"
    assert list_public(city) == before | INDEX | {f"model_cards/{name}/{file}" for file in CARD}
    checkup = check_project(city / "projects" / name)
    assert not checkup.failed
    assert list_public(city) == before | INDEX | {f"model_cards/{name}/{file}" for file in CARD}
    assert name in check_workspace(city)
