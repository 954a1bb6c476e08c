"""A pretrained forecaster: by a stand-in of its library here, by the library where it is there."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from cityai.config.load import load_project
from cityai.config.project import WEIGHT_FILES
from cityai.data.sources import digest_sources
from cityai.errors import DataError, SetupError, SpecError
from cityai.modeling.forecasters import pretrained
from cityai.modeling.forecasters.pretrained import (
    PretrainedForecaster,
    _digest_weights,
    judge_pretrained,
    load_pretrained,
    refuse_other_weights,
)
from cityai.modeling.forecasters.series import SeriesHistory, SeriesModel
from tests.conftest import PROJECT, draw_requests, write_workspace
from tests.pretrained import NAMED, put_stand_in, write_weights


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    put_stand_in(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = write_workspace(tmp_path, draw_requests(), PROJECT + NAMED)
    return write_weights(place)


def make_model(folder: Path) -> PretrainedForecaster:
    return load_pretrained(load_project(folder))[0]


@pytest.mark.usefixtures("library")
def test_it_continues_each_history_by_the_mean_of_its_quantiles(folder: Path) -> None:
    history = np.full((30, 4), np.nan)
    history[:, 0] = np.arange(30)
    history[-8:, 1] = 3.0
    history[-7:, 2] = 3.0
    asked = SeriesHistory(history, skip=2, steps=3, season=7, year=364)
    found = make_model(folder).forecast(asked)
    assert found[:, 0] == pytest.approx([29 + 1.5, 29 + 2.0, 29 + 2.5])
    assert found[:, 1] == pytest.approx([4.5, 5.0, 5.5])
    assert np.isnan(found[:, 2:]).all(), "seven known totals, or none, are too few"


@pytest.mark.usefixtures("library")
def test_nothing_falls_below_zero_where_nothing_did(folder: Path) -> None:
    falling = np.full((12, 1), -5.0)
    assert make_model(folder).forecast(SeriesHistory(falling, 0, 2, 7, 364))[0, 0] < 0
    assert make_model(folder).forecast(SeriesHistory(-falling * 0, 0, 2, 7, 364)).min() >= 0


def test_a_change_of_its_files_is_another_project_to_run(folder: Path) -> None:
    before = digest_sources(load_project(folder))
    for name in WEIGHT_FILES:
        (folder / "weights" / name).write_bytes(b"{ }")
        after = digest_sources(load_project(folder))
        assert after != before
        before = after


def test_it_says_what_nobody_can_know(folder: Path) -> None:
    model = make_model(folder)
    assert model.settings["weights"] == "stand-in"
    found = judge_pretrained(model.settings)
    assert (found.code, found.status.value) == ("models.pretrained", "not enough evidence")
    for said in ("stand-in", "Apache-2.0", _digest_weights(folder / "weights")[:12]):
        assert said in found.reason


def test_other_weights_than_those_of_the_published_model_are_refused(folder: Path) -> None:
    before = make_model(folder)
    refuse_other_weights(before, before.settings)
    (folder / "weights" / WEIGHT_FILES[1]).write_bytes(b"other")
    with pytest.raises(DataError, match="run the project again"):
        refuse_other_weights(make_model(folder), before.settings)
    plain = SeriesModel("theta", "Theta", lambda asked: asked.history)
    refuse_other_weights(plain, {"theta": "1.0"})


@pytest.mark.parametrize("name", WEIGHT_FILES)
def test_a_file_that_is_missing_is_named_before_anything_runs(folder: Path, name: str) -> None:
    (folder / "weights" / name).unlink()
    with pytest.raises(SpecError, match=name) as caught:
        make_model(folder)
    assert "put the files there" in str(caught.value)


def test_settings_that_are_too_large_are_not_read(folder: Path) -> None:
    with (folder / "weights" / WEIGHT_FILES[0]).open("wb") as file:
        file.truncate(2_000_000)
    with pytest.raises(SpecError, match="2,000,000 bytes"):
        make_model(folder)


def test_a_library_that_is_not_there_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fracast", None)
    pretrained._read.cache_clear()
    with pytest.raises(SetupError, match="Fracast and PyTorch") as caught:
        make_model(folder).forecast(SeriesHistory(np.ones((9, 1)), 0, 1, 7, 364))
    assert "cityai[pretrained]" in str(caught.value)


@pytest.mark.skipif(find_spec("fracast") is None, reason="Fracast is not installed")
@pytest.mark.filterwarnings("ignore")
def test_its_own_weights_continue_a_season(folder: Path) -> None:
    import fracast

    inside = Path(str(fracast.__file__)).parent / "weights"
    for name in WEIGHT_FILES:
        shutil.copy(inside / name, folder / "weights" / name)
    days = np.arange(400)
    weekly = 100 + 30 * np.sin(2 * np.pi * days / 7)
    pretrained._read.cache_clear()
    asked = SeriesHistory(np.column_stack([weekly, 2 * weekly]), 0, 7, 7, 364)
    found = make_model(folder).forecast(asked)
    ahead = 100 + 30 * np.sin(2 * np.pi * np.arange(400, 407) / 7)
    assert np.abs(found[:, 0] - ahead).mean() < 10
    assert found[:, 1] == pytest.approx(2 * found[:, 0], rel=1e-3)
    broken = json.loads((inside / WEIGHT_FILES[0]).read_text())
    broken["model"]["horizon"] = 7
    (folder / "weights" / WEIGHT_FILES[0]).write_text(json.dumps(broken))
    with pytest.raises(DataError, match="cannot be read"):
        make_model(folder).forecast(asked)
