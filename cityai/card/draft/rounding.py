"""How finely a figure is published.

A rate of a small group with many decimals gives its counts away: for fifty people or fewer, four
decimals name the exact fraction. So groups of fewer than 200 get two,
larger ones three: a tenth of a percent, as the sentences say it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from cityai.assessment.metrics import find_metric
from cityai.columns import Y_HIGH, Y_LOW, Y_TRUE

SMALL_GROUP: Final = 200
RATE_DECIMALS: Final = 3
SMALL_RATE_DECIMALS: Final = 2
DIGITS: Final = 4
SMALL_DIGITS: Final = 3
PERIOD_STEP: Final = 20
"""Numbers of people are rounded to this, and totals of periods where one of them is hidden."""


def round_people(n: float) -> int:
    """Round a number of people, so that few who came since the last card do not follow from two."""
    return round(n / PERIOD_STEP) * PERIOD_STEP


def find_size(metric: str, n: object, amount: object) -> float | None:
    """Return the denominator of a figure: predictions, or the amount that happened."""
    known = find_metric(metric)
    over_rows = known is not None and known.precision == "rows"
    size = n if over_rows or amount is None else amount
    return None if size is None else float(size)  # type: ignore[arg-type]


def count_decimals(value: float, unit: str, n: float | None) -> int:
    """Return the decimals that a figure is published with (may be negative).

    Parameters
    ----------
    value : float
        The figure.
    unit : str
        ``share`` and ``ratio`` are rates; ``days`` get two significant digits (whole days from ten
        on), other units more.
    n : float or None
        Its denominator (`find_size`); unknown counts as few.
    """
    few = n is None or math.isnan(n) or n < SMALL_GROUP
    if unit in {"share", "ratio"}:
        if few or (unit == "ratio" and abs(value) >= 0.1):
            return SMALL_RATE_DECIMALS
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        return max(RATE_DECIMALS - whole, 0)
    digits = SMALL_DIGITS if few else DIGITS
    if value == 0 or not math.isfinite(value):
        return 0
    if unit == "days":
        return max(1 - math.floor(math.log10(abs(value))), 0)
    return digits - 1 - math.floor(math.log10(abs(value)))


def round_figure(value: object, unit: str, n: float | None) -> float | None:
    """Round a figure for publication; nothing where it is missing or not finite."""
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return None
    rounded = round(number, count_decimals(number, unit, n))
    return 0.0 if rounded == 0 else rounded


def _round_total(value: object, step: int = 0) -> float | None:
    """Round a city-wide total to four significant digits, whole numbers below 10,000 kept.

    With a `step`, to multiples of it: where the total of one period is hidden, the others together
    would give it away.
    """
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return None
    if step:
        return float(round(number / step) * step)
    if abs(number) < 10_000:
        return round(number, 1 if abs(number) < 1_000 else 0)
    return round_figure(number, "total", SMALL_GROUP)


def round_totals(sums: Mapping[str, float], step: int = 0) -> dict[str, float | None]:
    """Round the totals of a period so that what happened stays on its side of either end.

    What differs by less than the rounding has as many digits more as tell it apart; not with a
    `step`, which hides.
    """
    shown = {name: _round_total(value, step) for name, value in sums.items()}
    banded = [name for name in (Y_TRUE, Y_LOW, Y_HIGH) if shown.get(name) is not None]
    decimals = 0
    while not step and len(banded) == 3 and decimals < 7 and not _keeps_sides(sums, shown):
        shown |= {name: round(float(sums[name]), decimals) for name in banded}
        decimals += 1
    return shown


def _keeps_sides(sums: Mapping[str, float], shown: Mapping[str, Any]) -> bool:
    (low, high), (low_shown, high_shown) = (
        [told[Y_TRUE] - told[end] for end in (Y_LOW, Y_HIGH)] for told in (sums, shown)
    )
    sides = ((low, low_shown), (high, high_shown))
    return all(abs(a) < 1e-6 or ((a > 0) == (b > 0) and (a < 0) == (b < 0)) for a, b in sides)


def round_forecast(value: float, step: int = 0, side: int = 0) -> float | None:
    """Round a forecast of one place to two significant digits; nothing where it is not finite.

    Parameters
    ----------
    value : float
        The forecast, or an end of its range.
    step : int
        Multiples of it instead, where it is coarser; 0 for none.
    side : int
        -1 for downwards, 1 for upwards: the ends of a range; 0 for the nearest.
    """
    if not math.isfinite(value):
        return None
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 1.0
    unit = max(size, float(step))
    # What is a multiple already stays one, whatever binary fractions make of it.
    near = round(value / unit, 9)
    whole = round(near) if side == 0 else math.floor(near) if side < 0 else math.ceil(near)
    return round(whole * unit, 9) + 0.0


def round_residents(people: float, least: int) -> float | None:
    """Round how many live in a place to two significant digits; nothing where few do."""
    return round_forecast(people) if people >= least else None
