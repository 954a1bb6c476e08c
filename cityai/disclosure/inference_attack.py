"""Inference attack on published rates: bounds on every count by linear programmes.

The reader is taken to solve for the counts of all groups at once, to know a rate exactly where it
is not said in steps, and to know which kinds of people there are none of.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cityai.disclosure.small_whole import KINDS, TABLE, SmallWhole, mark_kinds, mark_rate
from cityai.records.audit_data import AuditData, GroupTable

STEPS: Final = (0.02, 0.05, 0.1, 0.2)
"""Widths of the ranges that rates are said in; where none is enough, they are not said."""
EXACT: Final = 0
NOT_SAID: Final = len(STEPS) + 1
SLACK: Final = 1e-6


def find_range(rate: float, step: float) -> tuple[float, float]:
    """Find the range that a rate is said in: between the multiples of a step around it."""
    parts = round(1 / step)
    at = min(math.floor(rate / step + 1e-9), parts - 1)
    return at / parts, (at + 1) / parts


@dataclass(frozen=True, slots=True)
class Secret:
    """A small count: of a line, (9,) what is summed over the kinds, (A x 9,) over atoms too."""

    line: int
    kinds: np.ndarray
    aim: np.ndarray


@dataclass(frozen=True, slots=True)
class Reader:
    """Lines of people: what is said of each, and what is not."""

    keys: tuple[tuple[str, str], ...]
    """Dimension and group of the L lines."""
    parts: np.ndarray
    """(L, A) over atoms, entities that no line tells apart."""
    counts: np.ndarray
    """(A, 9) people by kind."""
    level: np.ndarray
    """(L,) int: `EXACT`, the number of a step from 1, or `NOT_SAID`."""
    verdicts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    """By line, what the verdicts that stand beside its ranges tell: pairs of (9,), a sum over the
    kinds that is at most 0, and what it is a share of."""
    rates: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    """(9,) kinds above and below the line of each rate that is said; complements add nothing."""
    whole: dict[int, SmallWhole] = field(default_factory=dict)
    """By line, what is said in place of rates: of the whole, where it is small itself."""
    beside: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)
    """What the verdicts tell of that whole, as `verdicts`, and the line that each is about."""
    points: list[np.ndarray] = field(default_factory=list)
    """What was found to agree with all that was said when it was found."""

    @property
    def people(self) -> np.ndarray:
        """(L,) people in each line."""
        return self.parts @ self.counts.sum(axis=1)

    def take_alone(self, secret: Secret) -> tuple[Reader, Secret]:
        """Take one line as if nothing else were said."""
        held = (self.parts[secret.line] @ self.counts)[None]
        told = {0: self.verdicts.get(secret.line, [])}
        key, level = (self.keys[secret.line],), self.level[[secret.line]]
        alone = Reader(key, np.ones((1, 1)), held, level, told, self.rates)
        return alone, Secret(0, secret.kinds, secret.kinds)

    def find_secrets(self, least: float) -> list[Secret]:
        """List every count of people below the threshold, each once, the smallest first."""
        found: dict[bytes, Secret] = {}
        for kinds in (*np.eye(len(KINDS)), mark_kinds("selected"), mark_kinds("passed")):
            held = self.parts @ self.counts @ kinds
            small = np.flatnonzero((held > 1e-9) & (held < least))
            for line in small[np.argsort(held[small])].tolist():
                aim = np.outer(self.parts[line], kinds).ravel()
                found.setdefault(aim.tobytes(), Secret(line, kinds, aim))
        return list(found.values())

    def find_width(self, secret: Secret, least: float) -> tuple[float, np.ndarray]:
        """Find how far a count is left open, and how much each line bears on it.

        Returns
        -------
        width : float
            At least `least` where it is known to be that much, without solving for all of it.
        bears : numpy.ndarray
            (L,) people that the count moves by for each unit that a line's rates may move.
        """
        return next(self.find_widths([secret], least))

    def find_widths(
        self, secrets: Iterable[Secret], least: float
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Find it of several counts, one after the other, while what is said stays the same."""
        rows = self._bound()
        known = np.array(self.points).reshape(-1, self.counts.size)
        known = known[rows.agree(known)]
        for secret in secrets:
            bears, ends = np.zeros(len(self.level)), list[float]()
            # How far apart points lie that agree with all that is said now.
            seen = float(np.ptp(known @ secret.aim)) if len(known) > 1 else 0.0
            if seen >= least - SLACK:
                yield seen, bears
                continue
            for sign in (1.0, -1.0):
                solved = rows.solve(sign * secret.aim)
                if solved.status == 3:
                    ends = [0.0, np.inf]
                    break
                if solved.x is None:
                    # Not solved: taken as given away, so all is said more coarsely.
                    ends.append(float(secret.aim @ self.counts.ravel()))
                    bears += self.people
                    continue
                self.points.append(solved.x)
                if rows.agree(solved.x[None]).all():
                    known = np.vstack([known, solved.x])
                ends.append(float(secret.aim @ solved.x))
                bears += rows.add_dual_values(solved, len(bears))
            yield ends[1] - ends[0], bears

    def see_together(self, secrets: Sequence[Secret]) -> None:
        """Take all small counts as large, and as small, as they can be together."""
        if not secrets or (self.level == NOT_SAID).all():
            return
        rows, held = self._bound(), self.counts.ravel()
        aim = np.sum([s.aim / max(s.aim @ held, 1.0) for s in secrets], axis=0)
        for sign in (1.0, -1.0):
            solved = rows.solve(sign * aim)
            if solved.x is not None:
                self.points.append(solved.x)

    def _bound(self) -> _Rows:
        """Write what is said as rows: equal to a total, or at most one."""
        rows = _Rows(self.counts, bool(self.whole))
        # What is known of a line that is said exactly: both ends of every rate, and the people.
        ends = [end for rate in self.rates for end in rate]
        numbers = np.unique([*ends, np.ones(len(KINDS))], axis=0)
        for line in np.flatnonzero(self.level != NOT_SAID).tolist():
            parts, level = self.parts[line], int(self.level[line])
            held = parts @ self.counts
            if line in self.whole:
                self._bound_whole(rows, line)
                continue
            if level == EXACT:
                for kinds in numbers:
                    total = float(held @ kinds)
                    rows.add(parts, kinds, total, line, total, same=True)
                continue
            step, people = STEPS[level - 1], float(held.sum())
            last = people if level == len(STEPS) else 0.0
            rows.add(parts, np.ones(len(KINDS)), people, line, last, same=True)
            for above, below in self.rates:
                size = float(held @ below)
                if size <= 0:
                    continue
                low, high = find_range(float(held @ above / size), step)
                rows.add(parts, above - high * below, 0.0, line, size, same=False)
                rows.add(parts, low * below - above, 0.0, line, size, same=False)
            for kinds, below in self.verdicts.get(line, ()):
                rows.add(parts, kinds, 0.0, line, float(held @ below), same=False)
        return rows

    def _bound_whole(self, rows: _Rows, line: int) -> None:
        """Write what is said of the whole, and what the verdicts of others tell of it."""
        parts, said = self.parts[line], self.whole[line]
        for kinds, total in said.told:
            rows.add(parts, kinds, total, line, total, same=True)
        for fewer in said.fewer:
            rows.add(parts, mark_kinds(*fewer.kind), float(fewer.than), line, 0.0, same=False)
        for own, kinds, below in self.beside:
            if self.level[own] != NOT_SAID:
                size = float(parts @ self.counts @ below)
                rows.add(parts, kinds, 0.0, own, size, same=False)


@dataclass(frozen=True, slots=True)
class _Row:
    where: np.ndarray
    what: np.ndarray
    total: float
    line: int | None
    size: float


class _Rows:
    """Linear rows over atoms x kinds: equal to a total, or at most one; and whose they are.

    Kinds of which there is nobody are known to be none, and no unknowns, but where the whole is
    small itself: then it does not say so of outcomes that are decided on.
    """

    def __init__(self, counts: np.ndarray, small_whole: bool) -> None:
        self.unknowns = counts.size
        some = counts.sum(axis=0) > 0
        if small_whole:
            some |= np.sum([mark_kinds(*kind) for kind in TABLE], axis=0) > 0
        self.open = np.flatnonzero(np.tile(some, len(counts)))
        self.same: list[_Row] = []
        self.within: list[_Row] = []

    def add(
        self,
        parts: np.ndarray,
        kinds: np.ndarray,
        total: float,
        line: int | None,
        size: float,
        *,
        same: bool,
    ) -> None:
        """Add a row; `size` is by how many people it gives way when a rate moves by one."""
        held, asked = np.flatnonzero(parts), np.flatnonzero(kinds)
        where = (held[:, None] * len(kinds) + asked).ravel()
        what = np.outer(parts[held], kinds[asked]).ravel()
        (self.same if same else self.within).append(_Row(where, what, total, line, size))

    def solve(self, aim: np.ndarray) -> Any:
        """Find the smallest amount of the aim that agrees with all rows."""
        same, within = self._restrict(self.same), self._restrict(self.within)
        # Without presolve it takes a third of the time here.
        solved = linprog(
            aim[self.open],
            A_ub=within[0],
            b_ub=within[1],
            A_eq=same[0],
            b_eq=same[1],
            method="highs-ds",
            options={"presolve": False},
        )
        if solved.x is not None:
            whole = np.zeros(self.unknowns)
            whole[self.open] = solved.x
            solved.x = whole
        return solved

    def _restrict(self, rows: list[_Row]) -> tuple[Any, Any]:
        """Stack rows over what is unknown; without any, nothing."""
        if not rows:
            return None, None
        matrix, totals = self._stack(rows)
        return matrix[:, self.open], totals

    def add_dual_values(self, solved: Any, lines: int) -> np.ndarray:
        """Sum by line (L,) the dual values of its rows, each times its size."""
        bears = np.zeros(lines)
        for rows, found in ((self.same, solved.eqlin), (self.within, solved.ineqlin)):
            for row, price in zip(rows, found.marginals if rows else (), strict=True):
                if row.line is not None:
                    bears[row.line] += abs(price) * row.size
        return bears

    def agree(self, points: np.ndarray) -> np.ndarray:
        """Tell which points (N, U) agree with all rows."""
        right = np.ones(len(points), dtype=bool)
        for rows, equal in ((self.same, True), (self.within, False)):
            if not rows:
                continue
            matrix, totals = self._stack(rows)
            over = matrix @ points.T - totals[:, None]
            over = np.abs(over) if equal else over
            right &= (over <= SLACK * np.maximum(1.0, np.abs(totals))[:, None]).all(axis=0)
        return right

    def _stack(self, rows: list[_Row]) -> tuple[Any, Any]:
        ends = np.cumsum([0, *(len(row.where) for row in rows)])
        where = np.concatenate([row.where for row in rows])
        what = np.concatenate([row.what for row in rows])
        matrix = csr_array((what, where, ends), shape=(len(rows), self.unknowns))
        return matrix, np.array([row.total for row in rows])


def list_said(views: Sequence[GroupTable], facts: AuditData) -> Reader:
    """List all lines of people that a card shows, everything said exactly that is not hidden."""
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
    level = np.where(hidden, NOT_SAID, EXACT)
    rates = tuple(mark_rate(m) for m in facts.metrics if m.above and not m.complement)
    return Reader(keys, parts.T.copy(), counts, level, rates=rates)
