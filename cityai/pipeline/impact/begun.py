"""Places in which something begins: who was assigned to begin when, and what came of it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, VALUE
from cityai.config.evaluation import EvaluationSpec
from cityai.config.evaluations import find_plan
from cityai.errors import DataError
from cityai.impact.lots import SERVED, WAITING
from cityai.impact.records import ARM, BLOCK, PERIOD, PROBABILITY, UNIT
from cityai.pipeline.impact.faults import (
    find_gaps,
    refuse_other_names,
    refuse_other_unit,
    refuse_renamed,
)
from cityai.pipeline.impact.outcomes import CASES, DONE, DONE_ON, LOST, name_table
from cityai.pipeline.impact.places import lay_axis, read_places
from cityai.pipeline.impact.plan import Announced
from cityai.pipeline.impact.units import begin_places
from cityai.pipeline.provenance import read_clock
from cityai.store.digests import digest_text

if TYPE_CHECKING:
    from cityai.data.periods import Periods
    from cityai.records.events import Events

ALL: Final = "all"
"""The block of places: all draw from one."""
TOGETHER: Final = "stepped wedge"
"""The design in which places are compared within its own periods alone."""


def hold_places(announced: Announced) -> pd.DataFrame:
    """Return which arm each place is in, period by period; starts are drawn again from the seal.

    Returns
    -------
    pandas.DataFrame
        ``unit``, ``block``, ``period`` (int64 from 0), ``as_of`` (its first day), ``arm``,
        ``probability`` (of the start that the place got; 1 where nothing was drawn).

    Raises
    ------
    DataError
        When the starts do not follow from the plan.
    """
    spec, plan = announced.spec, announced.plan
    axis, names = lay_axis(announced.project.spec, spec), tuple(sorted(plan.places))
    due = begin_places(spec, axis, names, plan.seed)
    wrong = [name for name in names if due[name] != plan.places[name]]
    if wrong or digest_text("\n".join(names)) != plan.cases:
        raise DataError(
            f"{len(wrong):,} of {len(names):,} places begin on another day than the plan gives"
            if wrong
            else "the places are not those that were sealed",
            where=str(find_plan(announced.project, announced.name)),
            expected="the days that the sealed plan gives, unchanged",
            next_step="put the file back from a copy; an evaluation with other lots is none",
        )
    begins = pd.to_datetime(pd.Series(plan.places).reindex(names).replace("", None))
    unit, period = (x.ravel() for x in np.indices((len(names), axis.count)))
    starts = pd.Series([axis.start(i) for i in range(axis.count)])[period].to_numpy()
    served = starts >= begins.to_numpy()[unit]
    share = begins.map(begins.value_counts(normalize=True)).to_numpy(np.float64)
    drawn = share if spec.design == TOGETHER else np.ones(len(names))
    return pd.DataFrame(
        {
            UNIT: np.array(names, object)[unit],
            BLOCK: ALL,
            PERIOD: period.astype(np.int64),
            AS_OF: starts,
            ARM: np.where(served, SERVED, WAITING),
            PROBABILITY: drawn[unit],
        }
    ).astype({UNIT: "str", BLOCK: "str", ARM: "str"})


def share_done(announced: Announced, rows: pd.DataFrame, told: pd.DataFrame) -> np.ndarray:
    """Part of each period since which it was really done in the place; 0 where nobody tells of it.

    Periods that are not over yet are not known.
    """
    axis = lay_axis(announced.project.spec, announced.spec)
    begun = rows[UNIT].map(told[told[DONE] == 1].set_index(UNIT)[DONE_ON])
    start = rows[AS_OF].to_numpy("datetime64[s]")
    ends = np.array([axis.start(i + 1) for i in range(axis.count)], "datetime64[s]")
    end = ends[rows[PERIOD].to_numpy()]
    day = begun.to_numpy("datetime64[s]")
    left = (end - day) / (end - start)
    done = np.where(np.isnat(day), 0.0, np.clip(left.astype(np.float64), 0.0, 1.0))
    over = end <= np.datetime64(read_clock().date(), "s")
    return np.where(over, done, np.nan)


def add_before(
    announced: Announced, events: Events, rows: pd.DataFrame, column: str
) -> pd.DataFrame:
    """Give each place and period what was measured, and add the periods before, where compared."""
    spec, names = announced.spec, set(announced.plan.places)
    measured = read_places(announced.project, spec, events, column)
    axis, where = lay_axis(announced.project.spec, spec), name_table(announced.project, spec)
    first = find_first(spec, axis)
    refuse_other_names(set(measured[UNIT]), names, names, "place", where)
    refuse_renamed(measured, names, axis, where)
    own = measured[measured[UNIT].isin(names)]
    if not spec.measures_share(announced.project.spec):
        refuse_other_unit(own, where)
    during = rows.merge(own, on=[UNIT, PERIOD], how="left", validate="one_to_one")
    every = range(min(int(own[PERIOD].min()), 0), axis.count)
    held = own.pivot(index=UNIT, columns=PERIOD, values=CASES).reindex(columns=every)
    gaps = find_gaps(held.reindex(sorted(names))).to_numpy()
    place = np.searchsorted(sorted(names), during[UNIT].to_numpy(str))
    lost = gaps[place, during[PERIOD].to_numpy() - every.start]
    during[LOST] = during[LOST].fillna(pd.Series(lost, index=during.index))
    during[CASES] = during[CASES].fillna(0.0)
    earlier = own[(own[PERIOD] < 0) & (own[PERIOD] >= first)]
    if earlier.empty:
        return during
    keys = [name for name in rows if name not in {PERIOD, AS_OF, ARM, DONE}]
    known = rows.drop_duplicates(UNIT)[keys]
    before = earlier.merge(known, on=UNIT)
    before[ARM], before[DONE], before[AS_OF] = WAITING, np.nan, np.datetime64("NaT", "s")
    both = pd.concat([before[during.columns], during], ignore_index=True)
    return both.sort_values([UNIT, PERIOD], ignore_index=True)


def find_first(spec: EvaluationSpec, axis: Periods) -> int:
    """Find the first period that is compared, counted from the first of the evaluation."""
    if spec.design == TOGETHER:
        return 0
    if spec.design != "synthetic":
        return -(2**31)
    back = pd.Timestamp(spec.starts) - pd.Timedelta(weeks=spec.before or 2 * spec.weeks)
    return int(axis.index(pd.DatetimeIndex([back]))[0])


def count_begun(announced: Announced, rows: pd.DataFrame) -> int:
    """Count the weeks of the evaluation of which anything was measured."""
    axis = lay_axis(announced.project.spec, announced.spec)
    during = rows[(rows[PERIOD] >= 0) & rows[VALUE].notna()]
    return round(announced.spec.weeks * during[PERIOD].nunique() / axis.count)
