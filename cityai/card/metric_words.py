"""What each metric is called on a card, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cityai.i18n.messages import say


@dataclass(frozen=True, slots=True)
class MetricWords:
    """What a metric is called and how it is read."""

    label: str
    meaning: str
    unit: str
    """``share``, ``ratio`` or ``target`` (the unit of the target)."""


METRICS: Final[dict[str, MetricWords]] = {
    "wape": MetricWords(
        say("Average error"),
        say("sum of the errors, either way, as a share of what happened"),
        "share",
    ),
    "mae": MetricWords(say("Mean absolute error"), say("how far off one prediction is"), "target"),
    "rmse": MetricWords(
        say("Root mean squared error"),
        say("like the mean error, large misses count more"),
        "target",
    ),
    "bias": MetricWords(
        say("Too high or too low"),
        say("forecast minus actual, as a share of what happened"),
        "share",
    ),
    "mase": MetricWords(
        say("Scaled error"),
        say("error relative to repeating the last season; below 1 is better"),
        "ratio",
    ),
    "under_forecast_share": MetricWords(
        say("Not foreseen"),
        say("what happened beyond the forecast, as a share of what happened"),
        "share",
    ),
    "over_forecast_share": MetricWords(
        say("Foreseen in vain"),
        say("what was forecast beyond what happened, as a share of it"),
        "share",
    ),
    "unmet_need": MetricWords(
        say("Need not met"),
        say("if capacity were shared in proportion to the forecast, as a share of the need"),
        "share",
    ),
    "idle_capacity": MetricWords(
        say("Capacity left idle"),
        say("if capacity were shared in proportion to the forecast, as a share of it"),
        "share",
    ),
    "coverage": MetricWords(
        say("Inside the range"),
        say("share of predictions whose range held the actual value"),
        "share",
    ),
    "interval_width": MetricWords(
        say("Width of the range"), say("high end minus low end"), "target"
    ),
    "selection_rate": MetricWords(say("Selected"), say("share of all who were selected"), "share"),
    "false_positive_rate": MetricWords(
        say("False alarms"), say("of those without the outcome, the share selected"), "share"
    ),
    "false_negative_rate": MetricWords(
        say("Missed"), say("of those with the outcome, the share not selected"), "share"
    ),
    "true_positive_rate": MetricWords(
        say("Found"), say("of those with the outcome, the share selected"), "share"
    ),
    "precision": MetricWords(
        say("Selected rightly"), say("of those selected, the share with the outcome"), "share"
    ),
    "false_discovery_rate": MetricWords(
        say("Selected wrongly"), say("of those selected, the share without the outcome"), "share"
    ),
    "false_omission_rate": MetricWords(
        say("Passed over wrongly"),
        say("of those not selected, the share with the outcome"),
        "share",
    ),
    "accuracy": MetricWords(
        say("Right decisions"), say("share of decisions that were right"), "share"
    ),
    "base_rate": MetricWords(say("Had the outcome"), say("share of all with the outcome"), "share"),
    "calibration": MetricWords(
        say("Scores against outcomes"),
        say("sum of the scores over the number of outcomes"),
        "ratio",
    ),
    "brier": MetricWords(
        say("Brier score"), say("mean squared error of the score; low is good"), "ratio"
    ),
    "recall": MetricWords(
        say("Found at the capacity"), say("of all true cases, the share that is selected"), "share"
    ),
    "lift": MetricWords(
        say("Found per selected case"),
        say("as a multiple of picking at random; 1 is no better"),
        "ratio",
    ),
    "auc": MetricWords(
        say("Telling apart"),
        say("chance that a true case ranks above another of its list; a coin gives 0.5"),
        "ratio",
    ),
    "first_half_share": MetricWords(
        say("Found in the first half"),
        say("of all true cases, the share in the first half"),
        "share",
    ),
    "first_half_share_by_days": MetricWords(
        say("Found in the first half of the days"), say("the same, by whole days"), "share"
    ),
    "days_sooner": MetricWords(
        say("Days sooner"),
        say("by which a true case is reached, on average over the true cases"),
        "days",
    ),
    "log_loss": MetricWords(say("Log loss"), say("surprise at the outcomes; low is good"), "ratio"),
    "calibration_slope": MetricWords(
        say("Slope of calibration"),
        say("1 is right; below 1 the probabilities are too extreme"),
        "ratio",
    ),
    "calibration_intercept": MetricWords(
        say("Intercept of calibration"),
        say("0 is right; above 0 the probabilities are too low"),
        "ratio",
    ),
    "calibration_error": MetricWords(
        say("Error of calibration"),
        say("mean distance of probability and outcome over bands"),
        "share",
    ),
    "calibration_chance": MetricWords(
        say("The same by chance"), say("if every probability held exactly"), "share"
    ),
    "selection_for_need": MetricWords(
        say("Selected for its need"),
        say("share of the selected over share of the true cases"),
        "ratio",
    ),
    "exposure_for_need": MetricWords(
        say("Rank for its need"),
        say("share of the exposure by rank over share of the true cases"),
        "ratio",
    ),
    "mean_score": MetricWords(say("Mean score"), say("average of the score"), "ratio"),
}
"""Metrics that have words. Another metric is shown under its own name."""
