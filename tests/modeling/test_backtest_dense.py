from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError, TimeError
from cityai.findings import Status
from cityai.modeling.ahead import look_ahead
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.forecasters.baselines import choose_baselines
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.classical import SMOOTHING, THETA
from cityai.modeling.forecasters.protocol import choose_candidates, list_learners
from cityai.modeling.layouts.dense import (
    DenseRows,
    _find_scales,
    _plan_training,
    find_origin,
    plan_dense_folds,
    read_history,
    read_labels,
)
from cityai.modeling.targets import AmountTarget
from tests.modeling.conftest import build_panel, build_spec, draw_values, lay_rows

TREES = BoostedTrees("trees", "trees", rounds=25, leaves=7)
CANDIDATES = (TREES, THETA, SMOOTHING)


def run(panel, spec, candidates=CANDIDATES, rows_at=None, baselines=None, **choices) -> Backtest:
    folds = plan_dense_folds(build_panel(), spec) if rows_at else plan_dense_folds(panel, spec)
    chosen = choose_candidates(candidates, spec.models)
    source = DenseRows(
        panel,
        rows_at or lay_rows(panel, spec),
        folds,
        spec,
        learners=list_learners(chosen),
        baselines=choose_baselines(spec.question.period) if baselines is None else baselines,
        **choices,
    )
    return run_backtest(source, folds, AmountTarget(spec, source), chosen, spec.models)


@pytest.fixture(scope="module")
def backtest():
    return run(build_panel(), build_spec())


def test_every_fold_entity_and_step_is_there_once(backtest):
    table = backtest.predictions.table
    assert len(table) == 4 * 12 * 3
    assert table["fold"].unique().tolist() == [1, 2, 3, 4]
    panel = build_panel()
    entity = table["entity_id"].str[1:].astype(int)
    np.testing.assert_array_equal(table["y_true"], panel.final[table["period"], entity])
    assert (table["period_start"] >= table["as_of"]).all()
    assert backtest.predictions.baselines == ("seasonal_naive", "recent_mean")
    assert backtest.predictions.candidates == ("trees", "theta", "smoothing")


def test_the_forecast_is_the_blend_and_good(backtest):
    table = backtest.predictions.table
    weights = backtest.weights.pivot(index="fold", columns="candidate", values="weight")
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    mixed = sum(
        table[f"candidate.{name}"] * table["fold"].map(weights[name]) for name in weights.columns
    )
    np.testing.assert_allclose(mixed, table["y_pred"], rtol=1e-9)

    def error(column):
        return (table[column] - table["y_true"]).abs().sum()

    assert error("y_pred") < error("baseline.seasonal_naive")
    assert error("y_pred") < error("baseline.recent_mean")
    inside = (table["y_true"] >= table["y_low"]) & (table["y_true"] <= table["y_high"])
    assert 0.75 < inside.mean() <= 1


def test_the_same_input_gives_the_same_bytes_for_any_number_of_threads():
    panel = build_panel()
    tables = [
        run(panel, build_spec(models={"threads": threads})).predictions.table for threads in (1, 3)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_tripwire_the_future_changes_no_earlier_forecast():
    """Shuffle all values from a fold's origin on: its forecasts stay, bit for bit."""
    spec, values = build_spec(), draw_values()
    panel = build_panel(values)
    cut = find_origin(panel, plan_dense_folds(panel, spec).test[1])
    shuffled = values.copy()
    shuffled[cut:] = np.random.default_rng(1).permutation(shuffled[cut:].ravel()).reshape(-1, 12)
    before, after = (run(build_panel(v), spec).predictions.table for v in (values, shuffled))
    columns = [c for c in before if c not in ("y_true", "fold")]
    early = before["fold"] <= 2
    pd.testing.assert_frame_equal(
        before.loc[early, columns], after.loc[early, columns], check_exact=True
    )
    assert not before.loc[~early, "y_pred"].equals(after.loc[~early, "y_pred"])


def test_immature_labels_are_never_learnt_from():
    """With a delay, the newest totals at an origin may hold anything."""
    spec = build_spec(backtest={"folds": 3, "calibration": 4})
    values = draw_values()
    panel = build_panel(values, delay=2)
    fold = plan_dense_folds(panel, spec).test[-1]
    spoilt = values.copy()
    until = int(panel.periods.index(pd.DatetimeIndex([fold.train_until]))[0])
    spoilt[until:] *= 50
    before, after = (run(p, spec).predictions.table for p in (panel, build_panel(spoilt, delay=2)))
    columns = ["y_pred", "y_low", "y_high", "candidate.trees", "candidate.theta"]
    last = before["fold"] == 3
    pd.testing.assert_frame_equal(
        before.loc[last, columns], after.loc[last, columns], check_exact=True
    )


def test_labels_are_those_seen_at_the_origin():
    late = pd.DataFrame({"period": [10], "entity": [0], "known": [40], "value": [3.0]})
    panel = build_panel(late=late)
    count = len(panel.entity_ids)
    cells = 10 * count + np.array([0, 1])
    early, final = read_labels(panel, 30, cells), read_labels(panel, 40, cells)
    assert early[0] == final[0] - 3
    assert early[1] == final[1]
    assert np.isnan(read_labels(panel, 30, np.array([30 * count]))[0])


def test_labels_equal_those_of_one_cell_at_a_time():
    rng = np.random.default_rng(4)
    late = {"period": [10, 20], "entity": [0, 3], "known": [40, 31], "value": [3.0, 5.0]}
    panel = build_panel(late=pd.DataFrame(late))
    count = len(panel.entity_ids)
    cells = rng.integers(0, (panel.periods.count + 4) * count, 500)
    for origin in (0, 1, 31, panel.periods.count):
        known, until = panel.known_at(origin), panel.mature_until(origin)
        one = [known[c // count, c % count] if c // count < until else np.nan for c in cells]
        np.testing.assert_array_equal(read_labels(panel, origin, cells), one)


def test_the_final_model_forecasts_the_next_periods(backtest):
    panel, spec = build_panel(), build_spec()
    rows = lay_rows(panel, spec)([panel.periods.start(72)]).table
    asked = read_history(panel, 72, spec)
    entity = rows["entity_id"].cat.codes.to_numpy()
    frame = rows.assign(
        **{
            f"candidate.{m.name}": m.forecast(asked)[rows["step"] - 1, entity]
            for m in (THETA, SMOOTHING)
        }
    )
    found = backtest.final.predict(frame)
    known = (THETA, SMOOTHING)
    ahead = look_ahead(panel, lay_rows(panel, spec), backtest.final, spec, known).table
    assert ahead["entity_id"].tolist() == rows["entity_id"].astype(str).tolist()
    for name in ("y_pred", "y_low", "y_high"):
        np.testing.assert_allclose(ahead[name], found[name], rtol=1e-12)
    assert ahead.loc[ahead["step"] == 1, "period_start"].unique() == [panel.periods.start(72)]
    assert sum(backtest.final.blend.values()) == pytest.approx(1)
    mixed = sum(found[f"candidate.{n}"] * w for n, w in backtest.final.blend.items())
    np.testing.assert_allclose(found["y_pred"], mixed, rtol=1e-9)
    assert ((found["y_low"] <= found["y_pred"]) & (found["y_pred"] <= found["y_high"])).all()
    usual = panel.final[-12:].mean(axis=0)[entity]
    assert np.abs(found["y_pred"] - usual).sum() / usual.sum() < 0.5
    for broken in (frame.drop(columns="candidate.theta"), frame.assign(step=9)):
        with pytest.raises(DataError):
            backtest.final.predict(broken)


def test_a_new_entity_an_idle_one_and_a_gap():
    values = draw_values()
    values[:58, 3] = np.nan
    values[40:, 5] = 0.0
    values[65, 7] = np.nan
    table = run(build_panel(values), build_spec()).predictions.table
    assert "E03" in set(table["entity_id"])
    assert not ((table["entity_id"] == "E07") & (table["period"] == 65)).any()
    figures = table[["y_pred", "y_low", "y_high"]]
    assert np.isfinite(figures.to_numpy()).all()
    idle = table[table["entity_id"] == "E05"]
    assert idle["scale"].isna().sum() == 0
    assert idle["y_pred"].max() < 2


def test_rows_left_out_are_counted():
    values = draw_values()
    values[65, 7] = np.nan
    found = {f.code: f for f in run(build_panel(values), build_spec()).findings}
    assert found["backtest.rows"].observed == 1
    assert "144 rows of 12 entities" in found["backtest.rows"].reason
    assert found["backtest.calibration"].status is Status.PASS


def test_the_city_rule_is_one_more_baseline():
    rule = pd.DataFrame({"entity_id": ["E00"], "period": [60], "value": [42.0]})
    table = run(build_panel(), build_spec(), city_rule=rule).predictions.table
    told = table.loc[table["baseline.city_rule"].notna()]
    assert told[["entity_id", "period", "baseline.city_rule"]].values.tolist() == [
        ["E00", 60, 42.0]
    ]


class Failing:
    """A learner that fails in one of its steps, at a fold or later."""

    name, label, most_rows, least_rows = "failing", "failing", None, 0

    def __init__(self, step, most):
        self.step, self.most = step, most

    def fit(self, table, y, **_):
        self._fail("fit", len(y))
        fitted = TREES.fit(table, y, **_)
        return SimpleNamespace(
            saved=fitted.saved,
            predict=lambda asked: self._fail("predict", len(y)) or fitted.predict(asked),
        )

    def _fail(self, step, rows):
        if step == self.step and rows > self.most:
            raise DataError("it fails", where="models.py:3, mine()")


@pytest.mark.parametrize(
    ("step", "most", "said"),
    [
        ("fit", 0, r"at calibration fold -\d+ \(20\d\d-\d\d-\d\d\): it fails"),
        ("fit", 1900, r"at test fold 1 \(20\d\d-\d\d-\d\d\): it fails"),
        ("predict", 0, r"at calibration fold -\d+ \(20\d\d-\d\d-\d\d\): it fails"),
    ],
)
def test_a_failure_names_its_fold(step, most, said):
    with pytest.raises(DataError, match=r"models\.py:3, mine\(\), " + said):
        run(build_panel(), build_spec(), candidates=(Failing(step, most),))


def test_parameters_of_all_candidates_are_known(backtest):
    settings = backtest.final.settings
    assert settings["trees"]["num_leaves"] == "7"
    assert settings["trees"]["rounds"] == "25"
    assert settings["theta"]["theta"].startswith("[1.0, ")
    assert settings["smoothing"]["level"].startswith("(0.03, ")


def test_series_alone_need_no_trees():
    found = run(build_panel(), build_spec(models={"candidates": ["theta"]}))
    assert [m.models for m in found.models] == [()] * 4
    assert found.final.models == ()
    np.testing.assert_array_equal(
        found.predictions.table["y_pred"], found.predictions.table["candidate.theta"]
    )


def test_each_test_fold_keeps_its_trees(backtest):
    assert [m.as_of for m in backtest.models] == [f.as_of for f in backtest.folds.test]
    assert {m.candidate for fold in backtest.models for m in fold.models} == {"trees"}
    assert len({fold.models[0].content for fold in backtest.models}) == 4


def test_several_learners_take_part():
    more = replace(TREES, name="more", leaves=3, most_rows=300)
    found = run(build_panel(), build_spec(), candidates=(TREES, more, THETA))
    assert found.predictions.candidates == ("trees", "more", "theta")
    assert [m.candidate for m in found.final.models] == ["trees", "more"]
    assert [m.rows for m in found.final.models][1] == 300
    assert "candidate.more" not in found.final.list_inputs()


def test_learners_of_a_fold_learn_from_the_rows_that_each_would_draw_alone():
    few = replace(TREES, name="few", most_rows=300)
    other, again = replace(few, name="other", leaves=3), replace(few, name="again")
    together = run(build_panel(), build_spec(), candidates=(few, other, TREES, again))
    for learner in (few, other, again):
        alone = run(build_panel(), build_spec(), candidates=(TREES, learner))
        assert alone.final.models[1] in together.final.models
        assert all(
            a.models[1] in t.models for a, t in zip(alone.models, together.models, strict=True)
        )
        name = f"candidate.{learner.name}"
        pd.testing.assert_series_equal(
            together.out_of_sample[name], alone.out_of_sample[name], check_exact=True
        )


def test_a_learner_with_too_few_rows_leaves_its_weight_to_the_others():
    hungry = replace(TREES, name="hungry", least_rows=10**9)
    found = run(build_panel(), build_spec(), candidates=(hungry, THETA))
    table = found.predictions.table
    assert table["candidate.hungry"].isna().all()
    np.testing.assert_array_equal(table["y_pred"], table["candidate.theta"])
    assert found.final.models == ()
    # And so it does for what comes next, which takes no forecast of it.
    assert found.final.blend == {"theta": 1.0}
    assert "candidate.hungry" not in found.final.list_inputs()
    assert set(found.weights["candidate"]) == {"theta"}


def test_too_few_rows_for_every_candidate_are_said():
    hungry = replace(TREES, name="hungry", least_rows=10**9)
    with pytest.raises(DataError, match="too few rows with an outcome") as caught:
        run(build_panel(), build_spec(), candidates=(hungry,))
    assert "1,000,000,000 rows" in str(caught.value)


def test_nobody_asked_about_is_said():
    panel = build_panel()
    silent = replace(panel, active=np.zeros_like(panel.active))
    spec = build_spec(models={"candidates": ["theta"]})
    rows = lay_rows(panel, spec)

    def rows_at(moments=None, known_before=None):
        made = rows(moments)
        return replace(made, table=made.table.iloc[:0])

    with pytest.raises(TimeError, match="nothing that was asked about"):
        run(silent, spec, rows_at=rows_at, baselines=())


def test_scales_equal_a_loop():
    panel = build_panel()
    found = _find_scales(panel, 60)
    for e in range(12):
        series = panel.final[:60, e]
        assert found[e] == pytest.approx(np.mean(np.abs(series[12:] - series[:-12])))
    assert np.isnan(_find_scales(build_panel(np.full((72, 2), 4.0)), 60)).all()


def test_an_interval_is_never_invented():
    panel = build_panel()
    spec = build_spec(models={"candidates": ["theta"]})
    active = panel.active.copy()
    active[: find_origin(panel, plan_dense_folds(panel, spec).test[0])] = False
    with pytest.raises(TimeError, match="no labels were mature"):
        run(replace(panel, active=active), spec)


@pytest.mark.parametrize(("period", "season"), [("day", 7), ("week", 52), ("month", 12)])
def test_training_leaves_out_no_phase_of_the_season(period, season):
    panel = build_panel(draw_values(400, 12), period=period)
    spec = build_spec(period=period, horizon=2)
    few = replace(TREES, most_rows=1000)
    learning = _plan_training(panel, spec, 400, [few])
    assert len(learning) * 12 * 2 <= 2000
    stride = learning[1] - learning[0]
    assert np.gcd(stride, season) == 1
    assert learning[-1] == 399
    assert _plan_training(panel, spec, 400, []) == ()


@pytest.mark.promise(32)
def test_training_stays_within_memory_for_many_entities(observe):
    panel = build_panel(np.ones((60, 4000)))
    learning = _plan_training(panel, build_spec(horizon=40), 60, [TREES])
    observe(f"4,000 places: {len(learning) * 4000 * 40:,} rows laid out for training")
    assert 2 <= len(learning) <= 1_500_000 // (4000 * 40)


@pytest.mark.parametrize("value", [-500.0, -1.0, 2.0])
def test_totals_are_below_zero_only_where_one_that_was_known_is(value):
    """A correction that is negative may leave every total above 0, or come after a fold."""
    late = {"period": [40], "entity": [2], "known": [60], "value": [value]}
    panel, spec = build_panel(late=late), build_spec()
    folds = plan_dense_folds(panel, spec)
    source = DenseRows(panel, lay_rows(panel, spec), folds, spec, learners=(), baselines=())
    for fold in folds.folds:
        known = panel.known_at(find_origin(panel, fold))
        assert source.is_nonnegative(fold) == (not (known < 0).any())
