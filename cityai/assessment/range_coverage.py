"""How often ranges hold the outcome, held against how often they are meant to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cityai.findings import Finding, Status
from cityai.i18n.messages import count_points, say, write
from cityai.inference.equivalence import decide_equivalence

COVERAGE: Final = say("Of intervals meant to hold {nominal} of outcomes, {value} did.")


@dataclass(frozen=True, slots=True)
class CoverageWords:
    """How the interval of a coverage is told: without a verdict, and by verdict."""

    undecidable: str
    verdicts: Mapping[Status, str]


COVERAGE_AT_OTHER_TIMES: Final = CoverageWords(
    say(
        "At other times it would be {low} to {high}: too wide to be held against {by}, so there is "
        "no verdict."
    ),
    {
        Status.PASS: say(
            "At other times it would be {low} to {high}: within {by} of what was meant."
        ),
        Status.FAIL: say("At other times it would be {low} to {high}: more than {by} off."),
        Status.NOT_ENOUGH: say(
            "At other times it would be {low} to {high}: not enough evidence to say whether it "
            "stays within {by}."
        ),
    },
)
COVERAGE_OF_OTHERS: Final = CoverageWords(
    say(
        "Of others like these it would be {low} to {high}: too wide to be held against {by}, so "
        "there is no verdict."
    ),
    {
        Status.PASS: say(
            "Of others like these it would be {low} to {high}: within {by} of what was meant."
        ),
        Status.FAIL: say("Of others like these it would be {low} to {high}: more than {by} off."),
        Status.NOT_ENOUGH: say(
            "Of others like these it would be {low} to {high}: not enough evidence to say whether "
            "it stays within {by}."
        ),
    },
)


def judge_coverage(
    value: float,
    ends: tuple[float, float],
    nominal: float,
    tolerance: float,
    reason: str,
    said: CoverageWords = COVERAGE_AT_OTHER_TIMES,
) -> Finding:
    """Judge how often ranges hold the outcome against how often they are meant to.

    Where even the coverage that was meant could not be held against the tolerance, there is no
    verdict: shocks that all places share let a fold's coverage vary too far.

    Parameters
    ----------
    value : float
        Coverage over everyone; NaN where there is none.
    ends : tuple of float
        Of its interval; NaN where there is none.
    nominal, tolerance : float
        What is meant, and how far off it may be.
    reason : str
        Why there is no value or no interval.
    said : CoverageWords
        Words for what the interval is about.
    """
    told = COVERAGE.format(nominal=write(nominal, ".0%"), value=write(value, ".1%"))
    code, title = "evaluate.coverage", say("Coverage of the interval")
    if not math.isfinite(value):
        return Finding(code, Status.NOT_APPLICABLE, title, reason, None, nominal, "share")
    low, high = ends
    apart = low - nominal, high - nominal
    verdict = decide_equivalence(value - nominal, apart, apart, tolerance)
    status, by = verdict.status, count_points(write(100 * tolerance, ".3g"))
    words = {"low": write(low, ".1%"), "high": write(high, ".1%"), "by": by}
    if not math.isfinite(low):
        more = reason
    elif status is Status.NOT_ENOUGH and (high - low) / 2 > tolerance:
        status, more = Status.NOT_APPLICABLE, said.undecidable.format(**words)
    else:
        more = said.verdicts[status].format(**words)
    return Finding(code, status, title, told + " " + more, value, nominal, "share")
