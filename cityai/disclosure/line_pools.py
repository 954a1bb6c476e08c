"""Lines of linked tables that are alike: pooled, so that there are few to solve for."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_array

Sparse: TypeAlias = Any
"""A `scipy.sparse.csr_array`, whose stubs tell no shape."""


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Scatter whole numbers of 64 bits (splitmix64, Steele et al. 2014)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _sign_cells(lines: Sparse, row: np.ndarray) -> np.ndarray:
    """Sign each line and part, so that sums of signatures tell sets apart.

    Whole numbers modulo 2^64: adding and taking away leaves no rounding behind.
    """
    return _mix(_mix(row.astype(np.uint64) + np.uint64(1)) + lines.data.view(np.uint64))


def sign_atoms(lines: Sparse) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sign each atom (A,): equal where no line tells two apart; rows and signatures of cells."""
    row = np.repeat(np.arange(lines.shape[0]), np.diff(lines.indptr))
    cells, signed = _sign_cells(lines, row), np.zeros(lines.shape[1], dtype=np.uint64)
    np.add.at(signed, lines.indices, cells)
    return signed, row, cells


def pool_lines(lines: Sparse, hidden: np.ndarray) -> np.ndarray:
    """Number the lines (L,), those that are shown alike.

    Two lines are alike where they share no atom, and each atom of the one has one in the other
    that, but for these two, lies in the same lines to the same part.
    """
    signed, row, cells = sign_atoms(lines)
    beside = _mix(signed[lines.indices] - cells + _mix(lines.data.view(np.uint64)))
    # Each kind of atom counts once, however many of it there are.
    once = np.unique(_mix(beside + row.astype(np.uint64)), return_index=True)[1]
    kind = np.zeros(lines.shape[0], dtype=np.uint64)
    np.add.at(kind, row[once], _mix(beside[once]))
    pools = np.arange(lines.shape[0])
    shown = np.flatnonzero(~hidden & (kind > 0))
    order = shown[np.argsort(kind[shown], kind="stable")]
    for pool in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        if len(pool) > 1 and len(np.unique(lines[pool].indices)) == lines[pool].nnz:
            pools[pool] = pool.min()
    return np.unique(pools, return_inverse=True)[1]


def sum_rows(lines: Sparse, pools: np.ndarray) -> Sparse:
    """Add up the lines of each pool."""
    count = len(pools)
    add = csr_array((np.ones(count), (pools, np.arange(count))), shape=(pools.max() + 1, count))
    return csr_array(add @ lines)
