"""The fixed words of what an evaluation found, and of what the city decided on it."""

from __future__ import annotations

from typing import Final

from cityai.i18n.messages import join, say

IMPACT_WORDS: Final[dict[str, str]] = {
    "worth it": say("worth it"),
    "not worth it": say("not worth it"),
    "cannot tell": say("we cannot tell"),
    "harmful": say("it does harm"),
}
"""What an evaluation found."""
ANNOUNCED: Final = say("announced, known from {day} on")
"""Before anything was found."""
_UNEVEN: Final = say(", but more outcomes of one side are missing")
DECIDED_WORDS: Final[dict[str, str]] = {
    "scale": say("It is scaled up: {role}, {day}."),
    "change": say("It is changed: {role}, {day}."),
    "stop": say("It is stopped: {role}, {day}."),
}
"""What a city decided on that."""
PROBED_WORDS: Final[dict[str, str]] = {
    "calibration_in_the_large": say("Scores above what is there (minus: below)"),
    "true_positive_rate": say("Found by the list"),
    "false_omission_rate": say("Left out by the list, and have it"),
}
"""What is told of a random probe, by metric."""


def name_impact(word: str, *, uneven: bool) -> str:
    """Return what an evaluation found, with what stands against it where more is missing."""
    return join("", (IMPACT_WORDS[word], _UNEVEN)) if uneven else IMPACT_WORDS[word]
