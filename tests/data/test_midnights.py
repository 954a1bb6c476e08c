"""Dates that were exported as moments of UTC are refused where they would move to another day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.city import CitySpec
from cityai.errors import DataError
from cityai.scaffold.look import look_at_table

# DuckDB's own frames of moments with a zone are made so.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
DAYS = pd.date_range("2023-01-01", "2024-12-31", freq="8h", tz="UTC")


def place_of(zone: str) -> CitySpec:
    contact = {"unit": "-", "email": "data@city.example"}
    city = {"name": "City", "country": "US", "time_zone": zone, "contact": contact}
    return CitySpec.model_validate(city)


def write(folder: Path, moments: pd.DatetimeIndex, text: str) -> Path:
    table = pd.DataFrame({"day": moments, "code": ["A", "B"] * (len(moments) // 2)})
    path = folder / ("t.csv" if text else "t.parquet")
    if text:
        table.assign(day=moments.strftime(text)).to_csv(path, index=False)
    else:
        day = pa.array(list(moments), pa.timestamp("us", tz="UTC"))
        pq.write_table(pa.table({"day": day, "code": list(table["code"])}), path)
    return path


@pytest.mark.parametrize("text", ["", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00"])
def test_midnights_of_utc_are_dates(tmp_path: Path, text: str) -> None:
    midnights = DAYS.normalize()[: len(DAYS) // 2 * 2]
    path = write(tmp_path, midnights, text)
    with pytest.raises(DataError, match="every moment is midnight in UTC") as caught:
        look_at_table(path, city=place_of("America/New_York"))
    assert ("type: date" in caught.value.next_step) == bool(text)
    # East of Greenwich and in UTC the day is the same.
    for zone in ("Europe/Lisbon", "Asia/Kathmandu", "UTC"):
        look_at_table(path, city=place_of(zone))


@pytest.mark.parametrize("text", ["", "%Y-%m-%dT%H:%M:%SZ"])
@pytest.mark.parametrize("change", [lambda m: m, lambda m: m.normalize() + pd.Timedelta("5h")])
def test_other_moments_are_moments(
    tmp_path: Path, text: str, change: Callable[[pd.DatetimeIndex], pd.DatetimeIndex]
) -> None:
    moments = change(DAYS[: len(DAYS) // 2 * 2])
    told = look_at_table(write(tmp_path, moments, text), city=place_of("America/New_York"))
    assert told.spec["data"]["time"] == "day"
