"""Stepped wedges replayed on windows of a city's own past, and analysed as they would be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from cityai.impact.assignment import count_beyond
from cityai.impact.fixed_effects import Fit, ScoreReference, find_within
from cityai.impact.records import Law
from cityai.impact.replays import HELD, REPLAYS, SEED, tell_by_redraws

WINDOWS: Final = 8
"""Stretches of the past that a stepped wedge is drawn over."""


@dataclass(frozen=True)
class Window:
    """A stretch of the past with the assignments of a stepped wedge, drawn by its law."""

    fit: Fit
    """Of the places and periods that are known."""
    outcome: np.ndarray
    cases: np.ndarray
    """(rows,) means, and the cases behind each."""
    law: Law
    """Of all places and periods."""
    known: np.ndarray
    """(places and periods,) bool."""
    counted: bool
    """Whether the means are shares of cases with a yes."""

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(n, rows) assignments by the law, and those less places and periods."""
        drawn = self.law.redraw(rng, n)[:, self.known]
        return drawn, self.fit.within.project(drawn)

    def solve(self, y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """(n, 2) slopes and their errors, of (n, rows) that are projected; NaN where undefined."""
        pairs = zip(y, own, strict=True)
        none = (math.nan, math.nan, math.nan)
        return np.array([self.fit.solve(a, b, b) or none for a, b in pairs])[:, :2]

    def replay(self, effect: float, n: int, confidence: float, rng: np.random.Generator) -> int:
        """Count of `n` evaluations, with an effect put in, those that tell it from none."""
        side, fit = math.copysign(1.0, effect), self.fit
        drawn, own = self.draw(n, rng)
        turned = self._turn(effect, n, rng) if self.counted else self.outcome + effect
        y = fit.within.project(np.where(drawn == 1, turned, self.outcome))
        slope, error = self.solve(y, own).T
        seen = side * slope / error
        order = np.argsort(fit.cluster, kind="stable")
        start = np.flatnonzero(np.diff(fit.cluster[order], prepend=-1))
        places = np.split(order, start[1:])

        def redraw(which: np.ndarray, more: int, rng: np.random.Generator) -> np.ndarray:
            again = self.draw(more, rng)[1]
            scaled = again * fit.within.weights
            size = np.add.reduceat((scaled * again)[:, order], start, axis=1)
            found = np.zeros(len(which))
            each = max(HELD // (more * len(start)), 1)
            for first in range(0, len(which), each):
                part = which[first : first + each]
                held = y[part]
                crossed = np.stack([held[:, p] @ scaled[:, p].T for p in places], axis=-1)
                none = np.zeros(())
                reference = ScoreReference(math.nan, math.nan, size, none, crossed, fit.small)
                ratio = side * reference.studentize(0.0)
                found[first : first + each] = count_beyond(ratio, seen[part])
            return found

        return tell_by_redraws(redraw, np.flatnonzero(np.isfinite(seen)), confidence, rng)

    def _turn(self, effect: float, n: int, rng: np.random.Generator) -> np.ndarray:
        """(n, rows) shares of yes after an effect on single cases."""
        yes = np.rint(self.outcome * self.cases).astype(np.int64)
        held = yes if effect < 0 else np.rint(self.cases).astype(np.int64) - yes
        room = held.sum() / max(self.cases.sum(), 1)
        chance = min(abs(effect) / room, 1.0) if room > 0 else 0.0
        turned = rng.binomial(held, chance, (n, len(held)))
        shares: np.ndarray = (yes + math.copysign(1.0, effect) * turned) / self.cases
        return shares


@dataclass(frozen=True)
class PlaceboWedge:
    """Stepped wedges over windows of the past, so that its memory counts."""

    windows: tuple[Window, ...]
    """Stretches as long as the evaluation."""
    replays: int = REPLAYS
    """Evaluations."""

    @classmethod
    def draw(
        cls,
        panel: np.ndarray,
        starts: np.ndarray,
        periods: int,
        *,
        weights: np.ndarray | None = None,
        share: bool = False,
        replays: int = REPLAYS,
    ) -> PlaceboWedge:
        """Draw stepped wedges over the past.

        Parameters
        ----------
        panel : numpy.ndarray
            (units, T) past outcomes, NaN where there is none.
        starts : numpy.ndarray
            (units,) period from 0 in which each begins; `periods` or later for never. They are
            dealt out anew among all.
        periods : int
            How long it would last, at most T.
        weights : numpy.ndarray, optional
            (units, T) cases behind each.
        share : bool
            Whether each is the share of its cases that have a yes.
        replays : int
            Over all windows.

        Raises
        ------
        ValueError
            Where the past is shorter than `periods`.
        """
        units, past = panel.shape
        if periods > past:
            raise ValueError(f"{past} past periods are fewer than {periods}")
        count = min(past - periods + 1, WINDOWS)
        unit, period = (x.ravel() for x in np.indices((units, periods)))
        start = starts[unit].astype(np.int64)
        arm, none = (period >= start).astype(np.int64), np.zeros(len(unit), np.int64)
        law = Law("stepped wedge", ("", ""), arm, none, unit, none, unit, period, start)
        windows = []
        for at in np.unique(np.linspace(0, past - periods, count).astype(int)):
            y = panel[:, at : at + periods].ravel()
            w = np.ones(len(y)) if weights is None else weights[:, at : at + periods].ravel()
            known = np.isfinite(y) & (w > 0)
            within = find_within(unit[known], period[known], w[known])
            whom = np.unique(unit[known][within.order], return_inverse=True)[1]
            fit = Fit(within, whom, "cluster", True)
            windows.append(Window(fit, y[known], w[known], law, known, share))
        return cls(tuple(windows), replays)

    def find_room(self, effect: float) -> float:
        """Find the largest effect there can be."""
        if not self.windows[0].counted:
            return math.inf
        cases = sum(w.cases.sum() for w in self.windows)
        share = float(sum(w.outcome @ w.cases for w in self.windows) / cases)
        return share if effect < 0 else 1 - share

    def find_spread(self) -> float:
        """Find about how far an estimate strays."""
        rng, found = np.random.default_rng(SEED), []
        for window in self.windows:
            own = window.draw(50, rng)[1]
            y = window.fit.within.project(np.tile(window.outcome, (len(own), 1)))
            found.append(window.solve(y, own)[:, 0])
        return float(np.nanstd(np.concatenate(found)))

    def power(self, effect: float, confidence: float) -> float:
        """Compute power: how often the effect is told from none, in its direction."""
        rng, each = np.random.default_rng(SEED), -(-self.replays // len(self.windows))
        told = [window.replay(effect, each, confidence, rng) for window in self.windows]
        return sum(told) / (each * len(self.windows))
