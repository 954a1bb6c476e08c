"""A small city of sixteen districts, in which something begins on a day."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tests.conftest import write_workspace

PLACES, PAST, DURING = [f"P{i:02d}" for i in range(16)], 60, 6
START = pd.Timestamp("2023-02-27")
TRUTH = -8.0
"""Fewer requests a week, of some twenty, in a district in which it has begun."""
PROJECT = """\
name: requests
title: Requests by district
question:
  unit: requests
  period: week
  horizon: 2
  entity:
    columns: [district]
    label: district
    label_plural: districts
    attributes: [side]
data:
  source: {path: data.csv}
  time: opened
  known: {lag_days: 0}
  columns:
    opened: {type: date, required: true}
    district: {type: text, required: true}
    side: {type: text, required: true}
backtest: {folds: 4, calibration: 3, min_train: 40}
audit:
  dimensions:
    side: {label: Side of the river, attribute: side}
"""
EVALUATION = """\
question: Do crews bring requests down?
outcome: {better: lower, label: requests a week}
design: DESIGN
starts: 2023-02-27
weeks: 6
smallest_effect: 2
groups: [side]
who_decides: Head
stop_rule: Never early.
"""
DESIGNS = {
    "stepped wedge": "steps: 4\n",
    "synthetic": "treated: [P03, P09]\nbefore: 40\n",
    "interrupted": "",
    "before after": "treated: [P03]\n",
}


def draw_amounts(weeks: int, begins: dict[str, pd.Timestamp], seed: int = 4) -> pd.DataFrame:
    """Requests by district and week: levels, a common season, and less where it has begun."""
    rng = np.random.default_rng(seed)
    days = pd.date_range(START - pd.Timedelta(weeks=PAST), periods=weeks, freq="7D")
    shared = 3 * np.sin(np.arange(weeks) / 5) + rng.normal(0, 1, weeks)
    level = rng.uniform(18, 30, len(PLACES))
    parts = []
    for i, name in enumerate(PLACES):
        begun = (days >= begins.get(name, pd.Timestamp.max)) * TRUTH
        count = np.maximum(np.round(level[i] + shared + begun + rng.normal(0, 2, weeks)), 1)
        day = days.repeat(count.astype(int))
        day += pd.to_timedelta(np.arange(len(day)) % 7, unit="D")
        parts.append(pd.DataFrame({"opened": day, "district": name}))
    table = pd.concat(parts, ignore_index=True)
    side = np.where(table["district"].str[1:].astype(int) < 9, "north", "south")
    return table.assign(side=side, opened=table["opened"].dt.strftime("%Y-%m-%d"))


def write_begun(folder: Path, late: int = 5) -> dict[str, pd.Timestamp]:
    """Write what came, and what was done: one place in five begins a week late."""
    places = json.loads((folder / "evaluations" / "crews.plan.json").read_text())["places"]
    begins = {
        name: pd.Timestamp(day) + pd.Timedelta(weeks=int(i % late == 0))
        for i, (name, day) in enumerate(places.items())
        if day
    }
    draw_amounts(PAST + DURING, begins).to_csv(folder / "data.csv", index=False)
    told = pd.DataFrame({"unit": list(places), "role": "crew"})
    told["done"] = np.where(told["unit"].isin(begins), "yes", "no")
    told["done_on"] = told["unit"].map(begins).dt.strftime("%Y-%m-%d")
    told["why_not"] = np.where(told["unit"].isin(begins), "", "not its turn")
    told.to_csv(folder / "actions.csv", index=False)
    return begins


def write_city(place: Path, design: str) -> Path:
    """A workspace as it is on the day on which the plan is sealed."""
    folder = write_workspace(place, draw_amounts(PAST, {}), PROJECT)
    (folder / "evaluations").mkdir(exist_ok=True)
    own = EVALUATION.replace("DESIGN", design) + DESIGNS[design]
    (folder / "evaluations" / "crews.yaml").write_text(own)
    return folder
