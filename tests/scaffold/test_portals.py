"""Exports as open-data portals publish them: nothing is counted or dated wrongly in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError
from cityai.scaffold.look import look_at_table
from cityai.scaffold.proposal import Overrides

MONTHS = pd.date_range("2018-01-01", "2023-12-01", freq="MS")


def look(folder, table, kind="demand", **said):
    path = folder / "export.csv"
    table.to_csv(path, index=False)
    return look_at_table(path, Overrides(**said), kind=kind)


def chosen(proposal, asked):
    return [f"{what}: {why}" for name, what, why in proposal.choices if name == asked]


def draw_days(n, seed=1, first="2021-01-01", last="2023-12-31"):
    span = pd.date_range(first, last)
    return span[np.sort(np.random.default_rng(seed).integers(0, len(span), n))]


def draw_violations(n=1_500):
    """Violations as Chicago lists them: a number a row, an inspection for several of them."""
    rng = np.random.default_rng(3)
    day = draw_days(n)
    return pd.DataFrame(
        {
            "ID": np.arange(n) + 6_000_000,
            "VIOLATION DATE": day.strftime("%m/%d/%Y 12:00:00 AM"),
            "INSPECTOR ID": [f"BL{i:05d}" for i in rng.integers(0, 40, n)],
            "STREET NUMBER": rng.integers(1, 9_000, n),
            "PROPERTY GROUP": rng.integers(1_000, 90_000, n),
            "Zip Codes": rng.choice([21184, 22257, 4451], n),
            "Census Tracts": rng.integers(1, 800, n),
            "Community Areas": rng.integers(1, 11, n),
        }
    )


def test_numbered_rows_are_events_though_some_columns_hardly_ever_agree(tmp_path):
    table = draw_violations()
    proposal = look(tmp_path, table)
    assert proposal.spec["question"]["measure"] == "count"
    assert proposal.spec["question"]["entity"]["columns"] == ["Community Areas"]
    assert proposal.spec["data"]["key"] == ["ID"]


def test_a_time_of_day_is_no_place(tmp_path):
    rng, n = np.random.default_rng(4), 8_000
    table = pd.DataFrame(
        {
            "CRASH DATE": draw_days(n).strftime("%m/%d/%Y"),
            "CRASH TIME": [f"{h}:{m:02d}" for h, m in rng.integers(0, (24, 60), (n, 2))],
            "BOROUGH": rng.choice(["BRONX", "QUEENS", "BROOKLYN"], n),
            "PERSONS INJURED": rng.poisson(0.4, n),
            "COLLISION_ID": np.arange(n) + 4_400_000,
        }
    )
    with pytest.raises(DataError, match="--count counts the rows"):
        look(tmp_path, table)
    spec = look(tmp_path, table, counts=True).spec
    assert spec["question"]["entity"]["columns"] == ["BOROUGH"]


@pytest.mark.parametrize("numbered", [False, True])
def test_a_request_that_is_written_at_each_status_is_asked_about(tmp_path, numbered):
    rng = np.random.default_rng(5)
    opened = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 900_000, 600), unit="min")
    rows = [
        (case, moment, f"W{case % 3}", status)
        for case, moment in enumerate(opened)
        for status in ("New", "Assigned", "Closed")[: 2 + case % 2]
    ]
    table = pd.DataFrame(rows, columns=["case_id", "opened_at", "ward", "status"])
    if numbered:
        table.insert(0, "OBJECTID", range(1, len(table) + 1))
    every = "OBJECTID" if numbered else "none"
    with pytest.raises(DataError) as refused:
        look(tmp_path, table)
    said = str(refused.value)
    assert f"--key case_id counts one row of each (600); --key {every} counts every row" in said
    assert "in 1,500 rows" in said
    assert look(tmp_path, table, key="case_id").spec["data"]["key"] == ["case_id"]


def test_a_day_that_is_written_as_a_number_is_no_request(tmp_path):
    day = draw_days(900)
    table = pd.DataFrame({"day": day.strftime("%Y-%m-%d"), "date_key": day.strftime("%Y%m%d")})
    assert look(tmp_path, table.assign(ward=np.arange(900) % 3)).spec["question"]


def test_columns_that_a_portal_made_are_neither_place_nor_amount(tmp_path):
    table = draw_violations().rename(columns={"Community Areas": ":@computed_region_vrxf_vc4k"})
    table = table.assign(**{":@computed_region_6mkv_f3dw": table["PROPERTY GROUP"]})
    said = look(tmp_path, table, counts=True).tell()
    assert ":@computed" not in said


def test_a_total_beside_hidden_amounts_is_left_out(tmp_path):
    rng, rows, whole = np.random.default_rng(6), [], 0
    for month in MONTHS:
        counts = dict(zip(("Ash", "Birch", "Cedar"), rng.poisson((3, 9, 40)), strict=True))
        shown = {place: "<5" if n < 5 else n for place, n in counts.items()}
        whole += sum(n for n in shown.values() if n != "<5")
        for place, n in {**shown, "Citywide": sum(counts.values())}.items():
            rows.append((f"{month:%Y-%m-%d}", place, n))
    proposal = look(tmp_path, pd.DataFrame(rows, columns=["month", "district", "cases"]))
    assert proposal.spec["data"]["without"] == {"district": ["Citywide"]}
    assert chosen(proposal, "total")[-1].startswith(f"{whole:,} cases")
    # Twice the parts are no total of them.
    table = pd.DataFrame(rows, columns=["month", "district", "cases"])
    is_total = table["district"] == "Citywide"
    table.loc[is_total, "cases"] = table.loc[is_total, "cases"].astype(int) * 2
    assert "without" not in look(tmp_path, table).spec["data"]


def test_places_that_ended_are_told_and_their_silence_is_no_zero(tmp_path):
    rng = np.random.default_rng(7)
    rows = [
        (f"{month:%Y-%m-%d}", place, int(rng.poisson(500)))
        for month in MONTHS
        for place in (["Hill", "Dale"] if month.year < 2021 else ["Hill & Dale"]) + ["Port"]
    ]
    proposal = look(tmp_path, pd.DataFrame(rows, columns=["month", "area", "cases"]))
    assert proposal.spec["question"]["missing_periods"] == "missing"
    said = proposal.tell()
    assert "Hill & Dale (from 2021-01-01)" in said
    assert "Dale (until 2020-12-01)" in said
    assert "Port (" not in said


def test_a_first_period_that_is_cut_is_left_out(tmp_path):
    day = draw_days(9_000, first="2021-01-28", last="2023-12-31")
    table = pd.DataFrame({"day": day.strftime("%Y-%m-%d"), "ward": np.arange(9_000) % 90})
    proposal = look(tmp_path, table, period="month")
    whole = int((day >= "2021-02-01").sum())
    assert chosen(proposal, "since")[0].startswith("2021-02-01: the first month is cut")
    assert chosen(proposal, "total")[0].startswith(f"{whole:,} events")
    # A weekend without rows is none that is missing.
    open_days = draw_days(9_000, first="2022-08-01", last="2023-12-31")
    busy = open_days[open_days.day_of_week < 5]
    table = pd.DataFrame({"day": busy.strftime("%Y-%m-%d"), "ward": np.arange(len(busy)) % 3})
    later = table[table["day"] >= "2022-10-03"]
    assert not chosen(look(tmp_path, later, period="month"), "since")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([f"{y}/{(y + 1) % 100:02d}" for y in range(2000, 2024)], "fiscal or school years"),
        ([f"FY{y}" for y in range(2000, 2024)], "fiscal years"),
        ([f"{y} week {w:02d}" for y in (2022, 2023) for w in range(1, 53)], "may be weeks of ISO"),
        ([f"{y}{w:02d}" for y in (2021, 2022, 2023) for w in range(1, 13)], "may be weeks of ISO"),
        ([f"{y}{w:02d}" for y in (2021, 2022) for w in range(1, 55)], "not ISO 8601's"),
        ([f"{y}-Q{q}" for y in range(2010, 2024) for q in (1, 2, 3, 4)], "holds quarters"),
    ],
)
def test_parts_of_a_year_are_named_and_never_read_as_months(tmp_path, written, said):
    rows = [(text, place, 90 + i) for i, text in enumerate(written) for place in ("North", "South")]
    with pytest.raises(DataError, match=said) as refused:
        look(tmp_path, pd.DataFrame(rows, columns=["epiweek", "district", "visits"]))
    if "ISO" not in said:
        assert "take the table by month, week or day" in str(refused.value)


def test_dates_of_two_formats_are_told_and_never_half_read(tmp_path):
    day = draw_days(2_000)
    written = [f"{d:%d/%m/%Y}" if i < 1_000 else f"{d:%m/%d/%Y}" for i, d in enumerate(day)]
    table = pd.DataFrame({"reported": written, "ward": np.arange(2_000) % 3})
    with pytest.raises(DataError, match="'reported' holds dates of two formats, such as"):
        look(tmp_path, table)
    with pytest.raises(DataError, match=r"dates of another format \(%m/%d/%Y\)"):
        look(tmp_path, table, time="reported", format="%d/%m/%Y")
    # A few typing errors are no second format.
    table["reported"] = [f"{d:%d/%m/%Y}" if i % 300 else "31/31/2021" for i, d in enumerate(day)]
    assert look(tmp_path, table, time="reported", format="%d/%m/%Y").spec


def test_two_readings_are_shown_by_a_date_in_which_they_differ(tmp_path):
    table = pd.DataFrame({"month": [f"{m:%d.%m.%Y}" for m in MONTHS], "tons": range(90, 162)})
    with pytest.raises(DataError, match=r"reads it as 2018-01-02; .* reads it as 2018-02-01"):
        look(tmp_path, table)


def draw_inspections(n=1_200):
    rng = np.random.default_rng(8)
    day, yes = draw_days(n), rng.random(n) < 0.3
    late = pd.to_timedelta(rng.integers(5, 60, n), unit="D")
    return pd.DataFrame(
        {
            "inspection_id": [f"I{i:05d}" for i in range(n)],
            "inspection_date": day.strftime("%Y-%m-%d"),
            "licence": rng.integers(0, 300, n),
            "violation_found": np.where(yes, "Y", "N"),
            "result_date": (day + late).strftime("%Y-%m-%d"),
            "fine_amount": np.where(yes, rng.integers(1, 20, n) * 50, 0),
            "stories": rng.integers(1, 40, n),
        }
    )


@pytest.mark.parametrize("wish", ["", "violation_found", "violation_found=Y"])
def test_an_outcome_that_nobody_knows_is_not_no(tmp_path, wish):
    table = draw_inspections()
    table.loc[::10, "violation_found"] = "NA"
    proposal = look(tmp_path, table, kind="risk", outcome=wish)
    outcome = proposal.spec["question"]["outcome"]
    assert (outcome["yes"], outcome["no"]) == (["Y"], ["N"])
    assert "120 outcomes are unknown" in proposal.tell()
    known = table[table["violation_found"] != "NA"]["violation_found"]
    assert f"{(known == 'Y').mean():.1%} of the rows with an answer" in proposal.tell()
    assert "why 120 of 1,200 outcomes are not known" in proposal.tell()


def test_what_means_no_is_told(tmp_path):
    table = draw_inspections()
    table["found"] = np.where(table["violation_found"] == "Y", "critical", "None")
    spec = look(tmp_path, table, kind="risk", outcome="found=critical").spec
    assert spec["question"]["outcome"]["no"] == ["None"]
    table["results"] = np.where(table["violation_found"] == "Y", "Fail", "Pass")
    table.loc[::7, "results"] = "Out of Business"
    said = look(tmp_path, table, kind="risk", outcome="results=Fail").tell()
    assert "no is Out of Business, Pass" in said
    assert "whether Out of Business, Pass all mean no" in said


def test_outcomes_known_of_those_alone_who_were_looked_at_are_asked_about(tmp_path):
    table = draw_inspections().drop(columns=["result_date", "fine_amount"])
    table["looked_at"] = np.where(np.arange(len(table)) % 3, "No", "Yes")
    table.loc[table["looked_at"] == "No", "violation_found"] = ""
    said = look(tmp_path, table, kind="risk", outcome="violation_found").tell()
    assert "800 of 1,200 outcomes are not known, nearly all of them where looked_at is No" in said


def test_an_outcome_is_known_on_the_day_that_a_column_says(tmp_path):
    spec = look(tmp_path, draw_inspections(), kind="risk").spec
    assert spec["data"]["time"] == "inspection_date"
    assert spec["data"]["known"] == {"column": "result_date"}
    assert "registered" not in spec["question"]["asked"]


def test_a_column_that_tells_the_outcome_is_named(tmp_path):
    said = look(tmp_path, draw_inspections(), kind="risk").tell()
    assert "whether fine_amount was there when a case is asked about" in said
    assert "stories was there" not in said


def test_numbers_that_mean_yes_are_suggested_by_the_columns_own_values(tmp_path):
    table = draw_inspections()
    table["fire"] = np.where(table["violation_found"] == "Y", 1, 2)
    with pytest.raises(DataError, match="--outcome 'fire=1' or --outcome 'fire=2'"):
        look(tmp_path, table, kind="risk", outcome="fire")


def test_names_of_wards_and_gates_are_no_weeks_and_quarters(tmp_path):
    rng = np.random.default_rng(9)
    rows = [(f"{m:%Y-%m-%d}", f"W{w}", rng.poisson(90)) for m in MONTHS for w in range(1, 5)]
    spec = look(tmp_path, pd.DataFrame(rows, columns=["month", "team", "visits"])).spec
    assert spec["question"]["entity"]["columns"] == ["team"]
    wide = pd.DataFrame(rng.poisson(90, (len(MONTHS), 4)), columns=["T1", "T2", "T3", "T4"])
    wide.insert(0, "month", MONTHS.strftime("%Y-%m-%d"))
    assert look(tmp_path, wide, amount="T1,T2,T3,T4").spec["question"]["value"] == "amount"
