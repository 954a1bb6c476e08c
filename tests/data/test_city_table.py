"""The city's own scores and forecasts from a table of their own: joined by id, and in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.data.city_table import CODE, find_own
from cityai.data.sources import digest_sources
from cityai.errors import DataError, SpecError
from cityai.findings import Status
from cityai.kinds import open_kind
from cityai.records.events import cut_events
from tests.data.test_cases import draw_tables, write_workspace

COLUMN = "baseline.city_score"
TABLE = {"source": {"path": "../../scores.csv"}, "key": "case_no", "value": "score"}


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return draw_tables(np.random.default_rng(3))


def score(tables) -> pd.DataFrame:
    data = tables["data"]
    made = pd.to_datetime(data["day"]) - pd.Timedelta(days=2)
    points = np.random.default_rng(1).random(len(data)).round(4)
    return pd.DataFrame({"case_no": data["id"], "score": points, "made": made.dt.strftime("%F")})


def load(folder, tables, scores: pd.DataFrame | None, **own):
    if scores is not None:
        tables = {**tables, "scores": scores}
    table = {**TABLE, "known": {"column": "made"}, **own}
    return load_project(write_workspace(folder, tables, models={"city_score": table}))


def read(folder, tables, scores, **own):
    project = load(folder, tables, scores, **own)
    cases = open_kind(project).read()
    return cases, next(find_own(cases.quality_facts, project.spec))


def test_scores_are_joined_by_the_case_whatever_their_order(tmp_path, tables):
    scores = score(tables)
    cases, said = read(tmp_path, tables, scores.sample(frac=1, random_state=2))
    wanted = scores.set_index("case_no")["score"]
    assert cases.table.set_index("case_id")[COLUMN].to_dict() == wanted.to_dict()
    assert (said.code, said.status, said.observed) == (CODE, Status.NOT_APPLICABLE, 1.0)
    assert "there for 60 of 60 inspections" in said.reason
    assert "declared" not in said.reason


def test_a_score_made_on_the_day_of_the_question_or_later_is_not_used(tmp_path, tables):
    scores = score(tables)
    days = pd.to_datetime(tables["data"]["day"])
    scores.loc[:9, "made"] = days[:10].dt.strftime("%F")
    scores.loc[10:14, "made"] = (days[10:15] - pd.Timedelta(days=1)).dt.strftime("%F")
    scores.loc[15:19, "score"] = None
    extra = pd.DataFrame({"case_no": ["X1", "X2"], "score": 0.5, "made": "2023-01-01"})
    cases, said = read(tmp_path, tables, pd.concat([scores[:58], extra]))
    found = cases.table.set_index("case_id")[COLUMN]
    used = [*range(10, 15), *range(20, 58)]
    assert found.dropna().to_dict() == scores.loc[used].set_index("case_no")["score"].to_dict()
    assert said.observed == pytest.approx(43 / 60)
    for words in ("43 of 60", "10 were asked about before", "7 have none", "asked: 2"):
        assert words in said.reason


def test_an_hour_counts_where_there_is_one(tmp_path, tables):
    scores = score(tables)
    scores["made"] = tables["data"]["day"] + "T00:00:00"
    scores.loc[0, "made"] = scores.loc[0, "made"].replace("T00:00:00", "T00:00:01")
    scores.loc[1, "made"] = (
        pd.Timestamp(tables["data"]["day"][1]) - pd.Timedelta(seconds=1)
    ).isoformat()
    cases, _ = read(tmp_path, tables, scores)
    assert cases.table.set_index("case_id")[COLUMN].dropna().index.tolist() == ["C001"]


def test_scores_that_were_learnt_later_than_a_case_are_left_out(tmp_path, tables):
    cases, said = read(tmp_path, tables, score(tables), known={"since": "2024-02-15"})
    late = cases.table["as_of"] < pd.Timestamp("2024-02-15")
    assert late.any()
    assert (cases.table[COLUMN].isna() == late).all()
    assert f"{late.sum()} were asked about before it could be known" in said.reason
    cases, said = read(tmp_path, tables, score(tables), known={"since": "2030-01-01"})
    assert said.status is Status.FAIL
    assert cases.table[COLUMN].isna().all()


def test_what_is_declared_ahead_is_used_and_said_to_be_declared(tmp_path, tables):
    cases, said = read(tmp_path, tables, score(tables), known="ahead")
    assert cases.table[COLUMN].notna().all()
    assert "declared, not recorded" in said.reason


def test_a_changed_file_is_another_result(tmp_path, tables):
    scores = score(tables)
    first = digest_sources(load(tmp_path, tables, scores)), read(tmp_path, tables, scores)[0].digest
    scores.loc[3, "score"] += 0.01
    again = digest_sources(load(tmp_path, tables, scores)), read(tmp_path, tables, scores)[0].digest
    assert first[0] != again[0]
    assert first[1] != again[1]


@pytest.mark.parametrize(
    ("change", "own", "words"),
    [
        (lambda t: None, {"source": {"path": "../../gone.csv"}}, "gone.csv"),
        (lambda t: pd.concat([t, t[:1]]), {}, "2 rows repeat an id, the first of them 'C000'"),
        (lambda t: t.assign(case_no="Z" + t["case_no"]), {}, "none of 60 ids is one of the main"),
        (lambda t: t.assign(score="high"), {}, "60 of 60 rows of `models.city_score` break its"),
        (lambda t: t.drop(columns="made"), {}, "made"),
        (
            lambda t: t,
            {"columns": {"score": {"type": "number", "max": -1}}},
            "60 of 60 rows of `models.city_score` break its contract",
        ),
    ],
)
def test_a_bad_table_is_refused_with_what_is_wrong(tmp_path, tables, change, own, words):
    with pytest.raises(DataError) as caught:
        read(tmp_path, tables, change(score(tables)), **own)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"key": ["a", "b"]}, "has 2 columns, and what is asked about has 1"),
        ({"time": "made"}, "names a `time`, and a case has none"),
        ({"columns": {"score": {"type": "text"}}}, "uses the column 'score', whose type is text"),
        ({"columns": {"made": {"type": "text"}}}, "uses the column 'made', whose type is text"),
        ({"known": {"lag_days": 1}}, "known.lag_days' is not known"),
        ({"known": {}}, "give either `column` or `since`, or write `known: ahead`"),
        ({"valeu": "score"}, "Did you mean 'value'"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path, tables, own, words):
    with pytest.raises(SpecError) as caught:
        load(tmp_path, tables, score(tables), **own)
    assert words in str(caught.value)


def test_a_text_in_one_row_is_listed_and_leaves_its_case_without(tmp_path, tables):
    scores = score(tables).astype({"score": object})
    scores.loc[4, "score"] = "n/a"
    cases, said = read(tmp_path, tables, scores)
    assert cases.rejects.to_dict("records") == [
        {"row_number": 5, "column": "city_score.score", "value": "n/a", "reason": "not a number"}
    ]
    assert "59 of 60" in said.reason
    assert "1 have none" in said.reason


def test_whole_numbers_as_ids_meet_whatever_way_they_are_stored(tmp_path, tables):
    ids = pd.Series(range(100, 160))
    tables["data"] = tables["data"].assign(id=ids)
    scores = score(tables).assign(case_no=ids.astype(str).str.zfill(5))
    columns = {"case_no": {"type": "integer"}}
    cases, _ = read(tmp_path, tables, scores, columns=columns)
    assert cases.table[COLUMN].notna().all()


def build_demand(make_project, tmp_path, plan: pd.DataFrame, **known):
    days = pd.date_range("2024-01-01", "2024-01-28")
    frame = pd.DataFrame({"place": ["A", "B"] * 28, "day": np.repeat(days.strftime("%F"), 2)})
    columns = {"place": {"type": "text"}, "day": {"type": "date"}}
    plan.to_csv(tmp_path / "plan.csv", index=False)
    table = {"source": {"path": "plan.csv"}, "key": "who", "time": "week", "value": "n"}
    return make_project(
        frame, data={"columns": columns}, models={"city_rule": {**table, "known": "ahead", **known}}
    )


def test_a_forecast_in_use_is_known_from_the_moment_it_was_made(make_project, tmp_path):
    plan = pd.DataFrame(
        {
            "who": ["A", "A", "A", "B", "C"],
            "week": ["2024-01-08", "2024-01-15", "2024-01-22", "2024-01-08", "2024-01-08"],
            "n": [5, 6, 7, 8, 9],
            "made": ["2024-01-01", "2024-01-08", "2024-01-22", "2024-01-07", "2024-01-01"],
        }
    )
    project = build_demand(make_project, tmp_path, plan, known={"column": "made"})
    events = open_kind(project).read()
    assert events.city_rule.to_dict("records") == [
        {"entity_id": "A", "period": 1, "value": 5.0, "known": 1},
        {"entity_id": "A", "period": 2, "value": 6.0, "known": 2},
        {"entity_id": "A", "period": 3, "value": 7.0, "known": 4},
        {"entity_id": "B", "period": 1, "value": 8.0, "known": 1},
    ]
    said = next(find_own(events.quality_facts, project.spec))
    assert "Rows of its table that are about nothing that is asked: 1." in said.reason
    cut = cut_events(events, events.periods.start(2)).city_rule
    assert cut["known"].max() == 2
    assert len(cut) == 3
    project = build_demand(make_project, tmp_path, plan)
    assert open_kind(project).read().city_rule["known"].eq(0).all()


def test_two_forecasts_of_one_period_are_refused(make_project, tmp_path):
    plan = pd.DataFrame({"who": "A", "week": ["2024-01-08", "2024-01-10"], "n": [1, 2]})
    with pytest.raises(DataError, match="2 rows repeat an id, the first of them 'A'"):
        open_kind(build_demand(make_project, tmp_path, plan)).read()


def test_a_forecast_for_the_whole_city_needs_no_key(make_project, tmp_path):
    plan = pd.DataFrame({"week": ["2024-01-08", "2024-01-15"], "n": [5, 6]})
    project = build_demand(make_project, tmp_path, plan, key=[])
    entity = project.spec.question.entity.model_copy(update={"columns": ()})
    question = project.spec.question.model_copy(update={"entity": entity})
    spec = project.spec.model_copy(update={"question": question})
    events = open_kind(replace(project, spec=spec)).read()
    assert events.city_rule["value"].tolist() == [5.0, 6.0]
    assert set(events.city_rule["entity_id"]) == set(events.table["entity_id"])
