"""Value of a forecast under one budget: what each way of spending it reaches.

A way says in which order the same number of cases is acted on, or where and when the same total is
planned. Every way is a function of a multiple of the budget, so that what more capacity would do,
and what another way would need to do as much, follow from it without any new fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import pandas as pd

from cityai.columns import BASELINE, CASE, DECISION, ENTITY, FOLD, FORECAST, SLOT, Y_PRED, Y_TRUE
from cityai.records.metric import Floats
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.config.audit_file import Answer

CHANCE: Final = "chance"
"""Knowing nothing: cases at random, in expectation; the same amount for each row."""
MORE: Final = "more"
"""The forecast's own way with more to spend."""
PERFECT: Final = "perfect"
"""Knowing all: true cases first; each row its part of what came."""
MORE_TIMES: Final = 1.1
NOT_SPENT: Final = frozenset({f"{BASELINE}random_order"})
"""Baselines that another way stands for: one draw of chance, by `CHANCE`."""
SHARES: Final = (0.25, 0.5)
"""Parts of all visits at which lists are compared with the score in use today."""
HALVINGS: Final = 60
MOST_TIMES: Final = 1024.0


class Way(Protocol):
    """One way of spending a budget."""

    @property
    def need(self) -> float:
        """All that there was to reach."""

    @property
    def most(self) -> float:
        """The multiple of the budget beyond which nothing more is reached."""

    def reach(self, times: float) -> tuple[float, float]:
        """Return what is spent, and what of the need is reached, with so many times the budget."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Lists that are worked off from the top."""

    chosen: Floats
    size: Floats
    start: np.ndarray
    """(L,) cases that the budget reaches in each list, cases in it, where it begins in `found`."""
    found: Floats
    """(sum of size + 1,) true cases among the first 0, 1, 2 ... of each list."""

    @property
    def need(self) -> float:
        """True cases."""
        return float(self.found[self.start + self.size.astype(np.int64)].sum())

    @property
    def most(self) -> float:
        """The multiple at which every list with a budget is worked off."""
        live = self.chosen > 0
        return float((self.size[live] / self.chosen[live]).max(initial=1.0))

    def reach(self, times: float) -> tuple[float, float]:
        """Return cases selected and true cases among them.

        Half a case is a case in half the lists: the mean over rounding up or down at random.
        """
        many = np.minimum(times * self.chosen, self.size)
        whole = np.floor(many)
        at = self.start + whole.astype(np.int64)
        after = np.minimum(at + 1, self.start + self.size.astype(np.int64))
        found = self.found[at] + (many - whole) * (self.found[after] - self.found[at])
        return float(many.sum()), float(found.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A plan of amounts: (n,) what came, and what was planned for it."""

    came: Floats
    plan: Floats
    most: float = MOST_TIMES

    @property
    def need(self) -> float:
        """All that came."""
        return float(self.came.sum())

    def reach(self, times: float) -> tuple[float, float]:
        """Return the amount planned, and how much of what came it meets."""
        plan = times * self.plan
        return float(plan.sum()), float(np.minimum(self.came, plan).sum())


def spend_budget(predictions: Predictions) -> pd.DataFrame:
    """Spend the forecast's own budget by every way that is known.

    Parameters
    ----------
    predictions : Predictions
        Of any origin; only rows with an outcome and a forecast (or a decision) count.

    Returns
    -------
    pandas.DataFrame
        One row a `way`: "forecast", "baseline.<name>", `CHANCE`, `MORE`, `PERFECT`. `n` (rows that
        it answers), `need` (true cases, or the amount that came), `spent`, `reached` (in the same
        unit as `need`), `times` (the multiple of the budget with which it would reach as much as
        the forecast does on the same rows; NaN where it never does), `beside` (what the forecast
        reaches on these rows).
    """
    table, make = take_scored(predictions.table), MAKERS[predictions.kind]
    rows = []
    for name, part in _list_parts(table):
        if not len(part) or (name == MORE and not np.isfinite(part[Y_PRED]).all()):
            continue
        ways = make(part)
        own = ways(Y_PRED)
        way = own if name == MORE else ways(name if name != FORECAST else Y_PRED)
        if way is None or own is None or not own.need:
            continue
        spent, reached = way.reach(MORE_TIMES if name == MORE else 1.0)
        goal = own.reach(1.0)[1]
        rows.append(
            {
                "way": name,
                "n": float(len(part)),
                "need": own.need,
                "spent": spent,
                "reached": reached,
                "times": 1.0 if name in {FORECAST, MORE} else find_times(way, goal),
                "beside": goal,
            }
        )
    return pd.DataFrame(rows, columns=["way", "n", "need", "spent", "reached", "times", "beside"])


def spend_shares(predictions: Predictions, beside: str) -> pd.DataFrame | None:
    """Count what each way finds at a quarter and a half of all visits, where one way answers.

    Parameters
    ----------
    predictions : Predictions
        Of any origin.
    beside : str
        Column of the way whose rows are counted.

    Returns
    -------
    pandas.DataFrame or None
        One row a `way` that answers all of these rows and a `share` of `SHARES`: `n` (cases),
        `need` (true ones), `spent`, `reached`. Cases that a way scores alike are taken at random,
        in expectation. Nothing of amounts, nor where the column answers no case.
    """
    if predictions.kind != "yes/no" or beside not in predictions.table:
        return None
    table = take_scored(predictions.table)
    table = table[np.isfinite(table[beside].to_numpy(np.float64))].reset_index(drop=True)
    named = {FORECAST: Y_PRED, CHANCE: CHANCE}
    named |= {c: c for c in map(str, table.columns) if c.startswith(BASELINE)}
    answering = [
        (way, column)
        for way, column in named.items()
        if way not in NOT_SPENT and (column == CHANCE or np.isfinite(table[column]).all())
    ]
    make = _rank_rows(table, alike=True)
    rows = []
    for name, column in answering if table[Y_TRUE].sum() else ():
        way = make(column)
        for share in SHARES:
            spent, reached = way.reach(share)
            rows.append((name, share, float(len(table)), way.need, spent, reached))
    return pd.DataFrame(rows, columns=["way", "share", "n", "need", "spent", "reached"])


def find_times(way: Way, goal: float) -> float:
    """Find the least multiple of the budget with which a way reaches a goal; NaN where none."""
    low, high = 0.0, way.most
    if way.reach(high)[1] < goal * (1 - 1e-12):
        return float("nan")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if way.reach(middle)[1] >= goal else (middle, high)
    return high


def plan_alike(predictions: Predictions) -> Predictions:
    """Give every baseline of amounts the forecast's total, on the rows that both answer.

    Lists select as many cases by any score anyway, and stay as they are.
    """
    if predictions.kind != "amount":
        return predictions
    table = take_scored(predictions.table)
    names = [f"{BASELINE}{name}" for name in predictions.baselines]
    columns = {name: _scale(table, name) for name in names}
    own = {Y_PRED: np.maximum(table[Y_PRED].to_numpy(np.float64), 0.0)}
    return replace(predictions, table=table.assign(**own, **columns))


def take_scored(table: pd.DataFrame) -> pd.DataFrame:
    """Take the rows that have both an outcome and a prediction, or a decision."""
    known = [c for c in (Y_TRUE, DECISION if DECISION in table else Y_PRED) if c in table]
    usable = np.isfinite(table[known].to_numpy(np.float64)).all(axis=1)
    return pd.DataFrame(table[usable].reset_index(drop=True))


def _list_parts(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """List the ways, each with the rows that it answers."""
    yield FORECAST, table
    for column in map(str, table.columns):
        if not column.startswith(BASELINE) or column in NOT_SPENT:
            continue
        used = np.isfinite(table[column].to_numpy(np.float64))
        if used.any():
            yield column, table if used.all() else table[used].reset_index(drop=True)
    for name in (CHANCE, MORE, PERFECT):
        yield name, table


def _scale(table: pd.DataFrame, column: str) -> Floats:
    """Return a column with the total that the forecast has on its rows; NaN where it plans none."""
    other = table[column].to_numpy(np.float64)
    used, plan = np.isfinite(other), np.maximum(other, 0.0)
    total = np.maximum(table[Y_PRED].to_numpy(np.float64), 0.0)[used].sum()
    planned = plan[used].sum()
    return plan * (total / planned) if planned > 0 else np.full(len(plan), np.nan)


def _plan_rows(table: pd.DataFrame) -> Callable[[str], Way | None]:
    came = np.maximum(table[Y_TRUE].to_numpy(np.float64), 0.0)
    total = float(np.maximum(table[Y_PRED].to_numpy(np.float64), 0.0).sum())

    def make(name: str) -> Way | None:
        if name == CHANCE:
            return Planned(came, np.full(len(came), total / max(len(came), 1)))
        if name == PERFECT:
            return Planned(came, came * (total / came.sum())) if came.sum() > 0 else None
        plan = _scale(table, name)
        return Planned(came, plan) if np.isfinite(plan).all() else None

    return make


def _rank_rows(table: pd.DataFrame, *, alike: bool = False) -> Callable[[str], Ranked]:
    """Rank rows in their lists; `alike` shares what is found among equal scores, of all visits."""
    lists = [c for c in (FOLD, SLOT) if c in table] or [ENTITY]
    moment = pd.MultiIndex.from_frame(table[lists]).factorize()[0]
    truth = table[Y_TRUE].to_numpy(np.float64)
    decision = table[DECISION].to_numpy(np.float64)
    names = table[CASE].astype(str).to_numpy(object) if CASE in table else np.arange(len(table))
    size: Floats = np.bincount(moment).astype(np.float64)
    chosen = size if alike else np.bincount(moment, weights=decision).astype(np.float64)
    start = (np.cumsum(size + 1) - size - 1).astype(np.int64)
    yes = np.bincount(moment, weights=truth)

    def make(name: str) -> Ranked:
        if name == CHANCE:
            steps = np.arange(int((size + 1).sum())) - np.repeat(start, size.astype(int) + 1)
            rate: Floats = np.repeat(yes / size, size.astype(int) + 1)
            return Ranked(chosen, size, start, np.asarray(steps * rate, np.float64))
        score = truth if name == PERFECT else table[name].to_numpy(np.float64)
        came = truth
        if alike:
            tied = pd.DataFrame({"list": moment, "score": score, "came": truth})
            came = tied.groupby(["list", "score"])["came"].transform("mean").to_numpy()
            order = np.lexsort((names, -score, moment))
        elif name == Y_PRED:  # what was selected is first, whatever rule selected it
            score = np.where(np.isfinite(score), score, -np.inf)
            order = np.lexsort((names, -score, -decision, moment))
        else:
            order = np.lexsort((names, -score, moment))
        found = np.zeros(int((size + 1).sum()))
        inside = np.arange(len(order)) + moment[order] + 1
        found[inside] = came[order]
        return Ranked(chosen, size, start, _add_up(found, start))

    return make


def _add_up(values: Floats, start: np.ndarray) -> Floats:
    """Add up from each start on; each part begins with 0."""
    total = np.cumsum(values)
    sizes = np.diff([*start, len(values)])
    return total - np.repeat(total[start], sizes)


MAKERS: Final[Mapping[Answer, Callable[[pd.DataFrame], Callable[[str], Way | None]]]] = {
    "amount": _plan_rows,
    "yes/no": _rank_rows,
}
"""From rows to the ways of spending, by target."""
