"""One MLflow, one store and one logged run for all tests of the chapter: loading costs seconds."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.card.figures.canvas import drawing
from cityai.card.figures.gaps import draw_worst
from cityai.card.pages import Pages
from cityai.card.record import CardRecord
from cityai.config.project import ProjectSpec
from cityai.modeling.final import AmountCalibration, FinalModel
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.intervals import Intervals
from cityai.track.results import Outcome
from cityai.track.server import Tracking, connect_tracking

ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "CITYAI_USER")


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ADDRESSES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace") / ".cityai"


@pytest.fixture(scope="session")
def tracking(state: Path) -> Tracking:
    with pytest.MonkeyPatch.context() as patch:
        for name in ADDRESSES:
            patch.delenv(name, raising=False)
        return connect_tracking(state)


def place_of(state: Path) -> SimpleNamespace:
    """The workspace of a private folder."""
    return SimpleNamespace(state=state, workspace=state.parent)


def fork(function: Callable[[], object]) -> int:
    """Run a function in a child that shares the loaded MLflow; return its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` and background jobs ignore them
            signal.signal(signal.SIGINT, signal.default_int_handler)
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def make_spec() -> ProjectSpec:
    return ProjectSpec.model_validate(
        {
            "name": "waste",
            "title": "Waste",
            "question": {
                "unit": "tons",
                "period": "month",
                "horizon": 3,
                "entity": {"columns": ["district"]},
            },
            "data": {
                "source": {"path": "/secret/place/waste.csv"},
                "time": "month",
                "known": {"lag_days": 30},
                "columns": {
                    "district": {"type": "text", "required": True},
                    "t": {"type": "number"},
                },
            },
            "city": {
                "name": "C",
                "country": "US",
                "time_zone": "America/New_York",
                "contact": {"unit": "U", "email": "u@example.org"},
            },
        }
    )


@pytest.fixture(scope="session")
def card() -> CardRecord:
    """A published record, of a project that is called as `make_spec` calls it."""
    published = Path(__file__).parents[2] / "model_cards" / "sample_requests" / "card.json"
    record = CardRecord.model_validate_json(published.read_text())
    return record.model_copy(update={"record": record.record.model_copy(update={"id": "waste"})})


@pytest.fixture(scope="session")
def make_outcome(card: CardRecord) -> Callable[..., Outcome]:
    """What a run logs: a card, one of its pictures, and no model unless one is given."""
    with drawing():
        figures = tuple(f for f in [draw_worst(card)] if f is not None)
    files = {"card.html": "<p>card", "card.md": "# Card", "card.json": "{}"}

    def make(**changes: Any) -> Outcome:
        given = {
            "spec": make_spec(),
            "card": card,
            "pages": Pages(files, figures),
            "rows": 1234,
            "seconds": {"snapshot": 1.5},
            "settings": {"lightgbm": {"leaves": "31"}},
        }
        return Outcome(**{**given, **changes})

    return make


@pytest.fixture(scope="session")
def logged(
    tracking: Tracking, state: Path, make_outcome: Callable[..., Outcome]
) -> SimpleNamespace:
    """One run with everything in it, as MLflow gives it back."""
    from cityai.track.results import log_outcome
    from cityai.track.runs import open_run

    with open_run(place_of(state), "waste", name="waste 1", tags={"cityai.city": "x"}) as run:
        opened = tracking.client.get_run(run.run_id)
        log_outcome(run, make_outcome())
    children = tracking.client.search_runs(
        [run.experiment_id], f"tags.mlflow.parentRunId = '{run.run_id}'"
    )
    closed = tracking.client.get_run(run.run_id)
    return SimpleNamespace(run=run, opened=opened, closed=closed, children=children)


@pytest.fixture(scope="session")
def requests_table() -> pd.DataFrame:
    """No data are read in these tests: one row is enough for a workspace."""
    return pd.DataFrame({"id": ["R1"], "opened": ["2024-01-01"]})


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
    intervals = Intervals(
        low=np.array([-1.0, -2, -3]),
        high=np.array([1.0, 2, 3]),
        factor=1.0,
        exponent=0.5,
        floor=0.1,
        ratio=np.ones(5),
        nonnegative=True,
    )
    return FinalModel(
        as_of=pd.Timestamp("2024-01-01"),
        models=(trees.saved,),
        blend={"theta": 0.25, "trees": 0.75},
        calibration=AmountCalibration(
            intervals, tuple(f"D{i}" for i in range(5)), 0.9, replace(intervals, ratio=np.ones(1))
        ),
        seed=1,
    )
