"""A metric: what it is, in words and in sums, and how it is counted again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.i18n.messages import say

Floats = npt.NDArray[np.float64]
Target = Literal["amount", "yes/no", "list", "score"]
"""What a metric is about: an amount, a yes or no by group, a list's shares, a score as a whole."""
Need = Literal["outcome", "decision", "both sides", "probability", "capacity"]
"""An outcome; a decision; outcomes of those selected and of the others; scores in 0 to 1; a
capacity that is shared by the forecast."""
Words = tuple[str, ...]
"""Kinds of people that all words hold for: what came to pass, and what was decided."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A figure, and what each of n cases adds to it."""

    value: float
    """NaN where undefined."""
    influence: Floats
    """Shape (n,), adds up to 0: the figure's first-order change with the case."""
    reason: str = ""
    """Why there is no value."""
    counted: Floats | None = None
    """Shape (n,): what a rate of yes or no is a share of, 1 or 0 a case."""


def refuse(count: int, reason: str) -> Estimate:
    """Return a figure that is undefined, with its reason."""
    return Estimate(float("nan"), np.zeros(count), reason)


@dataclass(frozen=True, slots=True)
class Recount:
    """How a figure is counted again from a table of predictions, by plain arithmetic.

    Nothing is shared with how the assessment counts it. The table has the forecast or score that
    is judged as `y_pred`; where it applies, also `given` (the row's part of a capacity that is
    shared by the forecast), `place` (the rank within its list) and `decision`.
    """

    above: Callable[[pd.DataFrame], npt.ArrayLike] | None = None
    below: Callable[[pd.DataFrame], npt.ArrayLike] | None = None
    """From the table to each row's part above and below the line, NaN where the row is left out.
    Without `below` each row counts 1."""
    whole: Callable[[pd.DataFrame], float] | None = None
    """From the rows that count to the figure itself, where it is no ratio of sums."""
    root: bool = False
    """Whether the figure is the root of the ratio."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: the ratio of two sums or its root, or a figure with each case's influence."""

    name: str
    """Stable name, as limits and findings write it."""
    label: str
    """What it is, in a reader's words."""
    numerator: str
    denominator: str
    """Names of the sums; empty where it is no ratio of sums."""
    unit: Literal["share", "ratio", "target", "days"]
    """`share` of the amount or of the rows, a plain `ratio`, or the `target`'s own unit."""
    better: Literal["low", "high", "zero", "one"]
    """Which value is best."""
    title: str = ""
    meaning: str = ""
    """What the card calls it, and how it is read."""
    sentence: str = ""
    """A clause with ``{value}`` and perhaps ``{unit}``."""
    targets: tuple[Target, ...] = ()
    """What it is about."""
    root: bool = False
    """Whether the metric is the square root of the ratio."""
    undefined: str = say("nothing was counted here, so a share of it is undefined")
    """Why there is no value when the denominator is not above zero."""
    part: Literal["", "rows", "amount"] = ""
    """`rows`: the numerator counts some of the rows that the denominator counts, a yes or no each;
    `amount`: it is a part of the denominator's amount. Both lie within 0 and 1."""
    counted: str = ""
    """Of a ratio of two counts of rows: the sum that the numerator is a multiple of."""
    needs: tuple[Need, ...] = ()
    """What rows must have, each of them or some, for it to mean anything."""
    precision: Literal["", "rows", "amount", "own"] = ""
    """What the number of decimals of a group follows from: rows, the amount that happened, or what
    the figure is a share of. Over everyone the last is how many had the outcome."""
    worse: Literal["", "high", "low"] = ""
    """Which value is plainly worse service; nothing where that depends on what follows."""
    most: float = math.inf
    """The most that it can be."""
    estimate: Callable[[Any], Estimate] | None = None
    """From a `ScoredList` to an `Estimate`, of a score as a whole."""
    recount: Recount | None = None
    """How it is counted again."""
    above: tuple[Words, ...] = ()
    below: Words = ()
    """Of a rate of counted people: the kinds above the line, and those below it."""
    complement: str = ""
    """The rate that this one is 1 less."""
    alone: bool = False
    """Whether it is said, or not, without the others of its group."""

    @property
    def counts(self) -> bool:
        """Whether it is made of counts of rows alone, so that it has an interval also at none."""
        return self.part == "rows" or bool(self.counted)

    @property
    def floor(self) -> float:
        """The least that it can be."""
        return 0.0 if self.better in ("low", "high") else -math.inf

    @property
    def limited(self) -> bool:
        """Whether a limit on its gaps may be set."""
        return bool(self.numerator) and self.unit in ("share", "ratio")


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of each row."""

    names: tuple[str, ...]
    """The K sums."""
    values: np.ndarray
    """(rows, K) float64; a row that cannot be scored (no outcome, or no forecast) is all zero."""

    @property
    def left_out(self) -> int:
        """Rows that could not be scored."""
        return int(len(self.values) - self.values[:, self.names.index("n")].sum())
