"""Groups of cases: by a column of the case, or by the area that it lies in."""

from __future__ import annotations

from cityai.data.cases.cases import Cases
from cityai.data.given_groups import GivenGroups
from cityai.spec.risk import RiskSpec


def divide_cases(cases: Cases, spec: RiskSpec) -> GivenGroups:
    """Build the memberships of every declared dimension, case by case.

    Returns
    -------
    GivenGroups
        `units` has one key a row of ``cases.table``, in its order.

    Raises
    ------
    SpecError, DataError
        As `cityai.data.groups.build_memberships`.
    """
    raise NotImplementedError
