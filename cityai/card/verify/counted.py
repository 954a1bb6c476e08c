"""An effect counted again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NORMAL: Final = 1.96


@dataclass(frozen=True, slots=True)
class Counted:
    """An effect, its standard error, and the rows that it rests on: all, and measured.

    `quantile` is how many errors half an interval of 95 % is.
    """

    effect: float
    error: float
    rows: int
    known: int
    quantile: float = NORMAL
