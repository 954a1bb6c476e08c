"""TreeSHAP of many rows at once, equal to LightGBM's own (Lundberg et al. 2020).

A leaf asks for few features, and all that it asks of a row is which of them keep to its path. Rows
of one such pattern have the same parts, so these are computed once for each pattern that occurs.
With z the share of a feature's training rows that keep to the path, and o = 1 where the row does,
else 0, the Shapley value of feature j in a leaf of value v is

    v (o_j - z_j) * integral over t from 0 to 1 of the product over k != j of (1 - t) z_k + t o_k,

since that integral weighs the sets of features as Shapley's formula does (Owen 1972, Multilinear
Extensions of Games). Of d features it is a polynomial of degree d - 1, which Gauss-Legendre's rule
of d / 2 points sums exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.forecasters.tree_text import read_trees

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

MOST_ROWS: Final = 1000
"""Rows at a time, so that memory stays small."""
MOST_ASKED: Final = 30
"""Features that a path may ask for: a pattern is kept as bits of an integer."""
TABLED: Final = 12
"""Features up to which a table of all patterns of a leaf is smaller than a search."""
_CATEGORY, _LEFT, _ZERO, _NAN = 1, 2, 4, 8
"""Bits of a split's kind: asks for categories; sends left what is missing, which is 0, or NaN."""


def compute_tree_shap(text: str, matrix: FloatArray) -> FloatArray | None:
    """Compute the Shapley values of raw scores.

    Parameters
    ----------
    text : str
        Trees as LightGBM writes them, checked.
    matrix : numpy.ndarray
        Shape (n, F).

    Returns
    -------
    numpy.ndarray or None
        Shape (n, F + 1), the last column the score without any feature, as LightGBM has it; None
        for trees of another kind than `BoostedTrees` grows.
    """
    forest = _Forest.read(text)
    if (forest.kind & (_CATEGORY | _ZERO)).any() or (forest.count <= 0).any():
        return None
    values = np.zeros(matrix.shape)
    for at in range(0, len(matrix), MOST_ROWS):
        leaves = _walk(forest, matrix[at : at + MOST_ROWS])
        if leaves is None:
            return None
        for paths in leaves:
            _add_parts(values[at : at + MOST_ROWS], forest, paths)
    return np.column_stack([values, np.full(len(values), forest.base)])


@dataclass(frozen=True, slots=True)
class _Forest:
    """All trees, their nodes numbered through; leaves are counted on from the nodes."""

    feature: Integers
    threshold: FloatArray
    kind: Integers
    """Of each node: its split."""
    left: Integers
    right: Integers
    """Of each node: its children."""
    count: FloatArray
    """Of each node, then of each leaf: its training rows."""
    value: FloatArray
    """Of each leaf."""
    roots: Integers
    """The first node of each tree."""
    base: float
    """The mean score of the training rows."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the trees of a text; one without a split only moves the base."""
        trees = read_trees(text)
        grown = [tree for tree in trees if tree["split_feature"]]
        leaves = np.array([len(tree["leaf_value"]) for tree in grown], dtype=np.int64)
        nodes = leaves - 1

        def join(name: str) -> FloatArray:
            return np.fromiter(chain.from_iterable(tree[name] for tree in grown), np.float64)

        def number(name: str) -> Integers:
            child, roots = join(name).astype(np.int64), np.cumsum(nodes) - nodes
            first = nodes.sum() + np.cumsum(leaves) - leaves
            return np.where(child < 0, ~child + first.repeat(nodes), child + roots.repeat(nodes))

        value, size, roots = join("leaf_value"), join("leaf_count"), np.cumsum(nodes) - nodes
        count = np.append(join("internal_count"), size)
        alone = sum(sum(tree["leaf_value"]) for tree in trees if not tree["split_feature"])
        return cls(
            feature=join("split_feature").astype(np.int64),
            threshold=join("threshold"),
            kind=join("decision_type").astype(np.int64),
            left=number("left_child"),
            right=number("right_child"),
            count=count,
            value=value,
            roots=roots,
            base=float((value * size / count[roots].repeat(leaves)).sum()) + alone,
        )

    def find_left(self, matrix: FloatArray) -> npt.NDArray[np.bool_]:
        """Find which rows each node sends left, shape (nodes, n)."""
        columns = np.ascontiguousarray(matrix.T)
        missing = np.isnan(columns)
        left = np.where(missing, 0.0, columns)[self.feature] <= self.threshold[:, None]
        gaps = np.flatnonzero(missing.any(axis=1))
        told = np.flatnonzero(np.isin(self.feature, gaps) & (self.kind & _NAN > 0))
        sent = (self.kind[told] & _LEFT > 0)[:, None]
        left[told] = np.where(missing[self.feature[told]], sent, left[told])
        return left


@dataclass(frozen=True, slots=True)
class _Paths:
    """Ways from the roots to some nodes, k of them."""

    node: Integers
    """Shape (k,), where each leads."""
    code: Codes
    """Shape (k, n), a bit for each feature asked, set where a row leaves the path."""
    feature: Integers
    share: FloatArray
    """Shape (k, d): features in the order in which they are asked, and the shares z of training
    rows that keep to the path."""
    asked: Integers
    """Shape (k,), how many features are asked."""

    def choose(self, which: npt.NDArray[np.bool_]) -> _Paths:
        """Choose some of them."""
        return _Paths(
            self.node[which],
            self.code[which],
            self.feature[which],
            self.share[which],
            self.asked[which],
        )

    def go_down(self, forest: _Forest, left: npt.NDArray[np.bool_]) -> _Paths | None:
        """Go on to both children of each node; None where a path asks for too many features."""
        feature, k = forest.feature[self.node], len(self.node)
        room = np.full((k, 1), -1), np.ones((k, 1))
        features, shares = np.hstack([self.feature, room[0]]), np.hstack([self.share, room[1]])
        same = features == feature[:, None]
        again = same.any(axis=1)
        place = np.where(again, same.argmax(axis=1), self.asked)
        asked = self.asked + ~again
        if asked.max() > MOST_ASKED:
            return None
        features[np.arange(k), place] = feature
        bit, codes = (1 << place).astype(np.int32)[:, None], np.tile(self.code, (2, 1))
        stray = np.multiply(left[self.node], bit)  # those that go left leave the way to the right
        codes[k:] |= stray
        codes[:k] |= np.subtract(bit, stray, out=stray)
        child = np.append(forest.left[self.node], forest.right[self.node])
        shares = np.vstack([shares, shares])
        kept = forest.count[child] / np.tile(forest.count[self.node], 2)
        shares[np.arange(2 * k), np.tile(place, 2)] *= kept
        return _Paths(child, codes, np.vstack([features, features]), shares, np.tile(asked, 2))


def _add_parts(values: FloatArray, forest: _Forest, paths: _Paths) -> None:
    """Add the parts of some leaves, whose paths ask for equally many features, to (n, F) values."""
    from scipy.sparse import csr_array

    (rows, columns), (leaves, asked) = values.shape, paths.feature.shape
    leaf, pattern, number = _list_patterns(paths.code, asked)
    parts = _weigh(pattern, np.ascontiguousarray(paths.share[leaf].T))
    parts *= forest.value[paths.node - len(forest.feature)][leaf]
    found = np.empty((asked, leaves, rows))
    for own, of_rows in zip(parts, found, strict=True):
        own.take(number, out=of_rows, mode="clip")  # without a look at each number
    at, place = np.divmod(np.argsort(paths.feature, axis=None, kind="stable"), asked)
    ends = np.cumsum(np.bincount(paths.feature.ravel(), minlength=columns))
    added = csr_array((np.ones(len(at)), place * leaves + at, np.append(0, ends)))
    values += (added @ found.reshape(-1, rows)).T


def _walk(forest: _Forest, matrix: FloatArray) -> list[_Paths] | None:
    """Walk to all leaves, level by level; list them by how many features their paths ask for."""
    left, k = forest.find_left(matrix), len(forest.roots)
    code, none, asked = np.zeros((k, len(matrix)), np.int32), np.zeros((k, 0)), np.zeros(k, int)
    paths, ends = _Paths(forest.roots, code, none.astype(np.int64), none, asked), []
    while len(paths.node):
        further = paths.go_down(forest, left)
        if further is None:
            return None
        leaf = further.node >= len(forest.feature)
        ends.append(further.choose(leaf))
        paths = further.choose(~leaf)
    found = {asked for end in ends for asked in np.unique(end.asked).tolist()}
    return [_join(ends, asked) for asked in sorted(found)]


def _join(ends: list[_Paths], asked: int) -> _Paths:
    own = [end.choose(end.asked == asked) for end in ends if end.feature.shape[1] >= asked]
    return _Paths(
        np.concatenate([end.node for end in own]),
        np.vstack([end.code for end in own]),
        np.vstack([end.feature[:, :asked] for end in own]),
        np.vstack([end.share[:, :asked] for end in own]),
        np.concatenate([end.asked for end in own]),
    )


def _list_patterns(code: Codes, asked: int) -> tuple[Integers, Integers, Integers]:
    """List the patterns that occur: leaf and pattern of each, and the numbers of the rows' own.

    Parameters
    ----------
    code : numpy.ndarray
        Shape (leaves, n), bits of each row.
    asked : int
        How many bits.
    """
    keys = code + (np.arange(len(code)) << asked)[:, None]
    if asked > TABLED:
        found, number = np.unique(keys, return_inverse=True)
        number = number.reshape(keys.shape)
    else:
        occurs = np.zeros(len(code) << asked, dtype=np.bool_)
        occurs[keys] = True
        found = np.flatnonzero(occurs)
        places = np.empty(len(occurs), dtype=np.int64)
        places[found] = np.arange(len(found))
        number = places[keys]
    return found >> asked, found & ((1 << asked) - 1), number


def _weigh(pattern: Integers, share: FloatArray) -> FloatArray:
    """Return the Shapley values of a leaf of value 1, shape (d, patterns) as `share`."""
    asked = len(share)
    away = (~pattern >> np.arange(asked)[:, None] & 1) - share
    total = np.zeros_like(share)
    for point, weight in _list_points((asked + 1) // 2):
        factor = share + point * away
        total += (weight * factor.prod(axis=0)) / factor
    return total * away


@cache
def _list_points(count: int) -> list[tuple[float, float]]:
    """List the points of Gauss and Legendre's rule between 0 and 1, with their weights."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return list(zip((points + 1) / 2, weights / 2, strict=True))
