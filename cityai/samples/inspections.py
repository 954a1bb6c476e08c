"""Kitchens of Port Ellery, their inspections, and complaints nearby.

In every district the same set of kitchens is drawn, so the true risk is the same everywhere. But
the district `WATCHED` is inspected twice as often: more is found there, because more is looked for.
What is found is no measure of what is there, and the inspections alone cannot tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.samples.places import PER_DISTRICT, PLACES, Places

FIRST_DAY: Final = np.datetime64("2023-01-02", "D")
DAYS: Final = 1092
"""Three years, to the export on 2025-12-29."""
PLANNED_DAYS: Final = 14
"""Days after the export for which inspections are already planned."""
PER_PLACE: Final = 20
"""Kitchens in each neighbourhood."""
WATCHED: Final = "North"
"""The district that is inspected twice as often."""
EVERY_DAYS: Final = 240
"""Mean days between two inspections of a kitchen elsewhere; half of it in `WATCHED`."""
KINDS: Final = ("restaurant", "grocery", "school kitchen", "bakery")

_BASE = -2.0
_KIND_EFFECT = np.array([0.3, 0.0, -0.5, 0.1])
_MEMORY = 0.98  # of a kitchen's condition, from day to day
_SPREAD = 0.7  # of that condition
_COMPLAINTS = 0.0012  # a day, for a kitchen of middling condition
_METRES = 111_195.0  # in one degree of latitude


@dataclass(frozen=True, slots=True)
class Inspections:
    """What inspectors found, and what was true."""

    inspections: pd.DataFrame
    """One row an inspection, sorted by day: inspection_id, inspected_on, establishment, kind,
    seats, neighbourhood, district, latitude, longitude, violation (``yes``, ``no``, or nothing
    where the inspection is only planned)."""
    complaints: pd.DataFrame
    """One row a complaint: complaint_id, received_at, latitude, longitude. Residents name a place
    within some 100 metres, not a kitchen."""
    truth: pd.DataFrame
    """One row a kitchen: establishment, neighbourhood, district, true_risk (mean probability of a
    violation over all days), inspections, found."""


def draw_inspections(places: Places, rng: np.random.Generator) -> Inspections:
    """Draw kitchens, their condition day by day, complaints and inspections."""
    kitchens = _draw_kitchens(places, rng)
    risk = _draw_risk(kitchens, rng)
    day, kitchen = _draw_visits(kitchens, rng)
    found = rng.random(len(day)) < risk[day, kitchen]
    complaints = _draw_complaints(kitchens, risk, rng)
    planned = day >= DAYS
    table = kitchens.iloc[kitchen].reset_index(drop=True).drop(columns="hygiene")
    table.insert(0, "inspected_on", np.datetime_as_string(FIRST_DAY + day))
    table.insert(0, "inspection_id", [f"IN-{i + 1:05d}" for i in range(len(table))])
    table["violation"] = np.where(planned, "", np.where(found, "yes", "no"))
    done = ~planned
    truth = kitchens[["establishment", "neighbourhood", "district"]].assign(
        true_risk=np.round(risk[:DAYS].mean(axis=0), 6),
        inspections=np.bincount(kitchen[done], minlength=len(kitchens)),
        found=np.bincount(kitchen[done & found], minlength=len(kitchens)),
    )
    return Inspections(table, complaints, truth)


def _draw_kitchens(places: Places, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the same kitchens in every district: their order differs, their number does not."""
    count = PLACES * PER_PLACE
    per_district = PER_DISTRICT * PER_PLACE
    rank = (np.arange(per_district) + 0.5) / per_district
    hygiene = np.sqrt(2) * np.array([_invert(p) for p in rank]) * 0.8
    kind = np.arange(per_district) % len(KINDS)
    order = [rng.permutation(per_district) for _ in range(count // per_district)]
    place = np.repeat(np.arange(PLACES), PER_PLACE)
    points = _draw_points(places, place, rng)
    return pd.DataFrame(
        {
            "establishment": [f"K{i + 1:04d}" for i in range(count)],
            "kind": np.array(KINDS)[np.concatenate([kind[o] for o in order])],
            "seats": rng.integers(2, 25, count) * 5,
            "neighbourhood": np.array(places.codes)[place],
            "district": places.areas["district"].to_numpy()[place],
            "latitude": points[:, 1],
            "longitude": points[:, 0],
            "hygiene": np.concatenate([hygiene[o] for o in order]),
        }
    )


def _invert(share: float) -> float:
    """Inverse of a logistic curve scaled like a normal one: spreads ranks evenly and smoothly."""
    return float(np.log(share / (1 - share)) / 2.5)


def _draw_points(places: Places, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw points inside the neighbourhoods' outlines: between their four corners."""
    outlines = [
        f["geometry"]["coordinates"][0][:4] for f in json.loads(places.boundaries)["features"]
    ]
    corners = np.array(outlines)[place]
    x, y = rng.uniform(0.05, 0.95, (2, len(place)))
    weight = np.stack([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y], axis=1)
    return np.round((corners * weight[:, :, None]).sum(axis=1), 6)


def _draw_risk(kitchens: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Probability of a violation by day and kitchen; no district plays a part in it."""
    days, count = DAYS + PLANNED_DAYS, len(kitchens)
    condition = np.zeros((days, count))
    shocks = rng.normal(0, _SPREAD * np.sqrt(1 - _MEMORY**2), (days, count))
    condition[0] = rng.normal(0, _SPREAD, count)
    for i in range(1, days):
        condition[i] = _MEMORY * condition[i - 1] + shocks[i]
    kind = pd.Categorical(kitchens["kind"], KINDS).codes
    level = _BASE + _KIND_EFFECT[kind] + kitchens["hygiene"].to_numpy()
    return 1 / (1 + np.exp(-(level + condition)))


def _draw_visits(kitchens: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw working days with an inspection, the same chance every day: (days, kitchens)."""
    days = DAYS + PLANNED_DAYS
    working = np.arange(days) % 7 < 5
    every = np.where(kitchens["district"] == WATCHED, EVERY_DAYS / 2, EVERY_DAYS)
    chance = np.where(working[:, None], 7 / 5 / every[None, :], 0.0)
    day, kitchen = np.nonzero(rng.random((days, len(kitchens))) < chance)
    return day, kitchen


def _draw_complaints(
    kitchens: pd.DataFrame, risk: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw complaints: as many where a kitchen is as bad, in every district alike."""
    odds = risk[:DAYS] / (1 - risk[:DAYS])
    number = rng.poisson(_COMPLAINTS * odds / np.exp(_BASE))
    day, kitchen = np.nonzero(number)
    times = number[day, kitchen]
    day, kitchen = np.repeat(day, times), np.repeat(kitchen, times)
    minutes = rng.integers(7 * 60, 22 * 60, len(day))
    moments = (FIRST_DAY + day).astype("datetime64[m]") + minutes.astype("timedelta64[m]")
    order = np.argsort(moments, kind="stable")
    offset = rng.normal(0, 60, (2, len(day))) / _METRES
    place = kitchens.iloc[kitchen]
    width = np.cos(np.radians(place["latitude"].to_numpy()))
    table = pd.DataFrame(
        {
            "received_at": np.datetime_as_string(moments, unit="m"),
            "latitude": np.round(place["latitude"].to_numpy() + offset[0], 6),
            "longitude": np.round(place["longitude"].to_numpy() + offset[1] / width, 6),
        }
    ).iloc[order]
    table.insert(0, "complaint_id", [f"CO-{i + 1:05d}" for i in range(len(table))])
    return table.reset_index(drop=True)
