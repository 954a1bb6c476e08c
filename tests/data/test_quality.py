"""The quality report: figures that can be counted by hand, and checks that fire."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.findings import Status
from cityai.kinds import open_kind
from tests.kinds import open_spec


def draw(n_days=70):
    """One row a day and district, everything in order."""
    days = pd.date_range("2024-01-01", periods=n_days)
    parts = [
        pd.DataFrame(
            {
                "id": [f"{area}{i}" for i in range(n_days)],
                "district": area,
                "day": days.strftime("%Y-%m-%d"),
                "seen": (days + pd.Timedelta(days=2)).strftime("%Y-%m-%d"),
                "kind": "a",
                "amount": "1",
            }
        )
        for area in ("01", "02", "03")
    ]
    return pd.concat(parts, ignore_index=True)


def report(make_project, tmp_path, frame, ids=("01", "02", "03"), **data):
    pd.DataFrame({"id": list(ids)}).to_csv(tmp_path / "areas.csv", index=False)
    project = make_project(
        frame,
        question={
            "entity": {"columns": ["district"], "area": "district", "areas": "districts"},
            "measure": "sum",
            "value": "amount",
        },
        data={
            "known": {"column": "seen", "lag_days": None},
            "reporting_delay_days": 7,
            "key": ["id"],
            "columns": {
                "id": {"type": "text"},
                "district": {"type": "text"},
                "day": {"type": "date"},
                "seen": {"type": "date"},
                "kind": {"type": "text", "allowed": ["a", "b"]},
                "amount": {"type": "number", "min": 0},
            },
            **data,
        },
    )
    return open_spec(project.spec).report(open_kind(project).read())


def find(report, code):
    return [f for f in report.findings if f.code == code]


def value(report, measure, slice_="overall"):
    rows = report.measures.set_index(["measure", "slice"])
    return rows.loc[(measure, slice_), "value"]


def test_good_data_pass_every_check(make_project, tmp_path):
    table = draw()
    table["amount"] = [str(1 + i % 3) for i in range(len(table))]
    found = report(make_project, tmp_path, table)
    assert {f.status for f in found.findings} == {Status.PASS}
    assert {f.code for f in found.findings} == {
        *(f"quality.{d}" for d in ("completeness", "accuracy", "consistency", "timeliness")),
        *("quality.area_gap", "quality.unknown_area", "quality.one_value", "quality.silent_area"),
        "quality.constant",
        "quality.silent_entity",
        "quality.empty_period",
    }
    assert set(found.measures["dimension"]) == {
        *("completeness", "accuracy", "consistency", "timeliness")
    }
    assert found.by_period["rows"].tolist() == [21] * 10
    assert found.by_period["entities_reporting"].tolist() == [3] * 10
    assert found.by_period["median_delay_days"].tolist() == [2.0] * 10
    assert value(found, "median days until known") == 2.0


def test_figures_by_area_are_those_counted_by_hand(make_project, tmp_path):
    frame = draw()
    frame.loc[0:13, "amount"] = ""
    frame.loc[20:26, "amount"] = "-4"
    frame.loc[140:142, "kind"] = "z"
    frame.loc[30:33, "id"] = "010"
    found = report(make_project, tmp_path, frame)
    assert value(found, "cells filled: amount") == pytest.approx(196 / 210)
    assert value(found, "cells filled: amount", "01") == pytest.approx(56 / 70)
    assert value(found, "values within the allowed range: amount", "01") == pytest.approx(49 / 56)
    assert value(found, "values within the allowed range: kind", "03") == pytest.approx(67 / 70)
    assert value(found, "rows that keep the contract") == pytest.approx(200 / 210)
    assert value(found, "rows without a repeated key", "01") == pytest.approx(59 / 63)
    assert found.counts.rejected == 7 + 3 + 4
    gaps = find(found, "quality.area_gap")
    (gap,) = (f for f in gaps if f.status is Status.FAIL)
    assert gap.subject == "cells filled: amount"
    assert gap.reason == (
        "Clearly more than 10% under the 93.3% of the city, cells filled: amount: 01 (80.0% of 70)."
    )
    assert any(f.subject == "cells filled: amount" for f in find(found, "quality.completeness"))
    assert find(found, "quality.accuracy")[0].status is Status.FAIL
    assert find(found, "quality.consistency")[0].status is Status.FAIL


def test_late_and_impossible_records(make_project, tmp_path):
    frame = draw()
    frame.loc[0:29, "seen"] = "2024-06-01"
    frame.loc[100:104, "seen"] = "2023-12-01"
    found = report(make_project, tmp_path, frame)
    assert value(found, "rows known within the reporting delay", "01") == pytest.approx(40 / 70)
    assert value(found, "rows known after they happened") == pytest.approx(205 / 210)
    assert find(found, "quality.timeliness")[0].status is Status.FAIL


def test_a_fixed_lag_says_nothing_of_timeliness(make_project, tmp_path):
    found = report(make_project, tmp_path, draw(), known={"lag_days": 3, "column": None})
    (finding,) = find(found, "quality.timeliness")
    assert finding.status is Status.NOT_APPLICABLE
    assert np.isnan(found.by_period["median_delay_days"]).all()


def test_unknown_areas_silent_entities_and_empty_periods(make_project, tmp_path):
    frame = draw(140)
    frame = frame[~((frame["district"] == "02") & (frame["day"] > "2024-03-31"))]
    frame = frame[(frame["day"] < "2024-02-05") | (frame["day"] > "2024-02-18")]
    frame.loc[frame["district"] == "03", "district"] = "99"
    found = report(make_project, tmp_path, frame)
    (unknown,) = find(found, "quality.unknown_area")
    assert unknown.status is Status.FAIL
    assert unknown.reason.startswith("126 rows name 1 area that is not in the area table")
    assert unknown.reason.endswith("(126 of them accepted).")
    assert "99" not in set(found.measures["slice"])
    (silent,) = find(found, "quality.silent_entity")
    assert silent.status is Status.FAIL
    assert silent.reason.endswith("before: 02.")
    (empty,) = find(found, "quality.empty_period")
    assert empty.observed == 2
    assert "2024-02-05, 2024-02-12" in empty.reason


def test_codes_of_rows_that_are_refused_anyway_fail_nothing(make_project, tmp_path):
    frame = draw()
    frame.loc[0:2, "district"] = "X9"
    frame.loc[0:2, "kind"] = "z"
    (unknown,) = find(report(make_project, tmp_path, frame), "quality.unknown_area")
    assert unknown.status is Status.NOT_APPLICABLE
    assert "(0 of them accepted)" in unknown.reason
    assert unknown.observed == 0.0


def test_spellings_are_one_group_and_counted(make_project, tmp_path):
    frame = draw()
    frame.loc[0:6, "district"] = "01 "
    found = report(make_project, tmp_path, frame)
    assert set(found.measures["slice"]) == {"overall", "01", "02", "03"}
    assert value(found, "texts in one spelling: district", "01") == pytest.approx(63 / 70)


def test_rows_without_an_area_are_a_slice_of_their_own(make_project, tmp_path):
    frame = draw()
    frame.loc[0:6, "district"] = ""
    found = report(make_project, tmp_path, frame)
    assert value(found, "cells filled: district", "not recorded") == 0.0
    assert found.counts.rejected == 7
    shown = found.measures[found.measures["slice"] == "not recorded"]
    assert set(shown["status"]) == {"not applicable"}
    assert {f.status for f in find(found, "quality.area_gap")} == {Status.PASS}


def test_codes_of_no_area_are_one_finding(make_project, tmp_path):
    frame = draw()
    frame.loc[0:19, "district"] = "X9"
    frame.loc[70:81, "district"] = "Old Harbour"
    frame.loc[140:142, "district"] = "01x"
    frame.loc[0:14, "kind"] = "z"
    found = report(make_project, tmp_path, frame)
    (unknown,) = find(found, "quality.unknown_area")
    assert unknown.reason == (
        "35 rows name 3 areas that are not in the area table (20 of them accepted)."
    )
    assert (unknown.observed, unknown.unit) == (20.0, "rows")
    assert set(found.measures["slice"]) == {"overall", "01", "02", "03"}
    assert {f.status for f in find(found, "quality.area_gap")} == {Status.PASS}
    # They still count for the city.
    assert value(found, "cells filled: amount") == 1.0
    assert value(found, "rows that keep the contract") == pytest.approx(195 / 210)


def test_areas_that_share_a_fault_share_a_finding(make_project, tmp_path):
    frame = pd.concat([draw(), draw().assign(district="04", id=lambda f: "x" + f["id"])])
    frame = frame.reset_index(drop=True)
    frame.loc[0:34, "amount"] = ""
    frame.loc[70:109, "amount"] = ""
    found = report(make_project, tmp_path, frame, ids=("01", "02", "03", "04"))
    (gap,) = (f for f in find(found, "quality.area_gap") if f.status is Status.FAIL)
    assert gap.reason.endswith("cells filled: amount: 02 (42.9% of 70), 01 (50.0% of 70).")
    assert gap.observed == pytest.approx(345 / 420 - 30 / 70)


def test_few_rows_are_not_judged(make_project, tmp_path):
    frame = draw()
    few = (frame["district"] == "02") & (frame.index % 7 != 0)
    frame.loc[frame["district"] == "02", "amount"] = ""
    found = report(make_project, tmp_path, frame[~few])
    assert value(found, "cells filled: amount", "02") == 0.0
    row = found.measures.set_index(["measure", "slice"]).loc[("cells filled: amount", "02")]
    assert (row["n"], row["status"]) == (10, "not enough evidence")
    assert {f.status for f in find(found, "quality.area_gap")} == {Status.PASS}


def test_a_silent_area_is_named_with_its_weeks(make_project, tmp_path):
    frame = draw(280)
    is_silent = frame["day"].between("2024-04-01", "2024-05-05")
    whole_city = frame["day"].between("2024-02-05", "2024-02-11")
    frame = frame[~(is_silent & frame["district"].isin(["01", "03"])) & ~whole_city]
    found = report(make_project, tmp_path, frame)
    (silent,) = find(found, "quality.silent_area")
    assert silent.reason == (
        "2 of 3 areas sent no row from 2024-04-01 to 2024-05-05 (5 weeks), more than twice as long "
        "as ever else: 01, 03."
    )
    assert value(found, "periods with a row", "01") == pytest.approx(34 / 40)
    assert value(found, "periods with a row", "02") == pytest.approx(39 / 40)
    assert {f.status for f in find(found, "quality.area_gap")} == {Status.PASS}


def test_an_area_of_one_entity_silent_at_the_end_is_a_silent_entity(make_project, tmp_path):
    frame = draw(140)
    frame = frame[~((frame["district"] == "02") & (frame["day"] > "2024-03-31"))]
    found = report(make_project, tmp_path, frame)
    assert [f.status for f in find(found, "quality.silent_area")] == [Status.PASS]
    assert [f.status for f in find(found, "quality.silent_entity")] == [Status.FAIL]


def test_many_silences_do_not_fill_the_page(make_project, tmp_path):
    frame = draw(7 * 60)
    parts = [frame]
    for i in range(8):
        part = frame[frame["district"] == "01"].assign(district=f"1{i}")
        start = pd.Timestamp("2024-02-05") + pd.Timedelta(weeks=4 * i)
        end = start + pd.Timedelta(weeks=5)
        inside = part["day"].between(f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}")
        parts.append(part[~inside])
    frame = pd.concat(parts, ignore_index=True).assign(id=lambda f: f.index)
    ids = ["01", "02", "03", *(f"1{i}" for i in range(8))]
    found = report(make_project, tmp_path, frame, ids=ids)
    silent = find(found, "quality.silent_area")
    assert len(silent) == 6
    others = next(f for f in silent if f.subject == "others")
    assert others.reason.startswith("3 other silences of 3 areas: 15 (2024-06-24 to ")


def test_what_the_latest_month_lost_is_found(make_project, tmp_path):
    table = draw()
    last = table["day"].str[:7].max()
    late = (table["day"].str[:7] == last) & (np.arange(len(table)) % 5 == 0)
    rows = int((table["day"].str[:7] == last).sum())
    table.loc[late, "kind"] = "new"
    made = report(make_project, tmp_path, table)
    [found] = [f for f in find(made, "quality.accuracy") if f.subject == last]
    assert (found.status, found.observed) == (Status.FAIL, 1 - late.sum() / rows)


def test_a_day_of_recording_is_not_before_the_hour_of_the_same_day(make_project, tmp_path):
    table = draw()
    table["seen"] = table["day"]
    table["day"] += " 08:30"
    columns = {name: {"type": "text"} for name in ("id", "district", "kind")}
    columns |= {"day": {"type": "datetime"}, "seen": {"type": "date"}, "amount": {"type": "number"}}
    made = report(make_project, tmp_path, table, columns=columns)
    assert value(made, "rows known after they happened") == 1
