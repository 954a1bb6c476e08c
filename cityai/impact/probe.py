"""Random probe: inverse-probability-weighted calibration and group error where nobody looked.

Outcomes are known of whom one went to see. A few drawn by chance, with a known probability, from
those whom the ranking would pass over speak for all of them, each for one over its probability
(Horvitz and Thompson 1952; ratios of such sums: Hajek 1971).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.disclosure.primary_suppression import hide_cells, is_few
from cityai.errors import DataError
from cityai.inference.rate_intervals import bound_part
from cityai.inference.standard_errors import (
    cluster_robust_se,
    count_effective,
    find_quantile,
    simultaneous_confidence,
)

LEAST_EFFECTIVE: Final = 10.0
"""Equal rows that the weighted ones are worth, below which there is no interval."""
FEW: Final = "fewer than ten equal rows' worth of looks"
HIDDEN: Final = "too few people to show"
PROBE_COLUMNS: Final = (
    *("group", "metric", "value", "low", "high", "gap", "gap_low", "gap_high"),
    *("looks", "speaks_for", "effective", "reason"),
)
"""Columns of `audit_probe`."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Rows that one looked at."""

    outcome: np.ndarray
    predicted: np.ndarray
    """(rows,) 0 or 1, and its probability as predicted."""
    selected: np.ndarray
    """(rows,) bool: by the ranking; the others by chance."""
    weight: np.ndarray
    """(rows,) how many each speaks for."""
    group: np.ndarray
    """(rows,) text."""
    entity: np.ndarray
    """(rows,) int64 codes of who varies together."""


def inverse_probability_weights(probability: np.ndarray, looked: np.ndarray) -> np.ndarray:
    """Compute inverse-probability weights: one over the probability of being looked at, else 0.

    Raises
    ------
    DataError
        Where one that was looked at had no probability above 0, or one could never be: the looks
        would speak for fewer than there are.
    """
    known = np.isfinite(probability) & (probability > 0) & (probability <= 1)
    if bad := int((~known).sum()):
        raise DataError(
            f"{bad:,} of {len(known):,} rows could never have been looked at, or it is not known "
            "with what probability",
            where="the random probe",
            expected="a probability above 0 and at most 1: 1 for those whom the ranking selects",
            next_step="draw the probe from all who are not selected (`cityai predict --assign`)",
        )
    return np.where(looked, 1 / probability, 0.0)


def list_ratios(looks: Looks) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the audit's metrics as (rows,) numerators and denominators."""
    y, p, s = looks.outcome, looks.predicted, looks.selected.astype(np.float64)
    yield "base_rate", y, np.ones_like(y)
    yield "calibration_in_the_large", p - y, np.ones_like(y)
    yield "true_positive_rate", s * y, y
    yield "false_negative_rate", (1 - s) * y, y
    yield "false_omission_rate", (1 - s) * y, 1 - s


def audit_probe(
    looks: Looks, confidence: float = 0.95, *, small_cell: float = 11.0
) -> pd.DataFrame:
    """Audit by group what holds for all, also for those whom nobody would have gone to see.

    Parameters
    ----------
    looks : Looks
        All rows looked at, by the ranking and by chance.
    confidence : float
        Of intervals: simultaneous over the groups.
    small_cell : float
        The policy's threshold: groups with fewer looks, or fewer of them with the outcome or
        without it, are hidden, and another with them where they would follow.

    Returns
    -------
    pandas.DataFrame
        `PROBE_COLUMNS`; a row for each group and metric. A gap is the group less everyone.

    Notes
    -----
    Intervals are cluster-robust over entities, for others like these: of a probe drawn without
    replacement they are a little wide. Of shares they are score intervals of as many draws as vary
    as much; weights make those few (Kish 1965).
    """
    names, code = np.unique(looks.group.astype(str), return_inverse=True)
    member = np.eye(len(names))[code]
    held, yes = member.sum(axis=0), looks.outcome @ member
    few = np.asarray(
        is_few(held, small_cell) | is_few(yes, small_cell) | is_few(held - yes, small_cell)
    )
    hidden = hide_cells(held, few, small_cell)
    columns = np.column_stack([member, np.ones(len(code))]) * looks.weight[:, None]
    rows = []
    for metric, top, bottom in list_ratios(looks):
        value, influence, size = _find_influence(columns, top, bottom, looks.entity)
        apart = influence[:, :-1] - influence[:, -1:]
        share = metric != "calibration_in_the_large"
        low, high = _bound(value[:-1], influence[:, :-1], size[:, :-1], ~hidden, confidence, share)
        gap = value[:-1] - value[-1]
        gap_low, gap_high = _bound(gap, apart, size[:, :-1], ~hidden, confidence, False)
        worth = count_effective(size[:, :-1])
        for g, name in enumerate(names):
            told = _tell(bool(hidden[g]), float(value[g]), float(worth[g]))
            figures = (value[g], low[g], high[g], gap[g], gap_low[g], gap_high[g])
            counts = (held[g], columns[:, g].sum(), worth[g])
            said = [float("nan") if hidden[g] else float(x) for x in (*figures, *counts)]
            rows.append((str(name), metric, *said, told))
    return pd.DataFrame(rows, columns=list(PROBE_COLUMNS))


def _tell(hidden: bool, value: float, worth: float) -> str:
    if hidden:
        return HIDDEN
    if not np.isfinite(value):
        return "nobody here that the figure could be a share of"
    return FEW if worth < LEAST_EFFECTIVE else ""


def _find_influence(
    columns: np.ndarray, top: np.ndarray, bottom: np.ndarray, entity: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratios of weighted sums (C,), and influences and denominators by entity (E, C)."""
    under = bottom @ columns
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(under > 0, (top @ columns) / under, np.nan)
    own = columns * (top[:, None] - np.nan_to_num(value) * bottom[:, None])
    own = np.divide(own, under, out=np.zeros_like(own), where=under > 0)
    influence, size = (np.zeros((int(entity.max()) + 1, columns.shape[1])) for _ in range(2))
    np.add.at(influence, entity, own)
    np.add.at(size, entity, columns * bottom[:, None])
    return value, influence, size


def _bound(
    value: np.ndarray,
    influence: np.ndarray,
    size: np.ndarray,
    shown: np.ndarray,
    confidence: float,
    share: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Simultaneous intervals of the columns that are shown; NaN where too little is known."""
    present = (size > 0).sum(axis=0).astype(np.float64)
    worth = count_effective(size)
    grown = influence * np.sqrt(present / np.maximum(present - 1, 1))
    spread = cluster_robust_se(grown, present, worth - 1, least=LEAST_EFFECTIVE - 1)
    both = spread.correlation[np.ix_(shown, shown)]
    each = simultaneous_confidence(both, confidence) if shown.any() else confidence
    quantile = find_quantile(spread, each)
    known = shown & np.isfinite(value) & spread.tell(2, still=share)
    if share:
        draws_low, draws_high = bound_part(value, spread.error, quantile)
        still = spread.error <= 1e-12
        if still.any():
            # At none and at all nothing varies: as many draws as the weighted rows are worth.
            error = np.where(
                still, np.sqrt(np.maximum(value * (1 - value), 0) / worth), spread.error
            )
            draws_low, draws_high = bound_part(value, error, quantile)
        return np.where(known, draws_low, np.nan), np.where(known, draws_high, np.nan)
    margin = quantile * spread.error
    return np.where(known, value - margin, np.nan), np.where(known, value + margin, np.nan)
