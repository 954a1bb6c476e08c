"""Several rows that are one case: the violations of an inspection, the visits of one week."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    CASE,
    ENTITY,
    EVERYWHERE,
    KNOWN_AT,
    OCCURRED_AT,
    REGISTERED_AT,
    Y_TRUE,
)
from cityai.data.quality_facts import FACT_COLUMNS, ONE_VALUE
from cityai.errors import DataError


def join_rows(
    table: pd.DataFrame, where: str, area: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make one row of all rows of a case.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows with ``case_id``, their entity, moments, attributes and ``y_true``.
    where : str
        The file, for messages.
    area : str or None
        What the city calls the column of the area.

    Returns
    -------
    tuple of pandas.DataFrame
        One row a case: yes where any row says yes, else not known where any row is not, else no;
        asked about and taking place at the first of its moments, known at the last; of what
        describes it, the value of the first row that has one, in the order of time and of values.
        And the facts: for each attribute, the cases whose rows have one value of it.

    Raises
    ------
    DataError
        When the rows of one case are about two entities.
    """
    entities = table.groupby(CASE)[ENTITY].nunique()
    if (entities > 1).any():
        raise DataError(
            f"the case '{entities.idxmax()}' is about {int(entities.max())} entities "
            f"({int((entities > 1).sum()):,} cases are about several)",
            where=where,
            expected="rows of one case that are about one entity",
            next_step="add the columns of the entity to `question.case`",
        )
    described = [c for c in map(str, table) if c not in (CASE, ENTITY, Y_TRUE, KNOWN_AT)]
    moments = [c for c in (AS_OF, OCCURRED_AT, REGISTERED_AT) if c in table]
    ordered = table.sort_values([CASE, *moments, *(c for c in described if c not in moments)])
    grouped = ordered.groupby(CASE, sort=True)
    joined = grouped[[ENTITY, *described]].first()
    joined[KNOWN_AT] = grouped[KNOWN_AT].max()
    unknown = ordered[Y_TRUE].isna().groupby(ordered[CASE]).any()
    any_yes = grouped[Y_TRUE].max()
    joined[Y_TRUE] = any_yes.where((any_yes == 1) | ~unknown)
    facts = [
        {
            "fact": ONE_VALUE,
            "column": area if name == AREA and area else name,
            "slice_kind": "overall",
            "slice": EVERYWHERE,
            "good": int((grouped[name].nunique() <= 1).sum()),
            "total": len(joined),
            "figure": np.nan,
        }
        for name in described
        if name not in moments
    ]
    columns = [CASE, *(c for c in table if c != CASE)]
    return joined.reset_index()[columns], pd.DataFrame(facts, columns=list(FACT_COLUMNS))
