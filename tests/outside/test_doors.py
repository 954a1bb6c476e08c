"""Given predictions with a quiet fault: it is told or refused, and no figure is false for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError
from tests.kinds import judge_given

ONE_BY_ONE = "{entity: id, outcome: y, prediction: score, decision: d}"
WITH_RANGE = "    low: low\n    high: high\n"


def draw_people(n: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    score = rng.random(n).round(3)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "y": rng.integers(0, 2, n),
            "score": score,
            "d": (score > 0.5) * 1,
            "level": np.select([score > 0.8, score > 0.5], ["High", "Medium"], "Low"),
            "group": rng.choice(["a", "b", "c"], n),
        }
    )


def draw_tons(moments: int = 26, shift: float = 0.0) -> pd.DataFrame:
    """Six districts a month; ranges that hold nine in ten."""
    rng = np.random.default_rng(6)
    days = pd.date_range("2015-01-01", periods=moments, freq="MS").strftime("%Y-%m-%d")
    table = pd.DataFrame(
        [(f"D{d}", x) for x in days for d in range(6)], columns=["district", "made"]
    )
    n = len(table)
    table["y"] = (200 + shift + rng.normal(0, 30, n)).round(1)
    table["forecast"] = 200 + shift + rng.normal(0, 5, n)
    table["before"] = table["forecast"] + rng.normal(0, 40, n)
    table["low"], table["high"] = table["forecast"] - 49, table["forecast"] + 49
    return table


@pytest.fixture
def judge(order, tmp_path):
    def run(table: pd.DataFrame, text: str):
        path = tmp_path / "predictions.csv"
        table.to_csv(path, index=False)
        return judge_given(order(text), path)

    return run


@pytest.fixture
def people(answers_text):
    def write(columns: str = ONE_BY_ONE, more: str = "") -> str:
        text = answers_text.replace("{outcome: y, prediction: score, decision: d}", columns)
        return text.replace("  unit: people", f"  unit: people\n{more}")

    return write


def find(judged, code: str):
    return [f for f in judged.findings if f.code == code]


@pytest.mark.parametrize("yes", ["[Medum, High]", "[High, Severe]"])
def test_a_value_that_means_yes_and_is_nowhere_is_refused(judge, people, yes):
    columns = f"{{entity: id, outcome: y, decision: level, decision_yes: {yes}}}"
    with pytest.raises(DataError, match=r"no row holds (medum|severe)") as caught:
        judge(draw_people(), people(columns))
    assert "'High', 'Low', 'Medium'" in caught.value.expected
    assert "leave it out" in caught.value.next_step


def test_values_that_mean_yes_are_all_read(judge, people):
    columns = "{entity: id, outcome: y, decision: level, decision_yes: [medium, High]}"
    read = judge(draw_people(), people(columns)).predictions.table["decision"]
    assert (read == draw_people()["d"]).all()


def test_an_answer_that_says_that_nothing_is_known_is_no_quiet_no(judge, people):
    table = draw_people()
    table.loc[:89, "level"] = "Unknown"
    columns = "{entity: id, outcome: y, decision: level, decision_yes: [Medium, High]}"
    [found] = find(judge(table, people(columns)), "audit.answers")
    assert (found.status, found.subject) == ("fail", "level")
    assert "90 rows of 'level'" in found.reason
    listed = people(columns, "  file: {missing: ['', Unknown]}")
    judged = judge(table, listed)
    assert not find(judged, "audit.answers")
    assert judged.predictions.table["decision"].isna().sum() == 90


def test_rows_without_a_prediction_are_counted(judge, people, amounts_text):
    table = draw_people()
    table.loc[table["group"] == "b", "d"] = np.nan
    [found] = find(judge(table, people()), "audit.predictions")
    lacks = int((table["group"] == "b").sum())
    assert (found.status, found.observed) == ("not enough evidence", lacks)
    tons = draw_tons(8)
    [found] = find(judge(tons, amounts_text), "audit.predictions")
    assert found.status == "pass"
    tons.loc[tons["district"] == "D3", "forecast"] = np.nan
    [found] = find(judge(tons, amounts_text), "audit.predictions")
    assert found.observed == 8


def test_a_threshold_in_shares_beside_scores_of_percent_is_told(judge, people):
    table = draw_people().assign(score=lambda t: 20 * t["score"] ** 6)
    columns = "{entity: id, outcome: y, prediction: score}"
    [found] = find(judge(table, people(columns, "  threshold: 0.5")), "audit.decision")
    assert found.status == "not enough evidence"
    assert "`threshold: 0.5` is a share, and scores go from 0 to 19.88" in found.reason


def test_groups_that_differ_in_spelling_alone_are_told(judge, people):
    table = draw_people()
    table.loc[::5, "group"] = table.loc[::5, "group"].str.upper()
    [found] = find(judge(table, people()), "audit.spelling")
    assert found.subject == "group"
    assert "'A', 'a'; 'B', 'b'; 'C', 'c'" in found.reason
    assert not find(judge(draw_people(), people()), "audit.spelling")


def test_too_few_periods_say_what_can_be_asked_instead(judge, people):
    table = draw_people().assign(week=lambda t: np.where(t["id"] % 2, "2024-01-01", "2024-02-01"))
    columns = ONE_BY_ONE.replace("entity: id", "entity: id, as_of: week")
    [found] = find(judge(table, people(columns)), "audit.periods")
    assert "There are 2 periods" in found.reason
    others = people(columns).replace("audit:", "audit:\n  infers: others like these")
    judged = judge(table, others)
    assert not find(judged, "audit.periods")
    assert judged.audit.table["gap_low"].notna().any()


@pytest.mark.parametrize("moments", [40, 41])
def test_capacity_is_shared_at_each_moment_however_many_there_are(judge, amounts_text, moments):
    """Oracle: each month's need, shared by that month's forecasts alone."""
    table = draw_tons(moments)
    season = 1 + np.arange(len(table)) // 6 % 12
    table["y"] *= season
    judged = judge(table, amounts_text)
    month = table.groupby("made")
    given = month["y"].transform("sum") * table["forecast"] / month["forecast"].transform("sum")
    unmet = (table["y"] - given).clip(lower=0).sum() / table["y"].sum()
    rows = judged.audit.table
    whole = rows[(rows["dimension"] == "overall") & (rows["metric"] == "unmet_need")]
    assert whole["value"].iloc[0] == pytest.approx(unmet, abs=1e-12)
    compared = judged.evaluation.comparisons
    assert compared["folds"].max() == moments
    assert judged.audit.by_fold["fold"].nunique() == (moments if moments <= 40 else 1)


def test_shares_of_amounts_below_zero_are_no_parts_of_a_whole(judge, amounts_text):
    """Net amounts near zero: what was short exceeds the sum, and the interval with it."""
    judged = judge(draw_tons(shift=-192), amounts_text)
    rows = judged.audit.table
    told = rows[(rows["dimension"] == "overall") & (rows["metric"] == "under_forecast_share")].iloc[
        0
    ]
    assert told["value"] > 1
    assert told["low"] < told["value"] < told["high"]
    [found] = find(judged, "audit.below_zero")
    assert "may exceed 100%" in found.reason
    below = judge(draw_tons(shift=-260), amounts_text)
    [reason] = below.audit.table.query("dimension == 'overall' and metric == 'wape'")["reason"]
    assert "adds up to zero or less" in reason
    assert not find(judge(draw_tons(), amounts_text), "audit.below_zero")


@pytest.mark.parametrize(
    ("nominal", "infers", "status", "told"),
    [
        (0.99, "this city", "fail", "At other times"),
        (0.99, "others like these", "not enough evidence", "No interval"),
        (0.6, "this city", "fail", "points off"),
    ],
)
def test_given_ranges_are_held_against_what_they_promise(
    judge, amounts_text, nominal, infers, status, told
):
    text = amounts_text.replace("    outcome: y\n", f"    outcome: y\n{WITH_RANGE}")
    text = text.replace("  unit: tons", f"  unit: tons\n  coverage: {nominal}")
    text = text.replace("audit:\n", f"audit:\n  infers: {infers}\n")
    [found] = find(judge(draw_tons(60), text), "evaluate.coverage")
    assert (found.status, found.limit) == (status, nominal)
    assert told in found.reason


def test_ranges_of_many_in_one_period_are_judged_as_others_like_these(judge, amounts_text):
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"district": [f"E{i}" for i in range(900)]})
    table["y"] = rng.normal(200, 30, 900)
    table = table.assign(forecast=200.0, before=180.0, low=170.0, high=230.0)
    text = amounts_text.replace("    outcome: y\n", f"    outcome: y\n{WITH_RANGE}")
    text = text.replace("    as_of: made\n", "").replace("    area: district\n", "")
    text = text.split("audit:\n")[0].replace("  areas: districts\n", "") + "audit: {}\n"
    [found] = find(judge(table, text), "evaluate.coverage")
    inside = table["y"].between(170, 230).mean()
    assert found.status == "fail"
    assert found.observed == pytest.approx(inside)
    assert "Of others like these it would be" in found.reason


def test_a_range_that_ends_before_it_begins_names_its_row_and_columns(judge, amounts_text):
    table = draw_tons(8)
    table.loc[5, ["low", "high"]] = table.loc[5, ["high", "low"]].to_numpy()
    text = amounts_text.replace("    outcome: y\n", f"    outcome: y\n{WITH_RANGE}")
    with pytest.raises(DataError, match="the first of 'D5'") as caught:
        judge(table, text)
    assert "low, high" in caught.value.where
    assert caught.value.next_step
