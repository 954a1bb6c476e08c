"""What surrounds a row: the calendar of its period, and the attributes of its entity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import NOT_RECORDED
from cityai.config.project import BaseProjectSpec
from cityai.data.calendar import CALENDAR, build_calendar
from cityai.data.features.as_of_join import find_positions
from cityai.data.periods import Periods
from cityai.data.rows import Feature, Floats, Ints
from cityai.errors import DataError

AHEAD: Final = 64
"""Periods to which the calendar is rounded up."""


def describe_calendar(
    periods: Periods,
    at: Ints,
    spec: BaseProjectSpec,
    prefix: str = "",
    tell: Callable[[str], str] = str,
) -> Iterator[Feature]:
    """Yield what the city's calendar says of each row's period.

    Parameters
    ----------
    periods : Periods
        The time axis.
    at : numpy.ndarray
        Index of each row's period, in the shape in which rows are laid out.
    spec : BaseProjectSpec
        Whether the calendar is looked at, and the country of its holidays.
    prefix : str, optional
        Of the names.
    tell : callable, optional
        From the calendar's words to those of the feature.
    """
    if not spec.features.calendar:
        return
    # Of all moments the same is asked, so that it is made once.
    last = -(-max(int(at.max(initial=0)) + 1, periods.count) // AHEAD) * AHEAD
    table = build_calendar(periods, last, spec.city.country, spec.city.subdivision)
    for name, label in CALENDAR[periods.freq].items():
        yield Feature(prefix + name, tell(label), table[name].to_numpy(np.float32)[at])


def describe_attribute(
    name: str,
    label: str,
    column: pd.Series,
    categories: tuple[str, ...] | None,
    states: Ints | None = None,
) -> Feature:
    """Describe the rows by one recorded attribute.

    A text becomes a category, `not recorded` when it is missing or not known yet; a number stays a
    number, NaN when it is missing.

    Parameters
    ----------
    name, label : str
        Of the feature.
    column : pandas.Series
        What was recorded.
    categories : tuple of str or None
        Its texts, `not recorded` last; None for a number.
    states : numpy.ndarray, optional
        Position in `column` of what is in force for each row, -1 for nothing; the column is one
        value a row when omitted.
    """
    values: Floats | Ints
    if categories is None:
        values = np.append(column.to_numpy(np.float64), np.nan)
    else:
        texts = column.astype("object").where(column.notna(), NOT_RECORDED).astype(str)
        values = np.append(find_positions(texts, categories), len(categories) - 1)
        if (values < 0).any():
            strange = sorted(set(texts[values[:-1] < 0]))
            raise DataError(
                f"the attribute '{column.name}' has values that the plan of features does not "
                "know: " + ", ".join(strange[:5])
            )
    return Feature(name, label, values[:-1] if states is None else values[states], categories)
