"""Random order of starts: which place begins when, drawn from a sealed plan and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from cityai.impact.lots import draw_lot

LEAST_PLACES: Final = 8
"""Places below which nobody knows how far a stepped wedge strays."""


def plan_starts(places: int, periods: int, steps: int | None = None) -> np.ndarray:
    """Spread starts evenly from the second period to the last (a stepped wedge's rollout).

    Parameters
    ----------
    places, periods : int
        How many there are.
    steps : int, optional
        In how many steps they begin; each place by itself without it.

    Returns
    -------
    numpy.ndarray
        (places,) int64, period from 0, in rising order.
    """
    held = min(steps or places, places, periods - 1)
    step = np.arange(places) * held // places
    starts: np.ndarray = 1 + step * (periods - 1) // held
    return starts


def draw_starts(names: Sequence[str], starts: np.ndarray, seed: str) -> dict[str, int]:
    """Deal starts out among places, in the order of SHA-256 digests of the seed and their names."""
    order = sorted(names, key=lambda name: draw_lot(seed, "start", name))
    return {name: int(start) for name, start in zip(order, starts, strict=True)}
