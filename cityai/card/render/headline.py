"""The figures that a reader meets first, and their words: a row for each kind of figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cityai.card.record import CardRecord
from cityai.columns import HEADLINE, LIST_HEADLINE
from cityai.i18n.messages import say

_COMPARED: Final[dict[str, str]] = {
    "pass": say("The forecast errs less"),
    "fail": say("The forecast errs more"),
    "not enough evidence": say("We cannot tell"),
    "suppressed": say("Not shown"),
    "not applicable": say("Does not apply"),
    "error": say("Could not be checked"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """What is told first of how good predictions are.

    Parameters
    ----------
    decides : str
        The metric that decides the comparison with each baseline.
    metrics : tuple of str
        What is shown, where it is known.
    keys : int
        How many of them stand at the head of the page.
    model : str
        What the model is called.
    verdicts : dict
        Outcomes of the comparison, by status.
    """

    decides: str
    metrics: tuple[str, ...]
    keys: int = 2
    model: str = say("the forecast")
    better: str = say("Which errs less")
    beside: str = say("The forecast beside simpler ways")
    verdicts: dict[str, str] = field(default_factory=lambda: _COMPARED)


HEADLINES: Final = (
    Headline(
        LIST_HEADLINE,
        ("precision", LIST_HEADLINE, "days_sooner"),
        keys=3,
        model=say("this list"),
        better=say("Which finds more"),
        beside=say("This list beside simpler ways"),
        verdicts={
            **_COMPARED,
            "pass": say("This list finds more"),
            "fail": say("This list finds less"),
        },
    ),
    Headline("selection_rate", ("selection_rate", "false_negative_rate", "false_positive_rate")),
    Headline(HEADLINE, (HEADLINE, "under_forecast_share", "bias")),
)
"""By the figure that decides; where none is known, the last."""


def find_headline(record: CardRecord) -> Headline:
    """Return what is told first, by the figures that the card has."""
    known = {n.metric for n in record.eval.metrics}
    return next((h for h in HEADLINES if h.decides in known), HEADLINES[-1])


def choose_headline(record: CardRecord) -> tuple[str, ...]:
    """Return the metrics that a reader meets first: those that have a value."""
    told = {n.metric for n in record.eval.metrics if n.between or n.value is not None}
    return tuple(m for m in find_headline(record).metrics if m in told)
