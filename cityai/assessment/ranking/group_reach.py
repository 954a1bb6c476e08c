"""Reach of a list by group: whose cases are found at each capacity, and by each way of ranking.

Nothing here may give a small count away. Within a dimension a capacity is said for all groups or
for none, and only where, between it and the next ones that are said, there is nobody or enough of
each group, with the outcome and without it: so no difference of two figures is of few people. A
dimension of which the audit hides a group, or says only ranges, has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.group_tables import find_hidden
from cityai.assessment.ranking.calibration import list_parts
from cityai.assessment.ranking.capacity_curve import list_capacities
from cityai.columns import (
    BASELINE,
    DECISION,
    EVERYWHERE,
    FOLD,
    FORECAST,
    OCCURRED_AT,
    SLOT,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import count_behind, is_few
from cityai.findings import Status
from cityai.i18n.frames import make_frame
from cityai.inference.clustered_intervals import find_margin_by_day
from cityai.inference.standard_errors import find_test_confidence
from cityai.modeling.capacity import rank_cases
from cityai.records.audit_data import Scored
from cityai.records.groups import Membership
from cityai.records.metric import Floats
from cityai.records.predictions import Predictions

REACH_COLUMNS: Final = [
    "dimension",
    "group",
    "model",
    "capacity",
    "own",
    "n",
    "yes",
    "selected",
    "found",
    "difference",
    "low",
    "high",
    "verdict",
]
"""Columns of `Audit.reach`."""


def reach_groups(
    predictions: Predictions,
    memberships: Sequence[Membership],
    scored: Scored,
    table: pd.DataFrame,
    dimensions: pd.DataFrame,
    spec: AuditableSpec,
) -> pd.DataFrame:
    """Count what a list finds of each group by capacity, and others at its own: `Audit.reach`."""
    ranged = table["value_least"].notna() | (table["status"] == Status.SUPPRESSED.value)
    secret = {name for name, _ in find_hidden(table)} | set(table.loc[ranged, "dimension"])
    parts: dict[str, dict[str, Floats]] = {}
    for dimension, group, weight in list_parts(memberships, scored, dimensions):
        if weight.any() and dimension != EVERYWHERE and dimension not in secret:
            parts.setdefault(dimension, {})[group] = weight
    rows = predictions.table.reset_index(drop=True)
    ranked, others = _list_capacities(rows, spec), list(_list_others(rows))
    found = [
        row
        for dimension, groups in parts.items()
        if len(groups) > 1
        for row in _Dimension(dimension, groups, rows, spec).reach(ranked, others)
    ]
    return make_frame(found, REACH_COLUMNS)


def _list_capacities(table: pd.DataFrame, spec: AuditableSpec) -> list[tuple[int | None, Floats]]:
    """List whom the list itself selects, and then at each other capacity, the nearest first."""
    capacities, own = list_capacities(table, spec)
    place = rank_cases(table, table[Y_PRED].to_numpy(np.float64))
    decision = table[DECISION].to_numpy(np.float64)
    nearest = sorted(capacities, key=lambda k: abs(math.log(k / own)) if own else k)
    others = [(k, (place <= k).astype(np.float64)) for k in nearest if k != own]
    return [(own, decision), *others]


def _list_others(table: pd.DataFrame) -> Iterator[tuple[str, Floats, Floats]]:
    """List the other ways, each selecting as many as the list does of the cases that it ranks."""
    for column in map(str, table.columns):
        if not column.startswith(BASELINE):
            continue
        used = np.isfinite(table[column].to_numpy(np.float64))
        if not used.any():
            continue
        ranked, chosen = table[used], np.zeros(len(table))
        many = ranked.groupby([FOLD, SLOT])[DECISION].transform("sum").to_numpy(np.float64)
        chosen[used] = rank_cases(ranked, ranked[column].to_numpy(np.float64)) <= many
        yield column, chosen, used.astype(np.float64)


class _Dimension:
    """One dimension's groups and their parts of the cases."""

    def __init__(
        self, name: str, groups: Mapping[str, Floats], table: pd.DataFrame, spec: AuditableSpec
    ) -> None:
        self.name, self.groups, self.policy = name, groups, spec.policy
        self.weights = np.column_stack([*groups.values()])
        self.truth = table[Y_TRUE].to_numpy(np.float64)
        self.own = table[DECISION].to_numpy(np.float64)
        days = table[OCCURRED_AT].dt.normalize()
        self.day = np.unique(days, return_inverse=True)[1].astype(np.int64)

    def reach(
        self,
        ranked: Sequence[tuple[int | None, Floats]],
        others: Sequence[tuple[str, Floats, Floats]],
    ) -> Iterator[dict[str, object]]:
        """Count what is found, of whatever may be said; nothing where that is not the list itself.

        Selections of one list lie inside each other: one is said where enough of each group, or
        nobody, lies between it and the next larger and smaller one that are said.
        """
        kept = [np.zeros(len(self.truth)), np.ones(len(self.truth))]
        for i, (capacity, chosen) in enumerate(ranked):
            nested = i == 0 or capacity is not None
            below = [k for k in kept if nested and (k <= chosen).all()]
            above = [k for k in kept if nested and (k >= chosen).all()]
            inner = max(below, key=np.sum, default=kept[0])
            outer = min(above, key=np.sum, default=kept[1])
            if self.has_few(chosen - inner) or self.has_few(outer - chosen):
                if i == 0:
                    return
                continue
            kept.append(chosen)
            yield from self.count(FORECAST, capacity, chosen, own=i == 0)
        for model, chosen, used in others:
            parts = (chosen, used - chosen, 1.0 - used)
            if not any(self.has_few(part) for part in parts):
                yield from self.count(model, None, chosen, used, own=False)

    def has_few(self, part: Floats) -> bool:
        """Tell whether a part of the cases holds few of any group, with the outcome or without."""
        sides = np.stack([part * self.truth, part * (1.0 - self.truth)])
        behind = count_behind(sides, self.weights).round(9)
        return bool(is_few(behind, self.policy.small_cell).any())

    def count(
        self,
        model: str,
        capacity: int | None,
        chosen: Floats,
        used: Floats | float = 1.0,
        *,
        own: bool,
    ) -> Iterator[dict[str, object]]:
        """Count what a selection finds of each group; another way's beside what the list finds."""
        together = find_test_confidence(self.policy.confidence) ** (1 / len(self.groups))
        for group, weight in self.groups.items():
            weight = weight * used
            cases = weight * self.truth
            yes, found = float(cases.sum()), float((cases * chosen).sum())
            gain = margin = math.nan
            if model != FORECAST and yes > 0:
                won = cases * (self.own - chosen)
                gain = float(won.sum()) / yes
                influence = (won - gain * cases) / yes
                margin = find_margin_by_day(influence, self.day, together, self.policy.min_blocks)
            yield {
                "dimension": self.name,
                "group": group,
                "model": model,
                "capacity": math.nan if capacity is None else float(capacity),
                "own": own,
                "n": float(weight.sum()),
                "yes": yes,
                "selected": float((weight * chosen).sum()),
                "found": found,
                "difference": gain,
                "low": gain - margin,
                "high": gain + margin,
                "verdict": _judge(gain, margin).value,
            }


def _judge(gain: float, margin: float) -> Status:
    """Say which side of nothing a gain lies on."""
    if math.isnan(gain):
        return Status.NOT_APPLICABLE
    if abs(gain) > margin:
        return Status.PASS if gain > 0 else Status.FAIL
    return Status.NOT_ENOUGH
