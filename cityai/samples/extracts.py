"""Invented data for each template, in the shape that cities have it, small enough for minutes.

The places are those of the sample city, so that its table of areas divides them into groups.
Nothing is planted but ordinary life: levels, seasons, weekdays, slow growth, late reports, habits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
import pandas as pd

from cityai.samples.places import CODES, PAIR, PLACES, THIRD

SEED: Final = 20260105
FIRST: Final = np.datetime64("2023-01-02", "D")
"""A Monday."""
UNTIL: Final = np.datetime64("2025-12-29", "D")
SECTORS: Final = ("women", "men", "youth", "families")

Floats = np.ndarray
Draw = Callable[[np.random.Generator], pd.DataFrame]


@cache
def draw_extract(template: str) -> bytes:
    """Return a template's invented table as CSV.

    Parameters
    ----------
    template : str
        A name of `cityai.scaffold.catalogue.CATALOGUE`.

    Returns
    -------
    bytes
        UTF-8; the same on every machine.
    """
    table = EXTRACTS[template](np.random.default_rng(SEED))
    return table.to_csv(index=False, lineterminator="\n").encode()


def _draw_requests(rng: np.random.Generator) -> pd.DataFrame:
    """One row a request, some recorded days later."""
    weekday = np.array([1.2, 1.1, 1.05, 1.05, 1.0, 0.8, 0.7])
    events = _draw_events(rng, _spread_level(rng, 1.15), weekday, yearly=0.22)
    late = np.where(rng.random(len(events)) < 0.25, rng.integers(1, 9, len(events)), 0)
    kinds = np.array(["missed collection", "street repair", "street light", "illegal dumping"])
    return pd.DataFrame(
        {
            "request_id": _number("R", len(events)),
            "opened_on": _write_days(events["day"]),
            "recorded_on": _write_days(events["day"] + pd.to_timedelta(late, unit="D")),
            "neighbourhood": events["place"].to_numpy(),
            "request_type": kinds[rng.choice(4, len(events), p=[0.4, 0.3, 0.2, 0.1])],
        }
    )


def _draw_waste(rng: np.random.Generator) -> pd.DataFrame:
    """One row a neighbourhood and month, five years."""
    months = np.arange("2021-01", "2026-01", dtype="datetime64[M]")
    days = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    t = np.arange(len(months))
    season = 1 + 0.10 * np.sin(2 * np.pi * (t - 3) / 12)
    level = _spread_level(rng, 420.0) * np.where(THIRD == 0, 1.1, 1.0)
    growth = np.exp(np.outer(t, rng.normal(0.001, 0.001, PLACES)))
    noise = np.exp(rng.normal(0, 0.03, (len(t), PLACES)) + rng.normal(0, 0.015, (len(t), 1)))
    tons = level * (season * days.astype(float) / 30.4)[:, None] * growth * noise
    return pd.DataFrame(
        {
            "month": np.repeat(months.astype("datetime64[D]").astype(str), PLACES),
            "neighbourhood": np.tile(CODES, len(months)),
            "tons": tons.round(1).ravel(),
        }
    )


def _draw_shelters(rng: np.random.Generator) -> pd.DataFrame:
    """One row a programme and night, two years."""
    nights = np.arange(np.datetime64("2024-01-01"), UNTIL)
    programmes = 24
    cold = 1 + 0.08 * np.cos(2 * np.pi * (np.arange(len(nights)) - 15) / 365.25)
    capacity = rng.integers(20, 130, programmes).astype(float)
    walk = np.cumsum(rng.normal(0, 0.012, (len(nights), programmes)), axis=0)
    share = _squash(1.6 + walk - 0.002 * (walk**2).sum(axis=0) / len(nights))
    people = np.minimum(rng.poisson(capacity * share * cold[:, None] * 0.95), capacity)
    return pd.DataFrame(
        {
            "night": np.repeat(nights.astype(str), programmes),
            "programme": np.tile([f"P{i + 1:02d}" for i in range(programmes)], len(nights)),
            "sector": np.tile(np.resize(SECTORS, programmes), len(nights)),
            "beds": np.tile(capacity.astype(int), len(nights)),
            "people": people.astype(int).ravel(),
        }
    )


def _draw_calls(rng: np.random.Generator) -> pd.DataFrame:
    """One row an ambulance call, eighteen months."""
    weekday = np.array([1.0, 0.98, 0.98, 1.0, 1.06, 1.05, 0.97])
    since = np.datetime64("2024-07-01")
    events = _draw_events(rng, _spread_level(rng, 3.4), weekday, yearly=0.08, since=since)
    second = rng.integers(0, 86_400, len(events)).astype("timedelta64[s]")
    moment = events["day"].to_numpy().astype("datetime64[s]") + second
    table = pd.DataFrame(
        {
            "received_at": pd.Series(np.datetime_as_string(moment, unit="s")).str.replace("T", " "),
            "neighbourhood": events["place"].to_numpy(),
            "priority": rng.choice(["1", "2", "3"], len(events), p=[0.2, 0.45, 0.35]),
        }
    )
    return _sort(table, ["received_at", "neighbourhood"], "call_id")


def _draw_housing(rng: np.random.Generator) -> pd.DataFrame:
    """One row an eviction, more where fewer own their homes."""
    level = _spread_level(rng, 0.24) * np.choose(THIRD, [1.8, 1.0, 0.4])
    weekday = np.array([1.3, 1.4, 1.3, 1.2, 0.8, 0.0, 0.0])
    events = _draw_events(rng, level, weekday, yearly=0.12)
    return pd.DataFrame(
        {
            "case_id": _number("H", len(events)),
            "executed_on": _write_days(events["day"]),
            "neighbourhood": events["place"].to_numpy(),
            "kind": rng.choice(["eviction", "possession"], len(events), p=[0.8, 0.2]),
        }
    )


def _draw_counts(rng: np.random.Generator) -> pd.DataFrame:
    """One row an event of no particular kind."""
    events = _draw_events(rng, _spread_level(rng, 0.8), np.ones(7), yearly=0.15)
    return pd.DataFrame(
        {
            "id": _number("E", len(events)),
            "day": _write_days(events["day"]),
            "neighbourhood": events["place"].to_numpy(),
        }
    )


def _draw_inspections(rng: np.random.Generator) -> pd.DataFrame:
    """Inspections of 500 establishments over three years: habits differ, and wear off."""
    count = 500
    place = rng.integers(0, PLACES, count)
    kind = rng.choice(["restaurant", "grocery", "school"], count, p=[0.7, 0.22, 0.08])
    habit = rng.normal(0, 0.9, count) + np.where(kind == "restaurant", 0.25, -0.3)
    who = np.repeat(np.arange(count), 9)
    day = _move_to_monday(np.sort(rng.integers(0, 1_092, (count, 9)), axis=1).ravel())
    chance = _squash(-1.9 + habit[who] + rng.normal(0, 0.3, len(who)))
    table = pd.DataFrame(
        {
            "inspected_on": _write_days(FIRST + day),
            "establishment": np.char.add("E", (who + 1).astype(str)),
            "kind": kind[who],
            "neighbourhood": np.array(CODES)[place[who]],
            "violation": np.where(rng.random(len(who)) < chance, "yes", "no"),
        }
    ).drop_duplicates(["inspected_on", "establishment"])
    return _sort(table, ["inspected_on", *table.columns], "inspection_id")


def _draw_appointments(rng: np.random.Generator) -> pd.DataFrame:
    """Appointments of 3,000 patients over half a year: habits and waits differ."""
    people, count = 3_000, 12_000
    place = rng.integers(0, PLACES, people)
    age = np.clip(rng.gamma(3.0, 14.0, people), 0, 98).astype(int)
    sex = rng.choice(["female", "male"], people, p=[0.6, 0.4])
    habit = rng.normal(0, 0.7, people) + np.where(THIRD[place] == 0, 0.25, 0.0) - 0.008 * age
    who = rng.integers(0, people, count)
    day = np.datetime64("2025-06-02", "D") + _move_to_monday(rng.integers(0, 182, count))
    wait = np.floor(rng.exponential(9.0, count)).astype(int)
    chance = _squash(-1.5 + habit[who] + 0.03 * np.minimum(wait, 40))
    table = pd.DataFrame(
        {
            "booked_on": _write_days(day - wait),
            "appointment_on": _write_days(day),
            "patient": np.char.add("P", (who + 1).astype(str)),
            "age": age[who],
            "sex": sex[who],
            "days_waited": wait,
            "neighbourhood": np.array(CODES)[place[who]],
            "missed": np.where(rng.random(count) < chance, "yes", "no"),
        }
    )
    return _sort(table, ["appointment_on", *table.columns], "appointment_id")


def _draw_cases(rng: np.random.Generator) -> pd.DataFrame:
    """Cases of no particular kind: 400 subjects over two years."""
    subjects, count = 400, 4_000
    place = rng.integers(0, PLACES, subjects)
    habit = rng.normal(0, 1.0, subjects)
    who = rng.integers(0, subjects, count)
    table = pd.DataFrame(
        {
            "day": _write_days(FIRST + rng.integers(0, 728, count)),
            "subject": np.char.add("S", (who + 1).astype(str)),
            "neighbourhood": np.array(CODES)[place[who]],
            "outcome": np.where(rng.random(count) < _squash(-1.6 + habit[who]), "yes", "no"),
        }
    )
    return _sort(table, ["day", *table.columns], "case_id")


EXTRACTS: Final[dict[str, Draw]] = {
    "service_requests": _draw_requests,
    "waste_collection": _draw_waste,
    "shelter_demand": _draw_shelters,
    "emergency_calls": _draw_calls,
    "housing": _draw_housing,
    "inspections": _draw_inspections,
    "missed_appointments": _draw_appointments,
    "blank_demand": _draw_counts,
    "blank_risk": _draw_cases,
}
"""What draws the table of each template."""


def _spread_level(rng: np.random.Generator, level: float) -> Floats:
    """Return a level for each neighbourhood, the larger of each pair above the smaller."""
    return level * np.where(PAIR == 0, 1.1, 0.95) * rng.uniform(0.75, 1.25, PLACES)


def _draw_events(
    rng: np.random.Generator,
    level: Floats,
    weekday: Floats,
    *,
    yearly: float,
    since: np.datetime64 = FIRST,
) -> pd.DataFrame:
    """Draw days and places of events: Poisson about a level with season, weekday and shocks."""
    days = np.arange(since, UNTIL)
    t = (days - FIRST).astype(float)
    season = 1 + yearly * np.sin(2 * np.pi * (t - 100) / 365.25)
    shared = np.exp(np.repeat(rng.normal(0, 0.06, len(days) // 7 + 1), 7)[: len(days)])
    growth = np.exp(np.outer(t / 365.25, rng.normal(0.02, 0.03, PLACES)))
    week = weekday / weekday.mean()
    mean = level * growth * (season * shared * week[(days - FIRST).astype(int) % 7])[:, None]
    count = rng.poisson(mean)
    day, place = np.nonzero(count)
    times = count[day, place]
    return pd.DataFrame(
        {"day": np.repeat(days[day], times), "place": np.repeat(np.array(CODES)[place], times)}
    )


def _move_to_monday(day: Floats) -> Floats:
    """Move days of a weekend, counted from a Monday, to the Monday after it."""
    return day + np.where((day % 7) >= 5, 7 - day % 7, 0)


def _squash(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))


def _write_days(days: pd.Series | Floats) -> Floats:
    return np.datetime_as_string(np.asarray(days).astype("datetime64[D]"), unit="D")


def _number(letter: str, count: int) -> list[str]:
    return [f"{letter}{i + 1:06d}" for i in range(count)]


def _sort(table: pd.DataFrame, by: list[str], name: str) -> pd.DataFrame:
    """Sort rows and number them in a first column."""
    ordered = table.sort_values(by, ignore_index=True)
    ordered.insert(0, name, _number(name[0].upper(), len(ordered)))
    return ordered
