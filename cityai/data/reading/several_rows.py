"""Several rows that are one case: the violations of an inspection, the visits of one week."""

from __future__ import annotations

import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    CASE,
    ENTITY,
    KNOWN_AT,
    OCCURRED_AT,
    REGISTERED_AT,
    Y_TRUE,
)
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say


def join_rows(table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Make one row of all rows of a case.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows with ``case_id``, their entity, moments, attributes and ``y_true``.
    where : str
        The file, for messages.

    Returns
    -------
    tuple of pandas.DataFrame and dict
        One row a case: yes where any row says yes, else not known where any row is not, else no;
        asked about and taking place at the first of its moments, known at the last; of what
        describes it, the value of the first row that has one, in the order of time and of values.
        And, for each attribute, the cases whose rows have several values.

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
    several = {c: int((grouped[c].nunique() > 1).sum()) for c in described if c not in moments}
    columns = [CASE, *(c for c in table if c != CASE)]
    return joined.reset_index()[columns], several


def find_several(several: dict[str, int], cases: int, area: str | None) -> list[Finding]:
    """Say which attributes have several values in the rows of one case."""
    title = say("One value of an attribute at a time")
    found = []
    for column, count in several.items():
        if count:
            name = area if column == AREA and area else column
            reason = say(
                "'{name}' has several values in the rows of one case, in {count:,} of "
                "{cases:,} cases. The first in time is used.",
                name=name,
                count=count,
                cases=cases,
            )
            found.append(
                Finding(
                    "quality.one_value", Status.FAIL, title, reason, count / cases, 0.0, "share",
                    name,
                )
            )  # fmt: skip
    return found
