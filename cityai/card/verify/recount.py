"""Every figure of a card, counted again from the predictions and the groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics import find_metric
from cityai.card.draft.rounding import round_people, round_totals
from cityai.card.record import CardRecord
from cityai.card.record.fairness import GroupResult
from cityai.card.record.part import Number
from cityai.card.verify.claims import ROUNDING, Claim, claim_range, refuse_claim
from cityai.card.verify.count import (
    Counted,
    Formulas,
    Weights,
    claim_figure,
    list_models,
    list_reach_claims,
    prepare_table,
    weigh_groups,
)
from cityai.card.verify.worth import list_worth_claims
from cityai.columns import (
    AREA,
    BASELINE,
    DECISION,
    ENTITY,
    EVERYWHERE,
    FOLD,
    PERIOD_START,
    STEP,
    TOTAL_HIGH,
    TOTAL_LOW,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.records.groups import Membership
from cityai.records.metric import Floats, Metric
from cityai.records.predictions import Predictions

NO_METRIC: Final = "no metric is called so"
NO_GROUP: Final = "the predictions know no such group"
NO_SLICE: Final = "the predictions know no such slice or model"
SLICES: Final = {"entity": ENTITY, "area": AREA, "fold": FOLD, "step": STEP}
UNDEFINED: Final = "No value"
"""How the reason of a figure begins that is undefined, not hidden."""
AUDITED: Final = "audit"
"""How the source of a figure begins that the audit counted, not the evaluation."""


def list_claims(
    record: CardRecord,
    predictions: Predictions,
    memberships: Sequence[Membership],
    keys: pd.Series | None = None,
) -> Iterator[Claim]:
    """List every figure that follows from the predictions, each counted again.

    Parameters
    ----------
    record : CardRecord
        The card, honest or forged: what nothing can be counted for is a failed claim.
    predictions : Predictions
        Of any origin.
    memberships : sequence of Membership
        Groups of the audit.
    keys : pandas.Series, optional
        (rows,) what memberships are indexed by; entities by default.
    """
    return _Walk(record, predictions.table, memberships, keys).list_all()


class _Walk:
    """A card's record beside the rows that it was made from."""

    def __init__(
        self,
        record: CardRecord,
        table: pd.DataFrame,
        memberships: Sequence[Membership],
        keys: pd.Series | None,
    ) -> None:
        self.record, self.table = record, table.reset_index(drop=True)
        self.models, self.made = list_models(table), dict[str, Formulas]()
        keys = self.table[ENTITY] if keys is None else keys
        joined = [
            (dimension.name, group.name, group.counted_with)
            for dimension in record.fairness.dimensions
            for group in dimension.groups
            if group.counted_with
        ]
        self.weights: Weights = weigh_groups(memberships, keys, joined)
        held = {k: c for k, c in SLICES.items() if c in self.table}
        self.labels = {k: self.table[c].astype(str).to_numpy() for k, c in held.items()}

    def list_all(self) -> Iterator[Claim]:
        """List the claims of the whole record."""
        for i, number in enumerate(self.record.eval.metrics):
            yield from self.claim_number(f"eval.metrics[{i}]", number)
        for i, place in enumerate(self.record.eval.places):
            for k, number in enumerate(place.figures):
                yield from self.claim_number(f"eval.places[{i}].figures[{k}]", number)
        yield from self.claim_series()
        yield from self.claim_capacity()
        yield from self.claim_curve()
        yield from list_worth_claims(self.record.eval.worth, self.table)
        yield from list_reach_claims(self.record, self.judge, set(self.models), self.weights)
        for i, result in enumerate(self.record.fairness.results):
            yield from self.claim_result(f"fairness.results[{i}]", result)
        for i, number in enumerate(self.record.fairness.by_fold):
            if number.value is not None:
                yield self.claim_fold(f"fairness.by_fold[{i}].value", number)

    def judge(self, model: str) -> Formulas:
        """Return the rows as a model judges them, prepared once."""
        if model not in self.made:
            self.made[model] = Formulas(prepare_table(self.table, self.models[model]))
        return self.made[model]

    def find_slice(self, slices: dict[str, str]) -> Floats | None:
        """Mark the rows of a slice, (rows,) 1 or 0; nothing where it is not known."""
        mask = np.ones(len(self.table))
        for kind, value in slices.items():
            if kind != "model" and kind not in self.labels:
                return None
            mask *= 1.0 if kind == "model" else self.labels[kind] == value
        return mask if mask.any() else None

    def claim_number(self, path: str, number: Number) -> Iterator[Claim]:
        """Claim a figure of the evaluation, or of the audit's whole, and its rows."""
        if number.between is not None:
            yield from self.claim_between(path, number)
            return
        if number.value is None and (number.n is None or not number.reason.startswith(UNDEFINED)):
            return
        metric, mask = find_metric(number.metric), self.find_slice(number.slice)
        if number.value is None and metric and "amount" not in metric.targets:
            return  # It may lack a value for what the rows do not tell.
        model = number.slice.get("model", "")
        if metric is None or mask is None or model not in self.models:
            why = NO_METRIC if metric is None else NO_SLICE
            yield refuse_claim(f"{path}.value", number.value, why)
            return
        rows = self.judge(model)
        counted, audited = rows.count(metric, mask), number.source.startswith(AUDITED)
        # The evaluation rounds by what came to pass, the audit by what a figure is a share of.
        precision = metric.precision if audited or metric.precision == "rows" else "amount"
        yield counted.claim(f"{path}.value", number.value, number.unit, precision)
        scored = np.isfinite(rows.score)
        if "amount" in metric.targets:
            n = (mask * (scored & np.isfinite(rows.truth))).sum() if audited else counted.rows
        else:
            n = mask.sum() if audited else (mask * scored).sum()
        yield Claim(f"{path}.n", number.n, float(n), 0)

    def claim_between(self, path: str, number: Number) -> Iterator[Claim]:
        """Claim the range of a figure of the evaluation, and its rows."""
        metric, mask = find_metric(number.metric), self.find_slice(number.slice)
        model = number.slice.get("model", "")
        if metric is None or mask is None or model not in self.models or number.between is None:
            yield refuse_claim(f"{path}.between", None, NO_SLICE if metric else NO_METRIC)
            return
        rows = self.judge(model)
        yield claim_range(f"{path}.between", number.between, rows.count(metric, mask).value)
        audited = number.source.startswith(AUDITED)
        n = mask.sum() if audited else (mask * np.isfinite(rows.score)).sum()
        yield Claim(f"{path}.n", number.n, float(n), 0)

    def claim_series(self) -> Iterator[Claim]:
        """Claim the totals by period, one step ahead."""
        for i, point in enumerate(self.record.eval.series):
            if PERIOD_START not in self.table:
                yield refuse_claim(f"eval.series[{i}]", point.actual, NO_SLICE)
                continue
            known = self.table[np.isfinite(self.table[Y_TRUE])]
            rows = known[known[PERIOD_START] == pd.Timestamp(point.period_start)]
            least = rows.groupby(rows[ENTITY].astype(str))[STEP].transform("min")
            rows = rows[rows[STEP] == least]
            columns = {"actual": Y_TRUE, "forecast": Y_PRED, "low": Y_LOW, "high": Y_HIGH}
            if self.record.eval.practice:
                columns["practice"] = f"{BASELINE}{self.record.eval.practice}"
            sums = {c: math.fsum(rows[c]) for c in columns.values() if c in rows}
            if self.table[ENTITY].nunique() > 1:  # ends of ranges do not add up
                for end, column in ((Y_LOW, TOTAL_LOW), (Y_HIGH, TOTAL_HIGH)):
                    told = rows[column].unique().tolist() if column in rows else []
                    sums[end] = told[0] if len(told) == 1 else math.nan
            totals = round_totals(sums, self.record.eval.series_step)
            for field, column in columns.items():
                path, printed = f"eval.series[{i}].{field}", getattr(point, field)
                if printed is None:
                    continue
                if column not in rows:
                    yield refuse_claim(path, printed, NO_SLICE)
                    continue
                total = totals[column]
                yield Claim(path, printed, math.nan if total is None else total, 3)

    def claim_capacity(self) -> Iterator[Claim]:
        """Claim what would be found at other capacities."""
        for i, point in enumerate(self.record.eval.capacity):
            path = f"eval.ranked.capacity[{i}]"
            if point.recall is None:
                continue
            if point.model not in self.models:
                yield refuse_claim(f"{path}.recall", point.recall, NO_SLICE)
                continue
            table = self.judge(point.model).table
            if "place" not in table:
                yield refuse_claim(f"{path}.recall", point.recall, NO_SLICE)
                continue
            chosen = (table["place"] <= point.capacity).astype(float)
            rows = Formulas(table.assign(**{DECISION: chosen}))
            size = min(chosen.sum(), rows.truth.sum())
            for name in ("precision", "recall", "lift"):
                metric, printed = find_metric(name), getattr(point, name)
                if metric is None or printed is None:
                    continue
                value = rows.count(metric, np.ones(len(table))).value
                yield claim_figure(f"{path}.{name}", printed, value, metric.unit, size)
            share = float(chosen.mean())
            yield claim_figure(f"{path}.share", point.share, share, "share", float(chosen.sum()))

    def claim_curve(self) -> Iterator[Claim]:
        """Bands are of equal count; their printed means must add up to everyone's."""
        own = [p for p in self.record.eval.curve if p.dimension == EVERYWHERE]
        shown = [p for p in own if p.n is not None and p.outcome_share is not None]
        if not own or len(shown) < len(own):
            return
        sizes = np.array([p.n or 0 for p in shown], dtype=np.float64)
        for name, column in (("outcome_share", Y_TRUE), ("mean_score", Y_PRED)):
            values = np.array([getattr(p, name) for p in shown], dtype=np.float64)
            printed = float(sizes @ values / sizes.sum()) if sizes.sum() else math.nan
            yield Claim(
                f"eval.ranked.curve[*].{name}", printed, float(self.table[column].mean()), 2
            )

    def find_group(self, dimension: str, group: str) -> Floats | None:
        """Return each row's part in a group; nothing where it is not known."""
        return self.weights.get(dimension, {}).get(group)

    def claim_result(self, path: str, result: GroupResult) -> Iterator[Claim]:
        """Claim a group's figure or its range, its rows, what it is beside, and the gap."""
        if result.value is None and result.between is None:
            return
        metric = find_metric(result.metric)
        own = self.find_group(result.dimension, result.group)
        at = EVERYWHERE if result.reference == EVERYWHERE else result.dimension
        beside = self.find_group(at, result.reference)
        if metric is None or own is None or beside is None:
            yield refuse_claim(f"{path}.value", result.value, NO_GROUP if metric else NO_METRIC)
            return
        rows = self.judge("forecast")
        counted, unit = rows.count(metric, own), result.unit
        if result.between is not None:
            yield claim_range(f"{path}.between", result.between, counted.value)
        if result.value is not None:
            yield counted.claim(f"{path}.value", result.value, unit, metric.precision)
        if result.n is not None:
            yield Claim(f"{path}.n", result.n, self.count_members(metric, own), 0)
        if result.reference_between is None and result.reference_value is None:
            return
        other = rows.count(metric, beside)
        if result.reference_between is not None:
            yield claim_range(f"{path}.reference_between", result.reference_between, other.value)
        if result.reference_value is not None:
            printed = result.reference_value
            yield other.claim(f"{path}.reference_value", printed, unit, metric.precision)
        if result.gap is not None:
            yield self.claim_gap(f"{path}.gap", result.gap, counted, other, metric, unit)

    def claim_gap(
        self, path: str, printed: float, own: Counted, other: Counted, metric: Metric, unit: str
    ) -> Claim:
        """Claim the difference of two figures; one below the rounding of sums is none."""
        gap = own.value - other.value
        gap = 0.0 if abs(gap) <= ROUNDING * abs(own.value) else gap
        return claim_figure(path, printed, gap, unit, own.find_size(metric.precision))

    def count_members(self, metric: Metric, own: Floats) -> float:
        """Count a group: rows that could be scored of amounts, people in round numbers."""
        rows = self.judge("forecast")
        if "amount" in metric.targets:
            return float((own * (np.isfinite(rows.truth) & np.isfinite(rows.score))).sum())
        return float(round_people(float(own.sum())))

    def claim_fold(self, path: str, number: Number) -> Claim:
        """Claim a group's figure in one test fold; published as those of small groups are."""
        pairs = [(k, v) for k, v in number.slice.items() if k != FOLD]
        metric = find_metric(number.metric)
        own = self.find_group(*pairs[0]) if len(pairs) == 1 else None
        if metric is None or own is None:
            return refuse_claim(path, number.value, NO_GROUP if metric else NO_METRIC)
        weight = own * (self.labels["fold"] == number.slice.get(FOLD, ""))
        counted = self.judge("forecast").count(metric, weight).value
        return claim_figure(path, number.value, counted, number.unit, None)


def list_option_claims(
    record: CardRecord,
    unchanged: Predictions,
    corrections: pd.DataFrame,
    memberships: Sequence[Membership],
) -> Iterator[Claim]:
    """List each group's figure before and after every option for a gap, counted again.

    Parameters
    ----------
    record : CardRecord
        The card.
    unchanged : Predictions
        The forecast as it was before any option.
    corrections : pandas.DataFrame
        `Mitigation.corrections`.
    memberships : sequence of Membership
        Groups of the audit.
    """
    part = record.fairness.options
    if part is None:
        return
    walk = _Walk(record, unchanged.table, memberships, None)
    made: dict[tuple[str, bool], Formulas] = {}
    for i, group in enumerate(part.groups):
        path, metric = f"fairness.options.groups[{i}]", find_metric(group.metric)
        own = walk.find_group(part.dimension, group.group)
        if group.suppressed:
            continue
        if metric is None or own is None:
            yield refuse_claim(path, group.value_after, NO_GROUP if metric else NO_METRIC)
            continue
        key = (group.option, "capacity" in metric.needs)
        if key not in made:
            made[key] = Formulas(prepare_table(_correct(walk.table, corrections, *key)))
        for field, rows in (("value_before", walk.judge("forecast")), ("value_after", made[key])):
            printed, counted = getattr(group, field), rows.count(metric, own)
            if printed is not None:
                yield counted.claim(f"{path}.{field}", printed, group.unit, metric.precision)


def _correct(
    table: pd.DataFrame, corrections: pd.DataFrame, name: str, shared: bool
) -> pd.DataFrame:
    """Return the forecast as an option makes it; a claim to capacity also goes up by its boost."""
    own = corrections[corrections["option"] == name]
    if own.empty:
        return table
    keys = pd.MultiIndex.from_arrays([table[FOLD], table[ENTITY]])
    by = own.set_index([FOLD, ENTITY]).reindex(keys)
    changed: Floats = table[Y_PRED].to_numpy(np.float64) * by["factor"].fillna(1.0).to_numpy()
    if shared:
        room = np.nan_to_num((table[Y_HIGH] - table[Y_PRED]).to_numpy(np.float64))
        changed = np.maximum(changed + by["boost"].fillna(0.0).to_numpy() * room, 0.0)
    return table.assign(**{Y_PRED: changed})
