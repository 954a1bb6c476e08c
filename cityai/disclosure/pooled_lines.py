"""Linked tables in which lines that are alike are one, until one of them is to be hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityai.disclosure.feasible_ranges import Known, gather_lines
from cityai.disclosure.line_pools import Sparse, pool_lines, sign_atoms, sum_rows


@dataclass(frozen=True, slots=True)
class Pooled:
    """All lines, and those that shown lines make together.

    Whatever the sum of lines that are alike may be made of, each of them may be made of in
    proportion (`lift_point`), so no range of another line is another for it.
    """

    lines: Sparse
    """(L, A) as given."""
    parts: np.ndarray
    """(P, A) parts of the amounts."""
    secret: np.ndarray
    """(L,) bool."""
    least: float
    """The policy's threshold."""
    pools: np.ndarray
    first: np.ndarray
    """(L,) the number of each line's pool; (N,) a line of each pool."""
    known: Known
    """The pools, as lines."""
    code: np.ndarray
    held: np.ndarray
    """(A,) the atom of `known` that each atom lies in; (L,) what each line holds."""

    @property
    def cost(self) -> np.ndarray:
        """(N,) what it costs to hide a line of each pool: what its smallest holds.

        A line that holds everything is the last to go: every page speaks of it.
        """
        whole = self.held >= self.parts.sum() * (1 - 1e-9)
        own = np.where(whole, self.held.sum(), self.held)
        cost = np.full(len(self.first), np.inf)
        np.minimum.at(cost, self.pools, np.where(self.held > 0, own, np.inf))
        return cost

    def set_apart(self, many: np.ndarray) -> Pooled:
        """Take the smallest line that holds anything out of each of some pools."""
        pools = self.pools.copy()
        order = np.lexsort((self.held, self.held <= 0))
        smallest = order[np.unique(pools[order], return_index=True)[1]][many]
        pools[smallest] = len(self.first) + np.arange(len(many))
        return _gather(self.lines, self.parts, self.secret, self.least, pools, self.known.told)

    def lift_points(self, points: np.ndarray, finer: Pooled) -> np.ndarray:
        """Divide points (N, P A') in proportion among the atoms of fewer pools."""
        if finer is self:
            return points
        _, code, alike = np.unique(
            sign_atoms(self.lines)[0], return_inverse=True, return_counts=True
        )
        row = np.repeat(np.arange(self.lines.shape[0]), np.diff(self.lines.indptr))
        pooled = np.bincount(self.pools)[self.pools][row] > 1
        within, row = self.lines.indices[pooled], row[pooled]
        shape = (len(points), len(self.parts), -1)
        lifted = np.zeros((*shape[:2], finer.known.matrix.shape[1]))
        for p, amounts in enumerate(self.parts):
            held = self.lines @ amounts
            whole = np.bincount(self.pools, held)[self.pools]
            share = np.divide(held, whole, out=np.zeros_like(held), where=whole > 0)
            part = 1.0 / alike[code]
            np.multiply.at(part, within, share[row])
            for n, values in enumerate(points.reshape(shape)[:, p]):
                lifted[n, p] = np.bincount(finer.code, values[self.code] * part)
        return lifted.reshape(len(points), -1)


def pool_release(
    lines: Sparse,
    amounts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    least: float,
    *,
    told: bool = True,
) -> Pooled:
    """Pool all lines that are shown alike; parameters as for `protect_release`, and `Known`."""
    return _gather(lines, np.atleast_2d(amounts), secret, least, pool_lines(lines, hidden), told)


def _gather(
    lines: Sparse,
    parts: np.ndarray,
    secret: np.ndarray,
    least: float,
    pools: np.ndarray,
    told: bool,
) -> Pooled:
    _, first, pools = np.unique(pools, return_index=True, return_inverse=True)
    known, code = gather_lines(sum_rows(lines, pools), parts, secret[first], least, told=told)
    held = lines @ parts.sum(axis=0)
    return Pooled(lines, parts, secret, least, pools, first, known, code, held)
