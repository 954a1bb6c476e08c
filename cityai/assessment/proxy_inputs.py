"""What the model looks at: one row an entity, one block of columns of numbers a feature.

A category counts as one feature, its columns the shares of an entity's rows with each value. A
number has its bands beside it where there are entities enough, for groups are often such bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import ENTITY
from cityai.i18n.messages import join, say

MOST_LEVELS = 300
"""Values of a category that are told apart, those of most entities."""
BINS = 8
"""Bands of a number, or its own values where there are no more."""
ENOUGH_A_COLUMN = 8
"""Entities for each column that bands would add; with fewer there are none."""
NAMED = say(
    "The model also sees which entity it is asked about, and so whatever is true of that one."
)
LEFT_OUT = say("Left out, as each value belongs to a single entity: {features}.")
LESS_SEEN = say("Only the most frequent values were told apart of: {features}.")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the model looks at, averaged over the rows of each entity.

    Attributes
    ----------
    entities : pandas.Index
        (E,) sorted.
    blocks : dict of str to numpy.ndarray
        (E, F) columns of each feature; none where nothing can be learnt from it.
    labels : Mapping of str to str
        What features are called.
    note : str
        What was left out of the sight, and that the entity itself is seen.
    """

    entities: pd.Index
    blocks: dict[str, np.ndarray]
    labels: Mapping[str, str]
    note: str


def average_entities(
    rows: pd.DataFrame, features: Sequence[str], labels: Mapping[str, str]
) -> Inputs:
    """Average what the model looks at over the rows of each entity, so that entities count once.

    Parameters
    ----------
    rows : pandas.DataFrame
        `entity_id` and the features.
    features : sequence of str
        What the model looks at; the name of the entity itself is left out.
    labels : Mapping of str to str
        What features are called.
    """
    codes, entities = pd.factorize(rows[ENTITY].astype(str), sort=True)
    numbers = [f for f in features if pd.api.types.is_numeric_dtype(rows[f]) and f != ENTITY]
    fine = len(numbers) * BINS * ENOUGH_A_COLUMN <= len(entities)
    means = rows[numbers].astype(np.float64).groupby(codes).mean()
    blocks: dict[str, np.ndarray] = {}
    alone, less = [], []
    for feature in features:
        if feature == ENTITY:
            continue
        if feature in numbers:
            column = means[feature].to_numpy()
            bands = [_cut_bands(column)] if fine else []
            blocks[feature] = np.column_stack([column, *bands])
            continue
        blocks[feature], cut = _share_levels(rows[feature], codes, len(entities))
        less += [labels.get(feature, feature)] * cut
        alone += [labels.get(feature, feature)] * (blocks[feature].shape[1] == 0)
    note = " " + NAMED if ENTITY in features else ""
    for words, names in ((LEFT_OUT, alone), (LESS_SEEN, less)):
        note += " " + words.format(features=join(", ", names)) if names else ""
    return Inputs(pd.Index(entities), blocks, labels, note)


def _cut_bands(column: np.ndarray) -> np.ndarray:
    """Mark the band that a number lies in: its own value where there are few."""
    known = column[np.isfinite(column)]
    values = np.unique(known)
    if len(values) > BINS:
        values = np.unique(np.quantile(known, np.arange(BINS) / BINS))
    at = np.searchsorted(values, column, side="right") - 1
    at[~np.isfinite(column)] = -1
    return (at[:, None] == np.arange(len(values))).astype(np.float64)


def _share_levels(column: pd.Series, codes: np.ndarray, n: int) -> tuple[np.ndarray, bool]:
    """Return the share of each entity's rows with each value, and whether values were left out.

    A value of a single entity says nothing of entities that the fit did not see.
    """
    level = pd.factorize(column)[0]
    pairs = pd.DataFrame({"entity": codes, "level": level}).value_counts().reset_index()
    held = pairs["level"].value_counts()
    held = held[held > 1]
    kept = held.sort_index().nlargest(MOST_LEVELS).index
    shares = np.zeros((n, len(kept)))
    at = kept.get_indexer(pd.Index(pairs["level"]))
    seen = at >= 0
    shares[pairs["entity"][seen], at[seen]] = pairs["count"][seen]
    return shares / np.bincount(codes, minlength=n)[:, None], len(held) > len(kept)
