"""Outcomes of places by period: what designs in which something begins somewhere are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY, OCCURRED_AT, VALUE, Y_TRUE
from cityai.config.evaluation import EvaluationSpec
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec, ProjectSpec
from cityai.config.risk import RiskSpec
from cityai.data.panel import build_panel
from cityai.data.periods import MONTH, SHORTEST_DAYS, WEEK, Periods, find_start
from cityai.errors import TimeError
from cityai.impact.records import PERIOD, UNIT
from cityai.pipeline.impact.faults import refuse_other_values, refuse_repeats
from cityai.pipeline.impact.outcomes import CASES, LOST, MEASURED_AT, name_table, read_outcomes
from cityai.pipeline.provenance import read_clock

if TYPE_CHECKING:
    from cityai.records.events import Events


def lay_axis(project: BaseProjectSpec, spec: EvaluationSpec) -> Periods:
    """Lay the periods of an evaluation out: months where the question is of months, else weeks.

    Those before its first day are counted below 0.

    Raises
    ------
    TimeError
        When the first day begins no period, or there are fewer than two.
    """
    if isinstance(project, RiskSpec):
        asked = project.question.decision.per
    else:
        asked = project.question.period if isinstance(project, ProjectSpec) else WEEK
    freq = MONTH if asked == MONTH else WEEK
    first = find_start(freq, pd.Timestamp(spec.starts))
    if first != pd.Timestamp(spec.starts):
        raise TimeError(
            f"no {freq} begins on {spec.starts}",
            where="starts",
            expected=f"such as {first:%Y-%m-%d}",
            next_step="correct `starts`",
        )
    count = int(Periods(freq, first, 0).index(pd.DatetimeIndex([pd.Timestamp(spec.ends)]))[0])
    if count < 2:
        raise TimeError(
            f"{spec.weeks} weeks hold {count} whole {freq}s",
            where="weeks",
            expected="two at least",
            next_step="correct `weeks`",
        )
    return Periods(freq, first, count)


def read_places(
    project: Project[BaseProjectSpec], spec: EvaluationSpec, events: Events, column: str = ""
) -> pd.DataFrame:
    """Read what was measured of places, period by period.

    Parameters
    ----------
    project, spec : Project, EvaluationSpec
        Which table, and which columns of it; its key holds places.
    events : Events
        The project's own data: the outcome's where the evaluation names no table.
    column : str, optional
        Another column of the outcome's table than the sealed one.

    Returns
    -------
    pandas.DataFrame
        ``unit`` (str), ``period`` (int64; 0 begins on the first day of the evaluation), ``value``
        (float64), ``cases`` (float64), ``lost`` (float64): one row a place and period. Rows of a
        table are averaged; amounts of a forecast's own table are added up, and missing where a part
        of them is.
    """
    axis = lay_axis(project.spec, spec)
    if spec.outcome.source is not None:
        rows = read_outcomes(project, spec, events, column, UNIT)
        where = name_table(project, spec)
        refuse_repeats(rows, where, str(spec.outcome.key), str(spec.outcome.time))
        is_past = (rows[MEASURED_AT] < pd.Timestamp(spec.starts)).to_numpy()
        refuse_other_values(rows, is_past, where)
    elif isinstance(project.spec, ProjectSpec):
        return _add_up(events, project.spec, spec, axis)
    else:
        name = AREA if spec.unit == "area" else ENTITY
        table = events.table[[name, OCCURRED_AT, Y_TRUE]].dropna(subset=[name])
        rows = table.set_axis([UNIT, MEASURED_AT, VALUE], axis=1)
    period = axis.index(rows[MEASURED_AT])
    means = rows[VALUE].groupby([rows[UNIT].astype(str), pd.Series(period, index=rows.index)])
    known = means.count()
    found = pd.DataFrame({VALUE: means.mean(), CASES: known, LOST: means.size() - known})
    found = found.astype("float64").rename_axis([UNIT, PERIOD]).reset_index()
    return found.astype({PERIOD: "int64"})


def _add_up(
    events: Events, project: ProjectSpec, spec: EvaluationSpec, axis: Periods
) -> pd.DataFrame:
    """Add the amounts of a panel up by place and period; a period that is not whole is left out."""
    panel = build_panel(events, project)
    names = pd.Series(panel.entity_ids)
    if spec.unit == "area":
        last = events.attributes.drop_duplicates(ENTITY, keep="last").set_index(ENTITY)[AREA]
        names = last.reindex(panel.entity_ids).reset_index(drop=True)
    period = axis.index(panel.periods.starts())
    own = pd.DataFrame(panel.final).T.groupby(names.to_numpy()).agg(_add_all).T
    size = SHORTEST_DAYS[axis.freq] // SHORTEST_DAYS[panel.periods.freq]
    summed = own.groupby(period).agg(_add_all)[np.bincount(period - period.min()) == size]
    long = summed.rename_axis(PERIOD).melt(ignore_index=False, var_name=UNIT, value_name=VALUE)
    found = long.dropna().reset_index()
    found = found.assign(unit=found[UNIT].astype(str), cases=1.0, lost=0.0)
    ordered: pd.DataFrame = found.sort_values([UNIT, PERIOD], ignore_index=True)
    return ordered.astype({PERIOD: "int64"})


def _add_all(amounts: pd.Series) -> float:
    """Add amounts up; missing where one of them is."""
    return float(amounts.sum(skipna=False))


def find_now(axis: Periods) -> int:
    """Return the period that is not over yet."""
    return int(axis.index(pd.DatetimeIndex([pd.Timestamp(read_clock().date())]))[0])
