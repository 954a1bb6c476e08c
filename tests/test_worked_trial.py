"""The worked example of docs/evaluating.md: made from nothing, and quoted as it is."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.impact.lots import SERVED, WAITING
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.verify import verify_published
from cityai.samples.write import write_sample_city

ROOT = Path(__file__).parents[1]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluating", ROOT / "docs" / "evaluating.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRIAL = load_script()


def list_quotes() -> list[tuple[str, list[str]]]:
    """List the commands that the page quotes, each with what it quotes of their answer."""
    page = (ROOT / "docs" / "evaluating.md").read_text("utf-8")
    blocks = re.findall(r"```console\n\$ (.+?)\n(.*?)```", page, re.DOTALL)
    return [(line, [x for x in told.splitlines() if x not in ("", "...")]) for line, told in blocks]


@pytest.mark.long
def test_the_page_quotes_what_the_commands_say(
    tmp_path: Path, own_store: None, no_pictures: None
) -> None:
    # Of a command that is given twice, the last answer.
    told = dict(TRIAL.carry_through(tmp_path / "trial"))
    for command, lines in list_quotes():
        said = told[command].splitlines()
        assert [line for line in lines if line not in said] == [], command
    project = tmp_path / "trial" / "projects" / "sample_inspections"
    (impact,) = find_impacts(load_project(project))
    assert impact.analysis is not None
    for effect, true in (
        (impact.analysis.effect, (1 - TRIAL.NOT_FOLLOWED) * TRIAL.EFFECT),
        (impact.analysis.treated, TRIAL.EFFECT),
    ):
        assert effect.low is not None
        assert effect.high is not None
        assert effect.low < true < effect.high
    assert impact.analysis.verdict.word == "worth it"
    assert {f.status.value for f in verify_published(project)} <= {"pass", "not applicable"}
    page = (tmp_path / "trial/model_cards/sample_inspections/card.es.html").read_text("utf-8")
    assert "Qué cambió" in page


def test_a_visit_of_the_trial_has_the_planted_effect(tmp_path: Path) -> None:
    city = write_sample_city(tmp_path / "city")
    before = {p.name: p.read_bytes() for p in city.folder.iterdir() if p.is_file()}
    trial = TRIAL.TrialCity(city.folder)
    due = trial.table[trial.table["inspected_on"] >= "2025-12-29"].reset_index(drop=True)
    rng = np.random.default_rng(1)
    assigned = pd.DataFrame(
        {
            "case_id": due["inspection_id"],
            "arm": np.where(rng.random(len(due)) < 0.5, SERVED, WAITING),
            "as_of": due["inspected_on"],
        }
    )
    told = trial.pass_week(assigned, 0)
    truth = pd.read_csv(city.folder / "truth" / "trial.csv")
    assert np.allclose(truth["with_visit"] - truth["without"], TRIAL.EFFECT, atol=2e-4)
    later = pd.read_csv(city.folder / "trial" / "follow_ups.csv").set_index("inspection_id")
    bad = told["case_id"].map(later["violation"] == "yes").astype(float)
    done = told["done"] == "yes"
    assert abs(bad[done].mean() - bad[~done].mean() - TRIAL.EFFECT) < 0.1
    drawn = (assigned["arm"] == SERVED).to_numpy()
    assert abs(1 - done[drawn].mean() - TRIAL.NOT_FOLLOWED) < 0.06
    assert not done[~drawn].any()
    assert {p.name: p.read_bytes() for p in city.folder.iterdir() if p.is_file()} == before
