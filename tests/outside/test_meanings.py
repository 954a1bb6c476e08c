"""Scores, answers and groups that may mean something else than is read: told or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError, SpecError
from tests.books import write_book
from tests.kinds import judge_given

ALL = "{entity: id, outcome: y, prediction: score, decision: d}"
SCORE = "{entity: id, outcome: y, prediction: score}"


def draw_people(n: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    risk = rng.beta(1.5, 4, n)
    return pd.DataFrame(
        {
            "id": [f"{i:05d}" for i in range(n)],
            "score": risk.round(3),
            "d": (risk >= 0.35).astype(int),
            "y": (rng.random(n) < risk).astype(int),
            "group": rng.choice(["a", "b"], n),
        }
    )


@pytest.fixture
def judge(order, tmp_path, answers_text):
    def run(
        table: pd.DataFrame | Path,
        columns: str = ALL,
        more: str = "",
        dimension: str = "",
        top: str = "",
    ):
        text = answers_text.replace("{outcome: y, prediction: score, decision: d}", columns)
        text = text.replace("  label_plural: people", f"  label_plural: people\n{more}")
        text = text.replace("audit:", f"{top}\naudit:", 1)
        text = text.replace("attribute: group}", dimension or "attribute: group}")
        if isinstance(table, pd.DataFrame):
            table.to_csv(tmp_path / "predictions.csv", index=False)
            table = tmp_path / "predictions.csv"
        return judge_given(order(text), table)

    return run


def find(judged, code: str):
    return [f for f in judged.findings if f.code == code]


def test_a_score_that_is_high_where_it_is_safe_is_told(judge):
    table = draw_people()
    assert not find(judge(table), "audit.score_direction")
    turned = table.assign(score=1 - table["score"])
    for columns, more in ((ALL, ""), (SCORE, "  threshold: 0.5")):
        [found] = find(judge(turned, columns, more), "audit.score_direction")
        assert found.status == "fail"
        assert "the fewer have the outcome" in found.reason


def test_a_decision_against_the_score_is_told(judge):
    granted = draw_people().assign(d=lambda t: 1 - t["d"])
    [found] = find(judge(granted), "audit.score_direction")
    assert found.status == "fail"
    assert "`decision_yes`" in found.reason
    [found] = find(judge(granted, ALL.replace("outcome: y, ", "")), "audit.score_direction")
    assert found.status == "not enough evidence"


def test_nobody_with_the_outcome_among_the_others_is_told(judge):
    table = draw_people()
    assert not find(judge(table), "audit.looked_for")
    [found] = find(judge(table.assign(y=table["y"] * table["d"])), "audit.looked_for")
    assert found.status == "not enough evidence"
    assert "leave the outcome of the others empty" in found.reason
    few = table.assign(y=((table.index < 3) & (table["d"] == 1)).astype(int), d=table.index < 100)
    assert not find(judge(few), "audit.looked_for"), "three of a hundred say nothing of the others"


def test_several_texts_that_count_as_no_are_told(judge):
    table = draw_people()
    columns = ALL.replace("outcome: y", "outcome: y, outcome_yes: [1]")
    assert not find(judge(table, columns), "audit.several_no")
    seen = table.assign(y=table["y"].astype(str).where(table["d"] == 1, "not inspected"))
    [found] = find(judge(seen, columns), "audit.several_no")
    assert (found.status, found.subject) == ("not enough evidence", "y")
    assert "'0', 'not inspected'" in found.reason
    words = np.where(table["d"] == 1, "Approved", np.where(table["y"], "Denied", "Withdrawn"))
    columns = ALL.replace("decision: d", "decision: d, decision_yes: [approved]")
    [found] = find(judge(table.assign(d=words), columns), "audit.several_no")
    assert found.status == "pass"
    assert "'Denied', 'Withdrawn'" in found.reason


def test_empty_cells_that_may_mean_no_are_told(judge):
    blank = draw_people().assign(d=lambda t: t["d"].map({1: "X", 0: ""}))
    columns = ALL.replace("decision: d", "decision: d, decision_yes: [X]")
    [found] = find(judge(blank, columns), "audit.decision")
    assert found.status == "fail"
    assert "Empty cells say nothing" in found.reason


def test_a_share_held_against_log_odds_is_told(judge):
    odds = draw_people().assign(score=lambda t: np.log(t["score"] / (1 - t["score"])).round(3))
    [found] = find(judge(odds, SCORE, "  threshold: 0.5"), "audit.decision")
    assert found.status == "not enough evidence"
    assert "scores go from −" in found.reason


def test_a_share_held_against_tenths_is_refused_with_the_threshold_in_tenths(judge):
    tenths = draw_people().assign(score=lambda t: np.ceil(t["score"].rank(pct=True) * 10))
    with pytest.raises(DataError) as caught:
        judge(tenths, SCORE, "  threshold: 0.7")
    assert caught.value.next_step == "write `threshold: 7` if the scores are points from 1 to 10"


def test_words_as_a_score_are_refused_with_what_to_write(judge):
    words = draw_people().assign(score=lambda t: np.where(t["score"] > 0.4, "High", "Low"))
    with pytest.raises(DataError, match=r"'(Low|High)' is not a number") as caught:
        judge(words, SCORE, "  threshold: 0.5")
    assert "`decision_yes`" in caught.value.next_step


def test_dates_and_numbers_are_read_as_the_file_says(judge):
    table = draw_people()
    days = pd.Timestamp("2023-01-05") + pd.to_timedelta(table.index % 200, unit="D")
    table["asked"] = days.strftime("%m/%d/%Y")
    more, top = "  file: {date_format: '%m/%d/%Y'}", "maturity: {asked: asked}"
    with pytest.raises(DataError) as caught:
        judge(table, top=top)
    assert "`predictions.file.date_format`" in caught.value.next_step
    assert (judge(table, more=more, top=top).predictions.table["asked"] == days).all()
    with pytest.raises(SpecError) as wrong:
        judge(table, more="  file: {date_format: 'day'}")
    assert wrong.value.where == "predictions.file.date_format"
    half = table.assign(asked=table["asked"].where(table.index % 5 == 0, days.astype(str)))
    with pytest.raises(DataError, match=r"180 of 900 rows can be used"):
        judge(half, more=more, top=top)
    written = table.assign(score=(table["score"] * 1e5).map("{:,.0f} %".format))
    judged = judge(written, more="  file: {thousands: ',', beside: ['%']}")
    assert (judged.predictions.table["y_pred"] == (table["score"] * 1e5).round()).all()
    with pytest.raises(SpecError, match="cannot be the same mark"):
        judge(table, more="  file: {thousands: '.'}")


def test_a_workbook_with_a_title_is_read(judge, tmp_path):
    table, path = draw_people(), tmp_path / "predictions.xlsx"
    rows = [list(table.columns), *table.astype(object).to_numpy().tolist()]
    scores = [["Scores of spring"], [], *rows]
    write_book(path, {"About": [["made by us"]], "Scores": scores})
    judged = judge(path, more="  file: {table: Scores, skip: 2}")
    assert judged.predictions.table["y_true"].tolist() == table["y"].tolist()


def test_groups_whose_name_says_that_nothing_is_known_are_told(judge):
    table = draw_people()
    assert not find(judge(table), "audit.unknown_group")
    table.loc[::9, "group"] = "Unknown"
    [found] = find(judge(table), "audit.unknown_group")
    assert (found.status, found.subject) == ("not enough evidence", "group")
    assert "'Unknown'" in found.reason
    judged = judge(table, more="  file: {missing: [Unknown]}")
    assert not find(judged, "audit.unknown_group")
    assert "not recorded" in set(judged.audit.table["group"])


def test_numbers_as_groups_and_texts_in_bands_are_told(judge):
    table = draw_people(2500)
    table["group"] = 20 + table.index % 25
    [found] = find(judge(table), "audit.bands")
    assert "`cuts`" in found.reason
    bands = "attribute: group, cuts: [30, 40], band_names: [young, middle, old]}"
    assert not find(judge(table, dimension=bands), "audit.bands")
    table["group"] = table["group"].astype(str).replace("44", "40+")
    [found] = find(judge(table, dimension=bands), "audit.bands")
    assert found.status == "fail"
    assert "'40+'" in found.reason


def test_an_area_without_an_area_table_says_which_column_is_meant(judge):
    with pytest.raises(SpecError) as caught:
        judge(draw_people(), dimension="attribute: area}")
    assert "needs another name" in caught.value.expected


def draw_tons(moments: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    days = pd.date_range("2023-01-01", periods=moments, freq="MS").strftime("%Y-%m-%d")
    table = pd.MultiIndex.from_product([days, range(6)], names=["made", "d"]).to_frame(index=False)
    table["district"] = "D" + table["d"].astype(str)
    table["y"] = rng.normal(200 + 20 * table["d"], 20).round(2)
    table["forecast"] = 201.5 + 20.0 * table["d"]
    return table.assign(low=table["forecast"] - 40, high=table["forecast"] + 40)


@pytest.fixture
def judge_tons(order, tmp_path, amounts_text):
    def run(table: pd.DataFrame):
        text = amounts_text.replace("    baselines: {last_year: before}\n    area: district\n", "")
        text = text.replace("  areas: districts\n", "").split("    origin:")[0]
        ranged = "prediction: forecast\n    low: low\n    high: high"
        text = text.replace("prediction: forecast", ranged)
        text += "    size: {label: Size, attribute: d}\n"
        table.to_csv(tmp_path / "tons.csv", index=False)
        return judge_given(order(text), tmp_path / "tons.csv")

    return run


def test_amounts_as_they_should_be_are_told_nothing(judge_tons):
    codes = {f.code for f in judge_tons(draw_tons()).findings}
    odd = {"audit.units", "audit.exact", "audit.outside_range", "audit.total"}
    assert not codes & odd


def test_outcomes_in_another_unit_are_told(judge_tons):
    table = draw_tons()
    [found] = find(judge_tons(table.assign(y=1000 * table["y"])), "audit.units")
    assert found.status == "fail"
    assert found.observed == pytest.approx(1000, rel=0.05)
    table.loc[::9, "y"] *= 1000
    [found] = find(judge_tons(table), "audit.units")
    assert (found.status, found.observed) == ("not enough evidence", 8)


def test_forecasts_that_are_the_outcome_are_told(judge_tons):
    table = draw_tons()
    table.loc[::4, "forecast"] = table["y"]
    [found] = find(judge_tons(table), "audit.exact")
    assert (found.status, found.observed) == ("fail", 0.25)


def test_forecasts_outside_their_range_are_told(judge_tons):
    table = draw_tons()
    table.loc[:2, "forecast"] += 100
    [found] = find(judge_tons(table), "audit.outside_range")
    assert found.status == "not enough evidence"
    assert "In 3 of 72 rows" in found.reason


def test_a_total_among_the_rows_is_told(judge_tons):
    table = draw_tons()
    whole = table.groupby("made", as_index=False)[["y", "forecast", "low", "high"]].sum()
    both = pd.concat([table, whole.assign(district="Citywide", d=9)])
    [found] = find(judge_tons(both), "audit.total")
    assert found.status == "fail"
    assert found.reason.startswith("'Citywide' is the sum")


@pytest.mark.parametrize(("mark", "said"), [(";", "';'"), ("\t", "'\\t'")])
def test_a_header_that_is_not_parted_says_the_mark(judge, tmp_path, mark, said):
    path = tmp_path / "predictions.csv"
    draw_people().to_csv(path, index=False, sep=mark)
    with pytest.raises(SpecError) as caught:
        judge(path)
    assert f"`predictions.file.delimiter` to {said}" in caught.value.next_step
