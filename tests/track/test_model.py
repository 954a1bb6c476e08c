from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.errors import StoreError
from cityai.modeling.final import AmountCalibration, FinalModel
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.intervals import Intervals
from cityai.track.door import import_mlflow, keep_quiet
from cityai.track.model import write_model
from cityai.track.results import log_outcome
from cityai.track.runs import open_run
from cityai.track.server import Tracking
from tests.track.conftest import make_outcome, place_of


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    random, n = np.random.default_rng(0), 300
    return pd.DataFrame(
        {
            "entity_id": pd.Categorical([f"D{i % 5}" for i in range(n)]),
            "step": np.array([1 + i % 3 for i in range(n)], dtype=np.int16),
            "level": random.uniform(1, 9, n),
            "tons 1 month ago": random.normal(5, 2, n).astype(np.float32),
            "borough": pd.Categorical([None if i % 7 == 0 else "ABC"[i % 3] for i in range(n)]),
            "candidate.theta": random.uniform(1, 9, n),
        }
    )


@pytest.fixture(scope="session")
def final(frame: pd.DataFrame) -> FinalModel:
    features = ("tons 1 month ago", "borough")
    trees = BoostedTrees("trees", "Trees").fit(
        frame,
        frame["level"].to_numpy() * 2 + frame["tons 1 month ago"].to_numpy(np.float64),
        features=features,
        categories={"borough": ("A", "B", "C")},
        seed=1,
    )
    return FinalModel(
        as_of=pd.Timestamp("2024-01-01"),
        models=(trees.saved,),
        blend={"theta": 0.25, "trees": 0.75},
        calibration=AmountCalibration(
            Intervals(
                low=np.array([-1.0, -2, -3]),
                high=np.array([1.0, 2, 3]),
                factor=1.0,
                exponent=0.5,
                floor=0.1,
                ratio=np.ones(5),
                nonnegative=True,
            ),
            tuple(f"D{i}" for i in range(5)),
            0.9,
        ),
        seed=1,
    )


@pytest.fixture(scope="session")
def written(final: FinalModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "mlflow"
    with keep_quiet():
        write_model(final, folder)
    return folder


def load(where: str) -> Any:
    mlflow = import_mlflow()
    with keep_quiet():
        return mlflow.pyfunc.load_model(where)


@pytest.mark.slow
def test_a_loaded_model_gives_the_same_numbers(
    tracking: Tracking, state: Path, final: FinalModel, frame: pd.DataFrame
) -> None:
    with open_run(place_of(state), "with_model") as run:
        log_outcome(run, make_outcome(final=final))
    (output,) = tracking.client.get_run(run.run_id).outputs.model_outputs
    logged = tracking.client.get_logged_model(output.model_id)
    assert logged.status.name == "READY"
    expected = final.predict(frame)
    plain = frame.astype({"entity_id": "str", "borough": "object"})
    wide = plain.astype({"tons 1 month ago": "float64", "step": "int64"})
    for given in (plain, wide):
        found = load(logged.artifact_location).predict(given[list(final.list_inputs())])
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_there_is_no_pickle_and_no_place(written: Path) -> None:
    files = [p for p in written.rglob("*") if p.is_file()]
    assert not any(p.suffix in {".pkl", ".pickle", ".skops", ".pyc"} for p in files)
    assert not any(p.read_bytes()[:1] == b"\x80" for p in files)
    described = (written / "MLmodel").read_text()
    assert not re.search(r"(/tmp|/home|/work|/root)\b", described)
    assert "lightgbm==" in (written / "requirements.txt").read_text()
    assert (written / "code" / "cityai" / "columns.py").exists()


def test_every_column_is_declared(written: Path, final: FinalModel, frame: pd.DataFrame) -> None:
    assert list(final.list_inputs()) == [
        "entity_id",
        "step",
        "level",
        "tons 1 month ago",
        "borough",
        "candidate.theta",
    ]
    with pytest.raises(Exception, match="level"):
        load(str(written)).predict(frame.drop(columns="level"))


def test_a_changed_model_is_refused_before_it_is_parsed(written: Path) -> None:
    path = written / "artifacts" / "model" / "record.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"num_leaves", b"num_leavez", 1))
    with pytest.raises(StoreError, match=r"record\.json was changed"):
        load(str(written))
    path.write_bytes(content)
    assert load(str(written))
