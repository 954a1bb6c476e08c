"""The card's fixed words.

All in plain English, as a record holds it; `cityai.i18n` says it in other languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from cityai.assessment.metrics import METRICS, find_metric
from cityai.i18n.messages import join, say

VERDICTS: Final[dict[str, str]] = {
    "pass": say("Within the limit"),
    "fail": say("Beyond the limit"),
    "not enough evidence": say("We cannot tell yet"),
    "suppressed": say("Not shown"),
    "not applicable": say("Does not apply"),
    "error": say("Could not be checked"),
}
"""Verdicts on a group's gap."""

GRADES: Final[dict[str, str]] = {
    "within": VERDICTS["pass"],
    "beyond": VERDICTS["fail"],
    "no gap seen": say("No gap seen"),
    "gap of open size": say("A gap, its size is open"),
    "leans beyond": say("Leans beyond the limit"),
    "too few to say": say("Too few to say"),
}
"""The same, graded where nothing is decided."""

STATUS_WORDS: Final[dict[str, str]] = {
    "pass": say("Passed"),
    "fail": say("Failed"),
    "not enough evidence": say("Not enough evidence"),
    "suppressed": say("Not shown"),
    "not applicable": say("Does not apply"),
    "error": say("Could not be checked"),
}
"""Outcomes of a check."""

SYMBOLS: Final[dict[str, str]] = {
    "pass": "✓",
    "fail": "✕",
    "not enough evidence": "?",
    "suppressed": "–",
    "not applicable": "–",
    "error": "!",
}
"""A sign beside each outcome, so that colour is never alone."""

MARKS: Final[dict[str, str]] = {
    **dict.fromkeys(STATUS_WORDS, "none"),
    "pass": "pass",
    "fail": "fail",
    "not enough evidence": "open",
    "error": "error",
}
"""How each outcome is marked in the page's style."""


def name_verdict(status: str, grade: str) -> tuple[str, str]:
    """Return what a verdict on a gap is called, graded where nothing is decided, and its mark."""
    mark = "near" if grade == "no gap seen" else MARKS[status]
    return GRADES.get(grade, VERDICTS[status]), mark


QUALITY_DIMENSIONS: Final[dict[str, str]] = {
    "completeness": say("Completeness: is everything there?"),
    "accuracy": say("Accuracy: are the values possible?"),
    "consistency": say("Consistency: do rows contradict each other?"),
    "timeliness": say("Timeliness: do rows arrive in time?"),
}

LIFE_PHASES: Final[dict[str, str]] = {
    "planned": say("Planned"),
    "design": say("In design"),
    "development": say("In development"),
    "pilot": say("Pilot"),
    "evaluation": say("In evaluation"),
    "operational": say("In operation"),
    "retired": say("Retired"),
}

LANGUAGES: Final[dict[str, str]] = {
    "en": say("English"),
    "es": say("Spanish"),
    "pt": say("Portuguese"),
    "fr": say("French"),
}

AUTONOMIES: Final[dict[str, str]] = {
    "human decides": say("A person decides"),
    "human executes": say("The system decides, a person carries it out"),
    "autonomous": say("The system decides"),
}

BEYOND: Final[dict[str, str]] = {
    "worse": say("Beyond the limit, worse served"),
    "better": say("Beyond the limit, better served"),
    "above": say("Beyond the limit, above its reference"),
    "below": say("Beyond the limit, below its reference"),
    "": VERDICTS["fail"],
}
"""A verdict beyond the limit, with the side on which it lies (`find_side`)."""


VERDICT_WORDS: Final[dict[str, str]] = {
    "ready": say("Ready"),
    "ready on conditions": say("Ready on conditions"),
    "not ready": say("Not ready"),
    "too little data": say("Too little data"),
}
"""The word on a card's first screen."""

VERDICT_MARKS: Final[dict[str, str]] = {
    "ready": "pass",
    "ready on conditions": "not enough evidence",
    "not ready": "fail",
    "too little data": "suppressed",
}
"""The outcome that each word is marked like."""


NAMED: Final = 3
"""Names in a line; of more the number is said."""


class Own(str):
    """Words of the city or of a person, shown as they were written."""

    __slots__ = ()


class Code(str):
    """A name for machines: of a field, a column, a library. It belongs to no language."""

    __slots__ = ()


PAIR: Final = " * "
"""Between the names of two dimensions whose groups are combined."""


@dataclass(frozen=True, slots=True)
class MetricWords:
    """What a metric is called, how it is read, and its unit."""

    label: str
    meaning: str
    unit: str


@cache
def describe_metric(name: str) -> MetricWords:
    """Return the words of a metric, its bare name where a card names one that is not known."""
    metric = find_metric(name)
    if metric is None:
        return MetricWords(name.replace("_", " "), "", "ratio")
    return MetricWords(metric.title, metric.meaning, metric.unit)


def find_side(metric: str, gap: float | None) -> str:
    """Say on which side of its reference a group lies: a key of `BEYOND`.

    Errors of a forecast are worse or better service. Whether it is good to be selected, or found,
    depends on what follows from it, so those are above or below.
    """
    if not gap:
        return ""
    known = find_metric(metric)
    if known is not None and known.worse:
        return "worse" if (gap > 0) == (known.worse == "high") else "better"
    return "above" if gap > 0 else "below"


def order_metrics(names: Iterable[str]) -> list[str]:
    """Put metrics in the order in which people ask: what was missed comes first."""
    missed = ("under_forecast_share", "bias", "coverage", "false_negative_rate")
    first = (*missed, *(metric.name for metric in METRICS))
    return sorted(names, key=lambda n: (first.index(n) if n in first else len(first), n))


def say_share(share: float, one: str, *, coarse: bool = False) -> str:
    """Say a share in small whole numbers: ``about 1 ton in 13``.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    one : str
        What is counted, in the singular.
    coarse : bool
        The share is known to whole percents only: say it out of a hundred.
    """
    if share >= 0.95:
        return say("nearly every {one}", one=one)
    if share >= 0.4:
        return say("about {share} in every 10 {one}", share=round(share * 10), one=_plural(one))
    if share < 0.0005:
        return say("fewer than 1 {one} in 2,000", one=one)
    if coarse:
        hundredths = round(share * 100)
        return (
            say("about {hundredths} in every 100 {one}", hundredths=hundredths, one=_plural(one))
            if hundredths
            else say("fewer than 1 {one} in 100", one=one)
        )
    times = 1 / share if share < 0.285 else 3
    return say("about 1 {one} in {times:,.0f}", one=one, times=times)


def name_one(unit: str) -> str:
    """Return a unit's singular: ``tons`` -> ``ton``. English only, and only the plain rule."""
    irregular = {"people": say("person"), "children": say("child")}
    if unit in irregular:
        return irregular[unit]
    if unit.endswith("ies"):
        return f"{unit[:-3]}y"
    return unit[:-1] if unit.endswith("s") and not unit.endswith("ss") else unit


def check_link(text: str) -> str:
    """Return the text when it is a web or mail address that may stand in a link, else nothing."""
    if re.search(r"[\s\"'<>`\\]|[^\x21-\x7e]", text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme in {"http", "https"} and parts.hostname:
        return text
    if parts.scheme == "mailto" and re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", parts.path):
        return text
    return ""


def _plural(one: str) -> str:
    irregular = {"person": say("people"), "child": say("children")}
    if one in irregular:
        return irregular[one]
    return f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"


def name_some(names: Sequence[str]) -> str:
    """Name the first of several, and say how many more there are."""
    unique = [*dict.fromkeys(names)]
    told = join("; ", unique[:NAMED])
    more = len(unique) - NAMED
    return told if more <= 0 else say("{told}; and {more} more", told=told, more=more)


def name_candidate(name: str, own: Iterable[str] = ()) -> str:
    """Return what a candidate model is called; one of `own` is the city's."""
    if name in own:
        return say("{name}, the city's own model (models.py)", name=name)
    return {
        "blend": say("Weighted mean of the models below"),
        "lightgbm": say("Gradient-boosted trees (LightGBM)"),
        "random_splits": say("Gradient-boosted trees, splits drawn at random (LightGBM)"),
        "logistic": say("Logistic regression"),
        "theta": say("Theta (trend and season)"),
        "smoothing": say("Exponential smoothing"),
        "trees": say("Gradient-boosted trees (LightGBM)"),
        "pretrained": say("A pretrained model, which others trained on many series"),
        "unmitigated": say("The forecast before mitigation"),
        "recalibrate": say("Weighted mean of the models below, each group's level corrected"),
        "equalize": say("Weighted mean of the models below, raised for groups that were missed"),
        "bounded_loss": say(
            "Weighted mean of the models below, corrected by each place's own record"
        ),
    }.get(name, name.replace("_", " "))
