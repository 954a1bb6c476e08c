"""Two small cities, run once: one that forecasts, one that ranks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.pipeline.result import Result
from cityai.pipeline.run import run_project
from tests.conftest import PROJECT, draw_requests, write_workspace

RISK = """\
name: requests
title: Which kitchens to inspect first
kind: risk
question:
  unit: inspections
  case: id
  outcome: {column: found, yes: ["1"], no: ["0"], label: a violation was found}
  asked: {days_before: 0}
  entity:
    columns: [kitchen]
    label: kitchen
    label_plural: kitchens
    area: district
    areas: districts
    attributes: [kind, seats]
  decision: {rule: top, capacity: 15, per: week, action: inspected first}
  actual_order: true
data:
  source: {path: data.csv}
  time: day
  known: {lag_days: 1}
  columns:
    id: {type: text, required: true}
    day: {type: date, required: true}
    kitchen: {type: text, required: true}
    district: {type: text}
    found: {type: text}
    kind: {type: text, label: kind of kitchen}
    seats: {type: integer, label: seats}
features: {windows_days: [90], sensitive: {seats: large kitchens stand in other districts}}
backtest: {folds: 2, stride_days: 60, min_train: 300}
audit:
  dimensions:
    kind: {label: Kind of kitchen, attribute: kind}
"""
FORECAST = PROJECT.replace("folds: 7, calibration: 4", "folds: 6, calibration: 3")
NAMES = ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "CITYAI_STATE", "CITYAI_USER")


def draw_inspections(days: int = 330, a_day: int = 5, seed: int = 5) -> pd.DataFrame:
    """Inspections whose odds rise with the seats; the last week has no outcome yet."""
    rng = np.random.default_rng(seed)
    kitchens = 160
    seats, kind = rng.integers(5, 90, kitchens), rng.choice(["bar", "cafe", "=shop"], kitchens)
    rows = []
    for day in pd.date_range("2023-01-02", periods=days):
        for kitchen in rng.choice(kitchens, a_day, replace=False):
            chance = 1 / (1 + np.exp(-(seats[kitchen] - 55) / 15))
            rows.append((day, kitchen, int(rng.random() < chance)))
    table = pd.DataFrame(rows, columns=["day", "k", "found"])
    known = (table["day"] < table["day"].max() - pd.Timedelta(days=1)).to_numpy()
    return pd.DataFrame(
        {
            "id": [f"I{i:05d}" for i in range(len(table))],
            "day": table["day"].dt.strftime("%Y-%m-%d"),
            "kitchen": [f"K{k:03d}" for k in table["k"]],
            "district": [f"D{k % 6}" for k in table["k"]],
            "found": np.where(known, table["found"].astype(str), ""),
            "kind": kind[table["k"]],
            "seats": seats[table["k"]],
        }
    )


@dataclass(frozen=True)
class City:
    """A workspace that was run."""

    place: Path
    folder: Path
    result: Result


@pytest.fixture(autouse=True)
def _own(own_store: None) -> None:
    """Every test keeps to its own store."""


def run_city(folder: Path) -> City:
    """Run a project that was written into a workspace of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.delenv(name, raising=False)
        before = dict(os.environ)
        result = run_project(load_project(folder))
        os.environ.clear()
        os.environ.update(before)
    return City(folder.parents[1], folder, result)


@pytest.fixture(scope="session")
def forecast(tmp_path_factory: pytest.TempPathFactory) -> City:
    return run_city(write_workspace(tmp_path_factory.mktemp("forecast"), draw_requests(), FORECAST))


@pytest.fixture(scope="session")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> City:
    return run_city(write_workspace(tmp_path_factory.mktemp("ranked"), draw_inspections(), RISK))
