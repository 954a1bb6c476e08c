"""What measures the figures of one target: amounts by their sums, lists by their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import pandas as pd

from cityai.findings import Finding
from cityai.records.metric import Metric

FORECAST: Final = "forecast"
"""The model that is judged; others are `baseline.<name>` and `candidate.<name>`."""
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Paired:
    """A paired comparison with a baseline in one figure, on the rows that both answer.

    Attributes
    ----------
    metric : Metric
        The figure.
    ours, theirs : float
        The forecast's and the baseline's; NaN where undefined or not to be shown.
    n : float
        Rows behind it.
    unit : str
        What the figure is in.
    margin : float
        Half the width of the difference's interval; NaN where there is none.
    blocks : int
        Blocks behind the interval.
    block : str
        What was taken to vary.
    digits : int
        Decimals in which a share is said.
    reason : str
        Why there is nothing to compare.
    """

    metric: Metric
    ours: float
    theirs: float
    n: float
    unit: str
    margin: float = float("nan")
    blocks: int = 0
    block: str = ""
    digits: int = 1
    reason: str = ""


class Measurer(Protocol):
    """Figures of one target, with their intervals."""

    @property
    def headline(self) -> str:
        """The metric that alone decides whether the forecast is better than a baseline."""

    def describe(self, column: str) -> Iterator[Row]:
        """Describe one model's column: a row a slice and metric, as `Evaluation.metrics`."""

    def compare(self, baseline: str) -> Iterator[Paired]:
        """Compare the forecast with a baseline, figure by figure."""

    def judge(self, metrics: pd.DataFrame) -> Finding:
        """Judge what was promised of single answers: the range's coverage, or the calibration."""

    def tabulate(self, models: Mapping[str, str]) -> dict[str, pd.DataFrame]:
        """Return the tables that `Evaluation` has beside those of every target, by name."""
