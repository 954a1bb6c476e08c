"""A small invented city as a snapshot and a panel, with everything that can go late or missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import Project
from cityai.config.project import ProjectSpec
from cityai.data.panel import Panel, build_panel
from cityai.data.periods import Periods, find_start
from cityai.records.events import Events, RowCounts

CITY = {
    "name": "Testville",
    "country": "US",
    "subdivision": "NY",
    "time_zone": "America/New_York",
    "contact": {"unit": "Data office", "email": "data@testville.example"},
    "areas": {"districts": {"path": "areas.csv", "key": "id"}},
}


@dataclass(frozen=True)
class World:
    """A panel, a snapshot and a project that belong together."""

    panel: Panel
    snapshot: Events
    project: Project

    @property
    def parts(self) -> tuple[Panel, Events, Project]:
        """The first arguments of `build_rows`."""
        return self.panel, self.snapshot, self.project


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Build an invented city."""

    def make(**choices: Any) -> World:
        return build_world(tmp_path, **choices)

    return make


def build_world(
    folder: Path,
    *,
    period: str = "week",
    n_periods: int = 70,
    n_entities: int = 5,
    horizon: int = 3,
    lead: int = 0,
    gaps: bool = False,
    blind: int = 0,
    latest: int = 3,
    seed: int = 0,
    values: np.ndarray | None = None,
    covariates: dict[str, Any] | None = None,
    tables: dict[str, pd.DataFrame] | None = None,
    **features: Any,
) -> World:
    """Build a city whose totals arrive in up to three parts, up to `latest` origins late."""
    rng = np.random.default_rng(seed)
    periods = Periods(period, find_start(period, pd.Timestamp("2019-06-05")), n_periods)
    entity_ids = tuple(f"E{i}" for i in range(n_entities))
    cells = draw_cells(rng, entity_ids, n_periods, gaps, blind, latest, values)
    spec = ProjectSpec.model_validate(
        {
            "name": "city_test",
            "title": "Test",
            "question": {
                "measure": "sum",
                "value": "amount",
                "unit": "tons",
                "missing_periods": "missing" if gaps else "zero",
                "period": period,
                "horizon": horizon,
                "lead": lead,
                "entity": {
                    "columns": ["place"],
                    "label": "place",
                    "area": "district",
                    "areas": "districts",
                    "attributes": ["kind", "size"],
                    "cohort": {"min_history": 4},
                },
            },
            "data": {
                "source": {"path": "data.csv"},
                "time": "day",
                "known": {"lag_days": 0},
                "reporting_delay_days": 1,
                "columns": {
                    "place": {"type": "text"},
                    "kind": {"type": "text", "label": "kind of place"},
                    "size": {"type": "number"},
                    "amount": {"type": "number"},
                },
            },
            "covariates": covariates or {},
            "features": features,
            "city": CITY,
        }
    )
    snapshot = Events(
        periods=periods,
        table=cells,
        until=periods.start(periods.count),
        attributes=draw_attributes(rng, cells, n_periods),
        covariates=tables or {},
        counts=RowCounts(0, 0, 0, 0),
        rejects=pd.DataFrame(),
        quality_facts=pd.DataFrame(),
        digest="",
    )
    return World(build_panel(snapshot, spec), snapshot, Project(spec, folder, folder, ""))


def draw_cells(
    rng: np.random.Generator,
    entity_ids: tuple[str, ...],
    n_periods: int,
    gaps: bool,
    blind: int,
    latest: int,
    values: np.ndarray | None,
) -> pd.DataFrame:
    rows = []
    for i, entity in enumerate(entity_ids):
        start = 0 if i < 2 else int(rng.integers(0, n_periods // 2))
        for p in range(start, n_periods):
            total = rng.gamma(2.0, 1.5 + i) if values is None else values[p, i]
            if values is None and rng.random() < 0.15:
                continue
            for part in rng.dirichlet(np.ones(3)) * total if values is None else [total]:
                delay = 0 if values is not None else int(rng.integers(0, latest + 1))
                rows.append((entity, p, p + 1 + blind + delay, part))
    cells = pd.DataFrame(rows, columns=["entity_id", "period", "known", "value"])
    grouped = cells.groupby(["entity_id", "period", "known"], as_index=False)
    cells = grouped.agg(value=("value", "sum"), n=("value", "size"))
    return cells.astype({"entity_id": "str"})


def draw_attributes(rng: np.random.Generator, cells: pd.DataFrame, n_periods: int) -> pd.DataFrame:
    rows = []
    for entity, first in cells.groupby("entity_id")["known"].min().items():
        changes = rng.integers(first, n_periods + 2, 2)
        for known in sorted({int(first), *changes.tolist()}):
            kind = rng.choice(["park", "school", ""])
            area = rng.choice(["D1", "D2", ""], p=[0.5, 0.4, 0.1])
            size = np.nan if rng.random() < 0.2 else float(rng.integers(1, 100))
            rows.append((entity, known, kind or None, size, area or None))
    columns = ["entity_id", "known", "kind", "size", "area_id"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"entity_id": "str", "kind": "str", "area_id": "str"})


PROJECT = {
    "name": "calls",
    "title": "Calls",
    "question": {
        "unit": "calls",
        "period": "week",
        "horizon": 2,
        "entity": {"columns": ["place"]},
    },
    "data": {
        "source": {"path": "data.csv"},
        "time": "day",
        "known": {"lag_days": 0},
        "columns": {"place": {"type": "text"}, "day": {"type": "date"}},
    },
    "city": {**CITY, "areas": {"districts": {"path": "areas.csv", "key": "id"}}},
}


def merge_choices(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with nested `changes`; a None takes the key away."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict) and key != "columns":
            merged[key] = merge_choices(merged[key], value)
        else:
            merged[key] = value
    return merged


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Write tables into a folder and make the project that reads them."""

    def make(table: bytes | str | pd.DataFrame | None = None, /, **changes: Any) -> Project:
        if isinstance(table, pd.DataFrame):
            table = table.to_csv(index=False)
        if table is not None:
            content = table.encode() if isinstance(table, str) else table
            (tmp_path / "data.csv").write_bytes(content)
        spec = ProjectSpec.model_validate(merge_choices(PROJECT, changes))
        return Project(spec, tmp_path, tmp_path, "")

    return make
