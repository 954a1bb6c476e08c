"""Complementary suppression over all linked tables of a card: what is hidden stays hidden.

A card shows several tables of the same amounts: dimensions, pairs of them, folds, areas, single
entities, the whole. Each is a line of sums over the same atoms (entities, or what is left of them),
so whoever reads the card can solve for what is left out. Here the reader is taken to know every
shown sum exactly, and of each its parts that a shown rate tells apart (what was foreseen, and what
was not), and of each hidden one whether it is small; what is printed tells less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from cityai.disclosure.feasible_ranges import DOWN, SLACK, UP, WAYS, find_end, find_opening
from cityai.disclosure.line_pools import Sparse, pool_lines, sign_atoms, sum_rows
from cityai.disclosure.linear_programme import MANY
from cityai.disclosure.pooled_lines import Pooled, pool_release
from cityai.disclosure.showing_again import show_again

FEW_SOLVED: Final = 8
"""Linear programmes that a single secret takes, about."""
TOGETHER: Final = 4
"""Secrets that are opened at once where programmes are large: more at once hide more lines."""


def protect_release(
    lines: Sparse,
    amounts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    least: float,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Hide more lines until no secret one can be worked out from all that is shown.

    Parameters
    ----------
    lines : scipy.sparse.csr_array
        (L, A) the part of each atom in each cell of all tables, from 0 to 1.
    amounts : numpy.ndarray
        (A,) amount of each atom, not negative; or (P, A) parts that add up to it.
    hidden : numpy.ndarray
        (L,) bool: lines that are not shown already.
    secret : numpy.ndarray
        (L,) bool: those that nobody may work out; they are not shown either.
    least : float
        The policy's threshold: what is shown must leave each secret a range this wide, times the
        largest part that an atom has in it: of a tenth of each area, that of a tenth as many.

    Returns
    -------
    hidden : numpy.ndarray
        (L,) bool, holding all of `hidden` and `secret`.
    cause : numpy.ndarray
        (L,) int: the secret that a line was hidden for here; -1 for all others.
    told : bool
        Whether the reader may be told which hidden lines are small, and which are hidden for
        another's sake. That one is not small is a bound on it: where no line that could be hidden
        makes up for it, none is told of.

    Notes
    -----
    Secrets that are not open as it is are opened one by one, upwards and downwards, by hiding those
    shown lines that have to change and are the cheapest: a line costs what it holds
    (`find_opening`). Where programmes are large, some are opened at once, or halves of these where
    they cannot be. Hiding only widens what is left open. So what once agreed with all that is shown
    still does, and one solution settles many secrets (`_Seen`). An empty line holds nobody and is
    never hidden. What was hidden on the way and need not be is shown again, the largest lines first
    (`show_again`).

    Shown lines that only their own table tells apart (a thousand places of one kind) are solved for
    as one, until one of them is to be hidden (`Pooled`).
    """
    if not secret.any():
        return hidden | secret, np.full(len(hidden), -1), True
    try:
        return *_protect(lines, amounts, hidden | secret, secret, least, told=True), True
    except _ClosedByReasons:
        return *_protect(lines, amounts, hidden | secret, secret, least, told=False), False


class _ClosedByReasons(Exception):
    """Nothing that could be hidden opens a secret, as long as it is told why lines are hidden."""


def _protect(
    lines: Sparse,
    amounts: np.ndarray,
    fixed: np.ndarray,
    secret: np.ndarray,
    least: float,
    *,
    told: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Hide more lines beside those that are fixed; return the hidden ones, and their causes."""
    secrets, cause = np.flatnonzero(secret), np.full(len(fixed), -1)
    hidden, pooled = fixed.copy(), pool_release(lines, amounts, fixed, secret, least, told=told)
    seen = _see_together(pooled, hidden, secrets)
    count = TOGETHER if len(pooled.known.most) >= MANY else 1
    closed = seen.list_closed(np.arange(len(secrets)))
    some_at_once = [closed[i : i + count] for i in range(0, len(closed), count)]
    tries = [(some, way) for some in some_at_once for way in WAYS][::-1]
    while tries:
        some, way = tries.pop()
        at, values = seen.list_values(some, way)
        if len(at) == 1:
            seen, may = _find_out(pooled, hidden, seen, int(at[0]), way, float(values[0]))
            at = at[:0] if may else at
        if not len(at):
            continue
        found = _open(pooled, hidden, secrets[at], values)
        if found is None:
            tries += [(half, way) for half in reversed(np.array_split(at, 2))]
            continue
        pooled, point, more = found
        hidden[more], cause[more] = True, _choose_causes(lines, more, secrets[at])
        seen = seen.add_point(pooled, point)
    pooled = pool_release(lines, amounts, hidden, secret, least, told=told)
    first, points = pooled.first, seen.lift_points(pooled)
    asked = np.where(cause < 0, -1, pooled.pools[cause])[first]
    told_of = pooled.known, hidden[first], fixed[first], pooled.pools[secrets]
    hidden = show_again(*told_of, points, asked)[pooled.pools]
    return hidden, np.where(hidden, cause, -1)


def _choose_causes(lines: Sparse, more: np.ndarray, secrets: np.ndarray) -> np.ndarray:
    """Choose for each line the secret that it has most in common with."""
    common: np.ndarray = (lines[more] @ lines[secrets].T).toarray()
    return secrets[common.argmax(axis=1)]


def _find_out(
    pooled: Pooled, hidden: np.ndarray, seen: _Seen, at: int, way: float, value: float
) -> tuple[_Seen, bool]:
    """Find out whether a secret may have an amount as it is; keep the solution that tells."""
    aim = pooled.known.matrix[[pooled.pools[seen.secrets[at]]]]
    end = find_end(pooled.known, hidden[pooled.first], aim, way, way * (value - seen.held[at]))
    seen = seen if end.point is None else seen.add_point(pooled, end.point)
    return seen, way * (value - end.value) <= SLACK


def _open(
    pooled: Pooled, hidden: np.ndarray, secrets: np.ndarray, values: np.ndarray
) -> tuple[Pooled, np.ndarray, np.ndarray] | None:
    """Choose the lines to hide so that secrets may have other amounts at once.

    A single one may come near it where there is no more; of several, None tells that they may not.

    Raises
    ------
    _ClosedByReasons
        When a single one could have that amount if no reasons were told.
    """
    furthest = None
    while True:
        aims, told = pooled.known.matrix[pooled.pools[secrets]], hidden[pooled.first]
        found = find_opening(pooled.known, told, aims, values, pooled.cost)
        if found is None and len(secrets) > 1:
            return None
        if found is None and furthest is None:
            if pooled.known.told:
                silent = replace(pooled.known, told=False)
                if find_opening(silent, told, aims, values, pooled.cost) is not None:
                    raise _ClosedByReasons
            way = UP if values[0] > pooled.held[secrets[0]] else DOWN
            furthest = find_end(pooled.known, told | np.isfinite(pooled.cost), aims, way)
            if furthest.point is not None:
                values = np.array([furthest.value - way * SLACK / 10])
            continue
        point, changed = found or _change_all(pooled, told)
        many = np.flatnonzero(changed & (np.bincount(pooled.pools) > 1))
        if not len(many):
            return pooled, point, pooled.first[changed]
        pooled = pooled.set_apart(many)


def _change_all(pooled: Pooled, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give up on what the solver cannot tell: all lines that hold anything are to be hidden."""
    return pooled.known.amounts, ~told & np.isfinite(pooled.cost)


def measure_work(lines: Sparse, hidden: np.ndarray, secret: np.ndarray) -> int:
    """Return how much there is to solve: secret lines x parts of all lines that are not alike."""
    if not secret.any():
        return 0
    alike = sum_rows(lines, pool_lines(lines, hidden | secret))
    _, first = np.unique(sign_atoms(alike)[0], return_index=True)
    return max(int(secret.sum()), FEW_SOLVED) * int(alike[:, first].nnz)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Secrets (S,), the smallest and largest amount of each in the solutions so far, and these."""

    secrets: np.ndarray
    held: np.ndarray
    need: np.ndarray
    low: np.ndarray
    high: np.ndarray
    points: tuple[tuple[Pooled, np.ndarray], ...]

    def list_closed(self, some: np.ndarray) -> np.ndarray:
        """List which of some secrets are not known to be left open enough."""
        return some[(self.high - self.low < self.need - SLACK)[some]]

    def list_values(self, some: np.ndarray, way: float) -> tuple[np.ndarray, np.ndarray]:
        """List which of some secrets are not open, and the amounts that would leave them so.

        A small one stays small.
        """
        some = self.list_closed(some)
        held, need, low, high = (v[some] for v in (self.held, self.need, self.low, self.high))
        if way == UP:
            values = np.maximum(held, np.where(held <= need, need, low + need))
        else:
            values = np.maximum(high - need, 0.0)
        other = np.abs(values - held) > SLACK
        return some[other], values[other]

    def add_point(self, pooled: Pooled, point: np.ndarray) -> _Seen:
        """Add what a solution tells of the secrets."""
        held = pooled.known.add_parts(point)[pooled.pools[self.secrets]]
        low, high = np.minimum(self.low, held), np.maximum(self.high, held)
        return replace(self, low=low, high=high, points=(*self.points, (pooled, point)))

    def lift_points(self, finer: Pooled) -> np.ndarray:
        """Return all points (N, P A) among fewer pools."""
        groups = groupby(self.points, key=lambda found: id(found[0]))
        found = [list(group) for _, group in groups]
        return np.concatenate(
            [some[0][0].lift_points(np.array([x for _, x in some]), finer) for some in found]
        )


def _see_together(pooled: Pooled, hidden: np.ndarray, secrets: np.ndarray) -> _Seen:
    """Begin with the truth, and with many secrets as large, and as small, as they can be together.

    Secrets that share an amount cannot all be large: after the first time it is drawn which of
    those that are left are to be large while others are small, until that opens none.
    """
    known, at = pooled.known, pooled.pools[secrets]
    held, need = known.held[at], known.need[at]
    seen = _Seen(secrets, held, need, held, held, ((pooled, known.amounts),))
    left, weights, rng = np.arange(len(at)), np.ones(len(at)), np.random.default_rng(0)
    for turn in range(len(at) + 1):
        aim = csr_array(weights[None]) @ known.matrix[at[left]]
        for way in WAYS:
            end = find_end(known, hidden[pooled.first], aim, way, enough=0.0)
            seen = seen if end.point is None else seen.add_point(pooled, end.point)
        closed = seen.list_closed(left)
        if not len(closed) or (turn and len(closed) == len(left)):
            return seen
        left, weights = closed, rng.choice(WAYS, len(closed)) * rng.uniform(1, 2, len(closed))
    return seen
