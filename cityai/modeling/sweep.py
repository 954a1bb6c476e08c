"""The sweep: every model asked once at every origin, knowing only what was known then.

One pass serves everything that follows. A test fold's weights and intervals come from the
out-of-sample forecasts of earlier origins, so nothing is refitted inside a fold.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
from cityai.modeling.estimators import Trees, fit_trees, list_categories, predict_trees
from cityai.modeling.forecasters import (
    Candidate,
    FloatArray,
    SeriesModel,
    TreesModel,
    ask_panel,
)
from cityai.modeling.intervals import IntArray

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.data.rows import Rows
    from cityai.spec.project import ProjectSpec

KEPT = (ORIGIN, AS_OF, ENTITY, STEP, PERIOD, PERIOD_START)
CITY_RULE = "city_rule"
LEAST_ORIGINS = 24
"""Training origins at least, however many rows one of them has."""

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
    trees : dict of (str, int) to Trees
        What was trained, by candidate and origin.
    seconds : dict of str to float
        Wall-clock seconds of each model over all origins, and of ``rows``.
    """

    table: pd.DataFrame
    entity: IntArray
    trees: dict[tuple[str, int], Trees]
    seconds: dict[str, float]


@dataclass(slots=True)
class _Clock:
    """Adds up wall-clock seconds by name."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def start(self) -> None:
        self._since = time.perf_counter()

    def stop(self, name: str) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - self._since


def sweep_origins(
    panel: Panel,
    rows_for: RowsFor,
    origins: Sequence[int],
    spec: ProjectSpec,
    *,
    baselines: Sequence[SeriesModel],
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
    clock = _Clock()
    trees_models = [c for c in candidates if isinstance(c, TreesModel)]
    learning = plan_training(panel, spec, origins[-1], trees_models)
    clock.start()
    rows = rows_for(sorted({*origins, *learning}))
    clock.stop("rows")
    categories = list_categories(rows.table, rows.categorical)
    entity = _find_entities(rows.table, panel)
    origin_of = rows.table[ORIGIN].to_numpy(np.int64)
    trees: dict[tuple[str, int], Trees] = {}
    columns: dict[str, FloatArray] = {}
    for place, origin in enumerate(origins, start=1):
        if progress is not None:
            progress(f"origin {place} of {len(origins)}, {panel.periods.start(origin):%Y-%m-%d}")
        here = np.flatnonzero(origin_of == origin)
        asked = ask_panel(panel, origin, horizon=spec.question.horizon, lead=spec.question.lead)
        steps = rows.table[STEP].to_numpy(np.int64)[here] - 1
        for model, prefix in _name_columns(baselines, candidates):
            clock.start()
            if isinstance(model, SeriesModel):
                values = model.forecast(asked)[steps, entity[here]]
            else:
                trained = _train(model, rows, entity, categories, panel, origin, learning, spec)
                values = np.full(len(here), np.nan)
                if trained is not None:
                    trees[model.name, origin] = trained
                    values = predict_trees(trained, rows.table.iloc[here])
                    values = np.maximum(values, 0.0) if is_nonnegative(asked.history) else values
            clock.stop(model.name)
            column = prefix + model.name
            columns.setdefault(column, np.full(len(rows.table), np.nan))[here] = values
    asked_rows = np.flatnonzero(np.isin(origin_of, list(origins)))
    table = rows.table[list(KEPT)].assign(**columns).iloc[asked_rows].reset_index(drop=True)
    table[ENTITY] = table[ENTITY].astype("str")
    if city_rule is not None:
        table = _join_rule(table, city_rule, len(baselines))
    return Sweep(table, entity[asked_rows], trees, clock.seconds)


def plan_training(
    panel: Panel, spec: ProjectSpec, last: int, models: Sequence[TreesModel]
) -> tuple[int, ...]:
    """Choose the origins whose rows the trees learn from, shared by all folds.

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
    count = max(max(m.most_rows for m in models) // each, LEAST_ORIGINS)
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


def _train(
    model: TreesModel,
    rows: Rows,
    entity: IntArray,
    categories: dict[str, tuple[str, ...]],
    panel: Panel,
    origin: int,
    learning: Sequence[int],
    spec: ProjectSpec,
) -> Trees | None:
    """Train on the rows of earlier origins whose labels are mature; None without any."""
    origin_of = rows.table[ORIGIN].to_numpy(np.int64)
    period = rows.table[PERIOD].to_numpy(np.int64)
    usable = np.isin(origin_of, list(learning)) & (period < panel.mature_until(origin))
    chosen = np.flatnonzero(usable & (origin_of < origin))
    labels = read_labels(panel, origin, period[chosen], entity[chosen])
    chosen, labels = chosen[~np.isnan(labels)], labels[~np.isnan(labels)]
    if len(chosen) > model.most_rows:
        generator = np.random.default_rng(spec.models.seed)
        kept = np.sort(generator.choice(len(chosen), model.most_rows, replace=False))
        chosen, labels = chosen[kept], labels[kept]
    if len(chosen) < 2 * model.least_rows:
        return None
    return fit_trees(
        model,
        rows.table.iloc[chosen],
        labels,
        features=rows.features,
        categories=categories,
        seed=spec.models.seed,
        threads=spec.models.threads,
    )


def _name_columns(
    baselines: Sequence[SeriesModel], candidates: Sequence[Candidate]
) -> list[tuple[Candidate, str]]:
    return [*((b, BASELINE) for b in baselines), *((c, CANDIDATE) for c in candidates)]


def _find_entities(table: pd.DataFrame, panel: Panel) -> IntArray:
    index = pd.Index(panel.entity_ids)
    return np.asarray(index.get_indexer(table[ENTITY].astype("str")), dtype=np.int64)


def _join_rule(table: pd.DataFrame, city_rule: pd.DataFrame, after: int) -> pd.DataFrame:
    """Put the city's own forecasts beside the other baselines."""
    rule = city_rule.set_index([ENTITY, PERIOD])[VALUE]
    keys = pd.MultiIndex.from_frame(table[[ENTITY, PERIOD]])
    joined = table.copy()
    values = rule.reindex(keys).to_numpy(np.float64)
    joined.insert(len(KEPT) + after, BASELINE + CITY_RULE, values)
    return joined
