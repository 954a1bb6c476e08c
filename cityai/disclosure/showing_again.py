"""Lines that were hidden on the way and need not be: shown again, and every secret stays open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from cityai.disclosure.feasible_ranges import DOWN, SLACK, UP, WAYS, End, Known, find_end

MOST_SOLVED: Final = 300
"""Linear programmes that are spent on showing lines again."""
FEW_TOGETHER: Final = 2
"""Secrets, more than which are solved for together first."""


def show_again(
    known: Known,
    hidden: np.ndarray,
    fixed: np.ndarray,
    secrets: np.ndarray,
    points: np.ndarray,
    cause: np.ndarray,
) -> np.ndarray:
    """Show lines again as long as every secret stays as open as it must be, or as it can be.

    Lines are taken in halves, and halves of these, from the largest lines down. It ends after a
    number of linear programmes; what is hidden by then stays so. `points` (N, P A) agree with all
    that is shown; `cause` is the secret that a line was hidden for, or -1: the first to be closed.
    Where the solver cannot tell how open a secret is to begin with, none is shown again.
    """
    more = np.flatnonzero(hidden & ~fixed)
    if not len(more):
        return hidden
    witnesses = _Witnesses(known, hidden.copy(), secrets, points, cause)
    if witnesses.unsolved:
        return hidden
    chunks = [more[np.argsort(-known.held[more], kind="stable")]]
    while chunks and witnesses.solved < MOST_SOLVED:
        chunk = chunks.pop()
        if not witnesses.show(chunk) and len(chunk) > 1:
            middle = (len(chunk) + 1) // 2
            chunks += [chunk[middle:], chunk[:middle]]
    return witnesses.hidden


class _Witnesses:
    """What is known of how far secrets are left open: by solutions, and by dual solutions.

    Two points that agree with all that is shown leave a secret at least as open as they differ in
    it. A dual solution closes an end wherever the lines that it stands on are shown, whatever else
    is. So a linear programme is solved only where neither tells.
    """

    def __init__(
        self,
        known: Known,
        hidden: np.ndarray,
        secrets: np.ndarray,
        points: np.ndarray,
        cause: np.ndarray,
    ):
        self.known, self.hidden, self.solved, self.unsolved = known, hidden, 0, 0
        self.truth, self.cause = known.stacked @ known.amounts, cause
        self.at = {line: column for column, line in enumerate(secrets.tolist())}
        self.lines = known.matrix[secrets]
        self.points = points
        self.held = self._hold(self.points)
        self.closed: dict[tuple[int, float], list[tuple[np.ndarray, float]]] = {}
        self.need = {i: float(known.need[i]) for i in self.at}
        for i, need in self.need.items():
            self.need[i] = min(self._find_width(hidden, i, need), need)

    def show(self, chunk: np.ndarray) -> bool:
        """Show lines if that leaves every secret open; tell whether it did."""
        trial = self.hidden.copy()
        trial[chunk] = False
        rows = np.add.outer(np.arange(self.known.parts) * len(trial), chunk).ravel()
        off = np.abs(self.known.stacked[rows] @ self.points.T - self.truth[rows, None])
        right = (off <= SLACK).all(axis=0)
        wrong = self.points[~right], self.held[~right]
        self.points, self.held = self.points[right], self.held[right]
        for i, need in self._order(trial, self.cause[chunk]):
            if self._find_width(trial, i, need) < need - SLACK:
                # Asked first next time: what fails once fails often.
                self.need = {i: need, **self.need}
                self._add(*wrong)
                return False
        self.hidden = trial
        return True

    def _order(self, hidden: np.ndarray, causes: np.ndarray) -> Iterator[tuple[int, float]]:
        """Yield the secrets that are not seen to be open yet: those likely to be closed first.

        After the first of several that is open, all others are made as large and as small as they
        can be together, and those that this leaves once more.
        """
        left = {i: need for i, need in self.need.items() if self._find_seen(i) < need - SLACK}
        closed = [i for i, need in left.items() if self._measure_closed(hidden, i) < need - SLACK]
        own = [i for i in causes.tolist() if i in left]
        for asked, i in enumerate((*closed, *own, *left)):
            if asked == 1:
                self._open_together(hidden, left)
            yield i, left[i]

    def _open_together(self, hidden: np.ndarray, left: dict[int, float]) -> None:
        before = len(left) + 1
        while FEW_TOGETHER < len(left) < before:
            before = len(left)
            aim = csr_array(self.known.matrix[[*left]].sum(axis=0)[None])
            for way in WAYS:
                self._keep(find_end(self.known, hidden, aim, way, enough=0.0))
            left = {i: need for i, need in left.items() if self._find_seen(i) < need - SLACK}

    def _find_width(self, hidden: np.ndarray, line: int, need: float) -> float:
        """Find how far a secret is left open; at least as far as needed, where it is."""
        ends = {way: self._find_closed(hidden, line, way) for way in WAYS}
        seen = self._find_seen(line)
        for way in WAYS:
            if seen >= need - SLACK:
                return seen
            if ends[UP] - ends[DOWN] < need - SLACK:
                break
            end = self._solve(hidden, line, way, need - seen)
            ends[way] = end.value
            seen = end.value if end.value == np.inf else self._find_seen(line)
        return ends[UP] - ends[DOWN]

    def _find_seen(self, line: int) -> float:
        return float(np.ptp(self.held[:, self.at[line]]))

    def _hold(self, points: np.ndarray) -> np.ndarray:
        """Return what the secrets hold in each point, (N, S)."""
        totals = points.reshape(len(points), self.known.parts, -1).sum(axis=1)
        return (self.lines @ totals.T).T

    def _add(self, points: np.ndarray, held: np.ndarray) -> None:
        self.points = np.concatenate([self.points, points])
        self.held = np.concatenate([self.held, held])

    def _measure_closed(self, hidden: np.ndarray, line: int) -> float:
        return self._find_closed(hidden, line, UP) - self._find_closed(hidden, line, DOWN)

    def _find_closed(self, hidden: np.ndarray, line: int, way: float) -> float:
        """Bound an end by the dual solutions whose lines are all shown; nothing is below 0."""
        bounds = [v for on, v in self.closed.get((line, way), ()) if not hidden[on].any()]
        return min(bounds, default=np.inf) if way == UP else max(bounds, default=0.0)

    def _solve(self, hidden: np.ndarray, line: int, way: float, more: float) -> End:
        """Solve for an end, or for an amount that leaves a secret so much more open."""
        held, aim = float(self.known.held[line]), self.known.matrix[[line]]
        enough = max(way * (self.held[:, self.at[line]] - held)) + more
        end = self._keep(find_end(self.known, hidden, aim, way, enough))
        if way * (end.value - held) < enough - SLACK:
            on = np.flatnonzero(end.dual_values > 0)
            self.closed.setdefault((line, way), []).append((on, end.value))
        return end

    def _keep(self, end: End) -> End:
        self.solved += 1
        self.unsolved += not end.solved
        if end.point is not None:
            self._add(end.point[None], self._hold(end.point[None]))
        return end
