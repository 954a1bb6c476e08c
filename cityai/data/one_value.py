"""What must have one value at a time, and what must not have one value for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, PERIOD, VALUE
from cityai.config.dimension import DimensionSpec
from cityai.config.project import BaseProjectSpec, ProjectSpec
from cityai.data.features.as_of_join import find_positions
from cityai.data.outages import LEAST_PERIODS
from cityai.data.quality_facts import ONE_VALUE
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.records.events import Events

CODE: Final = "quality.one_value"
CONSTANT: Final = "quality.constant"
NET: Final = 0.05
"""Share of amounts below 0, without their sign, from which shares of the sum mislead."""
ON_DAYS: Final = (
    say(
        "'{column}' has several values for the same {label} on the same day: {count:,} of "
        "{total:,} days ({many} concerned: {figure:,.0f}). One of them is used for the whole."
    ),
    say("No {label} has two values of an attribute, or two areas, on one day."),
)
IN_CASES: Final = (
    say(
        "'{column}' has several values in the rows of one case, in {count:,} of {total:,} cases. "
        "The first in time is used."
    ),
    say("No case of any {label} has two values of an attribute in its rows."),
)
"""What is said where there are several, and where there are none."""
ALIKE: Final = 0.95
"""Share of periods with a place's usual amount from which it does not vary."""
MOST: Final = 0.01
"""A larger share of days with several values is no typing error: an entity is several things."""


def find_several(
    facts: pd.DataFrame, spec: BaseProjectSpec, said: tuple[str, str]
) -> Iterator[Finding]:
    """Say for each attribute, and the area, how often it has several values at one time."""
    counted = facts[facts["fact"] == ONE_VALUE]
    title = say("One value of an attribute at a time")
    several = counted[counted["good"] < counted["total"]]
    label, many = spec.question.entity.label, spec.question.entity.label_plural
    for row in several.to_dict("records"):
        count = int(row["total"] - row["good"])
        reason = said[0].format(
            column=row["column"],
            label=label,
            count=count,
            total=row["total"],
            many=many,
            figure=row["figure"],
        )
        share = count / row["total"]
        yield Finding(CODE, Status.FAIL, title, reason, share, 0.0, "share", str(row["column"]))
    if len(counted) and several.empty:
        yield Finding(CODE, Status.PASS, title, said[1].format(label=label), 0.0, 0.0, "share")


def find_constant(snapshot: Events, spec: ProjectSpec) -> Finding:
    """Say whether the amount of a place is nearly always the same, and not nothing.

    Rows that are counted where an amount beside them should be added up are as many in each period.
    """
    entities = list(snapshot.table[ENTITY].unique())
    by = [find_positions(snapshot.table[ENTITY], entities), snapshot.table[PERIOD]]
    wide = snapshot.table.groupby(by)[VALUE].sum(min_count=1).unstack()
    wide = wide.reindex(columns=range(snapshot.periods.count))
    if spec.question.missing_periods == "zero":
        # Before its first row nothing is known of a place.
        wide = wide.fillna(0.0).where(wide.notna().cummax(axis=1))
    wide = wide[wide.notna().sum(axis=1) >= LEAST_PERIODS]
    amounts = wide.to_numpy(np.float64)
    usual = find_usual(amounts)[:, None]
    same = (amounts == usual) & (usual != 0)
    share = float(same.sum() / max((~np.isnan(amounts)).sum(), 1))
    title = say("An amount that varies")
    label, unit = spec.question.entity.label, spec.question.unit
    if spec.question.entity.columns:
        whose = say("The {unit} of one {label}", unit=unit, label=label)
    else:
        whose = say("The {unit}", unit=unit)
    if share < ALIKE:
        reason = say("{amounts} are not always the same.", amounts=whose)
        return Finding(CONSTANT, Status.PASS, title, reason, share, ALIKE, "share")
    reason = say(
        "{amounts} are the same in nearly every period ({share:.0%}): "
        "there is nothing to forecast. Perhaps rows are counted where a column "
        "should be added up (`question.measure: sum`).",
        amounts=whose,
        share=share,
    )
    return Finding(CONSTANT, Status.FAIL, title, reason, share, ALIKE, "share")


def find_net(snapshot: Events, spec: ProjectSpec) -> Iterator[Finding]:
    """Yield a finding where amounts below 0 cancel much of what came: shares are of the rest."""
    amounts = snapshot.table[VALUE].dropna()
    gross = float(amounts.abs().sum())
    share = float(-amounts[amounts < 0].sum()) / gross if gross else 0.0
    if share < NET:
        return
    reason = say(
        "Amounts below 0 make up {share:.0%} of the {unit}, counted without their sign. Figures "
        "that are shares of what came (average error, more than forecast, too high or too low) "
        "are shares of the sum that is left, and so larger than the errors are; the mean absolute "
        "error is not.",
        share=share,
        unit=spec.question.unit,
    )
    title = say("Amounts that cancel each other")
    yield Finding("quality.net", Status.FAIL, title, reason, share, NET, "share")


def find_usual(amounts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mode of each row, the least of several; NaN where a row has no amount."""
    usual, before = np.full((2, len(amounts)), np.nan)
    most, run = np.zeros((2, len(amounts)), dtype=np.int64)
    for value in np.ascontiguousarray(np.sort(amounts, axis=1).T):
        run = np.where(value == before, run + 1, 1)
        longer = (run > most) & ~np.isnan(value)
        usual[longer], most[longer], before = value[longer], run[longer], value
    return usual


def refuse_several(facts: pd.DataFrame, spec: BaseProjectSpec) -> None:
    """Refuse groups by an attribute, or an area, of which entities have several at a time."""
    counted = {r["column"]: r for r in facts[facts["fact"] == ONE_VALUE].to_dict("records")}
    entity = spec.question.entity
    for name, dimension in spec.audit.dimensions.items():
        column = _find_column(dimension, entity.area)
        if column not in counted:
            continue
        good, total = counted[column]["good"], counted[column]["total"]
        if total - good > MOST * total:
            key = ", ".join((*entity.columns, column))
            raise DataError(
                f"the column '{column}' has several values for one {entity.label} on one day, on "
                f"{total - good:,} of {total:,} days, so its groups cannot be told apart",
                where=f"audit.dimensions.{name}",
                expected=f"one value for each {entity.label} at a time",
                next_step=f"ask about each of them: `question.entity.columns: [{key}]`; or take "
                "the dimension out",
            )


def _find_column(dimension: DimensionSpec, area: str | None) -> str:
    if dimension.attribute in (None, "area"):
        return area or ""
    return str(dimension.attribute)
