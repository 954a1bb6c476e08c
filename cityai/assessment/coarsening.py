"""How finely the rates of counted people may be said, so that no small count follows from them.

A rate beside its number of people is a count: 5 % of 60 are three persons. Counts of fewer than the
policy allows stay unknown by saying the rates in coarser steps, not by saying nothing. Whoever
reads the rates is taken to solve for the counts of all groups together, and to know a rate exactly
where it is not coarsened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cityai.assessment.views import Facts, View

STEPS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Steps that rates are said in; where none of them is enough, they are not said."""
UNSAID: Final = math.inf
SMALL_NUMBER: Final = 200
MOST_UNKNOWNS: Final = 40_000
"""Groups of alike entities x kinds of people beyond which pairs are not said."""

KINDS: Final = tuple(product(("outcome", "none", "unknown"), ("selected", "passed", "undecided")))
"""The kinds of people: what came to pass, and what was decided."""
RATES: Final = {
    "selection_rate": ({"selected"}, {"selected", "passed"}, ()),
    "false_positive_rate": ({"none", "selected"}, {"none"}, ("both",)),
    "false_negative_rate": ({"outcome", "passed"}, {"outcome"}, ("both",)),
    "precision": ({"outcome", "selected"}, {"selected"}, ("both",)),
    "false_omission_rate": ({"outcome", "passed"}, {"passed"}, ("both",)),
    "base_rate": ({"outcome"}, {"outcome", "none"}, ()),
}
"""What each rate is a share of; the other rates of decisions are one less these, or their mix."""


def choose_steps(views: Sequence[View], facts: Facts, least: float) -> dict[tuple[str, str], float]:
    """Choose the steps that the rates of each group are said in.

    Parameters
    ----------
    views : sequence of View
        All that the card shows.
    facts : Facts
        The sums of a yes or no; nothing is chosen for amounts.
    least : float
        The policy's threshold.

    Returns
    -------
    dict
        Step by dimension and group, `UNSAID` for those that cannot be said; the others are absent.

    Notes
    -----
    Each line is coarsened until it does not give a count away by itself; then, of those that bear
    on a small count, the one with the fewest people, until the linear programme leaves the count a
    range of `least`. Steps do not lie within each other, so a coarser one may close what another
    left open: all counts are gone through again until nothing is coarsened.
    """
    if not facts.events:
        return {}
    said = _list_said(views, facts)
    open_to = {k for k, level in zip(said.keys, said.level.tolist(), strict=True) if level == 0}
    if said.counts.size > MOST_UNKNOWNS:
        simple = tuple(" * " not in dimension for dimension, _ in said.keys)
        said.level[~np.array(simple)] = len(STEPS)
    small = said.find_small(least)
    for line, kinds in small:
        alone = said.take_alone(line)
        while alone.find_bearing(0, kinds, least) is not None:
            alone.level[0] += 1
        said.level[line] = alone.level[0]
    before = None
    while before is None or (said.level != before).any():
        before = said.level.copy()
        said.see_together(small)
        for line, kinds in small:
            while (bearing := said.find_bearing(line, kinds, least)) is not None:
                said.level[bearing] += 1
    return {
        key: (*STEPS, UNSAID)[level - 1]
        for key, level in zip(said.keys, said.level.tolist(), strict=True)
        if level > 0 and key in open_to
    }


def coarsen_figures(
    figures: Mapping[str, float], step: float, reference_step: float
) -> dict[str, float]:
    """Say a group's figures in steps; what follows from others is worked out from what is said.

    Parameters
    ----------
    figures : mapping of str to float
        `value`, `low`, `high`, `reference_value`, `gap`, `gap_low`, `gap_high`.
    step, reference_step : float
        Of the group and of what it is compared with; 0 is exact.

    Returns
    -------
    dict of str to float
        The same. An interval is widened by what rounding may have moved, so that it holds what the
        exact one held.
    """
    value = snap_rate(figures["value"], step)
    beside = snap_rate(figures["reference_value"], reference_step)
    margin = _widen((figures["high"] - figures["low"]) / 2, step)
    coarser = max(step, reference_step)
    gap_margin = _widen((figures["gap_high"] - figures["gap_low"]) / 2, coarser)
    gap = figures["gap"] if not coarser else value - beside
    return {
        "value": value,
        "low": max(value - margin, 0.0) if step else figures["low"],
        "high": min(value + margin, 1.0) if step else figures["high"],
        "reference_value": beside,
        "gap": gap,
        "gap_low": gap - gap_margin,
        "gap_high": gap + gap_margin,
    }


def _widen(margin: float, step: float) -> float:
    if not step or not math.isfinite(margin):
        return margin
    return math.nan if math.isinf(step) else math.ceil((margin + step / 2) / step - 1e-9) * step


def snap_rate(value: float, step: float) -> float:
    """Say a rate in steps: the nearest multiple; exactly where the step is 0."""
    if not step or not math.isfinite(value):
        return value
    return math.nan if math.isinf(step) else min(round(value / step), round(1 / step)) * step


def round_number(n: float, few: int = SMALL_NUMBER) -> int:
    """Round a published number of people: to tens where it is small."""
    return round(n) if n >= few else round(n / 10) * 10


@dataclass(frozen=True, slots=True)
class _Said:
    """Lines of people: what is said of each, and what is not.

    `parts` is (L, A) over atoms, entities that no line tells apart; `counts` (A, 9) people by kind;
    `level` (L,) the step, from 0 (exactly) to one more than there are steps (not said); `points`
    what was found to agree with all that was said when it was found.
    """

    keys: tuple[tuple[str, str], ...]
    parts: np.ndarray
    counts: np.ndarray
    level: np.ndarray
    points: list[np.ndarray] = field(default_factory=list)

    def take_alone(self, line: int) -> _Said:
        """Take one line as if nothing else were said."""
        held = (self.parts[line] @ self.counts)[None]
        return _Said((self.keys[line],), np.ones((1, 1)), held, self.level[[line]])

    def find_small(self, least: float) -> list[tuple[int, np.ndarray]]:
        """List every small count: a line, and what is summed over the kinds."""
        found = []
        for kinds in (*np.eye(len(KINDS)), _mark({"selected"}, ()), _mark({"passed"}, ())):
            held = self.parts @ self.counts @ kinds
            small = np.flatnonzero((held > 1e-9) & (held < least))
            found += [(int(line), kinds) for line in small[np.argsort(held[small])]]
        return found

    def find_bearing(self, line: int, kinds: np.ndarray, least: float) -> int | None:
        """Find the line to coarsen next, or nothing once the count is left open widely enough."""
        aim = np.outer(self.parts[line], kinds).ravel()
        rows, totals, owner, equal = self._bound()
        if self._find_seen(aim, rows, totals, equal, least) >= least - 1e-6:
            return None
        bears, ends = np.zeros(len(self.level)), []
        for sign in (1.0, -1.0):
            solved = _solve(sign * aim, rows, totals, equal)
            if solved.status == 3:
                return None
            if solved.x is None:
                bears[:] = 1.0
                ends.append(float(aim @ self.counts.ravel()))
                continue
            self.points.append(solved.x)
            ends.append(float(aim @ solved.x))
            if (~equal).any():
                np.add.at(bears, owner[~equal], np.abs(solved.ineqlin.marginals))
            if equal.any():
                np.add.at(bears, owner[equal], np.abs(solved.eqlin.marginals))
        if ends[1] - ends[0] >= least - 1e-6:
            return None
        open_to = (self.level <= len(STEPS)) & (bears > 1e-9)
        if not open_to.any():
            return None
        people = self.parts @ self.counts.sum(axis=1)
        return int(np.argmin(np.where(open_to, people, np.inf)))

    def see_together(self, small: Sequence[tuple[int, np.ndarray]]) -> None:
        """Take all small counts as large, and as small, as they can be together."""
        rows, totals, _, equal = self._bound()
        if not small or not len(rows):
            return
        aims = np.array([np.outer(self.parts[line], kinds).ravel() for line, kinds in small])
        aim = (aims / np.maximum(aims @ self.counts.ravel(), 1.0)[:, None]).sum(axis=0)
        for sign in (1.0, -1.0):
            solved = _solve(sign * aim, rows, totals, equal)
            if solved.x is not None:
                self.points.append(solved.x)

    def _find_seen(
        self,
        aim: np.ndarray,
        rows: np.ndarray,
        totals: np.ndarray,
        equal: np.ndarray,
        least: float,
    ) -> float:
        """Find how far apart known points lie that agree with all that is said now."""
        points = np.array(self.points).reshape(-1, len(aim))
        held = points @ aim
        if len(points) < 2 or not len(rows) or np.ptp(held) < least - 1e-6:
            return 0.0
        sparse: Any = csr_array(rows)
        over = sparse @ points.T - totals[:, None]
        over = np.where(equal[:, None], np.abs(over), over)
        right = (over <= 1e-6 * np.maximum(1.0, np.abs(totals))[:, None]).all(axis=0)
        return float(np.ptp(held[right])) if right.sum() > 1 else 0.0

    def _bound(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Write what is said as rows: equal to a total, or at most one."""
        rows: list[np.ndarray] = []
        totals: list[float] = []
        owner: list[int] = []
        equal: list[bool] = []
        everyone = np.ones(len(KINDS))
        for line in np.flatnonzero(self.level <= len(STEPS)).tolist():
            parts, level = self.parts[line], int(self.level[line])
            held = parts @ self.counts
            step = 0.0 if level == 0 else STEPS[level - 1]
            for kinds in _list_numbers() if not step else ():
                _add((rows, totals, owner, equal), parts, kinds, held @ kinds, line, same=True)
            if not step:
                continue
            _add((rows, totals, owner, equal), parts, everyone, float(held.sum()), line, same=True)
            for above, below in _list_rates():
                if held @ below <= 0:
                    continue
                rate = snap_rate(float(held @ above / (held @ below)), step)
                for sign in (1.0, -1.0):
                    kinds = sign * above - (sign * rate + step / 2) * below
                    _add((rows, totals, owner, equal), parts, kinds, 0.0, line, same=False)
        return (
            np.array(rows).reshape(len(rows), self.counts.size),
            np.array(totals),
            np.array(owner, dtype=np.int64),
            np.array(equal, dtype=bool),
        )


def _solve(aim: np.ndarray, rows: np.ndarray, totals: np.ndarray, equal: np.ndarray) -> Any:
    same: Any = csr_array(rows[equal])
    within: Any = csr_array(rows[~equal])
    return linprog(
        aim,
        A_ub=within if (~equal).any() else None,
        b_ub=totals[~equal] if (~equal).any() else None,
        A_eq=same if equal.any() else None,
        b_eq=totals[equal] if equal.any() else None,
        method="highs",
    )


def _add(
    into: tuple[list[np.ndarray], list[float], list[int], list[bool]],
    parts: np.ndarray,
    kinds: np.ndarray,
    total: float,
    line: int,
    *,
    same: bool,
) -> None:
    for held, value in zip(into, (np.outer(parts, kinds).ravel(), total, line, same), strict=True):
        held.append(value)  # type: ignore[attr-defined]


def _mark(words: set[str], only: Sequence[str]) -> np.ndarray:
    """Mark kinds of people (9,): those that all words of one column agree with."""
    outcome = words & {"outcome", "none", "unknown"}
    decision = words & {"selected", "passed", "undecided"}
    if "both" in only:
        outcome = outcome or {"outcome", "none"}
        decision = decision or {"selected", "passed"}
    kept = [(not outcome or o in outcome) and (not decision or d in decision) for o, d in KINDS]
    return np.array(kept, dtype=np.float64)


@cache
def _list_rates() -> list[tuple[np.ndarray, np.ndarray]]:
    return [(_mark(top, only), _mark(bottom, only)) for top, bottom, only in RATES.values()]


@cache
def _list_numbers() -> list[np.ndarray]:
    """What is known of a line that is said exactly: both ends of every rate, and the people."""
    ends = [end for rate in _list_rates() for end in rate]
    return [*np.unique([*ends, np.ones(len(KINDS))], axis=0)]


def _list_said(views: Sequence[View], facts: Facts) -> _Said:
    names, sums = facts.cells.names, facts.cells.values.sum(axis=0)
    known = {name: sums[:, names.index(name)] for name in names}
    table = np.zeros((len(sums), 3, 3))
    table[:, 0, 0], table[:, 0, 1] = known["tp"], known["fn"]
    table[:, 1, 0], table[:, 1, 1] = known["fp"], known["tn"]
    table[:, 0, 2] = known["outcomes"] - known["tp"] - known["fn"]
    table[:, 1, 2] = known["negatives_known"] - known["fp"] - known["tn"]
    table[:, 2, 0] = known["selected"] - known["tp"] - known["fp"]
    table[:, 2, 1] = known["decided"] - known["selected"] - known["fn"] - known["tn"]
    table[:, 2, 2] = known["n"] - table.sum(axis=(1, 2))
    weights = np.concatenate([v.weights for v in views], axis=1)
    parts, code = np.unique(weights, axis=0, return_inverse=True)
    counts = np.zeros((len(parts), len(KINDS)))
    np.add.at(counts, code.ravel(), table.reshape(-1, len(KINDS)))
    keys = tuple((v.dimension, group) for v in views for group in v.groups)
    hidden = np.concatenate([v.hidden | (v.n <= 0) for v in views])
    level = np.where(hidden, len(STEPS) + 1, 0)
    return _Said(keys, parts.T.copy(), counts, level)
