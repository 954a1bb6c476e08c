"""What a list finds of each group, counted again case by case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from cityai.card.draft.rounding import count_decimals, round_people
from cityai.card.record import CardRecord
from cityai.card.verify.claims import Claim, refuse_claim
from cityai.card.verify.count import Formulas, Weights
from cityai.columns import DECISION
from cityai.records.metric import Floats

NO_GROUP = "the predictions know no such group or way"


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
            decimals = count_decimals(share, "share", selected)
            yield Claim(f"{path}.selected", point.selected, share, decimals)
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
            decimals = count_decimals(gain, "share", yes) if yes else 0
            yield Claim(f"{path}.difference", group.difference, gain, decimals)
        if group.more is not None:
            yield Claim(f"{path}.more", group.more, float(round_people(more)), 9)


def _claim_share(
    path: str, printed: float, rows: Formulas, weight: Floats, chosen: Floats
) -> Claim:
    cases = weight * rows.truth
    yes, selected = float(cases.sum()), float(weight @ chosen)
    share = float(cases @ chosen) / yes if yes else math.nan
    decimals = count_decimals(share, "share", min(selected, yes)) if yes else 0
    return Claim(path, printed, share, decimals)
