"""The backtest: what would have been forecast, fold by fold, and the model for tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    CANDIDATE,
    ENTITY,
    FOLD,
    ORIGIN,
    PERIOD,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.errors import TimeError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.modeling.blend import learn_weights, mix_forecasts
from cityai.modeling.final import FinalModel, build_final
from cityai.modeling.forecasters import (
    Candidate,
    FloatArray,
    SavedModel,
    SeriesForecaster,
    choose_candidates,
)
from cityai.modeling.intervals import (
    Bounds,
    Intervals,
    PastErrors,
    adapt_tails,
    fit_intervals,
    place_bounds,
    start_tails,
)
from cityai.modeling.predictions import Predictions, build_predictions
from cityai.modeling.split import LEAST_RIPE, Folds
from cityai.modeling.sweep import (
    Progress,
    RowsFor,
    Sweep,
    is_nonnegative,
    read_labels,
    sweep_origins,
)

if TYPE_CHECKING:
    from cityai.config.project import ProjectSpec
    from cityai.data.panel import Panel

BLEND: Final = "blend"
REPLAYED: Final = (ORIGIN, ENTITY, STEP, PERIOD, Y_PRED, Y_LOW, Y_HIGH)
"""Columns of `Backtest.replayed`."""


@dataclass(frozen=True, slots=True, eq=False)
class FoldModel:
    """What was fitted at one test fold, for explanation.

    Attributes
    ----------
    fold : int
        Number of the test fold.
    origin : int
        Its moment.
    models : tuple of SavedModel
        The candidates that learn from rows.
    """

    fold: int
    origin: int
    models: tuple[SavedModel, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The past replayed.

    Attributes
    ----------
    predictions : Predictions
        Forecasts of the test folds.
    folds : Folds
        All origins.
    weights : pandas.DataFrame
        ``fold``, ``candidate``, ``weight``: the blend of each test fold.
    replayed : pandas.DataFrame
        Every origin's out-of-sample forecasts, the calibration origins' too: `REPLAYED`, sorted by
        origin, entity and step. No outcome is in it: what was known when is the panel's to say.
    models : tuple of FoldModel
        Of each test fold at which anything was fitted.
    final : FinalModel
        Fitted on everything that is known.
    findings : tuple of Finding
        Codes ``backtest.calibration`` and ``backtest.rows``.
    """

    predictions: Predictions
    folds: Folds
    weights: pd.DataFrame
    replayed: pd.DataFrame
    models: tuple[FoldModel, ...]
    final: FinalModel
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Replay:
    """Weights, blended forecasts and intervals at every origin; arrays follow the sweep's rows."""

    weights: dict[int, FloatArray]
    forecast: FloatArray
    low: FloatArray
    high: FloatArray
    intervals: Intervals


def run_backtest(
    panel: Panel,
    rows_for: RowsFor,
    folds: Folds,
    spec: ProjectSpec,
    *,
    baselines: Sequence[SeriesForecaster],
    candidates: Sequence[Candidate],
    city_rule: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Ask at every origin, blend, put intervals around, and fit the final model.

    At each origin the weights and intervals come from earlier origins' out-of-sample forecasts
    whose labels were mature then; nothing is tuned on the fold that it is tested on.

    Parameters
    ----------
    panel : Panel
        What was known when.
    rows_for : callable
        From origins to their `Rows`; called once.
    folds : Folds
        From `plan_folds`.
    spec : ProjectSpec
        The project.
    baselines, candidates : sequence
        The kind's; ``models.candidates`` picks among the latter.
    city_rule : pandas.DataFrame, optional
        The city's own forecasts: ``entity_id``, ``period``, ``value``.
    progress : callable, optional
        Told in a sentence what is being done.

    Raises
    ------
    SpecError
        When a candidate is not known.
    TimeError
        When no entity was asked about, or nothing was measured, in the test folds.
    """
    chosen = choose_candidates(candidates, spec.models.candidates)
    last = panel.periods.count
    origins = [*(f.origin for f in folds.folds), last]
    sweep = sweep_origins(
        panel,
        rows_for,
        origins,
        spec,
        baselines=baselines,
        candidates=chosen,
        city_rule=city_rule,
        progress=progress,
    )
    replay = _replay_origins(sweep, panel, origins, spec)
    names = [c.name for c in chosen]
    table = _collect_tests(sweep, replay, panel, folds)
    measured = table[np.isfinite(table[Y_TRUE]) & np.isfinite(table[Y_PRED])]
    if measured.empty:
        raise TimeError(
            "nothing that was asked about in the test folds was measured",
            where="backtest",
            expected="entities that are asked about (`question.entity.cohort`) and have labels",
        )
    if measured[Y_LOW].isna().any():
        raise TimeError(
            "no labels were mature before the first test fold, so no interval can be measured",
            where="backtest",
            expected=f"{LEAST_RIPE} earlier origins at which entities were asked about",
            next_step="lower `backtest.folds` or the cohort's `min_history`",
        )
    return Backtest(
        predictions=build_predictions(
            measured, coverage=spec.models.coverage, unit=spec.question.unit, chosen=BLEND
        ),
        folds=folds,
        weights=_list_weights(replay, folds, names),
        replayed=_list_replayed(sweep, replay, last),
        models=_list_models(sweep, folds),
        final=build_final(
            origin=last,
            models=[m for (_, origin), m in sweep.models.items() if origin == last],
            blend=dict(zip(names, replay.weights[last].tolist(), strict=True)),
            intervals=replay.intervals,
            entity_ids=panel.entity_ids,
            coverage=spec.models.coverage,
            seed=spec.models.seed,
        ),
        findings=(_judge_calibration(folds, spec), _judge_rows(table, measured)),
    )


def find_scales(panel: Panel, origin: int) -> FloatArray:
    """Return MASE's denominator of each entity: its mean absolute seasonal difference.

    Hyndman & Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001, on labels mature at an origin.

    Returns
    -------
    numpy.ndarray
        Shape (E,), in the target's unit; NaN where there is no difference, or every one is 0.
    """
    history = panel.known_at(origin)[: panel.mature_until(origin)]
    season = panel.periods.season
    apart = np.abs(history[season:] - history[:-season])
    known = ~np.isnan(apart)
    sums = np.where(known, apart, 0.0).sum(axis=0)
    return np.where(sums > 0, sums / np.maximum(known.sum(axis=0), 1), np.nan)


def _replay_origins(
    sweep: Sweep, panel: Panel, origins: Sequence[int], spec: ProjectSpec
) -> _Replay:
    """Go through the origins in order; each sees only earlier ones with mature labels."""
    table = sweep.table
    columns = [c for c in table.columns if c.startswith(CANDIDATE)]
    parts = table[columns].to_numpy(np.float64)
    origin_of = table[ORIGIN].to_numpy(np.int64)
    period, step = table[PERIOD].to_numpy(np.int64), table[STEP].to_numpy(np.int64)
    forecast, low, high = (np.full(len(table), np.nan) for _ in range(3))
    weights: dict[int, FloatArray] = {}
    for origin in origins:
        labels = read_labels(panel, origin, period, sweep.entity)
        past = (origin_of < origin) & ~np.isnan(labels)
        enough = len(np.unique(origin_of[past])) >= LEAST_RIPE
        seen = past if enough else np.zeros_like(past)
        weights[origin] = learn_weights(parts[seen], labels[seen])
        here = origin_of == origin
        forecast[here] = mix_forecasts(parts[here], weights[origin])
        tails = start_tails(spec.models.coverage)
        for earlier in origins[: origins.index(origin)]:
            told = past & (origin_of == earlier) & ~np.isnan(low)
            tails = adapt_tails(
                tails, Bounds(low[told], high[told]), labels[told], spec.models.coverage
            )
        known = past & ~np.isnan(forecast)
        intervals = fit_intervals(
            PastErrors(sweep.entity[known], step[known], forecast[known], labels[known]),
            tails,
            entities=len(panel.entity_ids),
            steps=spec.question.horizon,
            nonnegative=is_nonnegative(panel.known_at(origin)),
        )
        if enough:
            bounds = place_bounds(intervals, sweep.entity[here], step[here], forecast[here])
            low[here], high[here] = bounds.low, bounds.high
    return _Replay(weights, forecast, low, high, intervals)


def _collect_tests(sweep: Sweep, replay: _Replay, panel: Panel, folds: Folds) -> pd.DataFrame:
    """Return the test folds' rows with truth, forecast, interval and scale."""
    numbers = {f.origin: f.number for f in folds.test}
    origin_of = sweep.table[ORIGIN].to_numpy(np.int64)
    tested = np.flatnonzero(np.isin(origin_of, list(numbers)))
    table, entity = sweep.table.iloc[tested], sweep.entity[tested]
    scales = find_scales(panel, folds.test[0].origin)
    columns = {
        FOLD: table[ORIGIN].map(numbers),
        Y_TRUE: panel.final[table[PERIOD].to_numpy(np.int64), entity],
        Y_PRED: replay.forecast[tested],
        Y_LOW: replay.low[tested],
        Y_HIGH: replay.high[tested],
        SCALE: scales[entity],
    }
    return table.drop(columns=ORIGIN).assign(**columns)


def _list_replayed(sweep: Sweep, replay: _Replay, last: int) -> pd.DataFrame:
    """Return the blended forecasts of all origins but the last, which has no outcome yet."""
    found = sweep.table.assign(**{Y_PRED: replay.forecast, Y_LOW: replay.low, Y_HIGH: replay.high})
    kept = found[(found[ORIGIN] < last) & np.isfinite(found[Y_PRED])]
    return pd.DataFrame(kept[list(REPLAYED)].reset_index(drop=True))


def _list_weights(replay: _Replay, folds: Folds, names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"fold": fold.number, "candidate": name, "weight": float(weight)}
            for fold in folds.test
            for name, weight in zip(names, replay.weights[fold.origin], strict=True)
        ]
    )


def _list_models(sweep: Sweep, folds: Folds) -> tuple[FoldModel, ...]:
    fitted = {
        fold: tuple(model for (_, origin), model in sweep.models.items() if origin == fold.origin)
        for fold in folds.test
    }
    return tuple(FoldModel(f.number, f.origin, models) for f, models in fitted.items() if models)


def _judge_calibration(folds: Folds, spec: ProjectSpec) -> Finding:
    had, wanted = len(folds.calibration), spec.backtest.calibration
    return Finding(
        code="backtest.calibration",
        status=Status.PASS if had >= wanted else Status.NOT_ENOUGH,
        title=say("Origins that weights and intervals are learnt from"),
        reason=say(
            f"{had} of the {wanted} earlier origins that the project asks for fit into the "
            "history before the first test fold."
        ),
        observed=float(had),
        limit=float(wanted),
        unit="origins",
    )


def _judge_rows(table: pd.DataFrame, measured: pd.DataFrame) -> Finding:
    left_out = len(table) - len(measured)
    unmeasured = int((~np.isfinite(table[Y_TRUE])).sum())
    return Finding(
        code="backtest.rows",
        status=Status.PASS,
        title=say("Rows asked about and rows scored"),
        reason=say(
            f"{len(table)} rows of {table[ENTITY].nunique()} entities were asked about in the "
            f"test folds; {len(measured)} were scored, {unmeasured} were never measured, and "
            f"{left_out - unmeasured} could not be forecast for want of any history."
        ),
        observed=float(left_out),
        unit="rows",
    )
