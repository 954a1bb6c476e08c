"""The verdict's lines in plain words, each from figures that the record also holds."""

from __future__ import annotations

from typing import Final

from cityai.assessment.baseline_words import STAND_IN
from cityai.assessment.metrics import find_metric
from cityai.card.draft.grounds import Grounds
from cityai.card.draft.sentences import name_result
from cityai.card.numbers import is_half, round_brief, write_brief, write_figure
from cityai.card.record.fairness import GroupResult
from cityai.card.record.ranked import RankedPart
from cityai.card.words import describe_metric, find_side, name_one, name_some, say_share
from cityai.columns import BASELINE, DECIDING, EVERYWHERE, FORECAST, HEADLINE
from cityai.i18n.messages import join, name_period, say, say_n, write

GOAL: Final = 0.02
"""Shares from here on are said out of a hundred, smaller ones out of a thousand."""

GROUP_TELLS: Final[dict[str, str]] = {
    "under_forecast_share": say("{value} was missed"),
    "unmet_need": say("{value} got no help"),
    "bias": say("the forecast was {value}"),
    "coverage": say("the range held {value} times"),
    "true_positive_rate": say("{value} were found"),
    "false_negative_rate": say("{value} were missed"),
    "false_positive_rate": say("{value} were picked for nothing"),
    "selection_rate": say("{value} were picked"),
    "selection_for_need": say("{value} were picked where need alone would pick 100"),
    "calibration": say("it expected {value} for every 100 that happened"),
}
"""What a figure says of a group, by metric; others are said by their label."""
PER_HUNDRED: Final = ("selection_for_need", "calibration")
"""Ratios that are said for every hundred."""


def tell_works(grounds: Grounds) -> str:
    """Say whether it works: beside today's practice, in test periods and out of a hundred."""
    part = grounds.record.eval
    figures = _tell_list(part.ranked) if part.ranked else _tell_error(grounds)
    figures = figures or _tell_answers(grounds)
    said = [_tell_practice(grounds), *(figures or part.in_words[:1]), _tell_better(grounds)]
    said.append(_tell_stand_in(grounds))
    return join(" ", [text for text in said if text])


def _tell_practice(grounds: Grounds) -> str:
    found = grounds.comparison
    if found is None or found.status == "suppressed":
        hidden = say("How it compares with what is done today may not be shown.")
        return hidden if grounds.compared else say("It was not compared with what is done today.")
    label = grounds.record.eval.practice_label
    won, n = found.folds_won, found.folds
    if won is not None and n:
        told = say_n(
            "It was better than {label} in {won:,} of {n:,} test period.",
            "It was better than {label} in {won:,} of {n:,} test periods.",
            n,
            label=label,
            won=won,
        )
        rest = {"pass": "", "fail": say("Over all of them it was worse.")}
        more = rest.get(found.status, say("That may be chance."))
        return told + " " + more if more else told
    if found.status == "pass":
        return say("It was better than {label}.", label=label)
    if found.status == "fail":
        return say("It was worse than {label}.", label=label)
    return say("The tests do not show whether it is better than {label}.", label=label)


def _tell_better(grounds: Grounds) -> str:
    """Name simpler ways that do better than the forecast, where it was found that they do."""
    part = grounds.record.eval
    names = [
        c.label
        for c in part.comparisons
        if c.metric in DECIDING and c.status == "fail" and c.baseline != part.practice
    ]
    if not names:
        return ""
    return say_n(
        "A simpler way does better: {names}.",
        "Simpler ways do better: {names}.",
        len(names),
        names=name_some(names),
    )


def _tell_stand_in(grounds: Grounds) -> str:
    """Say of how many forecasts today's practice is another way, where it is of many."""
    part = grounds.record.eval
    for finding in grounds.record.findings:
        is_open = finding.status == "not enough evidence" and finding.subject == part.practice
        if finding.code == STAND_IN and is_open and finding.observed is not None:
            return say(
                "For {share:.0%} of the forecasts the history is too short for {label}: an average "
                "of what came last stands in.",
                share=finding.observed,
                label=part.practice_label,
            )
    return ""


def _tell_error(grounds: Grounds) -> list[str]:
    part = grounds.record.eval
    own = grounds.find_figure(FORECAST, HEADLINE)
    other = grounds.find_figure(f"{BASELINE}{part.practice}", HEADLINE)
    if own is None:
        return []
    base = _choose_base(own, other)
    unit = grounds.record.model.unit
    if other is None:
        return [
            say("It is off by {own} in every {base:,} {unit}.",
                own=_count(own, base), base=base, unit=unit)
        ]  # fmt: skip
    return [
        say(
            "It is off by {own} in every {base:,} {unit}, {label} by {other}.",
            own=_count(own, base),
            base=base,
            unit=unit,
            label=part.practice_label,
            other=_count(other, base),
        )
    ]


def _tell_answers(grounds: Grounds) -> list[str]:
    """Say of answers that somebody else gave how many cases they find, and how many are right."""
    found, right = (grounds.find_figure(FORECAST, m) for m in ("true_positive_rate", "precision"))
    if found is None or right is None:
        return []
    return [
        say(
            "Of 100 cases with the outcome it picks {found}; of 100 that it picks, {right} have "
            "it.",
            found=_count(found, 100),
            right=_count(right, 100),
        )
    ]


def _tell_list(ranked: RankedPart) -> list[str]:
    own, other = (ranked.find_declared(m) for m in (FORECAST, f"{BASELINE}{ranked.practice}"))
    if own is None or own.recall is None:
        return []
    theirs = other.recall if other is not None else None
    base = _choose_base(own.recall, theirs)
    room = say(
        "With room for {capacity:,} {cases} a {per}",
        capacity=own.capacity,
        cases=ranked.cases,
        per=name_period(ranked.per),
    )
    told = say(
        "{room}, it catches {own} of {base:,} cases in which {outcome}.",
        room=room,
        own=_count(own.recall, base),
        base=base,
        outcome=ranked.outcome,
    )
    if theirs is None:
        return [told]
    beside = say(
        "With {label} it is {other}.", label=ranked.practice_label, other=_count(theirs, base)
    )
    return [told, beside]


def tell_groups(grounds: Grounds) -> str:
    """Say for whom it does not work: the worst-served group beyond a limit first."""
    if not grounds.limited:
        return say("Nobody knows: no group was held against a limit.")
    said = []
    if grounds.beyond:
        said += _tell_worst(grounds)
    else:
        said.append(_tell_none(grounds))
    if grounds.accepted:
        names = name_some([name_result(r) for r in grounds.accepted])
        said.append(say("Accepted in writing: {names}.", names=names))
    if grounds.better:
        names = name_some([name_result(r) for r in grounds.better])
        said.append(say("Beyond a limit, but better served: {names}.", names=names))
    return join(" ", said)


def _tell_none(grounds: Grounds) -> str:
    counts = grounds.alone
    if not counts.passed:
        return say("We cannot tell: no check of a group has an answer yet.")
    if 2 * (counts.unknown + counts.hidden) > counts.total:
        return say(
            "Mostly we cannot tell: {passed:,} of {n:,} checks of groups came out within the "
            "city's limits. None found a group worse off beyond them.",
            passed=counts.passed,
            n=counts.total,
        )
    return say(
        "No group was found to be worse off beyond the city's limits: {passed:,} of {n:,} checks "
        "of groups came out within them.",
        passed=counts.passed,
        n=counts.total,
    )


def _tell_worst(grounds: Grounds) -> list[str]:
    worst = grounds.beyond[0]
    unit = grounds.record.model.unit
    told = _tell_figure(worst.metric, worst.value, worst.between, worst.unit, unit)
    if not told:
        said = [say("“{group}” is beyond the city's own limit.", group=worst.group)]
    else:
        place, beside = _tell_beside(grounds, worst, unit)
        said = [
            say(
                "In “{group}”, {told}; in {place}, {beside}. This is beyond the city's own limit.",
                group=worst.group,
                told=told,
                place=place,
                beside=beside,
            )
            if beside
            else say(
                "In “{group}”, {told}. This is beyond the city's own limit.",
                group=worst.group,
                told=told,
            )
        ]
    if find_side(worst.metric, worst.middle_gap) != "worse":
        said.append(say("Whether that helps or harms them depends on how it is used."))
    more = len(grounds.beyond) - 1
    if more:
        said.append(
            say_n(
                "{n:,} more check of groups is beyond a limit.",
                "{n:,} more checks of groups are beyond a limit.",
                more,
            )
        )
    return said


def _tell_beside(grounds: Grounds, worst: GroupResult, unit: str) -> tuple[str, str]:
    """Name the best-served group and its figure; else what the worst is compared with."""
    metric = find_metric(worst.metric)
    same = [
        r
        for r in grounds.record.fairness.results
        if (r.dimension, r.metric) == (worst.dimension, worst.metric)
        and r.group != worst.group
        and r.value is not None
    ]
    side = find_side(worst.metric, worst.middle_gap)
    if metric is not None and metric.worse and side == "worse" and same:
        sign = 1 if metric.worse == "high" else -1
        best = min(same, key=lambda r: sign * (r.value or 0.0))
        place = say("“{group}”", group=best.group)
        return place, _tell_figure(best.metric, best.value, None, best.unit, unit)
    whole = worst.reference == EVERYWHERE
    if whole and worst.unit == "ratio":
        return "", ""
    place = say("the whole city") if whole else say("“{group}”", group=worst.reference)
    value, between = worst.reference_value, worst.reference_between
    return place, _tell_figure(worst.metric, value, between, worst.unit, unit)


def _tell_figure(
    metric: str,
    value: float | None,
    between: tuple[float, float] | None,
    unit: str,
    counted: str,
) -> str:
    """Say a group's figure as a clause; nothing where it may not be said."""
    if value is None and between is None:
        return ""
    if metric in PER_HUNDRED:
        value = None if value is None else round_brief(100 * value, "")
        between = None if between is None else (100 * between[0], 100 * between[1])
        said = write_figure(value, between, "")
    elif value is None:
        said = write_figure(value, between, unit)
    elif metric == "under_forecast_share":
        said = say_share(value, name_one(counted))
    elif metric == "bias":
        size = write_brief(abs(value), unit)
        said = say("{size} too high", size=size) if value > 0 else say("{size} too low", size=size)
    elif unit == "share":
        base = _choose_base(value, None)
        said = say("{own} of {base:,}", own=_count(value, base), base=base)
    else:
        said = write_figure(value, None, unit)
    form = GROUP_TELLS.get(metric)
    if form is not None:
        return form.format(value=said)
    return say("{label} is {value}", label=describe_metric(metric).label.lower(), value=said)


def tell_unknown(grounds: Grounds) -> str:
    """Say what is not known, the gravest first."""
    counts, said = grounds.alone, []
    leaning = [r for r in grounds.open if r.grade == "leans beyond"]
    if leaning:
        names = name_some([name_result(r) for r in leaning])
        said.append(say("Leaning beyond a limit, but not sure: {names}.", names=names))
    if counts.unknown:
        said.append(
            say_n(
                "{unknown:,} of {n:,} check of groups needs more data.",
                "{unknown:,} of {n:,} checks of groups need more data.",
                counts.total,
                unknown=counts.unknown,
            )
        )
    calm = len(grounds.open) - len(grounds.waiting)
    if calm:
        said.append(say("In {n:,} of them no gap was seen so far.", n=calm))
    if counts.hidden:
        said.append(
            say_n(
                "{n:,} is not shown, because it is about so few people.",
                "{n:,} are not shown, because they are about so few people.",
                counts.hidden,
            )
        )
    titles = [*dict.fromkeys(map(grounds.name_check, grounds.open_checks))]
    if titles:
        said.append(say("Also open: {titles}.", titles=name_some(titles)))
    if grounds.record.gaps:
        said.append(
            say_n(
                "{n:,} question about it has no answer.",
                "{n:,} questions about it have no answer.",
                len(grounds.record.gaps),
            )
        )
    return join(" ", said) if said else say("No check is open, and no question.")


def _choose_base(own: float, other: float | None) -> int:
    shares = [own] if other is None else [own, other]
    alike = other is not None and own != other and _count(own, 100) == _count(other, 100)
    between = any(is_half(share, 2) for share in shares)  # rounded once already
    return 1000 if alike or between or 0 < min(shares) < GOAL else 100


def _count(share: float, base: int) -> str:
    return write(share * base, ",.0f")
