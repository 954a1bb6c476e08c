"""Figures and names as a reader of a finding sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cityai.i18n.messages import join, say, write

MOST_NAMED: Final = 10


def list_names(names: Sequence[str], count: int | None = None) -> str:
    """Name the first ten, and count the others; `count` when not all names are given."""
    others = (len(names) if count is None else count) - MOST_NAMED
    named = join(", ", names[:MOST_NAMED])
    return say("{named} and {others:,} more", named=named, others=others) if others > 0 else named


def write_share(value: float) -> str:
    """Write a share in percent, to a tenth; what is not whole is never printed as 100 %."""
    return write(min(value, 0.999) if value < 1 else value, ".1%")
