"""Groups of given predictions: by the row's own columns, or by the area that it lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY
from cityai.data.given import Given
from cityai.data.groups import Membership, build_membership
from cityai.findings import Finding, Status
from cityai.messages import say
from cityai.spec.audit_file import AuditFileSpec

PART = " # "
"""Between an entity and the number of its part, where its group differs between rows."""


@dataclass(frozen=True)
class GivenGroups:
    """Who belongs where.

    Attributes
    ----------
    memberships : tuple of Membership
        Their weights are indexed by the keys of `units`.
    units : numpy.ndarray
        (rows,) str: the key of each row. It is the entity, or a part of it: a person who is 24 in
        one row and 25 in the next is two parts of one entity.
    clusters : numpy.ndarray or None
        (distinct units, in order,) int64 code of the entity that each is a part of; None when
        every unit is an entity.
    findings : tuple of Finding
        Areas that the area table does not know.
    """

    memberships: tuple[Membership, ...]
    units: np.ndarray
    clusters: np.ndarray | None
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
    marked = described.astype(object).where(described.notna(), "\0")
    pattern = pd.MultiIndex.from_frame(marked).factorize()[0]
    pairs = pd.DataFrame({"entity": entity, "pattern": pattern}).drop_duplicates()
    clusters = None
    units = entity
    if pairs["entity"].duplicated().any():
        part = pd.Series(pattern).groupby(entity).transform(lambda p: p.factorize()[0])
        units = np.array([f"{e}{PART}{n}" for e, n in zip(entity, part, strict=True)])
        owner = pd.Series(entity, index=units)
        owner = owner[~owner.index.duplicated()].sort_index()
        clusters = owner.factorize()[0].astype(np.int64)
    latest = described.set_axis(pd.Index(units, name=ENTITY), axis=0)
    latest = latest[~latest.index.duplicated()].sort_index()
    memberships = tuple(
        build_membership(name, dimension, latest.index, latest, areas)
        for name, dimension in spec.audit.dimensions.items()
    )
    return GivenGroups(memberships, units, clusters, _find_unknown(given, areas))


def _find_unknown(given: Given, areas: pd.DataFrame | None) -> tuple[Finding, ...]:
    if areas is None:
        return ()
    title = say("Every row lies in a known area")
    place = given.table[AREA]
    unknown = place.notna() & ~place.isin(areas.index)
    count, total = int(unknown.sum()), len(place)
    if count:
        named = ", ".join(f"'{a}'" for a in sorted(set(place[unknown]))[:3])
        reason = say(
            f"{count:,} of {total:,} rows lie in areas that the area table does not list: {named}."
        )
        return (
            Finding("audit.unknown_area", Status.FAIL, title, reason, count / total, 0.0, "share"),
        )
    return (
        Finding(
            "audit.unknown_area", Status.PASS, title, say("The area table lists every row's area.")
        ),
    )
