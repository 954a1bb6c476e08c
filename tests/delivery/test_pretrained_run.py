"""A whole project with a pretrained forecaster: run, logged, told, verified, asked for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.project import WEIGHT_FILES
from cityai.delivery.predict import predict_project
from cityai.errors import DataError
from tests.conftest import draw_requests, write_workspace
from tests.delivery.conftest import FORECAST, City, run_city
from tests.delivery.test_own_models_run import list_children
from tests.pretrained import NAMED, put_stand_in, write_weights

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]
MOMENT = pd.Timestamp("2023-07-03")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with pytest.MonkeyPatch.context() as patch:
        put_stand_in(patch)
        project = FORECAST.replace("folds: 6", "folds: 3") + NAMED
        place = tmp_path_factory.mktemp("pretrained")
        yield run_city(write_weights(write_workspace(place, draw_requests(), project)))


def test_it_is_a_candidate_with_its_hash_and_licence(city: City) -> None:
    params = list_children(city)["pretrained"].params
    assert (params["weights"], params["licence"]) == ("stand-in", "Apache-2.0")
    assert len(params["sha256"]) == 64
    assert "pretrained" in city.result.backtest.final.blend
    page = (city.place / "model_cards" / "requests" / "card.html").read_text()
    for said in ("stand-in", params["sha256"][:12], "perhaps also on open data of this city"):
        assert said in page
    assert "which others trained on many series" in page


def test_its_card_verifies(city: City) -> None:
    assert run_command(["card", "verify", str(city.folder)]) == 0


def test_the_published_model_asks_the_same_weights(city: City, tmp_path: Path) -> None:
    made = predict_project(city.result.project, MOMENT, out=tmp_path / "out")
    assert np.isfinite(made.predicted.table["y_pred"]).all()
    weights = city.folder / "weights" / WEIGHT_FILES[1]
    weights.write_bytes(b"others")
    with pytest.raises(DataError, match="put the former weights back"):
        predict_project(city.result.project, MOMENT, out=tmp_path / "later")
    assert not (tmp_path / "later").exists()
    weights.write_bytes(b"{}")
