"""The record's part that answers: may the city use it, for whom not, and on what conditions."""

from __future__ import annotations

from cityai.card.record.part import Part, Text
from cityai.config.policy import VerdictRules
from cityai.config.release import Weighed


class Condition(Part):
    """What must be done before a yes, or with it."""

    text: Text
    check: str
    """Where it can be looked up: the code of a check, or a field of this record."""


class VerdictPart(Part):
    """A verdict, from the record's other parts and the city's policy alone."""

    word: Weighed
    rule: str
    """The rule of the policy that decided; empty where none holds."""
    because: Text
    """The same in words."""
    works: Text
    """Does it work?"""
    not_for_whom: Text
    """For whom does it not work?"""
    unknown: Text
    """What is not known."""
    conditions: tuple[Condition, ...]
    """What a yes would need."""
    note: Text = ""
    """What goes before all else: that the city is invented."""
    rules: VerdictRules
    """The policy's rules, as they were when the card was made."""
