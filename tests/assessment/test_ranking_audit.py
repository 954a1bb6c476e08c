from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.audit import Audit, audit_predictions
from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.ranking.measurer import ListMeasurer
from cityai.errors import SpecError
from cityai.findings import Finding, Status
from cityai.modeling.calibration import to_probability
from cityai.modeling.capacity import select_cases
from cityai.records.predictions import Predictions, build_predictions
from cityai.store.records import load_record, save_record
from tests.kinds import open_spec
from tests.modeling.made_cases import build_risk_spec, make_cases

ENTITY = {"columns": ["place"], "attributes": ["kind"], "label": "place", "label_plural": "places"}
KIND = {"kind": {"label": "Kind of place", "attribute": "kind"}}


def risk_spec(limits: dict | None = None, **changes):
    audit = {"dimensions": KIND, "limits": limits or {}}
    return build_risk_spec(audit=audit, question={"entity": ENTITY, **changes})


def predict(cases, spec, bias: float = 0.0) -> Predictions:
    """Nearly the true chances; `bias` in log-odds is added for shops."""
    table = cases.table
    odds = -1.5 + table["trait"].to_numpy() + bias * (table["kind"] == "shop").to_numpy()
    rng = np.random.default_rng(3)
    frame = table.assign(
        y_pred=to_probability(odds),
        fold=1 + (table["slot"] >= 60).astype(int),
        **{
            "baseline.random_order": 100 * rng.random(len(table)),
            "baseline.actual_order": 100.0 - table["slot"] / table["slot"].max() * 99,
            "baseline.past_rate": np.clip(table["y_true"].mean() + 0 * odds, 0, 1),
            "candidate.one": to_probability(0.5 * odds),
        },
    )
    chosen = select_cases(frame, frame["y_pred"].to_numpy(), spec.question.decision)
    if not spec.question.actual_order:
        frame = frame.drop(columns="baseline.actual_order")
    return build_predictions(
        frame.assign(decision=chosen.decision), unit="inspections", chosen="blend", kind="yes/no"
    )


def judge(cases, spec, bias: float = 0.0) -> Audit:
    groups = open_spec(spec).assign_groups(cases)
    return audit_predictions(predict(cases, spec, bias), groups, spec)


@pytest.fixture(scope="module")
def judged() -> tuple[Evaluation, Audit]:
    cases, spec = make_cases(days=120, a_day=20, places=400), risk_spec()
    return evaluate_predictions(predict(cases, spec), spec), judge(cases, spec)


def pick(table: pd.DataFrame, **where: object) -> pd.Series:
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_every_model_has_every_figure_or_a_reason(judged):
    metrics = judged[0].metrics
    assert set(metrics["model"]) == {
        "forecast", "candidate.one",
        "baseline.random_order", "baseline.actual_order", "baseline.past_rate",
    }  # fmt: skip
    assert set(metrics["slice"]) == {"overall", "1", "2"}
    missing = metrics[metrics["value"].isna() | metrics["low"].isna()]
    assert (missing["reason"] != "").all()
    ours = metrics[(metrics["model"] == "forecast") & (metrics["slice_kind"] == "overall")]
    assert ours["value"].notna().all()
    order = pick(metrics, model="baseline.random_order", metric="brier", slice="overall")
    assert "no probability" in order["reason"]


def test_comparisons_know_which_way_is_better(judged):
    table = judged[0].comparisons
    for metric in ("recall", "auc", "days_sooner", "first_half_share"):
        row = pick(table, baseline="random_order", metric=metric)
        assert row["verdict"] == ("pass" if metric == "recall" else "not applicable")
        assert row["low"] > 0
    brier = pick(table, baseline="past_rate", metric="brier")
    assert (brier["verdict"], brier["better"]) == ("not applicable", "low")
    assert brier["high"] < 0
    codes = {f.code: f.status for f in judged[0].findings}
    assert codes["evaluate.better_than_baselines.random_order"] is Status.PASS


def test_recall_and_precision_at_one_capacity_have_one_interval(judged):
    """Both are what was found over a constant: the same list, the same certainty."""
    table = judged[0].comparisons
    for name in ("random_order", "actual_order", "past_rate"):
        recall, precision = (
            pick(table, baseline=name, metric=metric) for metric in ("recall", "precision")
        )
        for end in ("low", "high"):
            assert recall[end] / recall["difference"] == pytest.approx(
                precision[end] / precision["difference"]
            )


def test_a_list_that_selects_on_other_days_is_no_less_sure_of_what_it_finds():
    """The spread of many draws beside the interval: recall's once was several times too wide."""
    spec = risk_spec(decision={"rule": "top", "capacity": 600, "per": "fold"})
    rng = np.random.default_rng(2)
    n, days = 2400, 120
    day = np.repeat(np.arange(days), n // days)
    # Ours follows the case, and the weather of the day that has nothing to do with it.
    weather = rng.normal(0, 3, days)[day]
    found, width = [], []
    for _ in range(40):
        odds = rng.normal(-1, 1, n)
        frame = pd.DataFrame(
            {
                "case_id": [f"c{i:05}" for i in range(n)],
                "entity_id": [f"p{i:05}" for i in range(n)],
                "occurred_at": pd.Timestamp("2020-01-01") + pd.to_timedelta(day, "D"),
                "fold": 1,
                "slot": 1,
                "y_true": (rng.random(n) < to_probability(odds)).astype(float),
                "y_pred": to_probability(odds + weather),
                "baseline.random_order": 100 * rng.random(n),
            }
        )
        rank = frame["y_pred"].rank(ascending=False, method="first")
        frame = frame.assign(decision=(rank <= 600).astype(float))
        predictions = Predictions(frame, 0.9, "inspections", "blend", "yes/no")
        pair = next(ListMeasurer(predictions, spec).compare("random_order"))
        assert pair.metric.name == "recall"
        found.append(pair.ours - pair.theirs)
        width.append(pair.margin)
    assert 0.8 < np.mean(width) / (1.96 * np.std(found, ddof=1)) < 1.9


def test_errors_of_two_years_do_not_cancel():
    """Six points too high in one test fold, six too low in the other: on the whole, none."""
    cases, spec = make_cases(days=120, a_day=40, places=2000), risk_spec()
    predictions = predict(cases, spec)
    table, rng = predictions.table, np.random.default_rng(1)
    chance = np.where(table["fold"] == 1, 0.36, 0.24) + 0.05 * rng.standard_normal(len(table))
    truth = (rng.random(len(table)) < chance + np.where(table["fold"] == 1, -0.1, 0.1)).astype(
        float
    )
    table = table.assign(y_pred=np.clip(chance, 0.02, 0.98), y_true=truth)
    found = evaluate_predictions(replace(predictions, table=table), spec)
    told = next(f for f in found.findings if f.code == "evaluate.calibration")
    assert told.status is Status.FAIL
    assert abs(chance.mean() - truth.mean()) < 0.02
    assert "Each test period is held against that by itself." in told.reason
    assert "Farthest off was test period" in told.reason
    assert "the limit is 3 points" in told.reason
    assert abs(told.observed) == pytest.approx(0.1, abs=0.02)


def test_a_worse_list_is_told_so():
    cases, spec = make_cases(days=120, a_day=20, places=400), risk_spec()
    predictions = predict(cases, spec)
    table = predictions.table
    turned = table.assign(
        y_pred=1 - table["y_pred"], **{"baseline.random_order": 100 * table["y_pred"]}
    )
    chosen = select_cases(turned, turned["y_pred"].to_numpy(), spec.question.decision)
    turned = turned.assign(decision=chosen.decision)
    found = evaluate_predictions(replace(predictions, table=turned), spec)
    codes = {f.code: f.status for f in found.findings}
    assert codes["evaluate.better_than_baselines.random_order"] is Status.FAIL
    assert codes["evaluate.calibration"] is Status.FAIL


def test_the_slider_rises_with_the_capacity(judged):
    slider = judged[0].at_capacity
    ours = slider[slider["model"] == "forecast"]
    assert ours["declared"].sum() == 1
    assert pick(ours, declared=True)["capacity"] == 3
    shown = ours[ours["reason"] == ""]
    assert (np.diff(shown["recall"]) > 0).all()
    assert (np.diff(shown["precision"]) <= 0.03).all()
    assert pick(shown, capacity=3)["recall"] == pytest.approx(
        pick(judged[0].metrics, model="forecast", metric="recall", slice="overall")["value"]
    )


def test_a_threshold_has_a_slider_too():
    spec = build_risk_spec(decision={"rule": "threshold", "threshold": 0.4})
    found = evaluate_predictions(predict(make_cases(days=120, a_day=20, places=400), spec), spec)
    assert not found.at_capacity["declared"].any()
    assert len(found.at_capacity) > 3


def test_days_sooner_is_not_said_where_nothing_was_worked_off_in_time():
    spec = risk_spec(actual_order=False)
    found = evaluate_predictions(predict(make_cases(days=120, a_day=20, places=400), spec), spec)
    row = pick(found.metrics, model="forecast", metric="days_sooner", slice="overall")
    assert np.isnan(row["value"])
    assert "order of their time" in row["reason"]


def test_few_cases_are_not_told():
    cases = make_cases(days=120, a_day=20, places=400)
    rare = cases.table["y_true"] * (np.arange(len(cases.table)) % 150 == 0)
    found = evaluate_predictions(
        predict(replace(cases, table=cases.table.assign(y_true=rare)), risk_spec()), risk_spec()
    )
    assert 0 < rare.sum() < 11
    assert found.metrics["value"].isna().all()
    assert found.comparisons["value"].isna().all()


def test_shares_over_need_are_one_over_everyone_and_add_up(judged):
    table = judged[1].table
    for metric in ("selection_for_need", "exposure_for_need"):
        assert pick(table, dimension="overall", metric=metric)["value"] == pytest.approx(1)
        own = table[(table["dimension"] == "kind") & (table["metric"] == metric)]
        share = own["size"] / own["size"].sum()
        assert (own["value"] * share).sum() == pytest.approx(1)


def test_a_list_that_passes_a_group_over_is_found():
    cases = make_cases(days=200, a_day=20, places=600)
    spec = risk_spec({"selection_for_need": 0.2, "false_negative_rate": 0.1, "calibration": 0.3})
    found = judge(cases, spec, bias=-1.0)
    told = {(f.code, f.subject): f.status for f in found.findings}
    assert told["audit.selection_for_need", "kind=shop"] is Status.FAIL
    assert told["audit.false_negative_rate", "kind=shop"] is Status.FAIL
    shop = pick(found.slopes, dimension="kind", group="shop")
    assert shop["intercept_low"] > 0.5
    assert shop["error"] > 3 * shop["chance"]
    even = judge(cases, spec)
    bar = pick(even.slopes, dimension="kind", group="bar")
    assert bar["intercept_low"] < 0.2
    assert not any(f.status is Status.FAIL for f in even.findings if "selection" in f.code)


def look_more(cases, times: int):
    """Look at shops again and again: every case of theirs counts so often."""
    table = cases.table
    shops = table[table["kind"] == "shop"]
    more = [shops.assign(case_id=shops["case_id"] + f"x{i}") for i in range(times - 1)]
    whole = pd.concat([table, *more]).sort_values(["as_of", "case_id"], ignore_index=True)
    return replace(cases, table=whole)


def test_where_one_looked_more_is_found():
    cases, spec = make_cases(days=60, a_day=20, places=400), risk_spec()
    more = judge(look_more(cases, 3), spec)
    finding = next(f for f in more.findings if f.code == "audit.inspected_more")
    assert finding.status is Status.FAIL
    assert "depends on who was looked at" in finding.reason
    shop = pick(more.attention, group="shop")
    assert shop["ratio"] > 1.25
    assert shop["ratio_low"] > 1.25
    even = judge(cases, spec)
    finding = next(f for f in even.findings if f.code == "audit.inspected_more")
    assert finding.status is Status.PASS
    assert even.attention["entities"].sum() == pytest.approx(cases.table["entity_id"].nunique())


def test_its_limit_can_be_set():
    cases = look_more(make_cases(days=60, a_day=20, places=400), 3)
    found = judge(cases, risk_spec({"inspected_more": 5.0}))
    finding = next(f for f in found.findings if f.code == "audit.inspected_more")
    assert (finding.status, finding.limit) == (Status.PASS, 5.0)
    with pytest.raises(SpecError, match="no audited metric 'fairness'"):
        judge(cases, risk_spec({"fairness": 0.1}))


def test_parts_of_an_entity_stay_one():
    """A place that was a bar and became a shop is one place, not two."""
    cases = make_cases(days=60, a_day=20, places=100)
    table = cases.table
    became = np.where(table["slot"] < 30, "bar", table["kind"])
    moved = replace(cases, table=table.assign(kind=became))
    spec = risk_spec()
    groups = open_spec(spec).assign_groups(moved)
    found = audit_predictions(predict(moved, spec), groups, spec)
    assert found.attention["entities"].sum() == pytest.approx(100)


def test_small_groups_are_hidden_everywhere():
    cases = make_cases(days=60, a_day=20, places=400)
    kind = np.where(cases.table["entity_id"] == "p001", "kiosk", cases.table["kind"])
    found = judge(replace(cases, table=cases.table.assign(kind=kind)), risk_spec())
    for table in (found.slopes, found.attention):
        kiosk = pick(table, group="kiosk")
        assert kiosk["reason"]
        assert kiosk.drop(["dimension", "group", "reason"]).isna().all()
    assert "kiosk" not in set(found.curves["group"])


def test_where_all_is_hidden_there_is_a_table_of_no_rows(tmp_path):
    cases = make_cases(days=60, a_day=20, places=400)
    all_but = (np.arange(len(cases.table)) > 2).astype(float)
    found = judge(replace(cases, table=cases.table.assign(y_true=all_but)), risk_spec())
    assert found.curves.empty
    assert found.slopes["slope"].isna().all()
    save_record(found, tmp_path / "kept")
    assert load_record(Audit, tmp_path / "kept").curves.columns.tolist() == [*found.curves.columns]


def test_the_records_can_be_kept(judged, tmp_path):
    for record in judged:
        save_record(record, tmp_path / "kept")
        again = load_record(type(record), tmp_path / "kept")
        assert again.findings == record.findings


def test_what_was_found_while_groups_were_assigned_is_a_finding_of_the_audit():
    cases, spec = make_cases(days=60, a_day=10, places=100), risk_spec()
    found = Finding("audit.unknown_area", Status.FAIL, "Every row lies in a known area", "1 row.")
    groups = replace(open_spec(spec).assign_groups(cases), findings=(found,))
    assert found in audit_predictions(predict(cases, spec), groups, spec).findings
