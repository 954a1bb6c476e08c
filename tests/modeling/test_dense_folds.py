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


def make_long_panel(periods: int, period: str = "month", entities: int = 12):
    return build_panel(np.full((periods, entities), 3.0), period)


def omit_folds(period: str = "month", horizon: int = 3, **backtest):
    return build_spec(period, horizon, backtest={"folds": None, **backtest})


def test_omitted_folds_are_as_many_as_the_history_holds():
    spec = omit_folds()  # 24 months of history first, 6 origins that calibrate
    folds = plan_dense_folds(make_long_panel(24 + 3 * 16), spec)
    assert (len(folds.test), len(folds.calibration), folds.more) == (10, 6, 0)
    longer = plan_dense_folds(make_long_panel(24 + 3 * 17 + 2), spec)
    assert (len(longer.test), len(longer.calibration), longer.more) == (11, 6, 0)
    few = plan_dense_folds(make_long_panel(24 + 3 * 7), spec)
    assert (len(few.test), len(few.calibration)) == (4, 3)  # calibration takes half at most
    with pytest.raises(TimeError, match="too short for 2 folds"):
        plan_dense_folds(make_long_panel(24 + 3 * 3), spec)


def test_declared_folds_win_and_what_the_data_hold_beside_them_is_counted():
    panel = make_long_panel(24 + 3 * 16)
    folds = plan_dense_folds(panel, build_spec())
    assert (len(folds.test), folds.more) == (4, 6)
    overlapping = plan_dense_folds(panel, build_spec(backtest={"stride": 1}))
    assert overlapping.more == (3 * 15 + 1 - 6 - 4) // 3
    every = plan_dense_folds(panel, build_spec(backtest={"folds": 14, "calibration": 2}))
    assert every.more == 0


@pytest.mark.parametrize(
    ("period", "horizon", "most"),
    [("day", 7, 52), ("day", 8, 26), ("week", 1, 52), ("week", 2, 26), ("month", 1, 26)],
)
def test_omitted_folds_have_a_cap_by_their_length(period, horizon, most):
    folds = plan_dense_folds(make_long_panel(1400, period, 2), omit_folds(period, horizon))
    assert len(folds.test) == most
    assert folds.more > 20


def test_what_folds_cost_limits_them_by_counts_alone():
    panel, spec = make_long_panel(700, "day", 40), omit_folds("day", 7)
    chosen = [len(plan_dense_folds(panel, spec, n).test) for n in (1, 20, 20, 10_000)]
    assert chosen[0] == 52
    assert chosen[0] > chosen[1] == chosen[2] > chosen[3] == 8
    declared = build_spec("day", 7, backtest={"folds": 40})
    assert len(plan_dense_folds(panel, declared, 10_000).test) == 40


def test_omitted_folds_end_where_few_are_asked_about():
    panel = make_long_panel(24 + 3 * 24)
    whole = len(plan_dense_folds(panel, omit_folds()).test)
    active = np.ones_like(panel.active)
    active[: 24 + 3 * 6, 5:] = False  # 5 of 12 are asked about before
    late = plan_dense_folds(replace(panel, active=active), omit_folds())
    assert len(late.test) == whole - 6
    active[: 24 + 3 * 6, 5] = True  # 6 of 12 are enough
    assert len(plan_dense_folds(replace(panel, active=active), omit_folds()).test) == whole
