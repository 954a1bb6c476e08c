"""The score in use today: what it finds with a part of all visits, and who explains its gain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from cityai.assessment.spending import SHARES, spend_shares
from cityai.card.draft.shares import _find_part
from cityai.card.record.ranked import WorthPart, WorthShare
from cityai.card.verify.worth import list_worth_claims
from cityai.config.load import load_project
from cityai.kinds import open_kind
from cityai.modeling.layouts.listed import find_known, find_tested, plan_listed_folds
from cityai.modeling.layouts.listed_baselines import (
    ACTUAL_ORDER,
    AREA_RATE,
    CITY_SCORE,
    ListedQuestion,
    list_averages,
)
from cityai.records.predictions import build_predictions
from tests.assessment.test_worth import make_list
from tests.conftest import DATA

SCORE = "baseline.city_score"
KEPT = ("case_id", "entity_id", "as_of", "occurred_at", "slot", "slot_start", "y_true")
CHICAGO = DATA / "chicago_food_inspections"
PUBLISHED = {
    "city": (0.426, 0.690),
    "inspector": (0.400, 0.687),
    "logistic": (0.345, 0.589),
    "area": (0.274, 0.526),
}
"""Found with a quarter and a half of the visits, on the City's published test rows."""


def count(table: pd.DataFrame, column: str, share: float, rng: np.random.Generator) -> float:
    """Share a list's visits out by hand; cases that score alike in many random orders."""
    found = []
    for _ in range(400):
        drawn = table.assign(luck=rng.random(len(table)))
        ordered = drawn.sort_values([column, "luck"], ascending=False)
        found.append(ordered["y_true"].iloc[: round(share * len(table))].sum())
    return float(np.mean(found) / table["y_true"].sum())


def read(table: pd.DataFrame) -> dict[tuple[str, float], float]:
    rows = table.to_dict("records")
    return {(r["way"], r["share"]): r["reached"] / r["need"] for r in rows}


def test_shares_equal_random_orders_of_what_scores_alike():
    made = make_list(days=1, a_day=400, capacity=50)
    coarse = made.table["baseline.city_score"].round(1)
    table = made.table.assign(**{SCORE: coarse})
    made = build_predictions(table, unit="cases", chosen="blend", kind="yes/no")
    found, rng = read(spend_shares(made, SCORE)), np.random.default_rng(0)
    for share in SHARES:
        assert found[SCORE, share] == pytest.approx(count(table, SCORE, share, rng), abs=0.01)
        assert found["chance", share] == pytest.approx(share)
    whole = table.sort_values("y_pred", ascending=False)["y_true"]
    assert found["forecast", 0.5] == pytest.approx(whole.iloc[:200].sum() / whole.sum())


def test_only_the_rows_that_the_score_answers_count_for_every_way():
    made = make_list()
    late = made.table["fold"] == 1
    table = made.table.assign(**{SCORE: made.table[SCORE].mask(late)})
    table["baseline.past_rate"] = table["baseline.past_rate"].where(table.index % 7 > 0)
    made = build_predictions(table, unit="cases", chosen="blend", kind="yes/no")
    found = spend_shares(made, SCORE)
    assert set(found["n"]) == {float((~late).sum())}
    assert set(found["need"]) == {table.loc[~late, "y_true"].sum()}
    assert set(found["way"]) == {"forecast", "chance", SCORE, "baseline.area_average"}
    again = build_predictions(table[~late], unit="cases", chosen="blend", kind="yes/no")
    assert read(spend_shares(again, SCORE)) == read(found)
    nobody = table.assign(**{SCORE: np.nan})
    nobody = build_predictions(nobody, unit="cases", chosen="blend", kind="yes/no")
    assert spend_shares(nobody, SCORE).empty
    assert spend_shares(made, "baseline.gone") is None


def test_a_forged_share_is_found():
    made = make_list()
    found = read(spend_shares(made, SCORE))
    ways = {way for way, _ in found}
    shares = tuple(
        WorthShare(
            way=w,
            label=w,
            role="rule",
            quarter=round(found[w, 0.25], 3),
            half=round(found[w, 0.5], 3),
        )
        for w in sorted(ways)
    )
    part = WorthPart(
        target="yes/no", unit="x", ways=(), in_words=(), source="", shares=shares, shares_of=1200.0
    )
    claims = [*list_worth_claims(part, made.table)]
    assert len(claims) == 1 + 2 * len(shares)
    assert all(claim.holds for claim in claims), [c for c in claims if not c.holds]
    for change in ({"quarter": 0.9}, {"half": 0.123}, {"way": "baseline.gone"}):
        forged = part.model_copy(update={"shares": (shares[0].model_copy(update=change),)})
        assert not all(claim.holds for claim in list_worth_claims(forged, made.table))
    forged = part.model_copy(update={"shares_of": 900.0})
    assert not all(claim.holds for claim in list_worth_claims(forged, made.table))


@pytest.mark.parametrize(
    ("score", "rule", "part"),
    [(0.45, 0.35, 0.5), (0.45, 0.45, 1.0), (0.45, 0.6, 1.0), (0.45, 0.1, 0.0), (0.25, 0.4, None)],
)
def test_a_part_of_a_gain_lies_between_none_and_all(score, rule, part):
    assert _find_part(score, rule, 0.25) == (part if part is None else pytest.approx(part))


@pytest.fixture(scope="module")
def chicago() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The last fold as the project lays it out, and the City's own files as they are."""
    if not CHICAGO.exists():
        pytest.skip("no CITYAI_DATA with chicago_food_inspections")
    project = load_project(Path(__file__).parents[2] / "projects" / "food_inspections")
    cases = open_kind(project).read()
    fold = plan_listed_folds(cases, project.spec).test[-1]
    here = np.flatnonzero(find_tested(cases, fold))
    known = np.where(find_known(cases, fold.train_until), cases.table["y_true"], np.nan)
    asked = ListedQuestion(cases, here, float(np.nanmean(known)), known, 0, {})
    ways = (AREA_RATE, CITY_SCORE, ACTUAL_ORDER, *list_averages(project.spec))
    columns = {f"baseline.{way.name}": way.score(asked) for way in ways}
    table = cases.table.drop(columns=[c for c in cases.table if c.startswith("baseline.")])
    kept = [c for c in KEPT if c in table]
    table = table.iloc[here][kept].assign(fold=1, y_pred=0.5, decision=0.0, **columns)
    found = spend_shares(
        build_predictions(table, unit="cases", chosen="blend", kind="yes/no"), SCORE
    )
    model = pd.read_parquet(CHICAGO / "model_table.parquet")
    scores = pd.read_parquet(CHICAGO / "reference_scores.parquet")
    return found, model.merge(scores, on="Inspection_ID", validate="one_to_one")


def rate(frame: pd.DataFrame, column: str) -> pd.Series:
    train, base = frame[frame["Train"]], frame.loc[frame["Train"], "criticalFound"].mean()
    rates = train.groupby(column, dropna=False)["criticalFound"].agg(["sum", "count"])
    pulled = (rates["sum"] + 5 * base) / (rates["count"] + 5)
    return frame[column].map(pulled.to_dict()).astype(float).fillna(base)


def fit(frame: pd.DataFrame) -> np.ndarray:
    """The report's features, less the inspector's colour."""
    features = pd.DataFrame(
        {
            "serious": frame["pastSerious"].clip(upper=1),
            "critical": frame["pastCritical"].clip(upper=1),
            "since": frame["timeSinceLast"],
            "old": frame["ageAtInspection"] > 4,
            "bar": frame["consumption_on_premises_incidental_activity"],
            "tobacco": frame["tobacco_retail_over_counter"],
            "heat": frame["temperatureMax"],
            "burglary": frame["heat_burglary"].clip(upper=70),
            "sanitation": frame["heat_sanitation"].clip(upper=70),
            "garbage": frame["heat_garbage"].clip(upper=50),
        }
    ).astype(float)
    scale = StandardScaler().fit(features[frame["Train"]])
    model = LogisticRegression(C=1e6, max_iter=2000)
    model.fit(scale.transform(features[frame["Train"]]), frame.loc[frame["Train"], "criticalFound"])
    return model.predict_proba(scale.transform(features))[:, 1]


@pytest.mark.parametrize("way", PUBLISHED)
def test_the_four_published_pairs_are_counted_again(chicago, way):
    found, frame = chicago
    frame = frame.assign(
        y_true=frame["criticalFound"],
        city=frame["city_glm_score"],
        inspector=rate(frame, "Inspector_Assigned"),
        area=rate(frame, "community_area"),
        logistic=fit(frame),
    )
    test, rng = frame[frame["Test"]], np.random.default_rng(0)
    assert (len(test), test["y_true"].sum()) == (1637, 258)
    again = [count(test, way, share, rng) for share in SHARES]
    # The City's scores are all different; where many score alike, the published order was one draw.
    near = {"city": 5e-4, "inspector": 0.01, "area": 0.005, "logistic": 0.015}[way]
    assert again == pytest.approx(PUBLISHED[way], abs=near)
    column = {
        "city": SCORE,
        "inspector": "baseline.average_by_Inspector_Assigned",
        "area": "baseline.area_average",
    }.get(way)
    if column is not None:
        own = read(found)
        assert [own[column, share] for share in SHARES] == pytest.approx(again, abs=0.004)


def test_nothing_before_the_score_was_there_is_compared_with_it(chicago):
    found, _ = chicago
    assert set(found["n"]) == {1637.0}
    assert found["need"].to_numpy() == pytest.approx(258)
