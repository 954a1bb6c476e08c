"""The capacity: which cases are selected, by rank or from a limit on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, DECISION, ENTITY, FOLD, OCCURRED_AT, SLOT, Y_PRED, Y_TRUE
from cityai.config.risk import DecisionSpec
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.records.predictions import Predictions

RANK, OF = "rank", "of"
_MOST_CUT: Final = 0.2
"""Share of lists that are parts of a period, from which figures at the capacity are in doubt."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a rule selects."""

    decision: FloatArray
    """Shape (n,), 1.0 where selected."""
    slots: int
    """Periods that the capacity holds for."""
    full: int
    """Periods in which every case was selected, because there were no more than the capacity."""
    ties: int
    """Periods whose last selected case has the same score as the first that is not."""
    tied: int
    """Cases with such a score: which of them come first is decided by their ids."""
    cut: int = 0
    """Periods that the end of a test fold cuts: each of their parts has the whole capacity."""


def rank_cases(table: pd.DataFrame, score: FloatArray) -> np.ndarray:
    """Rank cases within their fold and slot, from 1; equal scores by case id.

    Parameters
    ----------
    table : pandas.DataFrame
        ``fold``, ``slot`` and ``case_id``, n rows.
    score : numpy.ndarray
        Shape (n,): the highest comes first; a gap comes last.

    Returns
    -------
    numpy.ndarray
        Shape (n,), int64.
    """
    moment, names = find_lists(table), table[CASE].to_numpy(object).astype(str)
    filled = np.where(np.isfinite(score), score, -np.inf)
    order = np.lexsort((names, -filled, moment))
    sizes = np.bincount(moment)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.empty(len(table), dtype=np.int64)
    rank[order] = np.arange(len(table)) - starts + 1
    return rank


def select_cases(table: pd.DataFrame, score: FloatArray, rule: DecisionSpec) -> Selection:
    """Select cases by the project's rule.

    Parameters
    ----------
    table : pandas.DataFrame
        As for `rank_cases`.
    score : numpy.ndarray
        Shape (n,), the predictions.
    rule : DecisionSpec
        `top`: the highest scores of each slot, as many as the capacity. `threshold`: all scores
        from it on.
    """
    if rule.rule == "threshold":
        above = (score >= (rule.threshold or 0.0)).astype(np.float64)
        return Selection(above, len(np.unique(find_lists(table))), 0, 0, 0)
    most, moment, rank = rule.capacity or 0, find_lists(table), rank_cases(table, score)
    chosen = rank <= most
    sizes = np.bincount(moment)
    last = np.full(len(sizes), np.nan)
    first = np.full(len(sizes), np.nan)
    last[moment[rank == most]] = score[rank == most]
    first[moment[rank == most + 1]] = score[rank == most + 1]
    cut = last == first
    tied = cut[moment] & (score == last[moment])
    return Selection(
        chosen.astype(np.float64),
        len(sizes),
        int((sizes <= most).sum()),
        int(cut.sum()),
        int(tied.sum()),
        0 if rule.per == "fold" else len(sizes) - table[SLOT].nunique(),
    )


def refuse_everyone(selection: Selection, rule: DecisionSpec) -> None:
    """Refuse a capacity that selects every case: there is nothing to rank."""
    count = len(selection.decision)
    if count and rule.rule == "top" and selection.full == selection.slots:
        raise DataError(
            f"a capacity of {rule.capacity:,} per {rule.per} selects all {count:,} cases, so "
            "everyone is selected and nothing is ranked",
            where="question.decision.capacity",
            expected=f"fewer than the {count / selection.slots:,.1f} cases that there are per "
            f"{rule.per} on average",
            next_step="lower `capacity`, or let it hold for a longer period (`per`)",
        )


def judge_capacity(selection: Selection, rule: DecisionSpec) -> tuple[Finding, ...]:
    """Say in how many periods the capacity was no limit, and how often ids decided.

    Returns
    -------
    tuple of Finding
        Codes ``backtest.capacity`` and ``backtest.ties``.
    """
    chosen, count = int(selection.decision.sum()), len(selection.decision)
    told = say(
        "{chosen:,} of {count:,} cases are selected in {slots:,} periods.",
        chosen=chosen,
        count=count,
        slots=selection.slots,
    )
    status = Status.PASS
    if selection.full:
        told += " " + say(
            "In {full:,} of them there were no more cases than the capacity, so everyone "
            "was selected.",
            full=selection.full,
        )
        status = Status.NOT_ENOUGH if 2 * selection.full > selection.slots else Status.PASS
    if selection.cut:
        told += " " + say(
            "{cut:,} times the end of a test fold cuts a period, and each part has the whole "
            "capacity: more is selected, and found, than the capacity allows.",
            cut=selection.cut,
        )
        status = Status.NOT_ENOUGH if _MOST_CUT * selection.slots < selection.cut else status
    if not chosen:
        told += " " + say("The limit is above every probability, so nobody was.")
        status = Status.FAIL
    ties = say(
        "In {ties:,} of {slots:,} periods the capacity ends among equal "
        "probabilities; {tied:,} cases share them, and their ids decide.",
        ties=selection.ties,
        slots=selection.slots,
        tied=selection.tied,
    )
    return (
        Finding("backtest.capacity", status, say("The capacity leaves a choice"), told,
                float(selection.full), float(selection.slots), "periods"),
        Finding("backtest.ties", Status.PASS, say("Ties at the capacity"), ties,
                float(selection.tied), None, "cases"),
    )  # fmt: skip


def find_lists(table: pd.DataFrame) -> np.ndarray:
    """Return the list that each case is ranked in, (n,) int64 from 0: one a fold and slot."""
    fold, slot = (pd.factorize(table[name])[0].astype(np.int64) for name in (FOLD, SLOT))
    both = fold * (slot.max(initial=0) + 2) + slot + 1
    return np.asarray(pd.factorize(both)[0], dtype=np.int64)


def worst_misses(predictions: Predictions, count: int) -> pd.DataFrame:
    """Return the cases that were ranked most wrongly: half passed over, half selected in vain.

    Returns
    -------
    pandas.DataFrame
        The columns of the predictions, ``rank`` and ``of``.
    """
    table = predictions.table
    ranked = table.copy()
    ranked[RANK] = rank_cases(table, table[Y_PRED].to_numpy(np.float64))
    ranked[OF] = table.groupby([FOLD, SLOT])[CASE].transform("size")
    passed = ranked[(ranked[Y_TRUE] == 1) & (ranked[DECISION] == 0)]
    vain = ranked[ranked[Y_TRUE] == 0]
    half = (count + 1) // 2
    first = passed.sort_values([Y_PRED, CASE], kind="stable").head(half)
    second = vain.sort_values([Y_PRED, CASE], ascending=[False, True], kind="stable")
    both = pd.concat([first, second.head(count - len(first))], ignore_index=True)
    kept = [RANK, OF, CASE, ENTITY, AS_OF, OCCURRED_AT, FOLD, Y_TRUE, Y_PRED, DECISION]
    return both[kept]
