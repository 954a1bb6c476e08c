"""Data drawn by a seed, alike for the tests and for the packages they are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def draw_scores(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores about a cut-off of 0 and outcomes: continuous, rounded, and yes or no."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(250, 1500))
    x = rng.normal(0, 1, n) if seed % 2 else rng.uniform(-1, 2, n)
    x = np.round(x, {2: 2, 3: 1}.get(seed % 4, 12))
    y = 1 + 0.5 * x + 0.8 * np.sin(2 * x) + rng.normal(0, 0.5) * (x >= 0)
    y = y + rng.normal(0, 1, n) * (0.3 + 0.2 * np.abs(x))
    return x, (y > 1).astype(float) if seed % 5 == 0 else y


def draw_received(seed: int) -> np.ndarray:
    """Yes and no of the same rows: some above the cut-off went without, a few below did not."""
    x, _ = draw_scores(seed)
    rng = np.random.default_rng(10_000 + seed)
    chance = np.where(x >= 0, 0.85 - 0.05 * np.abs(x), 0.12 + 0.05 * np.maximum(x, -1))
    return (rng.random(len(x)) < np.clip(chance, 0.02, 0.98)).astype(float)


@dataclass(frozen=True)
class Panel:
    """Rows of places and periods, some missing, that begin at different times."""

    outcome: np.ndarray
    assigned: np.ndarray
    received: np.ndarray
    unit: np.ndarray
    period: np.ndarray
    region: np.ndarray
    weights: np.ndarray


def draw_panel(seed: int) -> Panel:
    rng = np.random.default_rng(seed)
    units, periods = int(rng.integers(12, 40)), int(rng.integers(4, 12))
    unit, period = (x.ravel() for x in np.indices((units, periods)))
    start = rng.integers(1, periods + 2, units)
    kept = rng.random(len(unit)) < 0.85
    unit, period = unit[kept], period[kept]
    assigned = (period >= start[unit]).astype(float)
    received = np.clip(assigned * rng.uniform(0.4, 1, len(unit)) + rng.uniform(0, 0.2), 0, 1)
    shock = rng.normal(0, 0.7, (units, periods)).cumsum(axis=1)[unit, period]
    outcome = rng.normal(0, 1, units)[unit] + rng.normal(0, 1, periods)[period] + shock
    outcome = outcome + rng.normal(0.3, 0.2) * received
    weights = rng.integers(1, 60, len(unit)).astype(float)
    return Panel(outcome, assigned, received, unit, period, unit // 2, weights)


def draw_block(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """(units, T) outcomes, who is treated, and from which period."""
    rng = np.random.default_rng(seed)
    units, periods, begins = 30, 24, 18
    common = rng.normal(size=(units, 2)) @ rng.normal(size=(2, periods)).cumsum(axis=1) * 0.3
    panel = common + rng.normal(0, 1, (units, 1)) + rng.normal(0, 1, periods)
    panel = panel + rng.normal(0, 0.5, (units, periods))
    treated = np.arange(units) < 3
    panel[treated, begins:] += 1
    return panel, treated, begins
