"""Groups of a dimension: bands of a number, the largest of many, and shares of residents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cityai.columns import NOT_RECORDED
from cityai.config.dimension import DimensionSpec
from cityai.errors import DataError, SpecError, suggest_name

TOLERANCE = 0.005
"""Shares may exceed one by rounding this far; they are then scaled to one."""


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


def share_residents(dimension: DimensionSpec, areas: pd.DataFrame, where: str) -> pd.DataFrame:
    """Divide the residents of each area: a row an area, a column a group; rows add up to 1.

    Parameters
    ----------
    dimension : DimensionSpec
        Its `shares`, `per` and `rest`.
    areas : pandas.DataFrame
        The area table, with `population` where counts leave a rest.
    where : str
        Named in errors.

    Raises
    ------
    SpecError
        When a column is missing or holds no number.
    DataError
        When shares are below 0 or add up to more than all.
    """
    shares = dimension.shares or {}
    amounts = pd.DataFrame(
        {
            group: sum(read_number(areas, column, f"{where}.shares.{group}") for column in columns)
            for group, columns in shares.items()
        },
        index=areas.index,
    )
    if dimension.per == "percent":
        amounts = amounts / 100
    elif dimension.per == "count":
        # Where a remainder is to be named, the whole must be known; else the groups are the whole.
        whole = amounts.sum(axis=1)
        if dimension.rest is not None:
            whole = read_number(areas, "population", f"{where}.rest")
        amounts = amounts.div(whole.where(whole > 0), axis=0)
    total = amounts.sum(axis=1, skipna=False)
    _check_totals(amounts, total, where)
    amounts = amounts.div(total.where(total > 1, 1.0), axis=0)
    rest = (1 - amounts.sum(axis=1)).where(total.notna())
    if dimension.rest is not None:
        return amounts.assign(**{dimension.rest: rest.clip(lower=0)})
    if (rest > TOLERANCE).any():
        return amounts.assign(**{NOT_RECORDED: rest.clip(lower=0)})
    return amounts.div(amounts.sum(axis=1).where(total > 0), axis=0)


def _check_totals(amounts: pd.DataFrame, total: pd.Series, where: str) -> None:
    below = amounts < 0
    if below.any(axis=None):
        group = str(below.any().idxmax())
        area = below.index[below[group].to_numpy()][0]
        raise DataError(
            f"the share of '{group}' in area '{area}' is below 0: {amounts.loc[area, group]:.1%}",
            where=f"{where}.shares",
            expected="shares from 0 to 100%",
            next_step="correct the column in the area table",
        )
    wrong = total > 1 + TOLERANCE
    if wrong.any():
        area = wrong.index[wrong.to_numpy()][0]
        raise DataError(
            f"the groups of area '{area}' add up to {total[area]:.1%} of its residents",
            where=f"{where}.shares",
            expected="shares from 0 to 100% that add up to at most 100%",
            next_step="look at `per` (count, percent or share) and at columns named twice",
        )


def read_number(areas: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Read a column of the area table as float64; raises SpecError where it holds no number."""
    if column not in areas:
        known = [str(c) for c in areas.columns]
        raise SpecError(
            f"the area table has no column '{column}'",
            where=where,
            next_step=suggest_name(column, known),
        )
    numbers = pd.to_numeric(areas[column], errors="coerce").astype(np.float64)
    if not np.isfinite(numbers).any():
        raise SpecError(
            f"the column '{column}' of the area table holds no number",
            where=where,
            expected="a numeric column",
            next_step="for `population`, name the column in the city's area table",
        )
    return numbers
