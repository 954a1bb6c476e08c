from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from cityai.assessment.coarsening import choose_steps, coarsen_figures, round_number, snap_rate
from cityai.assessment.statistics import Cells
from cityai.assessment.views import View

K = 11.0
NAMES = ("n", "decided", "selected", "known", "outcomes", "negatives_known", "tp", "fp", "tn", "fn")


def choose(counts: dict[str, tuple[int, int, int, int]]) -> dict[tuple[str, str], float]:
    """Choose steps for hard groups of given tp, fp, tn, fn, shown beside the whole."""
    rows = []
    for tp, fp, tn, fn in counts.values():
        n = tp + fp + tn + fn
        rows.append((n, n, tp + fp, n, tp + fn, fp + tn, tp, fp, tn, fn))
    sums = np.array(rows, dtype=float)
    facts = SimpleNamespace(cells=Cells(sums[None], NAMES), events=("outcomes",))
    views = [make_view("overall", ("overall",), np.ones((len(counts), 1)), sums[:, 0])]
    views.append(make_view("group", tuple(counts), np.eye(len(counts)), sums[:, 0]))
    return choose_steps(views, facts, K)  # type: ignore[arg-type]


def make_view(name: str, groups: tuple[str, ...], weights: np.ndarray, n: np.ndarray) -> View:
    held, hidden = n @ weights, np.zeros(len(groups), dtype=bool)
    return View(
        name, name, "hard", "", groups, weights, "overall", held, held, hidden,
        (len(groups),), {}, (),
    )  # fmt: skip


def test_rates_of_many_people_are_said_exactly() -> None:
    assert choose({"a": (300, 200, 900, 100), "b": (200, 300, 800, 150)}) == {}


def test_a_small_count_is_said_in_steps_and_so_is_what_would_reveal_it() -> None:
    steps = choose({"a": (300, 200, 900, 100), "b": (200, 300, 800, 150), "c": (30, 3, 60, 20)})
    # The whole less the other two would be the third.
    assert ("group", "c") in steps
    assert len(steps) > 1


def test_steps_leave_a_count_open() -> None:
    steps = choose({"a": (300, 200, 900, 100), "c": (30, 3, 60, 20)})
    step, passed = steps["group", "c"], 63
    said = snap_rate(3 / passed, step)
    low, high = max(said - step / 2, 0), said + step / 2
    assert math.isinf(step) or (high - low) * passed >= K / 2


def test_what_follows_from_others_follows_from_what_is_said() -> None:
    exact = {"value": 0.048, "low": 0.01, "high": 0.086, "reference_value": 0.182}
    exact |= {"gap": -0.134, "gap_low": -0.172, "gap_high": -0.096}
    said = coarsen_figures(exact, 0.2, 0.0)
    assert said["value"] == 0.0
    assert said["gap"] == pytest.approx(-0.182)
    assert said["gap_low"] <= exact["gap_low"]
    assert said["gap_high"] >= exact["gap_high"]
    assert coarsen_figures(exact, 0.0, 0.0)["gap"] == exact["gap"]


def test_few_people_are_said_in_tens() -> None:
    assert [round_number(n) for n in (63, 199, 200.4)] == [60, 200, 200]
