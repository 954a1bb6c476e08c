"""How well a score ranks those with the outcome above those without (AUC): a figure, no verdict.

It is no ratio of sums, so it has an interval of its own for each group and no gap. Only rows of
one list are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.metrics.ranking import measure_auc
from cityai.columns import EVERYWHERE
from cityai.findings import Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, write
from cityai.inference.clustered_intervals import bound_by_entity
from cityai.records.audit_data import GroupTable, Scored

NAME = "auc"
LEAST = 10
"""Fewer with the outcome, or fewer without it, give no interval."""


def rank_groups(scored: Scored, views: Sequence[GroupTable], confidence: float) -> pd.DataFrame:
    """Compute the area under the ROC curve by group.

    Parameters
    ----------
    scored : Scored
        Rows of a yes or no; amounts give an empty frame.
    views : sequence of GroupTable
        What is looked at. Groups of residents hold no single rows, so they have no figure.
    confidence : float
        Of each interval.
    least : float
        The policy's threshold.

    Returns
    -------
    pandas.DataFrame
        Rows as in `Audit.table`, without gap, limit or verdict.
    """
    names = scored.sums.names
    if "with_score" not in names:
        return pd.DataFrame()
    score, usable, yes = (
        scored.sums.values[:, names.index(n)] for n in ("any_score", "with_score", "outcomes")
    )
    known = (usable > 0) & (scored.sums.values[:, names.index("known")] > 0)
    unit = pd.factorize(scored.unit, sort=True)[0].astype(np.int64)
    entity = unit if scored.entity is None else scored.entity
    ranked = _Ranked(
        *(unit[known], entity[known], yes[known], score[known]),
        None if scored.lists is None else scored.lists[known],
        confidence,
    )
    return make_frame([row for view in views for row in _rank_view(view, ranked)])


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Rows with a score and an outcome: unit, whom they are about, answer, score and list."""

    unit: np.ndarray
    entity: np.ndarray
    yes: np.ndarray
    score: np.ndarray
    lists: np.ndarray | None
    confidence: float


def _rank_view(view: GroupTable, ranked: _Ranked) -> list[dict[str, object]]:
    unit = ranked.unit
    whole = bool(np.isin(view.weights, (0.0, 1.0)).all())
    group = view.weights.argmax(axis=1)[unit] if whole else np.full(len(unit), -1)
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(view.groups) + 1))
    rows = []
    for g, name in enumerate(view.groups):
        held = order[ends[g] : ends[g + 1]]
        row: dict[str, object] = {
            "dimension": view.dimension,
            "group": name,
            "metric": NAME,
            **dict.fromkeys(("value", "low", "high"), math.nan),
            "reference": EVERYWHERE,
            **dict.fromkeys(("reference_value", "gap", "gap_low", "gap_high"), math.nan),
            "limit": math.nan,
            **dict.fromkeys(("n", "amount", "size", "blocks"), math.nan),
            "status": Status.NOT_APPLICABLE.value,
            "reason": say.EMPTY,
            "more_blocks": math.nan,
        }
        if view.hidden[g]:
            hidden = view.tell_hidden(g)
            rows.append(row | {"status": Status.SUPPRESSED.value, "reason": hidden})
            continue
        row |= {"n": float(view.n[g]), "amount": float(view.amount[g]), "size": float(len(held))}
        if not whole:
            row["reason"] = say.NO_RANKING_OF_SHARES
        elif view.n[g] > 0:
            place = name if view.dimension == EVERYWHERE else join(", ", (view.label, name))
            row |= _rank_group(place, ranked, held)
        rows.append(row)
    return rows


def _rank_group(place: str, ranked: _Ranked, held: np.ndarray) -> dict[str, object]:
    yes, lists = ranked.yes[held], None if ranked.lists is None else ranked.lists[held]
    if not len(held):
        return {"reason": say.NO_RANKING.format(reason="no score with a known outcome is here")}
    found = measure_auc(yes, ranked.score[held], lists)
    if not math.isfinite(found.value):
        return {"reason": say.NO_RANKING.format(reason=found.reason)}
    low = high = math.nan
    if min(yes.sum(), len(yes) - yes.sum()) >= LEAST:
        low, high = bound_by_entity(found, ranked.entity[held], ranked.confidence, LEAST, part=True)
    told = say.RANKED if lists is None else say.RANKED_IN_LISTS
    digits = 1 if len(held) >= say.FEW_FOR_DECIMALS else 0
    return {
        "value": found.value,
        "low": low,
        "high": high,
        "blocks": float(len(held)),
        "reason": told.format(place=place, value=write(found.value, f".{digits}%")),
    }
