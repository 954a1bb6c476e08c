"""What is said of how much more evidence would decide a gap."""

from __future__ import annotations

import math
from typing import Final

from cityai.i18n.messages import say, say_n, write, write_bounds

NEVER: Final = say(
    "More {blocks} alone are not likely to decide it: more than ten times as many would be needed."
)
TEN_YEARS: Final = say("It will not be decided within ten years at this limit.")
DECADE: Final = 3652.5
"""Days; what takes longer is not told as a number of periods."""


def tell_more(
    few: float, many: float, blocks: float, word: str, days: float, members: float
) -> str:
    """Say how much more evidence would decide a gap: a range, in time where it takes time.

    Parameters
    ----------
    few, many : float
        Further blocks, from `foresee_blocks`.
    blocks : float
        Those that there are.
    word : str
        What several are called.
    days : float
        From one period to the next; NaN of entities.
    members : float
        Entities for each that counts in the figure.
    """
    timed, most = math.isfinite(days), most_blocks(blocks, days)
    if not few <= most:
        return TEN_YEARS if timed else NEVER.format(blocks=word)
    first = _round_up(few * members)
    if not many <= most:
        least = _round_up(few) if members > 1.05 else ""
        return _ask_at_least(_ceil(few * members), first, word, least)
    n, between = _ceil(many * members), write_bounds(first, _round_up(many * members))
    if timed:
        return say_n(
            "About {many} more like these, over {span}, would decide it.",
            "About {many} more {blocks} like these, over {span}, would decide it.",
            n, many=between, blocks=word, span=_say_span(few * days, many * days),
        )  # fmt: skip
    if members > 1.05:
        return say_n(
            "About {many} more like these would decide it; {counted} of them would count in this "
            "figure.",
            "About {many} more {blocks} like these would decide it; {counted} of them would count "
            "in this figure.",
            n, many=between, blocks=word, counted=write_bounds(_round_up(few), _round_up(many)),
        )  # fmt: skip
    return say_n(
        "About {many} more like these would decide it.",
        "About {many} more {blocks} like these would decide it.",
        n, many=between, blocks=word,
    )  # fmt: skip


def _ask_at_least(n: int, few: str, word: str, counted: str) -> str:
    """Say how many are needed at least, where nobody can say how many would decide it."""
    if counted:
        return say_n(
            "At least {few} more like these would be needed to decide it; {few_counted} of them "
            "would count in this figure.",
            "At least {few} more {blocks} like these would be needed to decide it; {few_counted} "
            "of them would count in this figure.",
            n, few=few, blocks=word, few_counted=counted,
        )  # fmt: skip
    return say_n(
        "At least {few} more like these would be needed to decide it.",
        "At least {few} more {blocks} like these would be needed to decide it.",
        n, few=few, blocks=word,
    )  # fmt: skip


def _say_span(low: float, high: float) -> str:
    """Say how long something takes, from days: in months, in years from two on."""
    months = high < 730
    first, last = (math.ceil(d / (365.25 / 12 if months else 365.25)) for d in (low, high))
    span = write_bounds(write(first, ","), write(last, ","))
    if months:
        return say_n("{span} month", "{span} months", last, span=span)
    return say_n("{span} year", "{span} years", last, span=span)


def most_blocks(blocks: float, days: float) -> float:
    """Return how many more blocks can be waited for: ten years of periods, ten times as many."""
    return DECADE / days if math.isfinite(days) else 10 * blocks


def round_up(size: float) -> float:
    """Round up to two digits: nothing smaller is promised."""
    unit = 10.0 ** (math.floor(math.log10(size)) - 1) if size > 0 else 1.0
    return float(f"{math.ceil(size / unit - 1e-9) * unit:.2g}")


def _round_up(count: float) -> str:
    """Say a number that is only about so: two digits of it."""
    return write(_ceil(count), ",")


def _ceil(count: float) -> int:
    return math.ceil(round_up(count))
