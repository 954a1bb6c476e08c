"""Linear programmes of small counts: HiGHS as SciPy brings it, and no more around it than needed.

SciPy's own door (`linprog`) checks what it is given several times and walks through all columns in
Python for what nobody reads here: more than half of its time for tables of this size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csc_array, csr_array, eye_array, vstack

from cityai.disclosure.line_pools import Sparse

UNBOUNDED: Final = 3
"""SciPy's status of a programme without a bound."""
MANY: Final = 1000
"""Columns of a programme from which on it begins with few of them."""
MOST_ASKED: Final = 800
"""Columns that a programme takes in at once."""
TOLERANCE: Final = 1e-7
"""How far below 0 the solver lets a reduced cost be."""


@dataclass(frozen=True, slots=True)
class Solution:
    """`x` is (N,), None where there is none; `dual_values` (M,) are those of the equalities."""

    x: np.ndarray | None
    dual_values: np.ndarray
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class Programme:
    """Least ``cost @ x``: ``same @ x == sums``, ``over @ x <= limit``, ``low <= x <= most``."""

    cost: np.ndarray
    """(N,)."""
    same: Sparse
    """(M, N)."""
    sums: np.ndarray
    """(M,)."""
    over: Sparse
    """(K, N); K may be 0."""
    limit: np.ndarray
    """(K,)."""
    low: np.ndarray
    most: np.ndarray
    """(N,)."""
    begin: np.ndarray
    """(N,) bool: the columns to begin with. All others are 0 at first, which is their `low`."""
    enough: float = -np.inf
    """A solution that costs no more than this need not be the least."""

    def solve(self) -> Solution:
        """Solve; with few columns at first where there are many."""
        highs = _find_highs()
        if highs is None:
            return self.solve_plainly()
        found = _Solver(self, highs).sift() if len(self.cost) >= MANY else None
        return found or _Solver(self, highs).solve()

    def solve_plainly(self) -> Solution:
        """Solve through `linprog`, with all columns, by the dual simplex without presolve."""
        ends: Any = np.column_stack([self.low, self.most])
        solved = linprog(
            self.cost,
            A_ub=self.over if len(self.limit) else None,
            b_ub=self.limit if len(self.limit) else None,
            A_eq=self.same,
            b_eq=self.sums,
            bounds=ends,
            method="highs-ds",
            options={"presolve": False},
        )
        if solved.x is None:
            return Solution(None, np.zeros(0), unbounded=solved.status == UNBOUNDED)
        return Solution(solved.x, solved.eqlin.marginals)


class _Solver:
    """HiGHS with the lines of a programme, and with those of its columns that it was given."""

    def __init__(self, asked: Programme, highs: Any):
        self.asked, self.highs, self.solver = asked, highs, highs._Highs()
        self.lines: Sparse = csr_array(vstack([asked.over, asked.same], format="csr"))
        self.left, self.taken = np.ones(len(asked.cost), dtype=bool), np.zeros(0, dtype=np.int64)
        low = np.append(np.full(len(asked.limit), -np.inf), asked.sums)
        most, none = np.append(asked.limit, asked.sums), np.zeros(0)
        self.solver.passOptions(_choose_options(highs))
        starts = np.zeros(len(low), np.int32)
        self.solver.addRows(len(low), low, most, 0, starts, none.astype(np.int32), none)

    def solve(self) -> Solution:
        """Solve with all columns by the dual simplex from the slack basis."""
        status, told = self.highs.HighsModelStatus, self._run(np.flatnonzero(self.left))
        if told == status.kOptimal:
            return self._read()
        return Solution(None, np.zeros(0), unbounded=told == status.kUnbounded)

    def sift(self) -> Solution | None:
        """Solve with few columns, and with those that are asked for, until no more are.

        Few atoms of linked tables move in a solution. It is one of the whole programme as soon as
        no column that was left out has a reduced cost below 0 (sifting: Bixby, Gregory, Lustig,
        Marsten and Shanno 1992, Operations Research 40:5). None where that cannot tell.
        """
        status, ways = self.highs.HighsModelStatus, self.highs.simplex_constants.SimplexStrategy
        more = np.flatnonzero(self.asked.begin)
        if not self.asked.sums.any():  # 0 agrees with all lines
            self._choose(ways.kSimplexStrategyPrimal)
        while (told := self._run(more)) == status.kOptimal:
            more = self._ask()
            if not len(more):
                return self._read()
            self._choose(ways.kSimplexStrategyPrimal)  # it goes on where it was
        unbounded = told == status.kUnbounded
        return Solution(None, np.zeros(0), unbounded) if unbounded else None

    def _choose(self, way: Any) -> None:
        self.solver.setOptionValue("simplex_strategy", int(way))

    def _run(self, columns: np.ndarray) -> Any:
        """Take in columns and solve; return what the solver tells, None where it fails."""
        cost, low, most = (
            np.ascontiguousarray(x[columns], np.float64)
            for x in (self.asked.cost, self.asked.low, self.asked.most)
        )
        every = len(columns) == len(self.left)
        parts = csc_array(self.lines if every else self.lines[:, columns])
        starts, rows = parts.indptr[:-1].astype(np.int32), parts.indices.astype(np.int32)
        self.solver.addCols(len(columns), cost, low, most, parts.nnz, starts, rows, parts.data)
        self.left[columns], self.taken = False, np.append(self.taken, columns)
        failed = self.solver.run() == self.highs.HighsStatus.kError
        return None if failed else self.solver.getModelStatus()

    def _ask(self) -> np.ndarray:
        """List the columns to take in: those with a reduced cost below 0, the lowest first."""
        if self.solver.getInfo().objective_function_value <= self.asked.enough:
            return np.zeros(0, dtype=np.int64)
        priced = np.array(self.solver.getSolution().row_dual) @ self.lines
        reduced = self.asked.cost - priced
        asked = np.flatnonzero(self.left & (reduced < -TOLERANCE))
        return asked[np.argsort(reduced[asked])[:MOST_ASKED]]

    def _read(self) -> Solution:
        x, found = np.zeros(len(self.left)), self.solver.getSolution()
        x[self.taken] = found.col_value
        return Solution(x, np.array(found.row_dual)[len(self.asked.limit) :])


@cache
def _find_highs() -> Any:
    """Find SciPy's HiGHS; None where another version of SciPy keeps it elsewhere, or otherwise."""
    one: Sparse = csr_array(eye_array(1))
    asked = Programme(
        -np.ones(1),
        one,
        np.ones(1),
        one,
        np.full(1, 2.0),
        np.zeros(1),
        np.ones(1),
        np.ones(1, dtype=bool),
    )
    try:
        highs = import_module("scipy.optimize._highspy._core")
        found = _Solver(asked, highs).solve()
    except (ImportError, AttributeError, TypeError):
        return None
    return highs if found.x is not None and found.x.tolist() == [1.0] else None


def _choose_options(highs: Any) -> Any:
    """Choose what `linprog` does."""
    options = highs.HighsOptions()
    options.presolve, options.solver = "off", "simplex"
    options.simplex_strategy = highs.simplex_constants.SimplexStrategy.kSimplexStrategyDual
    options.highs_debug_level = highs.HighsDebugLevel.kHighsDebugLevelNone
    options.log_to_console = options.output_flag = False
    return options
