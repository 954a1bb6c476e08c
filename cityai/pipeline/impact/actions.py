"""What was really done, for each case or in each place: a table that the city's people fill in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE
from cityai.config.tables import ColumnSpec, SourceSpec
from cityai.data.yes_no import read_answer
from cityai.errors import DataError
from cityai.impact.lots import SERVED
from cityai.impact.records import ARM, UNIT
from cityai.pipeline.impact.given import read_given
from cityai.pipeline.impact.measure import STEPS
from cityai.pipeline.impact.outcomes import ACTED, CASES, DONE, DONE_ON, write_gathered
from cityai.pipeline.impact.plan import Announced
from cityai.pipeline.impact.sorting import find_few
from cityai.pipeline.impact.ways import find_way
from cityai.pipeline.known import read_known
from cityai.pipeline.provenance import read_clock

ROLE, WHY_NOT = "role", "why_not"
WANTED: Final = {
    DONE: ColumnSpec(type="text"),
    DONE_ON: ColumnSpec(type="date"),
    ROLE: ColumnSpec(type="text"),
    WHY_NOT: ColumnSpec(type="text"),
}
"""The columns beside the case or the place: `yes` or `no`, on which day it was done or began, by
which role, and why not."""
CALLED: Final = {CASE: "case", UNIT: "place"}
"""What a row is about."""
UNKNOWN: Final = {
    CASE: ("is about a case that was on no list", "cases that `--assign` listed"),
    UNIT: ("is about a place that takes no part", "places of the sealed plan"),
}
"""Whom nobody assigned, and who may be told of."""
FOLLOWED: Final = ("dimension", "group", "arm", "n", "followed")
"""Columns of how far assignments were followed, as `Followed.rates` has them."""
UNTOUCHED: Final = "what was recorded is untouched"


@dataclass(frozen=True, slots=True)
class Followed:
    """How far the assignments were followed."""

    told: pd.DataFrame
    """``case_id`` or ``unit``, ``done``, ``done_on``, ``role``, ``why_not``."""
    rates: pd.DataFrame
    """``dimension`` (empty for all), ``group``, ``arm``, ``n`` (-1 where hidden), ``followed``."""
    untold: int
    """Who was assigned and is not told of: counted as not done."""


def record_actions(announced: Announced, file: Path) -> Followed:
    """Read what was done, hold it against the assignments, and keep it in place of what was told.

    Raises
    ------
    DataError
        When a row is not understood, contradicts itself, a case was never on a list or is told of
        twice, or an action lies before its assignment or in the future. What was recorded before
        is untouched.
    """
    way, events = find_way(announced), read_known(announced.project)
    assigned = way.hold(announced)
    wanted = {way.key: ColumnSpec(type="text"), **WANTED}
    source = SourceSpec(path=str(file.resolve()))
    side = read_given(announced.project, "actions", source, wanted, [way.key, DONE], UNTOUCHED)
    try:
        done = read_answer(side.table[DONE], (), f"{side.where}, `{DONE}`")
    except DataError as error:
        error.next_step = f"write yes or no in `{DONE}`; {UNTOUCHED}"
        raise
    told = side.table.assign(**{DONE: done})
    known = assigned.drop_duplicates(way.key).set_index(way.key)[AS_OF]
    if way.key == UNIT:  # a place may begin before its turn, and is told of all the same
        known[:] = pd.Timestamp(announced.plan.day)
    _refuse_misfits(told, way.key, known, side.where)
    told = told.reset_index(drop=True)
    compared = STEPS[announced.spec.design].compare(way.lay(announced, events, assigned, told))
    least = announced.project.spec.policy.small_cell
    rates = measure_following(compared, announced.spec.groups, least)
    write_gathered(told, announced.folder, ACTED)
    return Followed(told, rates, int((~known.index.isin(told[way.key])).sum()))


def _refuse_misfits(told: pd.DataFrame, key: str, assigned: pd.Series, where: str) -> None:
    what_of, day = CALLED[key], told[key].map(assigned)
    done = told[DONE] == 1
    tomorrow = pd.Timestamp(read_clock().date()) + pd.Timedelta(days=1)
    wrong = {
        UNKNOWN[key][0]: (day.isna(), UNKNOWN[key][1]),
        f"tells of a {what_of} again": (told[key].duplicated(), f"one row a {what_of}"),
        "says that it was done, and not when": (done & told[DONE_ON].isna(), "a day in `done_on`"),
        f"lies before the {what_of} was assigned": (
            told[DONE_ON] < day,
            f"what was done from the day on which the {what_of} was assigned",
        ),
        "was done in the future": (
            done & (told[DONE_ON] >= tomorrow),
            f"days until {read_clock():%Y-%m-%d}, which is today",
        ),
        "was not done, and has a day on which it was": (
            ~done & told[DONE_ON].notna(),
            "a day in `done_on` where `done` is yes, and nowhere else",
        ),
        "was not done, and nobody says why": (
            ~done & told[WHY_NOT].isna(),
            "a reason in `why_not`",
        ),
    }
    for what, (rows, expected) in wrong.items():
        if rows.any():
            first = told.index[rows][0]
            raise DataError(
                f"row {first:,} {what} ({what_of} {told.loc[first, key]}); "
                f"{int(rows.sum()):,} of {len(told):,} rows are so",
                where=where,
                expected=expected,
                next_step=f"correct the table; {UNTOUCHED}",
            )


def measure_following(
    rows: pd.DataFrame, dimensions: tuple[str, ...], least: float
) -> pd.DataFrame:
    """Measure adherence among those whom the design compares, by arm and group.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``arm``, ``done`` (NaN where it is not asked), a column for each dimension, and ``cases``
        where a row is of several.
    dimensions : tuple of str
        Of groups.
    least : float
        Groups of fewer in an arm are hidden.
    """
    rows = rows[rows[DONE].notna()]
    if rows.empty:
        return NOT_TOLD
    done, arm = rows[DONE].to_numpy(np.float64), rows[ARM]
    kept = pd.Series(np.where(arm == SERVED, done, 1 - done), index=rows.index)
    cases = rows.get(CASES)
    found = []
    for name in ("", *dimensions):
        own = rows[name] if name else pd.Series("", index=rows.index)
        few = find_few(own, arm, least, cases) if name else set()
        for (group, whose), part in kept.groupby([own, arm], sort=True):
            shown = (-1, np.nan) if group in few else (len(part), float(part.mean()))
            found.append((name, group, whose, *shown))
    return pd.DataFrame(found, columns=list(FOLLOWED))


NOT_TOLD: Final = pd.DataFrame(columns=list(FOLLOWED))
"""Where nobody told of any action."""
