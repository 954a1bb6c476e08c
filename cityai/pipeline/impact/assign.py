"""Assignment: who of a list is served by lot, recorded with its probability."""

from __future__ import annotations

from typing import cast

import pandas as pd

from cityai.columns import AS_OF, CASE, DECISION
from cityai.config.risk import DecisionSpec, RiskSpec
from cityai.errors import DataError, TimeError
from cityai.impact.lots import COLUMNS, OF, PART, RANK, SERVED, draw_lots
from cityai.impact.records import ARM, BLOCK, PROBABILITY
from cityai.pipeline.impact.chance import find_seed
from cityai.pipeline.impact.outcomes import ASSIGNED, read_assigned, write_gathered
from cityai.pipeline.impact.plan import Announced

SHOWN = [PART, ARM, PROBABILITY]
"""What the list shows beside each case."""


def check_moment(announced: Announced, as_of: pd.Timestamp) -> DecisionSpec:
    """Refuse a moment for which the plan lets nothing be drawn; return what the capacity holds for.

    Raises
    ------
    TimeError
        When it lies outside the plan's period.
    DataError
        When the plan is of places, not of lists.
    """
    spec, project = announced.spec, cast(RiskSpec, announced.project.spec)
    if spec.of_places:
        raise DataError(
            f"a {spec.design} draws nobody from a list",
            where="--assign",
            expected="an evaluation of ranked lists",
            next_step="ask without --assign; the sealed plan says in which place it begins when",
        )
    if not spec.starts <= as_of.date() < spec.ends:
        raise TimeError(
            f"the plan lets nobody be drawn on {as_of:%Y-%m-%d}",
            where="--as-of",
            expected=f"a day from {spec.starts} on, and before {spec.ends}",
            next_step="ask without --assign",
        )
    return project.question.decision


def assign_list(announced: Announced, table: pd.DataFrame) -> pd.DataFrame:
    """Assign the cases of one list by the sealed plan, and record it; twice is the same as once.

    Returns
    -------
    pandas.DataFrame
        The list with `SHOWN`; ``decision`` is 1 for who is served.

    Raises
    ------
    DataError
        When another list of that day, or a later one, was drawn already. Nothing is lost.
    """
    recorded = read_assigned(announced.folder)
    block = f"{table[AS_OF].iloc[0]:%Y-%m-%d}"
    earlier = recorded[recorded[BLOCK] < block]
    drawn = _draw(announced, find_seed(announced), table, earlier)
    same = recorded[recorded[BLOCK] == block].reset_index(drop=True)
    if len(same) and not same.equals(drawn.astype(same.dtypes.to_dict())):
        raise DataError(
            f"lots were drawn for another list of {block}: {len(same):,} cases, of which "
            f"{int(same[CASE].isin(drawn[CASE]).sum()):,} are among these {len(drawn):,}",
            where=str(announced.folder / ASSIGNED),
            expected="one draw a list",
            next_step="work by the list that was written then; what was recorded is untouched",
        )
    if (recorded[BLOCK] > block).any():
        raise DataError(
            f"lots were drawn for {recorded[BLOCK].max()} already, which is after {block}",
            where="--as-of",
            expected="lists in the order of their days",
            next_step="go on with the next list; what was recorded is untouched",
        )
    if same.empty:
        parts = [recorded, drawn] if len(recorded) else [drawn]
        write_gathered(pd.concat(parts, ignore_index=True), announced.folder, ASSIGNED)
    told = drawn.set_index(CASE)[SHOWN].reindex(table[CASE].astype(str)).reset_index(drop=True)
    served = (told[ARM] == SERVED).astype("int64")
    return table.reset_index(drop=True).assign(**{DECISION: served}).join(told)


def hold_assigned(announced: Announced) -> pd.DataFrame:
    """Return all assignments, each drawn again from the seal: they must be those of the plan.

    Raises
    ------
    DataError
        When none is there, or one does not follow from the plan.
    """
    recorded = read_assigned(announced.folder)
    if recorded.empty:
        raise DataError(
            "nobody was assigned by this plan",
            where=str(announced.folder),
            expected="lists that `cityai predict --assign` made",
            next_step=f"cityai predict {announced.project.folder.name} --assign --as-of "
            f"{announced.spec.starts}",
        )
    seed = find_seed(announced)
    for block, rows in recorded.groupby(BLOCK, sort=True):
        again = _draw(announced, seed, rows, recorded[recorded[BLOCK] < block])
        given = rows.reset_index(drop=True)[list(COLUMNS)]
        whole = given[RANK].tolist() == list(range(1, int(given[OF].max()) + 1))
        wrong = (again.astype(given.dtypes.to_dict()) != given).any(axis=1) | (not whole)
        if wrong.any():
            raise DataError(
                f"{int(wrong.sum()):,} of {len(rows):,} assignments of {block} do not follow from "
                f"the plan, the first is that of case {given.loc[wrong, CASE].iloc[0]}",
                where=str(announced.folder / ASSIGNED),
                expected="the lots that the sealed plan gives, unchanged",
                next_step="put the file back from a copy; an evaluation with other lots is none",
            )
    return recorded


def _draw(
    announced: Announced, seed: str, table: pd.DataFrame, earlier: pd.DataFrame
) -> pd.DataFrame:
    spec, rule = announced.spec, cast(RiskSpec, announced.project.spec).question.decision
    edge = (spec.edge.above, spec.edge.below) if spec.edge else (0, 0)
    return draw_lots(
        table,
        earlier,
        seed=seed,
        capacity=rule.capacity or 0,
        unit=f"{spec.unit}_id",
        edge=edge,
        probe=spec.probe or 0.0,
    )
