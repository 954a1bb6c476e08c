"""Scores to beat: what a city could rank by without a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RiskBaseline:
    """One way to rank cases without the forecast.

    Attributes
    ----------
    name, label : str
        Stable name, the end of its column's name; what it is, in a reader's words.
    probability : bool
        Whether its score is a probability, or only an order.
    """

    name: str
    label: str
    probability: bool


RISK_BASELINES: Final[tuple[RiskBaseline, ...]] = (
    RiskBaseline("random_order", "random order", False),
    RiskBaseline("actual_order", "the order that really happened", False),
    RiskBaseline("past_rate", "the entity's own past rate", True),
    RiskBaseline("logistic_regression", "logistic regression", True),
    RiskBaseline("city_score", "the city's own score", False),
)
"""Baselines of a yes/no question; `actual_order` and `city_score` only where they are known."""
