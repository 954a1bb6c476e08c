from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.spending import find_times, spend_budget
from cityai.assessment.worth import AREA_CODE, SIMPLE_CODE
from cityai.card.record.ranked import WorthPart, WorthWay
from cityai.card.verify.worth import list_worth_claims
from cityai.findings import Finding, Status
from cityai.records.predictions import Predictions, build_predictions
from tests.modeling.made_cases import build_risk_spec

Make = Callable[..., Predictions]


def make_list(seed: int = 0, days: int = 60, a_day: int = 20, capacity: int = 5) -> Predictions:
    """Cases with a chance that is known, and simple rules of several strengths."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    day = np.repeat(np.arange(days), a_day)
    chance = rng.beta(1, 3, n)
    table = pd.DataFrame(
        {
            "case_id": [f"c{i:05}" for i in rng.permutation(n)],
            "entity_id": [f"p{i % 300}" for i in range(n)],
            "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "occurred_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "fold": 1 + day // 30,
            "slot": day,
            "slot_start": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "y_true": (rng.random(n) < chance).astype(float),
            "y_pred": chance,
            "baseline.area_average": chance + rng.normal(0, 0.5, n),
            "baseline.past_rate": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
            "baseline.city_score": rng.random(n),
        }
    )
    place = table.groupby("slot")["y_pred"].rank(ascending=False, method="first")
    table["decision"] = (place <= capacity).astype(float)
    return build_predictions(table, unit="cases", chosen="blend", kind="yes/no")


def make_amounts(make: Make, **choices: object) -> Predictions:
    made = make(folds=16, entities=20, **choices)
    rng = np.random.default_rng(5)
    table = made.table
    average = table.groupby("fold")["y_true"].transform("mean")
    noisy = table["y_pred"] * np.exp(rng.normal(0, 0.6, len(table))) * 3
    columns = {"baseline.area_average": average, "baseline.recent_mean": noisy}
    return replace(made, table=table.assign(**columns))


def find(found: Evaluation, code: str) -> Finding:
    return next(f for f in found.findings if f.code == code)


def read(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {row["way"]: row for row in table.to_dict("records")}


@pytest.mark.parametrize("seed", range(3))
def test_ways_of_a_list_equal_a_count_by_hand(seed: int) -> None:
    predictions = make_list(seed)
    ways = read(spend_budget(predictions))
    assert "baseline.random_order" not in ways
    table = predictions.table
    for way in ("forecast", "baseline.area_average", "baseline.past_rate", "baseline.city_score"):
        column = "y_pred" if way == "forecast" else way
        rows = table[table[column].notna()]
        found = 0.0
        for _, cases in rows.groupby("slot"):
            many = int(cases["decision"].sum())
            first = cases.sort_values([column, "case_id"], ascending=[False, True]).head(many)
            found += first["y_true"].sum()
        assert ways[way]["reached"] == found
        assert ways[way]["need"] == rows["y_true"].sum()
        assert ways[way]["spent"] == rows["decision"].sum()
    assert ways["perfect"]["reached"] == sum(
        min(5, cases["y_true"].sum()) for _, cases in table.groupby("slot")
    )
    assert ways["more"]["spent"] == pytest.approx(1.1 * ways["forecast"]["spent"])


def test_chance_is_the_mean_of_random_orders() -> None:
    predictions = make_list()
    rng = np.random.default_rng(1)
    table, found = predictions.table, []
    for _ in range(300):
        order = table.assign(r=rng.random(len(table))).groupby("slot")["r"].rank()
        found.append(table.loc[order <= 5, "y_true"].sum())
    error = np.std(found) / np.sqrt(len(found))
    chance = read(spend_budget(predictions))["chance"]["reached"]
    assert chance == pytest.approx(np.mean(found), abs=4 * error)


def test_ways_of_amounts_equal_a_count_by_hand(make_predictions: Make) -> None:
    predictions = make_amounts(make_predictions)
    table, ways = predictions.table, read(spend_budget(predictions))
    for way in ("forecast", "baseline.area_average", "baseline.recent_mean"):
        column = table["y_pred" if way == "forecast" else way]
        plan = column * table["y_pred"].sum() / column.sum()
        assert ways[way]["spent"] == pytest.approx(table["y_pred"].sum())
        assert ways[way]["reached"] == pytest.approx(np.minimum(plan, table["y_true"]).sum())
    even = table["y_pred"].sum() / len(table)
    assert ways["chance"]["reached"] == pytest.approx(np.minimum(even, table["y_true"]).sum())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["amount", "yes/no"])
def test_nothing_reaches_more_than_perfect_knowledge_nor_less_with_more(
    make_predictions: Make, kind: str, seed: int
) -> None:
    made = make_list(seed) if kind == "yes/no" else make_amounts(make_predictions, seed=seed)
    ways = read(spend_budget(made))
    for name, way in ways.items():
        if name != "more" and way["need"] == ways["perfect"]["need"]:
            assert way["reached"] <= ways["perfect"]["reached"] * (1 + 1e-12)
            assert (way["times"] < 1) == (way["reached"] > way["beside"]) or way["times"] == 1
    assert ways["more"]["reached"] >= ways["forecast"]["reached"]


class Straight:
    """A way that reaches as much as it spends, up to a ceiling."""

    need, most = 10.0, 4.0

    def reach(self, times: float) -> tuple[float, float]:
        return times, min(times, 3.0)


def test_the_multiple_that_reaches_a_goal_is_found_or_there_is_none() -> None:
    assert find_times(Straight(), 2.5) == pytest.approx(2.5)
    assert np.isnan(find_times(Straight(), 3.5))


def test_the_difference_is_that_of_the_shares_reached(
    make_predictions: Make, make_spec: Make
) -> None:
    spec = build_risk_spec()
    for found in (
        evaluate_predictions(make_amounts(make_predictions), make_spec()),
        evaluate_predictions(make_list(), spec),
    ):
        ways = read(found.worth)
        for name, way in ways.items():
            if name.startswith("baseline."):
                apart = (way["beside"] - way["reached"]) / way["need"]
                assert way["difference"] == pytest.approx(apart, abs=1e-9)
                assert way["low"] < way["difference"] < way["high"]


def test_a_good_forecast_passes_and_one_that_is_the_average_does_not(
    make_predictions: Make, make_spec: Make
) -> None:
    spec, lists, amounts = build_risk_spec(), make_list(), make_amounts(make_predictions)
    for made, judged in ((lists, spec), (amounts, make_spec())):
        found = evaluate_predictions(made, judged)
        assert find(found, AREA_CODE).status is Status.PASS
        same = made.table.assign(y_pred=made.table["baseline.area_average"].clip(0, 1e9))
        if made is lists:
            same["y_pred"] = same["y_pred"].rank(pct=True)
            place = same.groupby("slot")["baseline.area_average"].rank(
                ascending=False, method="first"
            )
            same["decision"] = (place <= 5).astype(float)
        found = evaluate_predictions(replace(made, table=same), judged)
        assert find(found, AREA_CODE).status is Status.NOT_ENOUGH
        assert find(found, SIMPLE_CODE).status is not Status.PASS


def test_the_hardest_rule_decides_and_a_better_one_fails(
    make_predictions: Make, make_spec: Make
) -> None:
    made = make_amounts(make_predictions)
    found = evaluate_predictions(made, make_spec())
    simple = find(found, SIMPLE_CODE)
    rules = found.worth[found.worth["way"].isin([f"baseline.{n}" for n in made.baselines])]
    passed = (rules["verdict"] == Status.PASS.value).all()
    assert (simple.status is Status.PASS) == passed
    table = made.table.assign(**{"baseline.recent_mean": made.table["y_true"] * 7})
    found = evaluate_predictions(replace(made, table=table), make_spec())
    simple = find(found, SIMPLE_CODE)
    assert (simple.status, simple.subject) == (Status.FAIL, "recent_mean")
    assert "The simpler way does better" in simple.reason


def test_a_forged_figure_of_a_way_is_found(make_predictions: Make) -> None:
    for made in (make_list(), make_amounts(make_predictions)):
        ways = []
        for row in spend_budget(made).to_dict("records"):
            times = None if row["way"] == "more" else float(f"{row['times']:.3g}")
            share = round(row["reached"] / row["need"], 3)
            name = str(row["way"])
            ways.append(
                WorthWay(
                    way=name,
                    label=name,
                    role="rule",
                    reached=share,
                    times=times,
                    status="not applicable",
                )
            )
        part = WorthPart(target=made.kind, unit="x", ways=tuple(ways), in_words=(), source="")
        claims = [*list_worth_claims(part, made.table)]
        assert claims
        assert all(claim.holds for claim in claims), [c for c in claims if not c.holds]
        for change in ({"reached": 0.123}, {"times": 3.21}, {"way": "baseline.gone"}):
            forged = ways[1].model_copy(update=change)
            part = part.model_copy(update={"ways": (forged,)})
            assert not all(claim.holds for claim in list_worth_claims(part, made.table))
