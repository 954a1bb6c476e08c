"""What was really done for each case: a table that the city's people fill in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE
from cityai.config.tables import ColumnSpec, SourceSpec
from cityai.data.side_tables import read_table
from cityai.data.yes_no import read_answer
from cityai.errors import DataError
from cityai.impact.lots import SERVED
from cityai.impact.records import ARM
from cityai.kinds import open_kind
from cityai.pipeline.impact.assign import hold_assigned
from cityai.pipeline.impact.gathered import ACTED, write_gathered
from cityai.pipeline.impact.measure import DONE, STEPS
from cityai.pipeline.impact.outcomes import refuse_unread
from cityai.pipeline.impact.plan import Announced
from cityai.pipeline.impact.sorting import find_few, sort_groups
from cityai.pipeline.provenance import read_clock
from cityai.store.files import guard_files

DONE_ON, ROLE, WHY_NOT = "done_on", "role", "why_not"
WANTED: Final = {
    CASE: ColumnSpec(type="text"),
    DONE: ColumnSpec(type="text"),
    DONE_ON: ColumnSpec(type="date"),
    ROLE: ColumnSpec(type="text"),
    WHY_NOT: ColumnSpec(type="text"),
}
"""The columns: which case, `yes` or `no`, on which day, by which role, and why not."""
FOLLOWED: Final = ("dimension", "group", "arm", "n", "followed")
"""Columns of how far assignments were followed, as `Followed.rates` has them."""
HEAD: Final = 65_536
"""Bytes of a header that are read to see what divides the columns."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How far the assignments were followed.

    Attributes
    ----------
    told : pandas.DataFrame
        ``case_id``, ``done``, ``done_on``, ``role``, ``why_not``.
    rates : pandas.DataFrame
        ``dimension`` (empty for all), ``group``, ``arm``, ``n`` (-1 where hidden), ``followed``.
    """

    told: pd.DataFrame
    rates: pd.DataFrame


def record_actions(announced: Announced, file: Path) -> Followed:
    """Read what was done, hold it against the assignments, and keep it in place of what was told.

    Raises
    ------
    DataError
        When a row is not understood, contradicts itself, a case was never on a list or is told of
        twice, or an action lies before its assignment or in the future. What was recorded before
        is untouched.
    """
    assigned = hold_assigned(announced)
    source = _describe_file(file)
    side = read_table(announced.project, "actions", source, WANTED, [CASE, DONE], "evaluation")
    refuse_unread(side, f"the columns {', '.join(WANTED)}, days as 2026-01-31")
    told = side.table.assign(**{DONE: read_answer(side.table[DONE], (), f"{side.where}, `done`")})
    _refuse_misfits(told, assigned, side.where)
    told = told.reset_index(drop=True)
    groups = sort_groups(announced, open_kind(announced.project).read(), assigned)
    least = announced.project.spec.policy.small_cell
    compared = STEPS[announced.spec.design].compare(assigned)
    rates = measure_following(told, compared, groups, least)
    write_gathered(told, announced.folder, ACTED)
    return Followed(told, rates)


def _describe_file(file: Path) -> SourceSpec:
    """Describe the table; what spreadsheets write is divided by semicolons in many countries."""
    path = str(file.resolve())
    if file.suffix.lower() != ".csv" or not file.is_file():
        return SourceSpec(path=path)
    with guard_files(file, "the table cannot be read"), file.open("rb") as content:
        head = content.readline(HEAD)
    semicolons = head.count(b";") > head.count(b",")
    return SourceSpec(path=path, delimiter=";") if semicolons else SourceSpec(path=path)


def _refuse_misfits(told: pd.DataFrame, assigned: pd.DataFrame, where: str) -> None:
    day = told[CASE].map(assigned.set_index(CASE)[AS_OF])
    done = told[DONE] == 1
    tomorrow = pd.Timestamp(read_clock().date()) + pd.Timedelta(days=1)
    wrong = {
        "is about a case that was on no list": (day.isna(), "cases that `--assign` listed"),
        "tells of a case again": (told[CASE].duplicated(), "one row a case"),
        "says that it was done, and not when": (done & told[DONE_ON].isna(), "a day in `done_on`"),
        "lies before the case was assigned": (
            told[DONE_ON] < day,
            "what was done from the day of the list on",
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
                f"row {first:,} {what} (case {told.loc[first, CASE]}); "
                f"{int(rows.sum()):,} of {len(told):,} rows are so",
                where=where,
                expected=expected,
                next_step="correct the table; what was recorded is untouched",
            )


def measure_following(
    told: pd.DataFrame, compared: pd.DataFrame, groups: pd.DataFrame, least: int
) -> pd.DataFrame:
    """Measure adherence among those whom the design compares, by arm and group.

    A case that is not told of was not done. Groups of fewer than `least` in an arm are hidden.
    """
    done = compared[CASE].map(told.set_index(CASE)[DONE]).fillna(0.0).to_numpy(np.float64)
    kept = pd.Series(np.where(compared[ARM] == SERVED, done, 1 - done), index=compared.index)
    sorted_by = groups.set_index(CASE).reindex(compared[CASE]).set_index(compared.index)
    rows = []
    for name in ("", *sorted_by):
        own = sorted_by[name] if name else pd.Series("", index=compared.index)
        few = find_few(own, compared[ARM], least) if name else set()
        for (group, arm), part in kept.groupby([own, compared[ARM]], sort=True):
            shown = (-1, np.nan) if group in few else (len(part), float(part.mean()))
            rows.append((name, group, arm, *shown))
    return pd.DataFrame(rows, columns=list(FOLLOWED))
