"""What baselines are called, and where another way stands in for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cityai.columns import AREA_AVERAGE, AVERAGE_BY, YEAR_AVERAGE
from cityai.config.project import AuditableSpec, ProjectSpec
from cityai.data.panel import count_delay
from cityai.data.periods import SEASON, YEAR, by_period
from cityai.findings import Finding, Status
from cityai.i18n.messages import capitalize, say

_SAME_SEASON: Final = by_period(
    day=say("the same weekday last week"),
    week=say("the same week last year"),
    month=say("the same month last year"),
)

_SAME_PERIOD: Final = by_period(
    day=say("the same day last year"),
    week=say("the same week last year"),
    month=say("the same month last year"),
)
_LAST_SEASON: Final = by_period(
    day=say("the last known same weekday"),
    week=say("the last known same week"),
    month=say("the last known same month"),
)
_LAST_YEAR: Final = {**_LAST_SEASON, "day": say("the last known same day of a year")}
"""What these are where some of the periods asked about lie more than a season, a year, ahead."""
_LAST_PERIODS: Final = by_period(
    day=say("the average of the last days"),
    week=say("the average of the last weeks"),
    month=say("the average of the last months"),
)
STAND_IN: Final = "backtest.stand_in"
MOST: Final = 0.05
"""Share of the forecasts from which on a comparison is not what its name says."""


def name_baseline(
    name: str, period: str, labels: Mapping[str, str] = MappingProxyType({}), reach: int = 0
) -> str:
    """Return what a baseline is called: ``the same month last year``.

    Parameters
    ----------
    name, period : str
        Of the baseline; of the question.
    labels : mapping of str to str
        Words for the columns of the data, for averages by one of them.
    reach : int
        Periods from the last total that is known to the last that is asked about.
    """
    if name.startswith(AVERAGE_BY):
        column = name.removeprefix(AVERAGE_BY)
        label = labels.get(column) or column.replace("_", " ")
        return say("the bare average by {label}", label=label)
    season = _LAST_SEASON if reach > SEASON.get(period, reach) else _SAME_SEASON
    year = _LAST_YEAR if reach > YEAR.get(period, reach) else _SAME_PERIOD
    return {
        "city_rule": say("the city's present rule"),
        "seasonal_naive": season.get(period, say("the same season before")),
        "same_period_last_year": year.get(period, say("the same period last year")),
        "recent_mean": _LAST_PERIODS.get(period, say("the average of the last periods")),
        AREA_AVERAGE: say("the area's average"),
        YEAR_AVERAGE: say("the average of the last year"),
        "actual_order": say("the order that really happened"),
        "past_rate": say("each one's own past rate"),
        "city_score": say("the city's own score"),
    }.get(name, name.replace("_", " "))


def label_baseline(name: str, spec: AuditableSpec) -> str:
    """Return the same, a column by the city's own word for it."""
    labels = {n: column.label for n, column in spec.contract.items() if column.label}
    period, reach = "", 0
    if isinstance(spec, ProjectSpec):
        period = spec.question.period
        reach = count_delay(spec) + spec.question.lead + spec.question.horizon
    return name_baseline(name, period, labels, reach)


def judge_stand_ins(
    counted: Mapping[str, int], rows: int, stand_in: str, spec: ProjectSpec
) -> Iterator[Finding]:
    """Say for how many forecasts a baseline has nothing to repeat; nothing where it always has.

    Parameters
    ----------
    counted : mapping of str to int
        From `cityai.modeling.stand_ins.count_stand_ins`.
    rows : int
        Forecasts that were scored.
    stand_in : str
        Name of the baseline that stands in.
    spec : ProjectSpec
        Its ``question`` gives the baselines their names.
    """
    period = spec.question.period
    for name, count in counted.items():
        if not count:
            continue
        label = label_baseline(name, spec)
        reason = say(
            "{label} is not in the history for {count:,} of {rows:,} forecasts of the tests: "
            "{other} stands in for it there, and figures of it are partly of that.",
            label=label,
            count=count,
            rows=rows,
            other=name_baseline(stand_in, period),
        )
        yield Finding(
            STAND_IN,
            Status.NOT_ENOUGH if count >= MOST * rows else Status.PASS,
            say("A history long enough for {label}", label=label),
            capitalize(reason),
            count / rows,
            MOST,
            "share",
            name,
        )
