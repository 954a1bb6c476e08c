"""Write the sample city to a folder, with the truth beside it.

The files that the pipeline reads lie in the folder, those that it must never read in ``truth/``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.errors import StoreError
from cityai.samples.dirt import DirtyRequests, Fate, spoil_requests
from cityai.samples.inspections import WATCHED, Inspections, draw_inspections
from cityai.samples.need import (
    CITY_OUTAGE,
    DISTRICT_OUTAGE,
    OUTAGE_DISTRICT,
    SHIFT_WEEK,
    WEEKS,
    Need,
    draw_need,
    list_weeks,
    share_reporting,
)
from cityai.samples.places import PLACES, SMALL_GROUP, THIRD, Places, draw_places
from cityai.samples.requests import Requests, draw_requests

VERSION: Final = 2
"""Raised whenever the same seed gives another city."""
_TRUTHS: Final = "truth/planted.json"


@dataclass(frozen=True, slots=True)
class PlantedTruths:
    """What was planted, exactly."""

    version: int
    seed: int
    """What the city was drawn from."""
    planted_gap: bool
    dirty: bool
    """Whether the gap by income and the dirty rows were planted."""
    rows: int
    """Rows of the table of requests."""
    out_of_scope: dict[str, int]
    """Rows that the project leaves out: general questions, rows before 2022-01-03, and dates in the
    future."""
    rejected: dict[str, int]
    """Rows that break the contract or repeat another, by kind of dirt."""
    accepted: int
    """Rows that remain."""
    accepted_with_a_fault: dict[str, int]
    """Rows among them that the quality report must count, by kind of dirt."""
    not_yet_recorded: int
    """Reported requests that come after the export."""
    city_outage: tuple[str, str]
    district_outage: tuple[str, str]
    """First day without rows, and the first day with rows again."""
    outage_district: str
    """The district of the second outage."""
    gap_neighbourhoods: tuple[str, ...]
    """Neighbourhoods whose demand forecasts come too low; empty without a planted gap."""
    gap_from: str
    """Monday from which the gap opens."""
    share_reporting: dict[str, float]
    """Probability that a need is reported, by neighbourhood."""
    small_group_residents: int
    """Residents of the smallest group (indigenous), too few to be shown."""
    watched_district: str
    """The district that is inspected twice as often, at the same true risk."""
    true_risk: dict[str, float]
    """Mean probability of a violation over all kitchens and days, by district: alike."""
    inspections: dict[str, int]
    found: dict[str, int]
    """Inspections done, and violations found, by district."""


@dataclass(frozen=True, slots=True)
class SampleCity:
    """Where the sample city is, and what was planted in it."""

    folder: Path
    """The folder."""
    truths: PlantedTruths
    """What was planted."""

    @property
    def requests(self) -> Path:
        """Parquet, one row a request, every column a text."""
        return self.folder / "requests.parquet"

    @property
    def neighbourhoods(self) -> Path:
        """CSV, one row a neighbourhood."""
        return self.folder / "neighbourhoods.csv"

    @property
    def boundaries(self) -> Path:
        """GeoJSON in WGS 84."""
        return self.folder / "neighbourhoods.geojson"

    @property
    def weather(self) -> Path:
        """CSV, one row a day, known the day after."""
        return self.folder / "weather.csv"

    @property
    def works(self) -> Path:
        """CSV, one row a neighbourhood and week, planned ahead."""
        return self.folder / "planned_works.csv"

    @property
    def inspections(self) -> Path:
        """CSV, one row an inspection of a kitchen, done or planned."""
        return self.folder / "inspections.csv"

    @property
    def complaints(self) -> Path:
        """CSV, one row a complaint near a kitchen."""
        return self.folder / "complaints.csv"

    @property
    def kitchens(self) -> Path:
        """Truth, CSV: the true risk of every kitchen."""
        return self.folder / "truth" / "kitchens.csv"

    @property
    def need(self) -> Path:
        """Truth, CSV: need, reports and rows by neighbourhood and week."""
        return self.folder / "truth" / "need.csv"

    @property
    def dirt(self) -> Path:
        """Truth, CSV: every planted fault by row number."""
        return self.folder / "truth" / "dirt.csv"

    @property
    def leak(self) -> Path:
        """CSV: requests handled in the week itself. Known only after it; a leak if taken ahead."""
        return self.folder / "truth" / "handled_in_week.csv"


def write_sample_city(
    folder: Path, seed: int = 7, *, planted_gap: bool = True, dirty: bool = True
) -> SampleCity:
    """Write the sample city; the same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        Folder to make; an earlier sample city there is replaced whole.
    seed : int
        Seed of everything random.
    planted_gap : bool
        Whether forecasts shall come too low where income is lowest.
    dirty : bool
        Whether rows are spoilt and repeated.

    Raises
    ------
    StoreError
        If the folder holds something else.
    """
    folder = Path(folder)
    _check_folder(folder)
    places = draw_places(np.random.default_rng([seed, 1]))
    need = draw_need(places, np.random.default_rng([seed, 2]), planted_gap)
    requests = draw_requests(places, need, np.random.default_rng([seed, 3]), planted_gap)
    export = spoil_requests(requests, np.random.default_rng([seed, 4]), dirty)
    visits = draw_inspections(places, np.random.default_rng([seed, 6]))
    truths = _state_truths(places, requests, export, visits, seed, planted_gap, dirty)

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".sample_city_") as scratch:
        made = SampleCity(Path(scratch) / "city", truths)
        (made.folder / "truth").mkdir(parents=True)
        export.table.to_parquet(made.requests, engine="pyarrow", compression="zstd", index=False)
        _write_csv(places.areas, made.neighbourhoods)
        made.boundaries.write_text(places.boundaries, encoding="utf-8", newline="")
        _write_csv(need.weather, made.weather)
        _write_csv(need.works, made.works)
        _write_csv(visits.inspections, made.inspections)
        _write_csv(visits.complaints, made.complaints)
        _write_csv(visits.truth, made.kitchens)
        _write_csv(_count_weeks(places, need, requests, export), made.need)
        _write_csv(export.dirt, made.dirt)
        _write_csv(_count_handled(made.need, np.random.default_rng([seed, 5])), made.leak)
        _write_truths(truths, made.folder)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(made.folder, folder)
    return SampleCity(folder, truths)


def ensure_sample_city(folder: Path, seed: int = 7) -> SampleCity:
    """Return the sample city in a folder; write it when it is absent, incomplete or another one."""
    found = _read_truths(folder)
    if (
        found is not None
        and (found.version, found.seed, found.planted_gap, found.dirty)
        == (VERSION, seed, True, True)
        and all(path.exists() for path in _list_files(SampleCity(folder, found)))
    ):
        return SampleCity(folder, found)
    return write_sample_city(folder, seed)


def _check_folder(folder: Path) -> None:
    """Refuse to replace what is not a sample city."""
    if folder.exists() and not (folder / _TRUTHS).exists() and any(folder.iterdir()):
        raise StoreError(
            "the folder is not empty and holds no sample city",
            where=str(folder),
            expected="a folder that is absent, empty, or an earlier sample city",
            next_step="name another folder, or empty this one yourself",
        )


def _list_files(city: SampleCity) -> tuple[Path, ...]:
    read = (city.requests, city.neighbourhoods, city.boundaries, city.weather, city.works)
    more = (city.inspections, city.complaints)
    return (*read, *more, city.need, city.dirt, city.leak, city.kitchens)


def _state_truths(
    places: Places,
    requests: Requests,
    export: DirtyRequests,
    visits: Inspections,
    seed: int,
    planted_gap: bool,
    dirty: bool,
) -> PlantedTruths:
    left_out = ~requests.in_scope[export.source]
    early = requests.week[export.source] < 0
    out_of_scope = {
        "general question": int((left_out & ~early).sum()),
        "before the first day": int((left_out & early).sum()),
    }
    monday = np.datetime_as_string(list_weeks())
    poorest = tuple(code for code, third in zip(places.codes, THIRD, strict=True) if third == 0)
    reporting = share_reporting(places)
    by_district = visits.truth.groupby("district")
    return PlantedTruths(
        version=VERSION,
        seed=seed,
        planted_gap=planted_gap,
        dirty=dirty,
        rows=len(export.table),
        out_of_scope=out_of_scope | _count_kinds(export, "out of scope"),
        rejected=_count_kinds(export, "rejected"),
        accepted=int((~left_out & (export.fate == "accepted")).sum()),
        accepted_with_a_fault=_count_kinds(export, "accepted"),
        not_yet_recorded=int(requests.not_yet_recorded.sum()),
        city_outage=(str(monday[CITY_OUTAGE[0]]), str(monday[CITY_OUTAGE[1]])),
        district_outage=(str(monday[DISTRICT_OUTAGE[0]]), str(monday[DISTRICT_OUTAGE[1]])),
        outage_district=OUTAGE_DISTRICT,
        gap_neighbourhoods=poorest if planted_gap else (),
        gap_from=str(monday[SHIFT_WEEK]),
        share_reporting={
            c: round(float(p), 4) for c, p in zip(places.codes, reporting, strict=True)
        },
        small_group_residents=SMALL_GROUP,
        watched_district=WATCHED,
        true_risk={str(d): round(float(r), 4) for d, r in by_district["true_risk"].mean().items()},
        inspections={str(d): int(n) for d, n in by_district["inspections"].sum().items()},
        found={str(d): int(n) for d, n in by_district["found"].sum().items()},
    )


def _count_kinds(export: DirtyRequests, fate: Fate) -> dict[str, int]:
    kinds = export.dirt.loc[export.dirt["fate"] == fate, "kind"].value_counts().sort_index()
    return {str(kind): int(rows) for kind, rows in kinds.items()}


def _count_weeks(
    places: Places, need: Need, requests: Requests, export: DirtyRequests
) -> pd.DataFrame:
    accepted = np.zeros((WEEKS, PLACES), dtype=np.int64)
    counted = export.source[(export.fate == "accepted") & requests.in_scope[export.source]]
    np.add.at(accepted, (requests.week[counted], requests.place[counted]), 1)

    return pd.DataFrame(
        {
            "neighbourhood": np.tile(places.codes, WEEKS),
            "week_start": np.repeat(np.datetime_as_string(list_weeks()), PLACES),
            "need": _sum_weeks(need.happened),
            "reported": _sum_weeks(need.reported + need.lost),
            "lost_in_outage": _sum_weeks(need.lost),
            "not_yet_recorded": requests.not_yet_recorded.ravel(),
            "accepted": accepted.ravel(),
        }
    )


def _sum_weeks(days: np.ndarray) -> np.ndarray:
    """Sum days to weeks: (1456, 24) to (208 * 24,), the neighbourhood running fastest."""
    weeks: np.ndarray = days.reshape(WEEKS, 7, PLACES).sum(axis=1)
    return weeks.ravel()


def _count_handled(need: Path, rng: np.random.Generator) -> pd.DataFrame:
    weeks = pd.read_csv(need, dtype={"neighbourhood": "str"}, keep_default_na=False)
    handled = rng.binomial(weeks["accepted"].to_numpy(), 0.999)
    return weeks[["neighbourhood", "week_start"]].assign(handled_in_week=handled)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_truths(truths: PlantedTruths, folder: Path) -> None:
    text = json.dumps(asdict(truths), indent=2, ensure_ascii=False) + "\n"
    (folder / _TRUTHS).write_text(text, encoding="utf-8", newline="")


def _read_truths(folder: Path) -> PlantedTruths | None:
    """Read what is recorded in a folder; None when nothing readable is."""
    try:
        content = json.loads((folder / _TRUTHS).read_text(encoding="utf-8"))
        content |= {
            name: tuple(content[name])
            for name in ("city_outage", "district_outage", "gap_neighbourhoods")
        }
        return PlantedTruths(**content)
    except (OSError, ValueError, TypeError, KeyError):
        return None
