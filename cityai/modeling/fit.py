"""Whether a model fits the rows that it is asked about."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cityai.errors import DataError
from cityai.modeling.final import FinalModel


def require_features(
    model: FinalModel, features: Sequence[str], categorical: Sequence[str], table: pd.DataFrame
) -> None:
    """Refuse rows whose features are not those that the model learnt from.

    Parameters
    ----------
    model : FinalModel
        The model. One without features of its own takes any rows.
    features, categorical : sequence of str
        Columns that the project makes, and those of them that are categories.
    table : pandas.DataFrame
        The rows.

    Raises
    ------
    DataError
        When a feature is missing, new, of another type, or none of its values is known.
    """
    wanted = model.feature_names
    if not wanted:
        return
    if missing := [name for name in wanted if name not in features]:
        _refuse("the project no longer makes a feature that the model needs", missing[0])
    if new := [name for name in features if name not in wanted]:
        _refuse("the project makes a feature that the model has never seen", new[0])
    for name in wanted:
        text = name in model.categories
        if text != (name in categorical) or text == is_numeric_dtype(table[name]):
            had, has = ("a category", "a number") if text else ("a number", "a category")
            _refuse(f"the model learnt from {had}, the project now makes {has}", name)
        values = set(table[name].dropna().astype("str")) if text else set()
        if values and values.isdisjoint(model.categories[name]):
            _refuse(
                f"the model knows none of its values, such as '{min(values)}'",
                name,
                f"values such as {', '.join(model.categories[name][:3]) or 'none at all'}",
            )


def _refuse(
    what: str, name: str, expected: str = "the features that the model learnt from"
) -> None:
    raise DataError(
        what,
        where=f"feature '{name}'",
        expected=expected,
        next_step="run the project again, so that a model of its present features is logged",
    )
