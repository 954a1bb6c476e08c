"""Rows: what is asked, and all that may be used to answer. One row is (entity, as_of, step).

A case is a row whose step is 1. What stands here knows no kind of question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import CASE, ENTITY
from cityai.config.project import BaseFeaturesSpec
from cityai.errors import SpecError, suggest_name

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
Moments = Sequence[pd.Timestamp] | pd.DatetimeIndex


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One feature of every row."""

    name: str
    """Stable name; `label` says it in a reader's words."""
    label: str
    """What it is, for readers."""
    values: Floats | Singles | Ints
    """Broadcastable to the shape in which the rows are laid out: (origins, entities, steps) where
    they are dense, (rows,) where they are listed. Float (NaN where there is nothing to say), or
    codes into `categories`."""
    categories: tuple[str, ...] | None = None
    """The texts that codes stand for; None for a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Design matrix: rows with their features, and without their targets."""

    table: pd.DataFrame
    """One row a question: ``entity_id``, ``as_of``, ``step`` (int16 from 1) and ``known_at`` (when
    its label could first be seen), then one column a feature (float32, or category). Dense rows are
    sorted by (origin, entity, step) and have, besides, ``origin``, ``period`` (int64),
    ``period_start`` and ``level`` (float64, positive, unit of the target); listed ones are in the
    order of their cases and have ``case_id`` and ``slot``."""
    features: tuple[str, ...]
    """The columns that a model may look at."""
    categorical: tuple[str, ...]
    """Those of them that are categories."""
    labels: dict[str, str]
    """What each feature is, for readers."""

    @property
    def names(self) -> pd.Series:
        """What a row is called in messages: its case, or else its entity."""
        return self.table[CASE if CASE in self.table else ENTITY]


Choose = Callable[[Rows], npt.NDArray[np.intp] | None]
"""Chooses rows by their keys."""


class RowsAt(Protocol):
    """Makes the rows of some moments (of all, when None is given).

    With `known_before`, from what was known before that moment alone. With `choose`, which is given
    the keys of all rows, only those rows that it returns, in order; all where it returns None.
    """

    def __call__(
        self,
        moments: Moments | None = None,
        known_before: pd.Timestamp | None = None,
        choose: Choose | None = None,
    ) -> Rows:
        """Return the rows, in their usual order."""
        ...


def choose_features(
    found: Iterable[Feature],
    rules: BaseFeaturesSpec,
    reserved: Iterable[str],
    known: Iterable[str] = (),
) -> tuple[Feature, ...]:
    """Leave out the features that are excluded.

    Parameters
    ----------
    found : iterable of Feature
        All that there are.
    rules : BaseFeaturesSpec
        ``exclude``, ``labels`` and ``sensitive`` name features.
    reserved : iterable of str
        Columns of the rows themselves, which no feature may be called.
    known : iterable of str, optional
        Reserved columns that a model looks at too.

    Raises
    ------
    SpecError
        When two features have one name, or the specification names one that does not exist.
    """
    features = tuple(found)
    names = [feature.name for feature in features]
    taken = {*reserved, *(name for name in names if names.count(name) > 1)}
    if clash := sorted(taken.intersection(names)):
        raise SpecError(
            f"the feature name {', '.join(clash)} is already taken",
            where="features",
            next_step="give the function in features.py, the attribute or the table another name",
        )
    for key in ("exclude", "labels", "sensitive"):
        for name in getattr(rules, key):
            if name not in (expected := {*names, *known}):
                raise SpecError(
                    f"'{name}' is not a feature of this project",
                    where=f"features.{key}",
                    expected=suggest_name(name, expected),
                )
    return tuple(feature for feature in features if feature.name not in rules.exclude)


def write_rows(
    keys: Mapping[str, Sized],
    features: Sequence[tuple[Feature, npt.NDArray[np.generic]]],
    rules: BaseFeaturesSpec,
    also: Mapping[str, str] | None = None,
) -> Rows:
    """Write keys and features out as one table.

    Parameters
    ----------
    keys : mapping
        The columns that say what a row is.
    features : sequence of (Feature, numpy.ndarray)
        Each with its values: (rows,), or (cells, steps) with one step where it is the same of all.
    rules : BaseFeaturesSpec
        ``labels``: other words for a feature.
    also : mapping of str to str, optional
        Keys that a model looks at as categories, each with its words.
    """
    also = also or {}
    count = len(next(iter(keys.values())))
    table = {feature.name: _write_column(feature, values, count) for feature, values in features}
    words = {feature.name: feature.label for feature, _ in features} | dict(also)
    return Rows(
        table=pd.DataFrame({**keys, **table}, copy=False),  # columns are laid out once
        features=(*also, *table),
        categorical=(*also, *(f.name for f, _ in features if f.categories is not None)),
        labels={name: rules.labels.get(name, label) for name, label in words.items()},
    )


def take_rows(table: pd.DataFrame, here: npt.NDArray[np.integer[Any]]) -> pd.DataFrame:
    """Return some rows; those that follow each other are not copied."""
    if len(here) and here[-1] - here[0] == len(here) - 1 and (np.diff(here) == 1).all():
        return table.iloc[here[0] : here[-1] + 1]
    return table.iloc[here]


def categorise(codes: npt.NDArray[np.integer[Any]], categories: Sequence[str]) -> pd.Categorical:
    """Return codes as the texts that they stand for."""
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(categories), dtype="str"))


def _write_column(
    feature: Feature, values: npt.NDArray[Any], count: int
) -> npt.NDArray[np.generic] | pd.Categorical:
    texts = feature.categories
    dtype = np.dtype(np.float32) if texts is None else np.min_scalar_type(-len(texts))
    column = values.astype(dtype, copy=False).reshape(-1)
    if len(column) < count:
        column = np.repeat(column, count // len(column))
    return column if texts is None else categorise(column, texts)
