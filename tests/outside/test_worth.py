"""Given forecasts beside simpler ways that came with them: the same total, planned otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.card.draft import draft_card
from cityai.card.record.part import index_whole
from cityai.card.render.page import render_html
from cityai.card.verify.worth import list_worth_claims
from cityai.findings import Status
from tests.kinds import judge_given


def make_file(folder, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {"district": f"D{d}", "made": f"2024-{1 + m:02}-01", "need": 50.0 * (1 + d) * (1 + m % 3)}
        for m in range(12)
        for d in range(6)
    ]
    table = pd.DataFrame(rows)
    table["y"] = (table["need"] * np.exp(rng.normal(0, 0.05, len(table)))).round(1)
    table["forecast"] = table["need"]
    table["before"] = table.groupby("district")["need"].transform("mean")
    path = folder / "tons.csv"
    table.to_csv(path, index=False)
    return path, table


def test_a_given_forecast_is_held_against_the_rule_that_came_with_it(tmp_path, order, amounts_text):
    path, table = make_file(tmp_path)
    judged = judge_given(order(amounts_text), path)
    ways = judged.evaluation.worth.set_index("way")
    plan = table["before"] * table["forecast"].sum() / table["before"].sum()
    for way, planned in (("forecast", table["forecast"]), ("baseline.last_year", plan)):
        assert ways.loc[way, "reached"] == pytest.approx(np.minimum(planned, table["y"]).sum())
    found = {f.code: f for f in judged.findings if f.code.startswith("worth.")}
    assert found["worth.over_simple_rule"].status is Status.PASS
    assert "worth.over_area_average" not in found
    card = draft_card(judged.facts)
    part = card.eval.worth
    claims = [*list_worth_claims(part, judged.predictions.table)]
    assert len(claims) > 10
    assert all(claim.holds for claim in claims)
    assert judged.evaluation.comparisons["folds_won"].max() == 8
    assert card.eval.practice == "last_year"
    assert card.verdict.works.startswith("It was better than last year in 8 of 12 test periods.")


def test_forecasts_beside_these_are_measured_where_the_outcome_is_known(
    tmp_path, order, amounts_text
):
    path, table = make_file(tmp_path)
    table.loc[::7, "y"] = np.nan
    table.to_csv(path, index=False)
    card = draft_card(judge_given(order(amounts_text), path).facts)
    known = table.dropna()
    off = (known["before"] - known["y"]).abs().sum() / known["y"].sum()
    assert index_whole(card.eval.metrics)["baseline.last_year", "wape"].value == pytest.approx(
        off, abs=0.005
    )
    page = render_html(card)
    assert "meant to be 90%" not in page  # no range came with them
    assert page.count(card.record.title) < 6


def test_a_file_without_simpler_ways_says_nothing_of_them(tmp_path, order, amounts_text):
    path, _ = make_file(tmp_path)
    text = amounts_text.replace("    baselines: {last_year: before}\n", "")
    judged = judge_given(order(text), path)
    assert judged.evaluation.worth is None
    assert not [f for f in judged.findings if f.code.startswith("worth.")]
