"""What measures the figures of one target: amounts by their sums, lists by their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from cityai.findings import Finding, Status
from cityai.records.metric import Metric


@dataclass(frozen=True, slots=True)
class Paired:
    """A paired comparison with a baseline in one figure, on the rows that both answer."""

    metric: Metric
    """The figure."""
    ours: float
    theirs: float
    """The forecast's and the baseline's; NaN where undefined or not to be shown."""
    n: float
    """Rows behind it."""
    unit: str
    """What the figure is in."""
    margin: float = float("nan")
    """Half the width of the difference's interval, each end a one-sided test; NaN where there is
    none."""
    blocks: int = 0
    """Blocks behind the interval."""
    block: str = ""
    """What was taken to vary."""
    days: float = float("nan")
    """From one block to the next, where blocks are times; NaN elsewhere."""
    digits: int = 1
    """Decimals in which a share is said."""
    folds_won: int = 0
    folds: int = 0
    """Test folds in which the forecast was better, of how many; 0 where that is not counted."""
    places_won: int = 0
    places: int = 0
    """The same of places, over all folds."""
    reason: str = ""
    """Why there is nothing to compare."""
    unsaid: bool = False
    """Whether both figures stay unsaid, because a small count would follow from them."""
    silent: tuple[Status, ...] = ()
    """Verdicts that would give it away, too."""


class Measurer(Protocol):
    """Figures of one target, with their intervals."""

    @property
    def headline(self) -> str:
        """The metric that alone decides whether the forecast is better than a baseline."""

    def describe(self, column: str) -> pd.DataFrame:
        """Describe one model's column: a row a slice and metric, as `Evaluation.metrics`."""

    def compare(self, baseline: str) -> Iterator[Paired]:
        """Compare the forecast with a baseline, figure by figure."""

    def judge(self, metrics: pd.DataFrame) -> Finding:
        """Judge what was promised of single answers: the range's coverage, or the calibration."""

    def tabulate(self, models: Mapping[str, str]) -> dict[str, pd.DataFrame]:
        """Return the tables that `Evaluation` has beside those of every target, by name."""
