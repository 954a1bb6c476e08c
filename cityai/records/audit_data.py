"""What the audit takes from the predictions: rows with their sums, cells, groups and a design."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.sparse import csr_array

from cityai.i18n.messages import say
from cityai.records.metric import Metric, Sums

Blocks = Literal["periods", "entities", "both"]

SUPPRESSED: Final = say(
    "Not shown: fewer than {least} people or events, or a cell that would reveal one."
)
TOO_SMALL: Final = say("Not shown: fewer than {least} people or events.")
COUNTED_WITH: Final = say("Not shown: fewer than {least} people or events. Counted with {group}.")
FOR_ANOTHER: Final = say(
    "Not shown for the sake of a smaller group: beside the other figures, this one would reveal it."
)


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows with their sums."""

    sums: Sums
    """(rows, K)."""
    metrics: tuple[Metric, ...]
    """What is made of the sums."""
    unit: np.ndarray
    """(rows,) str: the key that memberships are indexed by."""
    moment: np.ndarray
    """(rows,) datetime64: when it was asked; that of the first where windows overlap."""
    fold: np.ndarray
    """(rows,) int64."""
    unit_name: str
    """Unit of the target."""
    counts: bool
    """Whether amounts count people or events."""
    amount: str = "y"
    """The sum that says how much of the whole a group is."""
    events: tuple[str, ...] = ()
    """Sums that count people; a group with few of them, but some, is not shown."""
    entity: np.ndarray | None = None
    """(rows,) int64 whom each row is about, where units are not the entities themselves."""
    called: str = "places"
    """What several entities are called."""
    areas: bool = False
    """Whether entities are areas, which are not counted as people."""
    lists: np.ndarray | None = None
    """(rows,) int64 the list that each row is ranked in, where they are not all in one."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Sums by period and entity: all that the audit needs of the rows."""

    values: np.ndarray
    """(B, E, K) float64."""
    names: tuple[str, ...]
    """The K sums."""


@dataclass(frozen=True, slots=True)
class Design:
    """What the intervals are about, and so which rows belong together."""

    infers: Literal["this city", "others like these"]
    """"this city" (at other times) or "others like these"."""
    blocks: Blocks
    """What varies from draw to draw."""
    confidence: float
    """Of an interval; for gaps, of all intervals of a dimension together."""
    min_blocks: int
    """Fewer give no interval."""
    called: str = "places"
    """What several entities are called."""
    days: float = math.nan
    """From one period to the next; NaN where unknown, or where others than periods are blocks."""
    unrelated: float = math.nan
    """Of gaps, the chance before looking that periods have nothing in common; NaN: not chosen."""

    @property
    def word(self) -> str:
        """What one more block is called."""
        return say("test periods") if self.blocks == "periods" else self.called


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Whom some rows are about, where one may have several rows.

    Attributes
    ----------
    alone : numpy.ndarray
        (E,) float64 how many have rows in one unit only.
    several : scipy.sparse.csr_array
        (P, E) the others' parts in each unit; rows add up to 1.
    """

    alone: np.ndarray
    several: csr_array


@dataclass(frozen=True, slots=True)
class AuditData:
    """What the audit takes from the predictions: one pass over the rows."""

    cells: Cells
    fold_cells: Cells
    """Sums by moment (`as_of`, in order of time), or by fold, and entity."""
    entities: tuple[str, ...]
    """Sorted keys of units; the second axis of both."""
    folds: tuple[int, ...]
    """First axis of `fold_cells`."""
    counts: bool
    """Whether amounts count people or events: every outcome is a whole number."""
    design: Design
    """What the intervals are about."""
    unit: str
    """Unit of the target."""
    metrics: tuple[Metric, ...]
    """What is made of the sums."""
    least: float
    """Fewer people or events are not shown."""
    amount: str = "y"
    """The sum that says how much of the whole a group is."""
    events: tuple[str, ...] = ()
    """Sums that count people; a group with few of them, but some, is not shown."""
    people: tuple[Mapping[str, People], ...] = ()
    """Whom the rows of the amount and of each of the events are about, where people have several
    rows: of all rows, then of each fold."""


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One dimension, or the intersections of two."""

    dimension: str
    label: str
    kind: str
    caveat: str
    """As in `Membership`; ``a * b`` for intersections."""
    groups: tuple[str, ...]
    """G groups."""
    weights: np.ndarray
    """(E, G) float64; what a group that is too small holds is added to the one it is counted with.
    """
    reference: Literal["overall", "best"] | int
    """What each is compared with."""
    amount: np.ndarray
    n: np.ndarray
    """(G,) sum of outcomes and of rows, weighted."""
    hidden: np.ndarray
    """(G,) bool: may not be shown."""
    shape: tuple[int, ...]
    """(G,), or (G1, G2) for intersections."""
    residents: dict[str, float]
    """Residents by group, where known."""
    cuts: tuple[float, ...]
    """Cut points of bands."""
    small: np.ndarray
    """(G,) bool: those that are hidden for themselves, not for another's sake."""
    counted_with: tuple[str, ...]
    """(G,) the group that a small one is counted with; empty for all others."""
    apart: np.ndarray
    """(E, G) the weights that were moved so."""
    least: float
    """Fewer people or events are not shown."""
    few_people: np.ndarray | None = None
    """(G,) bool: those of few people, however many rows they have."""
    reasons: bool = True
    """Whether it may be told which groups are hidden for themselves."""

    def tell_hidden(self, g: int) -> str:
        """Say why a group is not shown; nothing of one that is."""
        if not self.hidden[g]:
            return ""
        least = f"{self.least:g}"
        if self.counted_with[g]:
            return COUNTED_WITH.format(least=least, group=self.counted_with[g])
        if not self.reasons:
            return SUPPRESSED.format(least=least)
        return TOO_SMALL.format(least=least) if self.small[g] else FOR_ANOTHER

    def tell_all_hidden(self) -> list[str]:
        """Say so of every group."""
        return [self.tell_hidden(g) for g in range(len(self.groups))]
