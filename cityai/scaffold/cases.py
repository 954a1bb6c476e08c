"""Invented cases for the templates of risk questions: who, when, and what turned out."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cityai.samples.places import CODES, PLACES, THIRD

Floats = np.ndarray
FIRST: Final = np.datetime64("2023-01-02", "D")
DAYS: Final = 1_092


def draw_inspections(rng: np.random.Generator) -> pd.DataFrame:
    """Draw inspections of 500 establishments over three years: habits differ, and wear off."""
    count = 500
    place = rng.integers(0, PLACES, count)
    kind = rng.choice(["restaurant", "grocery", "school"], count, p=[0.7, 0.22, 0.08])
    habit = rng.normal(0, 0.9, count) + np.where(kind == "restaurant", 0.25, -0.3)
    who = np.repeat(np.arange(count), 9)
    day = np.sort(rng.integers(0, DAYS, (count, 9)), axis=1).ravel()
    working = day + np.where((day % 7) >= 5, 7 - day % 7, 0)
    chance = _squash(-1.9 + habit[who] + rng.normal(0, 0.3, len(who)))
    table = pd.DataFrame(
        {
            "inspected_on": _write_days(working),
            "establishment": np.char.add("E", (who + 1).astype(str)),
            "kind": kind[who],
            "neighbourhood": np.array(CODES)[place[who]],
            "violation": np.where(rng.random(len(who)) < chance, "yes", "no"),
        }
    ).drop_duplicates(["inspected_on", "establishment"])
    return _number(table, "inspected_on", "inspection_id")


def draw_appointments(rng: np.random.Generator) -> pd.DataFrame:
    """Draw appointments of 3,000 patients over half a year: habits and waits differ."""
    people, count = 3_000, 12_000
    place = rng.integers(0, PLACES, people)
    age = np.clip(rng.gamma(3.0, 14.0, people), 0, 98).astype(int)
    sex = rng.choice(["female", "male"], people, p=[0.6, 0.4])
    habit = rng.normal(0, 0.7, people) + np.where(THIRD[place] == 0, 0.25, 0.0) - 0.008 * age
    who = rng.integers(0, people, count)
    day = rng.integers(0, 182, count)
    working = day + np.where((day % 7) >= 5, 7 - day % 7, 0)
    wait = np.floor(rng.exponential(9.0, count)).astype(int)
    chance = _squash(-1.5 + habit[who] + 0.03 * np.minimum(wait, 40))
    since = (np.datetime64("2025-06-02", "D") - FIRST).astype(int)
    table = pd.DataFrame(
        {
            "booked_on": _write_days(since + working - wait),
            "appointment_on": _write_days(since + working),
            "patient": np.char.add("P", (who + 1).astype(str)),
            "age": age[who],
            "sex": sex[who],
            "days_waited": wait,
            "neighbourhood": np.array(CODES)[place[who]],
            "missed": np.where(rng.random(count) < chance, "yes", "no"),
        }
    )
    return _number(table, "appointment_on", "appointment_id")


def draw_cases(rng: np.random.Generator) -> pd.DataFrame:
    """Draw cases of no particular kind: 400 subjects over two years."""
    subjects, count = 400, 4_000
    place = rng.integers(0, PLACES, subjects)
    habit = rng.normal(0, 1.0, subjects)
    who = rng.integers(0, subjects, count)
    table = pd.DataFrame(
        {
            "day": _write_days(rng.integers(0, 728, count)),
            "subject": np.char.add("S", (who + 1).astype(str)),
            "neighbourhood": np.array(CODES)[place[who]],
            "outcome": np.where(rng.random(count) < _squash(-1.6 + habit[who]), "yes", "no"),
        }
    )
    return _number(table, "day", "case_id")


def _squash(odds: Floats) -> Floats:
    share: Floats = 1 / (1 + np.exp(-odds))
    return share


def _write_days(day: Floats) -> Floats:
    written: Floats = np.datetime_as_string(FIRST + day, unit="D")
    return written


def _number(table: pd.DataFrame, by: str, name: str) -> pd.DataFrame:
    ordered = table.sort_values([by, *table.columns], ignore_index=True)
    ordered.insert(0, name, [f"{name[0].upper()}{i + 1:06d}" for i in range(len(ordered))])
    return ordered
