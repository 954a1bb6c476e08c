"""Three-valued verdict of an effect against the smallest effect worth having."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
from scipy.special import stdtrit

from cityai.findings import Finding, Status
from cityai.i18n.messages import say, write_day
from cityai.impact.analysis import Impact
from cityai.impact.records import Direction, Effect, Verdict, Word

MOST_TIMES: Final = 100.0
"""Times as many periods beyond which more of them are no way to an answer."""
CHANCE: Final = 0.8
"""How many evaluations are settled by the number of further periods that is told."""
HARM: Final = "impact.harm"
ANALYSED: Final = "impact.analysed"
GRACE_DAYS: Final = 30
"""Days for the analysis, from the day on which all outcomes can be known."""


def judge_effect(effect: Effect, smallest: float, periods: float = math.nan) -> Verdict:
    """Hold an effect's interval against the smallest effect worth having (minimal-effects test).

    Parameters
    ----------
    effect : Effect
        With its interval.
    smallest : float
        The smallest effect worth having, in the unit of the outcome: below 0 where less is better.
    periods : float
        Periods that the effect rests on, for how many more would settle it.

    Returns
    -------
    Verdict
        `worth it` where all of the interval is at least `smallest`, `not worth it` where all of it
        is less, else `cannot tell`. With no effect at all, `worth it` or `harmful` are told with at
        most half of ``1 - confidence``.

    Raises
    ------
    ValueError
        Where `smallest` is 0 or not finite: any effect would be worth it.

    Notes
    -----
    An effect of exactly the smallest size is never told but by chance. What a design promises is
    that none is told from it, which takes as much as telling it from none (`power`).
    """
    if not math.isfinite(smallest) or smallest == 0:
        raise ValueError("the smallest effect worth having is not 0")
    if not effect.known:
        return Verdict(Word.CANNOT_TELL, Direction.OPEN, smallest, math.nan, effect.reason)
    side = math.copysign(1.0, smallest)
    low, high = sorted(side * float(end or 0.0) for end in (effect.low, effect.high))
    direction = Direction.HELPS if low > 0 else Direction.HARMS if high < 0 else Direction.OPEN
    if low >= abs(smallest):
        return Verdict(Word.WORTH, direction, smallest, 0.0)
    if high < abs(smallest):
        return Verdict(Word.NOT_WORTH, direction, smallest, 0.0)
    return Verdict(
        Word.CANNOT_TELL, direction, smallest, _count_more_periods(effect, smallest, periods)
    )


def _count_more_periods(effect: Effect, smallest: float, periods: float) -> float:
    """Estimate how many more periods settle a verdict in four of five cases (assurance).

    Of ``P + k`` periods the error is ``s sqrt(P / (P + k))``; what is known already stays, so that
    the estimate then varies about the one of now by that times ``sqrt(k / (P + k))``.
    """
    if not (effect.known and math.isfinite(periods) and periods > 0):
        return math.nan
    away = abs(float(effect.estimate or 0.0) - smallest)
    # Clusters do not become more with further periods, so neither do the degrees of freedom.
    quantile = float(stdtrit(effect.freedom, (1 + effect.confidence) / 2))
    error = (float(effect.high or 0.0) - float(effect.low or 0.0)) / (2 * quantile)
    more = np.unique(np.ceil(np.geomspace(1, MOST_TIMES * periods, 600)))
    part = periods / (periods + more)
    wanted = error * np.sqrt(part) * (quantile + float(stdtrit(np.inf, CHANCE)) * np.sqrt(1 - part))
    enough = more[wanted <= away]
    return float(enough[0]) if len(enough) else math.inf


def judge_impacts(impacts: Sequence[Impact], today: date) -> Iterator[Finding]:
    """Judge the evaluations of a system, as of a day."""
    for impact in impacts:
        name, mature = impact.sealed.name, date.fromisoformat(impact.sealed.mature)
        title = say("An evaluation that was announced is analysed")
        if impact.analysis is None:
            late, day = today > mature + timedelta(GRACE_DAYS), write_day(mature)
            told = (
                say("It could be analysed since {day}, and was not.", day=day)
                if late
                else say("It can be analysed from {day} on.", day=day)
            )
            yield Finding(ANALYSED, Status.FAIL if late else Status.PASS, title, told, subject=name)
            continue
        day = write_day(date.fromisoformat(impact.analysis.analysed_on))
        told = say("It was analysed on {day}, by the sealed plan.", day=day)
        yield Finding(ANALYSED, Status.PASS, title, told, subject=name)
        yield _judge_harm(impact)


def _judge_harm(impact: Impact) -> Finding:
    assert impact.analysis is not None  # noqa: S101 - the caller asked
    title, effect = say("Acting on it does no harm"), impact.analysis.effect
    told = {
        "harmful": (Status.FAIL, say("The whole interval of the change lies on the wrong side.")),
        "helps": (Status.PASS, say("The whole interval of the change lies on the right side.")),
        "open": (
            Status.NOT_ENOUGH,
            say("The interval includes no change at all: help and harm are both possible.")
            if effect.known
            else say("The change is not known."),
        ),
    }
    status, reason = told[str(impact.analysis.verdict.direction)]
    return Finding(HARM, status, title, reason, subject=impact.sealed.name)
