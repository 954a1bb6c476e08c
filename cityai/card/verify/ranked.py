"""Every main figure of a ranked list's card, counted again from the saved predictions.

Nothing is shared with the assessment: plain sorting, counting and sums on the table of cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.card.draft.rounding import count_decimals
from cityai.card.record import CardRecord
from cityai.card.verify.claims import Claim, claim_range, list_counted_with
from cityai.columns import CASE, DECISION, EVERYWHERE, FOLD, OCCURRED_AT, SLOT, Y_PRED, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.modeling.predictions import Predictions

if TYPE_CHECKING:
    from cityai.records.groups import Groups

Floats = npt.NDArray[np.float64]

FORECAST: Final = "forecast"
DAY: Final = np.timedelta64(1, "D")


def list_ranked_claims(
    record: CardRecord, predictions: Predictions, groups: Groups, spec: RiskSpec
) -> Iterator[Claim]:
    """List what is found, how soon, the slider, the curve, and each group's figures."""
    table = predictions.table.reset_index(drop=True)
    yield from _claim_metrics(record, table, spec)
    yield from _claim_capacity(record, table)
    weights = _weigh(table, groups)
    for name, group, other in list_counted_with(record):
        weights[name, other] = weights[name, other] + weights.pop((name, group), 0.0)
    yield from _claim_curve(record, table, weights)
    yield from _claim_groups(record, table, weights)


def _claim_metrics(record: CardRecord, table: pd.DataFrame, spec: RiskSpec) -> Iterator[Claim]:
    for i, number in enumerate(record.eval.metrics):
        count = COUNTED.get(number.metric)
        rows = table
        if FOLD in number.slice:
            rows = table[table[FOLD].astype(str) == number.slice[FOLD]].reset_index(drop=True)
        if count is None or number.value is None:
            continue
        score = _score(rows, number.slice["model"])
        decision = _decide(rows, number.slice["model"], spec)
        counted = count(rows[Y_TRUE].to_numpy(np.float64), score, decision, rows)
        decimals = count_decimals(counted, number.unit, float(rows[Y_TRUE].sum()))
        yield Claim(f"eval.metrics[{i}].value", number.value, counted, decimals)


def _claim_capacity(record: CardRecord, table: pd.DataFrame) -> Iterator[Claim]:
    points = record.eval.ranked.capacity if record.eval.ranked else ()
    truth = table[Y_TRUE].to_numpy(np.float64)
    for i, point in enumerate(points):
        if point.recall is None:
            continue
        top = (_rank(table, _score(table, point.model)) <= point.capacity).astype(np.float64)
        counted = {
            "precision": _precision(truth, top, top, table),
            "recall": _recall(truth, top, top, table),
            "share": float(top.mean()),
        }
        for name, value in counted.items():
            size = min(top.sum(), truth.sum()) if name != "share" else top.sum()
            decimals = count_decimals(value, "share", float(size))
            path = f"eval.ranked.capacity[{i}].{name}"
            yield Claim(path, getattr(point, name), value, decimals)


def _claim_curve(
    record: CardRecord, table: pd.DataFrame, weights: dict[tuple[str, str], Floats]
) -> Iterator[Claim]:
    """Bands are of equal count; their printed means must add up to everyone's."""
    points = record.eval.ranked.curve if record.eval.ranked else ()
    own = [p for p in points if p.dimension == EVERYWHERE]
    shown = [p for p in own if p.n is not None and p.outcome_share is not None]
    if not own or len(shown) < len(own):
        return
    sizes = np.array([p.n or 0 for p in shown], dtype=np.float64)
    for name, column in (("outcome_share", Y_TRUE), ("mean_score", Y_PRED)):
        printed = float(sizes @ np.array([getattr(p, name) for p in shown]) / sizes.sum())
        counted = float(table[column].mean())
        yield Claim(f"eval.ranked.curve[*].{name}", printed, counted, 2)


def _claim_groups(
    record: CardRecord, table: pd.DataFrame, weights: dict[tuple[str, str], Floats]
) -> Iterator[Claim]:
    truth = table[Y_TRUE].to_numpy(np.float64)
    chosen = table[DECISION].to_numpy(np.float64)
    exposure = 1 / np.log2(1.0 + _rank(table, table[Y_PRED].to_numpy(np.float64)))
    for i, result in enumerate(record.fairness.results):
        weight = weights.get((result.dimension, result.group))
        if weight is None or result.metric not in BY_GROUP:
            continue
        if result.value is None and result.between is None:
            continue
        top, bottom = BY_GROUP[result.metric](truth, chosen, exposure)
        base = float(weight @ bottom)
        counted = float(weight @ top) / base if base > 0 else math.nan
        path = f"fairness.results[{i}]"
        if result.between is not None:
            yield claim_range(f"{path}.between", result.between, counted)
        else:
            decimals = _find_decimals(result.value or 0.0, counted)
            yield Claim(f"{path}.value", result.value, counted, decimals)


def _find_decimals(printed: float, counted: float) -> int:
    """Return the decimals that were printed, two at least: groups are rounded by their size."""
    fewest = next((d for d in (2, 3) if abs(round(printed, d) - printed) < 1e-12), 3)
    whole = len(str(int(abs(counted)))) if math.isfinite(counted) and abs(counted) >= 1 else 0
    return min(fewest, max(3 - whole, 2)) if whole else fewest


def _weigh(table: pd.DataFrame, groups: Groups) -> dict[tuple[str, str], Floats]:
    unit = dict(zip(groups.table[CASE], groups.table["unit"], strict=True))
    keys = [unit.get(case) for case in table[CASE]]
    weights = {}
    for member in groups.memberships:
        rows = member.weights.reindex(keys).fillna(0.0)
        for group in rows.columns:
            weights[member.dimension, str(group)] = rows[group].to_numpy(np.float64)
    return weights


def _score(table: pd.DataFrame, model: str) -> Floats:
    return table[Y_PRED if model == FORECAST else model].to_numpy(np.float64)


def _decide(table: pd.DataFrame, model: str, spec: RiskSpec) -> Floats:
    rule = spec.question.decision
    if model == FORECAST or rule.capacity is None:
        return table[DECISION].to_numpy(np.float64)
    return (_rank(table, _score(table, model)) <= rule.capacity).astype(np.float64)


def _rank(table: pd.DataFrame, score: Floats) -> Floats:
    """Count, within fold and slot, who stands before each case; equal scores by case id."""
    frame = pd.DataFrame(
        {"fold": table[FOLD], "slot": table[SLOT], "case": table[CASE].astype(str), "score": score}
    )
    ordered = frame.sort_values(["score", "case"], ascending=[False, True], kind="stable")
    place = ordered.groupby(["fold", "slot"], sort=False).cumcount() + 1
    return np.asarray(place.sort_index(), dtype=np.float64)


def _precision(truth: Floats, score: Floats, decision: Floats, table: pd.DataFrame) -> float:
    return float(truth[decision == 1].mean()) if (decision == 1).any() else math.nan


def _recall(truth: Floats, score: Floats, decision: Floats, table: pd.DataFrame) -> float:
    return float(decision[truth == 1].mean()) if (truth == 1).any() else math.nan


def _brier(truth: Floats, score: Floats, decision: Floats, table: pd.DataFrame) -> float:
    return float(np.mean((score - truth) ** 2))


def _days_sooner(truth: Floats, score: Floats, decision: Floats, table: pd.DataFrame) -> float:
    """Give the sorted dates of each fold to its cases in the order of the score."""
    gains: list[float] = []
    for _, rows in table.assign(own=score).groupby(FOLD):
        ordered = rows.assign(case=rows[CASE].astype(str)).sort_values(
            ["own", "case"], ascending=[False, True], kind="stable"
        )
        dates = np.sort(rows[OCCURRED_AT].to_numpy())
        sooner = (ordered[OCCURRED_AT].to_numpy() - dates) / DAY
        gains += sooner[ordered[Y_TRUE].to_numpy() == 1].tolist()
    return math.fsum(gains) / len(gains) if gains else math.nan


COUNTED: Final[dict[str, Callable[[Floats, Floats, Floats, pd.DataFrame], float]]] = {
    "precision": _precision,
    "recall": _recall,
    "brier": _brier,
    "days_sooner": _days_sooner,
}
"""Metrics that are counted again."""

BY_GROUP: Final[dict[str, Callable[[Floats, Floats, Floats], list[Floats]]]] = {
    "selection_rate": lambda y, d, e: [d, np.ones_like(d)],
    "true_positive_rate": lambda y, d, e: [d * y, y],
    "false_negative_rate": lambda y, d, e: [(1 - d) * y, y],
    "false_positive_rate": lambda y, d, e: [d * (1 - y), 1 - y],
    "precision": lambda y, d, e: [d * y, d],
    "base_rate": lambda y, d, e: [y, np.ones_like(y)],
    "selection_for_need": lambda y, d, e: [d * y.sum() / d.sum(), y],
    "exposure_for_need": lambda y, d, e: [e * y.sum() / e.sum(), y],
}
"""Figures of groups that are counted again: what is above and below the line."""
