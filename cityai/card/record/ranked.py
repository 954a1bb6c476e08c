"""The record's part on a ranked list: what its top holds, and whether its odds do."""

from __future__ import annotations

from typing import Literal

from cityai.card.record.part import Part, StatusWord, Text
from cityai.card.record.rows import Rows

Role = Literal["forecast", "model", "rule", "today", "chance", "more", "perfect"]


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


class WorthWay(Part):
    """What one way of spending the same budget reaches."""

    way: str
    """``forecast``, ``baseline.<name>``, ``chance``, ``more`` or ``perfect``."""
    label: Text
    role: Role
    """``rule``: a simple rule; ``model``: another model; ``today``: what the city does now."""
    spent: float | None = None
    """Cases selected, or the amount planned; nothing where it would give a small count away."""
    reached: float | None = None
    """Of the true cases, or of the amount that came: the share that is reached."""
    vain: float | None = None
    """Of what is spent: the share in vain."""
    times: float | None = None
    """How much must be spent to reach as much as the forecast, as a multiple of what it spends."""
    more_spent: float | None = None
    """The same in cases or units, beyond what the forecast spends; below 0 where it is less."""
    more_hours: float | None = None
    more_cost: float | None = None
    answered: float | None = None
    """Share of the rows that it answers, where that is not all."""
    difference: float | None = None
    """Share that the forecast reaches, less this way's, on the same rows."""
    low: float | None = None
    high: float | None = None
    status: StatusWord
    reason: Text = ""


class WorthShare(Part):
    """What one way finds when a part of all visits is made, by its own order."""

    way: str
    label: Text
    role: Role
    quarter: float | None
    """Of the true cases: the share found with a quarter of the visits; nothing where it is few."""
    half: float | None


class WorthGroup(Part):
    """What a group gains or loses when the list takes another way's place."""

    way: str
    dimension: str
    group: Text
    reached: float | None
    """Of the group's true cases: the share that the other way reaches."""
    difference: float | None
    """The share that the list reaches, less that."""
    low: float | None
    high: float | None
    """Simultaneous over the groups of the dimension."""
    more: float | None
    """The same in cases, to the nearest twenty."""
    status: StatusWord


class WorthPart(Part):
    """Whether it is worth predicting: the same capacity, or the same total planned, by each way."""

    target: Literal["amount", "yes/no"]
    """What is reached: a part of an amount, or true cases."""
    unit: str
    """What is spent: ``visits``, ``tons``."""
    currency: str = ""
    ways: Rows[WorthWay]
    in_words: tuple[Text, ...]
    source: str
    groups: Rows[WorthGroup] = ()
    """Who gains and who loses, beside today's ways and the best simple rule; of lists alone."""
    shares: Rows[WorthShare] = ()
    """What each way finds with a quarter and a half of the visits, on the cases that the city's own
    score answers."""
    shares_of: float | None = None
    """How many cases those are, to the nearest twenty."""
