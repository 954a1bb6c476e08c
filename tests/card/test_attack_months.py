"""An outsider with all that two cards print, a month apart: what they leave open together.

Both replay most of the same months, so what happened in them is the same unknown; errors are the
same where a forecast was made at the same moment. One card may show what the other leaves out for
another's sake. A count under the threshold may so be narrowed, and is never told: decision 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from tests.promises import trials

from .test_attack import K, draw_memberships, list_secrets, publish_city, read_card

PAIRS = trials(24, 2)
LEAST_OPEN = K / 2
"""How wide what both cards tell of a small count must stay."""


def draw_pair(seed: int) -> list[SimpleNamespace]:
    """Draw a small city of rare events and publish two cards of it, a month apart."""
    rng = np.random.default_rng(seed)
    n, folds, horizon = int(rng.integers(4, 9)), int(rng.integers(3, 7)), int(rng.integers(1, 3))
    level = rng.choice([0.3, 1.0, 4.0, 15.0], n)
    came = rng.poisson(level, (folds * horizon + 1, n)).astype(float)
    forecasts: dict[tuple[int, int, int], float] = {}

    def forecast(origin: int, step: int, i: int) -> float:
        made = max(level[i] * rng.normal(1, 0.2), 0.1)
        return forecasts.setdefault((origin, step, i), made)

    def list_rows(first: int) -> Iterator[dict[str, object]]:
        for f, i, s in product(range(folds), range(n), range(horizon)):
            origin, begin = first + f * horizon, pd.Timestamp("2024-01-01")
            yield {
                "entity_id": f"{i}",
                "area_id": f"{i}",
                "as_of": begin + pd.DateOffset(months=origin),
                **{"step": s + 1, "fold": f + 1, "period": origin + s, "scale": 1.0},
                "period_start": begin + pd.DateOffset(months=origin + s),
                **{"y_true": came[origin + s, i], "y_pred": forecast(origin, s, i)},
                **{"y_low": 0.0, "y_high": level[i] * 3, "baseline.recent_mean": level[i]},
                "baseline.seasonal_naive": float(rng.poisson(level[i])),
                **{"candidate.lightgbm": level[i], "candidate.theta": level[i]},
            }

    memberships = draw_memberships(rng, [f"{i}" for i in range(n)])
    return [publish_city(pd.DataFrame(list_rows(first)), memberships) for first in (0, 1)]


def join_cards(cities: list[SimpleNamespace]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return constraints on all that came and all errors, and each card's rows among what came."""
    tables = [city.table for city in cities]
    both = pd.concat(tables, ignore_index=True)
    came = both.groupby(["period", "entity_id"]).ngroup().to_numpy()
    made = both.groupby(["as_of", "period", "entity_id"]).ngroup().to_numpy()
    counts, errors = came.max() + 1, made.max() + 1
    rows, tops, places, at = [], [], [], 0
    for city, table in zip(cities, tables, strict=True):
        for result in city.card["fairness"]["results"]:
            if result["metric"] == "under_forecast_share":
                result["low"] = None  # its interval is lopsided: its middle is not the figure
        told, own = read_card(city), slice(at, at + len(table))
        at += len(table)
        places.append(came[own])
        known = np.zeros((len(told.rows), counts + 2 * errors))
        columns = (came[own], counts + made[own], counts + errors + made[own])
        known[:, np.concatenate(columns)] = np.array(told.rows)
        rows.append(known)
        tops.append(np.array(told.tops))
    missed = (both["y_true"] - both["y_pred"]).to_numpy()
    truth = np.zeros(counts + 2 * errors)
    truth[came], truth[counts + made] = both["y_true"], np.maximum(missed, 0)
    truth[counts + errors + made] = np.maximum(-missed, 0)
    assert (np.concatenate(rows) @ truth - np.concatenate(tops)).max() < 1e-6
    return np.concatenate(rows), np.concatenate(tops), places


@pytest.mark.long
def test_two_cards_together_leave_small_counts_open(observe: Callable[[str], None]) -> None:
    asked, narrow, told = 0, 0, []
    for seed in range(PAIRS):
        cities = draw_pair(seed)
        rows, tops, places = join_cards(cities)
        known = csr_array(rows)
        for month, (city, place) in enumerate(zip(cities, places, strict=True)):
            for name, line in list_secrets(city):
                aim = np.zeros(rows.shape[1])
                aim[place] = line
                solved = [linprog(s * aim, A_ub=known, b_ub=tops, method="highs") for s in (1, -1)]
                assert all(s.status in (0, 3) for s in solved), solved
                low, high = (
                    sign * s.fun if s.status == 0 else -sign * math.inf
                    for sign, s in zip((1, -1), solved, strict=True)
                )
                wide = (high - low) / line.max()
                asked, narrow = asked + 1, narrow + (wide < K - 1 - 1e-3)
                if wide < LEAST_OPEN:
                    told.append(f"pair {seed}, card {month}, {name}: {low:.2f}..{high:.2f}")
    observe(f"{narrow} of {asked} small counts narrowed, {len(told)} told, in {PAIRS} pairs")
    assert asked > 5 * PAIRS
    assert not told, told
