"""Metrics as ratios of two sums, and the sums themselves.

Every metric with a verdict is ``sum(a) / sum(b)`` over rows, or the root of such a ratio. So one
pass over the rows yields sums that answer for everybody: the whole, each group, each fold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cityai.columns import (
    BASELINE,
    FOLD,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.errors import SpecError, suggest_name
from cityai.i18n.messages import say


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: the ratio of two sums, or its root.

    Attributes
    ----------
    name : str
        Stable name, as limits and findings write it.
    label : str
        What it is, in a reader's words.
    numerator, denominator : str
        Names of the sums.
    unit : {"share", "ratio", "target"}
        `share` of the amount or of the rows, a plain `ratio`, or the `target`'s own unit.
    better : {"low", "high", "zero"}
        Which value is best.
    root : bool
        Whether the metric is the square root of the ratio.
    undefined : str
        Why there is no value when the denominator is not above zero.
    part : {"", "rows", "amount"}
        `rows`: the numerator counts some of the rows that the denominator counts, a yes or no each;
        `amount`: it is a part of the denominator's amount. Both lie within 0 and 1.
    counted : str
        Of a ratio of two counts of rows: the sum that the numerator is a multiple of.
    """

    name: str
    label: str
    numerator: str
    denominator: str
    unit: Literal["share", "ratio", "target"]
    better: Literal["low", "high", "zero"]
    root: bool = False
    undefined: str = say("nothing was counted here, so a share of it is undefined")
    part: Literal["", "rows", "amount"] = ""
    counted: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is made of counts of rows alone, so that it has an interval also at none."""
        return self.part == "rows" or bool(self.counted)

    @property
    def floor(self) -> float:
        """The least that it can be."""
        return -math.inf if self.better == "zero" else 0.0


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of each row.

    Attributes
    ----------
    names : tuple of str
        The K sums.
    values : numpy.ndarray
        (rows, K) float64; a row that cannot be scored (no outcome, or no forecast) is all zero.
    """

    names: tuple[str, ...]
    values: np.ndarray

    @property
    def left_out(self) -> int:
        """Rows that could not be scored."""
        return int(len(self.values) - self.values[:, self.names.index("n")].sum())


NO_ROWS = say("no row here could be scored")
NO_INTERVAL = say("no row here has an interval")
NO_SCALE = say("no series here has a defined seasonal scale")

METRICS: tuple[Metric, ...] = (
    Metric("wape", say("error as a share of the amount"), "abs_error", "y", "share", "low"),
    Metric("mae", say("mean absolute error"), "abs_error", "n", "target", "low", undefined=NO_ROWS),
    Metric(
        "rmse",
        say("root mean squared error"),
        "squared_error",
        "n",
        "target",
        "low",
        root=True,
        undefined=NO_ROWS,
    ),
    Metric("bias", say("forecast above or below the outcome"), "excess", "y", "share", "zero"),
    Metric(
        "mase",
        say("error against a naive seasonal step"),
        "scaled_error",
        "n_scaled",
        "ratio",
        "low",
        undefined=NO_SCALE,
    ),
    Metric(
        "under_forecast_share",
        say("amount not foreseen"),
        "under",
        "y",
        "share",
        "low",
        part="amount",
    ),
    Metric("over_forecast_share", say("amount foreseen in vain"), "over", "y", "share", "low"),
    Metric(
        "coverage",
        say("outcomes inside the interval"),
        "inside",
        "n_interval",
        "share",
        "high",
        undefined=NO_INTERVAL,
        part="rows",
    ),
    Metric(
        "interval_width",
        say("mean width of the interval"),
        "width",
        "n_interval",
        "target",
        "low",
        undefined=NO_INTERVAL,
    ),
    Metric(
        "unmet_need",
        say("need not met if shared by the forecast"),
        "unmet",
        "y",
        "share",
        "low",
        part="amount",
    ),
    Metric(
        "idle_capacity",
        say("capacity left idle if shared by the forecast"),
        "idle",
        "allocated",
        "share",
        "low",
        undefined=say("no capacity would be sent here"),
        part="amount",
    ),
)
"""Metrics of a forecast of demand, in the order shown."""

BASE_SUMS = (
    "n",
    "y",
    "p",
    "excess",
    "abs_error",
    "squared_error",
    "under",
    "over",
    "n_scaled",
    "scaled_error",
    "n_interval",
    "inside",
    "width",
    "allocated",
    "unmet",
    "idle",
)


def find_metrics(baselines: Iterable[str] = ()) -> tuple[Metric, ...]:
    """Return every audited metric; one more per baseline, the error against that baseline's."""
    return METRICS + tuple(
        Metric(
            f"error_against_{name}",
            say(f"error against that of {name.replace('_', ' ')}"),
            f"paired_error.{name}",
            f"baseline_error.{name}",
            "ratio",
            "low",
            undefined=say(f"{name.replace('_', ' ')} made no error here"),
        )
        for name in baselines
    )


def check_limits(limits: dict[str, float], metrics: Iterable[Metric]) -> None:
    """Refuse a limit on a metric that is not audited.

    Raises
    ------
    SpecError
        Naming the nearest known metric, or all of them.
    """
    known = [m.name for m in metrics if m.unit != "target"]
    for name in limits:
        if name not in known:
            raise SpecError(
                f"there is no audited metric '{name}'",
                where=f"limits.{name}, of `audit` or of the policy",
                expected=f"one of {', '.join(sorted(known))}",
                next_step=suggest_name(name, known),
            )


def build_sums(table: pd.DataFrame, column: str = Y_PRED, baselines: Iterable[str] = ()) -> Sums:
    """Turn each row of a table of predictions into its K sums.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions: `y_true`, the forecast in `column`, and where they exist `y_low`, `y_high`
        (used for `y_pred` alone), `scale`, `fold`, `step`, ``baseline.<name>``.
    column : str
        The forecast to judge.
    baselines : iterable of str
        Names of baselines to pair it with, row by row.

    Returns
    -------
    Sums
        (rows, K) float64.

    Notes
    -----
    `scaled_error` is ``|e| / scale`` (MASE: Hyndman and Koehler 2006); a row whose scale is
    undefined or zero is left out of it and of `n_scaled`. `allocated` is the row's part of a
    capacity that equals the whole need of its fold and step, shared in proportion to the forecast.
    """
    y = table[Y_TRUE].to_numpy(np.float64)
    p = table[column].to_numpy(np.float64)
    scored = np.isfinite(y) & np.isfinite(p)
    y, p = np.where(scored, y, 0.0), np.where(scored, p, 0.0)
    error = p - y
    n = scored.astype(np.float64)
    n_scaled, scaled = _scale_errors(table, scored, np.abs(error))
    n_interval, inside, width = _judge_intervals(table, column, scored, y)
    allocated = _allocate(table, scored, y, p)
    columns = [
        n,
        y,
        p,
        error,
        np.abs(error),
        error**2,
        np.maximum(-error, 0.0),
        np.maximum(error, 0.0),
        n_scaled,
        scaled,
        n_interval,
        inside,
        width,
        allocated,
        np.maximum(y - allocated, 0.0),
        np.maximum(allocated - y, 0.0),
    ]
    names = list(BASE_SUMS)
    for name in baselines:
        other = table[f"{BASELINE}{name}"].to_numpy(np.float64)
        both = scored & np.isfinite(other)
        names += [f"paired_error.{name}", f"baseline_error.{name}"]
        columns += [
            np.where(both, np.abs(error), 0.0),
            np.where(both, np.abs(np.where(both, other, 0.0) - y), 0.0),
        ]
    return Sums(tuple(names), np.column_stack(columns))


def _scale_errors(
    table: pd.DataFrame, scored: np.ndarray, error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if SCALE not in table:
        return np.zeros(len(error)), np.zeros(len(error))
    scale = table[SCALE].to_numpy(np.float64)
    usable = scored & np.isfinite(scale) & (scale > 0)
    return usable.astype(np.float64), np.where(usable, error / np.where(usable, scale, 1.0), 0.0)


def _judge_intervals(
    table: pd.DataFrame, column: str, scored: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if column != Y_PRED or Y_LOW not in table or Y_HIGH not in table:
        return np.zeros(len(y)), np.zeros(len(y)), np.zeros(len(y))
    low, high = table[Y_LOW].to_numpy(np.float64), table[Y_HIGH].to_numpy(np.float64)
    usable = scored & np.isfinite(low) & np.isfinite(high)
    inside = usable & (low <= y) & (y <= high)
    width = np.where(usable, np.where(usable, high, 0.0) - np.where(usable, low, 0.0), 0.0)
    return usable.astype(np.float64), inside.astype(np.float64), width


def _allocate(table: pd.DataFrame, scored: np.ndarray, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    fold = table[FOLD].to_numpy() if FOLD in table else np.zeros(len(y), dtype=np.int64)
    step = table[STEP].to_numpy() if STEP in table else np.zeros(len(y), dtype=np.int64)
    moment = pd.MultiIndex.from_arrays([fold, step]).factorize()[0]
    wanted = np.where(scored, np.maximum(p, 0.0), 0.0)
    capacity = np.bincount(moment, weights=y, minlength=1)[moment]
    asked = np.bincount(moment, weights=wanted, minlength=1)[moment]
    # Where no forecast is above zero nothing can be shared in proportion: all need is unmet.
    shared: np.ndarray = np.divide(capacity * wanted, asked, out=np.zeros(len(y)), where=asked > 0)
    return shared
