"""Invented cases whose truth is known: entities that are asked about again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cityai.config.risk import RiskSpec
from cityai.data.periods import build_periods
from cityai.data.rows import Rows
from cityai.records.events import Events, RowCounts
from tests.modeling.conftest import CITY


def build_risk_spec(**changes: Any) -> RiskSpec:
    backtest = {"folds": 2, "stride_days": 60, "min_train": 100, **changes.pop("backtest", {})}
    decision = changes.pop("decision", {"rule": "top", "capacity": 3, "per": "day"})
    return RiskSpec.model_validate(
        {
            "name": "made_cases",
            "title": "Made",
            "kind": "risk",
            "question": {
                "unit": "inspections",
                "case": "id",
                "outcome": {"column": "found", "yes": ["1"]},
                "asked": {"days_before": 0},
                "entity": {"columns": ["place"], "label": "place", "label_plural": "places"},
                "decision": decision,
                "actual_order": True,
                **changes.pop("question", {}),
            },
            "data": {
                "source": {"path": "cases.csv"},
                "time": "day",
                "known": {"lag_days": 1},
                "columns": {
                    "id": {"type": "text"},
                    "place": {"type": "text"},
                    "day": {"type": "date"},
                    "found": {"type": "text"},
                },
            },
            "backtest": backtest,
            "city": CITY,
            **changes,
        }
    )


def make_cases(
    days: int = 480,
    a_day: int = 10,
    places: int = 120,
    signal: float = 1.2,
    base: float = -1.5,
    wait_days: int = 1,
    seed: int = 0,
) -> Events:
    """Events whose log-odds are `base` plus `signal` times a hidden trait of the place."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    place = rng.integers(0, places, n)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.repeat(np.arange(days), a_day), "D")
    trait = rng.standard_normal(places)
    chance = 1 / (1 + np.exp(-(base + signal * trait[place])))
    table = pd.DataFrame(
        {
            "case_id": [f"c{i:06}" for i in range(n)],
            "entity_id": [f"p{p:03}" for p in place],
            "area_id": [f"a{p % 4}" for p in place],
            "as_of": day.astype("datetime64[us]"),
            "occurred_at": day.astype("datetime64[us]"),
            "known_at": (day + pd.Timedelta(days=wait_days)).astype("datetime64[us]"),
            "y_true": (rng.random(n) < chance).astype(np.float64),
            "slot": np.repeat(np.arange(days), a_day).astype(np.int64),
            "slot_start": day.astype("datetime64[us]"),
            "trait": trait[place] + 0.5 * rng.standard_normal(n),
            "kind": np.where(place % 3 == 0, "shop", "bar"),
        }
    )
    return hold_cases(table, n)


def hold_cases(table: pd.DataFrame, n: int) -> Events:
    return Events(
        table=table,
        until=table["known_at"].max() + pd.Timedelta(days=1),
        periods=build_periods("day", table["occurred_at"].min(), table["occurred_at"].max()),
        counts=RowCounts(n, 0, 0, n),
        rejects=pd.DataFrame(),
        quality_facts=pd.DataFrame(),
        digest="0" * 64,
    )


def make_rows(cases: Events, numbers: tuple[str, ...] = ("trait",), seed: int = 1) -> Rows:
    """Rows with the hidden trait seen through noise, a category, and figures that say nothing."""
    rng = np.random.default_rng(seed)
    table = cases.table
    features = {name: table[name].astype(np.float32) for name in numbers}
    for i in range(3):
        features[f"noise {i}"] = pd.Series(rng.standard_normal(len(table)), dtype=np.float32)
    features["kind"] = table["kind"].astype("category")
    kept = table[["case_id", "entity_id", "as_of", "known_at", "slot"]]
    names = tuple(features)
    return Rows(
        table=kept.assign(**features),
        features=names,
        categorical=("kind",),
        labels={name: name for name in names},
    )
