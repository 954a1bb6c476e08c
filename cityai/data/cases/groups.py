"""Groups of cases: by a column of the case, or by the area that it lies in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY
from cityai.config.risk import RiskSpec
from cityai.data.cases.cases import Cases
from cityai.data.external_groups import GivenGroups, divide_rows


def divide_cases(cases: Cases, spec: RiskSpec) -> GivenGroups:
    """Build the memberships of every declared dimension, case by case.

    Parameters
    ----------
    cases : Cases
        All cases.
    spec : RiskSpec
        Its dimensions.

    Returns
    -------
    GivenGroups
        `units` has one key a row of ``cases.table``, in its order: the entity, or a part of it
        where its group differs between cases.

    Raises
    ------
    SpecError, DataError
        As `cityai.data.groups.build_memberships`.
    """
    table, dimensions = cases.table, spec.audit.dimensions
    described = pd.DataFrame(index=table.index)
    described[AREA] = table.get(AREA)
    settled = {}
    for name, dimension in dimensions.items():
        attribute = dimension.attribute
        if attribute is not None and attribute in table and dimension.cuts is not None:
            # One number a band, so that an age that rises within its band moves nobody.
            described[name] = _settle(table[attribute], dimension.cuts)
            settled[name] = dimension.model_copy(update={"attribute": name})
            continue
        settled[name] = dimension
        if attribute is not None and attribute in spec.question.entity.attributes:
            described[attribute] = table[attribute].astype(object)
    entity = table[ENTITY].to_numpy(object).astype(str)
    return divide_rows(entity, described, cases.areas, settled, spec.question.entity.area)


def _settle(values: pd.Series, cuts: tuple[float, ...]) -> pd.Series:
    numbers = values.to_numpy(np.float64)
    lowest = np.array([cuts[0] - 1, *cuts])[np.searchsorted(cuts, numbers, side="right")]
    return pd.Series(np.where(np.isnan(numbers), np.nan, lowest), index=values.index).astype(object)
