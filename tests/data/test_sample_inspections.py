"""The planted bias of the sample city's inspections: looked at more, not worse."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cityai.samples import SampleCity, write_sample_city
from cityai.samples.inspections import PER_PLACE, WATCHED


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SampleCity:
    return write_sample_city(tmp_path_factory.mktemp("city") / "made")


def test_the_watched_district_is_looked_at_twice_as_often(city):
    truths = city.truths
    assert truths.watched_district == WATCHED
    others = [n for d, n in truths.inspections.items() if d != WATCHED]
    assert truths.inspections[WATCHED] / (sum(others) / 3) == pytest.approx(2, rel=0.1)


def test_more_is_found_there_and_it_is_no_worse(city):
    truths = city.truths
    assert truths.found[WATCHED] > 1.5 * max(n for d, n in truths.found.items() if d != WATCHED)
    assert max(truths.true_risk.values()) - min(truths.true_risk.values()) < 0.01
    rates = {d: truths.found[d] / truths.inspections[d] for d in truths.found}
    for district, rate in rates.items():
        assert rate == pytest.approx(truths.true_risk[district], abs=0.035)


def test_the_tables_say_what_the_truths_say(city):
    table = pd.read_csv(city.inspections, keep_default_na=False)
    kitchens = pd.read_csv(city.kitchens)
    done = table[table["violation"] != ""]
    assert (done["inspected_on"] < "2025-12-29").all()
    planned = table[table["violation"] == ""]
    assert len(planned) > 10
    assert (planned["inspected_on"] >= "2025-12-29").all()
    assert done.groupby("district").size().to_dict() == city.truths.inspections
    found = done[done["violation"] == "yes"].groupby("district").size().to_dict()
    assert found == city.truths.found
    assert kitchens.groupby("neighbourhood").size().eq(PER_PLACE).all()
    assert table["inspection_id"].is_unique
    assert not set(pd.to_datetime(table["inspected_on"]).dt.day_of_week) & {5, 6}


def test_complaints_follow_the_risk_and_not_the_inspectors(city):
    complaints = pd.read_csv(city.complaints)
    table = pd.read_csv(city.inspections, keep_default_na=False)
    north = table.loc[table["district"] == WATCHED, ["latitude", "longitude"]]
    low, high = north.min(), north.max()
    inside = complaints[["latitude", "longitude"]].ge(low) & complaints[
        ["latitude", "longitude"]
    ].le(high)
    assert 0.15 < inside.all(axis=1).mean() < 0.4


def test_the_same_seed_gives_the_same_bytes(city, tmp_path):
    again = write_sample_city(tmp_path / "again")
    for name in ("inspections", "complaints", "kitchens"):
        first: Path = getattr(city, name)
        assert first.read_bytes() == getattr(again, name).read_bytes()
