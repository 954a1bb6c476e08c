# ruff: noqa: E501

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from cityai.assessment.metrics import find_metrics
from cityai.disclosure.inference_attack import STEPS, Reader, find_range, list_said
from cityai.disclosure.rate_rounding import choose_steps, find_ranges
from cityai.disclosure.small_whole import mark_rate
from cityai.records.audit_data import Cells, GroupTable

K = 11.0
NAMES = ("n", "decided", "selected", "known", "outcomes", "negatives_known", "tp", "fp", "tn", "fn")


def gather(counts: dict[str, tuple[int, int, int, int]]):
    """Gather hard groups of given tp, fp, tn, fn, shown beside the whole."""
    rows = []
    for tp, fp, tn, fn in counts.values():
        n = tp + fp + tn + fn
        rows.append((n, n, tp + fp, n, tp + fn, fp + tn, tp, fp, tn, fn))
    sums = np.array(rows, dtype=float)
    facts = SimpleNamespace(
        cells=Cells(sums[None], NAMES),
        events=("outcomes",),
        least=K,
        metrics=find_metrics("yes/no", "list"),
    )
    views = [make_view("overall", ("overall",), np.ones((len(counts), 1)), sums[:, 0])]
    views.append(make_view("group", tuple(counts), np.eye(len(counts)), sums[:, 0]))
    return views, facts


def choose(counts: dict[str, tuple[int, int, int, int]]) -> dict[tuple[str, str], float]:
    return choose_steps(*gather(counts))


def make_view(name: str, groups: tuple[str, ...], weights: np.ndarray, n: np.ndarray) -> GroupTable:
    held, hidden = n @ weights, np.zeros(len(groups), dtype=bool)
    return GroupTable(
        name, name, "hard", "", groups, weights, "overall", held, held, hidden,
        (len(groups),), {}, (), hidden, ("",) * len(groups), np.zeros_like(weights), K,
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
    assert math.isinf(step) or step * passed >= K / 2


@pytest.mark.parametrize("step", STEPS)
def test_a_range_holds_the_rate_and_no_more_than_a_step(step: float) -> None:
    for above in range(0, 202):
        low, high = find_range(above / 201, step)
        assert low <= above / 201 <= high
        assert high - low == pytest.approx(step)
        assert 0 <= low < high <= 1


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
    steps, said = choose_steps(views, facts), list_said(views, facts)
    levels = [0.0, 0.02, 0.05, 0.1, 0.2, math.inf]
    said.level[:] = [levels.index(steps.get(key, 0.0)) for key in said.keys]
    assert all(said.find_width(secret, K)[0] >= K - 1e-4 for secret in said.find_secrets(K))
    for line in np.flatnonzero(said.level):
        said.level[line] -= 1
        assert min(said.find_width(secret, K)[0] for secret in said.find_secrets(K)) < K
        said.level[line] += 1


def test_every_range_holds_the_exact_figure():
    views, facts = gather(FIVE)
    steps = choose_steps(views, facts)
    ranges = find_ranges(views, facts, steps)
    assert ranges
    for (_, group), own in ranges.items():
        tp, fp, tn, fn = FIVE[group]
        exact = {
            "selection_rate": (tp + fp) / (tp + fp + tn + fn),
            "false_positive_rate": fp / (fp + tn),
            "false_negative_rate": fn / (fn + tp),
            "true_positive_rate": tp / (fn + tp),
            "precision": tp / (tp + fp),
            "false_discovery_rate": fp / (tp + fp),
            "false_omission_rate": fn / (fn + tn),
            "accuracy": (tp + tn) / (tp + fp + tn + fn),
            "base_rate": (tp + fn) / (tp + fp + tn + fn),
        }
        assert set(own) == set(exact)
        for metric, value in exact.items():
            low, high = own[metric]
            assert low - 1e-12 <= value <= high + 1e-12


def test_one_less_a_rate_tells_nothing_more():
    """Three of ten: on the border of two ranges, and so are the seven."""
    views, facts = gather({"a": (300, 200, 900, 100), "c": (35, 15, 50, 15)})
    own = find_ranges(views, facts, {("group", "c"): 0.1})["group", "c"]
    assert own["false_negative_rate"] == (0.3, 0.4)
    assert own["true_positive_rate"] == pytest.approx((0.6, 0.7))


def test_a_share_over_need_is_the_range_that_follows_from_the_rates():
    views, facts = gather({"a": (300, 200, 900, 100), "c": (33, 27, 30, 10)})
    values, names = facts.cells.values, facts.cells.names
    due = values[..., [names.index("selected")]] * 443 / 560
    facts.cells = Cells(np.concatenate([values, due, due], axis=2), (*names, "selected_due", "exposure_due"))  # fmt: skip
    own = find_ranges(views, facts, {("group", "c"): 0.2})["group", "c"]
    # 60 of 100 selected (60 to 80 %), 43 with the outcome (40 to 60 %); 443 of 560 are due.
    assert own["selection_for_need"] == (0.79, 1.59)
    assert own["selection_for_need"][0] <= 60 / 43 * 443 / 560 <= own["selection_for_need"][1]
    rare = find_ranges(views, facts, {("group", "c"): 0.5})["group", "c"]
    assert "selection_for_need" not in rare  # the need may be nothing


def judge(group: str, metric: str, value: float, beside: float, status: str) -> dict:
    gap = value - beside
    return {
        "dimension": "group", "group": group, "metric": metric, "reference": "overall",
        "value": value, "reference_value": beside, "gap": gap, "gap_low": gap - 0.02,
        "gap_high": gap + 0.02, "alone_low": gap - 0.02, "alone_high": gap + 0.02,
        "limit": 0.05, "status": status,
    }  # fmt: skip


def test_a_verdict_that_would_narrow_the_range_too_much_makes_it_wider():
    """3 of 123 false alarms: a pass puts them below 8 %, a fail would put them beyond."""
    counts = {"a": (300, 200, 900, 100), "c": (30, 3, 120, 20)}
    views, facts = gather(counts)
    alone = choose_steps(views, facts)
    rate, beside = 3 / 123, 203 / 1223
    row = judge("c", "false_positive_rate", rate, beside, "fail")
    told = choose_steps(views, facts, [row])
    said = list_said(views, facts)
    levels = [0.0, *STEPS, math.inf]
    said.level[:] = [levels.index(told.get(key, 0.0)) for key in said.keys]
    assert min(said.find_width(secret, K)[0] for secret in said.find_secrets(K)) >= K - 1e-4
    assert all(told[key] >= step for key, step in alone.items())
    near = judge("c", "false_positive_rate", rate, rate + 0.07001, "fail")
    assert choose_steps(views, facts, [near])["group", "c"] >= told["group", "c"]


def test_widths_of_many_counts_are_those_of_each_and_what_is_said_is_written_once(monkeypatch):
    counts = np.zeros((3, 9))
    counts[:, :2], counts[:, 3:5] = [[2, 30], [40, 3], [15, 20]], [[4, 50], [30, 30], [25, 10]]
    keys = (("overall", "overall"), ("g", "a"), ("g", "b"), ("g", "c"))
    parts = np.vstack([np.ones(3), np.eye(3)])
    rates = tuple(mark_rate(m) for m in find_metrics("yes/no") if m.above and not m.complement)

    def read() -> Reader:
        return Reader(keys, parts, counts, np.array([0, 2, 2, 3]), {}, rates)

    secrets = read().find_secrets(11)
    assert len(secrets) > 2
    each = [read().find_width(secret, 11)[0] for secret in secrets]
    written, bound = [], Reader._bound
    monkeypatch.setattr(Reader, "_bound", lambda self: written.append(1) or bound(self))
    together = [width for width, _ in read().find_widths(secrets, 11)]
    assert len(written) == 1
    assert [w >= 11 - 1e-6 for w in together] == [w >= 11 - 1e-6 for w in each]
    assert all(a >= 11 or a == pytest.approx(b) for a, b in zip(each, together, strict=True))
