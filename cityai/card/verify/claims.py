"""Every figure of a card, counted again from the predictions, one row at a time.

Nothing here is shared with the assessment: no sums, no tensor, only masks, weights and plain
arithmetic on the table of predictions. What is shared is how finely a figure is published.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.card.draft.rounding import count_decimals, find_size, round_total
from cityai.card.record import CardRecord
from cityai.card.record.part import Number
from cityai.columns import (
    AREA,
    BASELINE,
    CANDIDATE,
    ENTITY,
    EVERYWHERE,
    FOLD,
    NOT_RECORDED,
    PERIOD_START,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.modeling.predictions import Predictions
from cityai.records.groups import Membership

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ROUNDING: Final = 1e-12
"""Share of a figure that the order of its sums may change."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One printed figure and what it should be.

    Attributes
    ----------
    path : str
        Where it stands in the record.
    printed : float or None
        What the record says.
    counted : float
        What the predictions say; NaN when undefined.
    decimals : int
        Decimals that it was printed with.
    """

    path: str
    printed: float | None
    counted: float
    decimals: int

    @property
    def holds(self) -> bool:
        """Whether both agree to the printed rounding."""
        if self.printed is None:
            return not math.isfinite(self.counted)
        if not math.isfinite(self.counted):
            return False
        if self.counted == 0:
            return abs(self.printed) <= ROUNDING
        half = 0.5 * 10.0**-self.decimals
        return abs(self.counted - self.printed) <= half * (1 + 1e-6) + ROUNDING * abs(self.counted)


def claim_range(path: str, between: tuple[float, float], counted: float) -> Claim:
    """Claim that a figure lies in a range: what is printed is the nearest end, or the figure."""
    return Claim(path, min(max(counted, between[0]), between[1]), counted, 12)


def list_claims(
    record: CardRecord,
    predictions: Predictions,
    memberships: Sequence[Membership],
) -> Iterator[Claim]:
    """List every figure that follows from the predictions, each counted again."""
    table = prepare_table(predictions.table)
    yield from _claim_metrics(record.eval.metrics, "eval.metrics", table)
    for i, place in enumerate(record.eval.places):
        yield from _claim_metrics(place.figures, f"eval.places[{i}].figures", table)
    yield from _claim_series(record, table)
    weights = weigh_groups(memberships, table, record)
    yield from _claim_groups(record, table, weights)
    for i, number in enumerate(record.fairness.by_fold):
        if number.value is None:
            continue
        (dimension, group), fold = _split_fold(number)
        part = (table[f"text.{FOLD}"] == fold).to_numpy()
        weight = weights[dimension][group] * part
        yield count_group(
            f"fairness.by_fold[{i}].value",
            number.value,
            number.metric,
            number.unit,
            table,
            weight,
            coarse=True,
        )


def prepare_table(table: pd.DataFrame) -> pd.DataFrame:
    """Add, for each forecast, the row's part of a capacity shared in proportion to it."""
    table = table.reset_index(drop=True)
    forecasts = [c for c in map(str, table) if c == Y_PRED or c.startswith((BASELINE, CANDIDATE))]
    given = {f"given.{c}": np.full(len(table), np.nan) for c in forecasts}
    for _, rows in table.groupby([FOLD, STEP], sort=False):
        for column in forecasts:
            scored = np.isfinite(rows[Y_TRUE]) & np.isfinite(rows[column])
            wanted = rows[column].where(scored, 0.0).clip(lower=0.0)
            if wanted.sum() > 0:
                capacity = rows[Y_TRUE].where(scored, 0.0).sum()
                given[f"given.{column}"][rows.index] = capacity * wanted / wanted.sum()
    texts = {f"text.{c}": table[c].astype(str) for c in (ENTITY, AREA, FOLD, STEP) if c in table}
    return table.assign(**given, **texts)


def _claim_metrics(numbers: Sequence[Number], path: str, table: pd.DataFrame) -> Iterator[Claim]:
    for i, number in enumerate(numbers):
        if number.value is None and number.n is None:
            continue
        mask = np.ones(len(table))
        for kind, value in number.slice.items():
            if kind != "model":
                column = {"entity": ENTITY, "area": AREA, "fold": FOLD, "step": STEP}[kind]
                mask *= (table[f"text.{column}"] == value).to_numpy()
        model = number.slice["model"]
        column = Y_PRED if model == "forecast" else model
        yield count_group(
            f"{path}[{i}].value", number.value, number.metric, number.unit, table, mask, column
        )
        counted = float((mask * _usable(number.metric, table, column)).sum())
        yield Claim(f"{path}[{i}].n", number.n, counted, 0)


def _claim_series(record: CardRecord, table: pd.DataFrame) -> Iterator[Claim]:
    known = table[np.isfinite(table[Y_TRUE])]
    for i, point in enumerate(record.eval.series):
        rows = known[known[PERIOD_START] == pd.Timestamp(point.period_start)]
        least = rows.groupby(rows[ENTITY].astype(str))[STEP].transform("min")
        rows = rows[rows[STEP] == least]
        columns = {"actual": Y_TRUE, "forecast": Y_PRED, "low": Y_LOW, "high": Y_HIGH}
        if record.eval.practice:
            columns["practice"] = f"{BASELINE}{record.eval.practice}"
        for field, column in columns.items():
            printed = getattr(point, field)
            if printed is not None:
                total = round_total(math.fsum(rows[column]), record.eval.series_step)
                yield Claim(
                    f"eval.series[{i}].{field}", printed, math.nan if total is None else total, 3
                )


def list_counted_with(record: CardRecord) -> Iterator[tuple[str, str, str]]:
    """Yield dimension, group and other: what is counted with which, being too small to show."""
    for dimension in record.fairness.dimensions:
        for group in dimension.groups:
            if group.counted_with:
                yield dimension.name, group.name, group.counted_with


def weigh_groups(
    memberships: Sequence[Membership], table: pd.DataFrame, record: CardRecord
) -> dict[str, dict[str, Floats]]:
    """Give each row's part in each group, and in each pair of groups, as the card counts them.

    Returns
    -------
    dict
        By dimension (``"a * b"`` for a pair) and group: (rows,) weights in [0, 1].
    """
    entities = table[ENTITY].astype(str)
    single: dict[str, dict[str, Floats]] = {}
    for membership in memberships:
        unknown = ~entities.isin(membership.weights.index.astype(str)).to_numpy()
        groups = {}
        for group in membership.weights.columns:
            lookup = membership.weights[group].to_dict()
            groups[str(group)] = np.array([lookup.get(e, math.nan) for e in entities])
        unknown |= np.isnan(np.column_stack(list(groups.values()))).any(axis=1)
        groups = {g: np.where(unknown, 0.0, w) for g, w in groups.items()}
        if unknown.any():
            groups[NOT_RECORDED] = groups.get(NOT_RECORDED, np.zeros(len(table))) + unknown
        single[membership.dimension] = groups
    for name, group, other in list_counted_with(record):
        if name in single:
            single[name][other] = single[name][other] + single[name][group]
            single[name][group] = np.zeros(len(table))
    both = dict(single)
    for i, first in enumerate(memberships):
        for second in memberships[i + 1 :]:
            both[f"{first.dimension} * {second.dimension}"] = {
                f"{a} and {b}": v * w
                for a, v in single[first.dimension].items()
                for b, w in single[second.dimension].items()
            }
    return both


def _claim_groups(
    record: CardRecord, table: pd.DataFrame, weights: Mapping[str, Mapping[str, Floats]]
) -> Iterator[Claim]:
    whole = np.ones(len(table))
    for i, result in enumerate(record.fairness.results):
        if result.value is None:
            continue
        path = f"fairness.results[{i}]"
        own = weights[result.dimension][result.group]
        claim = count_group(f"{path}.value", result.value, result.metric, result.unit, table, own)
        yield claim
        n = float((own * _usable("wape", table, Y_PRED)).sum())
        yield Claim(f"{path}.n", result.n, n, 0)
        beside = (
            whole if result.reference == EVERYWHERE else weights[result.dimension][result.reference]
        )
        if result.reference_value is not None:
            yield count_group(
                f"{path}.reference_value",
                result.reference_value,
                result.metric,
                result.unit,
                table,
                beside,
            )
        if result.gap is not None:
            counted = claim.counted - _count(result.metric, table, beside, Y_PRED)
            if abs(counted) <= ROUNDING * abs(claim.counted):
                counted = 0.0
            size = _size(result.metric, table, own, Y_PRED)
            yield Claim(
                f"{path}.gap", result.gap, counted, count_decimals(counted, result.unit, size)
            )


def _split_fold(number: Number) -> tuple[tuple[str, str], str]:
    pair = next((k, v) for k, v in number.slice.items() if k != FOLD)
    return pair, number.slice[FOLD]


def count_group(
    path: str,
    printed: float | None,
    metric: str,
    unit: str,
    table: pd.DataFrame,
    weight: Floats,
    column: str = Y_PRED,
    *,
    coarse: bool = False,
) -> Claim:
    """Count a figure again, to the decimals that it is published with.

    Parameters
    ----------
    path, printed, metric, unit
        The figure, and where it stands.
    table : pandas.DataFrame
        From `prepare_table`.
    weight : numpy.ndarray
        (rows,) each row's part.
    column : str
        The forecast that is judged.
    coarse : bool
        The figure is published as those of small groups are.
    """
    counted = _count(metric, table, weight, column)
    size = None if coarse else _size(metric, table, weight, column)
    decimals = count_decimals(counted, unit, size) if math.isfinite(counted) else 0
    return Claim(path, printed, counted, decimals)


def _size(metric: str, table: pd.DataFrame, weight: Floats, column: str) -> float | None:
    n = float((weight * _usable(metric, table, column)).sum())
    return find_size(metric, n, float((weight * table[Y_TRUE].fillna(0.0)).sum()))


def _usable(metric: str, table: pd.DataFrame, column: str) -> Bools:
    rows = np.isfinite(table[Y_TRUE]) & np.isfinite(table[column])
    if metric in {"coverage", "interval_width"}:
        rows &= np.isfinite(table[Y_LOW]) & np.isfinite(table[Y_HIGH])
    elif metric == "mase":
        rows &= np.isfinite(table[SCALE]) & (table[SCALE] > 0)
    return np.asarray(rows, dtype=np.bool_)


def _count(metric: str, table: pd.DataFrame, weight: Floats, column: str) -> float:
    """Count one metric over weighted rows, as its definition says it."""
    kept = _usable(metric, table, column) & (weight > 0)
    rows, w = table[kept], weight[kept]
    y, p = rows[Y_TRUE].to_numpy(), rows[column].to_numpy()
    if match := re.fullmatch(r"error_against_(.+)", metric):
        other = rows[f"{BASELINE}{match.group(1)}"].to_numpy()
        both = np.isfinite(other)
        return _divide((w * abs(p - y))[both], (w * abs(other - y))[both])
    given = rows[f"given.{column}"].fillna(0.0).to_numpy()
    parts = {
        "wape": (abs(p - y), y),
        "mae": (abs(p - y), None),
        "rmse": ((p - y) ** 2, None),
        "bias": (p - y, y),
        "mase": (abs(p - y) / rows[SCALE].to_numpy(), None),
        "under_forecast_share": (np.where(y > p, y - p, 0.0), y),
        "over_forecast_share": (np.where(p > y, p - y, 0.0), y),
        "coverage": ((rows[Y_LOW].to_numpy() <= y) & (y <= rows[Y_HIGH].to_numpy()), None),
        "interval_width": ((rows[Y_HIGH] - rows[Y_LOW]).to_numpy(), None),
        "unmet_need": (np.where(y > given, y - given, 0.0), y),
        "idle_capacity": (np.where(given > y, given - y, 0.0), given),
    }
    above, below = parts[metric]
    value = _divide(w * above, w if below is None else w * below)
    return math.sqrt(value) if metric == "rmse" else value


def _divide(above: Floats, below: Floats) -> float:
    bottom = math.fsum(below)
    return math.fsum(above) / bottom if bottom > 0 else math.nan
