from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from cityai.assessment.coarsening import (
    choose_steps,
    coarsen_figures,
    find_factors,
    follow_figures,
    round_number,
)
from cityai.assessment.reader import list_said, snap_rate
from cityai.assessment.statistics import Cells
from cityai.assessment.views import View

K = 11.0
NAMES = ("n", "decided", "selected", "known", "outcomes", "negatives_known", "tp", "fp", "tn", "fn")


def gather(counts: dict[str, tuple[int, int, int, int]]):
    """Gather hard groups of given tp, fp, tn, fn, shown beside the whole."""
    rows = []
    for tp, fp, tn, fn in counts.values():
        n = tp + fp + tn + fn
        rows.append((n, n, tp + fp, n, tp + fn, fp + tn, tp, fp, tn, fn))
    sums = np.array(rows, dtype=float)
    facts = SimpleNamespace(cells=Cells(sums[None], NAMES), events=("outcomes",))
    views = [make_view("overall", ("overall",), np.ones((len(counts), 1)), sums[:, 0])]
    views.append(make_view("group", tuple(counts), np.eye(len(counts)), sums[:, 0]))
    return views, facts


def choose(counts: dict[str, tuple[int, int, int, int]]) -> dict[tuple[str, str], float]:
    return choose_steps(*gather(counts), K)


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


FIVE = {
    "a": (240, 1217, 717, 70),
    "b": (129, 582, 388, 42),
    "c": (131, 507, 312, 40),
    "d": (73, 337, 164, 19),
    "not recorded": (11, 53, 14, 2),
}


def test_a_group_with_few_hides_no_other():
    """Every group but the small one is still said, in steps of at most a twentieth."""
    steps = choose(FIVE)
    assert math.isinf(steps["group", "not recorded"])
    others = [steps.get(("group", group), 0.0) for group in "abcd"]
    assert max(others) <= 0.05
    assert 0.0 in others


def test_no_line_could_be_said_more_finely():
    views, facts = gather(FIVE)
    steps, said = choose_steps(views, facts, K), list_said(views, facts)
    levels = [0.0, 0.02, 0.05, 0.1, 0.2, math.inf]
    said.level[:] = [levels.index(steps.get(key, 0.0)) for key in said.keys]
    assert all(said.find_width(secret, K)[0] >= K - 1e-4 for secret in said.find_secrets(K))
    for line in np.flatnonzero(said.level):
        said.level[line] -= 1
        assert min(said.find_width(secret, K)[0] for secret in said.find_secrets(K)) < K
        said.level[line] += 1


def test_a_share_over_need_follows_from_the_rates_that_are_said():
    counts = {"a": (300, 200, 900, 100), "c": (33, 27, 30, 10)}
    views, facts = gather(counts)
    factors = find_factors(views, facts, {("group", "c"): 0.2})["group", "c"]
    # 60 of 100 selected (said: 60 %), 43 with the outcome (said: 40 %).
    assert factors["exposure_for_need"] == pytest.approx(0.43 / 0.4)
    assert factors["selection_for_need"] == pytest.approx(0.43 / 0.4)
    exact = {"value": 1.2, "low": 0.9, "high": 1.5, "reference_value": 1.0}
    exact |= {"gap": 0.2, "gap_low": -0.2, "gap_high": 0.6}
    said = follow_figures(exact, factors["selection_for_need"], 1.0)
    assert said["value"] == pytest.approx(1.29)  # more than 1, and not cut there
    assert said["low"] <= 0.9
    assert said["high"] >= 1.5
    assert said["gap_low"] <= -0.2
    assert said["gap_high"] >= 0.6
    assert all(math.isnan(v) for v in follow_figures(exact, math.inf, 1.0).values())
