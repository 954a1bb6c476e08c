"""The record's part on what the system changed: what was announced, found and decided."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from cityai.card.record.part import Part, Text, Unit


class ImpactEffect(Part):
    """An effect, in the unit of the outcome."""

    value: float | None
    """Nothing where it is not known (see `reason`)."""
    low: float | None
    high: float | None
    n: int
    """How many took part; people are rounded."""
    reason: str = ""


class ImpactGroup(Part):
    """The effect in one group of the audit."""

    dimension: str
    group: Text
    effect: ImpactEffect | None
    """Nothing where too few took part to show."""


class ImpactFollowed(Part):
    """How far the assignments were followed."""

    dimension: str
    """Empty for all."""
    group: Text
    arm: str
    """`served` or `not served`."""
    followed: float | None
    """Share; nothing where too few took part to show."""


class ImpactLooked(Part):
    """What a random probe found where nobody looks: each visit speaks for all alike."""

    dimension: str
    """Empty for all."""
    group: Text
    metric: str
    """A rate of the audit, or `calibration_in_the_large`: scores less outcomes."""
    value: float | None
    """Nothing where too few were visited to tell or to show."""
    low: float | None
    high: float | None


class ImpactFound(Part):
    """What the analysis found."""

    analysed_on: date
    same_code: bool
    """Whether the program is the one that was sealed with the plan."""
    weeks: int
    """Weeks of lists that there are, of those that were announced."""
    known: float | None = None
    """Share of those who are compared whose outcome is known."""
    uneven: bool = False
    """Whether more outcomes are missing of one arm than chance explains (differential attrition):
    then the effect may be of who was measured."""
    word: Literal["worth it", "not worth it", "cannot tell"]
    """Against the smallest effect worth having."""
    direction: Literal["helps", "harmful", "open"]
    """What is known of its sign."""
    more_weeks: float | None
    """How many more weeks would settle it; nothing where it is settled, or they would not."""
    effect: ImpactEffect
    """Of being assigned to be served, whether or not it was done."""
    treated: ImpactEffect
    """Of being served, among those for whom the assignment was followed."""
    groups: tuple[ImpactGroup, ...]
    """The effect of being assigned, by group; intervals that hold for all of a dimension."""
    followed: tuple[ImpactFollowed, ...]
    looked: tuple[ImpactLooked, ...]
    """Nothing without a random probe."""
    digest: str
    """SHA-256 of the analysis: a decision is signed on it."""
    within: float | None = None
    """Of a discontinuity: how far from the cut-off a score may lie to count (bandwidth)."""
    places: int | None = None
    """Of designs in which something begins somewhere: how many places are compared."""

    @property
    def judged(self) -> Literal["worth it", "not worth it", "cannot tell", "harmful"]:
        """What it comes to: harm, whatever it is worth; else its word."""
        return "harmful" if self.direction == "harmful" else self.word


class ImpactPart(Part):
    """What acting on it changed, as an evaluation that was announced before found it."""

    name: str
    """Of the evaluation's file."""
    question: str
    """In the city's words."""
    label: str
    """What was measured."""
    better: Literal["lower", "higher"]
    design: str
    """How it is compared: `lottery`, `probe`, `discontinuity`, `stepped wedge`, `synthetic`,
    `interrupted` or `before after`."""
    unit: Unit
    """Of effects: ``share``, or nothing for an amount."""
    smallest: float
    """The smallest effect worth having, with its sign."""
    who_decides: str
    sealed_on: date
    """The day on which the plan was sealed, before the first outcome."""
    seal: str
    """SHA-256 of the plan."""
    source: str = ""
    """The public source of chance that lots follow from; empty without one."""
    drawn: str = ""
    """What it gave; empty before it was signed."""
    lots_from: str = ""
    """What lots follow from beside it: a digest of what was announced, when, and on which cases."""
    starts: date
    ends: date
    mature: date
    """From this day on outcomes can all be known."""
    others: int
    """Analyses that were made after seeing the data; they prove nothing and are not shown."""
    found: ImpactFound | None
    """Nothing before the planned analysis is made."""
    in_words: tuple[Text, ...]

    @property
    def last_day(self) -> date:
        """The last day of its lists."""
        return self.ends - timedelta(days=1)
