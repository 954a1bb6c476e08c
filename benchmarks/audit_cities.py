"""Simulated cities whose long run is known, for `audit_coverage.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from cityai.records.audit_data import Cells

NAMES = ("under", "y", "abs_error", "inside", "n_interval")
SHARES = np.array([0.4, 0.25, 0.15, 0.12, 0.08])
SHARED, OWN, NOISE, REACH = 0.15, 0.10, 0.2, 0.42
CITY, OTHERS = "this city", "others like these"


@dataclass(frozen=True)
class Shape:
    """A kind of city.

    `shared` and `own` are autocorrelations; `bias` the spread of the areas' persistent errors on
    the log scale, or `icc` their part of all variance; `skew` the spread of the areas' sizes;
    `tail` what each area's noise is like; `still` a city without shocks, its periods all alike.
    """

    areas: int = 60
    groups: int = 5
    shared: float = 0.5
    own: float = 0.0
    bias: float = 0.15
    icc: float = 0.0
    skew: float = 1.0
    tail: str = "normal"
    infers: str = CITY
    still: bool = False

    @property
    def spread(self) -> float:
        """Of the areas' persistent errors."""
        varies = NOISE**2 + (0 if self.still else SHARED**2 + OWN**2)
        return float(np.sqrt(self.icc / (1 - self.icc) * varies)) if self.icc else self.bias


@dataclass(frozen=True)
class World:
    """What an outcome is over its expectation, drawn often: the long run, without time."""

    ratio: np.ndarray
    beyond: np.ndarray

    def expect(self, bias: np.ndarray) -> np.ndarray:
        """Long-run sums (..., K) of an area of size 1 whose forecast is `bias`."""
        ratio, n = self.ratio, len(self.ratio)
        at = np.searchsorted(ratio, bias)
        mean = self.beyond[0] / n
        under = (self.beyond[at] - bias * (n - at)) / n
        within = np.searchsorted(ratio, bias * np.exp(REACH)) - np.searchsorted(
            ratio, bias * np.exp(-REACH)
        )
        every = np.full(bias.shape, mean)
        return np.stack([under, every, 2 * under - mean + bias, within / n, np.ones_like(bias)], -1)


@lru_cache
def make_world(tail: str, still: bool, n: int = 1_000_000) -> World:
    """Draw the long run: it is the same for every autocorrelation."""
    rng = np.random.default_rng(1)
    even = (np.arange(n) + 0.5) / n
    shocks = 0.0 if still else np.hypot(SHARED, OWN)
    ratio = np.sort(
        np.exp(shocks * stats.norm.ppf(even) + rng.permutation(_shape_noise(even, tail)))
    )
    return World(ratio, np.append(np.cumsum(ratio[::-1])[::-1], 0.0))


def _shape_noise(even: np.ndarray, tail: str) -> np.ndarray:
    if tail == "t3":
        return np.clip(NOISE * stats.t.ppf(even, 3) / np.sqrt(3), -3, 3)
    return (0.8 if tail == "lognormal" else NOISE) * stats.norm.ppf(even)


def _draw_noise(rng: np.random.Generator, size: tuple[int, ...], tail: str) -> np.ndarray:
    if tail == "t3":
        return np.clip(NOISE * rng.standard_t(3, size) / np.sqrt(3), -3, 3)
    return (0.8 if tail == "lognormal" else NOISE) * rng.standard_normal(size)


def _draw_ar(rng: np.random.Generator, size: tuple[int, ...], rho: float, sd: float) -> np.ndarray:
    out = rng.standard_normal(size)
    out[:, 1:] *= np.sqrt(1 - rho**2)
    for t in range(1, size[1] if rho else 0):
        out[:, t] += rho * out[:, t - 1]
    return sd * out


@dataclass(frozen=True)
class Panel:
    """One draw: sums by period and area (or group), for two forecasts, and the long run of both."""

    cells: Cells
    other: Cells
    weights: np.ndarray
    truth: np.ndarray
    other_truth: np.ndarray


def draw_panels(
    rng: np.random.Generator, periods: int, panels: int, shape: Shape, *, by_area: bool = False
) -> Iterator[Panel]:
    """Draw cities and what happens in them; the truth of each has the whole last: (G + 1, K)."""
    world, p, areas, groups = make_world(shape.tail, shape.still), panels, shape.areas, shape.groups
    size = 50 * np.exp(rng.normal(0, shape.skew, (p, areas)))
    chance = SHARES / SHARES.sum() if groups == len(SHARES) else np.full(groups, 1 / groups)
    group = rng.choice(groups, (p, areas), p=chance)
    group[:, :groups] = np.arange(groups)
    member = np.eye(groups)[group]
    biases = np.exp(rng.normal(0, [[[shape.spread]], [[shape.spread + 0.05]]], (2, p, areas)))
    common = _draw_ar(rng, (p, periods, 1), shape.shared, SHARED)
    own = _draw_ar(rng, (p, periods, groups), shape.own, OWN) @ member.transpose(0, 2, 1)
    noise = _draw_noise(rng, (p, periods, areas), shape.tail)
    y = size[:, None, :] * np.exp(noise if shape.still else noise + common + own)
    fixed = shape.infers == CITY
    summed = fixed and not by_area
    everyone = np.concatenate([member, np.ones((p, areas, 1))], axis=2)
    sums, truths = [], []
    for bias, spread in zip(biases, (shape.spread, shape.spread + 0.05), strict=True):
        forecast = (size * bias)[:, None, :]
        inside = (np.abs(np.log(y / forecast)) < REACH).astype(float)
        columns = [np.maximum(y - forecast, 0), y, np.abs(y - forecast), inside, np.ones_like(y)]
        # Where areas are fixed only the groups' sums count; where they are drawn, each area's do.
        sums.append(np.stack([c @ member if summed else c for c in columns], axis=-1))
        long_run = world.expect(bias)
        long_run[..., :3] *= size[..., None]
        truth = everyone.transpose(0, 2, 1) @ long_run
        if not fixed:
            population = world.expect(
                np.exp(spread * stats.norm.ppf((np.arange(4000) + 0.5) / 4e3))
            )
            truth[:] = population.mean(axis=0)
        truths.append(truth)
    for i in range(p):
        yield Panel(
            Cells(sums[0][i], NAMES),
            Cells(sums[1][i], NAMES),
            np.eye(groups) if summed else member[i],
            truths[0][i],
            truths[1][i],
        )
