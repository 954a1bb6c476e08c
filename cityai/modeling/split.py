"""Folds: the moments at which the past is asked the question again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd

from cityai.config.project import ProjectSpec
from cityai.data.periods import Periods
from cityai.errors import TimeError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.data.panel import Panel

Role = Literal["calibration", "test"]

LEAST_RIPE: Final = 2
"""Calibration origins whose labels are mature at the first test fold, at least."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One moment in the past at which the question is asked.

    Attributes
    ----------
    number : int
        Test folds count 1, 2, ... from the oldest; calibration origins count up to 0 (..., -1, 0).
    origin : int
        Index of the moment on the time axis: everything used was seen before its start.
    as_of : pandas.Timestamp
        The moment, local midnight.
    train_until : int
        First period whose total was not yet mature at the origin; labels end before it.
    test_first, test_last : int
        First and last target period, both included.
    role : {"calibration", "test"}
        Calibration origins only weigh candidates and calibrate intervals.
    """

    number: int
    origin: int
    as_of: pd.Timestamp
    train_until: int
    test_first: int
    test_last: int
    role: Role


@dataclass(frozen=True, slots=True)
class Folds:
    """All origins of a backtest, the oldest first.

    Attributes
    ----------
    periods : Periods
        The time axis.
    folds : tuple of Fold
        Calibration origins, then test folds ``1 .. n``; origins rise strictly.
    """

    periods: Periods
    folds: tuple[Fold, ...]

    @property
    def test(self) -> tuple[Fold, ...]:
        """The test folds."""
        return tuple(f for f in self.folds if f.role == "test")

    @property
    def calibration(self) -> tuple[Fold, ...]:
        """The calibration origins."""
        return tuple(f for f in self.folds if f.role == "calibration")

    def to_table(self) -> pd.DataFrame:
        """Return the windows as dates, one row a fold.

        Returns
        -------
        pandas.DataFrame
            Columns ``fold``, ``role``, ``as_of``, ``labels_until``, ``test_from``, ``test_until``;
            both ``until`` are the first day no longer inside.
        """
        start = self.periods.start
        return pd.DataFrame(
            {
                "fold": [f.number for f in self.folds],
                "role": [f.role for f in self.folds],
                "as_of": [f.as_of for f in self.folds],
                "labels_until": [start(f.train_until) for f in self.folds],
                "test_from": [start(f.test_first) for f in self.folds],
                "test_until": [start(f.test_last + 1) for f in self.folds],
            }
        )


def plan_folds(panel: Panel, spec: ProjectSpec) -> Folds:
    """Walk back from the last mature label, one stride at a time.

    Test folds must all fit; calibration origins are as many as declared, or as history allows, with
    at least two whose labels are mature at the first test fold (fewer would leave nothing to learn
    weights and intervals from).

    Parameters
    ----------
    panel : Panel
        What was known when.
    spec : ProjectSpec
        ``question`` (horizon, lead) and ``backtest`` are read.

    Raises
    ------
    TimeError
        When history is too short; the message has the number of missing periods.
    """
    horizon, lead, rules = spec.question.horizon, spec.question.lead, spec.backtest
    stride = rules.stride or horizon
    last = panel.mature_until(panel.periods.count) - lead - horizon
    least = panel.delay + (rules.min_train or 2 * panel.periods.season)
    fitting = (last - least) // stride + 1 if last >= least else 0
    unripe = -(-(lead + horizon + panel.delay) // stride) - 1
    needed = rules.folds + LEAST_RIPE + unripe
    if fitting < needed:
        missing = least + (needed - 1) * stride - last
        raise TimeError(
            f"history is {missing} {panel.periods.freq}s too short for {rules.folds} folds",
            where="backtest",
            expected=f"{least} periods of history before the first of {needed} origins, "
            f"{stride} periods apart ({panel.periods.count} periods are known)",
            next_step="lower `backtest.folds`, `backtest.stride` or `backtest.min_train`, "
            "or give more history",
        )
    count = min(fitting, max(rules.folds + rules.calibration, needed))
    origins = [last - stride * back for back in reversed(range(count))]
    folds = tuple(
        _make_fold(panel, origin, number, horizon, lead)
        for number, origin in enumerate(origins, start=rules.folds - count + 1)
    )
    return Folds(panel.periods, folds)


def check_folds(folds: Folds, panel: Panel) -> Finding:
    """Check that every fold learns from labels that were mature before its test begins.

    Returns
    -------
    Finding
        Code ``time.folds``: fails with the number of folds that break the order of time, and
        passes with the windows in words.
    """
    broken = [
        f.number
        for f in folds.folds
        if not (
            f.train_until <= panel.mature_until(f.origin) <= f.origin <= f.test_first <= f.test_last
            and f.test_last < panel.mature_until(panel.periods.count)
            and f.as_of == panel.periods.start(f.origin)
        )
    ]
    origins = [f.origin for f in folds.folds]
    if any(b <= a for a, b in pairwise(origins)):
        broken.append(0)
    tests = folds.test
    said = say(
        f"{len(tests)} test folds from {folds.periods.start(tests[0].test_first):%Y-%m-%d} to "
        f"{folds.periods.start(tests[-1].test_last + 1):%Y-%m-%d}, after {len(folds.calibration)} "
        f"earlier origins for weights and intervals; labels end {panel.delay} periods before "
        "the question is asked."
    )
    listed = ", ".join(map(str, broken))
    return Finding(
        code="time.folds",
        status=Status.FAIL if broken else Status.PASS,
        title=say("Order of time in the folds"),
        reason=say(f"Folds {listed} learn from labels that were not mature.") if broken else said,
        observed=float(len(broken)),
        limit=0.0,
        unit="folds",
    )


def check_overlaps(folds: Folds) -> Finding:
    """Check that no outcome is predicted in two test folds.

    Returns
    -------
    Finding
        Code ``time.overlap``: fails with the number of folds that are apart; verdicts count so
        many, and not one for each fold.
    """
    tests, apart, until = folds.test, 0, -1
    for fold in tests:
        if fold.test_first > until:
            apart, until = apart + 1, fold.test_last
    title = say("Test folds that do not overlap")
    if apart == len(tests):
        reason = say(f"No outcome is in two of the {len(tests)} test folds.")
        return Finding("time.overlap", Status.PASS, title, reason, 0.0, 0.0, "folds")
    reason = say(
        f"The {len(tests)} test folds overlap: the same outcomes are judged several times. They "
        f"count as {apart}; `backtest.stride` of at least `question.horizon` keeps them apart."
    )
    observed = float(len(tests) - apart)
    return Finding("time.overlap", Status.FAIL, title, reason, observed, 0.0, "folds")


def _make_fold(panel: Panel, origin: int, number: int, horizon: int, lead: int) -> Fold:
    return Fold(
        number=number,
        origin=origin,
        as_of=panel.periods.start(origin),
        train_until=panel.mature_until(origin),
        test_first=origin + lead,
        test_last=origin + lead + horizon - 1,
        role="test" if number >= 1 else "calibration",
    )
