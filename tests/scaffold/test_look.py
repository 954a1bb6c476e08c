"""A first look at a table understands what is there, tells it, and guesses nothing silently."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from cityai.errors import DataError
from cityai.scaffold.extracts import draw_extract
from cityai.scaffold.look import Wishes, look_at_table
from cityai.scaffold.project import create_project
from cityai.spec.load import load_project

DATA = Path(os.environ.get("CITYAI_DATA", "../shared/data"))


def write(folder, name):
    path = folder / f"{name}.csv"
    path.write_bytes(draw_extract(name))
    return path


@pytest.mark.parametrize(
    ("name", "time", "place", "amount", "key", "period", "known"),
    [
        ("service_requests", "opened_on", "neighbourhood", None, ["request_id"], "week",
         {"column": "recorded_on"}),
        ("waste_collection", "month", "neighbourhood", "tons", ["month", "neighbourhood"], "month",
         {"lag_days": 1}),
        ("shelter_demand", "night", "programme", "people", ["night", "programme"], "day",
         {"lag_days": 1}),
        ("emergency_calls", "received_at", "neighbourhood", None, ["call_id"], "day",
         {"lag_days": 1}),
        ("housing", "executed_on", "neighbourhood", None, ["case_id"], "month", {"lag_days": 1}),
    ],
)  # fmt: skip
def test_extracts_are_understood(
    tmp_path, workspace, name, time, place, amount, key, period, known
):
    proposal = look_at_table(write(tmp_path, name))
    question, data = proposal.spec["question"], proposal.spec["data"]
    assert (data["time"], data["key"], data["known"]) == (time, key, known)
    assert question["entity"]["columns"] == [place]
    assert (question.get("value"), question["period"]) == (amount, period)
    made = create_project(workspace, "mine", "blank_demand", spec=proposal.spec)
    project = load_project(made.folder)
    assert project.spec.question.period == period
    assert "extract.csv" not in made.files
    told = proposal.tell()
    assert time in told
    assert "The table cannot tell" in told


def test_dates_that_can_be_read_in_two_ways_are_not_guessed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "day,place\n" + "".join(f"0{i % 9 + 1}/0{i % 7 + 1}/2025,A\n" for i in range(50))
    )
    with pytest.raises(DataError, match="two ways"):
        look_at_table(path)


@pytest.mark.parametrize(
    ("written", "pattern"), [("{d:%d/%m/%Y}", "%d/%m/%Y"), ("{d:%m-%d-%Y}", "%m-%d-%Y")]
)
def test_dates_with_a_day_above_12_tell_their_order(tmp_path, written, pattern):
    days = pd.date_range("2024-01-01", periods=400)
    path = tmp_path / "t.csv"
    path.write_text(
        "dia;bairro\n"
        + "".join(f"{written.format(d=d)};{'AB'[i % 2]}\n" for i, d in enumerate(days))
    )
    data = look_at_table(path).spec["data"]
    assert data["columns"]["dia"]["format"] == pattern
    assert data["source"]["delimiter"] == ";"


def test_codes_with_leading_zeros_are_names(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{d:%Y-%m-%d},{z},{i}" for i, (d, z) in enumerate(
        (d, z) for d in pd.date_range("2024-01-01", periods=90) for z in ("02134", "02135")
    )]  # fmt: skip
    path.write_text("day,zip,id\n" + "\n".join(rows) + "\n")
    proposal = look_at_table(path, Wishes(place="zip"))
    assert proposal.spec["question"]["entity"]["columns"] == ["zip"]


def test_a_date_far_off_is_told_and_left_out(tmp_path):
    days = [*pd.date_range("2024-01-01", periods=800).strftime("%Y-%m-%d"), "2070-03-29"]
    path = tmp_path / "t.csv"
    path.write_text(
        "id,day,district\n" + "".join(f"x{i},{d},{'AB'[i % 2]}\n" for i, d in enumerate(days))
    )
    proposal = look_at_table(path)
    assert any(asked == "far off" and "1 rows" in chosen for asked, chosen, _ in proposal.choices)
    assert str(proposal.spec["data"]["until"]) < "2027"


def test_mistakes_are_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        look_at_table(tmp_path / "none.csv")
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(DataError, match="no column holds dates"):
        look_at_table(path)
    path.write_text("day,b\n2025-01-01,2\n2025-01-02,4\n")
    with pytest.raises(DataError, match=r"(?s)no column 'dey'.*'day'"):
        look_at_table(path, Wishes(time="dey"))


@pytest.mark.parametrize(
    ("file", "time", "place", "amount", "period"),
    [
        ("nyc_ems_calls/hourly_calls.parquet", "hour_start", "place", "amount", "day"),
        ("nyc_evictions/evictions.parquet", "EXECUTED_DATE", "BOROUGH", None, "day"),
        ("nyc_council_requests/requests.parquet", "opendate", "account", None, "week"),
        ("nyc_waste_tonnage/monthly_tonnage.parquet", "month_start", "communitydist",
         "REFUSETONSCOLLECTED", "month"),
        ("toronto_shelters/daily_program_occupancy.parquet", "OCCUPANCY_DATE", "PROGRAM_ID",
         "SERVICE_USER_COUNT", "day"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_real_tables_are_understood(file, time, place, amount, period):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in CITYAI_DATA")
    spec = look_at_table(DATA / file).spec
    assert spec["data"]["time"] == time
    assert spec["question"]["entity"]["columns"] == [place]
    assert (spec["question"].get("value"), spec["question"]["period"]) == (amount, period)
