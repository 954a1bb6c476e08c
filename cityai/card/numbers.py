"""The way a card writes numbers: in plain English, as a record holds them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cityai.i18n.messages import count_points, say, write

MOST_FIGURES: Final = 20_000
"""Figures that are kept as they are written: those of many places are often the same."""

MISSING: Final = "–"


def write_number(value: float | None, unit: str, least: int = 0) -> str:
    """Write a figure as a reader reads it: shares as percent, thousands with commas.

    The figure is not rounded further: what the record holds is what the page shows. It has `least`
    decimals at least, as what stands beside it has (`count_alike`).
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if unit == "share":
        return _trim(value, 2, "%", least=least)
    text = _trim(value, 4, least=least)
    return text if unit in {"ratio", ""} else text + " " + unit


def write_gap(value: float | None, unit: str, *, signed: bool = True, least: int = 0) -> str:
    """Write a difference, signed or not; differences of shares are percentage points."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = write_bare(value, unit, gap=signed, least=least)
    if unit == "share":
        return count_points(text)
    return text if unit in {"ratio", ""} else text + " " + unit


def write_interval(low: float | None, high: float | None, unit: str, *, gap: bool = False) -> str:
    """Write an interval, both ends as finely, or a dash where there is none."""
    if low is None or high is None:
        return MISSING
    write_end = write_gap if gap else write_number
    least, most = count_alike((low, high), unit)
    finite = math.isfinite(low) and math.isfinite(high)
    left = write_bare(low, unit, gap=gap, least=least) if finite else write_end(low, unit)
    return say("{left} to {right}", left=left, right=write_end(high, unit, least=most))


def write_even(values: Sequence[float | None], unit: str) -> list[str]:
    """Write figures that were rounded alike, as a column: no final 0 is left out."""
    least = count_alike(values, unit)
    return [write_number(v, unit, n) for v, n in zip(values, least, strict=True)]


def count_alike(values: Sequence[float | None], unit: str) -> list[int]:
    """Return the decimals of figures that stand together: no final 0 of one is left out.

    As many as any of them has, but no more than a figure of that size is rounded to.
    """
    most = max((count_decimals(v, unit) for v in values), default=0)
    return [min(most, _find_room(v, unit)) for v in values]


def count_decimals(value: float | None, unit: str) -> int:
    """Return how many decimals a figure is written with; of a share in percent."""
    if value is None or not math.isfinite(value):
        return 0
    return len(write_bare(value, unit, gap=False).partition(".")[2])


def _find_room(value: float | None, unit: str) -> int:
    """Return to how many decimals figures of this size are rounded where none is left out."""
    if unit == "share":
        return 1
    if unit == "ratio":
        return 2
    digits = 2 if unit == "days" else 4
    if not value or not math.isfinite(value):
        return 0
    return max(digits - 1 - math.floor(math.log10(abs(value))), 0)


def write_figure(
    value: float | None, between: tuple[float, float] | None, unit: str, *, gap: bool = False
) -> str:
    """Write a figure, or what it lies between where it is not said exactly."""
    if between is None:
        return write_gap(value, unit) if gap else write_number(value, unit)
    low, high = between
    if gap or (low > 0 and not (unit == "share" and high >= 1)):
        return write_interval(low, high, unit, gap=gap)
    least, most = write_number(low, unit), write_number(high, unit)
    if low <= 0:
        return say("at most {most}", most=most)
    return say("at least {least}", least=least)


def round_brief(value: float | None, unit: str) -> float | None:
    """Round to two significant digits, as figures outside the annex are; some is never all.

    Ratios have two decimals: 1.00 stands beside 0.94. What the record rounded to a half already is
    not rounded again: 0.205 may have been 0.2046, or 0.2054, of which one is 20 % and one 21 %.
    """
    if not value or not math.isfinite(value):
        return value
    digits = 1 - math.floor(math.log10(abs(value)))
    digits = max(digits, 2) if unit == "ratio" else digits
    rounded = round(value, digits + is_half(value, digits))
    return 0.99 if unit == "share" and value < 1 <= rounded else rounded


def is_half(value: float, digits: int) -> bool:
    """Tell whether a figure lies halfway between two of so many digits behind the point."""
    part = abs(value) * 10.0**digits % 1
    return abs(part - 0.5) < 1e-6


def write_hundredths(*shares: float) -> list[str]:
    """Write shares out of a hundred, whole where that tells them apart and rounds none twice."""
    whole = {round(share * 100) for share in shares}
    fine = min(shares) < 0.01 or len(whole) < len({*shares}) or any(is_half(s, 2) for s in shares)
    return [write(share * 100, ".1f" if fine else ".0f") for share in shares]


def write_alike(values: Sequence[float | None], unit: str) -> list[str]:
    """Write figures that stand together as finely as the finest, which has two digits."""
    decimals = find_finest(values, unit)
    return [write_to(value, unit, decimals) for value in values]


def find_finest(values: Sequence[float | None], unit: str) -> int:
    """Return the most decimals that figures with two significant digits have."""
    return max((count_decimals(round_brief(v, unit), unit) for v in values), default=0)


def write_to(value: float | None, unit: str, decimals: int, *, gap: bool = False) -> str:
    """Write a figure, or a gap, with so many decimals; of a share in percent."""
    rounded = _round_to(value, unit, decimals)
    least = min(decimals, _find_room(rounded, unit))
    return write_gap(rounded, unit, least=least) if gap else write_number(rounded, unit, least)


def _round_to(value: float | None, unit: str, decimals: int) -> float | None:
    if value is None or not math.isfinite(value):
        return value
    rounded = round(value, decimals + 2 if unit == "share" else decimals)
    return value if unit == "share" and value < 1 <= rounded else rounded


def write_sure(
    value: float | None, low: float | None, high: float | None, unit: str, *, gap: bool = False
) -> str:
    """Write a figure with two significant digits and its interval as finely, where it has one.

    An end that is not 0 is not written as 0: it tells on which side of it the interval lies.
    """
    if value is None or low is None or high is None:
        return write_brief_gap(value, None, unit) if gap else write_brief(value, unit)
    decimals = count_decimals(round_brief(value, unit) or round_brief(high, unit), unit)
    ends = [end for end in (low, high) if end and math.isfinite(end)]
    while decimals < 4 and any(
        not _round_to(end, unit, decimals) or (unit == "share" and is_half(end, decimals + 2))
        for end in ends
    ):
        decimals += 1
    known = [_round_to(v, unit, decimals) for v in (value, low, high)]
    least = count_alike(known, unit)[0]
    told = write_gap(known[0], unit, least=least) if gap else write_number(known[0], unit, least)
    return say("{told} ({low})", told=told, low=write_interval(known[1], known[2], unit, gap=gap))


def write_brief(value: float | None, unit: str) -> str:
    """Write a figure with two significant digits, a ratio with two decimals."""
    return write_number(round_brief(value, unit), unit, 2 if unit == "ratio" else 0)


def write_brief_figure(value: float | None, between: tuple[float, float] | None, unit: str) -> str:
    """Write a figure with two significant digits, or the range that it is said to lie in."""
    return write_brief(value, unit) if between is None else write_figure(value, between, unit)


def write_brief_gap(gap: float | None, between: tuple[float, float] | None, unit: str) -> str:
    """Write a gap with two significant digits, or the range that it is said to lie in."""
    if between is None:
        return write_gap(round_brief(gap, unit), unit, least=2 if unit == "ratio" else 0)
    return write_figure(gap, between, unit, gap=True)


def write_count(value: float | None) -> str:
    """Write a whole number with commas."""
    return MISSING if value is None else write(value, ",.0f")


def write_bare(value: float, unit: str, *, gap: bool, least: int = 0) -> str:
    """Write a number without its unit: shares in percent."""
    size = value * 100 if unit == "share" else value
    return _trim(size, 2 if unit == "share" else 4, sign="+" if gap else "", least=least)


@lru_cache(maxsize=MOST_FIGURES, typed=True)
def _trim(value: float, decimals: int, share: str = "", sign: str = "", least: int = 0) -> str:
    """Write a number with as many decimals as say something or are asked, with print's minus."""
    size = abs(value * 100 if share else value)
    if size and size < 0.5 * 10.0**-decimals:
        decimals = -math.floor(math.log10(float(f"{size:.1g}")))
    text = f"{size:.{decimals}f}".rstrip("0") if decimals else f"{size:.0f}"
    kept = max(len(text.partition(".")[2]), least)
    return write(value if float(text) else 0.0, f"−{sign},.{kept}{share or 'f'}")
