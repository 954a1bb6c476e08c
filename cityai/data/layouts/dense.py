"""Dense rows: every entity that is asked about, at every origin, at every step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    ENTITY,
    KNOWN,
    KNOWN_AT,
    LEVEL,
    ORIGIN,
    PERIOD,
    PERIOD_START,
    STEP,
)
from cityai.config.load import Project
from cityai.config.project import ProjectSpec
from cityai.data.calendar import share_weekdays
from cityai.data.calendar_effects import estimate_factors
from cityai.data.features.as_of_join import find_positions, find_states
from cityai.data.features.context import describe_attribute, describe_calendar
from cityai.data.features.covariates import Grid, describe_covariates
from cityai.data.features.history import History
from cityai.data.features.own import OwnFeatures
from cityai.data.features.plan import DensePlan, plan_dense
from cityai.data.features.series import describe_series, label_series
from cityai.data.features.vintages import Vintages, replay_vintages
from cityai.data.leaks import Labels
from cityai.data.periods import MONTH
from cityai.data.rows import (
    Choose,
    Feature,
    Floats,
    Ints,
    Moments,
    Rows,
    RowsAt,
    Singles,
    categorise,
    choose_features,
    write_rows,
)
from cityai.i18n.messages import name_periods, say
from cityai.records.events import Events, cut_events

if TYPE_CHECKING:
    from cityai.data.panel import Panel

AT_ONCE: Final = 32_768
"""Cells (origins times entities) that are described at once: what a processor holds near by."""
_KEYS = (ORIGIN, AS_OF, ENTITY, STEP, PERIOD, PERIOD_START, KNOWN_AT, LEVEL)


def lay_dense(panel: Panel, snapshot: Events, project: Project) -> RowsAt:
    """Return the function from moments to dense rows; the features are planned once."""
    plan = cache(lambda: plan_dense(panel, snapshot, project.spec))

    def rows_at(
        moments: Moments | None = None,
        known_before: pd.Timestamp | None = None,
        choose: Choose | None = None,
    ) -> Rows:
        asked = pd.DatetimeIndex(list(panel.moments if moments is None else moments))
        origins = panel.periods.index(asked).tolist()
        if known_before is None:
            return build_rows(panel, snapshot, project, origins, plan(), choose)
        blind, nothing = np.full_like(panel.final, np.nan), panel.parts.pick(slice(0))
        past = replace(panel, final=blind, parts=nothing, held=())
        seen = cut_events(snapshot, known_before)
        return build_rows(past, seen, project, origins, plan(), choose)

    return rows_at


def label_dense(rows: Rows, panel: Panel) -> Labels:
    """Return the final amounts of dense rows, with what usually tells them, for `check_leaks`."""
    table = rows.table
    origin, period = table[ORIGIN].to_numpy(np.int64), table[PERIOD].to_numpy(np.int64)
    entity = table[ENTITY].cat.codes.to_numpy()
    final = np.vstack([panel.final, np.full((1, len(panel.entity_ids)), np.nan)])
    count, season = panel.periods.count, panel.periods.season
    at = np.where(np.isnan(panel.final), 0, np.arange(count)[:, None])
    filled = np.take_along_axis(panel.final, np.maximum.accumulate(at), axis=0)
    is_final = (period + 1 + panel.delay <= count) & (origin > 0)
    latest = filled[origin - 1, entity]
    same = period + (origin - 1 - period) // season * season
    before = np.where(same >= 0, filled[np.maximum(same, 0), entity], np.nan)
    before = np.where(np.isnan(before), latest, before)
    values = np.where(is_final, final[np.minimum(period, count), entity], np.nan)
    return Labels(values, np.column_stack([latest, before, table[LEVEL].to_numpy(np.float64)]))


def build_rows(
    panel: Panel,
    snapshot: Events,
    project: Project,
    origins: Iterable[int],
    plan: DensePlan | None = None,
    choose: Choose | None = None,
) -> Rows:
    """Build the rows of all entities that are asked about at the given origins.

    Features are computed from the snapshot's rows that were visible before each origin, and from
    nothing else; the panel gives the cohort, the time axis and who is asked about.

    Parameters
    ----------
    panel : Panel
        The cohort.
    snapshot : Events
        What was known, and when.
    project : Project
        The question, and the project's own functions.
    origins : iterable of int
        Any of ``0 .. panel.periods.count``; the last has only targets in the future. Repeated ones
        count once.
    plan : DensePlan, optional
        The set of features, settled from the data when omitted.
    choose : callable, optional
        Which rows are written, as in `RowsAt`; all when omitted.

    Raises
    ------
    ValueError
        When there is no origin, or one lies off the time axis.
    SpecError
        When the specification names a feature that does not exist.
    DataError
        When one of the project's own functions fails.
    """
    moments = np.unique(np.fromiter(origins, dtype=np.int64))
    count = panel.periods.count
    if not moments.size or moments[0] < 0 or moments[-1] > count:
        raise ValueError(f"there must be origins, and they must lie between 0 and {count}")
    plan = plan or plan_dense(panel, snapshot, project.spec)
    grid = _lay_grid(panel, snapshot, moments, plan)
    level, past = _describe_target(grid, snapshot, project, plan, panel.delay)
    rules = project.spec.features
    features = choose_features(
        (
            *past,
            Feature(
                "steps_ahead",
                say("{period} ahead", period=name_periods(grid.periods.freq)),
                np.arange(1.0, plan.question.horizon + 1),
            ),
            *describe_calendar(grid.periods, grid.targets[:, None, :], project.spec),
            *_describe_attributes(grid, snapshot.attributes, plan, project.spec),
            *describe_covariates(grid, snapshot.covariates, project.spec.covariates),
        ),
        rules,
        reserved=_KEYS,
        known=(ENTITY,) if rules.attributes else (),
    )
    return _assemble(grid, panel, level, features, project.spec, choose)


def _lay_grid(
    panel: Panel, snapshot: Events, origins: npt.NDArray[np.int64], plan: DensePlan
) -> Grid:
    attributes = snapshot.attributes
    states = find_states(attributes, panel.entity_ids, origins.tolist())
    named = set(attributes[AREA].dropna()) if AREA in attributes.columns else set()
    area_ids = tuple(sorted(named))
    return Grid(
        periods=panel.periods,
        entity_ids=panel.entity_ids,
        origins=origins,
        targets=plan.targets(0)[None, :] + origins[:, None],
        states=states,
        areas=_find_areas(attributes, states, area_ids),
        area_ids=area_ids,
        window=plan.windows[0],
    )


def _find_areas(attributes: pd.DataFrame, states: Ints, area_ids: tuple[str, ...]) -> Ints:
    """Return the code of each entity's area at each origin, -1 when not recorded."""
    if AREA not in attributes.columns:
        return np.broadcast_to(np.int64(-1), states.shape)
    return np.append(find_positions(attributes[AREA], area_ids), -1)[states]


def _describe_target(
    grid: Grid, snapshot: Events, project: Project, plan: DensePlan, delay: int
) -> tuple[Floats, list[Feature]]:
    """Return the level (origins, entities, steps or 1), and the features of the target's past.

    The level of a month is that of its weekdays: which of them it has five of, trees would have to
    learn from one month in many.
    """
    shape = (len(grid.origins), len(grid.entity_ids))
    own = OwnFeatures(project, (*shape, 1))
    weekdays = _count_weekdays(grid, project.spec)
    steps = 1 if weekdays is None else grid.targets.shape[1]
    level, by_weekdays = np.empty(shape), np.ones((shape[0], 1, steps))
    labels = label_series(plan)
    # Memory that is not written to costs nothing.
    room = iter(np.empty((len(labels), *shape, 1), dtype=np.float32))
    past: dict[str, Singles] = {}
    few, done = max(AT_ONCE // max(shape[1], 1), 1), 0
    for vintages in replay_vintages(
        snapshot.table,
        grid.entity_ids,
        grid.periods.count,
        grid.origins.tolist(),
        gaps=plan.gaps,
        blind=plan.blind,
    ):
        count = len(vintages.origins)
        for start in range(0, count, few):
            some = vintages.cut(start, start + few)
            part = slice(done + start, done + start + len(some.origins))
            level[part], found = describe_series(some, grid.areas[part], plan)
            for name, each in found:
                if name not in past:
                    more = np.empty((*shape, len(each)), dtype=np.float32)
                    past[name] = next(room) if len(each) == 1 else more
                for step, values in enumerate(each):
                    past[name][part, :, step] = values
        if weekdays is not None:
            targets = grid.targets[done : done + count]
            by_weekdays[done : done + count, 0] = _weigh_months(vintages, targets, weekdays, delay)
        for i in range(count if own.functions else 0):
            history = _cut_history(vintages.read_past(i), grid, snapshot, done + i)
            own.ask((done + i, slice(None), 0), history)
        done += count
    features = [Feature(name, labels[name], values) for name, values in past.items()]
    return level[:, :, None] * by_weekdays, [*features, *own.collect()]


def _weigh_months(vintages: Vintages, targets: Ints, weekdays: Floats, delay: int) -> Floats:
    """Return the factors of the months asked about, by what was mature at each origin."""
    found = np.empty(targets.shape)
    for i, origin in enumerate(vintages.origins.tolist()):
        mature = vintages.read_past(i)[: max(origin - delay, 0)]
        found[i] = estimate_factors(mature, weekdays)[targets[i]]
    return found


def _count_weekdays(grid: Grid, spec: ProjectSpec) -> Floats | None:
    """Return the weekdays of each month; None of other periods, or without a calendar."""
    if grid.periods.freq != MONTH or not spec.features.calendar:
        return None
    last = max(int(grid.targets.max(initial=0)) + 1, grid.periods.count)
    return share_weekdays(grid.periods, last)


def _describe_attributes(
    grid: Grid, attributes: pd.DataFrame, plan: DensePlan, spec: ProjectSpec
) -> Iterator[Feature]:
    """Yield the entities' attributes as they were recorded at each origin."""
    declared = spec.data.columns
    for name in map(str, attributes.columns if spec.features.attributes else ()):
        if name in (ENTITY, KNOWN) or (name == AREA and "area" not in plan.levels):
            continue
        label = declared[name].label if name in declared and declared[name].label else name
        title, words = (AREA, "area") if name == AREA else (f"attribute.{name}", label)
        states = grid.states[:, :, None]
        yield describe_attribute(title, words, attributes[name], plan.categories.get(name), states)


def _cut_history(past: Floats, grid: Grid, snapshot: Events, i: int) -> History:
    """Make the history that the project's own functions see: copies, so nothing can be edited."""
    entities = pd.Index(grid.entity_ids, name=ENTITY)
    states = np.where(grid.states[i] < 0, len(snapshot.attributes), grid.states[i])
    recorded = snapshot.attributes.drop(columns=[ENTITY, KNOWN]).reset_index(drop=True)
    origin = int(grid.origins[i])
    return History(
        as_of=grid.periods.start(origin),
        period=grid.periods.freq,
        values=pd.DataFrame(past, index=grid.periods.starts(origin), columns=entities),
        entities=recorded.reindex(states).set_axis(entities),
    )


def _assemble(
    grid: Grid,
    panel: Panel,
    level: Floats,
    features: Sequence[Feature],
    spec: ProjectSpec,
    choose: Choose | None,
) -> Rows:
    """Write the grid's active cells out as one sorted table."""
    active = panel.active[grid.origins]
    count, cells = active.sum(axis=1), _find_cells(active)
    steps, code = grid.targets.shape[1], np.min_scalar_type(-len(grid.entity_ids))
    entity = np.broadcast_to(np.arange(len(grid.entity_ids), dtype=code), active.shape)

    target = grid.targets
    moments = [_list_moments(panel, at) for at in (grid.origins, target, target + 1 + panel.delay)]
    # What is the same of all entities, in one piece.
    found = (grid.origins, target, *(each.view(np.int64) for each in moments))
    alike = np.stack([np.broadcast_to(each.reshape(len(each), -1), target.shape) for each in found])
    origin, period, *held = np.repeat(alike, count, axis=1).reshape(len(alike), -1)
    as_of, start, known_at = (each.view("datetime64[us]") for each in held)
    levels = _pick(level, count, cells, active.shape)
    keys: dict[str, Any] = {
        ORIGIN: origin,
        AS_OF: as_of,
        ENTITY: categorise(_spread(entity, cells, steps), grid.entity_ids),
        STEP: np.tile(np.arange(1, steps + 1, dtype=np.int16), int(count.sum())),
        PERIOD: period,
        PERIOD_START: start,
        KNOWN_AT: known_at,
        LEVEL: np.broadcast_to(levels, (len(levels), steps)).ravel(),
    }
    chosen = None if choose is None else choose(Rows(pd.DataFrame(keys, copy=False), (), (), {}))
    keys = keys if chosen is None else {name: column[chosen] for name, column in keys.items()}
    written = [
        (f, _take(_pick(f.values, count, cells, active.shape), chosen, steps)) for f in features
    ]
    me = spec.features.attributes and ENTITY not in spec.features.exclude
    also = {ENTITY: spec.question.entity.label} if me else {}
    return write_rows(keys, written, spec.features, also)


def _find_cells(active: npt.NDArray[np.bool_]) -> slice | Ints:
    """Find the active cells, as a slice where they follow each other: nothing is copied then."""
    flat = active.reshape(-1)
    count, first = np.count_nonzero(flat), int(flat.argmax()) if flat.size else 0
    if flat[first : first + count].all():
        return slice(first, first + count)
    return np.flatnonzero(flat)


def _spread(values: npt.NDArray[Any], cells: slice | Ints, steps: int) -> npt.NDArray[Any]:
    """Return the active cells of (origins, entities), once a step."""
    found = values.reshape(-1)[cells]
    return found if steps == 1 else np.repeat(found, steps)


def _pick(
    values: npt.NDArray[np.generic], count: Ints, cells: slice | Ints, shape: tuple[int, ...]
) -> npt.NDArray[np.generic]:
    """Return the active cells of a feature, (cells, steps or 1), in the order of the rows."""
    whole = np.broadcast_to(values, (*shape, values.shape[-1]))
    if whole.strides[1] == 0:  # the same of all entities
        return np.repeat(whole[:, 0], count, axis=0)
    return whole.reshape(-1, values.shape[-1])[cells]


def _take(
    values: npt.NDArray[np.generic], chosen: Ints | None, steps: int
) -> npt.NDArray[np.generic]:
    """Return some rows of a feature's (cells, steps or 1), or all."""
    if chosen is None:
        return values
    cell, step = np.divmod(chosen, steps)
    return values[cell, np.minimum(step, values.shape[1] - 1)]


def _list_moments(panel: Panel, index: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    starts = panel.periods.starts(int(index.max(initial=0)) + 1).to_numpy()
    return starts[index]
