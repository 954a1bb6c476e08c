"""A first look at a table understands what is there, tells it, and guesses nothing silently."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.errors import DataError, SpecError
from cityai.pipeline.check import plan_project
from cityai.samples.extracts import draw_extract
from cityai.scaffold.comments import read_comments
from cityai.scaffold.look import look_at_table
from cityai.scaffold.project import create_project, shorten_path
from cityai.scaffold.proposal import Overrides, name_entity

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
    proposal = look_at_table(path)
    assert proposal.spec["question"]["entity"]["columns"] == ["zip"]


def test_a_date_far_off_is_told_and_left_out(tmp_path):
    days = [*pd.date_range("2024-01-01", periods=800).strftime("%Y-%m-%d"), "2070-03-29"]
    path = tmp_path / "t.csv"
    path.write_text(
        "id,day,district\n" + "".join(f"x{i},{d},{'AB'[i % 2]}\n" for i, d in enumerate(days))
    )
    proposal = look_at_table(path)
    assert any(asked == "far off" and chosen == "1 row" for asked, chosen, _ in proposal.choices)
    assert str(proposal.spec["data"]["until"]) < "2027"


def write_days(path, days, places=("A", "B"), extra=""):
    rows = [f"x{i},{d:%Y-%m-%d},{places[i % len(places)]}{extra}" for i, d in enumerate(days)]
    path.write_text("id,day,district" + (",kind" if extra else "") + "\n" + "\n".join(rows) + "\n")
    return path


def test_a_table_of_a_database_is_named(tmp_path):
    path = write_days(tmp_path / "t.csv", pd.date_range("2024-01-01", periods=400))
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as database, database:
        pd.read_csv(path).to_sql("rows", database, index=False)
    database.close()
    with pytest.raises(DataError, match="--table"):
        look_at_table(tmp_path / "t.sqlite")
    read = look_at_table(tmp_path / "t.sqlite", Overrides(table="rows"))
    assert read.spec["data"]["source"]["table"] == "rows"
    assert read.profile.rows == 400
    with pytest.raises(DataError, match="no database"):
        look_at_table(path, Overrides(table="rows"))


def test_the_last_day_is_kept_when_a_date_far_off_is_not(tmp_path):
    path = write_days(tmp_path / "t.csv", pd.date_range("2024-01-01", periods=800))
    path.write_text(path.read_text() + "z,2070-01-01,A\n")
    assert str(look_at_table(path).spec["data"]["until"]) == "2026-03-11"


@pytest.mark.parametrize("cut", [(15, 9), (0, 9), (15, 23), (0, 23)])
def test_a_record_of_hours_is_counted_by_whole_days(tmp_path, cut):
    first, last = f"2024-03-01 {cut[0]:02}:00", f"2024-06-30 {cut[1]:02}:00"
    hours = pd.date_range(first, last, freq="h")
    rows = [f"{at:%Y-%m-%d %H:%M},{at.hour + at.day}" for at in hours]
    path = tmp_path / "rides.csv"
    path.write_text("\n".join(["hour,rides", *rows]) + "\n")
    look = look_at_table(path)
    told = {asked: f"{chosen}: {why}" for asked, chosen, why in look.choices}
    data = look.spec["data"]
    begin, end = f"2024-03-0{1 + (cut[0] > 0)}", f"2024-06-{29 + (cut[1] > 22)}"
    assert f"from {begin} to {end}" in told["total"]
    assert (f"{data.get('since')}" == "2024-03-02") == ("since" in told) == (cut[0] > 0)
    assert (f"{data.get('until')}" == "2024-06-30") == ("until" in told) == (cut[1] < 23)
    left = (24 - cut[0]) * (cut[0] > 0) + (cut[1] + 1) * (cut[1] < 23)
    assert told.get("left out", "0 rows").startswith(f"{left} rows")


@pytest.mark.parametrize(
    ("step", "kept", "into"),
    [
        ("D", ["district"], ("day", "amount")),
        ("MS", ["district"], ("month", "amount")),
        ("MS", ["Month", "amount"], ("month_of_row", "amount_of_row")),
    ],
)
def test_columns_of_dates_become_rows_named_for_what_they_are(tmp_path, step, kept, into):
    dates = pd.date_range("2021-01-01", periods=48, freq=step)
    table = pd.DataFrame({f"{d:%Y-%m-%d}": [300 + 7 * i, 420 - i] for i, d in enumerate(dates)})
    for name in reversed(kept):
        table.insert(0, name, ["North", "South"])
    table.to_csv(tmp_path / "wide.csv", index=False)
    data = look_at_table(tmp_path / "wide.csv", Overrides(place=kept[0])).spec["data"]
    assert (data["unpivot"]["into"], data["unpivot"]["value"]) == into
    assert data["time"] == into[0]


def test_names_and_cells_are_shown_as_they_are_written(tmp_path):
    path = write_days(tmp_path / "t.csv", pd.date_range("2024-01-01", periods=60), ("Ñuñoa",))
    with pytest.raises(DataError, match="Región"):
        look_at_table(path, Overrides(place="Región"))


def test_what_the_table_leaves_open_is_named(tmp_path):
    days = [*pd.date_range("2022-01-01", periods=1_200).repeat(3), pd.Timestamp("2025-05-20")]
    path = write_days(tmp_path / "t.csv", days, ("A", "B", "Unknown"), ",home")
    text = path.read_text().replace("home", "shop", 200)
    path.write_text(text)
    unsettled = "\n".join(look_at_table(path).unsettled)
    assert "whether Unknown is a place" in unsettled
    assert "`data.where`): kind (home, shop)" in unsettled
    assert "from 2025-05 on it has 1 row a month" in unsettled


@pytest.mark.parametrize(("period", "periods"), [
    ("day", 40), ("day", 90), ("day", 3_000), ("week", 30), ("week", 50), ("week", 400),
    ("month", 12), ("month", 22), ("month", 60),
])  # fmt: skip
def test_the_backtest_fits_the_history(tmp_path, workspace, period, periods):
    """The folds that are written down are those that the history allows."""
    code = {"day": "D", "week": "W-SUN", "month": "ME"}[period]
    length = {"day": 1, "week": 7, "month": 31}[period]
    ends = pd.date_range("2020-01-05", periods=periods, freq=code)
    days = pd.date_range(ends[0] - pd.Timedelta(days=length), ends[-1])
    many = {"day": 8.0, "week": 1.2, "month": 0.3}[period]
    days = np.sort(np.random.default_rng(1).choice(days, int(len(days) * many)))
    path = write_days(tmp_path / "t.csv", pd.DatetimeIndex(days))
    proposal = look_at_table(path)
    assert proposal.spec["question"]["period"] == period
    made = create_project(workspace, "mine", "blank_demand", spec=proposal.spec)
    assert plan_project(load_project(made.folder)).folds.test


def test_a_proposal_is_explained_as_a_template_is(tmp_path, workspace):
    path = write_days(tmp_path / "t.csv", pd.date_range("2022-01-01", periods=1_200).repeat(3))
    made = create_project(workspace, "mine", "service_requests", spec=look_at_table(path).spec)
    text = (made.folder / "project.yaml").read_text()
    lines = text.splitlines()
    assert len(lines) < 100
    assert max(len(line) for line in lines if "path:" not in line) <= 105
    assert "# periods ahead that the decision needs" in text
    assert "Requests measure who asks, not who needs" in text
    section = [line for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert len([line for line in section if "#" in line]) >= 0.6 * len(section)


def test_one_series_is_explained_by_what_is_written(tmp_path, workspace):
    path = tmp_path / "t.csv"
    days = pd.date_range("2022-01-01", periods=600)
    path.write_text("day,people\n" + "".join(f"{d:%Y-%m-%d},{900 + d.day}\n" for d in days))
    proposal = look_at_table(path)
    assert proposal.spec["title"] == "People in the whole city"
    entity = proposal.spec["question"]["entity"]
    assert (entity["label"], entity["label_plural"]) == ("city", "cities")
    made = create_project(workspace, "mine", "blank_demand", spec=proposal.spec)
    notes = read_comments((made.folder / "project.yaml").read_text()).notes
    assert notes["question", "value"] == "# the column to add up, with `measure: sum`"
    for key in (("question", "measure"), ("question", "missing_periods"), ("data", "layout")):
        assert notes[key].count("`") >= 4, notes[key]  # both values are explained
    with pytest.raises(DataError, match="no column names a place"):
        look_at_table(path, Overrides(width=5))


@pytest.mark.parametrize(
    ("columns", "label", "plural"),
    [("PolicePrecinct", "police precinct", "police precincts"), ("bezirk", "bezirk", "bezirke"),
     ("stadt_bezirk", "stadt bezirk", "stadt bezirke"), ("Borough", "borough", "boroughs"),
     ("facility", "facility", "facilities"), ("church", "church", "churches"),
     ("streets", "streets", "streets"), ("survey", "survey", "surveys"), ("", "city", "cities"),
     ("site,kind", "site and kind", "combinations of site and kind")],
)  # fmt: skip
def test_places_are_named_for_readers(columns, label, plural):
    named = name_entity(tuple(filter(None, columns.split(","))))
    assert (named["label"], named["label_plural"]) == (label, plural)


def test_codes_are_counted_once_their_zeros_are_back(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{d:%Y-%m-%d},{z}" for d in pd.date_range("2022-01-01", periods=700)
            for z in ("02118", "2118", "02119")]  # fmt: skip
    path.write_text("day,zip\n" + "\n".join(rows) + "\n")
    told = look_at_table(path, Overrides(width=5)).tell()
    assert "zip: 2 different codes" in told
    assert "3 texts are 2" in told
    assert "2 zips" in told


def test_a_table_of_a_city_is_named_without_its_machine(tmp_path, workspace, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("CITYAI_DATA", str(tmp_path / "data"))
    inside, above = tmp_path / "data" / "t.csv", workspace / "t.csv"
    assert shorten_path(inside, workspace) == "${CITYAI_DATA}/t.csv"
    assert shorten_path(above, workspace) == "t.csv"
    assert shorten_path(tmp_path / "t.csv", workspace) == str(tmp_path / "t.csv")


def test_a_list_is_not_proposed_from_a_look(tmp_path, workspace):
    path = write_days(tmp_path / "t.csv", pd.date_range("2022-01-01", periods=1_200))
    with pytest.raises(SpecError, match="not of risk"):
        create_project(workspace, "mine", "inspections", spec=look_at_table(path).spec)


WISHES = [
    ({"period": "week"}, "--period month"),
    ({"period": "year"}, "day, week or month"),
    ({"amount": "ward"}, "no numbers"),
    ({"amount": "share"}, "do not add up"),
    ({"amount": "visits", "counts": True}, "--count"),
    ({"place": "month"}, "is the time"),
    ({"place": "row"}, "values in 96 rows"),
    ({"time": "ward"}, "no dates that can be read"),
    ({"key": "request"}, "no column 'request'"),
    ({"decimal": ","}, "no numbers"),
]


@pytest.mark.parametrize(("wish", "said"), WISHES)
def test_a_wish_that_cannot_serve_is_refused(tmp_path, wish, said):
    path = tmp_path / "t.csv"
    months = pd.date_range("2020-01-01", periods=48, freq="MS")
    rows = [
        f"r{2 * i + j},{m:%Y-%m-%d},{'AB'[j]},{40 + i * 7 % 13}.5,{i % 9 + 0.5}%"
        for i, m in enumerate(months)
        for j in range(2)
    ]
    path.write_text("row,month,ward,visits,share\n" + "\n".join(rows) + "\n")
    assert look_at_table(path).spec["question"]["value"] == "visits"
    wishes = Overrides(**({"amount": "visits"} if "decimal" in wish else {}), **wish)
    with pytest.raises(DataError, match=said):
        look_at_table(path, wishes)


def test_a_wish_for_a_longer_period_adds_up(tmp_path):
    days = pd.date_range("2022-01-03", periods=700)
    path = tmp_path / "t.csv"
    path.write_text("day,visits\n" + "".join(f"{d:%Y-%m-%d},{5 + i % 7}\n" for i, d in
                    enumerate(days)))  # fmt: skip
    proposal = look_at_table(path, Overrides(period="week"))
    assert proposal.spec["question"]["period"] == "week"
    total = next(chosen for asked, chosen, _ in proposal.choices if asked == "total")
    assert total == f"{sum(5 + i % 7 for i in range(700)):,} visits"


@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_large_table_is_looked_at_from_its_first_row_to_its_last(
    tmp_path, monkeypatch, is_sorted
):
    """A sorted table's first rows are those of its beginning; a drawn part tells all of it."""
    monkeypatch.setattr("cityai.scaffold.columns.MOST_LOOKED_AT", 1_000)
    rng = np.random.default_rng(3)
    days = rng.choice(pd.date_range("2020-01-06", "2023-12-31"), 6_000)
    days = np.sort(days) if is_sorted else days
    path = write_days(tmp_path / "t.csv", pd.DatetimeIndex(days), ("A", "B", "C"))
    proposal = look_at_table(path)
    told = {asked: (chosen, why) for asked, chosen, why in proposal.choices}
    assert "from 2020-01" in told["time"][1]
    assert "to 2023-12" in told["time"][1]
    assert told["key"] == ("id", "no two rows share it")
    assert f"of {6_000:,} rows" in told["total"][1]
    counted = int(told["total"][0].split()[0].replace(",", ""))
    last = pd.Timestamp(max(days)).to_period("W")
    over = pd.DatetimeIndex(days).to_period("W") < last
    assert proposal.spec["question"]["period"] == "week"
    assert counted in (int(over.sum()), 6_000)
    assert any("6,000 were, drawn from the whole table" in line for line in proposal.unsettled)


def test_a_placeholder_that_was_not_among_the_rows_looked_at_is_left_out(tmp_path, monkeypatch):
    days = pd.date_range("2020-01-06", periods=1_200).repeat(4)
    path = write_days(tmp_path / "t.csv", days, ("A", "B", "C"))
    lines = path.read_text().splitlines()
    lines[2_401] = "z,2099-12-31,A"
    path.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr("cityai.scaffold.columns.MOST_LOOKED_AT", 500)
    proposal = look_at_table(path)
    assert str(proposal.spec["data"]["until"]) < "2024"


def test_mistakes_are_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        look_at_table(tmp_path / "none.csv")
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(DataError, match="no column holds dates"):
        look_at_table(path)
    path.write_text("day,b\n2025-01-01,2\n2025-01-02,4\n")
    with pytest.raises(DataError, match=r"(?s)no column 'dey'.*'day'"):
        look_at_table(path, Overrides(time="dey"))


@pytest.mark.parametrize(
    ("file", "time", "place", "amount", "period"),
    [
        ("nyc_ems_calls/hourly_calls.parquet", "hour_start", "place", "amount", "day"),
        ("nyc_evictions/evictions.parquet", "EXECUTED_DATE", "EVICTION_ZIP", None, "month"),
        ("nyc_council_requests/requests.parquet", "opendate", "account", None, "week"),
        ("nyc_waste_tonnage/monthly_tonnage.parquet", "month_start", "communitydist",
         "REFUSETONSCOLLECTED", "month"),
        ("toronto_shelters/daily_program_occupancy.parquet", "OCCUPANCY_DATE", "PROGRAM_ID",
         "SERVICE_USER_COUNT", "day"),
    ],
)  # fmt: skip
@pytest.mark.long
def test_real_tables_are_understood(file, time, place, amount, period):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in CITYAI_DATA")
    spec = look_at_table(DATA / file).spec
    assert spec["data"]["time"] == time
    assert spec["question"]["entity"]["columns"] == [place]
    assert (spec["question"].get("value"), spec["question"]["period"]) == (amount, period)


def test_a_column_that_could_be_a_place_is_not_passed_over_in_silence(tmp_path):
    path = tmp_path / "t.csv"
    rows = (
        f"2022-{1 + i % 12:02d}-{1 + i % 28:02d},{('A', 'B', 'C', '', '')[i % 5]}"
        for i in range(900)
    )
    path.write_text("opened,ward\n" + "\n".join(rows) + "\n")
    told = " ".join(look_at_table(path).tell().split())
    assert "one series of the whole city" in told
    assert "--place predicts each value of a column by itself: ward (3 values, 40% of rows" in told
    named = " ".join(look_at_table(path, Overrides(place="ward")).tell().split())
    assert "predicts each value of a column" not in named


def test_a_day_of_recording_is_not_before_the_hour_of_the_same_day(tmp_path):
    rng = np.random.default_rng(3)
    opened = pd.date_range("2023-01-02 08:30", periods=900, freq="D")
    table = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(900)],
            "opened": opened,
            "written": (opened.normalize() + pd.to_timedelta(rng.integers(0, 3, 900), "D")),
            "place": rng.choice(["a", "b"], 900),
        }
    )
    table["written"] = table["written"].dt.strftime("%Y-%m-%d")
    table.to_csv(tmp_path / "t.csv", index=False)
    seen = look_at_table(tmp_path / "t.csv", Overrides(counts=True))
    assert seen.spec["data"]["known"] == {"column": "written"}
