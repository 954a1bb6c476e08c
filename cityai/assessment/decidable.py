"""Minimum detectable effect of an audit: the least limit it can pass, the least gap it can fail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.more_words import round_up
from cityai.findings import Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, say_n, write
from cityai.i18n.messages import say as mark
from cityai.inference.equivalence import count_more_blocks, detect_gap
from cityai.inference.group_gaps import Measures
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

COLUMNS: Final = [
    *("dimension", "metric", "group", "limit", "least_limit", "least_gap"),
    *("block", "blocks", "more_blocks", "sentence"),
]
_PERIODS: Final = mark("{blocks} {word}")
_THESE: Final = mark("this design")
_PASSABLE: Final = mark("{metric}, {label}: with {those} a gap of 0 can pass the limit of {limit}.")
_BLIND: Final = mark(
    "{metric}, {label}: the limit of {limit} can be neither passed nor failed: no gap has an"
    " interval."
)
_TOLD: Final = mark("A gap of {gap} or more would be found, nine times in ten.")
_UNTOLD: Final = mark("No gap would be found for certain, however large.")


def foresee_decisions(
    table: pd.DataFrame,
    views: Sequence[GroupTable],
    measured: Mapping[tuple[str, str], Measures],
    metrics: Sequence[Metric],
    facts: AuditData,
) -> pd.DataFrame:
    """Say for each dimension and limit what the intervals' widths can decide, whatever the gaps.

    Parameters
    ----------
    table : pandas.DataFrame
        The audit's table, as it may be said: only groups that are told exactly count.
    views : sequence of GroupTable
        Single dimensions.
    measured : mapping
        By dimension and metric.
    metrics, facts
        As the table was made from.

    Returns
    -------
    pandas.DataFrame
        A row a dimension and limit: `dimension`, `metric`, `group` (the one that is told least
        well), `limit`, `least_limit` (the least that a gap of 0 would pass), `least_gap` (what is
        told to be beyond the limit nine times in ten), `block` (what varies), `blocks`,
        `more_blocks` (until a gap of 0 passes; 0 where it does), `sentence`. NaN where no gap has
        an interval.
    """
    judged = (Status.PASS.value, Status.FAIL.value, Status.NOT_ENOUGH.value)
    exact = table[table["status"].isin(judged) & table["value_least"].isna()]
    exact = exact[exact["reference_least"].isna() & exact["limit"].notna()]
    known, rows = {m.name: m for m in metrics}, []
    for view in views:
        own = exact[exact["dimension"] == view.dimension]
        for name, part in own.groupby("metric", sort=False):
            said = [view.groups.index(group) for group in part["group"]]
            found = measured[view.dimension, str(name)]
            limit = float(part["limit"].iloc[0])
            rows.append(_foresee(view, known[str(name)], found, said, limit, facts))
    return make_frame(rows, columns=COLUMNS)


def _foresee(
    view: GroupTable,
    metric: Metric,
    found: Measures,
    said: Sequence[int],
    limit: float,
    facts: AuditData,
) -> dict[str, Any]:
    alone = (found.alone_high - found.alone_low)[said] / 2
    words = {
        "metric": metric.title,
        "label": view.label,
        "limit": _say_size(metric, limit, facts),
    }
    row: dict[str, Any] = {"dimension": view.dimension, "metric": metric.name, "limit": limit}
    row |= {"group": "", "block": facts.design.blocks}
    if not np.isfinite(alone).any():
        return row | {"sentence": _BLIND.format(**words)}
    at = int(np.nanargmax(alone))
    g, least = said[at], float(alone[at])
    gap = detect_gap(least, float(found.gap_high[g] - found.gap_low[g]) / 2, limit)
    gap = math.inf if metric.unit == "share" and gap >= 1 else gap
    design, blocks, passes = facts.design, float(found.blocks[g]), least <= limit
    periods = design.blocks == "periods"
    words |= {
        "least": _say_size(metric, least, facts),
        "gap": _say_size(metric, gap, facts) if math.isfinite(gap) else "",
        "group": view.groups[g],
        "those": (_PERIODS if periods else _THESE).format(
            blocks=write(blocks, ",.0f"), word=design.word
        ),
    }
    mute, exact = int((alone > limit).sum()), int(np.isfinite(alone).sum())
    told = _PASSABLE.format(**words) if passes else _say_unpassable(mute, exact, words)
    sure = (_TOLD if math.isfinite(gap) else _UNTOLD).format(**words)
    more = count_more_blocks(0.0, -least, least, limit, blocks, wider=periods)
    return row | {
        **{"group": view.groups[g], "least_limit": least, "least_gap": gap, "blocks": blocks},
        **{"more_blocks": 0.0 if passes else more},
        "sentence": join(" ", (told, sure)),
    }


def _say_unpassable(mute: int, exact: int, words: Mapping[str, str]) -> str:
    """Say how many groups, of those with exact figures, are told too badly for the limit."""
    return say_n(
        "{metric}, {label}: with {those}, {mute} of {n} group with exact figures cannot pass the "
        "limit of {limit}, not even with a gap of 0; “{group}”, told least well, could pass "
        "{least} or more.",
        "{metric}, {label}: with {those}, {mute} of {n} groups with exact figures cannot pass the "
        "limit of {limit}, not even with a gap of 0; “{group}”, told least well, could pass "
        "{least} or more.",
        exact,
        mute=mute,
        metric=words["metric"],
        label=words["label"],
        those=words["those"],
        group=words["group"],
        limit=words["limit"],
        least=words["least"],
    )


def _say_size(metric: Metric, size: float, facts: AuditData) -> str:
    least = round_up(size)
    whole = least >= 0.02 and abs(least * 100 - round(least * 100)) < 1e-9
    return say.say_gap(metric, least, facts.unit, 0 if whole else 1, sign="")
