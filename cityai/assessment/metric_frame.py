"""MetricFrame of fairlearn: the audit's point values by group, or any metric of ``(y, p)``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics import build_answer_sums, build_sums, find_metrics
from cityai.columns import DECISION, ENTITY, Y_PRED, Y_TRUE
from cityai.config.audit_file import Answer
from cityai.errors import UserError, suggest_name
from cityai.inference.ratio_influence import compute_ratio
from cityai.records.groups import Groups
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from fairlearn.metrics import MetricFrame as MetricFrame

Measure = Callable[[Any, Any], float]
SHARED: Final[Mapping[Answer, frozenset[str]]] = {
    "amount": frozenset(
        {"mae", "rmse", "wape", "bias", "under_forecast_share", "over_forecast_share"}
    ),
    "yes/no": frozenset(
        {"selection_rate", "base_rate", "accuracy", "precision", "true_positive_rate"}
        | {"false_positive_rate", "false_negative_rate"}
        | {"false_discovery_rate", "false_omission_rate"}
    ),
}
"""Metrics that need nothing but outcomes, and forecasts or decisions."""
JUDGED: Final[Mapping[Answer, str]] = {"amount": Y_PRED, "yes/no": DECISION}
"""What stands for the prediction: of a yes or no, who is selected."""


def build_metric_frame(
    predictions: Predictions,
    groups: Groups,
    dimension: str,
    metrics: Mapping[str, Measure] | None = None,
) -> MetricFrame:
    """Hand one dimension to those who know fairlearn.

    Parameters
    ----------
    predictions : Predictions
        Those that were audited.
    groups : Groups
        Who belongs where.
    dimension : str
        A dimension of the audit with hard groups or bands.
    metrics : mapping of str to callable, optional
        ``(y_true, y_pred) -> float``: of scikit-learn, of fairlearn, your own. The audit's own
        (`SHARED`) without it. Of a yes or no, ``y_pred`` is the decision.

    Returns
    -------
    fairlearn.metrics.MetricFrame
        It holds figures of small groups too: it is not for publication.

    Raises
    ------
    UserError
        For a dimension that is not there, and for soft groups, which a MetricFrame cannot hold.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from fairlearn.metrics import MetricFrame

    known = {m.dimension: m for m in groups.memberships}
    if dimension not in known:
        raise UserError(
            f"the audit has no dimension '{dimension}'", expected=suggest_name(dimension, known)
        )
    if known[dimension].kind == "soft":
        raise UserError(
            f"'{dimension}' divides residents, not rows",
            expected="a dimension with `attribute` or `bands`",
        )
    table, weights = predictions.table, known[dimension].weights
    labels = pd.Series(weights.columns[weights.to_numpy().argmax(axis=1)], index=weights.index)
    units = groups.find_units(table)
    units = table[ENTITY].to_numpy(object).astype(str) if units is None else units
    return MetricFrame(
        metrics=dict(metrics or _find_own(predictions.kind)),
        y_true=table[Y_TRUE].to_numpy(),
        y_pred=table[JUDGED[predictions.kind]].to_numpy(),
        sensitive_features=pd.Series(labels.reindex(units).to_numpy(), name=dimension),
    )


def _find_own(kind: Answer) -> dict[str, Measure]:
    build = build_sums if kind == "amount" else build_answer_sums

    def measure(y: Any, p: Any, metric: Metric) -> float:
        said = np.asarray(p)
        sums = build(pd.DataFrame({Y_TRUE: np.asarray(y), Y_PRED: said, DECISION: said}))
        return float(compute_ratio(sums.values.sum(axis=0), sums.names, metric))

    found = (m for m in find_metrics(kind) if m.name in SHARED[kind])
    return {m.name: partial(measure, metric=m) for m in found}
