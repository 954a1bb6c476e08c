"""Checks of what a system changed: whether an evaluation found harm, and whether all were told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from cityai.findings import Finding, Status
from cityai.i18n.messages import say, write_day
from cityai.impact.analysis import Impact

HARM: Final = "impact.harm"
ANALYSED: Final = "impact.analysed"
GRACE_DAYS: Final = 30
"""Days for the analysis, from the day on which all outcomes can be known."""


def judge_impacts(impacts: Sequence[Impact], today: date) -> Iterator[Finding]:
    """Judge the evaluations of a system, as of a day.

    Parameters
    ----------
    impacts : sequence of Impact
        Those that were announced, the newest first.
    today : date
        The day of the card.
    """
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
