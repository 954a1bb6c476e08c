"""The sweep: every model asked once at every origin, knowing only what was known then.

One pass serves everything that follows. A test fold's weights and intervals come from the
out-of-sample forecasts of earlier origins, so nothing is refitted inside a fold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AS_OF,
    BASELINE,
    CANDIDATE,
    ENTITY,
    ORIGIN,
    PERIOD,
    PERIOD_START,
    STEP,
    VALUE,
)
from cityai.modeling.forecasters import (
    Candidate,
    FittedLearner,
    FloatArray,
    Learner,
    SavedModel,
    SeriesForecaster,
    cut_history,
    list_learners,
)
from cityai.modeling.forecasters.baselines import CITY_RULE
from cityai.modeling.forecasters.encoding import list_categories
from cityai.modeling.intervals import IntArray

if TYPE_CHECKING:
    from cityai.config.project import ProjectSpec
    from cityai.data.panel import Panel
    from cityai.data.rows import Rows

KEPT = (ORIGIN, AS_OF, ENTITY, STEP, PERIOD, PERIOD_START)
LEAST_ORIGINS: Final = 64
"""Training origins, when one alone has many rows: many moments teach more than all entities of a
few. Rows beyond a model's most are drawn at random."""
MOST_BUILT: Final = 1_500_000
"""Rows built for training at most, to stay within an ordinary machine's memory."""

RowsFor = Callable[[Sequence[int]], "Rows"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """All models' forecasts at all origins.

    Attributes
    ----------
    table : pandas.DataFrame
        Sorted by (origin, entity_id, step): the key columns of `Rows`, then float64 columns
        ``baseline.<name>`` and ``candidate.<name>`` in the target's unit, NaN where a model had
        nothing to go by.
    entity : numpy.ndarray
        Shape (R,), int64, position of each row's entity in the panel.
    models : dict of (str, int) to SavedModel
        What was fitted, by candidate and origin.
    """

    table: pd.DataFrame
    entity: IntArray
    models: dict[tuple[str, int], SavedModel]


class _Task:
    """What all models are asked about; the arrays follow the rows."""

    def __init__(
        self,
        panel: Panel,
        spec: ProjectSpec,
        rows: Rows,
        entity: IntArray,
        learning: frozenset[int],
    ) -> None:
        self.panel, self.spec, self.rows, self.entity = panel, spec, rows, entity
        self.origin: IntArray = rows.table[ORIGIN].to_numpy(np.int64)
        self.period: IntArray = rows.table[PERIOD].to_numpy(np.int64)
        self.step: IntArray = rows.table[STEP].to_numpy(np.int64)
        self.learning = np.isin(self.origin, list(learning))


def sweep_origins(
    panel: Panel,
    rows_for: RowsFor,
    origins: Sequence[int],
    spec: ProjectSpec,
    *,
    baselines: Sequence[SeriesForecaster],
    candidates: Sequence[Candidate],
    city_rule: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Ask every model at every origin.

    Parameters
    ----------
    panel : Panel
        What was known when.
    rows_for : callable
        From origins to their `Rows`; called once.
    origins : sequence of int
        Origins to ask at, rising.
    spec : ProjectSpec
        ``question`` and ``models`` are read.
    baselines, candidates : sequence
        What is asked.
    city_rule : pandas.DataFrame, optional
        The city's own forecasts: ``entity_id``, ``period``, ``value``.
    progress : callable, optional
        Told in a sentence what is being done.
    """
    learning = plan_training(panel, spec, origins[-1], list_learners(candidates))
    tell = progress or (lambda _: None)
    tell(f"rows of {len({*origins, *learning})} moments")
    rows = rows_for(sorted({*origins, *learning}))
    task = _Task(panel, spec, rows, _find_entities(rows.table, panel), frozenset(learning))
    asked_rows = np.flatnonzero(np.isin(task.origin, list(origins)))
    columns: dict[str, FloatArray] = {}
    models: dict[tuple[str, int], SavedModel] = {}
    for model, prefix in _name_columns(baselines, candidates):
        tell(f"{model.label}, at {len(origins)} moments")
        if isinstance(model, Learner):
            fitted = _fit_origins(model, task, origins)
            models |= {(model.name, origin): found.save() for origin, found in fitted.items()}
            values = _predict_rows(fitted, task)
        else:
            values = _ask_series(model, task, origins)
        columns[prefix + model.name] = values[asked_rows]
    table = rows.table[list(KEPT)].iloc[asked_rows].reset_index(drop=True).assign(**columns)
    table[ENTITY] = table[ENTITY].astype("str")
    if city_rule is not None:
        table = _join_rule(table, city_rule, len(baselines))
    return Sweep(table, task.entity[asked_rows], models)


def plan_training(
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


def read_labels(panel: Panel, origin: int, period: IntArray, entity: IntArray) -> FloatArray:
    """Return totals as they were seen at an origin, NaN where they were not mature; shape (R,)."""
    known = panel.known_at(origin)
    mature = period < panel.mature_until(origin)
    labels = np.full(len(period), np.nan)
    labels[mature] = known[period[mature], entity[mature]]
    return labels


def is_nonnegative(history: FloatArray) -> bool:
    """Whether nothing in a history lies below 0."""
    return not bool((history < 0).any())


def _ask_series(model: SeriesForecaster, task: _Task, origins: Sequence[int]) -> FloatArray:
    """Ask a series model at each origin; NaN in the rows of other origins."""
    question = task.spec.question
    values = np.full(len(task.origin), np.nan)
    for origin in origins:
        here = np.flatnonzero(task.origin == origin)
        asked = cut_history(task.panel, origin, horizon=question.horizon, lead=question.lead)
        values[here] = model.forecast(asked)[task.step[here] - 1, task.entity[here]]
    return values


def _predict_rows(fitted: dict[int, FittedLearner], task: _Task) -> FloatArray:
    """Ask what was fitted at each origin; NaN where nothing was."""
    values = np.full(len(task.origin), np.nan)
    for origin, learner in fitted.items():
        here = np.flatnonzero(task.origin == origin)
        found = learner.predict(task.rows.table.iloc[here])
        known = task.panel.known_at(origin)
        values[here] = np.maximum(found, 0.0) if is_nonnegative(known) else found
    return values


def _fit_origins(model: Learner, task: _Task, origins: Sequence[int]) -> dict[int, FittedLearner]:
    """Fit at each origin; side by side, since the fits have nothing to do with each other."""
    categories = list_categories(task.rows.table, task.rows.categorical)
    with ThreadPoolExecutor(task.spec.models.threads) as pool:
        fits = pool.map(lambda origin: _fit(model, task, categories, origin), origins)
        return {o: fit for o, fit in zip(origins, fits, strict=True) if fit is not None}


def _fit(
    model: Learner, task: _Task, categories: dict[str, tuple[str, ...]], origin: int
) -> FittedLearner | None:
    """Fit on rows of earlier origins whose labels are mature; None when they are too few."""
    mature = task.period < task.panel.mature_until(origin)
    chosen = np.flatnonzero(task.learning & mature & (task.origin < origin))
    labels = read_labels(task.panel, origin, task.period[chosen], task.entity[chosen])
    chosen, labels = chosen[~np.isnan(labels)], labels[~np.isnan(labels)]
    seed = task.spec.models.seed
    if model.most_rows is not None and len(chosen) > model.most_rows:
        kept = np.random.default_rng(seed).choice(len(chosen), model.most_rows, replace=False)
        kept.sort()
        chosen, labels = chosen[kept], labels[kept]
    if len(chosen) < model.least_rows:
        return None
    table = task.rows.table.iloc[chosen]
    features = task.rows.features
    return model.fit(table, labels, features=features, categories=categories, seed=seed, threads=1)


def _name_columns(
    baselines: Sequence[SeriesForecaster], candidates: Sequence[Candidate]
) -> list[tuple[Candidate, str]]:
    return [*((b, BASELINE) for b in baselines), *((c, CANDIDATE) for c in candidates)]


def _find_entities(table: pd.DataFrame, panel: Panel) -> IntArray:
    index = pd.Index(panel.entity_ids)
    return np.asarray(index.get_indexer(pd.Index(table[ENTITY].astype("str"))), dtype=np.int64)


def _join_rule(table: pd.DataFrame, city_rule: pd.DataFrame, after: int) -> pd.DataFrame:
    """Put the city's own forecasts beside the other baselines."""
    rule = city_rule.set_index([ENTITY, PERIOD])[VALUE]
    keys = pd.MultiIndex.from_frame(table[[ENTITY, PERIOD]])
    joined = table.copy()
    values = rule.reindex(keys).to_numpy(np.float64)
    joined.insert(len(KEPT) + after, BASELINE + CITY_RULE, values)
    return joined
