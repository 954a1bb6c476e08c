"""Dense rows: every entity that is asked about at every origin, labels as the panel knew them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AS_OF,
    ENTITY,
    KNOWN,
    ORIGIN,
    PERIOD,
    PERIOD_START,
    SCALE,
    STEP,
    VALUE,
    Y_TRUE,
)
from cityai.config.project import ProjectSpec
from cityai.data.calendar import code_holidays, share_weekdays
from cityai.data.periods import DAY, MEAN_DAYS, MONTH
from cityai.errors import TimeError
from cityai.findings import Finding
from cityai.i18n.messages import count_periods, say
from cityai.modeling.folds import (
    Fold,
    Folds,
    choose_tests,
    count_tests,
    estimate_seconds,
    judge_order,
)
from cityai.modeling.forecasters.baselines import CITY_RULE
from cityai.modeling.forecasters.encoding import find_codes, list_categories
from cityai.modeling.forecasters.protocol import MOST_ROWS, FloatArray, Learner, SeriesForecaster
from cityai.modeling.forecasters.series import SeriesHistory, cut_history
from cityai.modeling.layouts.source import BoolArray, IntArray

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.data.rows import Rows, RowsAt

KEPT: Final = (ORIGIN, AS_OF, ENTITY, STEP, PERIOD, PERIOD_START)
LEAST_TESTS: Final = 2
LEAST_RIPE: Final = 2
"""Calibration origins whose labels are mature at the first test fold, at least."""
LEAST_ORIGINS: Final = 64
"""Training origins, when one alone has many rows: many moments teach more than all entities of a
few. Rows beyond a model's most are drawn at random."""
MOST_BUILT: Final = 1_500_000
"""Rows built for training at most, to stay within an ordinary machine's memory."""


def plan_dense_folds(panel: Panel, spec: ProjectSpec, candidates: int = 1) -> Folds:
    """Walk back from the last mature label, one stride at a time.

    Test folds must all fit; calibration origins are as many as declared, or as history allows, with
    at least two whose labels are mature at the first test fold (fewer would leave nothing to learn
    weights and intervals from).

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
    ripe = LEAST_RIPE - (-(lead + horizon + panel.delay) // stride) - 1
    held = _count_held(panel, range(last, least - 1, -stride), max(rules.calibration, ripe), ripe)
    days, cost = horizon * MEAN_DAYS[panel.periods.freq], _estimate_seconds(panel, spec, candidates)
    tests = max(choose_tests(rules.folds, held, days, cost), LEAST_TESTS)
    needed = tests + ripe
    if fitting < needed:
        missing = least + (needed - 1) * stride - last
        raise TimeError(
            f"history is {missing} {panel.periods.freq}s too short for {tests} folds",
            where="backtest",
            expected=f"{least} periods of history before the first of {needed} origins, "
            f"{stride} periods apart ({panel.periods.count} periods are known)",
            next_step="lower `backtest.folds`, `backtest.stride` or `backtest.min_train`, "
            "or give more history",
        )
    count = min(fitting, max(tests + rules.calibration, needed))
    origins = [last - stride * back for back in reversed(range(count))]
    folds = tuple(
        _make_fold(panel, origin, number, spec)
        for number, origin in enumerate(origins, start=tests - count + 1)
    )
    return Folds(folds, max(held - tests, 0) // max(-(-horizon // stride), 1))


def _count_held(panel: Panel, origins: range, calibration: int, ripe: int) -> int:
    """Count the test folds that history holds, from the last one back.

    Calibration takes its part first, at most half. The count ends where fewer than half as many
    are asked about as at the last: what a handful says of the city is not what all would.
    """
    asked = panel.active.sum(axis=1)
    kept = takewhile(lambda origin: 2 * asked[origin] >= asked[origins[0]], origins)
    found = sum(1 for _ in kept)
    return found - max(min(calibration, found // 2), ripe)


def _estimate_seconds(panel: Panel, spec: ProjectSpec, candidates: int) -> float:
    """Return what a fold costs, by the size of the panel."""
    entities, periods = len(panel.entity_ids), panel.periods.count
    asked = entities * spec.question.horizon
    learnt = min(asked * periods, MOST_ROWS)
    return estimate_seconds(candidates, learnt + asked, entities * periods)


def check_dense_folds(folds: Folds, panel: Panel) -> Finding:
    """Check that every fold learns from labels that were mature before its test begins.

    Returns
    -------
    Finding
        Code ``time.folds``: fails with the number of folds that break the order of time, and
        passes with the windows in words.
    """
    start = panel.periods.start
    final = start(panel.mature_until(panel.periods.count))
    broken = [
        f.number
        for f in folds.folds
        if f.train_until > start(panel.mature_until(find_origin(panel, f)))
        or f.test_until > final
        or f.as_of != start(find_origin(panel, f))
    ]
    tests = folds.test
    said = say(
        "{tests} from {test_from:%-d %B %Y} to {test_until:%-d %B %Y}, "
        "after {calibration} earlier origins for weights and intervals; labels end "
        "{delay} before the question is asked.",
        tests=count_tests(folds),
        test_from=tests[0].test_from,
        test_until=tests[-1].test_until - pd.Timedelta(1, "ns"),  # the last day that is theirs
        calibration=len(folds.calibration),
        delay=count_periods(panel.delay, panel.periods.freq),
    )
    return judge_order(
        folds,
        broken,
        said,
        lambda listed: say("Folds {listed} learn from labels that were not mature.", listed=listed),
    )


def find_origin(panel: Panel, fold: Fold) -> int:
    """Return the index of a fold's moment on the panel's axis."""
    return int(panel.periods.index(pd.DatetimeIndex([fold.as_of]))[0])


def _make_fold(panel: Panel, origin: int, number: int, spec: ProjectSpec) -> Fold:
    start, first = panel.periods.start, origin + spec.question.lead
    return Fold(
        number=number,
        role="test" if number >= 1 else "calibration",
        as_of=start(origin),
        train_until=start(panel.mature_until(origin)),
        test_from=start(first),
        test_until=start(first + spec.question.horizon),
    )


class DenseRows:
    """Rows of a panel as a source for the backtest (`RowSource`).

    Parameters
    ----------
    panel : Panel
        What was known when.
    rows_at : RowsAt
        From moments to their rows; called once.
    folds : Folds
        From `plan_dense_folds`.
    spec : ProjectSpec
        ``question`` is read.
    learners : sequence of Learner
        Who will learn: their most rows say how many moments are laid out for training.
    baselines : sequence of SeriesForecaster
        What runs beside the forecast.
    city_rule : pandas.DataFrame, optional
        The city's own forecasts, as in `Events`.
    """

    rivals: tuple[Learner, ...] = ()

    def __init__(
        self,
        panel: Panel,
        rows_at: RowsAt,
        folds: Folds,
        spec: ProjectSpec,
        *,
        learners: Sequence[Learner],
        baselines: Sequence[SeriesForecaster],
        city_rule: pd.DataFrame | None = None,
    ) -> None:
        self.spec, self.baselines, self.city_rule = spec, baselines, city_rule
        self.first_test = folds.test[0]
        last = panel.periods.count
        learning = _plan_training(panel, spec, last, learners)
        self.origins = {f.as_of: find_origin(panel, f) for f in folds.folds}
        self.origins[panel.periods.start(last)] = last
        self.panel = panel.hold({*self.origins.values()})
        moments = sorted({*self.origins.values(), *learning})
        self.rows: Rows = rows_at([panel.periods.start(origin) for origin in moments])
        table = self.rows.table
        self.entity: IntArray = find_codes(table[ENTITY], panel.entity_ids)
        self.origin: IntArray = table[ORIGIN].to_numpy(np.int64)
        self.period: IntArray = table[PERIOD].to_numpy(np.int64)
        self.step: IntArray = table[STEP].to_numpy(np.int64)
        self._cell: IntArray = self.period * len(panel.entity_ids) + self.entity
        self.teaches: BoolArray = np.isin(self.origin, learning)
        self._labels: dict[int, FloatArray] = {}

    @cached_property
    def _categories(self) -> dict[str, tuple[str, ...]]:
        return list_categories(self.rows.table, self.rows.categorical)

    @cached_property
    def _has_negative(self) -> bool:
        return bool((self.panel.parts.value < 0).any())

    def close(self, folds: tuple[Fold, ...]) -> Fold:
        """Return the final fold, at the end of the panel."""
        made = _make_fold(self.panel, self.panel.periods.count, folds[-1].number + 1, self.spec)
        return replace(made, role="final")

    def date_training(self, fold: Fold) -> pd.Timestamp:
        """Return the fold's moment: all that was seen before it teaches."""
        return fold.as_of

    def read_labels(self, fold: Fold) -> FloatArray:
        """Return totals as they were seen at a fold; NaN where they were not mature.

        Every learner asks for them: they are kept, and cannot be written to.
        """
        origin = self.origins[fold.as_of]
        if origin not in self._labels:
            self._labels[origin] = read_labels(self.panel, origin, self._cell)
            self._labels[origin].setflags(write=False)
        return self._labels[origin]

    def find_tested(self, fold: Fold) -> IntArray:
        """Return the rows of the fold's origin."""
        origin = self.origins[fold.as_of]
        return np.arange(*np.searchsorted(self.origin, (origin, origin + 1)))

    def list_categories(self, taught: IntArray) -> dict[str, tuple[str, ...]]:
        """Return the known values of the categorical features, over all rows."""
        return self._categories

    def is_nonnegative(self, fold: Fold) -> bool:
        """Whether no total that was known at a fold lies below 0; none does where no part does."""
        if not self._has_negative:
            return True
        return not bool((self.panel.known_at(self.origins[fold.as_of]) < 0).any())

    def read_history(self, model: SeriesForecaster, fold: Fold) -> SeriesHistory:
        """Return the history known at a fold."""
        return read_history(self.panel, self.origins[fold.as_of], self.spec)

    def pick_rows(self, forecasts: FloatArray, fold: Fold) -> FloatArray:
        """Return the forecasts, shape (H, E), of the fold's rows."""
        here = self.find_tested(fold)
        return np.asarray(forecasts[self.step[here] - 1, self.entity[here]])

    def score_baselines(
        self, fold: Fold, learnt: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """Return the baselines' forecasts, and the city's own where there are any."""
        history = read_history(self.panel, self.origins[fold.as_of], self.spec)
        found = {m.name: self.pick_rows(m.forecast(history), fold) for m in self.baselines}
        if self.city_rule is not None:
            made = self.city_rule
            if KNOWN in made:
                made = made[made[KNOWN] <= self.origins[fold.as_of]]
            rule = made.set_index([ENTITY, PERIOD])[VALUE]
            own = self.rows.table.iloc[self.find_tested(fold)]
            keys = pd.MultiIndex.from_arrays([own[ENTITY].astype("str"), own[PERIOD]])
            found[CITY_RULE] = rule.reindex(keys).to_numpy(np.float64)
        return found

    def tabulate(self, tested: IntArray, folds: tuple[Fold, ...]) -> pd.DataFrame:
        """Return key, final total and the scale of each entity's errors."""
        table, entity = self.rows.table[list(KEPT)].iloc[tested], self.entity[tested]
        scales = _find_scales(self.panel, self.origins[self.first_test.as_of])
        period = self.period[tested]
        known = period < self.panel.periods.count
        truth = np.full(len(tested), np.nan)
        truth[known] = self.panel.final[period[known], entity[known]]
        told = table.astype({ENTITY: "str"}).reset_index(drop=True)
        return told.assign(**{Y_TRUE: truth, SCALE: scales[entity]})


def read_history(panel: Panel, origin: int, spec: ProjectSpec) -> SeriesHistory:
    """Return what forecasters of series are given at an origin."""
    question, city, axis, holidays, weekdays = spec.question, spec.city, panel.periods, None, None
    last = axis.count + question.lead + question.horizon
    if spec.features.calendar and axis.freq == DAY:
        holidays = code_holidays(axis, last, city.country, city.subdivision)
    if spec.features.calendar and axis.freq == MONTH:
        weekdays = share_weekdays(axis, last)
    return cut_history(
        panel,
        origin,
        horizon=question.horizon,
        lead=question.lead,
        holidays=holidays,
        weekdays=weekdays,
    )


def _plan_training(
    panel: Panel, spec: ProjectSpec, last: int, models: Sequence[Learner]
) -> tuple[int, ...]:
    """Choose the origins whose rows the learners learn from, shared by all folds.

    They are evenly spaced back from the last one, by a stride without a common factor with the
    season, so that no weekday or month is left out, and that keeps the rows near the models' most.
    """
    if not models:
        return ()
    active = np.flatnonzero(panel.active.any(axis=1))
    first = max(int(active[0]) if len(active) else 0, panel.delay + 1)
    newest = panel.mature_until(last) - spec.question.lead - 1
    if newest < first:
        return ()
    each = max(len(panel.entity_ids) * spec.question.horizon, 1)
    many = min(LEAST_ORIGINS, MOST_BUILT // each)
    most = max(MOST_BUILT if m.most_rows is None else m.most_rows for m in models)
    count = max(min(most, MOST_BUILT) // each, many, 2)
    stride = max(math.ceil((newest - first + 1) / count), 1)
    while math.gcd(stride, panel.periods.season) > 1:
        stride += 1
    return tuple(range(newest, first - 1, -stride))[::-1]


def read_labels(panel: Panel, origin: int, cell: IntArray) -> FloatArray:
    """Return totals as they were seen at an origin, NaN where they were not mature; shape (R,).

    A cell is a period times the number of entities, plus the entity's position.
    """
    known = panel.known_at(origin)[: max(panel.mature_until(origin), 0)]
    flat = np.append(known, np.nan)  # the last stands for all that is not mature
    return flat.take(cell, mode="clip")


def _find_scales(panel: Panel, origin: int) -> FloatArray:
    """Return MASE's denominator of each entity: its mean absolute seasonal difference.

    Hyndman & Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001, on labels mature at an origin.
    """
    history = panel.known_at(origin)[: panel.mature_until(origin)]
    season = panel.periods.season
    apart = np.abs(history[season:] - history[:-season])
    known = ~np.isnan(apart)
    sums = np.where(known, apart, 0.0).sum(axis=0)
    return np.where(sums > 0, sums / np.maximum(known.sum(axis=0), 1), np.nan)
