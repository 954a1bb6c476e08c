"""One MLflow, one store and one logged run for all tests of the chapter: loading costs seconds."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cityai.config.project import ProjectSpec
from cityai.findings import Finding, Status
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


NAN = float("nan")


def make_metrics() -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = [
        ("forecast", "wape", "overall", "overall", 0.058),
        ("forecast", "mase", "overall", "overall", NAN),
        ("forecast", "bias", "overall", "overall", 0.004),
        ("forecast", "coverage", "overall", "overall", 0.896),
        ("forecast", "wape", "area", "12", 0.5),
        ("baseline.seasonal_naive", "wape", "overall", "overall", 0.084),
        ("baseline.seasonal_naive", "mase", "overall", "overall", 1.0),
        ("baseline.recent_mean", "wape", "overall", "overall", 0.079),
        ("candidate.trees", "wape", "overall", "overall", 0.06),
        ("candidate.trees", "mase", "overall", "overall", NAN),
    ]
    rows += [("forecast", "wape", "fold", str(i), 0.05 + i / 100) for i in (1, 2, 3)]
    return pd.DataFrame(rows, columns=["model", "metric", "slice_kind", "slice", "value"])


def make_audit() -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = [
        ("income", "lowest", "wape", 0.072, "fail"),
        ("income", "lowest", "bias", -0.03, "pass"),
        ("income", "lowest", "coverage", 0.88, "pass"),
        ("race", "Black / other", "wape", 0.06, "pass"),
        ("race", "Black _ other", "wape", 0.07, "pass"),
        ("race", "tiny", "wape", 0.99, "suppressed"),
        ("race", "not recorded", "bias", NAN, "not applicable"),
        ("baseline", "seasonal_naive", "wape", 0.5, "pass"),
        ("overall", "overall", "wape", 0.9, "not applicable"),
    ]
    return pd.DataFrame(rows, columns=["dimension", "group", "metric", "value", "status"])


def make_outcome(**changes: Any) -> Outcome:
    findings = (
        Finding("audit.wape", Status.FAIL, "T", "R"),
        Finding("audit.bias", Status.FAIL, "T", "R"),
        Finding("time.truncation", Status.PASS, "T", "R"),
    )
    given = {
        "spec": make_spec(),
        "metrics": make_metrics(),
        "audit": make_audit(),
        "findings": findings,
        "run_digest": "1" * 64,
        "data_digest": "2" * 64,
        "spec_digest": "3" * 64,
        "git_commit": "4" * 40,
        "pages": {"card.html": "<p>card"},
        "markdown": "# Card\n\n" + "A paragraph.\n\n" * 1000,
        "json": "{}",
        "rows": 1234,
        "seconds": {"snapshot": 1.5},
    }
    return Outcome(**{**given, **changes})


@pytest.fixture(scope="session")
def logged(tracking: Tracking, state: Path) -> SimpleNamespace:
    """One run with everything in it, as MLflow gives it back."""
    from cityai.track.results import log_outcome
    from cityai.track.runs import open_run

    with open_run(place_of(state), "waste", name="waste 1", tags={"cityai.git_commit": "x"}) as run:
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
