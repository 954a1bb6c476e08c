"""The record's part on a ranked list: what its top holds, and whether its odds do."""

from __future__ import annotations

from cityai.card.record.part import Part, StatusWord, Text
from cityai.card.record.rows import Rows


class CapacityPoint(Part):
    """What one order finds when so many cases can be acted on in each period."""

    model: str
    """``forecast`` or ``baseline.<name>``."""
    capacity: int
    """Cases in each period."""
    declared: bool
    """Whether it is the capacity that the city has."""
    share: float | None
    """Of all cases, selected."""
    selected: int | None
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    reason: Text


class CurvePoint(Part):
    """Cases of like probability, and how many of them turned out so."""

    dimension: str
    group: Text
    band: int
    n: int | None
    mean_score: float | None
    outcome_share: float | None
    low: float | None
    high: float | None


class SlopeResult(Part):
    """Whether the probabilities hold in one group."""

    dimension: str
    group: Text
    n: int | None
    slope: float | None
    slope_low: float | None
    slope_high: float | None
    intercept: float | None
    intercept_low: float | None
    intercept_high: float | None
    error: float | None
    """Mean distance of probability and outcome over bands."""
    chance: float | None
    """The same if every probability held exactly."""
    reason: Text


class AttentionResult(Part):
    """How often a group was looked at: what is found depends on it."""

    dimension: str
    group: Text
    cases: int | None
    entities: int | None
    cases_per_entity: float | None
    ratio: float | None
    """To everyone's."""
    ratio_low: float | None
    ratio_high: float | None
    base_rate: float | None
    status: StatusWord
    reason: Text


class GroupReach(Part):
    """What the list finds of one group when so many cases can be acted on in each period."""

    dimension: str
    group: Text
    capacity: int | None
    """Cases in each period; nothing where a threshold selects them."""
    own: bool
    """Whether it is the list as the city works it off."""
    selected: float | None
    """Of the group's cases."""
    recall: float | None
    """Of those of its cases that turned out true: the share that is found."""


class RankedPart(Part):
    """A list that is worked off from the top, as far as the capacity goes."""

    cases: str
    """What the cases are called: ``inspections``."""
    outcome: Text
    """What a yes means: ``a critical violation is found``."""
    rule: Text
    """Who is selected, in words."""
    per: str
    """The period that the capacity holds for."""
    practice: str
    """The order that stands for today's practice."""
    practice_label: Text
    capacity: Rows[CapacityPoint]
    curve: Rows[CurvePoint]
    slopes: Rows[SlopeResult]
    attention: Rows[AttentionResult]
    in_words: tuple[Text, ...]
    source: str
    groups: Rows[GroupReach] = ()
    """By group, at those capacities of which that may be said."""

    def find_declared(self, model: str) -> CapacityPoint | None:
        """Return what a model finds at the city's own capacity, where that is shown."""
        return next((p for p in self.capacity if p.model == model and p.declared), None)
