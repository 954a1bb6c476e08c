"""A small invented panel, with rows that are simple enough to check by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.config.project import ProjectSpec
from cityai.data.features.parts import Parts
from cityai.data.panel import Panel
from cityai.data.periods import Periods, find_start
from cityai.data.rows import Rows, RowsAt

CITY = {
    "name": "Testville",
    "country": "US",
    "time_zone": "America/New_York",
    "contact": {"unit": "Data office", "email": "data@testville.example"},
}


def build_spec(
    period: str = "month",
    horizon: int = 3,
    lead: int = 0,
    backtest: dict[str, Any] | None = None,
    models: dict[str, Any] | None = None,
) -> ProjectSpec:
    return ProjectSpec.model_validate(
        {
            "name": "city_test",
            "title": "Test",
            "question": {
                "unit": "tons",
                "period": period,
                "horizon": horizon,
                "lead": lead,
                "entity": {"columns": ["place"]},
            },
            "data": {
                "source": {"path": "data.csv"},
                "time": "day",
                "known": {"lag_days": 0},
                "columns": {"place": {"type": "text"}, "day": {"type": "date"}},
            },
            "backtest": {"folds": 4, "calibration": 6, **(backtest or {})},
            "models": models or {},
            "city": CITY,
        }
    )


def draw_values(
    n_periods: int = 72, n_entities: int = 12, season: int = 12, seed: int = 0
) -> np.ndarray:
    """Counts with a level of their own, a season and a slow trend."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_periods)[:, None]
    level = np.exp(rng.uniform(1, 5, n_entities))
    shape = 1 + 0.3 * np.sin(2 * np.pi * time / season) + 0.002 * time
    return rng.poisson(level * shape).astype(float)


def build_panel(
    values: np.ndarray | None = None, period: str = "month", delay: int = 0, late: Any = None
) -> Panel:
    final = draw_values() if values is None else values
    count, entities = final.shape
    periods = Periods(period, find_start(period, pd.Timestamp("2018-01-01")), count)
    active = np.zeros((count + 1, entities), dtype=bool)
    for e in range(entities):
        known = np.flatnonzero(~np.isnan(final[:, e]))
        if len(known):
            active[int(known[0]) + 4 :, e] = True
    late = pd.DataFrame(
        {"period": [], "entity": [], "known": [], "value": []} if late is None else late
    )
    at, prompt = tuple(late[name].to_numpy(np.int64) for name in ("period", "entity")), final.copy()
    np.subtract.at(prompt, at, late["value"].to_numpy(float))
    cells = pd.DataFrame(np.argwhere(~np.isnan(prompt)), columns=["period", "entity"])
    cells["known"], cells["value"] = cells["period"] + 1, prompt[~np.isnan(prompt)]
    cells = pd.concat([cells, late]).sort_values(["entity", "period", "known"])
    parts = Parts(*(cells[n].to_numpy(np.int64) for n in ("entity", "period", "known")),
                  cells["value"].to_numpy(float))  # fmt: skip
    return Panel(
        periods=periods,
        entity_ids=tuple(f"E{i:02d}" for i in range(entities)),
        final=final,
        active=active,
        delay=delay,
        parts=parts,
        gaps=True,
    )


def lay_rows(panel: Panel, spec: ProjectSpec) -> RowsAt:
    """Make simple rows: three lags and the season, relative to the recent level."""
    horizon, lead = spec.question.horizon, spec.question.lead

    def rows_at(moments: Any = None, known_before: Any = None) -> Rows:
        parts = []
        for origin in panel.periods.index(pd.DatetimeIndex(sorted(moments))).tolist():
            known = panel.known_at(origin)
            seen = known[: panel.mature_until(origin)]
            for e in np.flatnonzero(panel.active[origin]):
                past = seen[:, e][~np.isnan(seen[:, e])]
                level = max(float(past[-12:].mean()), 0.25) if len(past) else 0.25
                lags = [past[-k] / level if len(past) >= k else np.nan for k in (1, 2, 12)]
                for step in range(1, horizon + 1):
                    target = origin + lead + step - 1
                    parts.append((origin, e, step, target, level, *lags, target % 12))
        columns = ["origin", "entity", "step", "period", "level", "lag_1", "lag_2", "lag_12", "ph"]
        table = pd.DataFrame(parts, columns=columns)
        starts = panel.periods.starts(int(table["period"].max()) + 1)
        codes = table.pop("entity").to_numpy(int)
        names = pd.Index(panel.entity_ids, dtype="str")
        table.insert(1, "entity_id", pd.Categorical.from_codes(codes, categories=names))
        table["as_of"] = starts[table["origin"]]
        table["period_start"] = starts[table["period"]]
        features = ("entity_id", "lag_1", "lag_2", "lag_12", "ph", "step")
        return Rows(table, features, ("entity_id",), {name: name for name in features})

    return rows_at


@pytest.fixture
def panel() -> Panel:
    return build_panel()


@pytest.fixture
def spec() -> ProjectSpec:
    return build_spec()
