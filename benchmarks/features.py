"""Rows to features beside mlforecast's preprocessing: the same panel, lags and windows.

`python benchmarks/speed.py features`. mlforecast lives in an environment of its own, whose Python
is named by CITYAI_MLFORECAST; without it nothing is measured, and why is said. Every lag and every
rolling mean that both give is held equal before a time is told.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

PEER: Final = "CITYAI_MLFORECAST"
WEEKS: Final = 156
LAGS: Final = (1, 2, 3, 4, 8, 13, 26, 52)
WINDOWS: Final = (4, 13, 26, 52)
SPEC: Final = """\
name: features
title: Calls by block and week
question:
  measure: sum
  value: calls
  unit: calls
  period: week
  horizon: 1
  entity: {columns: [block], label: block, label_plural: blocks}
data:
  source: {path: panel.parquet}
  time: week
  known: {lag_days: 0}
  columns:
    week: {type: date, required: true}
    block: {type: text, required: true}
    calls: {type: number, min: 0, required: true}
features:
  lags: [1, 2, 3, 4, 8, 13, 26, 52]
  windows: [4, 13, 26, 52]
  levels: [entity]
"""
_SCRIPT: Final = """\
import sys, time, json
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean
folder, lags, windows = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
table = pd.read_parquet(f"{folder}/series.parquet")
rolling = [RollingMean(window_size=w, min_samples=1) for w in windows]
def prepare(rows):
    told = {"lags": lags, "lag_transforms": {1: rolling}, "num_threads": 1}
    made = MLForecast(models=[], freq="W-MON", **told)
    return made.preprocess(rows, dropna=False, static_features=[])
prepare(table.head(2_000))
begin = time.process_time()
found = prepare(table)
seconds = time.process_time() - begin
found.to_parquet(f"{folder}/peer.parquet")
print(json.dumps(seconds))
"""


def write_series(folder: Path, entities: int) -> pd.DataFrame:
    """Write the same series for both: of every place a first week, and weeks of nothing."""
    rng = np.random.default_rng(20261130)
    calls = rng.poisson(rng.gamma(2, 2, entities), (WEEKS, entities)).astype(np.float64)
    calls[0] = np.maximum(calls[0], 1)
    calls[-1] = np.maximum(calls[-1], 1)
    week, block = np.nonzero(np.ones_like(calls))
    start = pd.Timestamp("2022-01-03")
    series = pd.DataFrame(
        {
            "unique_id": np.array([f"b{i:05d}" for i in range(entities)])[block],
            "ds": start + pd.to_timedelta(7 * week, "D"),
            "y": calls[week, block],
        }
    ).sort_values(["unique_id", "ds"], ignore_index=True)
    series.to_parquet(folder / "series.parquet")
    named = series.rename(columns={"unique_id": "block", "y": "calls"})
    named.assign(week=named.pop("ds").dt.date).to_parquet(folder / "panel.parquet")
    return series


def ask_peer(folder: Path) -> float | str:
    """Return the seconds of mlforecast, or why there are none."""
    python = os.environ.get(PEER)
    if not python:
        return f"{PEER} names no Python with mlforecast"
    given = [str(folder), str(list(LAGS)), str(list(WINDOWS))]
    told = subprocess.run([python, "-c", _SCRIPT, *given], capture_output=True, text=True)
    if told.returncode:
        return told.stderr.strip().splitlines()[-1]
    return float(told.stdout.strip().splitlines()[-1])


def hold_equal(table: pd.DataFrame, folder: Path) -> int:
    """Hold every figure that both give equal; return how many there are."""
    peer = pd.read_parquet(folder / "peer.parquet")
    ours = table.assign(unique_id=table["entity_id"].astype(str), ds=table["period_start"])
    both = ours.merge(peer, on=["unique_id", "ds"], validate="one_to_one")
    held = 0
    pairs = {f"lag_{n}": f"lag{n}" for n in LAGS}
    pairs |= {f"sum_{w}": f"rolling_mean_lag1_window_size{w}_min_samples1" for w in WINDOWS}
    for mine, theirs in pairs.items():
        one, other = both[mine].astype(float), both[theirs].astype(float)
        if mine.startswith("lag_"):
            one = one * both["level"]
        else:
            weeks = (both["ds"] - pd.Timestamp("2022-01-03")).dt.days // 7
            one = one / np.minimum(weeks, int(mine.removeprefix("sum_")))
        known = one.notna() & other.notna()
        assert (one.notna() == other.notna()).all(), mine
        np.testing.assert_allclose(one[known], other[known], rtol=1e-5, atol=1e-5)
        held += int(known.sum())
    return held
