"""Collapse identical clusters: a million persons become a few hundred rows of sums.

An interval over entities needs sums of squares of their influences. An entity's influence on a
ratio is linear in its numerator, so entities with the same part in every group and the same
denominator are, for every sum of squares, as many copies of their mean and one row for how far they
lie apart. Nothing is rounded or left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.records.audit_data import Cells, Scored
from cityai.records.metric import Metric

MOST_SIZES = 64
"""Whole denominators below this are their own codes."""
_NO_ROWS = np.empty(0, np.int64)
_NO_SKEW = np.empty(0)


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Numerator and denominator of one metric by cluster (entity), identical clusters collapsed."""

    unit: np.ndarray
    """(P,) int64, for each part of a row the line of weights that it has."""
    row: np.ndarray
    """(P,) int64 from 0 to R - 1: the row that it is a part of. A person whose group differs
    between moments has several parts."""
    pair: np.ndarray
    """(P, 2) float64 numerator and denominator, times the root of the number of copies."""
    size: np.ndarray
    """(P,) float64 denominator of one entity."""
    copies: np.ndarray
    """(R,) float64 entities that a row stands for; 0 for a row of how far they lie apart."""
    middle: np.ndarray
    """(S,) int64, for each of the rows with no copies, the row of their mean."""
    skew: np.ndarray
    """(S,) float64, the sum of cubes of how far they lie apart, over that of squares to 3/2."""

    @property
    def count(self) -> int:
        """Entities behind the rows."""
        return round(float(self.copies.sum()))

    def weigh_pairs(self, weights: np.ndarray) -> np.ndarray:
        """Sums by row and group: weights (units, G) give (R, G, 2)."""
        return self._add_parts(weights[self.unit][:, :, None] * self.pair[:, None, :])

    def weigh_sizes(self, weights: np.ndarray) -> np.ndarray:
        """Denominators of one entity of each row by group: weights (units, G) give (R, G)."""
        return self._add_parts(weights[self.unit] * self.size[:, None])

    def count_members(self, weights: np.ndarray) -> np.ndarray:
        """Count entities with a part in each group, (G,), whatever they count in the metric."""
        return self.copies @ (self._add_parts(weights[self.unit]) > 0)

    def sum_rows(self, part: np.ndarray) -> np.ndarray:
        """Sum the squares of each row's own part (units, C) over all rows that count, as (C,)."""
        held = self.size * self.copies[self.row]
        return held @ part[self.unit] ** 2

    def sum_cubes(self, influence: np.ndarray) -> np.ndarray:
        """Sum the cubes of the influences of all entities, from the rows' (R, C), as (C,).

        With their mean ``m`` and how far each lies from it, ``d``: the sum over c entities of
        ``(m + d)**3`` is ``c m**3 + 3 m sum(d**2) + sum(d**3)``.
        """
        apart = self.copies == 0
        mean = influence / np.sqrt(np.where(apart, 1.0, self.copies))[:, None]
        cubes: np.ndarray = (influence**2 * mean)[~apart].sum(axis=0)
        own = influence[apart]
        cubes += (3 * mean[self.middle] * own**2 + self.skew[:, None] * own**3).sum(axis=0)
        return cubes

    def split(self, most: int) -> Iterator[ClusterSums]:
        """Split into pieces of about so many rows, none of them torn, for sums of squares."""
        order = np.argsort(self.row, kind="stable")
        row = self.row[order]
        for start in range(0, len(self.copies), most):
            low, high = np.searchsorted(row, [start, start + most])
            held = order[low:high]
            yield ClusterSums(
                self.unit[held],
                self.row[held] - start,
                self.pair[held],
                self.size[held],
                self.copies[start : start + most],
                _NO_ROWS,
                _NO_SKEW,
            )

    def _add_parts(self, parts: np.ndarray) -> np.ndarray:
        if len(self.copies) == len(self.row):
            return parts
        added = np.zeros((len(self.copies), *parts.shape[1:]))
        np.add.at(added, self.row, parts)
        return added


@dataclass(frozen=True, slots=True)
class Parts:
    """Whom rows are about."""

    part: np.ndarray
    """(rows,) int64 part of an entity that each row is about, counted in order of appearance."""
    unit: np.ndarray
    """(P,) int64 line of weights of each part."""
    several: np.ndarray
    """(P,) bool: the entity has other parts too."""
    row: np.ndarray
    """For each of these parts, int64 code of its entity."""


@dataclass(frozen=True, slots=True)
class ClusteredMetric:
    """Sampling units of one metric: clusters, and periods."""

    entities: ClusterSums
    """Sums of entities over all moments."""
    crossed: ClusterSums
    """Sums of entities at single moments."""


def sum_metrics_by_cluster(scored: Scored, metrics: Sequence[Metric]) -> dict[str, ClusteredMetric]:
    """Collapse identical clusters, over all moments and at each, for every metric.

    Returns
    -------
    dict of str to ClusteredMetric
        By metric; empty where each unit is an entity of its own.
    """
    if scored.entity is None:
        return {}
    unit = pd.factorize(scored.unit, sort=True)[0].astype(np.int64)
    moment = pd.factorize(scored.moment)[0].astype(np.int64)
    whole = find_parts(unit, scored.entity)
    at_once = whole
    if moment.any():
        at_once = find_parts(unit, moment * (int(scored.entity.max()) + 1) + scored.entity)
    names = scored.sums.names
    found = {}
    for metric in metrics:
        columns = [names.index(metric.numerator), names.index(metric.denominator)]
        pair = scored.sums.values[:, columns]
        entities = collapse_identical_clusters(pair, whole)
        crossed = entities if at_once is whole else collapse_identical_clusters(pair, at_once)
        found[metric.name] = ClusteredMetric(entities, crossed)
    return found


def find_parts(unit: np.ndarray, entity: np.ndarray) -> Parts:
    """Find the parts of entities: the rows of one entity in one unit are one part.

    Parameters
    ----------
    unit, entity : numpy.ndarray
        (rows,) int64 codes from 0: the line of weights of each row, and whom it is about.
    """
    part, found = pd.factorize(entity * (int(unit.max()) + 1) + unit)
    of_entity, of_unit = np.divmod(np.asarray(found, np.int64), int(unit.max()) + 1)
    whom = pd.factorize(of_entity)[0]
    several = np.bincount(whom)[whom] > 1
    return Parts(part, of_unit, several, np.unique(whom[several], return_inverse=True)[1])


def collapse_identical_clusters(pair: np.ndarray, parts: Parts) -> ClusterSums:
    """Collapse identical clusters.

    Parameters
    ----------
    pair : numpy.ndarray
        (rows, 2) float64 numerator and denominator.
    parts : Parts
        Whom the rows are about.
    """
    if len(parts.unit) < len(parts.part):
        size = len(parts.unit)
        added = [np.bincount(parts.part, weights=pair[:, k], minlength=size) for k in range(2)]
        pair = np.column_stack(added)
    if not parts.several.any():
        return _join_singles(pair, parts.unit)
    several = parts.several
    alike = _join_singles(pair[~several], parts.unit[~several])
    return ClusterSums(
        np.concatenate([alike.unit, parts.unit[several]]),
        np.concatenate([alike.row, len(alike.copies) + parts.row]),
        np.concatenate([alike.pair, pair[several]]),
        np.concatenate([alike.size, pair[several, 1]]),
        np.concatenate([alike.copies, np.ones(int(parts.row.max()) + 1)]),
        alike.middle,
        alike.skew,
    )


def vary_units(cells: Cells, names: tuple[str, str]) -> ClusteredMetric:
    """Take every unit of the cells for a cluster of its own.

    Parameters
    ----------
    cells : Cells
        (B, E, K) sums.
    names : tuple of str
        Numerator and denominator.
    """
    pair = cells.values[..., [cells.names.index(n) for n in names]]
    blocks, units = pair.shape[:2]
    unit = np.arange(units)
    every = np.arange(blocks * units)
    return ClusteredMetric(
        _keep_apart(pair.sum(axis=0), unit, unit),
        _keep_apart(pair.reshape(-1, 2), np.tile(unit, blocks), every),
    )


def _keep_apart(pair: np.ndarray, unit: np.ndarray, row: np.ndarray) -> ClusterSums:
    return ClusterSums(unit, row, pair, pair[:, 1], np.ones(len(row)), _NO_ROWS, _NO_SKEW)


def _join_singles(pair: np.ndarray, unit: np.ndarray) -> ClusterSums:
    top, bottom = pair[:, 0], pair[:, 1]
    sizes, size = _code_sizes(bottom)
    code, found = unit * len(size) + sizes, np.arange((int(unit.max(initial=0)) + 1) * len(size))
    if len(found) > len(code):
        code, found = pd.factorize(code)
    copies = np.bincount(code, minlength=len(found)).astype(np.float64)
    mean = np.bincount(code, weights=top, minlength=len(found)) / np.maximum(copies, 1.0)
    far = top - mean[code]
    apart = np.sqrt(np.bincount(code, weights=far**2, minlength=len(found)))
    cubes = np.bincount(code, weights=far**3, minlength=len(found))
    kept = copies > 0
    copies, mean, apart, cubes = copies[kept], mean[kept], apart[kept], cubes[kept]
    of_unit, of_size = np.divmod(np.asarray(found, np.int64)[kept], max(len(size), 1))
    held = np.asarray(size, np.float64)[of_size]
    spread = apart > 0
    root = np.sqrt(copies)
    rows = len(copies) + int(spread.sum())
    return ClusterSums(
        np.concatenate([of_unit, of_unit[spread]]),
        np.arange(rows),
        np.column_stack(
            [
                np.concatenate([root * mean, apart[spread]]),
                np.concatenate([root * held, np.zeros(int(spread.sum()))]),
            ]
        ),
        np.concatenate([held, held[spread]]),
        np.concatenate([copies, np.zeros(int(spread.sum()))]),
        np.flatnonzero(spread),
        cubes[spread] / apart[spread] ** 3,
    )


def _code_sizes(bottom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = bottom.astype(np.int64)
    if len(whole) and whole.min() >= 0 and whole.max() < MOST_SIZES and (whole == bottom).all():
        return whole, np.arange(int(whole.max()) + 1, dtype=np.float64)
    return pd.factorize(bottom)
