"""Metrics of a forecast of amounts, as ratios of sums over rows, and the sums themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import BASELINE, FOLD, SCALE, STEP, Y_HIGH, Y_LOW, Y_PRED, Y_TRUE
from cityai.i18n.messages import say
from cityai.modeling.corrections import share_capacity
from cityai.records.metric import Floats, Metric, Recount

AMOUNT: Final = ("amount",)
NO_ROWS: Final = say("no row here could be scored")
NO_INTERVAL: Final = say("no row here has an interval")
NOT_ABOVE: Final = say("what came to pass adds up to zero or less here, so a share is undefined")
NO_SCALE: Final = say("no series here has a defined seasonal scale")
AGAINST: Final = "error_against_"
"""Before a baseline's name: the error against that baseline's."""


def _truth(t: pd.DataFrame) -> pd.Series:
    return t["y_true"]


def _error(t: pd.DataFrame) -> pd.Series:
    return (t["y_pred"] - t["y_true"]).abs()


def _short(t: pd.DataFrame) -> pd.Series:
    return (t["y_true"] - t["y_pred"]).clip(lower=0.0)


def _beyond(t: pd.DataFrame) -> pd.Series:
    return (t["y_pred"] - t["y_true"]).clip(lower=0.0)


def _within(t: pd.DataFrame) -> pd.Series:
    ends = t[["y_true", "y_low", "y_high"]].notna().all(axis=1)
    return t["y_true"].between(t["y_low"], t["y_high"]).astype(float).where(ends)


METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        *("wape", say("error as a share of the amount"), "abs_error", "y", "share", "low"),
        title=say("Average error"),
        meaning=say("sum of the errors, either way, as a share of what happened"),
        sentence=say("the error was {value} of the {unit}"),
        targets=AMOUNT,
        precision="amount",
        worse="high",
        recount=Recount(_error, _truth),
    ),
    Metric(
        *("mae", say("mean absolute error"), "abs_error", "n", "target", "low"),
        title=say("Mean absolute error"),
        meaning=say("how far off one prediction is"),
        sentence=say("the forecast was off by {value} on average"),
        targets=AMOUNT,
        precision="rows",
        worse="high",
        undefined=NO_ROWS,
        recount=Recount(_error),
    ),
    Metric(
        *("rmse", say("root mean squared error"), "squared_error", "n", "target", "low"),
        title=say("Root mean squared error"),
        meaning=say("like the mean error, large misses count more"),
        sentence=say("the root mean squared error was {value}"),
        targets=AMOUNT,
        root=True,
        precision="rows",
        worse="high",
        undefined=NO_ROWS,
        recount=Recount(lambda t: _error(t) ** 2, root=True),
    ),
    Metric(
        *("bias", say("forecast above or below the outcome"), "excess", "y", "share", "zero"),
        title=say("Too high or too low"),
        meaning=say("forecast minus actual, as a share of what happened"),
        sentence=say("the forecast was {value}"),
        targets=AMOUNT,
        precision="amount",
        recount=Recount(lambda t: t["y_pred"] - t["y_true"], _truth),
    ),
    Metric(
        *("mase", say("error against a naive seasonal step"), "scaled_error", "n_scaled"),
        *("ratio", "low"),
        title=say("Scaled error"),
        meaning=say("error relative to repeating the last season; below 1 is better"),
        sentence=say("the error was {value} times that of a naive seasonal step"),
        targets=AMOUNT,
        precision="rows",
        worse="high",
        undefined=NO_SCALE,
        recount=Recount(lambda t: _error(t) / t["scale"].where(t["scale"] > 0)),
    ),
    Metric(
        *("under_forecast_share", say("amount not foreseen"), "under", "y", "share", "low"),
        title=say("More than forecast"),
        meaning=say("what happened beyond the forecast, as a share of what happened"),
        sentence=say("{value} of the {unit} was not foreseen"),
        targets=AMOUNT,
        part="amount",
        precision="amount",
        worse="high",
        recount=Recount(_short, _truth),
    ),
    Metric(
        *("over_forecast_share", say("amount foreseen in vain"), "over", "y", "share", "low"),
        title=say("Forecast but did not happen"),
        meaning=say("what was forecast beyond what happened, as a share of it"),
        sentence=say("the forecast exceeded the outcome by {value} of the {unit}"),
        targets=AMOUNT,
        precision="amount",
        recount=Recount(_beyond, _truth),
    ),
    Metric(
        *("coverage", say("outcomes inside the interval"), "inside", "n_interval"),
        *("share", "high"),
        title=say("Inside the forecast range"),
        meaning=say("share of predictions whose range held the actual value"),
        sentence=say("{value} of the outcomes fell inside the interval"),
        targets=AMOUNT,
        part="rows",
        precision="rows",
        worse="low",
        undefined=NO_INTERVAL,
        recount=Recount(_within),
    ),
    Metric(
        *("interval_width", say("mean width of the interval"), "width", "n_interval"),
        *("target", "low"),
        title=say("Width of the range"),
        meaning=say("high end minus low end"),
        sentence=say("the interval was {value} wide on average"),
        targets=AMOUNT,
        precision="rows",
        undefined=NO_INTERVAL,
        recount=Recount(lambda t: (t["y_high"] - t["y_low"]).where(t["y_true"].notna())),
    ),
    Metric(
        *("unmet_need", say("need not met if shared by the forecast"), "unmet", "y"),
        *("share", "low"),
        title=say("Need not met"),
        meaning=say(
            "if capacity were shared in proportion to the forecast, as a share of the need"
        ),
        sentence=say("{value} of the need would go unmet if capacity followed the forecast"),
        targets=AMOUNT,
        needs=("capacity",),
        part="amount",
        precision="amount",
        worse="high",
        recount=Recount(lambda t: (t["y_true"] - t["given"]).clip(lower=0.0), _truth),
    ),
    Metric(
        *("idle_capacity", say("capacity left idle if shared by the forecast"), "idle"),
        *("allocated", "share", "low"),
        title=say("Capacity left idle"),
        meaning=say("if capacity were shared in proportion to the forecast, as a share of it"),
        sentence=say("{value} of the capacity would lie idle if it followed the forecast"),
        targets=AMOUNT,
        needs=("capacity",),
        part="amount",
        precision="amount",
        undefined=say("no capacity would be sent here"),
        recount=Recount(lambda t: (t["given"] - t["y_true"]).clip(lower=0.0), lambda t: t["given"]),
    ),
)


def allow_below_zero(
    metrics: tuple[Metric, ...], table: pd.DataFrame, column: str = Y_PRED
) -> tuple[Metric, ...]:
    """Take no share for a part of the amount where an outcome or a forecast is below zero.

    What a forecast below zero falls short by is more than there was.
    """
    if not (table[[Y_TRUE, column]] < 0).any(axis=None):
        return metrics
    found = (replace(m, part="") if m.part == "amount" else m for m in metrics)
    return tuple(replace(m, undefined=NOT_ABOVE) if m.denominator == "y" else m for m in found)


def compare_with(name: str) -> Metric:
    """Return the metric that holds the error against a baseline's, row by row."""
    column, other = f"{BASELINE}{name}", name.replace("_", " ")

    def mark_both(t: pd.DataFrame, part: pd.Series) -> pd.Series:
        return part.where(t[column].notna() & t["y_pred"].notna())

    return Metric(
        f"{AGAINST}{name}",
        say("error against that of {replace}", replace=name.replace("_", " ")),
        *(f"paired_error.{name}", f"baseline_error.{name}", "ratio", "low"),
        title=say("Error against {other}", other=other),
        meaning=say("below 1 the forecast errs less"),
        sentence=say("the error was {value} times that of the baseline {baseline}"),
        targets=AMOUNT,
        precision="amount",
        worse="high",
        undefined=say("{replace} made no error here", replace=name.replace("_", " ")),
        recount=Recount(
            lambda t: mark_both(t, _error(t)),
            lambda t: mark_both(t, (t[column] - t["y_true"]).abs()),
        ),
    )


class Amounts:
    """Rows of outcomes and forecasts; a row without one of them is not scored, and all zero.

    Parameters
    ----------
    table : pandas.DataFrame
        `y_true`, the forecast in `column`, and where they exist `y_low`, `y_high` (used for
        `y_pred` alone), `scale`, `fold`, `step`, ``baseline.<name>``.
    column : str
        The forecast to judge.
    """

    def __init__(self, table: pd.DataFrame, column: str = Y_PRED) -> None:
        self.table, self.column = table, column
        y, p = (table[name].to_numpy(np.float64) for name in (Y_TRUE, column))
        self.scored = np.isfinite(y) & np.isfinite(p)
        self.y, self.p = np.where(self.scored, y, 0.0), np.where(self.scored, p, 0.0)
        self.error = self.p - self.y

    @cached_property
    def scaled(self) -> tuple[Floats, Floats]:
        """Whether the scale is usable, and ``|e| / scale`` (MASE: Hyndman and Koehler 2006)."""
        if SCALE not in self.table:
            return np.zeros(len(self.y)), np.zeros(len(self.y))
        scale = self.table[SCALE].to_numpy(np.float64)
        usable = self.scored & np.isfinite(scale) & (scale > 0)
        error = np.where(usable, np.abs(self.error) / np.where(usable, scale, 1.0), 0.0)
        return usable.astype(np.float64), error

    @cached_property
    def interval(self) -> tuple[Floats, Floats, Floats]:
        """Whether there is an interval, whether it holds the outcome, and its width."""
        held = self.table
        if self.column != Y_PRED or Y_LOW not in held or Y_HIGH not in held:
            return np.zeros(len(self.y)), np.zeros(len(self.y)), np.zeros(len(self.y))
        low, high = held[Y_LOW].to_numpy(np.float64), held[Y_HIGH].to_numpy(np.float64)
        usable = self.scored & np.isfinite(low) & np.isfinite(high)
        inside = usable & (low <= self.y) & (self.y <= high)
        width = np.where(usable, np.where(usable, high, 0.0) - np.where(usable, low, 0.0), 0.0)
        return usable.astype(np.float64), inside.astype(np.float64), width

    @cached_property
    def allocated(self) -> Floats:
        """The row's part of a capacity that equals the whole need of its fold and step."""
        held, rows = self.table, len(self.y)
        fold = held[FOLD].to_numpy() if FOLD in held else np.zeros(rows, dtype=np.int64)
        step = held[STEP].to_numpy() if STEP in held else np.zeros(rows, dtype=np.int64)
        steps = pd.factorize(step)
        moment = pd.factorize(fold)[0] * len(steps[1]) + steps[0]
        # Where no forecast is above zero nothing can be shared in proportion: all need is unmet.
        return share_capacity(np.maximum(self.p, 0.0), self.y, moment)

    def pair(self, name: str) -> tuple[Floats, Floats]:
        """Errors of the forecast and of a baseline, on the rows that both forecast."""
        other = self.table[f"{BASELINE}{name}"].to_numpy(np.float64)
        both = self.scored & np.isfinite(other)
        own = np.where(both, np.abs(self.error), 0.0)
        return own, np.where(both, np.abs(np.where(both, other, 0.0) - self.y), 0.0)


SUMS: Final[dict[str, Callable[[Amounts], np.ndarray]]] = {
    "n": lambda r: r.scored,
    "y": lambda r: r.y,
    "p": lambda r: r.p,
    "excess": lambda r: r.error,
    "abs_error": lambda r: np.abs(r.error),
    "squared_error": lambda r: r.error**2,
    "under": lambda r: np.maximum(-r.error, 0.0),
    "over": lambda r: np.maximum(r.error, 0.0),
    "n_scaled": lambda r: r.scaled[0],
    "scaled_error": lambda r: r.scaled[1],
    "n_interval": lambda r: r.interval[0],
    "inside": lambda r: r.interval[1],
    "width": lambda r: r.interval[2],
    "allocated": lambda r: r.allocated,
    "unmet": lambda r: np.maximum(r.y - r.allocated, 0.0),
    "idle": lambda r: np.maximum(r.allocated - r.y, 0.0),
}
"""What the metrics are made of: each row's part of every sum."""
