"""Linear programmes of small counts: HiGHS as SciPy brings it, and no more around it than needed.

SciPy's own door (`linprog`) checks what it is given several times and walks through all columns in
Python for what nobody reads here: more than half of its time for tables of this size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, vstack

from cityai.disclosure.line_pools import Sparse

UNBOUNDED = 3
"""SciPy's status of a programme without a bound."""


@dataclass(frozen=True, slots=True)
class Solution:
    """`x` is (N,), None where there is none; `dual_values` (M,) are those of the equalities."""

    x: np.ndarray | None
    dual_values: np.ndarray
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class Programme:
    """Least ``cost @ x`` where ``same @ x == sums``, ``over @ x <= limit``, ``low <= x <= most``.

    Attributes
    ----------
    cost, low, most : numpy.ndarray
        (N,).
    same, over : scipy.sparse.csr_array
        (M, N) and (K, N); K may be 0.
    sums, limit : numpy.ndarray
        (M,) and (K,).
    """

    cost: np.ndarray
    same: Sparse
    sums: np.ndarray
    over: Sparse
    limit: np.ndarray
    low: np.ndarray
    most: np.ndarray

    def solve(self) -> Solution:
        """Solve by the dual simplex from the slack basis, without presolve."""
        highs = _find_highs()
        return self.solve_plainly() if highs is None else self._solve(highs)

    def solve_plainly(self) -> Solution:
        """Solve through `linprog`: the same solver with the same options, so the same solution."""
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
            return _find_none(unbounded=solved.status == UNBOUNDED)
        return Solution(solved.x, solved.eqlin.marginals)

    def _solve(self, highs: Any) -> Solution:
        lines: Sparse = csr_array(vstack([self.over, self.same], format="csr"))
        (rows, columns), none = lines.shape, np.full(len(self.limit), -np.inf)
        solver = highs._Highs()
        solver.passOptions(_choose_options(highs))
        passed = solver.passModel(
            columns,
            rows,
            lines.nnz,
            int(highs.MatrixFormat.kRowwise),
            int(highs.ObjSense.kMinimize),
            0.0,
            *(np.ascontiguousarray(x, np.float64) for x in (self.cost, self.low, self.most)),
            np.concatenate([none, self.sums]),
            np.concatenate([self.limit, self.sums]),
            lines.indptr.astype(np.int32),
            lines.indices.astype(np.int32),
            lines.data,
            np.zeros(columns, np.int32),  # none of them is a whole number
        )
        failed = highs.HighsStatus.kError
        if passed == failed or solver.run() == failed:
            return _find_none()
        status, found = solver.getModelStatus(), solver.getSolution()
        if status != highs.HighsModelStatus.kOptimal:
            return _find_none(unbounded=status == highs.HighsModelStatus.kUnbounded)
        return Solution(np.array(found.col_value), np.array(found.row_dual)[len(self.limit) :])


def _find_none(*, unbounded: bool = False) -> Solution:
    return Solution(None, np.zeros(0), unbounded)


@cache
def _find_highs() -> Any:
    """Find SciPy's HiGHS; None where another version of SciPy keeps it elsewhere, or otherwise."""
    one: Sparse = csr_array(eye_array(1))
    asked = Programme(-np.ones(1), one, np.ones(1), one, np.full(1, 2.0), np.zeros(1), np.ones(1))
    try:
        highs = import_module("scipy.optimize._highspy._core")
        found = asked._solve(highs)
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
