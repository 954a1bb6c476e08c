"""Every figure of a card about a yes or no, counted again by masks over the rows that were given.

As in `claims`, nothing is shared with the assessment but how finely a figure is published.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.card.draft.rounding import count_decimals
from cityai.card.record import CardRecord
from cityai.card.verify.claims import ROUNDING, Claim, Floats, claim_range, weigh_groups
from cityai.columns import EVERYWHERE, FOLD, Y_PRED, Y_TRUE
from cityai.data.external_predictions import DECISION
from cityai.records.groups import Membership

FORECAST: Final = {"model": "forecast"}
ROUNDED: Final = 20
"""Numbers of people in a group are multiples of it."""


def list_answer_claims(
    record: CardRecord, table: pd.DataFrame, memberships: Sequence[Membership]
) -> Iterator[Claim]:
    """List every figure that follows from the rows, each counted again.

    Parameters
    ----------
    record : CardRecord
        The card.
    table : pandas.DataFrame
        `Given.table`, its ``entity_id`` the keys that memberships are indexed by.
    memberships : sequence of Membership
        Groups of the audit.
    """
    rows = _Rows(table.reset_index(drop=True))
    everyone = np.ones(len(table))
    for i, number in enumerate(record.eval.metrics):
        if number.slice == FORECAST and number.value is not None:
            path = f"eval.metrics[{i}]"
            yield rows.claim(f"{path}.value", number.value, number.metric, number.unit, everyone)
            yield Claim(f"{path}.n", number.n, float(len(table)), 0)
    weights = weigh_groups(memberships, rows.table, record)
    yield from _claim_results(record, rows, weights, everyone)
    for i, number in enumerate(record.fairness.by_fold):
        if number.value is not None:
            dimension, group = next((k, v) for k, v in number.slice.items() if k != FOLD)
            part = (rows.table[FOLD].astype(str) == number.slice[FOLD]).to_numpy()
            counted = rows.count(number.metric, weights[dimension][group] * part)
            decimals = count_decimals(counted, number.unit, None)
            yield Claim(f"fairness.by_fold[{i}].value", number.value, counted, decimals)


def _claim_results(
    record: CardRecord,
    rows: _Rows,
    weights: Mapping[str, Mapping[str, Floats]],
    everyone: Floats,
) -> Iterator[Claim]:
    for i, result in enumerate(record.fairness.results):
        path, metric, unit = f"fairness.results[{i}]", result.metric, result.unit
        # A name that no row has: whatever the card says of it fails, with no traceback.
        own = weights[result.dimension].get(result.group, np.zeros(len(everyone)))
        if result.n is not None:
            yield Claim(f"{path}.n", result.n, float(round(own.sum() / ROUNDED) * ROUNDED), 0)
        if result.between is not None:
            yield claim_range(f"{path}.between", result.between, rows.count(metric, own))
        if result.value is None:
            continue
        claim = rows.claim(f"{path}.value", result.value, metric, unit, own)
        yield claim
        whole = result.reference == EVERYWHERE
        beside = everyone if whole else weights[result.dimension][result.reference]
        if result.reference_value is not None:
            yield rows.claim(
                f"{path}.reference_value", result.reference_value, metric, unit, beside
            )
        if result.gap is not None:
            gap = claim.counted - rows.count(metric, beside)
            gap = 0.0 if abs(gap) <= ROUNDING * abs(claim.counted) else gap
            decimals = count_decimals(gap, unit, rows.size(metric, own))
            yield Claim(f"{path}.gap", result.gap, gap, decimals)


class _Rows:
    """The rows' answers, and each metric as what is counted among what."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        y, d, s = (table[c].to_numpy(np.float64) for c in (Y_TRUE, DECISION, Y_PRED))
        known, decided = ~np.isnan(y), ~np.isnan(d)
        judged, given = known & decided, np.isfinite(s)
        shares = bool(given.any()) and bool(((s[given] >= 0) & (s[given] <= 1)).all())
        scored = known & given & shares
        score, outcome = np.nan_to_num(s), np.nan_to_num(y)
        self.parts = {
            "selection_rate": (d == 1, decided),
            "false_positive_rate": (d == 1, judged & (y == 0)),
            "false_negative_rate": (d == 0, judged & (y == 1)),
            "true_positive_rate": (d == 1, judged & (y == 1)),
            "precision": (y == 1, judged & (d == 1)),
            "false_discovery_rate": (y == 0, judged & (d == 1)),
            "false_omission_rate": (y == 1, judged & (d == 0)),
            "accuracy": (y == d, judged),
            "base_rate": (y == 1, known),
            "brier": ((score - outcome) ** 2, scored),
            "mean_score": (score, given),
            "calibration": (score, scored),
        }
        self.outcome = outcome

    def count(self, metric: str, weight: Floats) -> float:
        """Count one metric over weighted rows."""
        if metric == "auc":
            return self._count_pairs(weight > 0)
        above, among = self.parts[metric]
        bottom = self.size(metric, weight)
        return math.fsum((weight * above)[among]) / bottom if bottom > 0 else math.nan

    def size(self, metric: str, weight: Floats) -> float:
        """Count what a metric is a share of."""
        if metric == "auc":
            return math.fsum(weight[self.parts["base_rate"][1]])
        among = self.parts[metric][1]
        each = weight * self.outcome if metric == "calibration" else weight
        return math.fsum(each[among])

    def _count_pairs(self, held: npt.NDArray[np.bool_]) -> float:
        """Of pairs with and without the outcome, the share in which the first has more score."""
        usable = held & self.parts["base_rate"][1] & self.parts["mean_score"][1]
        score, yes = self.table[Y_PRED].to_numpy(np.float64), self.outcome == 1
        above, below = score[usable & yes], np.sort(score[usable & ~yes])
        if not len(above) or not len(below):
            return math.nan
        under, not_over = (np.searchsorted(below, above, side=s) for s in ("left", "right"))
        return float((under + not_over).sum()) / (2 * len(above) * len(below))

    def claim(self, path: str, printed: float, metric: str, unit: str, weight: Floats) -> Claim:
        """Count a figure again, to the decimals that it is published with."""
        counted, size = self.count(metric, weight), self.size(metric, weight)
        decimals = count_decimals(counted, unit, size) if math.isfinite(counted) else 0
        return Claim(path, printed, counted, decimals)
