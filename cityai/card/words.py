"""The card's fixed words and the way it writes numbers, in one place for translation.

Every sentence that a record or a page holds is built here or in `cityai.card.draft.sentences`; the
templates hold headings only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class MetricWords:
    """What a metric is called and how it is read."""

    label: str
    meaning: str
    unit: str
    """``share``, ``ratio`` or ``target`` (the unit of the target)."""


METRICS: Final[dict[str, MetricWords]] = {
    "wape": MetricWords(
        "Average error", "sum of the errors, either way, as a share of what happened", "share"
    ),
    "mae": MetricWords("Mean absolute error", "how far off one prediction is", "target"),
    "rmse": MetricWords(
        "Root mean squared error", "like the mean error, large misses count more", "target"
    ),
    "bias": MetricWords(
        "Too high or too low", "forecast minus actual, as a share of what happened", "share"
    ),
    "mase": MetricWords(
        "Scaled error", "error relative to repeating the last season; below 1 is better", "ratio"
    ),
    "under_forecast_share": MetricWords(
        "Not foreseen", "what happened beyond the forecast, as a share of what happened", "share"
    ),
    "over_forecast_share": MetricWords(
        "Foreseen in vain", "what was forecast beyond what happened, as a share of it", "share"
    ),
    "unmet_need": MetricWords(
        "Need not met",
        "if capacity were shared in proportion to the forecast, as a share of the need",
        "share",
    ),
    "idle_capacity": MetricWords(
        "Capacity left idle",
        "if capacity were shared in proportion to the forecast, as a share of it",
        "share",
    ),
    "coverage": MetricWords(
        "Inside the range", "share of predictions whose range held the actual value", "share"
    ),
    "interval_width": MetricWords("Width of the range", "high end minus low end", "target"),
    "selection_rate": MetricWords("Selected", "share of all who were selected", "share"),
    "false_positive_rate": MetricWords(
        "False alarms", "of those without the outcome, the share selected", "share"
    ),
    "false_negative_rate": MetricWords(
        "Missed", "of those with the outcome, the share not selected", "share"
    ),
    "true_positive_rate": MetricWords(
        "Found", "of those with the outcome, the share selected", "share"
    ),
    "precision": MetricWords(
        "Selected rightly", "of those selected, the share with the outcome", "share"
    ),
    "false_discovery_rate": MetricWords(
        "Selected wrongly", "of those selected, the share without the outcome", "share"
    ),
    "false_omission_rate": MetricWords(
        "Passed over wrongly", "of those not selected, the share with the outcome", "share"
    ),
    "accuracy": MetricWords("Right decisions", "share of decisions that were right", "share"),
    "base_rate": MetricWords("Had the outcome", "share of all with the outcome", "share"),
    "calibration": MetricWords(
        "Scores against outcomes", "sum of the scores over the number of outcomes", "ratio"
    ),
    "brier": MetricWords("Brier score", "mean squared error of the score; low is good", "ratio"),
    "recall": MetricWords(
        "Found at the capacity", "of all true cases, the share that is selected", "share"
    ),
    "lift": MetricWords(
        "Found per selected case", "as a multiple of picking at random; 1 is no better", "ratio"
    ),
    "auc": MetricWords(
        "Telling apart", "chance that a true case ranks above another; a coin gives 0.5", "ratio"
    ),
    "first_half_share": MetricWords(
        "Found in the first half", "of all true cases, the share in the first half", "share"
    ),
    "first_half_share_by_days": MetricWords(
        "Found in the first half of the days", "the same, by whole days", "share"
    ),
    "days_sooner": MetricWords(
        "Days sooner", "by which a true case is reached, on average over the true cases", "days"
    ),
    "log_loss": MetricWords("Log loss", "surprise at the outcomes; low is good", "ratio"),
    "calibration_slope": MetricWords(
        "Slope of calibration", "1 is right; below 1 the probabilities are too extreme", "ratio"
    ),
    "calibration_intercept": MetricWords(
        "Intercept of calibration", "0 is right; above 0 the probabilities are too low", "ratio"
    ),
    "calibration_error": MetricWords(
        "Error of calibration", "mean distance of probability and outcome over bands", "share"
    ),
    "calibration_chance": MetricWords(
        "The same by chance", "if every probability held exactly", "share"
    ),
    "selection_for_need": MetricWords(
        "Selected for its need", "share of the selected over share of the true cases", "ratio"
    ),
    "exposure_for_need": MetricWords(
        "Rank for its need", "share of the exposure by rank over share of the true cases", "ratio"
    ),
    "mean_score": MetricWords("Mean score", "average of the score", "ratio"),
}
"""Metrics that have words. Another metric is shown under its own name."""

VERDICTS: Final[dict[str, str]] = {
    "pass": "Within the limit",
    "fail": "Beyond the limit",
    "not enough evidence": "We cannot tell yet",
    "suppressed": "Too few to show",
    "not applicable": "Does not apply",
    "error": "Could not be checked",
}
"""Verdicts on a group's gap."""

STATUS_WORDS: Final[dict[str, str]] = {
    "pass": "Passed",
    "fail": "Failed",
    "not enough evidence": "Not enough evidence",
    "suppressed": "Too few to show",
    "not applicable": "Does not apply",
    "error": "Could not be checked",
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

QUALITY_DIMENSIONS: Final[dict[str, str]] = {
    "completeness": "Completeness: is everything there?",
    "accuracy": "Accuracy: are the values possible?",
    "consistency": "Consistency: do rows contradict each other?",
    "timeliness": "Timeliness: do rows arrive in time?",
}

LIFE_PHASES: Final[dict[str, str]] = {
    "planned": "Planned",
    "design": "In design",
    "development": "In development",
    "pilot": "Pilot",
    "evaluation": "In evaluation",
    "operational": "In operation",
    "retired": "Retired",
}

AUTONOMIES: Final[dict[str, str]] = {
    "human decides": "A person decides",
    "human executes": "The system decides, a person carries it out",
    "autonomous": "The system decides",
}

COMPARED: Final[dict[str, str]] = {
    "pass": "The forecast errs less",
    "fail": "The forecast errs more",
    "not enough evidence": "We cannot tell",
    "suppressed": "Too few to show",
    "not applicable": "Does not apply",
    "error": "Could not be checked",
}
"""Outcomes of a comparison with a baseline."""

FOUND: Final[dict[str, str]] = {
    **COMPARED,
    "pass": "This list finds more",
    "fail": "This list finds less",
}
"""Outcomes of a comparison of lists."""

PAIR: Final = " * "
"""Between the names of two dimensions whose groups are combined."""

MISSING: Final = "–"


def describe_metric(name: str) -> MetricWords:
    """Return the words of a metric, its bare name where none were written."""
    if name.startswith("error_against_"):
        other = name.removeprefix("error_against_").replace("_", " ")
        return MetricWords(f"Error against {other}", "below 1 the forecast errs less", "ratio")
    return METRICS.get(name) or MetricWords(name.replace("_", " "), "", "ratio")


def order_metrics(names: Iterable[str]) -> list[str]:
    """Put metrics in the order in which people ask: what was missed comes first."""
    first = ("under_forecast_share", "bias", "coverage", "false_negative_rate", *METRICS)
    return sorted(names, key=lambda n: (first.index(n) if n in first else len(first), n))


def write_number(value: float | None, unit: str) -> str:
    """Write a figure as a reader reads it: shares as percent, thousands with commas.

    The figure is not rounded further: what the record holds is what the page shows.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if unit == "share":
        return f"{_trim(value * 100, 2)}%"
    text = _trim(value, 4)
    return text if unit in {"ratio", ""} else f"{text} {unit}"


def write_gap(value: float | None, unit: str) -> str:
    """Write a signed difference; differences of shares are percentage points."""
    if value is None or not math.isfinite(value):
        return MISSING
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    size = abs(value)
    if unit == "share":
        return f"{sign}{_trim(size * 100, 2)} points"
    return f"{sign}{write_number(size, unit)}"


def write_interval(low: float | None, high: float | None, unit: str, *, gap: bool = False) -> str:
    """Write an interval, or a dash where there is none."""
    if low is None or high is None:
        return MISSING
    write = write_gap if gap else write_number
    left, right = write(low, unit), write(high, unit)
    for tail in (" points", "%", f" {unit}" if unit else ""):
        if tail and left.endswith(tail) and right.endswith(tail):
            left = left[: -len(tail)]
            break
    return f"{left} to {right}"


def write_count(value: float | None) -> str:
    """Write a whole number with commas."""
    return MISSING if value is None else f"{value:,.0f}"


def write_day(day: date) -> str:
    """Write a day: ``4 March 2026``."""
    return f"{day.day} {day:%B %Y}"


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
        return f"nearly every {one}"
    if share >= 0.4:
        return f"about {round(share * 10)} in every 10 {_plural(one)}"
    if share < 0.0005:
        return f"fewer than 1 {one} in 2,000"
    if coarse:
        hundredths = round(share * 100)
        return (
            f"about {hundredths} in every 100 {_plural(one)}"
            if hundredths
            else f"fewer than 1 {one} in 100"
        )
    return f"about 1 {one} in {1 / share:,.0f}" if share < 0.285 else f"about 1 {one} in 3"


def name_one(unit: str) -> str:
    """Return a unit's singular: ``tons`` -> ``ton``. English only, and only the plain rule."""
    irregular = {"people": "person", "children": "child"}
    if unit in irregular:
        return irregular[unit]
    if unit.endswith("ies"):
        return f"{unit[:-3]}y"
    return unit[:-1] if unit.endswith("s") and not unit.endswith("ss") else unit


def clean_text(text: str) -> str:
    """Drop what no page can show: control characters and unpaired surrogates."""
    kept = re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\u202a-\u202e\u2066-\u2069]", "", text
    )
    return kept.encode("utf-8", "ignore").decode("utf-8")


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
    irregular = {"person": "people", "child": "children"}
    if one in irregular:
        return irregular[one]
    return f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"


def _trim(value: float, decimals: int) -> str:
    if value and abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:.1g}"
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text.replace("-", "−")


_SAME_SEASON = {
    "day": "the same weekday last week",
    "week": "the same week last year",
    "month": "the same month last year",
}


def name_baseline(name: str, period: str) -> str:
    """Return what a baseline is called: ``the same month last year``."""
    return {
        "city_rule": "the city's present rule",
        "seasonal_naive": _SAME_SEASON.get(period, "the same season before"),
        "same_period_last_year": f"the same {period} last year",
        "recent_mean": f"the average of the last {period}s",
        "actual_order": "the order that really happened",
        "past_rate": "each one's own past rate",
        "city_score": "the city's own score",
    }.get(name, name.replace("_", " "))


def name_candidate(name: str) -> str:
    """Return what a candidate model is called."""
    return {
        "blend": "Weighted mean of the models below",
        "lightgbm": "Gradient-boosted trees (LightGBM)",
        "logistic": "Logistic regression",
        "theta": "Theta (trend and season)",
        "smoothing": "Exponential smoothing",
        "trees": "Gradient-boosted trees (LightGBM)",
        "unmitigated": "The forecast before mitigation",
        "recalibrate": "Weighted mean of the models below, each group's level corrected",
        "equalize": "Weighted mean of the models below, raised for groups that were missed",
        "bounded_loss": "Weighted mean of the models below, corrected by each place's own record",
    }.get(name, name.replace("_", " "))
