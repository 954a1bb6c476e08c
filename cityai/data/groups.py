"""Groups: how much of each entity belongs to which group of residents or places."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY, NOT_RECORDED
from cityai.config.project import DimensionSpec, ProjectSpec
from cityai.data.bands import cut_numbers, join_smaller
from cityai.data.resident_shares import read_number, share_residents
from cityai.errors import DataError, SpecError, suggest_name
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.data.snapshot import Snapshot

CAVEAT = say(
    "Shares of the residents of whole areas: the figure is what the average resident of the group "
    "experiences if all residents of an area fare alike; it says nothing about single persons."
)
MOST_GROUPS = 200
"""A column with more values than this holds no categories."""

Kind = Literal["hard", "soft", "bands"]


@dataclass(frozen=True, slots=True)
class Membership:
    """One dimension: the part of each entity in each group.

    Attributes
    ----------
    dimension, label : str
        Its name in the project, and for readers.
    kind : {"hard", "soft", "bands"}
        Categories of entities, shares of an area's residents, or quantile bands of areas.
    groups : tuple of str
        In the order shown; "not recorded" last, when some entity is (partly) unknown.
    weights : pandas.DataFrame
        Index `entity_id` (sorted), columns `groups`, float64 in [0, 1]; each row adds up to 1.
    residents : dict of str to float
        Residents of the whole area table by group, where known.
    reference : str
        "overall", "best", or one of `groups`.
    cuts : tuple of float
        Upper bounds of the bands but the last: a value at a cut lies below it.
    caveat : str
        What a reader must know, for soft groups.
    places : bool
        Whether each group is a place, that other tables show by itself too.
    """

    dimension: str
    label: str
    kind: Kind
    groups: tuple[str, ...]
    weights: pd.DataFrame
    residents: dict[str, float]
    reference: str
    cuts: tuple[float, ...]
    caveat: str
    places: bool = False


def build_memberships(snapshot: Snapshot, spec: ProjectSpec) -> tuple[Membership, ...]:
    """Build the membership of every dimension that the project declares.

    Parameters
    ----------
    snapshot : Snapshot
        Its `cells` name the entities, `attributes` describe them (the value known last counts),
        `areas` describe where they lie.
    spec : ProjectSpec
        The project.

    Returns
    -------
    tuple of Membership
        In the order declared.

    Raises
    ------
    SpecError
        When a dimension names a column, an attribute or a reference group that does not exist.
    DataError
        When shares do not add up, or bands cannot be cut.
    """
    entities = pd.Index(sorted(snapshot.cells[ENTITY].astype(str).unique()), name=ENTITY)
    latest = _find_latest(snapshot.attributes, entities)
    area_column = spec.question.entity.area
    return tuple(
        build_membership(name, dimension, entities, latest, snapshot.areas, area_column)
        for name, dimension in spec.audit.dimensions.items()
    )


def _find_latest(attributes: pd.DataFrame, entities: pd.Index) -> pd.DataFrame:
    if ENTITY not in attributes:
        return pd.DataFrame(index=entities)
    ordered = attributes.sort_values([ENTITY, "known"], kind="stable")
    latest = ordered.drop_duplicates(ENTITY, keep="last").drop(columns="known")
    latest[ENTITY] = latest[ENTITY].astype(str)
    return latest.set_index(ENTITY).reindex(entities)


def build_membership(
    name: str,
    dimension: DimensionSpec,
    entities: pd.Index,
    latest: pd.DataFrame,
    areas: pd.DataFrame | None,
    area_column: str | None = None,
) -> Membership:
    """Build the membership of one dimension.

    Parameters
    ----------
    name : str
        The dimension.
    dimension : DimensionSpec
        How it divides.
    entities : pandas.Index
        What is divided: entities, or parts of them where a row's own column says the group.
    latest : pandas.DataFrame
        Indexed by `entities`: their attributes, and `area_id` where they lie in areas.
    areas : pandas.DataFrame or None
        The area table.
    area_column : str, optional
        What the project calls the area; an attribute of that name is the area.

    Raises
    ------
    SpecError, DataError
        As `build_memberships`.
    """
    where = f"audit.dimensions.{name}"
    kind: Kind
    cuts: tuple[float, ...] = ()
    if dimension.attribute is not None:
        kind = "hard"
        latest = _cut_attribute(dimension, latest)
        weights, residents = _divide_by_attribute(
            dimension.attribute, entities, latest, areas, area_column, where
        )
        weights, residents = join_smaller(dimension, weights, residents)
    else:
        table = _need_areas(areas, where)
        place = _find_places(latest, entities, table, where)
        if dimension.area_column is not None:
            kind = "hard"
            of_area = _read_categories(dimension.area_column, table, where)
        elif dimension.shares is not None:
            kind = "soft"
            of_area = share_residents(dimension, table, where)
        else:
            kind = "bands"
            of_area, cuts = _cut_bands(dimension, table, place, where)
        weights = _spread_areas(of_area, place)
        residents = _count_residents(of_area, table)
        weights, residents = join_smaller(dimension, weights, residents)
    if dimension.population is not None:
        residents = {_clean_label(g) or NOT_RECORDED: n for g, n in dimension.population.items()}
    if dimension.cuts is not None:
        weights = weights[[n for n in (*dimension.band_names, NOT_RECORDED) if n in weights]]
    groups = tuple(str(c) for c in weights.columns)
    _check_reference(dimension.reference, groups, where)
    caveat = CAVEAT if kind == "soft" else ""
    places = dimension.attribute in ("entity", "area", area_column) and kind == "hard"
    return Membership(
        *(name, dimension.label, kind, groups, weights, residents),
        *(dimension.reference, cuts, caveat, places),
    )


def _cut_attribute(dimension: DimensionSpec, latest: pd.DataFrame) -> pd.DataFrame:
    if dimension.cuts is None or dimension.attribute not in latest:
        return latest
    named = cut_numbers(latest[dimension.attribute], dimension.cuts, dimension.band_names)
    return latest.assign(**{str(dimension.attribute): named})


def _check_reference(reference: str, groups: tuple[str, ...], where: str) -> None:
    known = ("overall", "best", *groups)
    if reference not in known:
        raise SpecError(
            f"there is no group '{reference}' to compare with",
            where=f"{where}.reference",
            expected=f"one of {', '.join(known)}",
            next_step=suggest_name(reference, known),
        )


def _need_areas(areas: pd.DataFrame | None, where: str) -> pd.DataFrame:
    if areas is None:
        raise SpecError(
            "groups of residents need an area table, and the entities have none",
            where=where,
            expected="`question.entity.area` and `question.entity.areas`",
            next_step="name the column with the area and the city's area table, or use `attribute`",
        )
    return areas


def _find_places(
    latest: pd.DataFrame, entities: pd.Index, areas: pd.DataFrame, where: str
) -> pd.Series:
    if AREA not in latest:
        raise DataError("the entities have no area", where=where, expected=f"a column {AREA}")
    place = latest[AREA].astype(object)
    return place.where(place.isin(areas.index), None).reindex(entities)


def _divide_by_attribute(
    attribute: str,
    entities: pd.Index,
    latest: pd.DataFrame,
    areas: pd.DataFrame | None,
    area_column: str | None,
    where: str,
) -> tuple[pd.DataFrame, dict[str, float]]:
    if attribute == "entity":
        labels = pd.Series(list(entities), index=entities, dtype=object)
        labels = latest[ENTITY].astype(object) if ENTITY in latest else labels
    elif attribute in ("area", area_column):
        labels = latest[AREA].astype(object) if AREA in latest else pd.Series(None, index=entities)
    elif attribute in latest:
        labels = latest[attribute].astype(object)
        _check_number(labels, attribute, where)
    else:
        known = ["area", "entity", *(str(c) for c in latest.columns if c != AREA)]
        raise SpecError(
            f"the entities have no attribute '{attribute}'",
            where=f"{where}.attribute",
            expected=f"one of {', '.join(known)}",
            next_step=suggest_name(attribute, known),
        )
    names = {} if attribute == "entity" or areas is None else _name_areas(areas)
    residents: dict[str, float] = {}
    if attribute in ("area", area_column):
        if areas is not None:  # what is in no area table may be any text
            labels = labels.where(labels.isin(areas.index), None)
        labels = labels.map(lambda key: names.get(key, key))
        residents = {} if areas is None else _count_named(areas, names)
    return _mark_groups(labels), residents


def _check_number(labels: pd.Series, attribute: str, where: str) -> None:
    found = labels.nunique()
    if found > MOST_GROUPS:
        raise DataError(
            f"the column '{attribute}' would make {found:,} groups",
            where=f"{where}.attribute",
            expected=f"at most {MOST_GROUPS}: categories, not ids or amounts",
            next_step="name a column with categories, or put the values into wider ones",
        )


def _name_areas(areas: pd.DataFrame) -> dict[object, str]:
    if "area_name" not in areas:
        return {}
    named = areas["area_name"].map(_clean_label)
    # A name that two areas share would merge them.
    named = named.where(named.notna() & ~named.duplicated(keep=False))
    return {key: name for key, name in named.items() if isinstance(name, str)}


def _count_named(areas: pd.DataFrame, names: dict[object, str]) -> dict[str, float]:
    if "population" not in areas:
        return {}
    people = pd.to_numeric(areas["population"], errors="coerce")
    return {names.get(k, str(k)): float(n) for k, n in people.items() if np.isfinite(n)}


def _clean_label(value: object) -> str | None:
    # One group, however its name was typed: composed or not, with or without blanks.
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unicodedata.normalize("NFC", str(value)).strip() or None


def _mark_groups(labels: pd.Series) -> pd.DataFrame:
    cleaned = [_clean_label(v) for v in labels]
    found = sorted({v for v in cleaned if v is not None and v != NOT_RECORDED})
    groups = found + (
        [NOT_RECORDED] if len(found) < len({v or NOT_RECORDED for v in cleaned}) else []
    )
    code = {group: i for i, group in enumerate(groups)}
    matrix = np.zeros((len(cleaned), len(groups)))
    matrix[np.arange(len(cleaned)), [code[v or NOT_RECORDED] for v in cleaned]] = 1.0
    return pd.DataFrame(matrix, index=labels.index, columns=groups)


def _read_categories(column: str, areas: pd.DataFrame, where: str) -> pd.DataFrame:
    if column not in areas:
        known = [str(name) for name in areas]
        raise SpecError(
            f"the area table has no column '{column}'",
            where=f"{where}.area_column",
            expected=suggest_name(column, known),
        )
    labels = areas[column].astype(object)
    _check_number(labels, column, where)
    return _mark_groups(labels)


def _cut_bands(
    dimension: DimensionSpec, areas: pd.DataFrame, place: pd.Series, where: str
) -> tuple[pd.DataFrame, tuple[float, ...]]:
    bands = dimension.bands or ()
    columns = (bands,) if isinstance(bands, str) else bands
    column = " + ".join(columns)
    parts = [read_number(areas, name, f"{where}.bands") for name in columns]
    value = pd.concat(parts, axis=1).sum(axis=1, skipna=False)
    used = value[value.index.isin(place.dropna().unique()) & np.isfinite(value)]
    n = len(dimension.band_names)
    cuts = np.quantile(used, np.arange(1, n) / n) if len(used) else np.array([])
    if len(used) < n or (np.diff([-np.inf, *cuts, float(used.max())]) <= 0).any():
        raise DataError(
            f"'{column}' of {len(used)} areas cannot be cut into {n} bands",
            where=f"{where}.bands",
            expected="enough areas with different values",
            next_step="give fewer `band_names`",
        )
    code = np.searchsorted(cuts, value.to_numpy(), side="left")
    names = [
        dimension.band_names[i] if np.isfinite(v) else None
        for i, v in zip(code, value, strict=True)
    ]
    marked = _mark_groups(pd.Series(names, index=areas.index, dtype=object))
    ordered = [*dimension.band_names, *([NOT_RECORDED] if NOT_RECORDED in marked else [])]
    return marked[ordered], tuple(float(c) for c in cuts)


def _spread_areas(of_area: pd.DataFrame, place: pd.Series) -> pd.DataFrame:
    weights = of_area.reindex(place).set_axis(place.index, axis=0)
    unknown = weights.isna().any(axis=1).to_numpy()
    weights[unknown] = 0.0
    if unknown.any() and NOT_RECORDED not in weights:
        weights[NOT_RECORDED] = 0.0
    if unknown.any():
        weights.loc[unknown, NOT_RECORDED] = 1.0
    elif NOT_RECORDED in weights and not (weights[NOT_RECORDED] > 0).any():
        weights = weights.drop(columns=NOT_RECORDED)
    return weights


def _count_residents(of_area: pd.DataFrame, areas: pd.DataFrame) -> dict[str, float]:
    people = pd.to_numeric(areas.get("population", pd.Series(dtype=float)), errors="coerce")
    if not np.isfinite(people).any():
        return {}
    people = people.fillna(0.0)
    counted = of_area.mul(people, axis=0).sum()
    unknown = float(people[of_area.isna().any(axis=1)].sum())
    residents = {str(group): float(n) for group, n in counted.items()}
    if unknown:
        residents[NOT_RECORDED] = residents.get(NOT_RECORDED, 0.0) + unknown
    return residents
