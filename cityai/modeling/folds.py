"""Rolling-origin folds: the moments at which the past is asked the question again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

import pandas as pd

from cityai.findings import Finding, Status
from cityai.i18n.messages import say, say_n

Role = Literal["calibration", "test", "final"]

MOST_TESTS: Final = 26
"""Test folds that are taken unasked, at most; more say little more of a gap, and cost as much."""
MOST_SHORT_TESTS: Final = 52
"""The same of folds of `SHORT_DAYS` or less: 26 of them would not hold all seasons of a year."""
SHORT_DAYS: Final = 7.0
FEWEST_TESTS: Final = 8
"""Test folds that are taken unasked whatever they cost, where the history holds them."""
MOST_SECONDS: Final = 600.0
"""What the fits of all folds may cost, by `estimate_seconds`."""
SECONDS_A_FIT: Final = 0.3
SECONDS_A_ROW: Final = 3e-5
"""Of a row that is learnt from or predicted, by each candidate: boosted trees on one core."""
SECONDS_A_CELL: Final = 3e-6
"""Of an entity's period in the history that forecasters of series read, each."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One moment at which the question is asked."""

    number: int
    """Test folds count 1, 2, ... from the oldest; calibration folds count up to 0 (..., -1, 0)."""
    role: Role
    """Calibration folds only weigh candidates and calibrate; the final one, after all others, is
    where the model for tomorrow is fitted."""
    as_of: pd.Timestamp
    """The moment: everything used was seen before it."""
    train_until: pd.Timestamp
    """Labels end before it: of periods that were final at the moment, or outcomes that were known
    by then (the moment less the gap)."""
    test_from: pd.Timestamp
    test_until: pd.Timestamp
    """First moment that is predicted, and the first that no longer is."""
    counts: dict[str, int] = field(default_factory=dict)
    """What is known of the rows when folds are planned; empty where rows are dense. Where they are
    listed: ``train_rows``, ``train_yes``, ``cases`` and ``scored``."""


def name_fold(fold: Fold) -> str:
    """Return a fold's number and moment, for messages."""
    if fold.role == "final":
        return f"at the final fit ({fold.as_of:%Y-%m-%d})"
    return f"at {fold.role} fold {fold.number} ({fold.as_of:%Y-%m-%d})"


@dataclass(frozen=True, slots=True)
class Folds:
    """All folds of a backtest, the oldest first."""

    folds: tuple[Fold, ...]
    """Calibration folds, then test folds ``1 .. n``; their moments rise strictly."""
    more: int = 0
    """Test folds that the history would hold before the first, beside those that calibrate; of
    overlapping ones, as many as share no outcome."""

    @property
    def test(self) -> tuple[Fold, ...]:
        """The test folds."""
        return tuple(f for f in self.folds if f.role == "test")

    @property
    def calibration(self) -> tuple[Fold, ...]:
        """The calibration folds."""
        return tuple(f for f in self.folds if f.role == "calibration")

    def to_table(self) -> pd.DataFrame:
        """Return the windows, one row a fold.

        Returns
        -------
        pandas.DataFrame
            Columns ``fold``, ``role``, ``as_of``, ``labels_until``, ``test_from``, ``test_until``
            (both ``until`` are the first moment no longer inside), and the folds' counts.
        """
        return pd.DataFrame(
            [
                {
                    "fold": f.number,
                    "role": f.role,
                    "as_of": f.as_of,
                    "labels_until": f.train_until,
                    "test_from": f.test_from,
                    "test_until": f.test_until,
                    **f.counts,
                }
                for f in self.folds
            ]
        )


def estimate_seconds(candidates: int, rows: float, cells: float = 0.0) -> float:
    """Return what a fold costs, in seconds of one core, from counts alone.

    It is not measured: the number of folds must not depend on how fast or busy a machine is.

    Parameters
    ----------
    candidates : int
        How many are fitted.
    rows : float
        Rows that a fold learns from, and that it predicts.
    cells : float
        Entities times periods of history.
    """
    return candidates * (SECONDS_A_FIT + rows * SECONDS_A_ROW + cells * SECONDS_A_CELL)


def choose_tests(declared: int | None, held: int, days: float, seconds: float) -> int:
    """Return how many test folds there are: those declared, or as many as history holds.

    Parameters
    ----------
    declared : int or None
        `backtest.folds`.
    held : int
        Test folds that the history holds.
    days : float
        Length of one.
    seconds : float
        What one costs, from `estimate_seconds`.
    """
    if declared is not None:
        return declared
    most = MOST_SHORT_TESTS if days <= SHORT_DAYS else MOST_TESTS
    return min(held, most, max(int(MOST_SECONDS / seconds), FEWEST_TESTS))


def judge_order(
    folds: Folds, broken: Iterable[int], passed: str, failed: Callable[[str], str]
) -> Finding:
    """Judge whether every fold learns only from labels known before its test begins.

    Parameters
    ----------
    folds : Folds
        Whose moments must rise, and whose windows must follow each other.
    broken : iterable of int
        Folds that learn from labels that were not known.
    passed : str
        What is said when all are in order.
    failed : callable
        From the numbers of the folds that are not to what is said of them.

    Returns
    -------
    Finding
        Code ``time.folds``.
    """
    wrong = [
        f.number for f in folds.folds if not f.train_until <= f.as_of <= f.test_from < f.test_until
    ]
    wrong = sorted({*wrong, *broken})
    if any(b.as_of <= a.as_of for a, b in pairwise(folds.folds)):
        wrong.append(0)
    return Finding(
        code="time.folds",
        status=Status.FAIL if wrong else Status.PASS,
        title=say("Order of time in the folds"),
        reason=failed(", ".join(map(str, wrong))) if wrong else passed,
        observed=float(len(wrong)),
        limit=0.0,
        unit="folds",
    )


def count_tests(folds: Folds) -> str:
    """Return how many test folds there are, in words."""
    return say_n("{n} test fold", "{n} test folds", len(folds.test))


def check_overlaps(folds: Folds) -> Finding:
    """Check that no outcome is predicted in two test folds.

    Returns
    -------
    Finding
        Code ``time.overlap``: fails with the number of folds that are apart; verdicts count so
        many, and not one for each fold.
    """
    tests, apart, until = folds.test, 0, pd.Timestamp.min
    for fold in tests:
        if fold.test_from >= until:
            apart, until = apart + 1, fold.test_until
    title = say("Test folds that do not overlap")
    if apart == len(tests):
        reason = say("No outcome is in two of the {tests} test folds.", tests=len(tests))
        if len(tests) == 1:
            reason = say("There is one test fold, so no outcome is in two.")
        return Finding("time.overlap", Status.PASS, title, reason, 0.0, 0.0, "folds")
    reason = say(
        "The {tests} test folds overlap: the same outcomes are judged several times. "
        "They count as {apart}; `backtest.stride` of at least `question.horizon` "
        "keeps them apart.",
        tests=len(tests),
        apart=apart,
    )
    observed = float(len(tests) - apart)
    return Finding("time.overlap", Status.FAIL, title, reason, observed, 0.0, "folds")
