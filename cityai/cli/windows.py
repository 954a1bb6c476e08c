"""Pictures and listings in plain characters."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cityai.modeling.split import Folds

FINE = {"learn": "█", "wait": "░", "test": "▓", "rest": "·"}
COARSE = {"learn": "#", "wait": "-", "test": "T", "rest": "."}
MARGIN = 51
"""Columns of a line before its picture."""


def draw_folds(folds: Folds, width: int, *, fine: bool) -> str:
    """Return the windows of a backtest as dates and as a picture, a line a fold.

    Parameters
    ----------
    folds : Folds
        The planned backtest.
    width : int
        Columns of the terminal.
    fine : bool
        Whether it knows block characters.
    """
    marks = FINE if fine else COARSE
    last = max(fold.test_last for fold in folds.folds)
    first = min(fold.test_first for fold in folds.folds)
    begin = max(0, first - max(4, (last - first) // 4))  # before that all is learnt from
    cells = max(width - MARGIN, 10)
    lines = [f"{'fold':<13}{'asked at':<12}{'learns until':<14}{'tested on'}"]
    for fold in folds.folds:
        name = f"test {fold.number}" if fold.role == "test" else "calibration"
        starts = folds.periods.starts(last + 2)
        bar = "".join(
            marks[_name_part(fold, first, past)]
            for first, past in _cut_axis(begin, last + 1, cells)
        )
        dates = (
            f"{fold.as_of:%Y-%m-%d}",
            f"< {starts[fold.train_until]:%Y-%m-%d}",
            f"{starts[fold.test_first]:%Y-%m-%d}",
        )
        lines.append(f"{name:<13}{dates[0]:<12}{dates[1]:<14}{dates[2]:<12}{bar}")
    count = folds.folds[-1].test_last - folds.folds[-1].test_first + 1
    legend = (
        f"{marks['learn']} learnt from   {marks['wait']} not yet final   "
        f"{marks['test']} tested on ({count} x {folds.periods.freq})"
    )
    return "\n".join([*lines, "", legend])


def write_yaml(content: object, depth: int = 0) -> str:
    """Return plain values as YAML; every text is in quotes, so that nothing is guessed."""
    pad = "  " * depth
    if isinstance(content, dict):
        return "\n".join(
            f"{pad}{key}:{_write_inside(value, depth)}" for key, value in content.items()
        )
    if isinstance(content, list):
        return "\n".join(f"{pad}-{_write_inside(value, depth)}" for value in content)
    return f"{pad}{json.dumps(content, ensure_ascii=False)}"


def _write_inside(value: object, depth: int) -> str:
    simple = not isinstance(value, dict | list) or not value
    flat = isinstance(value, list) and not any(isinstance(v, dict | list) for v in value)
    if simple or flat:
        return f" {json.dumps(value, ensure_ascii=False)}"
    return f"\n{write_yaml(value, depth + 1)}"


def _cut_axis(begin: int, end: int, cells: int) -> list[tuple[int, int]]:
    count = min(end - begin, cells)
    edges = [begin + (end - begin) * i // count for i in range(count + 1)]
    return list(pairwise(edges))


def _name_part(fold: object, first: int, past: int) -> str:
    """Name what most of the periods from `first` to before `past` are to a fold."""
    test_first, test_last = getattr(fold, "test_first", 0), getattr(fold, "test_last", 0)
    if first <= test_last and past > test_first:
        return "test"
    if past <= getattr(fold, "train_until", 0):
        return "learn"
    return "wait" if first < test_first else "rest"
