"""Randomisation inference (permutation test): the recorded law drawn again, and inverted.

A constant effect ``tau`` would make every outcome known that was not seen; by the law drawn again
it gives the whole distribution of the studentised estimate (Wu and Ding 2021, J. Am. Stat. Assoc.
116(536): exact where effects are alike, and in large samples right where they are not). The
interval holds each ``tau`` that this test does not reject, so that both never disagree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from cityai.impact.records import Effect, leave_undefined

DRAWS: Final = 2000
"""Redrawn assignments."""
SEED: Final = 20260101
STEPS: Final = 30
"""Bisections of an interval's end."""
FARTHEST: Final = 12.0
"""Standard errors from the estimate within which an end is looked for."""
LEAST_RESOLUTION: Final = 5.0
"""An end that fewer redraws than this lie beyond is not given."""


class Reference(Protocol):
    """The reference distribution: what redrawn assignments give of an effect supposed."""

    @property
    def estimate(self) -> float:
        """The estimate as assigned."""
        ...

    @property
    def standard_error(self) -> float:
        """Its standard error, by the formula of those drawn."""
        ...

    def studentize(self, tau: float) -> np.ndarray:
        """(n,) studentised estimates less `tau` of redrawn assignments, if the effect is `tau`."""
        ...


def _randomization_p(reference: Reference, tau: float = 0.0) -> tuple[float, float]:
    """Randomisation p values that the effect is below `tau`, and above it."""
    drawn = reference.studentize(tau)
    seen = (reference.estimate - tau) / reference.standard_error
    room = 1e-9 * max(1.0, abs(seen))
    known = drawn[np.isfinite(drawn)]
    low, high = int((known <= seen + room).sum()), int((known >= seen - room).sum())
    lost = len(drawn) - len(known)
    # A redraw that tells nothing counts against both.
    size = len(drawn) + 1
    return (low + lost + 1) / size, (high + lost + 1) / size


def randomize_effect(effect: Effect, reference: Reference | None, draws: int = DRAWS) -> Effect:
    """Give an effect the interval and the p value of randomisation inference.

    Parameters
    ----------
    effect : Effect
        With its own estimate and standard error, which it keeps.
    reference : Reference or None
        None leaves it as it is.
    draws : int
        Behind the reference.
    """
    if reference is None or not effect.known or effect.estimate is None:
        return effect
    tail = (1 - effect.confidence) / 2
    if tail * (draws + 1) < LEAST_RESOLUTION:
        return leave_undefined(
            f"{draws:,} redraws cannot tell an interval of {effect.confidence:.1%}",
            *(effect.arms, effect.method, effect.estimand, effect.n),
            estimate=effect.estimate,
        )
    below, above = _randomization_p(reference)
    return replace(
        effect,
        low=_find_end(reference, tail, -1),
        high=_find_end(reference, tail, 1),
        p_value=min(2 * min(below, above), 1.0),
        method=f"{effect.method}, randomisation inference",
    )


def _find_end(reference: Reference, tail: float, side: int) -> float:
    """Bisect for the effect that the test just rejects; infinite where it never does."""
    inside = reference.estimate
    outside = inside + side * FARTHEST * reference.standard_error
    if _randomization_p(reference, outside)[0 if side > 0 else 1] > tail:
        return float(side * np.inf)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if _randomization_p(reference, middle)[0 if side > 0 else 1] > tail:
            inside = middle
        else:
            outside = middle
    return float(outside)
