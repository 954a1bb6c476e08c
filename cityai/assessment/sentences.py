"""English sentences of the assessment: every template in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from cityai.assessment.measurer import Paired
from cityai.assessment.metrics.amounts import AGAINST
from cityai.assessment.more_words import tell_more
from cityai.columns import EVERYWHERE
from cityai.findings import Status
from cityai.i18n.messages import COUNT, Message, capitalize, count_points, join, say, say_n, write
from cityai.inference.equivalence import Grade, Verdict
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

VERDICTS: Final[dict[Grade, str]] = {
    Grade.WITHIN: say("The gap of {gap} stays within the limit of {limit} ({low} to {high})."),
    Grade.BEYOND: say("The gap of {gap} is beyond the limit of {limit} ({low} to {high})."),
    Grade.NOT_SEEN: say(
        "No gap is seen: it is {gap}, {low} to {high}; whether it stays within the limit of"
        " {limit} is open. {more}"
    ),
    Grade.OPEN: say(
        "There is a gap of {gap}, {low} to {high}; whether it stays within the limit of {limit}"
        " is open. {more}"
    ),
    Grade.LEANS: say(
        "The gap of {gap} leans beyond the limit of {limit}, and that may be chance ({low} to"
        " {high}). {more}"
    ),
    Grade.TOO_FEW: say(
        "There is too little data to say: the gap of {gap} may be {low} to {high}, and the limit"
        " is {limit}. {more}"
    ),
}
RANGE_VERDICTS: Final[dict[Status, str]] = {
    Status.PASS: say("The gap stays within the limit of {limit}."),
    Status.FAIL: say("The gap is beyond the limit of {limit}."),
    Status.NOT_ENOUGH: (
        say(
            "There is not enough evidence to say whether the gap stays within the limit of {limit}."
        )
    ),
}
"""Verdicts on exact figures of which ranges alone may be said."""
NO_INTERVAL: Final = say(
    "There is not enough evidence to say whether the gap of {gap} stays within the limit of"
    " {limit}: {reason}."
)
TOO_FEW: Final = say("no interval from {blocks} {word}; at least {least} are needed")
UNVARYING: Final = say("no interval, because nothing varied between {word}")
UNSURE: Final = say(
    "no interval, because so few {word}, or so few that count, do not show how far it may vary"
)
FEW_FOR_DECIMALS: Final = 200
"""Below this amount a share is said in whole percent: decimals would give the count away."""
RANKED: Final = say(
    "{place}: of one with the outcome and one without, the score was higher for the first in "
    "{value} of all pairs. It is a figure without a limit."
)
RANKED_IN_LISTS: Final = say(
    "{place}: of one with the outcome and one without on the same list, the score was higher for "
    "the first in {value} of all pairs. It is a figure without a limit."
)
NO_RANKING: Final = say("No value: {reason}.")
NO_RANKING_OF_SHARES: Final = say(
    "No value: these are shares of residents, and single rows cannot be told apart by them."
)
NO_LIMIT: Final = say("No limit is declared for this metric.")
IS_REFERENCE: Final = say("This is what the others are compared with.")
SAME_PARTS: Final = say("Every place holds as large a part of it, so its figures cannot differ.")
NOT_COMPARED: Final = (IS_REFERENCE, SAME_PARTS)
"""How reasons end of a group that is no other than what it is compared with."""
NO_REFERENCE: Final = say("There is nothing to compare it with: {reference} has no figure to show.")
EMPTY: Final = say("No row belongs to this group.")


def say_share(share: float, digits: int = 1) -> str:
    """Say a share as people say it, with the figure beside: `about 1 in 8 (12.4%)`.

    It is rounded once, as the card does: both ways to say it follow from the same figure.
    """
    if share in (0.0, 1.0):
        return say("all (100%)") if share else say("none (0%)")
    step = 10.0 ** -(digits + 2)
    if 0 < share < step / 2:
        return say("fewer than 1 in {part:,}", part=round(2 / step))
    if 1 - step / 2 < share < 1:
        return say("nearly all (more than {part:.{digits}%})", part=1 - step, digits=digits)
    share = round(share, digits + 2)
    exact = write(share, f".{digits}%")
    if not 0 < share < 1:
        return exact
    if share >= 0.95:
        return say("nearly all ({exact})", exact=exact)
    if share <= 0.29:
        part = round(1 / share, -1 if share < 0.01 else None)  # of "0.6%", no more is known
        return say("about 1 in {part:,} ({exact})", part=int(part), exact=exact)
    said = [
        (abs(round(share * bottom) / bottom - share), round(share * bottom), bottom)
        for bottom in (2, 3, 4, 5)
        if 0 < round(share * bottom) < bottom
    ]
    off, top, bottom = min(said, default=(1.0, 0, 10))
    if off > 0.035:
        top, bottom = round(share * 10), 10
    if top < bottom and abs(top / bottom - share) <= 0.035:
        return say("about {top} in {bottom} ({exact})", top=top, bottom=bottom, exact=exact)
    return exact


def say_value(metric: Metric, value: float, unit: str, digits: int = 1) -> str:
    """Say a metric's value in its unit."""
    if metric.name == "bias":
        size = write(abs(value), f".{digits}%")
        if not value:
            return say("level")
        return say("{size} too high", size=size) if value > 0 else say("{size} too low", size=size)
    if metric.unit == "share":
        return say_share(value, digits)
    if metric.unit == "ratio":
        return write(value, ".2f")
    # Days to a tenth say more than anybody knows.
    kept = 2 if unit == "days" and abs(value) < 100 else 3
    return write(value, f",.{kept}g") + " " + unit


def say_gap(metric: Metric, gap: float, unit: str, digits: int = 1, sign: str = "+") -> str:
    """Say a difference: in percentage points for shares."""
    if metric.unit == "share":
        rounded = round(gap * 100, digits) or 0.0
        points = write(rounded, f"{sign if rounded else ''}.{digits}f")
        return count_points(points)
    if metric.unit == "ratio":
        return write(gap, f"{sign}.2f")
    return write(gap, f"{sign},.3g") + " " + unit


def say_ends(
    metric: Metric, low: float, high: float, unit: str, digits: int = 1
) -> tuple[str, str]:
    """Say both ends of an interval of a difference; points are named once, with the second."""
    first, last = (say_gap(metric, end, unit, digits) for end in (low, high))
    return (first.arguments[COUNT] if isinstance(first, Message) else first), last


def say_range(low: float, high: float, unit: str) -> str:
    """Say that a share or ratio lies in a range: `between 5% and 10%`, `at most 2%`."""
    least, most = (_write_bound(x, unit) for x in (low, high))
    if low <= 0:
        return say("at most {most}", most=most)
    if unit == "share" and high >= 1:
        return say("at least {least}", least=least)
    return say("between {least} and {most}", least=least, most=most)


def _write_bound(value: float, unit: str) -> str:
    if unit != "share":
        return write(value, ".4g")
    decimals = len(f"{100 * value:.4g}".partition(".")[2])
    return write(value, f".{decimals}%")


def tell_value(metric: Metric, value: float, unit: str, digits: int = 1) -> str:
    """Say a value as a clause: `about 1 in 8 (12.4%) of the tons was not foreseen`."""
    return fill_told(metric, say_value(metric, value, unit, digits), unit)


def fill_told(metric: Metric, said: str, unit: str) -> str:
    """Say a clause about a value that is in words already."""
    baseline = metric.name.removeprefix(AGAINST).replace("_", " ")
    return metric.sentence.format(value=said, unit=unit, baseline=baseline)


def tell_group(
    metric: Metric,
    place: str,
    value: float,
    reference: str,
    reference_value: float,
    unit: str,
    digits: int,
) -> str:
    """Say a group's value and what it is compared with."""
    told = say("{place}: {metric}", place=place, metric=tell_value(metric, value, unit, digits))
    if not math.isfinite(reference_value):
        return say("{told}.", told=told)
    return say(
        "{told}; {reference}: {metric}.",
        told=told,
        reference=reference,
        metric=say_value(metric, reference_value, unit, digits),
    )


def tell_verdict(
    verdict: Verdict,
    metric: Metric,
    gap: float,
    limit: float,
    more: str,
    unit: str,
    reason: str,
    digits: int = 1,
) -> str:
    """Say a verdict on a gap and its ends, as finely as the group's own figure."""
    low, high = verdict.low, verdict.high
    words = {
        "gap": say_gap(metric, gap, unit, digits),
        "limit": say_gap(metric, limit, unit, sign=""),
    }
    if not math.isfinite(low):
        return NO_INTERVAL.format(reason=reason, **words)
    words["low"], words["high"] = say_ends(metric, low, high, unit, digits)
    words["more"] = more
    return VERDICTS[verdict.grade].format(**words)


UNSAID: Final = say(
    "{label}, against {name}: the figures are not said, because a small count would follow from "
    "them."
)


def tell_comparison(baseline: str, pair: Paired, status: Status, few: float, many: float) -> str:
    """Say how the forecast compares with a baseline, and what would decide it.

    Parameters
    ----------
    baseline : str
        What it is called.
    pair : Paired
        Both figures, and in how many folds and places the forecast was better.
    status : Status
        The verdict; not applicable where another figure decides.
    few, many : float
        Further blocks that would decide it.
    """
    metric = pair.metric
    told = UNSAID.format(label=metric.title, name=baseline)
    if not pair.unsaid:
        told = say(
            "{label}: {metric}, against {metric2} for {name}.",
            label=metric.title,
            metric=say_value(metric, pair.ours, pair.unit, pair.digits),
            metric2=say_value(metric, pair.theirs, pair.unit, pair.digits),
            name=baseline,
        )
    verdict = {
        Status.PASS: say("The forecast is better."),
        Status.FAIL: say("The forecast is worse."),
        Status.NOT_ENOUGH: say("There is not enough evidence to say which is better."),
        Status.NOT_APPLICABLE: say("Another figure decides which is better."),
        Status.SUPPRESSED: say("Which is better is not said for the same reason."),
    }[status]
    parts = [capitalize(told), verdict]
    if pair.folds:
        parts.append(_tell_won(pair))
    if status is Status.NOT_ENOUGH and math.isfinite(pair.margin) and not pair.unsaid:
        parts.append(tell_more(few, many, pair.blocks, pair.block, pair.days, 1.0))
    return join(" ", parts)


def _tell_won(pair: Paired) -> str:
    if pair.places > 1:
        return say(
            "It was better in {won} of {folds} test periods, and over all of them for {places_won}"
            " of {places} places.",
            won=pair.folds_won,
            folds=pair.folds,
            places_won=pair.places_won,
            places=pair.places,
        )
    return say_n(
        "It was better in {won} of {n} test period.",
        "It was better in {won} of {n} test periods.",
        pair.folds,
        won=pair.folds_won,
    )


def tell_ranges(row: Mapping[str, Any], view: GroupTable, metric: Metric, facts: AuditData) -> str:
    """Say a row of the audit of which ranges are said instead of exact figures."""
    place = view.label if row["dimension"] == EVERYWHERE else join(", ", (view.label, row["group"]))
    reference = say("the city as a whole") if row["reference"] == EVERYWHERE else row["reference"]
    value = _say_figure(metric, row, "value", facts)
    told = say("{place}: {metric}", place=place, metric=fill_told(metric, value, facts.unit))
    for why in NOT_COMPARED:
        if row["reason"].endswith(why):
            return say("{told}.", told=told) + " " + why
    if not math.isfinite(row["reference_value"]):
        return say("{told}.", told=told) + " " + NO_REFERENCE.format(reference=reference)
    told = say(
        "{told}; {reference}: {metric}.",
        told=told,
        reference=reference,
        metric=_say_figure(metric, row, "reference", facts),
    )
    if not math.isfinite(row["limit"]):
        return told + " " + NO_LIMIT
    limit = say_gap(metric, row["limit"], facts.unit, sign="")
    return told + " " + RANGE_VERDICTS[Status(row["status"])].format(limit=limit)


def _say_figure(metric: Metric, row: Mapping[str, Any], name: str, facts: AuditData) -> str:
    low, high = row[f"{name}_least"], row[f"{name}_most"]
    if math.isfinite(low):
        return say_range(low, high, metric.unit)
    value = row["value" if name == "value" else "reference_value"]
    return say_value(metric, value, facts.unit, int(row["size"] >= FEW_FOR_DECIMALS))
