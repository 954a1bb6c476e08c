"""Metrics of yes or no: a score, a decision, and what came to pass, as ratios of sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics import Metric, Sums
from cityai.assessment.selection import is_one_sided
from cityai.columns import Y_PRED, Y_TRUE
from cityai.data.external_predictions import DECISION
from cityai.i18n.messages import say

NO_DECISION: Final = say("no decision is known here")
NO_OUTCOME: Final = say("no outcome is known here")
NONE_POSITIVE: Final = say("nobody here with a known decision had the outcome (0 positives)")
NONE_NEGATIVE: Final = say("everybody here with a known decision had the outcome (0 negatives)")
NONE_SELECTED: Final = say("nobody here with a known outcome was selected")
ALL_SELECTED: Final = say("everybody here with a known outcome was selected")
NO_SCORE: Final = say("no score between 0 and 1 with a known outcome is here")
ONE_SIDED: Final = say("the outcome is known only of those selected, or only of the others")
NOT_SHARES: Final = say("the scores are not probabilities: they lie outside 0 to 1")

_METRICS: Final[tuple[Metric, ...]] = (
    Metric("selection_rate", say("share selected"), "selected", "decided", "share", "low",
           undefined=NO_DECISION),
    Metric("false_positive_rate", say("false alarms"), "fp", "negatives", "share", "low",
           undefined=NONE_NEGATIVE),
    Metric("false_negative_rate", say("missed"), "fn", "positives", "share", "low",
           undefined=NONE_POSITIVE),
    Metric("true_positive_rate", say("found"), "tp", "positives", "share", "high",
           undefined=NONE_POSITIVE),
    Metric("precision", say("selected rightly"), "tp", "judged_selected", "share", "high",
           undefined=NONE_SELECTED),
    Metric("false_discovery_rate", say("selected wrongly"), "fp", "judged_selected", "share", "low",
           undefined=NONE_SELECTED),
    Metric("false_omission_rate", say("passed over wrongly"), "fn", "judged_passed", "share", "low",
           undefined=ALL_SELECTED),
    Metric("accuracy", say("decisions that were right"), "right", "judged", "share", "high",
           undefined=say("no row here has both a decision and an outcome")),
    Metric("base_rate", say("share with the outcome"), "outcomes", "known", "share", "low",
           undefined=NO_OUTCOME),
    Metric("calibration", say("scores against outcomes"), "score", "score_outcomes", "ratio", "low",
           undefined=NO_SCORE),
    Metric("brier", say("mean squared error of the score"), "squared_error", "scored", "ratio",
           "low", undefined=NO_SCORE),
    Metric("mean_score", say("mean score"), "any_score", "with_score", "ratio", "low",
           undefined=say("no score is known here")),
)  # fmt: skip
ANSWER_METRICS: Final = tuple(
    replace(metric, part="rows") if metric.unit == "share" else metric for metric in _METRICS
)
"""Metrics of a yes or no, in the order shown."""

WITHOUT_OUTCOME: Final = frozenset({"selection_rate", "mean_score"})
"""Metrics that need no outcome."""
WITHOUT_DECISION: Final = frozenset({"base_rate", "calibration", "brier", "mean_score"})
"""Metrics that need no decision."""
BOTH_SIDES: Final = frozenset(
    {"false_positive_rate", "false_negative_rate", "true_positive_rate", "accuracy", "base_rate"}
)
"""Metrics that need outcomes of those selected and of the others."""
EVENTS: Final = ("positives_known", "negatives_known")
"""Sums that count people; fewer than the policy allows hide a group."""
COUNTS: Final = ("n", "decided", "selected", "known", "outcomes", "tp", "fp", "tn", "fn")
"""Sums that a table of counts shows."""


def find_answer_metrics(table: pd.DataFrame) -> tuple[Metric, ...]:
    """Return the metrics of a yes or no; why one cannot be had for these rows is in its reason.

    Parameters
    ----------
    table : pandas.DataFrame
        `Given.table`.
    """
    score = table[Y_PRED].to_numpy(np.float64)
    shares, one_sided = _are_shares(score), is_one_sided(table)
    found = []
    for metric in ANSWER_METRICS:
        why = metric.undefined
        if metric.name in ("calibration", "brier") and np.isfinite(score).any() and not shares:
            why = NOT_SHARES
        if metric.name not in WITHOUT_OUTCOME and table[Y_TRUE].isna().all():
            why = say("no outcome is known yet, so nothing can be said about it")
        elif metric.name in BOTH_SIDES and one_sided:
            why, metric = ONE_SIDED, replace(metric, denominator="nothing")
        found.append(metric if why == metric.undefined else replace(metric, undefined=why))
    return tuple(found)


def build_answer_sums(table: pd.DataFrame) -> Sums:
    """Turn each row into its sums: the four outcomes of a decision, and the score's.

    Parameters
    ----------
    table : pandas.DataFrame
        `Given.table`: `y_true` and `decision` are 1, 0 or NaN, `y_pred` is the score.

    Returns
    -------
    Sums
        (rows, K) float64. A row counts in each sum whose parts it has: one without an outcome is
        still selected or not. `n` counts every row.
    """
    y = table[Y_TRUE].to_numpy(np.float64)
    d = table[DECISION].to_numpy(np.float64)
    s = table[Y_PRED].to_numpy(np.float64)
    known, decided, with_score = np.isfinite(y), np.isfinite(d), np.isfinite(s)
    both = known & decided
    scored = known & with_score & _are_shares(s)
    yes, chosen = y == 1, d == 1
    share, outcome = np.where(scored, s, 0.0), np.where(scored, y, 0.0)
    sums = {
        "n": np.ones(len(table)),
        "decided": decided,
        "selected": chosen,
        "known": known,
        "outcomes": yes,
        "positives_known": yes,
        "negatives_known": known & ~yes,
        "tp": both & yes & chosen,
        "fp": both & ~yes & chosen,
        "tn": both & ~yes & ~chosen,
        "fn": both & yes & ~chosen,
        "positives": both & yes,
        "negatives": both & ~yes,
        "judged_selected": both & chosen,
        "judged_passed": both & ~chosen,
        "judged": both,
        "right": both & (yes == chosen),
        "scored": scored,
        "score": share,
        "score_outcomes": outcome,
        "squared_error": (share - outcome) ** 2,
        "any_score": np.where(with_score, s, 0.0),
        "with_score": with_score,
        "nothing": np.zeros(len(table)),
    }
    values = np.column_stack([column.astype(np.float64) for column in sums.values()])
    return Sums(tuple(sums), values)


def _are_shares(score: np.ndarray) -> bool:
    known = score[np.isfinite(score)]
    return bool(len(known) and (known >= 0).all() and (known <= 1).all())
