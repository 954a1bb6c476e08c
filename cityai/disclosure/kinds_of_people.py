"""The kinds of people that rates of a decision count: what came to pass, and what was decided."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from cityai.records.metric import Floats, Metric

KINDS: Final = tuple(product(("outcome", "none", "unknown"), ("selected", "passed", "undecided")))
"""The kinds of people: what came to pass, and what was decided."""
WORDS: Final = {
    "known": ("outcome", "none"),
    "decided": ("selected", "passed"),
}


def mark_kinds(*words: str) -> Floats:
    """Mark the kinds of people (9,) that all words agree with."""
    kept = [all({*kind} & {*WORDS.get(word, (word,))} for word in words) for kind in KINDS]
    return np.array(kept, dtype=np.float64)


def mark_rate(metric: Metric) -> tuple[Floats, Floats]:
    """Mark what is above (9,) and below (9,) the line of a rate of counted people."""
    above = np.sum([mark_kinds(*words) for words in metric.above], axis=0)
    return above, mark_kinds(*metric.below)


def count_kinds(truth: Floats, decision: Floats) -> Floats:
    """Count the people of each kind (9,); outcomes and decisions are 1, 0 or NaN."""
    came, chosen = (np.where(np.isnan(x), 2, np.where(x == 1, 0, 1)) for x in (truth, decision))
    return np.bincount(3 * came + chosen, minlength=len(KINDS)).astype(np.float64)
