"""The quality report: figures that can be counted by hand, and checks that fire."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.data.quality import report_quality
from cityai.data.snapshot import read_snapshot
from cityai.findings import Status


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


def report(make_project, tmp_path, frame, **data):
    pd.DataFrame({"id": ["01", "02", "03"]}).to_csv(tmp_path / "areas.csv", index=False)
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
    return report_quality(read_snapshot(project), project.spec)


def find(report, code):
    return [f for f in report.findings if f.code == code]


def value(report, measure, slice_="overall"):
    rows = report.measures.set_index(["measure", "slice"])
    return rows.loc[(measure, slice_), "value"]


def test_good_data_pass_every_check(make_project, tmp_path):
    found = report(make_project, tmp_path, draw())
    assert {f.status for f in found.findings} == {Status.PASS}
    assert {f.code for f in found.findings} == {
        *(f"quality.{d}" for d in ("completeness", "accuracy", "consistency", "timeliness")),
        *("quality.area_gap", "quality.unknown_area", "quality.silent_entity"),
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
    assert {f.subject for f in gaps if f.status is Status.FAIL} == {"area_id=01"}
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
    assert "99" in unknown.reason
    (silent,) = find(found, "quality.silent_entity")
    assert silent.status is Status.FAIL
    assert silent.reason.endswith("before: 02.")
    (empty,) = find(found, "quality.empty_period")
    assert empty.observed == 2
    assert "2024-02-05, 2024-02-12" in empty.reason


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
