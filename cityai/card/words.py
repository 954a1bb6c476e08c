"""The card's fixed words and the way it writes numbers.

All in plain English, as a record holds it; `cityai.i18n` says it in other languages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlsplit

from cityai.assessment.metrics import METRICS, find_metric
from cityai.i18n.messages import count_points, say, write

MOST_FIGURES: Final = 20_000
"""Figures that are kept as they are written: those of many places are often the same."""

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


class Own(str):
    """Words of the city or of a person, shown as they were written."""

    __slots__ = ()


class Code(str):
    """A name for machines: of a field, a column, a library. It belongs to no language."""

    __slots__ = ()


PAIR: Final = " * "
"""Between the names of two dimensions whose groups are combined."""

MISSING: Final = "–"


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


def write_number(value: float | None, unit: str) -> str:
    """Write a figure as a reader reads it: shares as percent, thousands with commas.

    The figure is not rounded further: what the record holds is what the page shows.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if unit == "share":
        return _trim(value, 2, "%")
    text = _trim(value, 4)
    return text if unit in {"ratio", ""} else text + " " + unit


def write_gap(value: float | None, unit: str, *, signed: bool = True) -> str:
    """Write a difference, signed or not; differences of shares are percentage points."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = write_bare(value, unit, gap=signed)
    if unit == "share":
        return count_points(text)
    return text if unit in {"ratio", ""} else text + " " + unit


def write_interval(low: float | None, high: float | None, unit: str, *, gap: bool = False) -> str:
    """Write an interval, or a dash where there is none."""
    if low is None or high is None:
        return MISSING
    write_end = write_gap if gap else write_number
    finite = math.isfinite(low) and math.isfinite(high)
    left = write_bare(low, unit, gap=gap) if finite else write_end(low, unit)
    return say("{left} to {right}", left=left, right=write_end(high, unit))


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
    """Round to two significant digits, as figures outside the annex are; some is never all."""
    if not value or not math.isfinite(value):
        return value
    rounded = round(value, 1 - math.floor(math.log10(abs(value))))
    return 0.99 if unit == "share" and value < 1 <= rounded else rounded


def write_brief(value: float | None, unit: str) -> str:
    """Write a figure with two significant digits."""
    return write_number(round_brief(value, unit), unit)


def write_brief_figure(value: float | None, between: tuple[float, float] | None, unit: str) -> str:
    """Write a figure with two significant digits, or the range that it is said to lie in."""
    return write_brief(value, unit) if between is None else write_figure(value, between, unit)


def write_brief_gap(gap: float | None, between: tuple[float, float] | None, unit: str) -> str:
    """Write a gap with two significant digits, or the range that it is said to lie in."""
    if between is None:
        return write_gap(round_brief(gap, unit), unit)
    return write_figure(gap, between, unit, gap=True)


def write_count(value: float | None) -> str:
    """Write a whole number with commas."""
    return MISSING if value is None else write(value, ",.0f")


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


def write_bare(value: float, unit: str, *, gap: bool) -> str:
    """Write a number without its unit: shares in percent."""
    size = value * 100 if unit == "share" else value
    return _trim(size, 2 if unit == "share" else 4, sign="+" if gap else "")


@lru_cache(maxsize=MOST_FIGURES, typed=True)
def _trim(value: float, decimals: int, share: str = "", sign: str = "") -> str:
    """Write a number with as many decimals as say something, with print's minus."""
    size = abs(value * 100 if share else value)
    if size and size < 0.5 * 10.0**-decimals:
        decimals = -math.floor(math.log10(float(f"{size:.1g}")))
    text = f"{size:.{decimals}f}".rstrip("0") if decimals else f"{size:.0f}"
    kept = len(text.partition(".")[2])
    return write(value if float(text) else 0.0, f"−{sign},.{kept}{share or 'f'}")


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
