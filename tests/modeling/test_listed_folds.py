from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.errors import TimeError
from cityai.findings import Status
from cityai.modeling.folds import Folds
from cityai.modeling.layouts.listed import (
    check_listed_folds,
    find_known,
    find_tested,
    plan_listed_folds,
)
from tests.modeling.made_cases import build_risk_spec, make_cases


def test_test_folds_end_with_the_data_and_calibration_comes_before():
    cases = make_cases()
    folds = plan_listed_folds(cases, build_risk_spec())
    assert [f.number for f in folds.test] == [1, 2]
    assert all(f.number <= 0 for f in folds.calibration)
    assert folds.test[-1].test_until == cases.table["as_of"].max() + pd.Timedelta(days=1)
    assert folds.test[0].test_until == folds.test[1].as_of
    assert sum(f.counts["scored"] for f in folds.test) == 120 * 10
    assert check_listed_folds(folds, cases).status is Status.PASS


def test_first_test_names_the_last_fold_and_empty_stretches_are_passed_over():
    cases = make_cases()
    day = cases.table["as_of"]
    gone = (day >= "2020-08-01") & (day < "2020-12-01")
    cases = replace(cases, table=cases.table[~gone].reset_index(drop=True))
    spec = build_risk_spec(backtest={"first_test": "2020-12-01", "stride_days": 40, "folds": 2})
    folds = plan_listed_folds(cases, spec)
    assert folds.test[-1].as_of == pd.Timestamp("2020-12-01")
    assert folds.test[0].test_until <= pd.Timestamp("2020-09-01")
    assert min(f.counts["scored"] for f in folds.folds) > 0


@settings(max_examples=25, deadline=None)
@given(
    wait=st.integers(0, 120), gap=st.integers(0, 40), stride=st.integers(15, 90),
    folds=st.integers(1, 3),
)  # fmt: skip
def test_no_fold_learns_what_was_not_known(wait: int, gap: int, stride: int, folds: int):
    cases = make_cases(days=400, a_day=4, wait_days=wait)
    spec = build_risk_spec(backtest={"folds": folds, "stride_days": stride, "gap_days": gap})
    try:
        planned = plan_listed_folds(cases, spec)
    except TimeError:
        return
    for fold in planned.folds:
        teaching = cases.table[find_known(cases, fold.train_until)]
        assert (teaching["known_at"] < fold.as_of - pd.Timedelta(days=gap)).all()
        assert len(teaching) == fold.counts["train_rows"] >= 100
        tested = cases.table[find_tested(cases, fold)]
        assert teaching["as_of"].max() < tested["as_of"].min()
        assert teaching["y_true"].sum() == fold.counts["train_yes"]
        assert len(tested) == fold.counts["cases"]
        assert tested["y_true"].notna().sum() == fold.counts["scored"]
    assert check_listed_folds(planned, cases).status is Status.PASS


def test_the_check_fires_on_outcomes_from_the_future():
    cases = make_cases()
    folds = plan_listed_folds(cases, build_risk_spec())
    last = folds.folds[-1]
    late = replace(last, train_until=last.as_of + pd.Timedelta(days=20))
    finding = check_listed_folds(Folds((*folds.folds[:-1], late)), cases)
    assert finding.status is Status.FAIL
    assert finding.observed == 1


def test_a_single_answer_is_refused_with_the_counts():
    cases = make_cases()
    same = replace(cases, table=cases.table.assign(y_true=1.0))
    with pytest.raises(TimeError, match=r"nearly all the same: 4,\d+ yes and 0 no"):
        plan_listed_folds(same, build_risk_spec())


def test_too_little_history_is_refused_with_the_counts():
    with pytest.raises(TimeError, match="outcomes were known before"):
        plan_listed_folds(make_cases(days=65), build_risk_spec())
    with pytest.raises(TimeError, match=r"too short for 2 test folds: 1 can be had"):
        plan_listed_folds(make_cases(days=90), build_risk_spec())


def test_outcomes_that_nobody_knows_and_tests_after_the_data_are_refused():
    cases = make_cases()
    unknown = replace(cases, table=cases.table.assign(y_true=np.nan))
    with pytest.raises(TimeError, match="no outcome of 4,800 cases is known"):
        plan_listed_folds(unknown, build_risk_spec())
    spec = build_risk_spec(backtest={"first_test": "2030-01-01"})
    with pytest.raises(TimeError, match="no case asked about from 2030-01-01"):
        plan_listed_folds(cases, spec)


def test_omitted_folds_are_as_many_as_the_history_holds():
    cases = make_cases()
    folds = plan_listed_folds(cases, build_risk_spec(backtest={"folds": None, "stride_days": 20}))
    assert (len(folds.calibration), folds.more) == (8, 0)
    declared = plan_listed_folds(cases, build_risk_spec(backtest={"stride_days": 20}))
    assert (len(declared.test), declared.more) == (2, len(folds.test) - 2)
    last = (replace(fold, number=n) for n, fold in enumerate(folds.test[-2:], start=1))
    assert declared.test == tuple(last)
    wide = plan_listed_folds(cases, build_risk_spec(backtest={"folds": None}))
    assert len(wide.folds) < len(folds.folds)
    assert len(wide.calibration) == len(wide.folds) // 2


def test_omitted_folds_have_a_cap_and_cost_limits_them():
    cases = make_cases()
    for stride, most in ((7, 52), (8, 26)):
        spec = build_risk_spec(backtest={"folds": None, "stride_days": stride})
        assert len(plan_listed_folds(cases, spec).test) == most
        assert len(plan_listed_folds(cases, spec, candidates=10_000).test) == 8
