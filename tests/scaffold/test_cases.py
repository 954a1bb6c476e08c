"""Tables as cities export them: each is understood, or asked about, and its total is right.

The totals are counted again here from the file's own text, by code that shares nothing with the
package. The folder of small inputs lies beside that of `CITYAI_DATA`; small twins of each kind are
in `test_twins.py`.
"""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.kinds import open_kind
from cityai.scaffold.workspace import create_workspace
from tests.scaffold.conftest import ANSWERS

CASES = Path(os.environ.get("CITYAI_DATA", "../shared/data")).resolve().parent / "cases" / "tables"

CaseLayout = tuple[str, str, str, list[str], int, float]
UNDERSTOOD: dict[str, CaseLayout] = {
    # file: time, period, amount, place, places, total of the whole table
    "ambiguous_unused_column": ("opened", "month", "", ["ward"], 4, 3_383),
    "arcgis_epoch_ms": ("created_date", "month", "", ["district"], 6, 1_536),
    "arcgis_hub": ("created_date", "month", "", ["district"], 6, 1_536),
    "constant_rows": ("date", "day", "incidents", ["nature"], 3, 881_738),
    "cp1252": ("semaine", "week", "appels", ["quartier"], 3, 17_986),
    "dates_basic": ("period", "month", "visits", ["ward"], 3, 10_649),
    "dates_dby": ("period", "month", "visits", ["ward"], 3, 10_851),
    "dates_jan21": ("period", "month", "visits", ["ward"], 3, 10_637),
    "dates_longm": ("period", "month", "visits", ["ward"], 3, 11_130),
    "dates_m01": ("period", "month", "visits", ["ward"], 3, 10_765),
    "dates_mdy2": ("period", "month", "visits", ["ward"], 3, 10_794),
    "dates_slash": ("period", "month", "visits", ["ward"], 3, 10_759),
    "dates_ym": ("period", "month", "visits", ["ward"], 3, 10_794),
    "dates_yyyymm": ("period", "month", "visits", ["ward"], 3, 10_879),
    "decimal_comma": ("monat", "month", "tonnen", ["bezirk"], 4, 4_052.31),
    "decimal_comma_thousands": ("monat", "month", "tonnen", ["bezirk"], 4, 390_403.2),
    "group_by_export": ("month", "month", "count", ["borough"], 3, 1_361),
    "hourly_counts": ("hour_local", "day", "calls", ["station"], 2, 277_878),
    "ids_again": ("opened", "month", "", ["ward"], 4, 3_383),
    "late_latin1": ("date", "week", "", ["quartier"], 5, 6_000),
    "na_texts": ("month", "month", "filings", ["district"], 4, 11_027),
    "negative_counts": ("week_ending", "week", "cases", ["ward"], 3, 38_046),
    "one_series": ("date", "day", "occupancy", [], 1, 270_314),
    "sentinel_dates": ("opened", "month", "", ["ward"], 4, 3_303),
    "socrata_am_pm": ("CreatedDate", "month", "", ["PolicePrecinct"], 6, 1_536),
    "sparse_with_coordinates": ("incident_date", "month", "", ["battalion_district"], 6, 360),
    "suppressed_lt5": ("month", "month", "filings", ["district"], 4, 2_775),
    "thousands": ("month", "month", "tons", ["district"], 4, 391_747),
    "total_as_place": ("month", "month", "evictions", ["borough"], 4, 72_153),
    "total_row": ("month", "month", "evictions", ["borough"], 4, 72_153),
    "two_values_one_day": ("date", "day", "people", ["shelter"], 4, 262_449),
    "zip_leading_zero": ("open_dt", "month", "", ["zipcode"], 4, 3_383),
}
ASKED = {
    "dates_jan21": ["--time", "period", "--format", "%b-%y"],
    "dates_mdy2": ["--time", "period", "--format", "%m/%d/%y"],
    "ids_again": ["--key", "service_request_id"],
    "zip_leading_zero": ["--width", "5"],
}
"""What is asked, and the answer that the message offers."""
WRITTEN = {
    "arcgis_epoch_ms": "ms", "arcgis_hub": "%Y/%m/%d %H:%M:%S%z", "dates_basic": "%Y%m%d",
    "dates_dby": "%d-%b-%Y", "dates_jan21": "%b-%y", "dates_longm": "%B %d, %Y",
    "dates_m01": "%YM%m", "dates_mdy2": "%m/%d/%y", "dates_slash": "%Y/%m/%d", "dates_ym": "%Y-%m",
    "dates_yyyymm": "%Y%m", "socrata_am_pm": "%m/%d/%Y %I:%M:%S %p",
}  # fmt: skip
CUT = {"late_latin1"}
"""Cases whose first period is cut."""
TOLD = {
    "ambiguous_unused_column": "opened",
    "constant_rows": "whether each board is to be predicted too",
    "cp1252": "cp1252",
    "decimal_comma_thousands": "'.' between thousands",
    "group_by_export": "written: zero",
    "hourly_counts": "the hour that comes twice",
    "ids_again": "1,128 rows repeating it",
    "late_latin1": "latin-1",
    "na_texts": "N/A for missing",
    "negative_counts": "13 amounts below 0",
    "one_series": "one series of the whole city",
    "sentinel_dates": "80 far off, outside `since` and `until`, 67 in months that are not whole",
    "socrata_am_pm": "not UpdatedDate, ClosedDate",
    "suppressed_lt5": "unknown, not 0",
    "total_as_place": "Citywide in borough: the sum of the 4 others",
    "total_row": "month: not a date; row 289 ('Total')",
    "two_values_one_day": "it is no attribute of a shelter",
    "zip_leading_zero": "with their zeros back",
}

CHECKED = {
    "hourly_counts": "27,794 of 27,794 used, 0 rejected",
    "one_series": "900 of 900 used, 0 rejected",
    "sentinel_dates": "147 out of scope",
    "suppressed_lt5": "288 of 288 used, 0 rejected",
    "total_row": "month: not a date; row 289 ('Total')",
    "two_values_one_day": "2,735 of 2,735 used, 0 rejected",
}
"""Those that are checked too, and what the check says."""


def read_moment(text: str, name: str) -> datetime | None:
    """Read a moment as the person who wrote the case meant it, by Python alone."""
    zone = ZoneInfo(ANSWERS.time_zone)
    try:
        if WRITTEN.get(name) == "ms":
            moment = datetime.fromtimestamp(int(text) / 1000, tz=UTC)
        elif name == "arcgis_hub":
            moment = datetime.strptime(text + "00", WRITTEN[name])  # noqa: DTZ007
        elif name in WRITTEN:
            return datetime.strptime(text, WRITTEN[name])  # noqa: DTZ007
        else:
            return datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(zone).replace(tzinfo=None)


def read_amount(text: str, name: str) -> float | None:
    plain = text.replace(".", "").replace(",", ".") if name.startswith("decimal") else text
    try:
        return float(plain.replace(",", "") if name == "thousands" else plain)
    except ValueError:
        return None


def recount(name: str, case: CaseLayout) -> dict[tuple[Any, ...], float]:
    """Add up the table by place and period with the standard library alone."""
    time, period, amount, places, _, _ = case
    coding = {"cp1252": "cp1252", "late_latin1": "latin-1"}.get(name, "utf-8")
    sums: dict[tuple[Any, ...], float] = {}
    ids: set[str] = set()
    with (CASES / f"{name}.csv").open(encoding=coding, newline="") as file:
        for row in csv.DictReader(file, delimiter=";" if name.startswith("decimal") else ","):
            moment = read_moment(row[time], name)
            place = tuple(row[p].zfill(5) if p == "zipcode" else row[p] for p in places)
            if moment is None or not 1950 < moment.year < 2050 or "Citywide" in place:
                continue
            if name == "ids_again":
                if row["service_request_id"] in ids:
                    continue
                ids.add(row["service_request_id"])
            when = {"day": moment.date(), "week": moment.isocalendar()[:2]}.get(
                period, (moment.year, moment.month)
            )
            value = read_amount(row[amount], name) if amount else 1.0
            if value is not None:
                sums[(*place, when)] = sums.get((*place, when), 0.0) + value
    return sums


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = create_workspace(tmp_path / "haven", ANSWERS).folder
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(UNDERSTOOD))
def test_a_case_is_understood_and_counted(name: str, inside: Path, capsys: Any) -> None:
    table = CASES / f"{name}.csv"
    if not table.exists():
        pytest.skip("the folder of small inputs is not beside CITYAI_DATA")
    case = time, period, amount, places, n_places, total = UNDERSTOOD[name]
    ask = ["new", name, "--template", "blank_demand", "--from", str(table)]
    if name in ASKED:
        assert run_command(ask) == 2
        error = capsys.readouterr().err
        assert all(word.strip("'") in error.replace("'", "") for word in ASKED[name])
    assert run_command([*ask, *ASKED.get(name, [])]) == 0
    told = capsys.readouterr().out
    assert TOLD.get(name, "") in told
    project = load_project(inside / "projects" / name)
    data, question = project.spec.data, project.spec.question
    assert (data.time, question.period, question.value or "") == (time, period, amount)
    assert list(question.entity.columns) == places
    assert (data.known.lag_days, project.spec.backtest.stride) == (1, None)

    plain = recount(name, case)
    assert sum(plain.values()) == pytest.approx(total, abs=0.01)
    assert len({key[:-1] for key in plain}) == n_places
    ends = (min(key[-1] for key in plain), max(key[-1] for key in plain))
    snapshot = open_kind(project).read()
    run = snapshot.table.groupby(["entity_id", "period"])["value"].sum(min_count=1).dropna()
    starts = snapshot.periods.starts()
    assert run.index.get_level_values("period").max() == snapshot.periods.count - 1
    for (place, index), value in run.items():
        start = starts[index]
        when: Any = {"day": start.date(), "week": start.isocalendar()[:2]}.get(
            period, (start.year, start.month)
        )
        parts = (str(place),) if places else ()
        assert value == pytest.approx(plain.pop((*parts, when))), (place, start)
    # What is left lies in the last period, which is not over, or in a first that is cut.
    assert all(key[-1] in ends[name not in CUT :] for key in plain)
    assert f"{run.sum():,.12g} " in told
    if name in CHECKED:
        assert run_command(["check", name]) == 0
        assert CHECKED[name] in " ".join(capsys.readouterr().out.split())
