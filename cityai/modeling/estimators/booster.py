"""LightGBM's boosters as text: read back, fed in their order, and explained."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cityai.errors import DataError, RunError, SetupError
from cityai.modeling.estimators.tree_text import check_trees
from cityai.modeling.forecasters import FloatArray

if TYPE_CHECKING:
    import lightgbm as lgb

Link = Literal["log", "identity", "logit"]


@dataclass(frozen=True, slots=True)
class Contributions:
    """Exact TreeSHAP values of trees for some rows, by LightGBM itself.

    Attributes
    ----------
    values : pandas.DataFrame
        Shape (n, F), float64, one column a feature, in the raw score's scale; index as given.
    base : numpy.ndarray
        Shape (n,), the raw score without any feature. ``base + values.sum(axis=1)`` is `raw`.
    raw : numpy.ndarray
        Shape (n,), the raw score of the forecast divided by the level.
    link : {"log", "identity", "logit"}
        ``log``: the forecast is ``level * exp(raw)``; ``identity``: ``level * raw``; ``logit``: raw
        scores are log-odds.
    """

    values: pd.DataFrame
    base: FloatArray
    raw: FloatArray
    link: Link

    def to_unit(self, level: FloatArray) -> pd.DataFrame:
        """Share each forecast's distance from its base out among the features.

        Parameters
        ----------
        level : numpy.ndarray
            Shape (n,), the rows' levels, in the target's unit.

        Returns
        -------
        pandas.DataFrame
            Shape (n, F), in the target's unit. Rows add up to the forecast minus the forecast at
            the base; the shares are those of the raw score.

        Raises
        ------
        RunError
            For log-odds, which have no level: they are explained as they are.
        """
        if self.link == "logit":
            raise RunError("log-odds are not shared out in the target's unit", where="link")
        if self.link == "identity":
            return self.values.mul(level, axis=0)
        distance = self.raw - self.base
        moved = np.exp(self.base) * np.expm1(distance)
        near = np.abs(distance) < 1e-12
        rate = np.where(near, np.exp(self.base), moved / np.where(near, 1.0, distance))
        return self.values.mul(level * rate, axis=0)


@cache
def load_lightgbm() -> ModuleType:
    """Load LightGBM when it is first needed: saved results need none of it.

    Raises
    ------
    SetupError
        When the machine lacks the system library that LightGBM loads and pip does not bring.
    """
    try:
        import lightgbm
    except OSError as error:
        raise SetupError(
            f"LightGBM cannot be loaded: {error}",
            where="lightgbm",
            expected="OpenMP's run-time library on this machine",
            next_step="install it: apt-get install libgomp1, dnf install libgomp, "
            "brew install libomp",
        ) from error
    loaded: ModuleType = lightgbm
    return loaded


def list_categories(table: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the known values of categorical columns, sorted: codes do not depend on rows."""
    return {name: tuple(sorted(str(v) for v in table[name].dropna().unique())) for name in names}


def compute_contributions(
    booster_text: str,
    frame: pd.DataFrame,
    categories: Mapping[str, tuple[str, ...]] | None = None,
) -> Contributions:
    """Compute exact TreeSHAP values (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9).

    Parameters
    ----------
    booster_text : str
        Trained trees, as text.
    frame : pandas.DataFrame
        Exactly the trees' features, in their order; categorical ones as in training.
    categories : mapping of str to tuple of str, optional
        Known values of the categorical features; those of the columns' own dtype when omitted.

    Raises
    ------
    DataError
        When a column is missing, renamed or in another place.
    """
    features = tuple(str(c) for c in frame.columns)
    booster = read_booster(booster_text, features)
    known = (
        {c: tuple(map(str, frame[c].cat.categories)) for c in features if _is_category(frame[c])}
        if categories is None
        else categories
    )
    matrix = encode(frame, features, known)
    parts = np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)
    raw = np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)
    link = _find_link(booster_text)
    values = pd.DataFrame(parts[:, :-1], columns=list(features), index=frame.index)
    return Contributions(values, parts[:, -1], raw, link)


def _find_link(booster_text: str) -> Link:
    if "objective=tweedie" in booster_text:
        return "log"
    return "logit" if "objective=binary" in booster_text else "identity"


def name_feature(place: int, name: str) -> str:
    """Name a column for LightGBM, which refuses some characters and never checks an order."""
    return f"f{place}_{zlib.crc32(name.encode()):08x}"


def read_booster(text: str, features: Sequence[str]) -> lgb.Booster:
    """Read trained trees.

    Raises
    ------
    DataError
        When the text is damaged, or `features` are not those that the trees were trained on, in
        their order.
    """
    check_trees(text)
    booster = load_lightgbm().Booster(model_str=text)
    wanted = booster.feature_name()
    given = [name_feature(i, name) for i, name in enumerate(features)]
    if wanted != given:
        place = next(
            (i for i, (a, b) in enumerate(zip(wanted, given, strict=False)) if a != b),
            min(len(wanted), len(given)),
        )
        raise DataError(
            f"the columns are not those that the trees were trained on, from column {place + 1} on",
            where=features[place] if place < len(features) else "features",
            expected=f"{len(wanted)} features, in the order of training",
            next_step="give the columns of the model's own list of features",
        )
    return booster


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
            codes = {value: float(code) for code, value in enumerate(categories[name])}
            matrix[:, place] = column.astype("str").map(codes).to_numpy(np.float64)
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


def _is_category(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)
