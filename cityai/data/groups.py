"""Group assignment: the memberships of entities as a whole, or of rows that say it themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from cityai.columns import AREA, CASE, ENTITY, KNOWN
from cityai.config.dimension import DimensionSpec
from cityai.data.bands import cut_numbers
from cityai.data.membership import build_membership, label_column
from cityai.errors import SpecError, suggest_name
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.records.groups import UNIT, Groups


def assign_groups(
    rows: pd.DataFrame,
    attributes: pd.DataFrame,
    areas: pd.DataFrame | None,
    dimensions: Mapping[str, DimensionSpec],
    area_column: str | None = None,
    *,
    whole: bool = False,
) -> Groups:
    """Assign rows to the groups of every declared dimension.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``entity_id`` (str), ``area_id`` where they lie in areas (missing where not known), and
        columns that name a row, which are kept.
    attributes : pandas.DataFrame
        Same index: what describes each row, by the city's own names.
    areas : pandas.DataFrame or None
        The area table, as `read_areas` gives it.
    dimensions : mapping of str to DimensionSpec
        How to divide.
    area_column : str, optional
        What the project calls the area; an attribute of that name is the area.
    whole : bool, optional
        Whether each row is an entity, which belongs to groups as a whole.

    Returns
    -------
    Groups
        Its memberships in the order declared.

    Raises
    ------
    SpecError
        When a dimension names a column, an attribute or a reference group that does not exist.
    DataError
        When shares do not add up, or bands cannot be cut.
    """
    entity = rows[ENTITY].to_numpy(object).astype(str)
    place = pd.Series(rows.get(AREA), index=rows.index, dtype=object)
    place = place.where(place.notna(), None)
    described = pd.DataFrame({AREA: place})
    if any(dimension.attribute == "entity" for dimension in dimensions.values()):
        described[ENTITY] = entity
    for name, dimension in dimensions.items():
        if dimension.attribute not in (None, "entity", "area", area_column):
            described[label_column(name)] = _read_labels(name, dimension, attributes)
    code, first = (np.arange(len(rows)),) * 2 if whole else _find_patterns(described)
    keys = entity if whole else np.array([f"{i:06d}" for i in range(len(first))], dtype=object)
    units = described.iloc[first].set_axis(pd.Index(keys, name=ENTITY), axis=0)
    # A row counts as its part of an entity, so that one with many rows is still one.
    person = pd.factorize(entity)[0]
    sizes = pd.Series(np.bincount(code, 1 / np.bincount(person)[person]), index=units.index)
    return Groups(
        tuple(
            build_membership(name, dimension, units, sizes, areas, area_column)
            for name, dimension in dimensions.items()
        ),
        rows.drop(columns=AREA, errors="ignore")
        .assign(**{ENTITY: entity, UNIT: keys[code]})
        .reset_index(drop=True),
        _find_unknown(place, areas),
        "entity" if whole else "case" if CASE in rows else "row",
    )


def assign_entities(
    entities: Iterable[str],
    attributes: pd.DataFrame,
    areas: pd.DataFrame | None,
    dimensions: Mapping[str, DimensionSpec],
    area_column: str | None = None,
) -> Groups:
    """Assign entities as a whole, by what was known of them last, as `assign_groups`.

    Parameters
    ----------
    entities : iterable of str
        Who is assigned.
    attributes : pandas.DataFrame
        ``entity_id``, ``known``, and what describes them: a row a change.
    areas, dimensions, area_column
        See `assign_groups`.
    """
    index = pd.Index(sorted(set(entities)), name=ENTITY)
    ordered = attributes.sort_values([ENTITY, KNOWN], kind="stable")
    latest = ordered.drop_duplicates(ENTITY, keep="last").astype({ENTITY: str})
    latest = latest.set_index(ENTITY).reindex(index).reset_index()
    rows = latest[[c for c in (ENTITY, AREA) if c in latest]]
    own = latest.drop(columns=[*rows, KNOWN])
    return assign_groups(rows, own, areas, dimensions, area_column, whole=True)


def _read_labels(name: str, dimension: DimensionSpec, attributes: pd.DataFrame) -> pd.Series:
    """Return each row's value; of a number that is cut, its band, so that it moves in it alone."""
    if dimension.attribute not in attributes:
        known = ["area", "entity", *map(str, attributes)]
        raise SpecError(
            f"the entities have no attribute '{dimension.attribute}'",
            where=f"audit.dimensions.{name}.attribute",
            expected=f"one of {', '.join(known)}",
            next_step=suggest_name(str(dimension.attribute), known),
        )
    values = attributes[dimension.attribute]
    if dimension.cuts is None:
        return values.astype(object)
    return cut_numbers(values, dimension.cuts, dimension.band_names)


def _find_patterns(described: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Code of each row's values, in their order, and the first row that has them."""
    code = np.zeros(len(described), dtype=np.int64)
    for name in described:
        values, known = pd.factorize(described[name], sort=True)
        code = pd.factorize(code * (len(known) + 1) + values + 1, sort=True)[0]
    return code, np.unique(code, return_index=True)[1]


def _find_unknown(place: pd.Series, areas: pd.DataFrame | None) -> tuple[Finding, ...]:
    if areas is None:
        return ()
    title = say("Every row lies in a known area")
    count, total = int((place.notna() & ~place.isin(areas.index)).sum()), len(place)
    if not count:
        reason = say("The area table lists every row's area.")
        return (Finding("audit.unknown_area", Status.PASS, title, reason),)
    reason = say(
        "{count:,} of {total:,} rows lie in areas that the area table does not list.",
        count=count,
        total=total,
    )
    return (Finding("audit.unknown_area", Status.FAIL, title, reason, count / total, 0.0, "share"),)
