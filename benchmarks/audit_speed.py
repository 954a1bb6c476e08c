"""How long the audit's arithmetic takes.

Run: python benchmarks/audit_speed.py
"""

from __future__ import annotations

import time

import numpy as np

from cityai.assessment.statistics import resample_sums, sum_cells, weigh_cells

ROWS, GROUPS, SUMS, BLOCKS, REPLICATES = 1_000_000, 100, 8, 500, 1_000


def main() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((ROWS, SUMS))
    block, group = rng.integers(0, BLOCKS, ROWS), rng.integers(0, GROUPS, ROWS)
    draws = rng.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), REPLICATES).astype(np.float64)
    weights = rng.dirichlet(np.ones(GROUPS), 1_000)
    print(f"{ROWS:,} rows, {GROUPS} groups, {SUMS} sums, {BLOCKS} blocks, {REPLICATES} replicates")
    for turn in range(3):
        start = time.perf_counter()
        tensor = sum_cells(values, block, group, BLOCKS, GROUPS)
        summed = time.perf_counter()
        replicates = resample_sums(tensor, draws)
        ratios = replicates[..., 0] / replicates[..., 1]
        end = time.perf_counter()
        print(
            f"turn {turn}: sums {summed - start:.3f} s, bootstrap {end - summed:.3f} s, "
            f"together {end - start:.3f} s; spread of one ratio {ratios[:, 0].std():.5f}"
        )
    start = time.perf_counter()
    cells = sum_cells(values, block, rng.integers(0, 1_000, ROWS), BLOCKS, 1_000)
    weigh_cells(cells, weights)
    print(f"soft groups, 1,000 entities: {time.perf_counter() - start:.3f} s")


if __name__ == "__main__":
    main()
