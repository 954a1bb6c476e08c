from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.metrics.ranking import measure_auc
from cityai.errors import DataError, SpecError
from cityai.findings import Status
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.classical import THETA
from cityai.modeling.forecasters.logistic import RidgeLogistic
from cityai.modeling.forecasters.protocol import choose_candidates
from cityai.modeling.layouts.listed import ListedRows, plan_listed_folds
from cityai.modeling.layouts.listed_baselines import (
    RISK_BASELINES,
    ListedQuestion,
    _rate_alike,
    _rate_past,
    list_averages,
)
from cityai.modeling.targets import ProbabilityTarget, hide_answers
from cityai.records.events import cut_events
from cityai.records.predictions import build_predictions
from tests.modeling.made_cases import build_risk_spec, hold_cases, make_cases, make_rows

HELD_BACK: dict[str, Any] = {
    "target": "probability", "rounds": 40, "leaves": 7, "leaf_rows": 60, "learning_rate": 0.03,
    "feature_share": 0.5, "row_share": 0.7, "ridge": 10.0, "most_rows": None, "least_rows": 0,
}  # fmt: skip
QUICK = (
    BoostedTrees("lightgbm", "trees", **HELD_BACK),
    RidgeLogistic("logistic", "line"),
)


def replay(cases, rows=None, spec=None, more=()) -> Backtest:
    spec = spec or build_risk_spec()
    rows = make_rows(cases) if rows is None else rows
    source = ListedRows(cases, rows, spec, baselines=(*RISK_BASELINES, *more))
    folds = plan_listed_folds(cases, spec)
    chosen = choose_candidates(QUICK, spec.models)
    return run_backtest(source, folds, ProbabilityTarget(spec), chosen, spec.models)


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return replay(make_cases())


def test_planted_signal_is_found(backtest):
    table = backtest.predictions.table
    truth = table["y_true"].to_numpy()
    ours = measure_auc(truth, table["y_pred"].to_numpy()).value
    assert ours > 0.7
    assert abs(measure_auc(truth, table["baseline.random_order"].to_numpy()).value - 0.5) < 0.06
    assert table["y_pred"].mean() == pytest.approx(truth.mean(), abs=0.03)


def test_the_table_has_what_it_says(backtest):
    predictions = backtest.predictions
    assert predictions.kind == "yes/no"
    assert predictions.baselines == (
        "random_order", "actual_order", "past_rate", "area_average", "logistic_regression",
    )  # fmt: skip
    assert predictions.candidates == ("lightgbm", "logistic")
    assert predictions.table.groupby(["fold", "slot"])["decision"].sum().eq(3).all()
    assert [{s.rows for s in m.models} for m in backtest.models] == [
        {f.counts["train_rows"]} for f in backtest.folds.test
    ]
    assert [f.code for f in backtest.findings] == [
        "backtest.calibration", "backtest.rows", "backtest.capacity", "backtest.ties",
    ]  # fmt: skip


def test_a_saved_model_predicts_what_the_backtest_did(backtest):
    cases = make_cases()
    rows = make_rows(cases).table
    table = backtest.predictions.table
    last = table[table["fold"] == 2]
    frame = rows.set_index("case_id").loc[last["case_id"]]
    again = backtest.models[-1].predict(frame)
    assert again["y_pred"].to_numpy() == pytest.approx(last["y_pred"].to_numpy(), abs=1e-12)
    assert (again["candidate.lightgbm"].to_numpy() == last["candidate.lightgbm"].to_numpy()).all()


def test_the_same_bytes_every_time(backtest):
    again = replay(make_cases())
    pd.testing.assert_frame_equal(again.predictions.table, backtest.predictions.table)
    assert again.final.models == backtest.final.models
    assert again.final.calibration.chart == backtest.final.calibration.chart


def test_the_future_changes_nothing_before_it(backtest):
    """What a fold says does not depend on outcomes that were seen after its cutoff."""
    cases = make_cases()
    first = backtest.folds.test[0]
    table = cases.table
    later = (table["known_at"] >= first.as_of).to_numpy()
    rng = np.random.default_rng(9)
    turned = np.where(later, rng.integers(0, 2, len(table)), table["y_true"])
    other = replay(replace(cases, table=table.assign(y_true=turned)))
    ours, theirs = (
        b.predictions.table[b.predictions.table["fold"] == 1] for b in (backtest, other)
    )
    kept = ["case_id", "y_pred", "candidate.lightgbm", "candidate.logistic"]
    pd.testing.assert_frame_equal(ours[kept], theirs[kept])


def test_cases_without_an_outcome_are_counted_and_left_out():
    cases = make_cases()
    unknown = cases.table["as_of"] >= cases.table["as_of"].max() - pd.Timedelta(days=10)
    table = cases.table.assign(
        y_true=cases.table["y_true"].where(~unknown | (cases.table.index % 2 == 0))
    )
    found = replay(replace(cases, table=table))
    rows = next(f for f in found.findings if f.code == "backtest.rows")
    assert rows.observed == float(table["y_true"].isna().sum())
    assert found.predictions.table["y_true"].notna().all()


def test_past_rates_know_only_what_was_known():
    cases = make_cases(days=60, a_day=5, places=6, wait_days=7)
    rate = _rate_past(cases, 0.2)
    table = cases.table
    for i in (0, 120, 299):
        row = table.iloc[i]
        past = table[(table["entity_id"] == row["entity_id"]) & (table["known_at"] < row["as_of"])][
            "y_true"
        ]
        assert rate[i] == pytest.approx((past.sum() + 5 * 0.2) / (len(past) + 5))


def test_averages_know_only_what_was_known_at_the_fold():
    cases = make_cases()
    inspector = np.where(cases.table["entity_id"].str[-1].isin(list("02468")), "green", "blue")
    table = cases.table.assign(**{"baseline.average_by_inspector": inspector})
    table.loc[table.index % 7 == 0, "baseline.average_by_inspector"] = None
    spec = build_risk_spec(models={"averages": ["inspector"]})
    found = replay(replace(cases, table=table), spec=spec, more=list_averages(spec))
    scored = found.predictions.table
    where = table.set_index("case_id")["baseline.average_by_inspector"]
    for fold in found.folds.test:
        known = table[(table["known_at"] < fold.train_until) & (table["as_of"] < fold.train_until)]
        known = known[known["y_true"].notna()]
        base = known["y_true"].mean()
        for row in scored[scored["fold"] == fold.number].head(20).to_dict("records"):
            for column, name in (("area_id", "area_average"), (None, "average_by_inspector")):
                if column:
                    alike = known[known[column] == row[column]]
                else:
                    value = where[row["case_id"]]
                    held = known["baseline.average_by_inspector"]
                    alike = known[held.isna() if pd.isna(value) else held == value]
                expected = (alike["y_true"].sum() + 5 * base) / (len(alike) + 5)
                assert row[f"baseline.{name}"] == pytest.approx(expected)
    plain = replay(cases).predictions.table
    assert scored["y_pred"].to_numpy() == pytest.approx(plain["y_pred"].to_numpy(), abs=0)


def test_an_average_of_nothing_known_is_the_base_rate():
    cases = make_cases(days=60, a_day=5, places=6)
    tested = np.arange(5)
    known = np.full(len(cases.table), np.nan)
    asked = ListedQuestion(cases, tested, 0.2, known, 0, {})
    assert _rate_alike(asked, "entity_id").tolist() == [0.2] * 5


def test_the_citys_score_is_compared_with_and_never_learnt_from():
    cases = make_cases()
    with_score = replace(
        cases, table=cases.table.assign(**{"baseline.city_score": cases.table["y_true"]})
    )
    found = replay(with_score)
    assert "city_score" in found.predictions.baselines
    assert found.predictions.table["y_pred"].to_numpy() == pytest.approx(
        replay(cases).predictions.table["y_pred"].to_numpy()
    )


def test_everyone_selected_and_unknown_names_are_refused():
    cases = make_cases(days=300)
    everyone = build_risk_spec(decision={"rule": "top", "capacity": 10, "per": "day"})
    with pytest.raises(DataError, match="everyone is selected"):
        replay(cases, spec=everyone)
    with pytest.raises(SpecError, match="no candidate 'forest'"):
        replay(cases, spec=build_risk_spec(models={"candidates": ["forest"]}))


def test_predictions_that_are_none_are_refused(backtest):
    table = backtest.predictions.table
    for name, bad in (("y_true", 0.5), ("y_pred", 1.2), ("decision", 2.0), ("y_pred", np.nan)):
        with pytest.raises(DataError, match=name):
            build_predictions(
                table.assign(**{name: bad}), unit="cases", chosen="blend", kind="yes/no"
            )
    with pytest.raises(DataError, match="occur twice"):
        build_predictions(pd.concat([table, table]), unit="cases", chosen="blend", kind="yes/no")


def make_noise(seed: int) -> tuple:
    """Places asked every fortnight whether anything happens in the next 90 days: pure chance.

    The windows of neighbouring questions overlap, so their answers resemble each other: what a
    fold may not know yet would tell it the answer.
    """
    rng = np.random.default_rng(seed)
    places, days = 60, 900
    events = rng.random((places, days + 90)) < 1 / 130
    asked = np.arange(0, days, 14)
    sums = np.concatenate([np.zeros((places, 1)), events.cumsum(axis=1)], axis=1)
    truth = sums[:, asked + 90] > sums[:, asked]
    start = pd.Timestamp("2020-01-01")
    day = start + pd.to_timedelta(np.tile(asked, places), "D")
    place = np.repeat(np.arange(places), len(asked))
    table = pd.DataFrame(
        {
            "case_id": [f"c{i:06}" for i in range(len(day))],
            "entity_id": [f"p{p:03}" for p in place],
            "as_of": day,
            "occurred_at": day,
            "known_at": day + pd.Timedelta(days=90),
            "y_true": truth.ravel().astype(np.float64),
            "slot": np.tile(np.arange(len(asked)), places),
            "slot_start": day,
            "place": place.astype(np.float64),
            "kind": "all",
        }
    )
    return hold_cases(table.sort_values(["as_of", "case_id"], ignore_index=True), len(table))


def add_memory(cases, *, honest: bool):
    """Rows with the place's number and its last answer: known, or (a leak) merely asked before."""
    table = cases.table.sort_values(["entity_id", "as_of"])
    back = 7 if honest else 1  # 7 fortnights back the 90 days are over
    last = table.groupby("entity_id")["y_true"].shift(back)
    return make_rows(
        replace(cases, table=cases.table.assign(last=last.reindex(cases.table.index))),
        ("place", "last"),
    )


@pytest.mark.promise(2)
@pytest.mark.long
def test_noise_gives_nothing(observe):
    """50 noise targets with overlapping label windows: mean AUC 0.50 within 0.02."""
    spec = build_risk_spec(backtest={"folds": 2, "stride_days": 120, "min_train": 300})
    found = []
    for seed in range(50):
        cases = make_noise(seed)
        table = replay(cases, add_memory(cases, honest=True), spec).predictions.table
        found.append(measure_auc(table["y_true"].to_numpy(), table["y_pred"].to_numpy()).value)
    observe(f"mean AUC {np.mean(found):.4f} of {len(found)} targets")
    assert len(found) == 50
    assert abs(np.mean(found) - 0.5) < 0.02, np.mean(found)


def test_the_noise_would_show_a_leak():
    spec = build_risk_spec(backtest={"folds": 2, "stride_days": 120, "min_train": 300})
    cases = make_noise(0)
    table = replay(cases, add_memory(cases, honest=False), spec).predictions.table
    assert measure_auc(table["y_true"].to_numpy(), table["y_pred"].to_numpy()).value > 0.7


def test_what_is_cut_away_plans_the_same_folds():
    cases = make_cases()
    cut = cut_events(cases, pd.Timestamp("2021-01-01"))
    assert plan_listed_folds(cut, build_risk_spec()).test[-1].test_until <= pd.Timestamp(
        "2021-01-01"
    )


@pytest.mark.parametrize("least", [1, 11])
def test_a_small_count_of_either_answer_is_not_told(least):
    """A card hides its figures where 3 of 466 had no violation; so must what is said of rows."""
    cases = make_cases(days=240, a_day=12)
    n = np.arange(len(cases.table))
    few = (n % np.where(n < 0.5 * len(n), 20, 300) != 0).astype(float)
    cases = replace(cases, table=cases.table.assign(y_true=few))
    spec = build_risk_spec(policy={"small_cell": least})
    made = replay(cases, spec=spec)
    told = hide_answers(made.findings, made.models, made.predictions, least)
    assert [f.code for f in told] == [f.code for f in made.findings]
    found = {f.code: f.reason for f in told}
    told = found["backtest.calibration"] + found["backtest.rows"]
    assert ("of them yes" in told) == (least == 1)
    assert ("too few had one of the two outcomes" in told) == (least > 1)


def test_thin_evidence_is_said():
    cases = make_cases(days=150, a_day=4)
    spec = build_risk_spec(backtest={"folds": 1, "stride_days": 30, "min_train": 450})
    found = replay(cases, spec=spec)
    calibration = next(f for f in found.findings if f.code == "backtest.calibration")
    assert calibration.status is Status.NOT_ENOUGH
    assert found.final.calibration.chart.method == "identity"


def test_a_learner_with_too_few_rows_leaves_its_weight_to_the_others(backtest):
    cases = make_cases()
    spec = build_risk_spec()
    hungry = BoostedTrees("hungry", "trees", **{**HELD_BACK, "least_rows": 10**9})
    source = ListedRows(cases, make_rows(cases), spec, baselines=())
    found = run_backtest(
        source,
        plan_listed_folds(cases, spec),
        ProbabilityTarget(spec),
        (QUICK[1], hungry),
        spec.models,
    )
    table = found.predictions.table
    assert table["candidate.hungry"].isna().all()
    assert [m.candidate for m in found.final.models] == ["logistic"]
    assert found.final.blend == {"logistic": 1.0}
    for _, own in table.groupby("fold"):
        order = own.sort_values("candidate.logistic")["y_pred"]
        assert order.is_monotonic_increasing


def test_a_forecaster_of_series_is_refused():
    cases = make_cases(days=300)
    spec = build_risk_spec()
    source = ListedRows(cases, make_rows(cases), spec, baselines=())
    folds = plan_listed_folds(cases, spec)
    with pytest.raises(SpecError, match="forecasts series, and cases are none"):
        run_backtest(source, folds, ProbabilityTarget(spec), (THETA,), spec.models)
