"""Folds of a yes/no question: cutoffs in time, and what was known before each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, KNOWN_AT, Y_TRUE
from cityai.errors import TimeError
from cityai.findings import Finding, Status
from cityai.modeling.split import Role
from cityai.spec.risk import RiskSpec

if TYPE_CHECKING:
    from cityai.data.cases import Cases

LEAST_OF_EACH: Final = 10
"""Fewer of either answer among the training outcomes leave nothing to learn from."""


@dataclass(frozen=True, slots=True)
class CaseFold:
    """One stretch of time whose cases are predicted from what was known before it.

    Attributes
    ----------
    number : int
        Test folds count 1, 2, ... from the oldest; calibration folds count up to 0 (..., -1, 0).
    cutoff : pandas.Timestamp
        First moment of the stretch. Outcomes seen on or after it (less the gap) teach nothing.
    train_until : pandas.Timestamp
        The cutoff less the gap: an outcome teaches only if its `known_at` is before this.
    until : pandas.Timestamp
        First moment that is no longer in the stretch.
    train_rows, train_yes : int
        Outcomes to learn from, and how many of them are yes.
    cases, scored : int
        Cases asked about in the stretch, and those of them whose outcome is known by now.
    role : {"calibration", "test"}
        Calibration folds only weigh candidates and calibrate probabilities.
    """

    number: int
    cutoff: pd.Timestamp
    train_until: pd.Timestamp
    until: pd.Timestamp
    train_rows: int
    train_yes: int
    cases: int
    scored: int
    role: Role


@dataclass(frozen=True, slots=True)
class CaseFolds:
    """All folds of a backtest of cases, the oldest first.

    Attributes
    ----------
    folds : tuple of CaseFold
        Calibration folds, then test folds ``1 .. n``.
    """

    folds: tuple[CaseFold, ...]

    @property
    def test(self) -> tuple[CaseFold, ...]:
        """The test folds."""
        return tuple(f for f in self.folds if f.role == "test")

    @property
    def calibration(self) -> tuple[CaseFold, ...]:
        """The calibration folds."""
        return tuple(f for f in self.folds if f.role == "calibration")

    def to_table(self) -> pd.DataFrame:
        """Return the windows, one row a fold.

        Returns
        -------
        pandas.DataFrame
            Columns ``fold``, ``role``, ``as_of``, ``labels_until``, ``test_from``, ``test_until``
            (both ``until`` are the first moment no longer inside), ``train_rows``, ``train_yes``,
            ``cases``, ``scored``.
        """
        return pd.DataFrame(
            {
                "fold": [f.number for f in self.folds],
                "role": [f.role for f in self.folds],
                "as_of": [f.cutoff for f in self.folds],
                "labels_until": [f.train_until for f in self.folds],
                "test_from": [f.cutoff for f in self.folds],
                "test_until": [f.until for f in self.folds],
                "train_rows": [f.train_rows for f in self.folds],
                "train_yes": [f.train_yes for f in self.folds],
                "cases": [f.cases for f in self.folds],
                "scored": [f.scored for f in self.folds],
            }
        )


def plan_case_folds(cases: Cases, spec: RiskSpec) -> CaseFolds:
    """Place the test folds from the first test on, and calibration folds back from there.

    Parameters
    ----------
    cases : Cases
        All cases, with outcomes as they are known by now.
    spec : RiskSpec
        ``backtest`` is read: ``folds``, ``first_test``, ``stride_days``, ``gap_days``,
        ``min_train``, ``calibration``.

    Raises
    ------
    TimeError
        When a test fold has no case with an outcome, or too few outcomes or a single answer to
        learn from; the message has the counts.
    """
    raise NotImplementedError


def find_training(cases: Cases, fold: CaseFold) -> np.ndarray:
    """Return which cases teach in a fold, (N,) bool: asked and answered before its cutoff."""
    raise NotImplementedError


def check_case_folds(folds: CaseFolds, cases: Cases) -> Finding:
    """Check that no fold learns from an outcome that was seen after its test began.

    Returns
    -------
    Finding
        Code ``time.folds``, as `cityai.modeling.split.check_folds`.
    """
    raise NotImplementedError
