"""Count one figure again, by the registry's own formula, from a table of predictions.

Nothing here is shared with the assessment: no sums, no tensor, only masks, weights and plain
arithmetic. What is shared is how finely a figure is published.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.card.draft.rounding import count_decimals, round_people
from cityai.card.record import CardRecord
from cityai.card.verify.claims import Claim, refuse_claim
from cityai.columns import (
    BASELINE,
    CANDIDATE,
    CASE,
    DECISION,
    EVERYWHERE,
    FOLD,
    NOT_RECORDED,
    SLOT,
    STEP,
    Y_PRED,
    Y_TRUE,
)
from cityai.records.groups import Membership
from cityai.records.metric import Floats, Metric

Weights = Mapping[str, Mapping[str, Floats]]
"""(rows,) each row's part, by dimension and group."""
NO_GROUP = "the predictions know no such group or way"


def claim_figure(
    path: str, printed: float | None, counted: float, unit: str, size: float | None
) -> Claim:
    """Claim a figure with the decimals that its unit and denominator leave it."""
    decimals = count_decimals(counted, unit, size) if math.isfinite(counted) else 0
    return Claim(path, printed, counted, decimals)


@dataclass(frozen=True, slots=True)
class Counted:
    """A figure that was counted again."""

    value: float
    """NaN where it is undefined."""
    rows: float
    amount: float
    own: float
    """What its decimals may follow from: the rows that count, what came to pass in all of them, and
    what it is a share of."""

    def claim(self, path: str, printed: float | None, unit: str, precision: str) -> Claim:
        """Claim it with the decimals that it is published with."""
        return claim_figure(path, printed, self.value, unit, self.find_size(precision))

    def find_size(self, precision: str) -> float:
        """Return what its decimals follow from."""
        return {"rows": self.rows, "amount": self.amount}.get(precision, self.own)


def prepare_table(table: pd.DataFrame, column: str = Y_PRED) -> pd.DataFrame:
    """Put the forecast or score that is judged where the formulas look for it.

    Rows that ask for one moment also get their part of a capacity that is shared by the forecast
    (`given`); rows of lists their `place`, and whether another score would select them: as many of
    each list as the forecast does.
    """
    table = table.reset_index(drop=True)
    table = table.assign(**{Y_PRED: table[column].astype(np.float64)})
    if STEP in table:
        table["given"] = _share_capacity(table)
    if SLOT in table:
        table["place"] = _rank_rows(table)
        if column != Y_PRED:
            known = table[Y_PRED].notna()
            many = table[DECISION].where(known).groupby([table[FOLD], table[SLOT]]).transform("sum")
            table[DECISION] = (table["place"] <= many).astype(float).where(known)
    return table


def list_models(table: pd.DataFrame) -> dict[str, str]:
    """Return the column of each model that a card may name."""
    others = [c for c in map(str, table) if c.startswith((BASELINE, CANDIDATE))]
    return {"forecast": Y_PRED} | {column: column for column in others}


def _share_capacity(table: pd.DataFrame) -> pd.Series:
    scored = table[[Y_TRUE, Y_PRED]].notna().all(axis=1)
    moment = [table[FOLD], table[STEP]]
    wanted = table[Y_PRED].where(scored, 0.0).clip(lower=0.0)
    capacity = table[Y_TRUE].where(scored, 0.0).groupby(moment).transform("sum")
    asked = wanted.groupby(moment).transform("sum")
    return (capacity * wanted / asked.where(asked > 0)).fillna(0.0).where(scored)


def _rank_rows(table: pd.DataFrame) -> pd.Series:
    """Count, within fold and slot, who stands before each case; equal scores by case id."""
    named = table[[FOLD, SLOT, Y_PRED]].assign(name=table[CASE].astype(str))
    ordered = named.sort_values([Y_PRED, "name"], ascending=[False, True], kind="stable")
    return (ordered.groupby([FOLD, SLOT], sort=False).cumcount() + 1).sort_index().astype(float)


class Formulas:
    """A prepared table, and each row's part above and below the line of every metric asked for."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.truth = table[Y_TRUE].to_numpy(np.float64)
        self.score = table[Y_PRED].to_numpy(np.float64)
        self.parts: dict[str, tuple[Floats, Floats]] = {}

    def count(self, metric: Metric, weight: Floats) -> Counted:
        """Count a metric over weighted rows; undefined where they lack a column that it needs."""
        try:
            return self._count(metric, weight)
        except KeyError:
            return Counted(math.nan, 0.0, 0.0, 0.0)

    def _count(self, metric: Metric, weight: Floats) -> Counted:
        recount = metric.recount
        assert recount is not None  # noqa: S101 - the registry refuses a metric without one
        amount = math.fsum(weight * np.nan_to_num(self.truth))
        if recount.whole is not None:
            held = (weight > 0) & np.isfinite(self.truth) & np.isfinite(self.score)
            rows = float(held.sum())
            value = recount.whole(self.table[held]) if rows else math.nan
            return Counted(value, rows, amount, rows)
        if metric.name not in self.parts:
            assert recount.above is not None  # noqa: S101
            above = np.asarray(recount.above(self.table), np.float64)
            below = np.ones(len(above)) if recount.below is None else recount.below(self.table)
            self.parts[metric.name] = above, np.asarray(below, np.float64)
        above, below = self.parts[metric.name]
        used = np.isfinite(above) & np.isfinite(below) & (weight > 0)
        part = weight[used]
        own = math.fsum(part * below[used])
        value = math.fsum(part * above[used]) / own if own > 0 else math.nan
        value = math.sqrt(value) if recount.root else value
        return Counted(value, math.fsum(part), amount, own)


def weigh_groups(
    memberships: Sequence[Membership],
    keys: pd.Series,
    joined: Sequence[tuple[str, str, str]] = (),
) -> Weights:
    """Give each row's part in each group, and in each pair of groups, as the card counts them.

    Parameters
    ----------
    memberships : sequence of Membership
        Groups of the audit.
    keys : pandas.Series
        (rows,) str: the key that memberships are indexed by.
    joined : sequence of (str, str, str)
        Dimension, group, and the group that it is counted with.
    """
    whole = {EVERYWHERE: np.ones(len(keys))}
    single: dict[str, dict[str, Floats]] = {}
    for membership in memberships:
        named = membership.weights.set_axis(membership.weights.index.astype(str))
        parts = named.reindex(keys.astype(str)).to_numpy(np.float64, copy=True)
        unknown = np.isnan(parts).any(axis=1)
        parts[unknown] = 0.0
        groups = dict(zip(map(str, named.columns), parts.T, strict=True))
        if unknown.any():
            groups[NOT_RECORDED] = groups.get(NOT_RECORDED, np.zeros(len(keys))) + unknown
        single[membership.dimension] = groups
    for name, group, other in joined:
        own = single.get(name, {})
        if group in own and other in own:
            own[other] = own[other] + own[group]
            own[group] = np.zeros(len(keys))
    both: dict[str, dict[str, Floats]] = {EVERYWHERE: whole, **single}
    for i, first in enumerate(memberships):
        for second in memberships[i + 1 :]:
            both[f"{first.dimension} * {second.dimension}"] = {
                f"{a} and {b}": v * w
                for a, v in single[first.dimension].items()
                for b, w in single[second.dimension].items()
            }
    return both


def list_reach_claims(
    record: CardRecord, judge: Callable[[str], Formulas], known: set[str], weights: Weights
) -> Iterator[Claim]:
    """List what the list finds of each group at each capacity, and what other ways find.

    Parameters
    ----------
    record : CardRecord
        Honest or forged.
    judge : callable
        From a model to the rows as it judges them.
    known : set of str
        Models that the predictions know.
    weights : mapping
        Each row's part in each group.
    """
    ranked, worth = record.eval.ranked, record.eval.worth
    for i, point in enumerate(ranked.groups if ranked else ()):
        path = f"eval.ranked.groups[{i}]"
        weight, rows = weights.get(point.dimension, {}).get(point.group), judge("forecast")
        if weight is None or "place" not in rows.table:
            yield refuse_claim(f"{path}.recall", point.recall, NO_GROUP)
            continue
        chosen = rows.table[DECISION].to_numpy(np.float64)
        if not point.own:
            chosen = (rows.table["place"] <= (point.capacity or 0)).to_numpy(np.float64)
        selected = float(weight @ chosen)
        if point.recall is not None:
            yield _claim_share(f"{path}.recall", point.recall, rows, weight, chosen)
        if point.selected is not None:
            share = selected / float(weight.sum())
            yield claim_figure(f"{path}.selected", point.selected, share, "share", selected)
    for i, group in enumerate(worth.groups if worth else ()):
        path = f"eval.worth.groups[{i}]"
        weight = weights.get(group.dimension, {}).get(group.group)
        if weight is None or group.way not in known or DECISION not in judge(group.way).table:
            yield refuse_claim(f"{path}.reached", group.reached, NO_GROUP)
            continue
        rows, own = judge(group.way), judge("forecast").table[DECISION].to_numpy(np.float64)
        chosen = rows.table[DECISION].to_numpy(np.float64)
        used = np.isfinite(chosen)
        weight, chosen = weight * used, np.where(used, chosen, 0.0)
        if group.reached is not None:
            yield _claim_share(f"{path}.reached", group.reached, rows, weight, chosen)
        cases = weight * rows.truth
        more, yes = float(cases @ (own - chosen)), float(cases.sum())
        if group.difference is not None:
            gain = more / yes if yes else math.nan
            yield claim_figure(f"{path}.difference", group.difference, gain, "share", yes)
        if group.more is not None:
            yield Claim(f"{path}.more", group.more, float(round_people(more)), 9)


def _claim_share(
    path: str, printed: float, rows: Formulas, weight: Floats, chosen: Floats
) -> Claim:
    cases = weight * rows.truth
    yes, selected = float(cases.sum()), float(weight @ chosen)
    share = float(cases @ chosen) / yes if yes else math.nan
    return claim_figure(path, printed, share, "share", min(selected, yes))
