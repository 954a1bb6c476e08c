from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cityai.errors import TimeError
from cityai.findings import Status
from cityai.modeling.layouts.dense import check_dense_folds, find_origin, plan_dense_folds
from tests.modeling.conftest import build_panel, build_spec


def test_folds_walk_back_from_the_last_mature_label():
    panel = build_panel()
    folds = plan_dense_folds(panel, build_spec())
    assert [f.number for f in folds.folds] == [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4]
    assert folds.test[-1].test_until == panel.periods.start(72)
    assert [find_origin(panel, f) for f in folds.test] == [60, 63, 66, 69]
    assert all(f.role == "calibration" for f in folds.calibration)


def test_a_delay_moves_the_last_label_and_adds_ripe_origins():
    spec = build_spec(backtest={"folds": 3, "calibration": 2})
    folds = plan_dense_folds(build_panel(delay=4), spec)
    assert folds.test[-1].test_until == build_panel().periods.start(72 - 4)
    first = folds.test[0]
    ripe = [f for f in folds.calibration if f.test_until <= first.train_until]
    assert len(ripe) >= 2


def test_too_short_a_history_says_by_how_much():
    spec = build_spec(backtest={"folds": 20})
    with pytest.raises(TimeError, match=r"history is (\d+) months too short") as error:
        plan_dense_folds(build_panel(), spec)
    missing = int(str(error.value).split("history is ")[1].split()[0])
    values = np.vstack([build_panel().final, np.full((missing, 12), 3.0)])
    assert len(plan_dense_folds(build_panel(values), spec).test) == 20
    with pytest.raises(TimeError, match="is 1 months too short"):
        plan_dense_folds(build_panel(values[:-1]), spec)


def test_calibration_shrinks_to_what_history_allows():
    folds = plan_dense_folds(build_panel(), build_spec(backtest={"folds": 8, "calibration": 100}))
    assert len(folds.test) == 8
    assert 2 <= len(folds.calibration) < 100
    assert find_origin(build_panel(), folds.folds[0]) >= 24


@settings(deadline=None)
@given(
    horizon=st.integers(1, 6),
    lead=st.integers(0, 3),
    delay=st.integers(0, 5),
    stride=st.integers(1, 8),
    count=st.integers(2, 6),
)
def test_labels_always_end_before_the_test_begins(horizon, lead, delay, stride, count):
    spec = build_spec(
        horizon=horizon,
        lead=lead,
        backtest={"folds": count, "stride": stride, "calibration": 3, "min_train": 6},
    )
    panel = build_panel(delay=delay)
    try:
        folds = plan_dense_folds(panel, spec)
    except TimeError:
        assume(False)
    assert check_dense_folds(folds, panel).status is Status.PASS
    for fold in folds.folds:
        known, first, until = panel.periods.index(
            pd.DatetimeIndex([fold.train_until, fold.test_from, fold.test_until])
        )
        assert known + delay <= find_origin(panel, fold) <= first
        assert until - first == horizon
    ripe = [f for f in folds.calibration if f.test_until <= folds.test[0].train_until]
    assert len(ripe) >= 2


def test_a_planted_leak_is_found(panel, spec):
    folds = plan_dense_folds(panel, spec)
    leaking = replace(folds.folds[-1], train_until=folds.folds[-1].test_until)
    broken = replace(folds, folds=(*folds.folds[:-1], leaking))
    finding = check_dense_folds(broken, panel)
    assert finding.status is Status.FAIL
    assert finding.observed == 1


def test_the_table_shows_half_open_windows(panel, spec):
    table = plan_dense_folds(panel, spec).to_table()
    assert table["test_until"].iloc[-1] == panel.periods.start(72)
    assert (table["labels_until"] <= table["as_of"]).all()
