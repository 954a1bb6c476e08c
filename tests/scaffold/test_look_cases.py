"""A first look at tables of cases: what is asked, of whom, when; proposed, told, or asked about."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from cityai.cli.summary import write_check
from cityai.config.load import load_project
from cityai.errors import DataError, UserError
from cityai.pipeline.check import check_project, plan_project
from cityai.samples.extracts import draw_extract
from cityai.scaffold.look import look_at_table
from cityai.scaffold.project import create_project
from cityai.scaffold.proposal import Overrides


def draw(n: int = 2_000) -> pd.DataFrame:
    """Permits of 300 buildings over two years, most of them applied for some days before."""
    rng = np.random.default_rng(5)
    day = pd.Timestamp("2023-01-02") + pd.to_timedelta(np.sort(rng.integers(0, 730, n)), unit="D")
    wait = pd.to_timedelta(rng.integers(0, 30, n), unit="D")
    return pd.DataFrame(
        {
            "permit_no": [f"P{i:05d}" for i in range(n)],
            "applied": (day - wait).strftime("%Y-%m-%d"),
            "visited": day.strftime("%Y-%m-%d"),
            "building": [f"B{i}" for i in rng.integers(0, 300, n)],
            "defect": rng.choice(["sí", "no"], n, p=[0.3, 0.7]),
            "points": rng.integers(0, 40, n),
            "result": rng.choice(["pass", "fail", "closed"], n),
            "race": rng.choice(["a", "b"], n),
        }
    )


DUE = pd.date_range("2023-01-02", periods=2_000, freq="9h").strftime("%Y-%m-%d")


def look(tmp_path, table, **wishes):
    path = tmp_path / "cases.csv"
    table.to_csv(path, index=False)
    return look_at_table(path, Overrides(**wishes), kind="risk")


def test_what_is_there_is_understood_and_told(tmp_path):
    seen = look(tmp_path, draw())
    question, data = seen.spec["question"], seen.spec["data"]
    assert question["outcome"] | {"label": ""} == {
        "column": "defect", "yes": ["sí"], "no": ["no"], "label": "",
    }  # fmt: skip
    assert (question["case"], data["time"]) == ("permit_no", "visited")
    assert question["asked"] == {"days_before": 0, "registered": "applied"}
    assert question["entity"]["columns"] == ["building"]
    assert question["decision"]["per"] == "week"
    assert "attributes" not in question["entity"]
    said = seen.tell()
    assert "gives the answer away" in said
    assert "perhaps race" in said
    assert "% of the cases, booked on the day itself, are out of scope" in said


@pytest.mark.parametrize(
    ("wish", "outcome", "kind"),
    [
        ("points>=28", {"column": "points", "at_least": 28.0}, "number"),
        ("points <= 3", {"column": "points", "at_most": 3.0}, "number"),
        ("result=fail", {"column": "result", "yes": ["fail"], "no": ["closed", "pass"]}, "text"),
    ],
)
def test_what_means_yes_can_be_said(tmp_path, wish, outcome, kind):
    spec = look(tmp_path, draw(), outcome=wish).spec
    assert {k: v for k, v in spec["question"]["outcome"].items() if k != "label"} == outcome
    assert spec["data"]["columns"][outcome["column"]] == {"type": kind}


@pytest.mark.parametrize(
    ("change", "wishes", "said"),
    [
        ({"late": "1"}, {}, None),
        ({"defect": "x"}, {}, r"no column holds yes and no(?s:.*) result \(closed, fail, pass\)"),
        ({"defect": "", "late": "Y"}, {"outcome": "late=Y"}, "holds Y or nothing: no text means"),
        ({"applied": "", "due_on": DUE, "visited": ""}, {}, "'due_on' holds dates in 100%"),
        ({"permit_no": "P1"}, {}, "no column names a case"),
        ({}, {"outcome": "points"}, "does not hold yes and no alone"),
        ({}, {"outcome": "defekt"}, "no column 'defekt'"),
        ({}, {"outcome": "points>=99"}, "is false of every row"),
        ({}, {"outcome": "points>=many"}, "is no number"),
        ({}, {"outcome": "result=passed"}, "no row of 'result' holds passed"),
        ({"permit_no": "P1", "visited": "2024-01-01"}, {}, "no column names a case"),
        ({}, {"key": "permit"}, "there is no column 'permit'"),
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path, change, wishes, said):
    table = draw().assign(**change)
    if said is None:
        assert look(tmp_path, table, **wishes).spec["question"]["outcome"]["column"] == "defect"
        return
    with pytest.raises(DataError, match=said) as error:
        look(tmp_path, table, **wishes)
    assert error.value.expected or error.value.next_step or said == "is no number"


def test_two_answers_are_asked_about(tmp_path):
    table = draw().assign(late=np.where(np.arange(2_000) % 3, "yes", "no"))
    with pytest.raises(DataError, match="several columns hold yes and no: defect, late"):
        look(tmp_path, table)
    assert look(tmp_path, table, outcome="late").spec["question"]["outcome"]["column"] == "late"


def test_rows_of_one_number_on_one_day_are_one_case(tmp_path):
    table = draw()
    seen = look(tmp_path, pd.concat([table, table[::2]]))
    assert seen.spec["question"]["case"] == "permit_no"
    assert seen.spec["question"]["rows"] == "several"
    assert "how the rows of a case are joined" in seen.tell()


@pytest.mark.parametrize("name", ["inspections", "missed_appointments", "blank_risk"])
def test_the_proposal_of_a_template_s_table_can_be_asked(workspace, tmp_path, name):
    path = tmp_path / f"{name}.csv"
    path.write_bytes(draw_extract(name))
    seen = look_at_table(path, kind="risk")
    made = create_project(workspace, f"my_{name}", name, spec=seen.spec).folder
    assert "folds" not in seen.spec["backtest"]
    assert plan_project(load_project(made)).folds.test


def test_how_a_score_is_written_is_said_and_asked_about(tmp_path):
    points = np.arange(2_000) % 97
    seen = look(
        tmp_path, draw().assign(risk_score=[f"{p / 10:.1f}".replace(".", ",") for p in points])
    )
    assert seen.spec["models"]["city_score"] == "risk_score"
    assert seen.spec["data"]["source"]["decimal"] == ","
    either = draw().assign(risk_score=[f"{1 + p % 9},{100 + p:03d}" for p in points])
    either.to_csv(tmp_path / "either.csv", index=False, sep=";")
    with pytest.raises(DataError, match=r"'risk_score', such as .* can be read in two ways"):
        look_at_table(tmp_path / "either.csv", Overrides(), kind="risk")
    told = look_at_table(tmp_path / "either.csv", Overrides(thousands=","), kind="risk")
    assert told.spec["data"]["source"]["thousands"] == ","


def test_a_limit_on_numbers_with_commas_is_read_as_they_are_written(tmp_path):
    written = [f"{p / 10:.1f}".replace(".", ",") for p in np.arange(2_000) % 97]
    seen = look(tmp_path, draw().assign(size=written), outcome="size>=5.0")
    assert seen.spec["data"]["source"]["decimal"] == ","


def test_gaps_and_one_point_nought_go_all_the_way(workspace, tmp_path):
    table = draw().assign(defect=lambda t: (t["defect"] == "sí").astype(float))
    table.loc[5, "defect"] = None
    seen = look(tmp_path, table)
    made = create_project(workspace, "permits", "inspections", spec=seen.spec).folder
    counts = check_project(load_project(made)).quality.counts
    # Those that were applied for on the day itself were not known when it began.
    assert (counts.rejected, counts.out_of_scope) == (
        0,
        int((table["applied"] == table["visited"]).sum()),
    )
    told = {asked: (chosen, why) for asked, chosen, why in seen.choices}
    assert told["total"][0] == f"{counts.accepted:,} cases"
    assert told["total"][1].startswith(f"{counts.accepted:,} of {counts.read:,} rows, in ")
    assert told["total"][1].endswith("; a run counts the same; 1 outcomes are unknown")
    booked = f"{counts.out_of_scope:,} booked on the day itself"
    assert told["left out"] == (f"{counts.out_of_scope:,} rows", booked)
    said = write_check(check_project(load_project(made)), 200)
    assert "out of scope are rows not known by `applied` when they would be asked about" in said


def test_true_and_false_of_a_parquet_file_are_written_as_a_run_reads_them(tmp_path):
    defect = (draw()["defect"] == "sí").astype(object).where(np.arange(2_000) != 5, None)
    path = tmp_path / "cases.parquet"
    draw().assign(defect=defect).to_parquet(path)
    seen = look_at_table(path, kind="risk")
    outcome = seen.spec["question"]["outcome"]
    assert (outcome["yes"], outcome["no"]) == (["true"], ["false"])
    assert "1 outcomes are unknown" in seen.tell()


def test_a_yes_of_most_rows_is_asked_about(tmp_path):
    turned = draw().assign(defect=lambda t: t["defect"].map({"sí": "no", "no": "sí"}))
    said = look(tmp_path, turned).tell()
    assert "whether sí of defect is what the list is to find" in said
    assert "--outcome 'defect=no' looks for the others" in said
    assert "is to find" not in look(tmp_path, draw()).tell()
    assert "is to find" not in look(tmp_path, turned, outcome="defect=no").tell()


def test_whom_cases_are_about_is_told_in_other_languages_and_offered(tmp_path):
    table = draw().rename(columns={"building": "Établissement"})
    assert look(tmp_path, table).spec["question"]["entity"]["columns"] == ["Établissement"]
    offered = look(tmp_path, draw().rename(columns={"building": "where"}))
    assert offered.spec["question"]["entity"]["columns"] == ["permit_no"]
    assert "by its name; or --place where" in offered.tell()


def test_whom_a_case_of_several_rows_is_about_is_one(tmp_path):
    table = draw()
    owners = pd.concat([table, table[::2]]).assign(
        owner=lambda t: [f"O{i}" for i in np.random.default_rng(1).integers(0, 900, len(t))]
    )
    assert look(tmp_path, owners).spec["question"]["entity"]["columns"] == ["building"]


def test_rows_written_again_with_another_outcome_are_told(tmp_path):
    table = draw()
    again = table[:400].assign(defect="sí")
    many = int((table["defect"][:400] == "no").sum())
    assert (
        f"{many:,} times rows differ in defect alone"
        in look(tmp_path, pd.concat([table, again])).tell()
    )
    parts = pd.concat([table, again.assign(points=again["points"] + 1)])
    assert "differ in defect alone" not in look(tmp_path, parts).tell()


def test_a_booking_that_is_written_afterwards_is_asked_about(tmp_path):
    table = draw()
    table.loc[::25, "applied"] = "2025-03-01"
    seen = look(tmp_path, table)
    assert seen.spec["question"]["asked"] == {"days_before": 0}
    assert "whether applied says when the city first knew of a case" in seen.tell()
    assert "booked on the day" not in seen.tell()


def test_two_columns_that_name_a_case_together_are_offered(tmp_path):
    table = draw().assign(permit_no=lambda t: t.groupby("visited").cumcount().add(7))
    with pytest.raises(DataError, match="--key permit_no,visited"):
        look(tmp_path, table)


def test_hours_of_cases_cut_no_day(tmp_path):
    hours = np.random.default_rng(2).integers(8, 17, 2_000).astype(str)
    table = draw().assign(visited=lambda t: t["visited"] + " " + hours + ":00")
    seen = look(tmp_path, table.assign(visited=table["visited"].str.replace(r" (\d):", r" 0\1:")))
    assert not {"since", "until"} & {*seen.spec["data"]}


def test_the_delay_of_results_is_written(tmp_path):
    day = pd.to_datetime(draw()["visited"])
    seen = look(tmp_path, draw().assign(result_on=(day + pd.Timedelta(days=20)).astype(str)))
    assert seen.spec["data"]["known"] == {"column": "result_on"}
    assert seen.spec["data"]["reporting_delay_days"] == 20


def test_a_look_for_amounts_names_the_other_question(tmp_path):
    path = tmp_path / "cases.csv"
    draw().to_csv(path, index=False)
    said = look_at_table(path).tell()
    assert "to rank by what turned out (defect): then --template blank_risk" in said


def test_a_case_far_off_is_left_out_of_a_list(tmp_path):
    table = draw()
    usual = look(tmp_path, table)
    table.loc[7, ["applied", "visited"]] = ["2070-01-01", "2070-03-29"]
    seen = look(tmp_path, table)
    told = {asked: chosen for asked, chosen, _ in seen.choices}
    assert told["far off"] == "1 row"
    assert str(seen.spec["data"]["until"]) == "2025-01-01"
    assert seen.spec["question"]["decision"] == usual.spec["question"]["decision"]


def test_a_list_may_be_about_more_than_one_column(tmp_path):
    entity = look(tmp_path, draw(), place="building,race").spec["question"]["entity"]
    assert (entity["columns"], entity["label"]) == (["building", "race"], "building and race")


def test_what_is_not_plain_of_the_file_is_told_of_a_list_too(tmp_path, monkeypatch):
    path = tmp_path / "cases.csv"
    path.write_bytes(b"Permits of the city\n\n" + draw().to_csv(index=False).encode("cp1252"))
    monkeypatch.setattr("cityai.scaffold.columns.MOST_LOOKED_AT", 1_000)
    said = look_at_table(path, kind="risk").tell()
    assert re.search(r"encoding +(cp1252|latin-1): the file is no UTF-8", said)
    assert re.search(r"header +line 3: the lines above it are not read", said)
    assert re.search(r"contract +5 columns: the others are not read", said)
    assert re.search(r"rows that were not looked at: 1,\d+ of 2,000 were", said)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["demand", "risk"])
@pytest.mark.parametrize("wish", ["time", "place", "amount", "key", "outcome"])
def test_a_wish_for_any_kind_of_column_is_served_or_refused_in_words(tmp_path, kind, wish):
    """Dates that are none, amounts that are texts, keys that repeat: no wish ends otherwise."""
    table, path = draw(400), tmp_path / "cases.csv"
    table.to_csv(path, index=False)
    told = []
    for column in ("permit_no", "visited", "defect", "points", "result", "nowhere"):
        with suppress(UserError):
            told.append(look_at_table(path, Overrides(**{wish: column}), kind=kind).tell())
    assert all(told)
    assert wish == "outcome" or len(told) <= len(table.columns)
