"""Groups of given predictions: by the row's own columns, or by the area that it lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY
from cityai.data.given import Given
from cityai.data.groups import Membership, build_membership
from cityai.findings import Finding, Status
from cityai.spec.audit_file import AuditFileSpec


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
    if any(d.attribute == "entity" for d in spec.audit.dimensions.values()):
        described[ENTITY] = given.table[ENTITY]
    pattern, found = _find_patterns(described)
    keys = np.array([f"{i:06d}" for i in range(len(found))], dtype=object)
    latest = described.iloc[found].set_axis(pd.Index(keys, name=ENTITY), axis=0)
    memberships = tuple(
        build_membership(name, dimension, latest.index, latest, areas)
        for name, dimension in spec.audit.dimensions.items()
    )
    return GivenGroups(memberships, keys[pattern], _find_unknown(given, areas))


def _find_patterns(described: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Code of each row's values, in their order, and the first row that has them."""
    code = np.zeros(len(described), dtype=np.int64)
    for name in described:
        values, known = pd.factorize(described[name], sort=True)
        code = pd.factorize(code * (len(known) + 1) + values + 1, sort=True)[0]
    return code, np.unique(code, return_index=True)[1]


def _find_unknown(given: Given, areas: pd.DataFrame | None) -> tuple[Finding, ...]:
    if areas is None:
        return ()
    title = "Every row lies in a known area"
    place = given.table[AREA]
    unknown = place.notna() & ~place.isin(areas.index)
    count, total = int(unknown.sum()), len(place)
    if count:
        named = ", ".join(f"'{a}'" for a in sorted(set(place[unknown]))[:3])
        reason = (
            f"{count:,} of {total:,} rows lie in areas that the area table does not list: {named}."
        )
        return (
            Finding("audit.unknown_area", Status.FAIL, title, reason, count / total, 0.0, "share"),
        )
    return (
        Finding("audit.unknown_area", Status.PASS, title, "The area table lists every row's area."),
    )
