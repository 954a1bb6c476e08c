"""The record's part on what prediction is worth: simpler ways of spending the same."""

from __future__ import annotations

from typing import Literal

from cityai.card.record.part import Part, StatusWord, Text
from cityai.card.record.rows import Rows

Role = Literal["forecast", "model", "rule", "today", "chance", "more", "perfect"]


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
