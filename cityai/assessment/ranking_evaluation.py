"""The evaluation of a ranked list: what it finds at a capacity, and whether its odds hold."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cityai.findings import Finding
from cityai.modeling.predictions import Predictions
from cityai.spec.risk import RiskSpec


@dataclass(frozen=True, slots=True)
class RankingEvaluation:
    """How good a ranked list is.

    Attributes
    ----------
    metrics : pandas.DataFrame
        As `Evaluation.metrics`: one row a `model` ("forecast", "baseline.x", "candidate.y"),
        `metric` (`precision`, `recall`, `lift`, `auc`, `brier`, `log_loss`, `calibration_slope`,
        `calibration_intercept`, `calibration_error`, `first_half_share`, `days_sooner`),
        `slice_kind` ("overall", "fold") and `slice`: `value`, `low`, `high`, `n`, `left_out`,
        `reason` (why there is no value or no interval).
    comparisons : pandas.DataFrame
        As `Evaluation.comparisons`: one row a `baseline` and `metric`; for these metrics a
        `difference` above zero may be the better (`better` says which: "high" or "low").
    at_capacity : pandas.DataFrame
        The slider: one row a `model` and `capacity` (cases a slot), `share` of the cases that is
        selected, `selected`, `found`, `precision`, `recall`, `lift` with `_low` and `_high`,
        `declared` (whether it is the project's own capacity), `reason`.
    curve : pandas.DataFrame
        Calibration over everyone: one row a score `band`: `score_low`, `score_high`, `n`, `yes`,
        `mean_score`, `outcome_share`, `low`, `high`, `chance` (mean distance of the two shares if
        every score held exactly), `reason`.
    findings : tuple of Finding
        `evaluate.better_than_baselines.<name>` and `evaluate.calibration`.
    """

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    at_capacity: pd.DataFrame
    curve: pd.DataFrame
    findings: tuple[Finding, ...]


def evaluate_ranking(predictions: Predictions, spec: RiskSpec) -> RankingEvaluation:
    """Evaluate a ranked list beside its baselines, whole and by fold.

    Parameters
    ----------
    predictions : Predictions
        Of a yes/no question.
    spec : RiskSpec
        Its capacity rule and policy.
    """
    raise NotImplementedError
