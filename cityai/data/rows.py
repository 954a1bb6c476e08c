"""Rows: what is asked, and all that may be used to answer. One row is (entity, origin, step)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, AS_OF, ENTITY, KNOWN, ORIGIN, PERIOD, PERIOD_START, STEP
from cityai.config.load import Project
from cityai.config.project import ProjectSpec
from cityai.data.features.context import (
    Grid,
    describe_attributes,
    describe_calendar,
    describe_covariates,
    find_areas,
)
from cityai.data.features.history import History
from cityai.data.features.own import collect_features, load_functions
from cityai.data.features.past import describe_past, label_past
from cityai.data.features.plan import Feature, FeaturePlan, Floats, plan_features
from cityai.data.features.vintages import Vintage, find_states, replay_vintages
from cityai.errors import SpecError, suggest_name

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.data.snapshot import Snapshot

MATURE_AT = "mature_at"
"""Column: the first origin at which the row's label is final."""
LEVEL = "level"
"""Column: the entity's recent level at the origin, in the unit of the target, always positive."""
_RESERVED = (ORIGIN, AS_OF, ENTITY, STEP, PERIOD, PERIOD_START, MATURE_AT, LEVEL)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of some origins, with their features and without their targets.

    Attributes
    ----------
    table : pandas.DataFrame
        Sorted by (origin, entity_id, step): `origin` int64, `as_of` (moment), `entity_id`
        (category), `step` int16 from 1, `period` int64 and `period_start` of the target,
        `mature_at` int64 (the first origin at which the label is final), `level` float64
        (positive, unit of the target), then one column per feature: float32, or category.
    features : tuple of str
        The columns that a model may look at, `entity_id` among them when attributes are used.
    categorical : tuple of str
        Those of them that are categories.
    labels : dict of str to str
        What each feature is, for readers.
    """

    table: pd.DataFrame
    features: tuple[str, ...]
    categorical: tuple[str, ...]
    labels: dict[str, str]


def build_rows(
    panel: Panel,
    snapshot: Snapshot,
    project: Project,
    origins: Iterable[int],
    plan: FeaturePlan | None = None,
) -> Rows:
    """Build the rows of all entities that are asked about at the given origins.

    Features are computed from the snapshot's rows that were visible before each origin, and from
    nothing else; the panel gives the cohort, the time axis and who is asked about.

    Parameters
    ----------
    panel : Panel
        The cohort.
    snapshot : Snapshot
        What was known, and when.
    project : Project
        The question, and the project's own functions.
    origins : iterable of int
        Any of ``0 .. panel.periods.count``; the last has only targets in the future. Repeated ones
        count once.
    plan : FeaturePlan, optional
        The set of features, settled from the data when omitted.

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
    plan = plan or plan_features(panel, snapshot, project.spec)
    grid = _lay_grid(panel, snapshot, moments, plan)
    built = _describe_target(grid, snapshot, project, plan)
    features = _choose_features(
        (
            *built.features,
            *describe_calendar(grid, project.spec),
            *describe_attributes(grid, snapshot.attributes, plan, project.spec),
            *describe_covariates(grid, snapshot.covariates, plan, project.spec),
        ),
        project.spec,
    )
    return _assemble(grid, panel, built.level, features, project.spec)


@dataclass(frozen=True, slots=True, eq=False)
class _TargetFeatures:
    """Features of the target's past, and the level (origins, entities)."""

    level: Floats
    features: tuple[Feature, ...]


def _lay_grid(
    panel: Panel, snapshot: Snapshot, origins: npt.NDArray[np.int64], plan: FeaturePlan
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
        areas=find_areas(attributes, states, area_ids),
        area_ids=area_ids,
    )


def _describe_target(
    grid: Grid, snapshot: Snapshot, project: Project, plan: FeaturePlan
) -> _TargetFeatures:
    own = load_functions(project.own_features, project.spec.features.own)
    results: list[list[Floats]] = []
    pasts = []
    vintages = replay_vintages(
        snapshot.cells,
        grid.entity_ids,
        grid.periods.count,
        grid.origins.tolist(),
        gaps=plan.gaps,
        blind=plan.blind,
    )
    for i, vintage in enumerate(vintages):
        pasts.append(describe_past(vintage, grid.areas[i], plan))
        if own is not None:
            results.append(own.call(_cut_history(vintage, grid, snapshot, i, plan), {}))
    labels = label_past(plan)
    features = [
        *(
            Feature(name, labels[name], np.stack([past.flat[name] for past in pasts])[:, :, None])
            for name in pasts[0].flat
        ),
        *(
            Feature(name, labels[name], np.stack([past.stepped[name] for past in pasts]))
            for name in pasts[0].stepped
        ),
        *(() if own is None else collect_features(own, results)),
    ]
    level = np.stack([past.level for past in pasts])
    return _TargetFeatures(level, tuple(features))


def _cut_history(
    vintage: Vintage, grid: Grid, snapshot: Snapshot, i: int, plan: FeaturePlan
) -> History:
    """Make the history that the project's own functions see: copies, so nothing can be edited."""
    entities = pd.Index(grid.entity_ids, name=ENTITY)
    states = np.where(grid.states[i] < 0, len(snapshot.attributes), grid.states[i])
    recorded = snapshot.attributes.drop(columns=[ENTITY, KNOWN]).reset_index(drop=True)
    return History(
        as_of=grid.periods.start(vintage.origin),
        period=plan.period,
        values=pd.DataFrame(
            vintage.values.copy(), index=grid.periods.starts(vintage.origin), columns=entities
        ),
        entities=recorded.reindex(states).set_axis(entities),
    )


def _choose_features(features: tuple[Feature, ...], spec: ProjectSpec) -> tuple[Feature, ...]:
    names = [feature.name for feature in features]
    known = {*names, *((ENTITY,) if spec.features.attributes else ())}
    taken = {*_RESERVED, *(name for name in names if names.count(name) > 1)}
    if clash := sorted(taken.intersection(names)):
        raise SpecError(
            f"the feature name {', '.join(clash)} is already taken",
            where="features.own",
            next_step="give the function in features.py another name",
        )
    for where, given in (("exclude", spec.features.exclude), ("labels", spec.features.labels)):
        for name in given:
            if name not in known:
                raise SpecError(
                    f"'{name}' is not a feature of this project",
                    where=f"features.{where}",
                    expected=suggest_name(name, known),
                )
    return tuple(feature for feature in features if feature.name not in spec.features.exclude)


def _assemble(
    grid: Grid, panel: Panel, level: Floats, features: Sequence[Feature], spec: ProjectSpec
) -> Rows:
    """Write the grid's active cells out as one sorted table."""
    origin, entity = np.nonzero(panel.active[grid.origins])
    steps = grid.targets.shape[1]
    target = grid.targets[origin].ravel()
    table: dict[str, object] = {
        ORIGIN: np.repeat(grid.origins[origin], steps),
        AS_OF: np.repeat(_list_moments(panel, grid.origins)[origin], steps),
        ENTITY: _categorise(np.repeat(entity, steps), grid.entity_ids),
        STEP: np.tile(np.arange(1, steps + 1, dtype=np.int16), len(origin)),
        PERIOD: target,
        PERIOD_START: _list_moments(panel, target),
        MATURE_AT: target + 1 + panel.delay,
        LEVEL: np.repeat(level[origin, entity], steps),
    }
    shape = (len(grid.origins), len(grid.entity_ids), steps)
    for feature in features:
        values = np.broadcast_to(feature.values, shape)[origin, entity].ravel()
        table[feature.name] = (
            values.astype(np.float32)
            if feature.categories is None
            else _categorise(values.astype(np.int64), feature.categories)
        )
    me = (ENTITY,) if spec.features.attributes and ENTITY not in spec.features.exclude else ()
    labels = {feature.name: feature.label for feature in features}
    labels |= dict.fromkeys(me, spec.question.entity.label)
    return Rows(
        table=pd.DataFrame(table),
        features=(*me, *(feature.name for feature in features)),
        categorical=(*me, *(f.name for f in features if f.categories is not None)),
        labels={name: spec.features.labels.get(name, words) for name, words in labels.items()},
    )


def _list_moments(panel: Panel, index: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    starts = panel.periods.starts(int(index.max(initial=0)) + 1).to_numpy()
    moments: npt.NDArray[np.datetime64] = starts[index]
    return moments


def _categorise(codes: npt.NDArray[np.int64], categories: Sequence[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(categories), dtype="str"))
