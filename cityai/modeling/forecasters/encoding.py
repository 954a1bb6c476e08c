"""Rows as a learner takes them: features as numbers, and outcomes that teach something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.errors import DataError
from cityai.modeling.forecasters.protocol import FloatArray


def list_categories(table: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the known values of categorical columns, sorted: codes do not depend on rows."""
    return {name: tuple(sorted(str(v) for v in table[name].dropna().unique())) for name in names}


def find_codes(names: pd.Series, known: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return each name's position in `known`, -1 where it is missing or not there; shape (n,)."""
    texts = names.astype("category").cat
    codes = pd.Index(known).get_indexer(texts.categories.astype("str"))
    return np.append(codes, -1)[texts.codes]


def encode(
    table: pd.DataFrame, features: Sequence[str], categories: Mapping[str, tuple[str, ...]]
) -> FloatArray:
    """Return features as numbers, shape (n, F), float64; unknown categories and gaps are NaN.

    Raises
    ------
    DataError
        When a feature is missing, or a figure is infinite.
    """
    missing = [name for name in features if name not in table.columns]
    if missing:
        raise DataError(
            f"{len(missing)} features are missing", where=missing[0], expected=", ".join(features)
        )
    matrix = np.empty((len(table), len(features)), dtype=np.float64)
    for place, name in enumerate(features):
        column = table[name]
        if name in categories:
            codes = find_codes(column, categories[name])
            matrix[:, place] = np.where(codes < 0, np.nan, codes)
        else:
            matrix[:, place] = column.to_numpy(np.float64, na_value=np.nan)
    if np.isinf(matrix).any():
        place = int(np.isinf(matrix).any(axis=0).argmax())
        raise DataError(
            f"{int(np.isinf(matrix[:, place]).sum())} figures are infinite",
            where=f"feature '{features[place]}'",
            expected="finite figures, or missing ones",
        )
    return matrix


def check_amounts(y: FloatArray) -> None:
    """Refuse amounts that nothing can be learnt from.

    Raises
    ------
    DataError
        When there are none, or one is not finite.
    """
    if len(y) == 0 or not np.isfinite(y).all():
        raise DataError(
            "the learner was given no rows" if len(y) == 0 else "a label is not finite",
            where="training rows",
            expected="at least one row, and a finite label in every row",
        )


def check_answers(y: FloatArray) -> None:
    """Refuse answers that nothing can be learnt from.

    Raises
    ------
    DataError
        When there are none, one is neither 0 nor 1, or all are the same.
    """
    if len(y) and np.isin(y, (0.0, 1.0)).all() and 0 < y.sum() < len(y):
        return
    yes = int((y == 1).sum())
    raise DataError(
        f"{len(y):,} answers, {yes:,} of them yes, teach nothing",
        where="training rows",
        expected="both answers, each 0 or 1",
    )
