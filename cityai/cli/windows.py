"""Pictures and listings in plain characters."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Windows(Protocol):
    """The folds of any kind of question."""

    @property
    def more(self) -> int:
        """Test folds that the history would hold beside these."""

    def to_table(self) -> pd.DataFrame:
        """Return them as dates, one row a fold."""


FINE = {"learn": "█", "wait": "░", "test": "▓", "rest": "·"}
COARSE = {"learn": "#", "wait": "-", "test": "T", "rest": "."}
MOST_DECLARED = 200
"""`backtest.folds` at most."""
MARGIN = 51
"""Columns of a line before its picture."""


def draw_folds(folds: Windows, width: int, *, fine: bool) -> str:
    """Return the windows of a backtest as dates and as a picture, a line a fold.

    Parameters
    ----------
    folds : Windows
        The planned backtest, of any kind of question.
    width : int
        Columns of the terminal.
    fine : bool
        Whether it knows block characters.
    """
    marks = FINE if fine else COARSE
    table = folds.to_table()
    first, last = table["test_from"].min(), table["test_until"].max()
    begin = first - max((last - first) / 4, timedelta(days=28))  # before that all is learnt from
    cells = max(width - MARGIN, 10)
    edges = [begin + (last - begin) * i / cells for i in range(cells + 1)]
    lines = [f"{'fold':<13}{'asked at':<12}{'learns until':<14}{'tested on'}"]
    for row in table.to_dict("records"):
        name = f"test {row['fold']}" if row["role"] == "test" else "calibration"
        bar = "".join(marks[_name_part(row, a + (b - a) / 2)] for a, b in pairwise(edges))
        asked, known, tested = (row[key] for key in ("as_of", "labels_until", "test_from"))
        dates = f"{asked:%Y-%m-%d}  < {known:%Y-%m-%d}  {tested:%Y-%m-%d}"
        lines.append(f"{name:<13}{dates}  {bar}")
    legend = f"{marks['learn']} learnt from   {marks['wait']} not yet final   "
    return "\n".join([*lines, "", f"{legend}{marks['test']} tested on", *tell_more(folds)])


def tell_more(folds: Windows) -> list[str]:
    """Say how many more replays the data hold, and how to use them; nothing where none."""
    if not folds.more:
        return []
    tests = int((folds.to_table()["role"] == "test").sum())
    wanted = min(tests + folds.more, MOST_DECLARED)
    replays = "1 more replay" if folds.more == 1 else f"{folds.more:,} more replays"
    return [f"your data hold {replays} (`backtest.folds: {wanted}`)"]


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


def _name_part(row: Mapping[Hashable, Any], moment: datetime) -> str:
    """Name what a moment is to a fold."""
    if row["test_from"] <= moment < row["test_until"]:
        return "test"
    if moment < row["labels_until"]:
        return "learn"
    return "wait" if moment < row["test_from"] else "rest"
