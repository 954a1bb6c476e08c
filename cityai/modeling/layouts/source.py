"""What the backtest asks of rows, whichever way they are laid out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.modeling.folds import Fold
from cityai.modeling.forecasters.protocol import FloatArray, Learner, SeriesForecaster
from cityai.modeling.forecasters.series import SeriesHistory

if TYPE_CHECKING:
    from cityai.data.rows import Rows

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class RowSource(Protocol):
    """Rows, and their labels as they were known at any moment.

    Arrays have shape (R,), in the order of ``rows.table``.
    """

    @property
    def rows(self) -> Rows:
        """All rows that are asked about, and all that are learnt from."""

    @property
    def teaches(self) -> BoolArray:
        """Rows that learners may learn from, once their labels are known."""

    @property
    def rivals(self) -> tuple[Learner, ...]:
        """Learners that baselines are made of, fitted at the test folds."""

    def close(self, folds: tuple[Fold, ...]) -> Fold:
        """Return the final fold, after all others: all that is known teaches at it."""

    def date_training(self, fold: Fold) -> pd.Timestamp:
        """Return the moment before which everything that teaches at a fold was known."""

    def read_labels(self, fold: Fold) -> FloatArray:
        """Return labels as they were known at a fold; NaN where they were not."""

    def find_tested(self, fold: Fold) -> IntArray:
        """Return the positions of the rows that a fold predicts, rising."""

    def list_categories(self, taught: IntArray) -> dict[str, tuple[str, ...]]:
        """Return the known values of the categorical features."""

    def is_nonnegative(self, fold: Fold) -> bool:
        """Whether nothing below 0 was known at a fold: learners' predictions are cut there."""

    def read_history(self, model: SeriesForecaster, fold: Fold) -> SeriesHistory:
        """Return what a forecaster of series is given at a fold."""

    def pick_rows(self, forecasts: FloatArray, fold: Fold) -> FloatArray:
        """Return what a forecaster of series said, for the rows that a fold predicts."""

    def score_baselines(
        self, fold: Fold, learnt: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """Return the baselines' scores of the rows that a fold predicts.

        Parameters
        ----------
        fold : Fold
            A test fold.
        learnt : mapping of str to numpy.ndarray
            What each learner predicts for the same rows, those of `rivals` among them.
        """

    def tabulate(self, tested: IntArray, folds: tuple[Fold, ...]) -> pd.DataFrame:
        """Return what `Predictions` tells of some rows beside what was predicted: key and truth."""
