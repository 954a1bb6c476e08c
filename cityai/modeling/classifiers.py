"""What can tell how likely a case is a yes: records that the kind of question chooses from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BoostedClassifier:
    """Boosted trees for a yes or no, held back for small data.

    Attributes
    ----------
    name, label : str
        Stable name, the end of its column's name; what it is, in a reader's words.
    rounds, leaves, least_rows : int
        Trees; leaves of each; least training rows in a leaf.
    learning_rate, feature_share, row_share, ridge : float
        Shrinkage of each tree; shares of features and rows that each sees; L2 penalty of leaves.
    """

    name: str
    label: str
    rounds: int = 200
    leaves: int = 7
    least_rows: int = 60
    learning_rate: float = 0.03
    feature_share: float = 0.5
    row_share: float = 0.7
    ridge: float = 10.0


@dataclass(frozen=True, slots=True)
class LogisticClassifier:
    """Logistic regression on standardised features, with a ridge penalty.

    Attributes
    ----------
    name, label : str
        As in `BoostedClassifier`.
    inverse_penalty : float
        Inverse strength of the ridge penalty (scikit-learn's C).
    """

    name: str
    label: str
    inverse_penalty: float = 0.01


Classifier = BoostedClassifier | LogisticClassifier

LOGISTIC_CANDIDATE: Final = LogisticClassifier("logistic", "logistic regression")

CLASSIFIERS: Final[tuple[Classifier, ...]] = (
    BoostedClassifier("lightgbm", "boosted trees"),
    LOGISTIC_CANDIDATE,
)
"""Candidates of a yes/no question."""
