"""How units take part in an evaluation: case by case on lists, or as places where it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, ENTITY, EVERYWHERE, VALUE, Y_PRED, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.impact.assignment import refuse_early_outcomes
from cityai.impact.lots import LOOKED, PART, RANK, SERVED
from cityai.impact.probe import PROBE_COLUMNS, Looks, audit_probe, inverse_probability_weights
from cityai.impact.records import ARM, BLOCK, UNIT
from cityai.pipeline.impact.assign import hold_assigned
from cityai.pipeline.impact.begun import add_before, count_begun, hold_places, share_done
from cityai.pipeline.impact.faults import refuse_other_names
from cityai.pipeline.impact.outcomes import DONE, MEASURED_AT, name_table, read_outcomes
from cityai.pipeline.impact.plan import Announced
from cityai.pipeline.impact.sorting import sort_groups, sort_places
from cityai.pipeline.impact.weeks import count_weeks
from cityai.pipeline.provenance import read_clock

if TYPE_CHECKING:
    from cityai.records.events import Events


NONE: Final = pd.DataFrame(columns=["dimension", *PROBE_COLUMNS])
"""Of an evaluation without a random probe."""


@dataclass(frozen=True, slots=True)
class Way:
    """How units take part, whatever the design."""

    key: str
    """Column by which a table of actions names whom a row is about."""
    hold: Callable[[Announced], pd.DataFrame]
    """Who was assigned to what, each drawn again from the seal: a row for each case, or for each
    place and period."""
    done: Callable[[Announced, pd.DataFrame, pd.DataFrame], np.ndarray]
    """Of those rows and what was told of actions, how far it was done, (rows,) from 0 to 1."""
    sort: Callable[[Announced, Events, pd.DataFrame], pd.DataFrame]
    """Those rows into groups: a column a dimension."""
    measure: Callable[[Announced, Events, pd.DataFrame, str], pd.DataFrame]
    """Those rows with what was measured, and with those of before where they are compared."""
    weeks: Callable[[Announced, pd.DataFrame], int]
    """The weeks that rows stand for."""
    audit: Callable[[Announced, Events, pd.DataFrame], pd.DataFrame]
    """What a random probe found."""

    def lay(
        self,
        announced: Announced,
        events: Events,
        assigned: pd.DataFrame,
        told: pd.DataFrame | None,
    ) -> pd.DataFrame:
        """Lay out who took part: with groups, and how far it was done where anybody told."""
        done = np.nan if told is None else self.done(announced, assigned, told)
        groups = self.sort(announced, events, assigned)
        return assigned.assign(**{DONE: done, **groups})


def _find_done(_: Announced, rows: pd.DataFrame, told: pd.DataFrame) -> np.ndarray:
    """A case that nobody tells of was not done."""
    return rows[CASE].map(told.set_index(CASE)[DONE]).fillna(0.0).to_numpy(np.float64)


def _match_outcomes(
    announced: Announced, events: Events, rows: pd.DataFrame, column: str
) -> pd.DataFrame:
    """Give each assigned case what was measured of it by today; NaN where nothing was."""
    measured = read_outcomes(announced.project, announced.spec, events, column)
    if announced.spec.outcome.source is not None:
        told, assigned = set(measured[CASE]), set(rows[CASE])
        where = name_table(announced.project, announced.spec)
        refuse_other_names(told, assigned, assigned - told, "case", where)
    today = pd.Timestamp(read_clock().date()) + pd.Timedelta(days=1)
    known = measured[measured[MEASURED_AT] < today].set_index(CASE)
    found = known.reindex(rows[CASE])
    seen = found[MEASURED_AT].notna().to_numpy()
    refuse_early_outcomes(found[MEASURED_AT][seen], rows[AS_OF].set_axis(found.index)[seen])
    return rows.assign(**{VALUE: found[VALUE].to_numpy(np.float64)})


def _count_lists(announced: Announced, rows: pd.DataFrame) -> int:
    return max(round(count_weeks(rows[BLOCK], cast(RiskSpec, announced.project.spec))), 1)


def _audit_lists(announced: Announced, events: Events, rows: pd.DataFrame) -> pd.DataFrame:
    spec, project = announced.spec, cast(RiskSpec, announced.project.spec)
    capacity, least = project.question.decision.capacity or 0, project.policy.small_cell
    return _audit_visits(rows, events, capacity, spec.groups, spec.confidence, least)


LISTS: Final = Way(
    CASE, hold_assigned, _find_done, sort_groups, _match_outcomes, _count_lists, _audit_lists
)
PLACES: Final = Way(
    UNIT, hold_places, share_done, sort_places, add_before, count_begun, lambda *_: NONE
)


def find_way(announced: Announced) -> Way:
    """Return how units take part in an evaluation."""
    return PLACES if announced.spec.of_places else LISTS


def _audit_visits(
    rows: pd.DataFrame,
    events: Events,
    capacity: int,
    dimensions: tuple[str, ...],
    confidence: float,
    small_cell: float,
) -> pd.DataFrame:
    """Audit the ranking for everybody, by those visited with a known probability.

    It is about everybody who was listed, on the first list that they were on: chance decides about
    nobody twice. Visits that found nothing known are taken to be like those of the same part of the
    list (above the edge, at it, of the probe), which speak for them too.
    """
    rows = rows.sort_values(BLOCK, kind="stable").drop_duplicates(UNIT)
    found = events.table.drop_duplicates(CASE).set_index(CASE)[Y_TRUE]
    truth = rows[CASE].map(found).to_numpy(np.float64)
    served = (rows[ARM] == SERVED).to_numpy()
    looked = served & np.isfinite(truth)
    if not (rows[PART] == "probe").any() or not looked.any():
        return NONE
    inverse_probability_weights(rows[LOOKED].to_numpy(np.float64), looked)  # nobody is beyond reach
    reached = pd.Series(looked[served]).groupby(rows.loc[served, PART].to_numpy()).mean()
    chance = rows[LOOKED].to_numpy(np.float64) * rows[PART].map(reached).to_numpy(np.float64)
    weight = inverse_probability_weights(chance[looked], np.ones(int(looked.sum()), bool))
    seen = rows[looked]
    tables = []
    for name in (EVERYWHERE, *dimensions):
        looks = Looks(
            truth[looked],
            seen[Y_PRED].to_numpy(np.float64),
            (seen[RANK] <= capacity).to_numpy(),
            weight,
            np.full(len(seen), EVERYWHERE) if name == EVERYWHERE else seen[name].to_numpy(str),
            pd.factorize(seen[ENTITY])[0].astype(np.int64),
        )
        table = audit_probe(looks, confidence, small_cell=small_cell)
        tables.append(table.assign(dimension=name))
    return pd.concat(tables, ignore_index=True)[list(NONE.columns)]
