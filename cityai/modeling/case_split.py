"""Folds of a yes/no question: cutoffs in time, and what was known before each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, KNOWN_AT, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.errors import TimeError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.modeling.split import Role

if TYPE_CHECKING:
    from cityai.data.cases import Cases

MOST_CALIBRATION: Final = 8
"""Calibration folds at most."""
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
    """Place the last test fold, and walk back from there, one stride at a time.

    Stretches in which nobody was asked about, or in which no outcome is known, are passed over.
    Calibration folds come before the test folds: up to `MOST_CALIBRATION`, as long as there is
    enough to learn from.

    Parameters
    ----------
    cases : Cases
        All cases, with outcomes as they are known by now.
    spec : RiskSpec
        ``backtest`` is read.

    Raises
    ------
    TimeError
        When the last stretch has no case with an outcome, when history is too short for the test
        folds, or when only one answer was known before one; the message has the counts.
    """
    rules = spec.backtest
    stride = pd.Timedelta(days=rules.stride_days)
    table = cases.table
    scored = table[table[Y_TRUE].notna()]
    if scored.empty:
        raise TimeError(
            f"no outcome of {len(table):,} cases is known",
            where="question.outcome",
            expected="cases whose outcome was seen before the data end",
        )
    last = scored[AS_OF].max().normalize() + pd.Timedelta(days=1)
    cutoff = pd.Timestamp(rules.first_test) if rules.first_test else last - stride
    first, until = scored[AS_OF].min(), max(last, cutoff + stride)
    found = [_count_fold(cases, cutoff, until, rules.gap_days)]
    if not found[0].scored:
        raise TimeError(
            f"no case asked about from {cutoff:%Y-%m-%d} on has a known outcome",
            where="backtest.first_test",
            expected=f"a day before {last:%Y-%m-%d}, when the last one was asked about",
        )
    while cutoff > first and len(found) < rules.folds + MOST_CALIBRATION:
        cutoff, until = cutoff - stride, cutoff
        fold = _count_fold(cases, cutoff, until, rules.gap_days)
        if not _teaches(fold, rules.min_train):
            break
        if fold.scored:
            found.append(fold)
    tests = found[: rules.folds]
    for fold in tests:
        _refuse_thin(fold, rules.min_train)
    if len(tests) < rules.folds:
        raise TimeError(
            f"history is too short for {rules.folds} test folds: {len(tests)} can be had",
            where="backtest.folds",
            expected=f"{rules.min_train:,} known outcomes before the first of them, and at least "
            f"{LEAST_OF_EACH} of either answer",
            next_step="lower `backtest.folds`, `backtest.stride_days` or `backtest.min_train`",
        )
    oldest = rules.folds - len(found) + 1
    return CaseFolds(
        tuple(
            replace(fold, number=n, role="test" if n >= 1 else "calibration")
            for n, fold in enumerate(reversed(found), start=oldest)
        )
    )


def find_training(cases: Cases, train_until: pd.Timestamp) -> np.ndarray:
    """Return which cases teach, (N,) bool: asked about and answered before a moment."""
    table = cases.table
    known = table[Y_TRUE].notna() & (table[KNOWN_AT] < train_until) & (table[AS_OF] < train_until)
    teaching: np.ndarray = known.to_numpy()
    return teaching


def find_tested(cases: Cases, fold: CaseFold) -> np.ndarray:
    """Return which cases a fold predicts, (N,) bool: all that are asked about in its stretch."""
    asked = cases.table[AS_OF]
    tested: np.ndarray = ((asked >= fold.cutoff) & (asked < fold.until)).to_numpy()
    return tested


def check_case_folds(folds: CaseFolds, cases: Cases) -> Finding:
    """Check that no fold learns from an outcome that was seen after its test began.

    Returns
    -------
    Finding
        Code ``time.folds``: fails with the folds that break the order of time, and passes with the
        windows and counts in words.
    """
    table = cases.table
    broken = []
    for fold in folds.folds:
        teaching = find_training(cases, fold.train_until)
        late = (table.loc[teaching, KNOWN_AT] >= fold.cutoff).any()
        later = (
            table.loc[teaching, AS_OF] >= table.loc[find_tested(cases, fold), AS_OF].min()
        ).any()
        if late or later or fold.train_until > fold.cutoff or fold.cutoff >= fold.until:
            broken.append(fold.number)
    if any(b.cutoff < a.until for a, b in pairwise(folds.folds)):
        broken.append(0)
    tests = folds.test
    asked, scored = sum(f.cases for f in tests), sum(f.scored for f in tests)
    said = say(
        f"{len(tests)} test folds from {tests[0].cutoff:%Y-%m-%d} to {tests[-1].until:%Y-%m-%d} "
        f"with {asked:,} cases, {scored:,} of them with a known outcome, after "
        f"{len(folds.calibration)} earlier folds for weights and probabilities; the first learns "
        f"from {tests[0].train_rows:,} outcomes known before it, the last from "
        f"{tests[-1].train_rows:,}."
    )
    listed = ", ".join(map(str, broken))
    return Finding(
        code="time.folds",
        status=Status.FAIL if broken else Status.PASS,
        title=say("Order of time in the folds"),
        reason=say(f"Folds {listed} learn from outcomes that were not known yet.")
        if broken
        else said,
        observed=float(len(broken)),
        limit=0.0,
        unit="folds",
    )


def _count_fold(cases: Cases, cutoff: pd.Timestamp, until: pd.Timestamp, gap_days: int) -> CaseFold:
    table = cases.table
    train_until = cutoff - pd.Timedelta(days=gap_days)
    answers = table.loc[find_training(cases, train_until), Y_TRUE]
    inside = table[(table[AS_OF] >= cutoff) & (table[AS_OF] < until)]
    return CaseFold(
        number=0,
        cutoff=cutoff,
        train_until=train_until,
        until=until,
        train_rows=len(answers),
        train_yes=int(answers.sum()),
        cases=len(inside),
        scored=int(inside[Y_TRUE].notna().sum()),
        role="test",
    )


def _teaches(fold: CaseFold, min_train: int) -> bool:
    either = min(fold.train_yes, fold.train_rows - fold.train_yes)
    return fold.train_rows >= min_train and either >= LEAST_OF_EACH


def _refuse_thin(fold: CaseFold, min_train: int) -> None:
    if _teaches(fold, min_train):
        return
    no = fold.train_rows - fold.train_yes
    if fold.train_rows >= min_train:
        what = f"outcomes known before {fold.train_until:%Y-%m-%d} are nearly all the same: "
        what += f"{fold.train_yes:,} yes and {no:,} no"
    else:
        what = f"only {fold.train_rows:,} outcomes were known before {fold.train_until:%Y-%m-%d}"
        what += f" ({fold.train_yes:,} yes, {no:,} no)"
    raise TimeError(
        what,
        where="backtest",
        expected=f"{min_train:,} or more, at least {LEAST_OF_EACH} of either answer",
        next_step="see which values mean yes in `question.outcome`; set a later "
        "`backtest.first_test`, a smaller `backtest.gap_days` or `backtest.min_train`",
    )
