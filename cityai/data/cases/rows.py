"""Rows of cases: what is asked, and all that may be used to answer. One row is one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

OWN_PAST: Final = "own past"
SURROUNDINGS: Final = "surroundings"
ATTRIBUTES: Final = "attributes"
CALENDAR: Final = "calendar"
COVARIATES: Final = "covariates"
OWN_FUNCTIONS: Final = "own functions"
FAMILIES: Final = (OWN_PAST, SURROUNDINGS, ATTRIBUTES, CALENDAR, COVARIATES, OWN_FUNCTIONS)
"""What a feature looks at, in the order shown."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CaseFeature:
    """One feature of every case.

    Attributes
    ----------
    name : str
        Stable name.
    label : str
        What it is, in plain words; the reader is an inspector.
    family : str
        One of `FAMILIES`.
    values : numpy.ndarray
        (cases,) float64, NaN where there is nothing to say; codes when there are categories.
    categories : tuple of str or None
        The texts that codes stand for; None for a number.
    """

    name: str
    label: str
    family: str
    values: Floats
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CaseRows:
    """Cases with their features and without their outcomes.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a case, in the order of `Cases.table`: ``case_id``, ``entity_id``, ``as_of``,
        ``known_at``, ``slot``, then one column a feature (float32, or category).
    features : tuple of str
        What a model may look at.
    categorical : tuple of str
        Those of them that are categories.
    labels : dict of str to str
        What each feature is, for readers.
    families : dict of str to str
        What each feature looks at: one of `FAMILIES`.
    """

    table: pd.DataFrame
    features: tuple[str, ...]
    categorical: tuple[str, ...]
    labels: dict[str, str]
    families: dict[str, str]
