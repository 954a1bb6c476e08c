"""What each way of spending the same reaches, counted again case by case and row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.card.draft.rounding import round_people
from cityai.card.draft.worth import DIGITS
from cityai.card.record.ranked import WorthPart, WorthWay
from cityai.card.verify.claims import Claim, refuse_claim
from cityai.card.verify.count import claim_figure
from cityai.columns import BASELINE, CASE, DECISION, FOLD, SLOT, Y_PRED, Y_TRUE

TIMES: Final = {"more": 1.1}
SCORE: Final = f"{BASELINE}city_score"
NO_WAY: Final = "the predictions know no such way"


def list_worth_claims(part: WorthPart | None, table: pd.DataFrame) -> Iterator[Claim]:
    """List what each way reaches, spends and wastes; its multiple must reach what it says."""
    if part is None:
        return
    listed = DECISION in table
    known = table[Y_TRUE].notna() & table[DECISION if listed else Y_PRED].notna()
    count = _count_lists if listed else _count_plan
    for i, way in enumerate(part.ways):
        path = f"eval.worth.ways[{i}]"
        if way.reached is None:
            continue
        if way.way.startswith(BASELINE) and way.way not in table:
            yield refuse_claim(f"{path}.reached", way.reached, NO_WAY)
            continue
        used = known & table[way.way].notna() if way.way in table else known
        rows = table[used]
        need = float(rows[Y_TRUE].clip(lower=0.0).sum())
        spent, reached = count(rows, way.way, TIMES.get(way.way, 1.0))
        size = min(spent, need) if listed else need
        yield claim_figure(f"{path}.reached", way.reached, reached / need, "share", size)
        if way.spent is not None:
            yield _claim_spent(f"{path}.spent", way.spent, spent, listed=listed)
        if way.vain is not None:
            yield claim_figure(f"{path}.vain", way.vain, (spent - reached) / spent, "share", spent)
        if way.times is not None:
            yield from _claim_times(f"{path}.times", way, rows, listed)
    if part.shares:
        yield from _list_share_claims(part, table[known])


def _list_share_claims(part: WorthPart, table: pd.DataFrame) -> Iterator[Claim]:
    """Hold what is found with a part of all visits, on the cases of the city's own score."""
    if SCORE not in table:
        yield refuse_claim("eval.worth.shares_of", part.shares_of or 0.0, NO_WAY)
        return
    rows = table[table[SCORE].notna()]
    yield Claim("eval.worth.shares_of", part.shares_of or 0.0, float(round_people(len(rows))), 9)
    need = float(rows[Y_TRUE].sum())
    for i, way in enumerate(part.shares):
        column = Y_PRED if way.way == "forecast" else way.way
        for name, times in (("quarter", 0.25), ("half", 0.5)):
            printed, path = getattr(way, name), f"eval.worth.shares[{i}].{name}"
            if printed is None:
                continue
            if column != "chance" and column not in rows:
                yield refuse_claim(path, printed, NO_WAY)
                continue
            found = _find_part(rows, column, times)
            yield claim_figure(path, printed, found / need, "share", min(times * len(rows), need))


def _find_part(rows: pd.DataFrame, column: str, times: float) -> float:
    """Walk down every list, a score at a time; of those alike, as many as are left, at random."""
    found = 0.0
    for _, cases in rows.groupby([FOLD, SLOT]):
        left = times * len(cases)
        by = pd.Series(0, cases.index) if column == "chance" else cases[column]
        for score in sorted(by.unique(), reverse=True):
            alike = cases.loc[by == score, Y_TRUE]
            found += float(alike.mean()) * min(left, len(alike))
            left -= min(left, len(alike))
    return found


def _claim_spent(path: str, printed: float, counted: float, *, listed: bool) -> Claim:
    if listed:
        return Claim(path, printed, float(round_people(counted)), 9)
    return Claim(path, printed, float(f"{counted:.{DIGITS}g}"), 9)


def _claim_times(path: str, way: WorthWay, rows: pd.DataFrame, listed: bool) -> Iterator[Claim]:
    """Hold the multiple: a little more reaches what the forecast does, a little less does not."""
    count = _count_lists if listed else _count_plan
    times = way.times or 0.0
    goal = count(rows, "forecast", 1.0)[1]
    step = 0.5 * 10.0 ** (math.floor(math.log10(times)) + 1 - DIGITS) if times > 0 else 0.5
    low, high = (count(rows, way.way, max(times + side, 0.0))[1] for side in (-step, step))
    slack = 1e-9 * max(goal, 1.0)
    right = low <= goal + slack and high >= goal - slack
    yield Claim(path, times, times if right else math.nan, 12)


def _count_lists(rows: pd.DataFrame, way: str, times: float) -> tuple[float, float]:
    """Walk down every list case by case."""
    spent = reached = 0.0
    keys = [c for c in (FOLD, SLOT) if c in rows]
    for _, cases in rows.groupby(keys):
        many = min(times * float(cases[DECISION].sum()), float(len(cases)))
        spent += many
        if way == "chance":
            reached += many * float(cases[Y_TRUE].mean())
            continue
        column = {"perfect": Y_TRUE, "forecast": Y_PRED, "more": Y_PRED}.get(way, way)
        named = cases.assign(name=cases[CASE].astype(str) if CASE in cases else range(len(cases)))
        first = [DECISION] if column == Y_PRED else []
        by = [*first, column, "name"]
        ordered = named.sort_values(by, ascending=[*(False for _ in by[1:]), True])
        whole = int(many)
        reached += float(ordered[Y_TRUE].iloc[:whole].sum())
        if whole < len(ordered):
            reached += (many - whole) * float(ordered[Y_TRUE].iloc[whole])
    return spent, reached


def _count_plan(rows: pd.DataFrame, way: str, times: float) -> tuple[float, float]:
    """Plan every row its part of the forecast's total."""
    came, total = rows[Y_TRUE].clip(lower=0.0), float(rows[Y_PRED].clip(lower=0.0).sum())
    shares = {
        "chance": pd.Series(1.0, index=rows.index),
        "perfect": came,
        "forecast": rows[Y_PRED],
        "more": rows[Y_PRED],
    }
    wanted = (shares[way] if way in shares else rows[way]).clip(lower=0.0)
    plan = times * total * wanted / wanted.sum()
    return float(plan.sum()), float(np.minimum(came, plan).sum())
