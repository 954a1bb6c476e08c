"""The sample city holds exactly what its truth says, and the planted gap where it says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import Project, load_project
from cityai.config.tables import CovariateSpec, KnownSpec
from cityai.data.layouts.dense import build_rows, label_dense, lay_dense
from cityai.data.leaks import check_leaks
from cityai.data.panel import build_panel
from cityai.data.side_tables import read_covariate
from cityai.data.truncation import check_truncation
from cityai.errors import StoreError
from cityai.findings import Status
from cityai.kinds import open_kind
from cityai.records.events import Events, RowCounts
from cityai.samples import SampleCity, ensure_sample_city, write_sample_city
from cityai.samples.dirt import SPOILS
from cityai.samples.requests import IN_SCOPE, OUT_OF_SCOPE
from tests.kinds import open_spec

ROOT = Path(__file__).parents[2]
FIRST = np.datetime64("2022-01-03", "D")
WEEKS, PLACES = 208, 24


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SampleCity:
    return write_sample_city(tmp_path_factory.mktemp("sample") / "sample_city")


@pytest.fixture(scope="module")
def even_city(tmp_path_factory: pytest.TempPathFactory) -> SampleCity:
    folder = tmp_path_factory.mktemp("even") / "sample_city"
    return write_sample_city(folder, planted_gap=False, dirty=False)


@pytest.fixture(scope="module")
def rows(city: SampleCity) -> pd.DataFrame:
    return pd.read_parquet(city.requests)


@pytest.fixture(scope="module")
def areas(city: SampleCity) -> pd.DataFrame:
    return pd.read_csv(city.neighbourhoods)


def _read_bytes(folder: Path) -> dict[str, bytes]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


class TestWriting:
    def test_same_seed_gives_same_bytes(self, city: SampleCity, tmp_path: Path) -> None:
        again = write_sample_city(tmp_path / "again")
        assert _read_bytes(again.folder) == _read_bytes(city.folder)
        assert again.truths == city.truths

    def test_other_seed_gives_another_city(self, city: SampleCity, tmp_path: Path) -> None:
        other = _read_bytes(write_sample_city(tmp_path / "other", seed=8).folder)
        mine = _read_bytes(city.folder)
        assert other.keys() == mine.keys()
        assert all(other[name] != mine[name] for name in mine)

    def test_gap_leaves_the_rest_of_the_city_alone(
        self, city: SampleCity, even_city: SampleCity
    ) -> None:
        for name in ("neighbourhoods.csv", "neighbourhoods.geojson", "weather.csv"):
            assert (city.folder / name).read_bytes() == (even_city.folder / name).read_bytes()
        assert even_city.truths.gap_neighbourhoods == ()
        assert even_city.truths.rejected == {}

    def test_a_current_city_is_kept_and_another_is_replaced(
        self, city: SampleCity, tmp_path: Path
    ) -> None:
        first = replace(city, folder=tmp_path / "city")
        shutil.copytree(city.folder, first.folder)
        before = first.requests.stat().st_mtime_ns
        assert ensure_sample_city(tmp_path / "city") == first
        assert first.requests.stat().st_mtime_ns == before
        assert ensure_sample_city(tmp_path / "city", seed=8).truths.seed == 8
        first.weather.unlink()
        assert ensure_sample_city(tmp_path / "city", seed=8).weather.exists()
        assert [p.name for p in tmp_path.iterdir()] == ["city"]

    @pytest.mark.parametrize("damage", ["{", '{"version": 1}'])
    def test_an_unreadable_truth_is_written_again(
        self, city: SampleCity, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "truth").mkdir()
        (tmp_path / "truth" / "planted.json").write_text(damage)
        written = []
        module = "cityai.samples.write.write_sample_city"
        monkeypatch.setattr(module, lambda *given: written.append(given) or city)
        assert ensure_sample_city(tmp_path) == city
        assert written == [(tmp_path, 7)]

    def test_a_folder_with_other_files_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(StoreError, match="holds no sample city"):
            write_sample_city(tmp_path)
        assert (tmp_path / "thesis.txt").read_text() == "years of work"


class TestDirt:
    def test_rows_add_up(self, city: SampleCity, rows: pd.DataFrame) -> None:
        truths = city.truths
        assert len(rows) == truths.rows
        out, rejected = sum(truths.out_of_scope.values()), sum(truths.rejected.values())
        assert truths.rows == out + rejected + truths.accepted
        planted = truths.rejected | truths.accepted_with_a_fault
        planted |= {"date in the future": truths.out_of_scope["date in the future"]}
        assert {s.kind: s.rows for s in SPOILS} | {"duplicate": 150} == planted

    def test_each_kind_is_found_by_an_independent_count(
        self, city: SampleCity, rows: pd.DataFrame
    ) -> None:
        place, opened, recorded = rows["neighbourhood"], rows["opened_at"], rows["recorded_at"]
        moment = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}"
        readable = opened.str.fullmatch(moment, na=False) & (opened.str[5:7] != "13")
        both = readable & recorded.notna()
        future = both & (opened > "2026")
        hours = rows["crew_hours"].dropna()
        number = pd.to_numeric(hours, errors="coerce")
        counted = {
            "unparsable date": int((opened.notna() & ~readable).sum()),
            "missing date": int(opened.isna().sum()),
            "date in the future": int(future.sum()),
            "recorded before opened": int((both & ~future & (recorded < opened)).sum()),
            "missing recorded date": int(recorded.isna().sum()),
            "unknown neighbourhood": int(place.isin(["X9", "N7", "Old Harbour"]).sum()),
            "missing neighbourhood": int(place.isna().sum()),
            "blank neighbourhood": int(place.str.fullmatch(" *", na=False).sum()),
            "other case": int(place.str.fullmatch("[nesw][1-6]", na=False).sum()),
            "odd unicode": int(place.str.fullmatch("[^A-Z].|.[\u200b\u00ad].", na=False).sum())
            - 30,
            "negative hours": int((number < 0).sum()),
            "hours not a number": int(number.isna().sum()),
            "duplicate": int(rows["request_id"].duplicated().sum()),
        }
        blanks = place.str.fullmatch("[ \u00a0][NESW][1-6]|[NESW][1-6]( +|\u200b)", na=False)
        counted["padded neighbourhood"] = int(blanks.sum())
        assert counted == {s.kind: s.rows for s in SPOILS} | {"duplicate": 150}

    def test_the_list_of_faults_points_at_the_rows(
        self, city: SampleCity, rows: pd.DataFrame
    ) -> None:
        dirt = pd.read_csv(city.dirt)
        named = rows["request_id"].to_numpy()[dirt["row_number"].to_numpy() - 1]
        assert (named == dirt["request_id"]).all()
        assert len(dirt) == sum(s.rows for s in SPOILS) + 150
        assert dirt["request_id"].is_unique

    def test_scope(self, city: SampleCity, rows: pd.DataFrame) -> None:
        general = rows["request_type"] == OUT_OF_SCOPE
        early = rows["opened_at"].lt("2022-01-03").fillna(False) & rows["opened_at"].str.startswith(
            "202", na=False
        )
        counted = {"general question": int(general.sum()), "before the first day": int(early.sum())}
        assert counted | {"date in the future": 3} == city.truths.out_of_scope
        assert set(rows.loc[~general, "request_type"]) == set(IN_SCOPE)

    def test_weeks_add_up_to_the_accepted_rows(self, city: SampleCity) -> None:
        need = pd.read_csv(city.need)
        assert need["accepted"].sum() == city.truths.accepted
        left = need["reported"] - need["lost_in_outage"] - need["not_yet_recorded"]
        lost = sum(s.rows for s in SPOILS if s.fate != "accepted")
        assert (left - need["accepted"]).sum() == lost
        assert (left >= need["accepted"]).all()
        assert (need["need"] >= need["reported"]).all()

    def test_notes_hold_marks_that_the_contract_does_not_read(self, rows: pd.DataFrame) -> None:
        assert rows["note"].str.startswith("canary-").sum() > 1000


class TestPlaces:
    def test_groups_are_parts_of_the_residents(self, areas: pd.DataFrame) -> None:
        language = areas.filter(like="lang_").sum(axis=1)
        assert (language == areas["residents"]).all()
        origin = areas[["hispanic", "black", "white", "asian", "indigenous"]]
        assert (origin.sum(axis=1) < areas["residents"]).all()
        assert (origin >= 0).all(axis=None)
        assert areas["indigenous"].sum() == 9

    def test_outlines_tile_the_city(self, city: SampleCity, areas: pd.DataFrame) -> None:
        features = json.loads(city.boundaries.read_text(encoding="utf-8"))["features"]
        assert [f["properties"]["neighbourhood"] for f in features] == list(areas["neighbourhood"])
        edges: dict[tuple[tuple[float, float], ...], int] = {}
        for feature in features:
            (ring,) = feature["geometry"]["coordinates"]
            assert ring[0] == ring[-1]
            x, y = np.array(ring).T
            assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0  # anticlockwise
            for a, b in pairwise(ring):
                edge = (tuple(a), tuple(b))
                assert edge not in edges
                edges[edge] = 1
        shared = sum((b, a) in edges for a, b in edges)
        assert len(edges) - shared == 20  # the outer border of a 6 by 4 grid

    def test_lowest_third_lies_evenly(self, city: SampleCity, areas: pd.DataFrame) -> None:
        low = areas["median_income"].rank() <= 8
        assert set(areas.loc[low, "neighbourhood"]) == set(city.truths.gap_neighbourhoods)
        assert (areas[low].groupby("district").size() == 2).all()
        people = areas["residents"]
        for group in ("lang_spanish", "lang_portuguese"):
            inside = areas.loc[low, group].sum() / people[low].sum()
            outside = areas.loc[~low, group].sum() / people[~low].sum()
            assert abs(inside - outside) < 0.02

    def test_reporting_rises_with_income(self, city: SampleCity, areas: pd.DataFrame) -> None:
        need = pd.read_csv(city.need).groupby("neighbourhood")[["need", "reported"]].sum()
        share = (need["reported"] / need["need"])[areas["neighbourhood"]].to_numpy()
        planted = [city.truths.share_reporting[code] for code in areas["neighbourhood"]]
        assert np.abs(share - planted).max() < 0.02
        assert np.corrcoef(areas["median_income"], share)[0, 1] > 0.9


class TestOutages:
    def test_no_row_was_opened_in_them(self, city: SampleCity) -> None:
        need = pd.read_csv(city.need)
        begin, end = city.truths.city_outage
        whole = need["week_start"].ge(begin) & need["week_start"].lt(end)
        begin, end = city.truths.district_outage
        south = need["neighbourhood"].str.startswith("S")
        part = need["week_start"].ge(begin) & need["week_start"].lt(end) & south
        assert (whole.sum(), part.sum()) == (2 * PLACES, 4 * 6)
        assert (need.loc[whole | part, "accepted"] == 0).all()
        assert (need.loc[whole | part, "lost_in_outage"] > 0).all()
        assert (need.loc[~(whole | part), "accepted"] > 0).all()


@dataclass(frozen=True)
class Replay:
    """Weekly forecasts by the mean of the last 13 known weeks, replayed: each (13, 4, 24)."""

    actual: np.ndarray
    forecast: np.ndarray

    def share_unforeseen(self, weight: np.ndarray) -> float:
        under = np.maximum(self.actual - self.forecast, 0)
        return float((under @ weight).sum() / (self.actual @ weight).sum())


def _replay(city: SampleCity) -> Replay:
    """Four weeks ahead, 13 times, from what was recorded before each question."""
    rows = pd.read_parquet(city.requests)
    spoilt = pd.read_csv(city.dirt)["row_number"].to_numpy() - 1
    rows = rows.drop(index=spoilt)
    rows = rows[(rows["request_type"] != OUT_OF_SCOPE) & (rows["opened_at"] >= "2022-01-03")]
    codes = pd.Index(pd.read_csv(city.neighbourhoods)["neighbourhood"])
    place = codes.get_indexer(rows["neighbourhood"])
    opened = rows["opened_at"].to_numpy().astype("datetime64[D]")
    recorded = rows["recorded_at"].to_numpy().astype("datetime64[s]")
    week = ((opened - FIRST) // np.timedelta64(7, "D")).astype(np.int64)
    total = np.zeros((WEEKS, PLACES))
    np.add.at(total, (week, place), 1)
    actual, forecast = [], []
    for origin in range(152, 204, 4):
        seen = (recorded < FIRST + 7 * origin) & (week >= origin - 13)
        known = np.bincount(place[seen], minlength=PLACES) / 13
        actual.append(total[origin : origin + 4])
        forecast.append(np.tile(known, (4, 1)))
    return Replay(np.array(actual), np.array(forecast))


class TestPlantedGap:
    def test_leak_is_nearly_the_target(self, city: SampleCity) -> None:
        leak, need = pd.read_csv(city.leak), pd.read_csv(city.need)
        assert np.corrcoef(leak["handled_in_week"], need["accepted"])[0, 1] > 0.9999

    def test_forecasts_come_too_low_where_planted_and_nowhere_else(
        self, city: SampleCity, areas: pd.DataFrame
    ) -> None:
        replay = _replay(city)
        low = areas["neighbourhood"].isin(city.truths.gap_neighbourhoods).to_numpy(dtype=float)
        everyone = np.ones(PLACES)
        overall = replay.share_unforeseen(everyone)
        high = (areas["median_income"].rank() > 16).to_numpy(dtype=float)
        assert replay.share_unforeseen(low) - overall > 0.06
        assert replay.share_unforeseen(low) - replay.share_unforeseen(high) > 0.12
        people = areas["residents"].to_numpy()
        for name in ("lang_english", "lang_spanish", "lang_portuguese", "lang_other"):
            share = areas[name].to_numpy() / people
            assert abs(replay.share_unforeseen(share) - overall) < 0.02
        for district in areas["district"].unique():
            inside = (areas["district"] == district).to_numpy(dtype=float)
            assert abs(replay.share_unforeseen(inside) - overall) < 0.03

    def test_without_it_no_group_differs(self, even_city: SampleCity, areas: pd.DataFrame) -> None:
        replay = _replay(even_city)
        overall = replay.share_unforeseen(np.ones(PLACES))
        rank = areas["median_income"].rank().to_numpy()
        for low, high in ((0, 8), (8, 16), (16, 24)):
            third = ((rank > low) & (rank <= high)).astype(float)
            assert abs(replay.share_unforeseen(third) - overall) < 0.02

    def test_paper_forms_make_recent_weeks_incomplete(self, city: SampleCity) -> None:
        rows = pd.read_parquet(city.requests, columns=["neighbourhood", "channel", "opened_at"])
        late = rows[rows["opened_at"].ge("2025-06").fillna(False)]
        paper = late["channel"].eq("paper form").groupby(late["neighbourhood"]).mean()
        planted = paper[list(city.truths.gap_neighbourhoods)]
        assert planted.min() > 0.25
        assert paper.drop(planted.index).filter(regex="^[NESW][3-6]$").max() < 0.1


@pytest.fixture(scope="module")
def project(city: SampleCity) -> Iterator[Project]:
    """The demonstration project, reading the city of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYAI_STATE", str(city.folder.parent))
        yield forget_outages(load_project(ROOT / "projects" / "sample_requests"))


def forget_outages(project: Project) -> Project:
    """Take back what the project declares, so that the checks must find it."""
    data = project.spec.data.model_copy(update={"outages": ()})
    return replace(project, spec=project.spec.model_copy(update={"data": data}))


@pytest.fixture(scope="module")
def snapshot(project: Project) -> Events:
    return open_kind(project).read()


@pytest.mark.slow
class TestSnapshot:
    def test_every_row_is_accounted_for(self, city: SampleCity, snapshot: Events) -> None:
        truths = city.truths
        assert snapshot.counts == RowCounts(
            read=truths.rows,
            out_of_scope=sum(truths.out_of_scope.values()),
            rejected=sum(truths.rejected.values()),
            accepted=truths.accepted,
        )

    def test_each_reject_is_the_planted_row(self, city: SampleCity, snapshot: Events) -> None:
        dirt = pd.read_csv(city.dirt)
        planted = dirt[dirt["fate"] == "rejected"]
        found = snapshot.rejects.sort_values("row_number")
        assert list(found["row_number"]) == list(planted["row_number"])
        columns = found["column"].where(found["column"] != "", "request_id")  # the key's, in full
        assert list(columns) == list(planted["column"])

    def test_counts_are_the_truth(self, city: SampleCity, snapshot: Events) -> None:
        need = pd.read_csv(city.need).sort_values(["neighbourhood", "week_start"])
        need = need[need["accepted"] > 0]
        found = snapshot.table.groupby(["entity_id", "period"])["n"].sum()
        assert list(found) == list(need["accepted"])

    def test_silence_is_seen(self, city: SampleCity, snapshot: Events) -> None:
        axis = snapshot.periods.starts()
        assert len(axis) == WEEKS
        counted = snapshot.table.groupby("period")["n"].sum().reindex(range(WEEKS), fill_value=0)
        silent = [str(day.date()) for day in axis[counted.to_numpy() == 0]]
        assert silent == ["2023-03-06", "2023-03-13"]
        reporting = snapshot.table.groupby("period")["entity_id"].nunique()
        assert list(reporting.index[reporting < PLACES]) == [91, 92, 93, 94]
        assert (reporting.loc[91:94] == PLACES - 6).all()


@pytest.mark.slow
class TestQuality:
    """The report names what was planted, and nothing else."""

    def test_findings_of_the_dirty_city(
        self, city: SampleCity, project: Project, snapshot: Events
    ) -> None:
        found = open_spec(project.spec).report(snapshot)
        failed = [f for f in found.findings if f.status is Status.FAIL]
        assert [f.code for f in failed] == [
            "quality.empty_period",
            "quality.silent_area",
        ]
        empty, silent = failed
        (unknown,) = [f for f in found.findings if f.code == "quality.unknown_area"]
        assert unknown.status is Status.NOT_APPLICABLE
        assert "2 of 208 weeks" in empty.reason
        assert "beginning 2023-03-06, 2023-03-13." in empty.reason
        assert city.truths.district_outage == ("2023-10-02", "2023-10-30")
        assert silent.subject == "2023-10-02 to 2023-10-29"
        assert re.findall(r"\((\w+)\)[,.]", silent.reason) == ["S1", "S2", "S3", "S4", "S5", "S6"]
        strange = ("unknown neighbourhood", "other case", "odd unicode")
        rows = sum(city.truths.rejected[kind] for kind in strange)
        assert unknown.reason.startswith(f"{rows:,} rows name")
        assert "(0 of them accepted)" in unknown.reason
        assert not any(name in unknown.reason for name in ("N7", "Old Harbour", "X9"))
        assert len(set(found.measures["slice"])) == PLACES + 2  # the city, and "not recorded"

    def test_findings_of_the_clean_city(self, even_city: SampleCity) -> None:
        """Without dirt the two outages remain."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CITYAI_STATE", str(even_city.folder.parent))
            even = forget_outages(load_project(ROOT / "projects" / "sample_requests"))
            found = open_spec(even.spec).report(open_kind(even).read())
        failed = [f.code for f in found.findings if f.status is not Status.PASS]
        assert failed == ["quality.empty_period", "quality.silent_area"]
        assert len(set(found.measures["slice"])) == PLACES + 1

    def test_declared_outages_are_missing_and_no_longer_found(self, city: SampleCity) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CITYAI_STATE", str(city.folder.parent))
            told = load_project(ROOT / "projects" / "sample_requests")
            seen = open_kind(told).read()
            found = open_spec(told.spec).report(seen)
        failed = [f.code for f in found.findings if f.status is Status.FAIL]
        assert failed == []
        (empty,) = [f for f in found.findings if f.code == "quality.empty_period"]
        assert "2 more lie in declared outages" in empty.reason
        assert seen.table["n"].sum() == seen.counts.accepted
        missing = seen.table[seen.table["value"].isna()].groupby("period")["entity_id"].nunique()
        assert missing.to_dict() == {61: PLACES, 62: PLACES, 91: 6, 92: 6, 93: 6, 94: 6}


LEAK = CovariateSpec.model_validate(
    {
        "source": {"path": "${CITYAI_SAMPLE}/truth/handled_in_week.csv"},
        "time": "week_start",
        "by": "area",
        "key": "neighbourhood",
        "known": "ahead",
        "combine": "sum",
        "columns": {"handled_in_week": {"type": "number"}},
    }
)
"""As the page shows it: taken for known ahead, which it is not."""


@pytest.mark.slow
class TestTime:
    def test_features_do_not_see_the_future(self, project: Project, snapshot: Events) -> None:
        panel = build_panel(snapshot, project.spec)
        rows_at = lay_dense(panel, snapshot, project)
        found = check_truncation(rows_at, panel.moments, project, n_moments=3)
        assert found.status == Status.PASS, found.reason

    @pytest.mark.parametrize("known", ["ahead", "later"])
    def test_the_leak_is_found_unless_declared_honestly(
        self, project: Project, snapshot: Events, known: str
    ) -> None:
        leak = LEAK
        if known == "later":
            leak = LEAK.model_copy(update={"known": KnownSpec(lag_days=7)})
        spec = project.spec.model_copy(update={"covariates": {"handled": leak}})
        leaky = replace(project, spec=spec)
        read = read_covariate(leaky, "handled", leak, snapshot.periods).table
        seen = replace(snapshot, covariates={"handled": read})
        panel = build_panel(seen, spec)
        rows = build_rows(panel, seen, leaky, range(60, WEEKS, 6))
        found = check_leaks(rows, label_dense(rows, panel), spec.policy)
        if known == "ahead":
            assert found.status == Status.FAIL
            assert "handled_in_week" in found.subject
        else:
            assert found.status == Status.PASS, found.reason


def test_the_page_tells_the_truth(city: SampleCity) -> None:
    page = (ROOT / "docs" / "sample_city.md").read_text(encoding="utf-8")
    truths = city.truths
    planted = truths.rejected | truths.accepted_with_a_fault | truths.out_of_scope
    for kind, count in planted.items():
        assert f"| {kind} | {count} |" in page or kind == "general question"
    for said in (truths.gap_from, truths.city_outage[0], truths.district_outage[0]):
        assert said in page
    assert " ".join(truths.gap_neighbourhoods) in page


def test_truths_are_frozen(city: SampleCity) -> None:
    assert replace(city.truths, seed=1).seed == 1
    with pytest.raises(AttributeError):
        city.truths.seed = 1  # type: ignore[misc]
