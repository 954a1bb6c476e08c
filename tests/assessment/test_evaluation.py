from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment import amounts
from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.metrics import find_metric
from cityai.card.verify.count import Formulas, prepare_table
from cityai.findings import Finding, Status

Make = Callable[..., object]


def pick(found: Evaluation, model: str, metric: str, kind: str, label: str) -> pd.Series:
    table = found.metrics
    mask = (table.model == model) & (table.metric == metric)
    mask &= (table.slice_kind == kind) & (table.slice == label)
    assert mask.sum() == 1
    return table[mask].iloc[0]


def pick_finding(found: Evaluation) -> Finding:
    code = "evaluate.better_than_baselines.naive"
    return next(f for f in found.findings if f.code == code)


def test_every_slice_equals_direct_computation(make_predictions: Make, make_spec: Make) -> None:
    predictions = make_predictions()
    found = evaluate_predictions(predictions, make_spec())
    table = predictions.table
    for kind, column in (("fold", "fold"), ("step", "step"), ("entity", "entity_id")):
        for label, part in table.groupby(column):
            error = (part.y_pred - part.y_true).abs()
            row = pick(found, "forecast", "wape", kind, str(label))
            assert row.value == pytest.approx(error.sum() / part.y_true.sum(), rel=1e-12)
            assert row.n == len(part)
    naive = (table["baseline.naive"] - table.y_true).abs().mean()
    row = pick(found, "baseline.naive", "mae", "overall", "overall")
    assert row.value == pytest.approx(naive)
    assert set(found.metrics.model) == {"forecast", "baseline.naive", "candidate.other"}
    other = found.metrics[found.metrics.model != "forecast"]
    assert not set(other.metric) & {"coverage", "interval_width"}
    assert set(other.slice_kind) == {"overall", "fold", "step"}  # by place, the forecast alone


def test_slices_are_those_of_the_texts_of_every_row() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 4, 200)
    table = pd.DataFrame(
        {
            "fold": rng.integers(1, 12, 200),
            "step": rng.integers(1, 4, 200).astype(np.int16),
            "area_id": pd.Categorical(np.array(["b", "é", "a", None], object)[drawn]),
            "entity_id": np.array([10, "10", "z", 2.5], object)[drawn],
            "y_true": rng.poisson(3, 200).astype(float),
        }
    )
    for part, column in zip([*amounts._find_slices(table, 0)][1:], table, strict=False):
        values = table[column].to_numpy(object if column.endswith("_id") else None)
        values = values.astype(str) if column.endswith("_id") else values
        labels, code = np.unique(values, return_inverse=True)
        assert part.labels == tuple(map(str, labels))
        np.testing.assert_array_equal(part.code, code)


def test_figures_do_not_depend_on_how_many_slices_are_bounded_at_once(
    make_predictions: Make, make_spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = make_predictions(folds=8)
    together = evaluate_predictions(predictions, make_spec()).metrics
    monkeypatch.setattr(amounts, "AT_ONCE", 2)
    apart = evaluate_predictions(predictions, make_spec()).metrics
    assert together.low.notna().any()
    pd.testing.assert_frame_equal(together, apart, rtol=1e-12)


def test_rows_without_scale_are_left_out_of_mase_and_counted(
    make_predictions: Make, make_spec: Make
) -> None:
    predictions = make_predictions()
    found = evaluate_predictions(predictions, make_spec())
    row = pick(found, "forecast", "mase", "overall", "overall")
    table = predictions.table
    usable = table.scale.notna()
    scaled = (table.y_pred - table.y_true).abs() / table.scale
    assert row.value == pytest.approx(scaled[usable].mean(), rel=1e-12)
    assert row.left_out == (~usable).sum() == 16
    first = pick(found, "forecast", "mase", "entity", "a00")
    assert math.isnan(first.value)
    assert "scale" in first.reason


def test_one_fold_has_no_interval_and_says_why(make_predictions: Make, make_spec: Make) -> None:
    found = evaluate_predictions(make_predictions(), make_spec())
    row = pick(found, "forecast", "mae", "fold", "3")
    assert math.isnan(row.low)
    assert "No interval from 1 test periods" in row.reason
    whole = pick(found, "forecast", "mae", "overall", "overall")
    assert whole.low < whole.value < whole.high
    assert whole.reason == ""
    long = evaluate_predictions(make_predictions(folds=104), make_spec())
    assert pick(long, "forecast", "mae", "overall", "overall").reason == ""


def test_a_better_forecast_is_better_and_a_worse_one_worse(
    make_predictions: Make, make_spec: Make
) -> None:
    predictions = make_predictions(folds=12)
    table = predictions.table
    awful = replace(
        predictions, table=table.assign(**{"baseline.naive": table.y_true + 100.0 + table.fold % 3})
    )
    found = evaluate_predictions(awful, make_spec())
    verdicts = found.comparisons.verdict.tolist()
    assert verdicts == [Status.PASS.value, *[Status.NOT_APPLICABLE.value] * 3]
    assert (found.comparisons.high < 0).all()
    finding = pick_finding(found)
    assert finding.code == "evaluate.better_than_baselines.naive"
    assert finding.status is Status.PASS
    told = (
        "The forecast is better. It was better in 12 of 12 test periods, and over all of them for"
    )
    assert told in finding.reason
    perfect = replace(predictions, table=table.assign(**{"baseline.naive": table.y_true}))
    found = evaluate_predictions(perfect, make_spec())
    assert pick_finding(found).status is Status.FAIL
    lenient = evaluate_predictions(perfect, make_spec(better_than_baselines=False))
    finding = pick_finding(lenient)
    assert finding.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("seed", range(8))
def test_a_pair_has_one_verdict(make_predictions: Make, make_spec: Make, seed: int) -> None:
    predictions = make_predictions(folds=10)
    rng = np.random.default_rng(seed)
    table = predictions.table
    # Busy periods are missed by more: a mean error is uncertain where a share of the amount is not.
    busy = 1 + 5 * rng.uniform(size=11)[table.fold.to_numpy()]
    truth = table.y_true * busy
    table = table.assign(
        y_true=truth,
        y_pred=truth * (1 + 0.1 * rng.standard_normal(len(table))),
        **{"baseline.naive": truth * (1 + 0.115 * rng.standard_normal(len(table)))},
    )
    found = evaluate_predictions(replace(predictions, table=table), make_spec())
    finding = pick_finding(found)
    first, *others = found.comparisons.to_dict("records")
    assert first["metric"] == "wape"
    assert (finding.status.value, finding.reason) == (first["verdict"], first["sentence"])
    assert finding.observed == first["difference"]
    for row in others:
        assert row["verdict"] == Status.NOT_APPLICABLE
        assert row["sentence"].endswith("Another figure decides which is better.")


def test_comparison_pairs_rows_where_the_baseline_exists(
    make_predictions: Make, make_spec: Make
) -> None:
    predictions = make_predictions()
    table = predictions.table
    naive = table["baseline.naive"].where(table.fold > 1)
    found = evaluate_predictions(
        replace(predictions, table=table.assign(**{"baseline.naive": naive})), make_spec()
    )
    row = found.comparisons.iloc[0]
    part = table[table.fold > 1]
    assert row.n == len(part)
    assert row.n_blocks == 7
    assert row.value == pytest.approx((part.y_pred - part.y_true).abs().sum() / part.y_true.sum())
    absent = replace(predictions, table=table.assign(**{"baseline.naive": np.nan}))
    row = evaluate_predictions(absent, make_spec()).comparisons.iloc[0]
    assert row.verdict == Status.NOT_APPLICABLE
    assert "made no forecast" in row.sentence


def test_coverage_is_judged_with_its_interval(make_predictions: Make, make_spec: Make) -> None:
    predictions = make_predictions(folds=104, entities=40, steps=2)
    table = predictions.table
    rng = np.random.default_rng(0)
    hit = rng.uniform(size=len(table)) < 0.9
    low = np.where(hit, table.y_true - 1, table.y_true + 1)
    good = replace(predictions, table=table.assign(y_low=low, y_high=table.y_true + 2))
    found = evaluate_predictions(good, make_spec())
    finding = next(f for f in found.findings if f.code == "evaluate.coverage")
    assert finding.status is Status.PASS
    low = np.where(rng.uniform(size=len(table)) < 0.6, table.y_true - 1, table.y_true + 1)
    bad = replace(predictions, table=table.assign(y_low=low, y_high=table.y_true + 2))
    finding = next(
        f for f in evaluate_predictions(bad, make_spec()).findings if f.code == "evaluate.coverage"
    )
    assert finding.status is Status.FAIL
    assert "more than 3 points off" in finding.reason


def test_small_entities_are_not_shown(make_predictions: Make, make_spec: Make) -> None:
    predictions = make_predictions()
    table = predictions.table
    rare = table.entity_id == "a05"
    found = evaluate_predictions(
        replace(predictions, table=table.assign(y_true=table.y_true.where(~rare, 0.0))),
        make_spec(),
    )
    row = pick(found, "forecast", "mae", "entity", "a05")
    assert math.isnan(row.value)
    assert math.isnan(row.n)
    assert "Not shown" in row.reason
    part = found.metrics.query("model == 'forecast' and metric == 'mae' and slice_kind == 'entity'")
    assert part.value.isna().sum() == 2


@pytest.mark.parametrize(("entities", "shares"), [(1, False), (2, True)])
def test_capacity_is_shared_between_places_not_within_one(
    make_predictions: Make, make_spec: Make, entities: int, shares: bool
) -> None:
    """All of one place's capacity goes to it: a need not met of 0 would be so by construction."""
    found = evaluate_predictions(make_predictions(folds=8, entities=entities), make_spec())
    assert ("unmet_need" in set(found.metrics["metric"])) is shares
    assert ("idle_capacity" in set(found.metrics["metric"])) is shares
    assert "wape" in set(found.metrics["metric"])


def test_no_share_is_bounded_beyond_what_is_possible(
    make_predictions: Make, make_spec: Make
) -> None:
    predictions = make_predictions(folds=12)
    table = predictions.table
    # Outside the range in one fold only, and wholly.
    high = np.where(table.fold == 3, 0.0, 1e9)
    predictions = replace(predictions, table=table.assign(y_low=-1.0, y_high=high))
    found = evaluate_predictions(predictions, make_spec())
    row = pick(found, "forecast", "coverage", "overall", "overall")
    assert 0 < row.low < row.value < row.high < 1
    shares = found.metrics[
        found.metrics.metric.isin(["coverage", "under_forecast_share", "unmet_need"])
    ].dropna(subset=["low"])
    assert len(shares) > 20
    assert (shares.low >= 0).all()
    assert (shares.high <= 1).all()


def test_a_baseline_that_is_silent_about_some_rows_is_counted_on_the_others_by_both(
    make_predictions: Make, make_spec: Make
) -> None:
    """Every figure of amounts, counted again by other code on the rows that it answers."""
    predictions = make_predictions(folds=8, steps=2)
    silent = (predictions.table.entity_id < "a03") & (predictions.table.fold <= 2)
    table = predictions.table.assign(
        **{"baseline.naive": predictions.table["baseline.naive"].where(~silent)}
    )
    found = evaluate_predictions(replace(predictions, table=table), make_spec()).metrics
    own = found[(found.model == "baseline.naive") & (found.slice_kind == "overall")]
    again = prepare_table(table, "baseline.naive")
    values = own.set_index("metric")["value"].dropna()
    assert {"wape", "unmet_need", "idle_capacity", "bias"} <= set(values.index)
    for name, value in values.items():
        metric = find_metric(str(name))
        assert metric is not None
        counted = Formulas(again).count(metric, np.ones(len(again)))
        assert counted.value == pytest.approx(value, rel=1e-9), name
