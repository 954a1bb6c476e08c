"""The neighbourhoods of Port Ellery, their residents and their outlines.

The city is laid out so that what is planted can be told from what is not. In each of four districts
lie two neighbourhoods of every third of income, alike in size, one of them with many Spanish
speakers and one with many Portuguese speakers. So a gap planted by income leaves no gap by district
or by language, while race and ethnicity, which do go with income here as in real cities, show a
pale copy of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

DISTRICTS: Final = ("North", "East", "South", "West")
NAMES: Final = (
    ("Almond Reach", "Bellwether", "Corran Heights", "Dunmarket", "Eastlight", "Fennel Row"),
    ("Gannet Quay", "Hollis Park", "Ironside", "Jarrow Green", "Kestrel Point", "Las Peñas"),
    ("Mill Basin", "Niño Alto", "Old Ferry", "Pilgrim Flats", "Quarry End", "Ropewalk"),
    ("São Telmo", "Tarn Side", "Upper Vale", "Vesper Hill", "Wren Common", "Yarrow Bank"),
)
"""Names by district; some carry accents, as names do."""

PLACES: Final = 24
PER_DISTRICT: Final = 6
CODES: Final = tuple(f"{d[0]}{i + 1}" for d in DISTRICTS for i in range(PER_DISTRICT))
"""Codes of the neighbourhoods, in the order of every array of the sample city."""
THIRD: Final = np.tile(np.repeat([0, 1, 2], 2), len(DISTRICTS))
"""Third of income of each neighbourhood, 0 the lowest. Shape (24,)."""
PAIR: Final = np.tile([0, 1], PLACES // 2)
"""Which of the pair in its district and third: 0 larger and Spanish-speaking. Shape (24,)."""
SMALL_GROUP: Final = 9
"""Indigenous residents in the whole city: too few to be shown."""

# Open sea, so that no outline falls on a neighbourhood that exists.
_WEST, _SOUTH = -73.95, 38.42
_CELL_WIDTH, _CELL_HEIGHT = 0.018, 0.013


@dataclass(frozen=True, slots=True)
class Places:
    """The city's neighbourhoods."""

    areas: pd.DataFrame
    """24 rows: neighbourhood (code ``N1``..``W6``), name, district, residents, median_income
    (dollars a year), and counts of residents: renters, no_car, lang_*, and by race and ethnicity
    hispanic, black, white, asian, indigenous. The last five do not add up to the residents; the
    rest is another group."""
    boundaries: str
    """GeoJSON feature collection in WGS 84."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the neighbourhoods, in the order of every array of the sample city."""
        return tuple(str(code) for code in self.areas["neighbourhood"])


def draw_places(rng: np.random.Generator) -> Places:
    """Draw the neighbourhoods."""
    codes = list(CODES)
    names = [name for row in NAMES for name in row]
    district = np.repeat(DISTRICTS, PER_DISTRICT)
    size = np.where(PAIR == 0, 15_000, 13_000) * rng.uniform(0.97, 1.03, PLACES)
    residents = np.rint(size).astype(np.int64)
    income = np.choose(THIRD, [29_000, 52_000, 92_000]) * rng.uniform(0.87, 1.13, PLACES)
    areas = pd.DataFrame(
        {
            "neighbourhood": codes,
            "name": names,
            "district": district,
            "residents": residents,
            "median_income": np.rint(income / 100).astype(np.int64) * 100,
            "renters": _count(residents, np.choose(THIRD, [0.68, 0.47, 0.29]), rng),
            "no_car": _count(residents, np.choose(THIRD, [0.41, 0.24, 0.11]), rng),
            **_draw_groups(residents, rng),
        }
    )
    return Places(areas, _outline_places(codes, names, list(district), rng))


def _count(
    residents: np.ndarray, share: np.ndarray, rng: np.random.Generator, spread: float = 0.03
) -> np.ndarray:
    return np.rint(residents * (share + rng.uniform(-spread, spread, PLACES))).astype(np.int64)


def _draw_groups(residents: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    spanish = _count(residents, np.where(PAIR == 0, 0.34, 0.06), rng, 0.02)
    portuguese = _count(residents, np.where(PAIR == 0, 0.05, 0.29), rng, 0.02)
    other = _count(residents, np.full(PLACES, 0.08), rng, 0.01)
    hispanic = np.rint(1.08 * spanish).astype(np.int64)
    black = _count(residents - hispanic, np.choose(THIRD, [0.52, 0.27, 0.10]), rng)
    asian = _count(residents - hispanic, np.full(PLACES, 0.11), rng, 0.02)
    indigenous = np.zeros(PLACES, dtype=np.int64)
    indigenous[rng.choice(PLACES, 3, replace=False)] = (4, 3, 2)
    rest = _count(residents - hispanic, np.full(PLACES, 0.05), rng, 0.01)
    return {
        "lang_english": residents - spanish - portuguese - other,
        "lang_spanish": spanish,
        "lang_portuguese": portuguese,
        "lang_other": other,
        "hispanic": hispanic,
        "black": black,
        "white": residents - hispanic - black - asian - indigenous - rest,
        "asian": asian,
        "indigenous": indigenous,
    }


def _outline_places(
    codes: list[str], names: list[str], districts: list[str], rng: np.random.Generator
) -> str:
    """Cut a 6 by 4 grid with bent lines; each district is 3 cells wide and 2 high."""
    columns, rows = 6, 4
    lon = _WEST + _CELL_WIDTH * np.arange(columns + 1)[None, :] * np.ones((rows + 1, 1))
    lat = _SOUTH + _CELL_HEIGHT * np.arange(rows + 1)[:, None] * np.ones((1, columns + 1))
    lon = lon + rng.uniform(-0.2, 0.2, lon.shape) * _CELL_WIDTH
    lat = lat + rng.uniform(-0.2, 0.2, lat.shape) * _CELL_HEIGHT
    corner = {"North": (0, 2), "East": (3, 2), "South": (3, 0), "West": (0, 0)}
    features = []
    for i, code in enumerate(codes):
        left, bottom = corner[districts[i]]
        x, y = left + i % PER_DISTRICT % 3, bottom + i % PER_DISTRICT // 3
        ring = [(y, x), (y, x + 1), (y + 1, x + 1), (y + 1, x), (y, x)]  # anticlockwise, closed
        outline = [[round(float(lon[p]), 6), round(float(lat[p]), 6)] for p in ring]
        features.append(
            {
                "type": "Feature",
                "properties": {"neighbourhood": code, "name": names[i], "district": districts[i]},
                "geometry": {"type": "Polygon", "coordinates": [outline]},
            }
        )
    collection = {"type": "FeatureCollection", "features": features}
    return json.dumps(collection, ensure_ascii=False, separators=(",", ":")) + "\n"
