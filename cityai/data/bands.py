"""Fewer groups: bands of a number, and the largest of many beside the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cityai.columns import NOT_RECORDED
from cityai.config.dimension import DimensionSpec


def cut_numbers(values: pd.Series, cuts: Sequence[float], names: Sequence[str]) -> pd.Series:
    """Name the band of each number.

    Parameters
    ----------
    values : pandas.Series
        Numbers, or texts of numbers; a missing one, or no number, has no band.
    cuts : sequence of float
        Increasing; a value at a cut belongs to the band above it.
    names : sequence of str
        One more than cuts, from low to high.

    Returns
    -------
    pandas.Series
        Same index, object, None where there is no band.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    code = np.searchsorted(np.asarray(cuts, dtype=np.float64), numbers, side="right")
    named = [
        None if np.isnan(number) else names[i] for i, number in zip(code, numbers, strict=True)
    ]
    return pd.Series(named, index=values.index, dtype=object)


def join_smaller(
    dimension: DimensionSpec, weights: pd.DataFrame, residents: dict[str, float], sizes: pd.Series
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Keep the groups of most entities apart, and put all others into one.

    Parameters
    ----------
    dimension : DimensionSpec
        Its `largest` and `rest`; without them nothing changes.
    weights : pandas.DataFrame
        As `Membership.weights`.
    residents : dict of str to float
        As `Membership.residents`.
    sizes : pandas.Series
        Entities of each row of `weights`.
    """
    if dimension.largest is None or dimension.rest is None:
        return weights, residents
    named = weights.drop(columns=NOT_RECORDED, errors="ignore")
    order = named.mul(sizes, axis=0).sum().sort_values(ascending=False, kind="stable").index
    kept = [c for c in named if c in order[: dimension.largest] and c != dimension.rest]
    others = [c for c in named if c not in kept]
    if not others:
        return weights, residents
    joined = named[kept].assign(**{dimension.rest: named[others].sum(axis=1)})
    people = {g: n for g, n in residents.items() if g in kept}
    if residents:
        people[dimension.rest] = sum(n for g, n in residents.items() if g not in kept)
    if NOT_RECORDED in weights:
        joined[NOT_RECORDED] = weights[NOT_RECORDED]
    return joined, people
