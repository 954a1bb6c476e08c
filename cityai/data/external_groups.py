"""Groups of given predictions: by the row's own columns, or by the area that it lies in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, ENTITY
from cityai.config.audit_file import AuditFileSpec
from cityai.config.project import DimensionSpec
from cityai.data.external_predictions import Given
from cityai.data.groups import Membership, build_membership
from cityai.findings import Finding, Status
from cityai.i18n.messages import say


@dataclass(frozen=True)
class GivenGroups:
    """Who belongs where.

    Attributes
    ----------
    memberships : tuple of Membership
        Their weights are indexed by the keys of `units`.
    units : numpy.ndarray
        (rows,) object, str: the key of each row. Rows in the same groups share one, whoever they
        are about; a person who is 24 in one row and 25 in the next has rows in two.
    findings : tuple of Finding
        Areas that the area table does not know.
    """

    memberships: tuple[Membership, ...]
    units: np.ndarray
    findings: tuple[Finding, ...]


def divide_given(given: Given, areas: pd.DataFrame | None, spec: AuditFileSpec) -> GivenGroups:
    """Build the memberships of every declared dimension, row by row where the row says it.

    Parameters
    ----------
    given : Given
        The predictions.
    areas : pandas.DataFrame or None
        The area table, as `read_areas` gives it.
    spec : AuditFileSpec
        Its dimensions.

    Raises
    ------
    SpecError, DataError
        As `cityai.data.groups.build_memberships`.
    """
    described = given.groups.assign(**{AREA: given.table[AREA]})
    entity = given.table[ENTITY].to_numpy(object).astype(str)
    return divide_rows(entity, described, areas, spec.audit.dimensions)


def divide_rows(
    entity: npt.NDArray[np.str_],
    described: pd.DataFrame,
    areas: pd.DataFrame | None,
    dimensions: Mapping[str, DimensionSpec],
    area_column: str | None = None,
) -> GivenGroups:
    """Build the memberships of rows that say themselves which groups they are in.

    Parameters
    ----------
    entity : numpy.ndarray
        (rows,) str: whom each row is about.
    described : pandas.DataFrame
        (rows, columns): `area_id` and the columns that divide, None where missing.
    areas : pandas.DataFrame or None
        The area table.
    dimensions : mapping of str to DimensionSpec
        How to divide.
    area_column : str, optional
        What the project calls the area.

    Raises
    ------
    SpecError, DataError
        As `cityai.data.groups.build_memberships`.
    """
    if any(d.attribute == "entity" for d in dimensions.values()):
        described = described.assign(**{ENTITY: entity})
    pattern, found = _find_patterns(described)
    keys = np.array([f"{i:06d}" for i in range(len(found))], dtype=object)
    latest = described.iloc[found].set_axis(pd.Index(keys, name=ENTITY), axis=0)
    memberships = tuple(
        build_membership(name, dimension, latest.index, latest, areas, area_column)
        for name, dimension in dimensions.items()
    )
    return GivenGroups(memberships, keys[pattern], _find_unknown(described[AREA], areas))


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
    unknown = place.notna() & ~place.isin(areas.index)
    count, total = int(unknown.sum()), len(place)
    if count:
        reason = say(f"{count:,} of {total:,} rows lie in areas that the area table does not list.")
        return (
            Finding("audit.unknown_area", Status.FAIL, title, reason, count / total, 0.0, "share"),
        )
    return (
        Finding(
            "audit.unknown_area", Status.PASS, title, say("The area table lists every row's area.")
        ),
    )
