"""A first look at tables of cases: what is asked, of whom, when; proposed, told, or asked about."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.errors import DataError, UserError
from cityai.pipeline.check import check_project, plan_project
from cityai.samples.extracts import draw_extract
from cityai.scaffold.look import look_at_table
from cityai.scaffold.project import create_project
from cityai.scaffold.series import Overrides


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
        ({"defect": "x"}, {}, "no column holds yes and no"),
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
    made = create_project(workspace, f"my_{name}", "blank_risk", spec=seen.spec).folder
    assert len(plan_project(load_project(made)).test) == seen.spec["backtest"]["folds"]


def test_gaps_and_one_point_nought_go_all_the_way(workspace, tmp_path):
    table = draw().assign(defect=lambda t: (t["defect"] == "sí").astype(float))
    table.loc[5, "defect"] = None
    made = create_project(
        workspace, "permits", "inspections", spec=look(tmp_path, table).spec
    ).folder
    counts = check_project(load_project(made)).quality.counts
    # Those that were applied for on the day itself were not known when it began.
    assert (counts.rejected, counts.out_of_scope) == (
        0,
        int((table["applied"] == table["visited"]).sum()),
    )


def test_a_look_for_amounts_names_the_other_question(tmp_path):
    path = tmp_path / "cases.csv"
    draw().to_csv(path, index=False)
    said = look_at_table(path).tell()
    assert "to rank by what turned out (defect): then --template blank_risk" in said


@pytest.mark.parametrize("kind", ["demand", "risk"])
@pytest.mark.parametrize("wish", ["time", "place", "amount", "key", "outcome"])
def test_a_wish_for_any_column_is_served_or_refused_in_words(tmp_path, kind, wish):
    """Dates that are none, amounts that are texts, keys that repeat: no wish ends otherwise."""
    table, path = draw(400), tmp_path / "cases.csv"
    table.to_csv(path, index=False)
    told = []
    for column in (*table, "nowhere"):
        with suppress(UserError):
            told.append(look_at_table(path, Overrides(**{wish: column}), kind=kind).tell())
    assert all(told)
    assert wish == "outcome" or len(told) <= len(table.columns)
