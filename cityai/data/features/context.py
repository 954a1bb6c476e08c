"""Features that do not come from the target: calendar, attributes, other tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, NOT_RECORDED, PERIOD
from cityai.config.project import CovariateSpec, ProjectSpec
from cityai.data.calendar import CALENDAR, build_calendar
from cityai.data.features.past import find_latest
from cityai.data.features.plan import FeaturePlan
from cityai.data.features.vintages import find_positions, replay_table
from cityai.data.periods import Periods
from cityai.data.rows import Feature, Floats, Ints
from cityai.errors import DataError
from cityai.i18n.messages import count_periods, name_periods, say


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


def describe_calendar(grid: Grid, spec: ProjectSpec) -> tuple[Feature, ...]:
    """Describe the target periods by the city's calendar, and by how far ahead they lie."""
    plural = say(f"{name_periods(spec.question.period)} ahead")
    steps = np.arange(1, grid.targets.shape[1] + 1, dtype=np.float64)[None, None, :]
    ahead = Feature("steps_ahead", plural, steps)
    if not spec.features.calendar:
        return (ahead,)
    labels = CALENDAR[spec.question.period]
    last = int(grid.targets.max()) + 1
    table = build_calendar(grid.periods, last, spec.city.country, spec.city.subdivision)
    return (
        ahead,
        *(
            Feature(name, label, table[name].to_numpy(np.float64)[grid.targets][:, None, :])
            for name, label in labels.items()
        ),
    )


def describe_attributes(
    grid: Grid, attributes: pd.DataFrame, plan: FeaturePlan, spec: ProjectSpec
) -> tuple[Feature, ...]:
    """Describe the entities as they were recorded at each origin.

    A text becomes a category, `not recorded` when it is missing or not known yet; a number stays a
    number, NaN when it is missing.
    """
    if not spec.features.attributes:
        return ()
    wanted = [str(name) for name in attributes.columns if name not in (ENTITY, KNOWN)]
    if "area" not in plan.levels and AREA in wanted:
        wanted.remove(AREA)
    declared = spec.data.columns
    features: list[Feature] = []
    for name in wanted:
        label = declared[name].label if name in declared and declared[name].label else name
        title, words = (AREA, "area") if name == AREA else (f"attribute.{name}", label)
        if name in plan.categories:
            values = _code_texts(attributes[name], plan.categories[name], grid.states)
            features.append(Feature(title, words, values, plan.categories[name]))
        else:
            column = np.append(attributes[name].to_numpy(np.float64), np.nan)
            features.append(Feature(title, words, column[grid.states][:, :, None]))
    return tuple(features)


def describe_covariates(
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
                features.append(Feature(title, say(f"{words} in the target period"), values))
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


def _code_texts(column: pd.Series, categories: tuple[str, ...], states: Ints) -> Ints:
    texts = column.astype("object").where(column.notna(), NOT_RECORDED).astype(str)
    unknown = len(categories) - 1
    codes = np.append(find_positions(texts, categories), unknown)
    if (codes < 0).any():
        strange = sorted(set(texts[codes[:-1] < 0]))
        raise DataError(
            f"the attribute '{column.name}' has values that the plan of features does not know: "
            + ", ".join(strange[:5])
        )
    coded: Ints = codes[states][:, :, None]
    return coded


def _look_ahead(grid: Grid, table: pd.DataFrame, column: str, covariate: CovariateSpec) -> Floats:
    join = _join(grid, table, covariate)
    keys, n_keys, position = join.keys, join.n_keys, join.position
    last = int(grid.targets.max()) + 1
    period = table[PERIOD].to_numpy(np.int64)
    kept = (period >= 0) & (period < last) & (keys >= 0)
    values = np.full((last, n_keys + 1), np.nan)
    values[period[kept], keys[kept]] = table[column].to_numpy(np.float64)[kept]
    found: Floats = values[grid.targets[:, None, :], position[:, :, None]]
    return found


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
        Feature(title, say(f"{words}, latest known"), latest[rows, position][:, :, None]),
        Feature(
            f"{title}_mean_{window}",
            say(f"{words}, mean of the last {span}"),
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
