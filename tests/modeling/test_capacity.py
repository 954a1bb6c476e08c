from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.config.risk import DecisionSpec
from cityai.errors import DataError
from cityai.findings import Status
from cityai.modeling.capacity import judge_capacity, rank_cases, refuse_everyone, select_cases

TOP = DecisionSpec(rule="top", capacity=2, per="day")


def table(slots: list[int]) -> pd.DataFrame:
    n = len(slots)
    return pd.DataFrame({"fold": 1, "slot": slots, "case_id": [f"c{i:03}" for i in range(n)]})


def test_the_highest_of_each_slot_are_selected():
    found = select_cases(table([0, 0, 0, 1, 1, 1]), np.array([1, 3, 2, 9, 8, 7.0]), TOP)
    assert found.decision.tolist() == [0, 1, 1, 1, 1, 0]
    assert (found.slots, found.full, found.ties) == (2, 0, 0)


def test_ties_go_to_the_first_id_and_are_counted():
    scores = np.array([1.0, 1.0, 1.0, 5.0])
    found = select_cases(table([0, 0, 0, 0]), scores, TOP)
    assert found.decision.tolist() == [1, 0, 0, 1]
    assert (found.ties, found.tied) == (1, 3)
    shuffled = table([0, 0, 0, 0]).iloc[[2, 0, 3, 1]].reset_index(drop=True)
    again = select_cases(shuffled, scores[[2, 0, 3, 1]], TOP)
    assert set(shuffled.loc[again.decision == 1, "case_id"]) == {"c000", "c003"}


@given(
    slots=st.lists(st.integers(0, 3), min_size=1, max_size=40), capacity=st.integers(1, 8),
    data=st.data(),
)  # fmt: skip
def test_never_more_than_the_capacity_and_never_one_that_ranks_below(slots, capacity, data):
    scores = np.array(
        data.draw(st.lists(st.integers(0, 5), min_size=len(slots), max_size=len(slots)))
    )
    rule = DecisionSpec(rule="top", capacity=capacity, per="day")
    frame = table(sorted(slots))
    found = select_cases(frame, scores.astype(float), rule).decision == 1
    for slot in set(slots):
        here = (frame["slot"] == slot).to_numpy()
        assert (found & here).sum() == min(capacity, here.sum())
        if (here & ~found).any():
            assert scores[here & found].min() >= scores[here & ~found].max()
    ranks = rank_cases(frame, scores.astype(float))
    assert sorted(ranks[(frame["slot"] == frame["slot"].iloc[0]).to_numpy()])[0] == 1


def test_a_threshold_selects_from_it_on():
    rule = DecisionSpec(rule="threshold", threshold=0.5)
    found = select_cases(table([0, 0, 1]), np.array([0.5, 0.49, 0.9]), rule)
    assert found.decision.tolist() == [1, 0, 1]


def test_a_capacity_for_everyone_is_refused_and_for_some_is_told():
    everyone = select_cases(table([0, 0, 1]), np.array([1, 2, 3.0]), TOP)
    with pytest.raises(DataError, match="selects all 3 cases"):
        refuse_everyone(everyone, TOP)
    some = select_cases(table([0, 0, 1, 1, 1]), np.arange(5.0), TOP)
    refuse_everyone(some, TOP)
    assert "In 1 of them there were no more cases" in judge_capacity(some, TOP)[0].reason
    folds = table([0, 0, 1, 1, 1, 1]).assign(fold=[1, 1, 1, 2, 2, 2])
    cut = judge_capacity(select_cases(folds, np.arange(6.0), TOP), TOP)[0]
    assert (cut.status, "1 times the end of a test fold" in cut.reason) == (Status.NOT_ENOUGH, True)
    none = select_cases(table([0]), np.array([0.1]), DecisionSpec(rule="threshold", threshold=0.9))
    assert judge_capacity(none, TOP)[0].status is Status.FAIL
