"""Amounts that somebody else forecast: units, totals, and forecasts that knew the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, ENTITY, STEP, Y_HIGH, Y_LOW, Y_PRED, Y_TRUE
from cityai.findings import Finding, Status
from cityai.i18n.messages import say, write
from cityai.records.predictions import Predictions

FAR: Final = 20.0
"""Times that outcomes are as large as forecasts, or the other way round: another unit."""
FAR_ROW: Final = 100.0
"""Times that a row is farther off than most."""
EXACT: Final = 0.05
"""Share of forecasts that are the outcome to the last digit."""
FEWEST: Final = 20
"""With fewer rows nothing is said."""
TOTAL: Final = 0.9
"""Share of moments in which one entity is the sum of all others."""

_LARGER: Final = say(
    "Outcomes are {times} times their forecasts (half of them more, half less): they may be in "
    "different units, such as kilograms and tons."
)
_SMALLER: Final = say(
    "Forecasts are {times} times their outcomes (half of them more, half less): they may be in "
    "different units, such as kilograms and tons."
)


def find_amounts(predictions: Predictions) -> Iterator[Finding]:
    """Tell what in amounts is there by a mistake of the table."""
    yield from _find_below_zero(predictions)
    yield from _find_units(predictions)
    yield from _find_exact(predictions)
    yield from _find_outside(predictions)
    yield from _find_total(predictions)


def _find_below_zero(predictions: Predictions) -> Iterator[Finding]:
    """Tell amounts below zero: shares of what came to pass are then no parts of a whole."""
    table = predictions.table
    below, total = int((table[[Y_TRUE, Y_PRED]] < 0).any(axis=1).sum()), len(table)
    if not below:
        return
    reason = say(
        "In {below:,} of {total:,} rows the outcome or the forecast is below zero. A share of the "
        "amount is then no part of it: it may exceed 100%, and a sum near zero makes it large. "
        "Figures in {unit} hold.",
        below=below,
        total=total,
        unit=predictions.unit,
    )
    title = say("No amount is below zero")
    code, status = "audit.below_zero", Status.NOT_ENOUGH
    yield Finding(code, status, title, reason, float(below), 0.0, "rows")


def _find_units(predictions: Predictions) -> Iterator[Finding]:
    """Tell outcomes that are written in another unit than forecasts, all or some."""
    code, title = "audit.units", say("Outcomes and forecasts are in one unit")
    rows = predictions.table[[Y_TRUE, Y_PRED]].dropna()
    rows = rows[(rows > 0).all(axis=1)]
    if len(rows) < FEWEST:
        return
    times = pd.Series(np.log(rows[Y_TRUE] / rows[Y_PRED]), index=rows.index)
    middle = float(times.median())
    if abs(middle) > np.log(FAR):
        told = _LARGER if middle > 0 else _SMALLER
        reason = told.format(times=write(float(np.exp(abs(middle))), ",.0f"))
        yield Finding(code, Status.FAIL, title, reason, float(np.exp(middle)), None, "times")
        return
    large = rows[Y_PRED] >= rows[Y_PRED].median() / 10
    far = int(((times - middle).abs() > np.log(FAR_ROW))[large].sum())
    if far:
        reason = say(
            "In {far:,} of {total:,} rows outcome and forecast are more than a hundred times "
            "apart, though both are above zero: their unit, or their decimal mark, may differ.",
            far=far,
            total=len(rows),
        )
        yield Finding(code, Status.NOT_ENOUGH, title, reason, float(far), 0.0, "rows")


def _find_exact(predictions: Predictions) -> Iterator[Finding]:
    """Tell forecasts that are the outcome to the last digit: they may have been made after it."""
    rows = predictions.table[[Y_TRUE, Y_PRED]].dropna()
    # Small whole numbers are hit by chance.
    rows = rows[(rows[Y_TRUE].abs() >= 1000) | (rows[Y_TRUE] % 1 != 0)]
    same = int((rows[Y_TRUE] == rows[Y_PRED]).sum())
    if len(rows) < FEWEST or same <= EXACT * len(rows):
        return
    reason = say(
        "In {same:,} of {total:,} rows the forecast is the outcome to the last digit: it may have "
        "been made, or filled in, when the outcome was known. Take these rows out, or the figures "
        "are too good.",
        same=same,
        total=len(rows),
    )
    title = say("No forecast knew the outcome")
    yield Finding("audit.exact", Status.FAIL, title, reason, same / len(rows), EXACT, "share")


def _find_outside(predictions: Predictions) -> Iterator[Finding]:
    """Tell forecasts that lie outside their own range."""
    table = predictions.table
    outside = (table[Y_PRED] < table[Y_LOW]) | (table[Y_PRED] > table[Y_HIGH])
    count, total = int(outside.sum()), int(table[Y_LOW].notna().sum())
    if not count:
        return
    reason = say(
        "In {count:,} of {total:,} rows with a range the forecast lies outside it: the columns may "
        "belong to different forecasts.",
        count=count,
        total=total,
    )
    title, share = say("Forecasts lie in their ranges"), count / total
    yield Finding("audit.outside_range", Status.NOT_ENOUGH, title, reason, share, 0.0, "share")


def _find_total(predictions: Predictions) -> Iterator[Finding]:
    """Tell an entity that is the sum of all others: it would count everything twice."""
    table = predictions.table
    rows = table[[ENTITY, AS_OF, STEP, Y_TRUE, Y_PRED]].copy()
    amount = Y_TRUE if rows[Y_TRUE].notna().any() else Y_PRED
    moment = rows.groupby([AS_OF, STEP])
    whole, count = moment[amount].transform("sum"), moment[amount].transform("count")
    half = (count > 3) & (whole != 0) & np.isclose(2 * rows[amount], whole, rtol=1e-6)
    share = half.groupby(rows[ENTITY]).mean()
    many = rows[ENTITY].value_counts().reindex(share.index)
    totals = pd.Index(share[(share >= TOTAL) & (many >= 3)].index)
    if len(totals) != 1:
        return
    reason = say(
        "'{entity}' is the sum of all others at nearly every moment, so everything counts twice. "
        "Leave its rows out of the file.",
        entity=str(totals[0]),
    )
    title = say("No row is the sum of others")
    yield Finding("audit.total", Status.FAIL, title, reason)
