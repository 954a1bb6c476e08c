"""Covariates: other tables, as known at the moment, or known ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AREA, AS_OF, DAY, ENTITY, KEY, KNOWN, KNOWN_AT, OCCURRED_AT, PERIOD
from cityai.config.project import CovariateSpec, ProjectSpec
from cityai.config.risk import RiskSpec
from cityai.data.features.as_of_join import (
    divide,
    find_groups,
    look_back,
    look_up,
    order_past,
    read_moments,
    sum_seen,
    take_last,
)
from cityai.data.features.events import DAY_US
from cityai.data.features.past import find_latest
from cityai.data.features.plan import FeaturePlan
from cityai.data.features.vintages import find_positions, replay_table
from cityai.data.periods import Periods
from cityai.data.rows import Feature, Floats, Ints
from cityai.i18n.messages import count_periods, say
from cityai.records.events import Events

RECENT_DAYS: Final = 3
"""Latest known days whose mean is a feature."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The grid that features are computed on.

    Attributes
    ----------
    periods : Periods
        The time axis.
    entity_ids : tuple of str
        The cohort.
    origins : numpy.ndarray
        (origins,) int64, ascending.
    targets : numpy.ndarray
        (origins, steps) int64 target periods.
    states : numpy.ndarray
        (origins, entities) int64, row of the attributes in force; -1 when none.
    areas : numpy.ndarray
        (origins, entities) int64 codes into `area_ids`; -1 when not recorded.
    area_ids : tuple of str
        Sorted.
    """

    periods: Periods
    entity_ids: tuple[str, ...]
    origins: Ints
    targets: Ints
    states: Ints
    areas: Ints
    area_ids: tuple[str, ...]


def describe_dense(
    grid: Grid, tables: Mapping[str, pd.DataFrame], plan: FeaturePlan, spec: ProjectSpec
) -> tuple[Feature, ...]:
    """Describe the other tables: ahead ones by the target period, the rest by their past."""
    features: list[Feature] = []
    for name, covariate in sorted(spec.covariates.items()):
        table = tables[name]
        for column in covariate.columns:
            if column not in table.columns:
                continue
            words = covariate.columns[column].label or f"{column} ({name})"
            title = f"{name}.{column}"
            if covariate.known == "ahead":
                values = _look_ahead(grid, table, column, covariate)
                features.append(
                    Feature(title, say("{words} in the target period", words=words), values)
                )
            else:
                features += _look_back(grid, table, column, covariate, plan, (title, words))
    return tuple(features)


def find_areas(attributes: pd.DataFrame, states: Ints, area_ids: tuple[str, ...]) -> Ints:
    """Return the code of each entity's area at each origin, -1 when not recorded; int64."""
    if AREA not in attributes.columns:
        return np.full(states.shape, -1, dtype=np.int64)
    codes = np.append(find_positions(attributes[AREA], area_ids), -1)
    areas: Ints = codes[states]
    return areas


def _look_ahead(grid: Grid, table: pd.DataFrame, column: str, covariate: CovariateSpec) -> Floats:
    join = _join(grid, table, covariate)
    period, values = table[PERIOD].to_numpy(np.int64), table[column].to_numpy(np.float64)
    asked = join.position[:, :, None]
    return look_up(join.keys, period, values, asked, grid.targets[:, None, :])


def _look_back(
    grid: Grid,
    table: pd.DataFrame,
    column: str,
    covariate: CovariateSpec,
    plan: FeaturePlan,
    naming: tuple[str, str],
) -> list[Feature]:
    join = _join(grid, table, covariate)
    keys, n_keys, position = join.keys, join.n_keys, join.position
    period = table[PERIOD].to_numpy(np.int64)
    window = plan.choice.windows[0]
    kept = (period >= 0) & (period < grid.periods.count) & (keys >= 0)
    replayed = replay_table(
        keys[kept],
        period[kept],
        table[KNOWN].to_numpy(np.int64)[kept],
        table[column].to_numpy(np.float64)[kept],
        (grid.periods.count, n_keys + 1),
        grid.origins,
    )
    latest, mean = np.full((2, len(grid.origins), n_keys + 1), np.nan)
    for i, past in enumerate(replayed):
        latest[i] = find_latest(past)
        recent = past[-window:]
        present = ~np.isnan(recent)
        total, count = np.where(present, recent, 0.0).sum(axis=0), present.sum(axis=0)
        np.divide(total, count, out=mean[i], where=count > 0)
    title, words = naming
    rows = np.arange(len(grid.origins))[:, None]
    span = count_periods(window, plan.period)
    return [
        Feature(
            title, say("{words}, latest known", words=words), latest[rows, position][:, :, None]
        ),
        Feature(
            f"{title}_mean_{window}",
            say("{words}, mean of the last {span}", words=words, span=span),
            mean[rows, position][:, :, None],
        ),
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Join:
    """How the rows of a table meet the grid: a key's code per row, and per (origin, entity)."""

    keys: Ints
    n_keys: int
    position: Ints


def _join(grid: Grid, table: pd.DataFrame, covariate: CovariateSpec) -> _Join:
    shape = (len(grid.origins), len(grid.entity_ids))
    if covariate.by == "city":
        return _Join(np.zeros(len(table), dtype=np.int64), 1, np.zeros((shape[0], 1), np.int64))
    column = ENTITY if covariate.by == "entity" else AREA
    names = grid.entity_ids if covariate.by == "entity" else grid.area_ids
    own = np.broadcast_to(np.arange(shape[1]), shape) if covariate.by == "entity" else grid.areas
    # The column after the last key stays empty: it answers for entities without an area.
    return _Join(
        find_positions(table[column], names), len(names), np.where(own < 0, len(names), own)
    )


def describe_listed(cases: Events, spec: RiskSpec) -> Iterator[Feature]:
    """Yield what was last known of every covariate, or what is known ahead of the case's day."""
    for name, covariate in spec.covariates.items():
        daily = cases.covariates[name]
        columns = [str(c) for c in daily.columns if c not in (KEY, DAY, KNOWN_AT)]
        column = {"entity": ENTITY, "area": AREA}.get(covariate.by)
        table = cases.table
        of_case = pd.Series("", index=table.index) if column is None else table[column]
        group, asked = find_groups(daily[KEY], of_case)
        for c in columns:
            declared = covariate.columns[c].label or f"{name} {c}".replace("_", " ")
            values = daily[c].to_numpy(np.float64)
            if covariate.known == "ahead":
                day = table[OCCURRED_AT].dt.normalize()
                found = look_up(group, read_moments(daily[DAY]), values, asked, read_moments(day))
                yield Feature(
                    f"{name}.{c}", say("{declared}, on its day", declared=declared), found
                )
                continue
            for days in (1, RECENT_DAYS):
                mean = _mean_latest(daily, group, values, asked, table, days)
                said = (
                    say("on the last day known")
                    if days == 1
                    else say("mean of the last {days} days", days=days)
                )
                suffix = "" if days == 1 else f"_{days}d"
                yield Feature(f"{name}.{c}{suffix}", (declared + ", " + said), mean)


def _mean_latest(
    daily: pd.DataFrame, group: Ints, values: Floats, asked: Ints, table: pd.DataFrame, days: int
) -> Floats:
    """Mean of the known values among the latest days; the last one when it is one day."""
    past = order_past(group, read_moments(daily[KNOWN_AT]), read_moments(daily[DAY]))
    moment = read_moments(table[AS_OF])
    whole = look_back(past, asked, moment)
    if days == 1:
        return take_last(past, whole, values)
    recent = look_back(past, asked, moment, moment - days * DAY_US)
    filled = (~np.isnan(values)).astype(np.float64)
    total, count = (sum_seen(past, recent, whole, v) for v in (values, filled))
    return divide(total, count)
