"""Listed rows: one case, one row, its outcome known from a moment of its own on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    CASE,
    ENTITY,
    KNOWN_AT,
    OCCURRED_AT,
    SLOT,
    SLOT_START,
    Y_TRUE,
)
from cityai.config.risk import RiskSpec
from cityai.errors import SpecError, TimeError
from cityai.findings import Finding
from cityai.i18n.messages import say
from cityai.modeling.folds import (
    Fold,
    Folds,
    choose_tests,
    count_tests,
    estimate_seconds,
    judge_order,
)
from cityai.modeling.forecasters.encoding import list_categories
from cityai.modeling.forecasters.protocol import FloatArray, Learner, SeriesForecaster
from cityai.modeling.forecasters.series import SeriesHistory
from cityai.modeling.layouts.listed_baselines import ListedBaseline, ListedQuestion
from cityai.modeling.layouts.source import BoolArray, IntArray

if TYPE_CHECKING:
    from cityai.data.rows import Rows
    from cityai.records.events import Events

MOST_CALIBRATION: Final = 8
"""Calibration folds at most."""
LEAST_OF_EACH: Final = 10
"""Fewer of either answer among the training outcomes leave nothing to learn from."""
KEPT: Final = (CASE, ENTITY, AREA, AS_OF, OCCURRED_AT, SLOT, SLOT_START, Y_TRUE)


def plan_listed_folds(cases: Events, spec: RiskSpec, candidates: int = 1) -> Folds:
    """Place the last test fold, and walk back from there, one stride at a time.

    Stretches in which nobody was asked about, or in which no outcome is known, are passed over.
    Calibration folds come before the test folds: up to `MOST_CALIBRATION`, as long as there is
    enough to learn from.

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
    counts = _Counts(table)
    found = [counts.count_fold(cutoff, until, rules.gap_days)]
    if not found[0].counts["scored"]:
        raise TimeError(
            f"no case asked about from {cutoff:%Y-%m-%d} on has a known outcome",
            where="backtest.first_test",
            expected=f"a day before {last:%Y-%m-%d}, when the last one was asked about",
        )
    while cutoff > first:
        cutoff, until = cutoff - stride, cutoff
        fold = counts.count_fold(cutoff, until, rules.gap_days)
        if not _teaches(fold, rules.min_train):
            break
        if fold.counts["scored"]:
            found.append(fold)
    held = len(found) - min(MOST_CALIBRATION, len(found) // 2)
    seconds = estimate_seconds(candidates, len(table))
    number = choose_tests(rules.folds, held, rules.stride_days, seconds)
    for fold in found[:number]:
        _refuse_thin(fold, rules.min_train)
    if len(found) < number:
        raise TimeError(
            f"history is too short for {number} test folds: {len(found)} can be had",
            where="backtest.folds",
            expected=f"{rules.min_train:,} known outcomes before the first of them, and at least "
            f"{LEAST_OF_EACH} of either answer",
            next_step="lower `backtest.folds`, `backtest.stride_days` or `backtest.min_train`",
        )
    kept = found[: number + MOST_CALIBRATION]
    folds = tuple(
        replace(fold, number=n, role="test" if n >= 1 else "calibration")
        for n, fold in enumerate(reversed(kept), start=number - len(kept) + 1)
    )
    return Folds(folds, max(held - number, 0))


def check_listed_folds(folds: Folds, cases: Events) -> Finding:
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
        teaching, tested = find_known(cases, fold.train_until), find_tested(cases, fold)
        late = (table.loc[teaching, KNOWN_AT] >= fold.as_of).any()
        if late or (table.loc[teaching, AS_OF] >= table.loc[tested, AS_OF].min()).any():
            broken.append(fold.number)
    if any(b.test_from < a.test_until for a, b in pairwise(folds.folds)):
        broken.append(0)
    tests = folds.test
    asked, scored = (sum(f.counts[name] for f in tests) for name in ("cases", "scored"))
    said = say(
        "{tests} from {test_from:%-d %B %Y} to {test_until:%-d %B %Y} with "
        "{asked:,} cases, {scored:,} of them with a known outcome, after "
        "{calibration} earlier folds for weights and probabilities; the first learns "
        "from {train_rows:,} outcomes known before it, the last from {train_rows2:,}.",
        tests=count_tests(folds),
        test_from=tests[0].test_from,
        test_until=tests[-1].test_until - pd.Timedelta(1, "ns"),  # the last day that is theirs
        asked=asked,
        scored=scored,
        calibration=len(folds.calibration),
        train_rows=tests[0].counts["train_rows"],
        train_rows2=tests[-1].counts["train_rows"],
    )
    return judge_order(
        folds,
        broken,
        said,
        lambda listed: say(
            "Folds {listed} learn from outcomes that were not known yet.", listed=listed
        ),
    )


def find_known(cases: Events, train_until: pd.Timestamp) -> BoolArray:
    """Return which cases teach, (N,) bool: asked about and answered before a moment."""
    table = cases.table
    known = table[Y_TRUE].notna() & (table[KNOWN_AT] < train_until) & (table[AS_OF] < train_until)
    return known.to_numpy()


def find_tested(cases: Events, fold: Fold) -> BoolArray:
    """Return which cases a fold predicts, (N,) bool: all that are asked about in its stretch."""
    asked = cases.table[AS_OF]
    return ((asked >= fold.test_from) & (asked < fold.test_until)).to_numpy()


class ListedRows:
    """Cases as a source for the backtest (`RowSource`).

    Parameters
    ----------
    cases : Events
        All cases.
    rows : Rows
        Their features, in the same order.
    spec : RiskSpec
        ``question`` and ``models.seed`` are read.
    baselines : sequence of ListedBaseline
        What runs beside the prediction; those that a project cannot have are passed over.
    """

    def __init__(
        self, cases: Events, rows: Rows, spec: RiskSpec, *, baselines: Sequence[ListedBaseline]
    ) -> None:
        self.cases, self.rows, self.spec = cases, rows, spec
        self.baselines = [b for b in baselines if b.has(cases, spec)]
        self.rivals: tuple[Learner, ...] = tuple(b.learner for b in baselines if b.learner)
        self.answers: FloatArray = cases.table[Y_TRUE].to_numpy(np.float64)
        self.teaches: BoolArray = np.ones(len(cases.table), dtype=bool)

    def close(self, folds: tuple[Fold, ...]) -> Fold:
        """Return the final fold, at the end of what is known; it predicts nothing."""
        end = self.cases.until
        return Fold(folds[-1].number + 1, "final", end, end, pd.Timestamp.max, pd.Timestamp.max)

    def date_training(self, fold: Fold) -> pd.Timestamp:
        """Return the end of training: the fold's moment less the gap."""
        return fold.train_until

    def read_labels(self, fold: Fold) -> FloatArray:
        """Return the outcomes that were known at a fold."""
        return np.where(find_known(self.cases, fold.train_until), self.answers, np.nan)

    def find_tested(self, fold: Fold) -> IntArray:
        """Return the cases that are asked about in the fold's stretch."""
        return np.flatnonzero(find_tested(self.cases, fold))

    def list_categories(self, taught: IntArray) -> dict[str, tuple[str, ...]]:
        """Return the known values of the categorical features, among the cases that teach."""
        return list_categories(self.rows.table.iloc[taught], self.rows.categorical)

    def is_nonnegative(self, fold: Fold) -> bool:
        """Whether predictions are cut at 0: probabilities never lie below."""
        return False

    def read_history(self, model: SeriesForecaster, fold: Fold) -> SeriesHistory:
        """Refuse: cases are no series."""
        raise SpecError(
            f"the candidate '{model.name}' forecasts series, and cases are none",
            where="models.candidates",
            expected="candidates that learn from rows",
        )

    def pick_rows(self, forecasts: FloatArray, fold: Fold) -> FloatArray:
        """Refuse: no series was asked."""
        raise NotImplementedError

    def score_baselines(
        self, fold: Fold, learnt: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """Return the baselines' scores: an order, or probabilities."""
        here, known = self.find_tested(fold), self.read_labels(fold)
        base_rate = float(known[~np.isnan(known)].mean())
        asked = ListedQuestion(
            self.cases, here, base_rate, known, self.spec.models.seed + fold.number, learnt
        )
        return {b.name: b.score(asked) for b in self.baselines}

    def tabulate(self, tested: IntArray, folds: tuple[Fold, ...]) -> pd.DataFrame:
        """Return the cases and their outcomes."""
        table = self.cases.table
        return table[[c for c in KEPT if c in table]].iloc[tested].reset_index(drop=True)


class _Counts:
    """How many cases are asked about, answered and teach, by moment; counted once."""

    def __init__(self, table: pd.DataFrame) -> None:
        scored = table[table[Y_TRUE].notna()]
        asked, seen = scored[AS_OF], scored[KNOWN_AT]
        known = asked.where(asked > seen, seen).dropna().sort_values(kind="stable")
        self.asked = np.sort(table[AS_OF].to_numpy())
        self.scored = np.sort(scored[AS_OF].to_numpy())
        self.known = known.to_numpy()
        self.yes = np.concatenate([[0], scored.loc[known.index, Y_TRUE].to_numpy().cumsum()])

    def count_fold(self, cutoff: pd.Timestamp, until: pd.Timestamp, gap_days: int) -> Fold:
        """Return the fold of a stretch, with its counts."""
        train_until = cutoff - pd.Timedelta(days=gap_days)
        rows = int(np.searchsorted(self.known, train_until.to_datetime64()))
        ends = [cutoff.to_datetime64(), until.to_datetime64()]
        cases, answered = (np.diff(np.searchsorted(m, ends)) for m in (self.asked, self.scored))
        return Fold(
            number=0,
            role="test",
            as_of=cutoff,
            train_until=train_until,
            test_from=cutoff,
            test_until=until,
            counts={
                "train_rows": rows,
                "train_yes": int(self.yes[rows]),
                "cases": int(cases[0]),
                "scored": int(answered[0]),
            },
        )


def _teaches(fold: Fold, min_train: int) -> bool:
    rows, yes = fold.counts["train_rows"], fold.counts["train_yes"]
    return rows >= min_train and min(yes, rows - yes) >= LEAST_OF_EACH


def _refuse_thin(fold: Fold, min_train: int) -> None:
    if _teaches(fold, min_train):
        return
    rows, yes = fold.counts["train_rows"], fold.counts["train_yes"]
    if rows >= min_train:
        what = f"outcomes known before {fold.train_until:%Y-%m-%d} are nearly all the same: "
        what += f"{yes:,} yes and {rows - yes:,} no"
    else:
        what = f"only {rows:,} outcomes were known before {fold.train_until:%Y-%m-%d}"
        what += f" ({yes:,} yes, {rows - yes:,} no)"
    raise TimeError(
        what,
        where="backtest",
        expected=f"{min_train:,} or more, at least {LEAST_OF_EACH} of either answer",
        next_step="see which values mean yes in `question.outcome`; set a later "
        "`backtest.first_test`, a smaller `backtest.gap_days` or `backtest.min_train`",
    )
