"""LightGBM's text held against its own grammar: a forged one hangs or ends the interpreter.

LightGBM follows the children of a node without bounds: one that points to itself is followed for
ever, one beyond the end reads foreign memory (its issues 7357 and 7438).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cityai.errors import DataError

_HEAD: Final = "\n\nTree="
_INNER: Final = (
    *("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child"),
    *("internal_value", "internal_weight", "internal_count"),
)
_LEAVES: Final = ("leaf_value", "leaf_weight", "leaf_count")
_UNREAD: Final = {"split_gain", "internal_value", "internal_weight", "leaf_weight"}
"""Numbers that must be there, and that nobody asks for."""
_CATEGORY = 1
"""The bit of `decision_type` that says that a node asks for categories."""


Tree = dict[str, list[float]]
"""What a tree's text says of each node, or each leaf: one list a name."""


@lru_cache(maxsize=64)
def read_trees(text: str) -> tuple[Tree, ...]:
    """Read the trees of a text, and refuse those that are none."""
    place = "its head"
    try:
        head, _, body = text.partition(_HEAD)
        told = _read_lines(head)
        sizes = [int(size) for size in told["tree_sizes"].split()]
        features = int(told["max_feature_idx"]) + 1
        _expect(told["num_class"] == told["num_tree_per_iteration"] == "1")
        _expect(len(told["feature_names"].split()) == features)
        body, at, trees = "Tree=" + body, 0, []
        for number, size in enumerate(sizes):
            place = f"tree {number}"
            _expect(size > 0)
            tree = body[at : at + size]
            _expect(tree.startswith(f"Tree={number}\n"))
            trees.append(_read_tree(_read_lines(tree), features))
            at += size
        place = "its end"
        _expect(body[at:].startswith("end of trees"))
        _expect(body.isascii())
        return tuple(trees)
    except (ValueError, KeyError, IndexError, OverflowError):
        raise DataError(
            f"the model's text is damaged, at {place}",
            where="booster",
            expected="trees as LightGBM writes them",
            next_step="run the project again",
        ) from None


def _read_tree(told: dict[str, str], features: int) -> Tree:
    leaves, categories = int(told["num_leaves"]), int(told["num_cat"])
    _expect(leaves >= 1 and categories >= 0 and told["is_linear"] == "0")
    ends = {name: _read_numbers(told.get(name, "")) for name in _LEAVES}
    _expect(all(len(end) == leaves or (leaves == 1 and len(end) <= 1) for end in ends.values()))
    columns = {name: _read_numbers(told.get(name, "")) for name in _INNER}
    _expect(all(len(column) == leaves - 1 for column in columns.values()))
    bounds = [int(bound) for bound in told.get("cat_boundaries", "0").split()]
    words = _read_numbers(told.get("cat_threshold", ""))
    _expect(len(bounds) == categories + 1 and bounds[0] == 0 and bounds[-1] == len(words))
    _expect(bounds == sorted(bounds))
    _expect(all(0 <= feature < features for feature in columns["split_feature"]))
    for kind, threshold in zip(columns["decision_type"], columns["threshold"], strict=True):
        _expect(not int(kind) & _CATEGORY or 0 <= threshold < categories)
    _walk(columns["left_child"], columns["right_child"], leaves)
    return {name: numbers for name, numbers in (ends | columns).items() if name not in _UNREAD}


def _walk(left: Sequence[float], right: Sequence[float], leaves: int) -> None:
    """Meet each node and each leaf once; a leaf is written as minus its number, less one."""
    met, waiting = set(), [0] if leaves > 1 else []
    while waiting:
        node = waiting.pop()
        for child in (int(left[node]), int(right[node])):
            _expect(child not in met and -leaves <= child < leaves - 1 and child != 0)
            met.add(child)
            if child > 0:
                waiting.append(child)
    _expect(len(met) == 2 * (leaves - 1))


def _read_lines(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.split("\n") if "=" in line)
    return {name: value for name, _, value in lines}


def _read_numbers(text: str) -> list[float]:
    return list(map(float, filter(None, text.split(" "))))


def _expect(holds: bool) -> None:
    if not holds:
        raise ValueError
