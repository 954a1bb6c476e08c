"""Folds that overlap judge the same outcomes again: they count as one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.assessment.scored import join_overlaps, score_predictions
from cityai.columns import AS_OF, PERIOD
from cityai.findings import Status
from cityai.inference.trend import leave_overlaps
from cityai.modeling.folds import check_overlaps
from cityai.modeling.layouts.dense import plan_dense_folds
from cityai.records.predictions import build_predictions
from cityai.scaffold.ends import fit_windows
from tests.modeling.conftest import build_panel, build_spec


def lay_windows(folds: int, horizon: int, stride: int) -> pd.DataFrame:
    """One row a fold and step, for one place; folds are a `stride` of days apart."""
    rows = [(f, s) for f in range(folds) for s in range(horizon)]
    fold, step = np.array(rows).T
    period = 100 + fold * stride + step
    start = pd.Timestamp("2024-01-01")
    return pd.DataFrame(
        {
            "entity_id": "a",
            AS_OF: start + pd.to_timedelta(fold * stride, unit="D"),
            "step": step + 1,
            "fold": fold + 1,
            PERIOD: period,
            "period_start": start + pd.to_timedelta(period, unit="D"),
            **dict.fromkeys(("y_true", "y_pred", "y_low", "y_high", "scale"), 1.0),
        }
    )


@settings(deadline=None)
@given(folds=st.integers(1, 20), horizon=st.integers(1, 8), stride=st.integers(1, 10))
def test_a_block_is_of_as_many_folds_as_a_window_is_of_strides(folds, horizon, stride):
    table = lay_windows(folds, horizon, stride)
    block = join_overlaps(table)
    each = -(-horizon // stride)
    assert len(np.unique(block)) == -(-folds // each)
    firsts = table[table[AS_OF].to_numpy() == block]
    # The first windows of the blocks have no outcome in common.
    assert not firsts[PERIOD].duplicated().any()
    if stride >= horizon:
        assert (block == table[AS_OF].to_numpy()).all()


@pytest.mark.parametrize(("stride", "count"), [(3, 12), (1, 4), (2, 6)])
def test_verdicts_and_trends_count_folds_that_are_apart(make_spec, stride, count):
    table = lay_windows(12, 3, stride)
    scored = score_predictions(
        build_predictions(table, coverage=0.9, unit="t", chosen="blend"), make_spec()
    )
    assert len(np.unique(scored.moment)) == count
    by_fold = pd.DataFrame({"fold": range(1, 13)})
    assert len(leave_overlaps(by_fold, scored.fold, scored.moment)) == count


@pytest.mark.parametrize(
    ("stride", "status", "said"),
    [(None, Status.PASS, "No outcome is in two"), (1, Status.FAIL, "They count as 2;")],
)
def test_a_finding_says_that_folds_overlap(stride, status, said):
    spec = build_spec(backtest={"stride": stride})
    found = check_overlaps(plan_dense_folds(build_panel(), spec))
    assert found.status is status
    assert said in found.reason


@settings(deadline=None)
@given(st.sampled_from(["day", "week", "month"]), st.integers(2, 400), st.integers(0, 60))
def test_what_is_proposed_never_overlaps(period, periods, delay):
    assert "stride" not in fit_windows(period, periods, delay).write_backtest()
