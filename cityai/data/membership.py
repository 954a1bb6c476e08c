"""Membership matrix of one dimension: by an attribute, by an area's category, shares or band."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY, NOT_RECORDED
from cityai.config.dimension import DimensionSpec
from cityai.data.bands import join_smaller, read_number, share_residents
from cityai.errors import DataError, SpecError, suggest_name
from cityai.i18n.messages import say
from cityai.records.groups import Membership, MembershipKind

CAVEAT = say(
    "Shares of the residents of whole areas: the figure is what the average resident of the group "
    "experiences if all residents of an area fare alike; it says nothing about single persons."
)
MOST_GROUPS = 200
"""A column with more values than this holds no categories."""


def label_column(dimension: str) -> str:
    """Return the column that holds a dimension's values."""
    return f"group.{dimension}"


def build_membership(
    name: str,
    dimension: DimensionSpec,
    units: pd.DataFrame,
    sizes: pd.Series,
    areas: pd.DataFrame | None,
    area_column: str | None = None,
) -> Membership:
    """Build the membership matrix of one dimension.

    Parameters
    ----------
    name : str
        The dimension.
    dimension : DimensionSpec
        How it divides.
    units : pandas.DataFrame
        One row a unit: ``area_id``, where a dimension asks for it ``entity_id``, and of each that
        divides by an attribute its value, in `label_column`.
    sizes : pandas.Series
        Entities of each unit; of one in several units, its part.
    areas : pandas.DataFrame or None
        The area table.
    area_column : str, optional
        What the project calls the area; an attribute of that name is the area.
    """
    where = f"audit.dimensions.{name}"
    kind: MembershipKind
    cuts: tuple[float, ...] = ()
    if dimension.attribute is not None:
        kind = "hard"
        weights, residents = _label_units(name, dimension, units, areas, area_column)
    else:
        table = _need_areas(areas, where)
        place = units[AREA].where(units[AREA].isin(table.index), None)
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
    weights, residents = _call_values(dimension, weights, residents, where)
    weights, residents = join_smaller(dimension, weights, residents, sizes)
    if dimension.population is not None:
        people = {_clean_label(g) or NOT_RECORDED: n for g, n in dimension.population.items()}
        residents = {dimension.labels.get(g, g): n for g, n in people.items()}
    if dimension.cuts is not None:
        weights = weights[[n for n in (*dimension.band_names, NOT_RECORDED) if n in weights]]
    groups = tuple(str(c) for c in weights.columns)
    reference = dimension.labels.get(dimension.reference, dimension.reference)
    _check_reference(reference, groups, where)
    caveat = CAVEAT if kind == "soft" else ""
    places = dimension.attribute in ("entity", "area", area_column) and kind == "hard"
    return Membership(
        *(name, dimension.label, kind, groups, weights, residents),
        *(reference, cuts, caveat, places),
    )


def _call_values(
    dimension: DimensionSpec, weights: pd.DataFrame, residents: dict[str, float], where: str
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Call groups what a reader calls them, where `labels` say so."""
    labels = dimension.labels
    known = [str(group) for group in weights if group != NOT_RECORDED]
    for value, label in labels.items():
        if value not in known:
            raise SpecError(
                f"`labels` names the value '{value}', which the data do not have",
                where=f"{where}.labels.{value}",
                expected=f"one of {', '.join(known)}",
                next_step=suggest_name(value, known),
            )
        if label in known and label not in labels:
            raise SpecError(
                f"`labels` calls '{value}' what another value is written as: '{label}'",
                where=f"{where}.labels.{value}",
                expected="a name of its own for every group",
            )
    called = {labels.get(group, group): n for group, n in residents.items()}
    return weights.rename(columns=labels), called


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


def _label_units(
    name: str,
    dimension: DimensionSpec,
    units: pd.DataFrame,
    areas: pd.DataFrame | None,
    area_column: str | None,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the groups of units that say themselves where they belong, and their residents."""
    attribute, where = str(dimension.attribute), f"audit.dimensions.{name}"
    names = {} if attribute == "entity" or areas is None else _name_areas(areas)
    if attribute == "entity":
        return _mark_groups(units[ENTITY]), {}
    if attribute not in ("area", area_column):
        labels = units[label_column(name)]
        _check_number(labels, attribute, where)
        return _mark_groups(labels), {}
    labels = units[AREA]
    if areas is not None:  # what is in no area table may be any text
        labels = labels.where(labels.isin(areas.index), None)
    labels = labels.map(lambda key: names.get(key, key))
    return _mark_groups(labels), {} if areas is None else _count_named(areas, names)


def _check_number(labels: pd.Series, attribute: str, where: str) -> None:
    found = labels.nunique()
    if found > MOST_GROUPS:
        raise DataError(
            f"the column '{attribute}' would make {found:,} groups",
            where=f"{where}.attribute",
            expected=f"at most {MOST_GROUPS}: categories, not ids or amounts",
            next_step="name a column with categories; `cuts` make bands of numbers, and `largest` "
            "with `rest` joins the small ones",
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
            f"'{column}' cannot be cut into {n} bands: it has {used.nunique():,} different values "
            f"in {len(used):,} area{'s' * (len(used) != 1)}",
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
