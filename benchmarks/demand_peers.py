"""Accuracy of outside forecasters on the folds and rows of `benchmarks/demand.py`.

usage: python benchmarks/demand.py --write FOLDER
       python benchmarks/demand_peers.py PEER FOLDER [waste shelter ems evictions council]

The first command writes series and origins from the product's own stages. The second runs in an
environment of the peer's own, that needs no cityai (versions: `benchmarks/demand.md`):

    autogluon   pip install autogluon.timeseries
    sktime      pip install sktime statsmodels
    darts       pip install darts "statsmodels<0.15"
    flair       pip install flaircast
    fracast     pip install fracast torch safetensors
    catboost    pip install mlforecast catboost

Every peer is refitted at each origin on what was known then. Core seconds are those of the process
and its children, over all folds of a set and all forecasts that are printed together.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

FREQ: Final = {"month": "MS", "week": "W-MON", "day": "D"}
SETS: Final = ("waste", "shelter", "ems", "evictions", "council")


@dataclass(frozen=True)
class Asked:
    """One origin: history (T, E) from the first period on, and what is to be forecast."""

    history: np.ndarray
    starts: pd.DatetimeIndex
    horizon: int
    season: int
    freq: str

    def to_long(self) -> pd.DataFrame:
        """Return ``unique_id``, ``ds``, ``y``, each series from its first total on."""
        count, entities = self.history.shape
        table = pd.DataFrame(
            {
                "unique_id": np.repeat([f"{e:03d}" for e in range(entities)], count),
                "ds": np.tile(self.starts, entities),
                "y": self.history.T.ravel(),
            }
        )
        begun = table["y"].notna().groupby(table["unique_id"]).cummax()
        return table[begun].reset_index(drop=True)

    def from_long(self, table: pd.DataFrame, column: str) -> np.ndarray:
        """Return forecasts, shape (H, E)."""
        wide = table.pivot(index="ds", columns="unique_id", values=column).sort_index()
        return wide.to_numpy(np.float64)


Found = dict[str, np.ndarray]


def ask_autogluon(asked: Asked) -> Found:
    """Ask AutoGluon's weighted ensemble, without the models whose weights come from the network.

    That leaves of `medium_quality` the seasonal naive, ETS, Theta and two learners over lags. It is
    chosen by WAPE, so its forecasts lean to medians.
    """
    from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

    names = {"unique_id": "item_id", "ds": "timestamp", "y": "target"}
    frame = TimeSeriesDataFrame.from_data_frame(asked.to_long().rename(columns=names))
    with tempfile.TemporaryDirectory() as folder:
        predictor = TimeSeriesPredictor(
            prediction_length=asked.horizon,
            freq=asked.freq,
            eval_metric="WAPE",
            verbosity=0,
            path=folder,
        )
        predictor.fit(
            frame,
            presets="medium_quality",
            excluded_model_types=["Chronos", "Chronos2", "Toto", "Toto2"],
            random_seed=1,
        )
        told = predictor.predict(frame).reset_index()
    told = told.rename(columns={"item_id": "unique_id", "timestamp": "ds"})
    told["unique_id"] = told["unique_id"].astype(str)
    return {"AutoGluon medium_quality": asked.from_long(told, "mean")}


def ask_sktime(asked: Asked) -> Found:
    """Ask sktime's Theta, and its mean of Theta, damped Holt-Winters and the seasonal mean."""
    from sktime.forecasting.compose import EnsembleForecaster
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing
    from sktime.forecasting.naive import NaiveForecaster
    from sktime.forecasting.theta import ThetaForecaster

    steps, kinds = list(range(1, asked.horizon + 1)), {}
    for entity in range(asked.history.shape[1]):
        values = asked.history[:, entity]
        series = pd.Series(values[int(np.argmax(~np.isnan(values))) :]).interpolate()
        season = asked.season if len(series) > 2 * asked.season else 1
        additive = "additive" if season > 1 and season <= 12 else None
        models = {
            "theta": ThetaForecaster(sp=season, deseasonalize=bool(series.min() > 0)),
            "smoothing": ExponentialSmoothing(
                trend="add", damped_trend=True, seasonal=additive, sp=season
            ),
            "naive": NaiveForecaster("mean", window_length=2 * season, sp=season),
        }
        models["ensemble"] = EnsembleForecaster([(k, m.clone()) for k, m in models.items()])
        for name in ("theta", "ensemble"):
            told = models[name].fit(series, fh=steps).predict()
            kinds.setdefault(f"sktime {name}", []).append(np.asarray(told, dtype=float).ravel())
    return {name: np.column_stack(found) for name, found in kinds.items()}


def ask_darts(asked: Asked) -> Found:
    """Ask darts' global linear regression, and its four Theta."""
    from darts import TimeSeries
    from darts.models import FourTheta, LinearRegressionModel
    from darts.utils.utils import ModelMode, SeasonalityMode

    told = asked.to_long()
    told["y"] = told.groupby("unique_id")["y"].ffill()
    series = TimeSeries.from_group_dataframe(
        told, group_cols="unique_id", time_col="ds", value_cols="y", freq=asked.freq
    )
    lags = {"MS": 24, "W-MON": 52, "D": 28}[asked.freq]
    linear = LinearRegressionModel(
        lags=lags, output_chunk_length=asked.horizon, use_static_covariates=False
    )
    linear.fit(series)
    found = [s.values().ravel() for s in linear.predict(asked.horizon, series=series)]
    theta = []
    for one in series:
        whole = bool(one.values().min() > 0) and len(one) > 2 * asked.season
        model = FourTheta(
            2,
            seasonality_period=asked.season,
            season_mode=SeasonalityMode.MULTIPLICATIVE if whole else SeasonalityMode.NONE,
            model_mode=ModelMode.ADDITIVE,
        )
        model.fit(one)
        theta.append(model.predict(asked.horizon).values().ravel())
    return {"darts linear": np.column_stack(found), "darts four theta": np.column_stack(theta)}


def ask_flair(asked: Asked) -> Found:
    """Ask FLAIR: mean and median of its samples."""
    from flaircast import forecast

    freq = {"MS": "M", "W-MON": "W", "D": "D"}[asked.freq]
    samples = []
    for entity in range(asked.history.shape[1]):
        values = asked.history[:, entity]
        values = pd.Series(values[int(np.argmax(~np.isnan(values))) :]).ffill().to_numpy()
        samples.append(forecast(values, horizon=asked.horizon, freq=freq, seed=1))
    drawn = np.stack(samples)
    return {
        "FLAIR mean": drawn.mean(axis=1).T,
        "FLAIR median": np.median(drawn, axis=1).T,
    }


def ask_fracast(asked: Asked) -> Found:
    """Ask Fracast-0, whose weights are in its package: mean and median of its quantiles."""
    import fracast
    import torch
    from fracast.inference import FracastModel

    torch.set_num_threads(1)
    folder = next(Path(fracast.__file__).parent.rglob("*.safetensors")).parent
    model = FracastModel.from_pretrained(folder, weights="fp32")
    recent = asked.history[-model.context_length :]
    told = np.asarray(model.forecast_batch(recent.T, horizon=asked.horizon))
    middle = told.shape[2] // 2
    return {"Fracast-0 mean": told.mean(axis=2).T, "Fracast-0 median": told[:, :, middle].T}


def ask_trees(models: dict[str, object], asked: Asked) -> Found:
    """Ask a learner over lags through mlforecast."""
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    lags = {"W-MON": [1, 2, 3, 4, 8, 13, 26, 52], "MS": [1, 2, 3, 6, 12, 24]}
    windows = {"W-MON": [4, 13, 52], "MS": [3, 12], "D": [7, 28, 91]}[asked.freq]
    dates = {"W-MON": ["week", "month"], "MS": ["month"], "D": ["dayofweek", "month", "dayofyear"]}
    made = MLForecast(
        models=models,
        freq=asked.freq,
        lags=lags.get(asked.freq, [1, 2, 3, 7, 14, 21, 28]),
        lag_transforms={1: [RollingMean(w) for w in windows]},
        date_features=dates[asked.freq],
    )
    frame = asked.to_long()
    frame["area"] = frame["unique_id"].astype("category").cat.codes
    made.fit(frame, static_features=["area"])
    told = made.predict(asked.horizon)
    return {name: asked.from_long(told, name) for name in models}


def ask_catboost(asked: Asked) -> Found:
    """Ask CatBoost with the loss of Poisson and with squared error."""
    from catboost import CatBoostRegressor

    same = {"iterations": 300, "learning_rate": 0.05, "thread_count": 1}
    same |= {"verbose": 0, "allow_writing_files": False}
    losses = {"CatBoost Poisson": "Poisson", "CatBoost squared": "RMSE"}
    return ask_trees(
        {name: CatBoostRegressor(loss_function=loss, **same) for name, loss in losses.items()},
        asked,
    )


PEERS: Final[dict[str, Callable[[Asked], Found]]] = {
    "autogluon": ask_autogluon,
    "sktime": ask_sktime,
    "darts": ask_darts,
    "flair": ask_flair,
    "fracast": ask_fracast,
    "catboost": ask_catboost,
}


def run_set(peer: str, path: Path) -> None:
    told = np.load(path)
    totals, starts = told["totals"], pd.DatetimeIndex(told["starts"])
    horizon, season, freq = int(told["horizon"]), int(told["season"]), FREQ[str(told["period"])]
    found: dict[str, list[np.ndarray]] = {}
    begun = time.process_time() + sum(os.times()[2:4])
    for origin in told["origins"]:
        asked = Asked(totals[:origin], starts[:origin], horizon, season, freq)
        for name, forecast in PEERS[peer](asked).items():
            found.setdefault(name, []).append(np.maximum(forecast, 0.0))
    seconds = time.process_time() + sum(os.times()[2:4]) - begun
    truth = np.concatenate([totals[o : o + horizon] for o in told["origins"]])
    for name, parts in found.items():
        error, known = np.concatenate(parts) - truth, ~np.isnan(truth)
        if np.isnan(error[known]).any():
            print(
                f"{path.stem}: {name} has no forecast for {int(np.isnan(error[known]).sum())} rows"
            )
        wape = np.nansum(np.abs(error)) / truth[known].sum()
        bias = np.nansum(error) / truth[known].sum()
        print(
            f"{path.stem}: {name}: WAPE {wape:.4f}, bias {bias:+.4f}, WAPE + |bias| "
            f"{wape + abs(bias):.4f}; {int(known.sum()):,} rows; {seconds:.0f} core seconds",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=SETS)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in given.names:
        run_set(given.peer, given.folder / f"{name}.npz")
