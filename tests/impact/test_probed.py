"""Visits drawn by chance speak for everybody who was listed, each once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError
from cityai.impact.lots import COLUMNS, draw_lots
from cityai.pipeline.impact.ways import _audit_visits

CASES, WEEKS, CAPACITY = 400, 8, 60


def draw_lists(probe: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lists of eight weeks by a score that knows nothing of the east, and what is there."""
    rng = np.random.default_rng(4)
    earlier, lists = pd.DataFrame(columns=list(COLUMNS)), []
    people = pd.DataFrame(
        {"y_pred": rng.beta(2, 8, 3000), "side": rng.choice(["east", "west"], 3000)}
    )
    for week in range(WEEKS):
        chosen = people.sample(CASES, random_state=week).sort_values("y_pred", ascending=False)
        ranked = pd.DataFrame(
            {
                "case_id": [f"{week}-{i}" for i in chosen.index],
                "entity_id": chosen.index.astype(str),
                "as_of": pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=week),
                "rank": np.arange(CASES) + 1,
                "y_pred": chosen["y_pred"].to_numpy(),
            }
        )
        drawn = draw_lots(
            *(ranked, earlier),
            **{"seed": "s", "capacity": CAPACITY, "unit": "entity_id", "probe": probe},
            edge=(15, 30),
        )
        earlier = pd.concat([earlier, drawn]) if len(earlier) else drawn
        lists.append(drawn)
    rows = pd.concat(lists, ignore_index=True)
    rows["side"] = people.loc[rows["entity_id"].astype(int), "side"].to_numpy()
    chance = np.where(rows["side"] == "east", 0.4, rows["y_pred"])
    return rows, pd.DataFrame(
        {"case_id": rows["case_id"], "y_true": (rng.random(len(rows)) < chance).astype(float)}
    )


def test_they_tell_what_is_there_where_nobody_looks():
    rows, truth = draw_lists(0.2)
    found = _audit_visits(rows, SimpleNamespace(table=truth), CAPACITY, ("side",), 0.95, 11)
    table = found.set_index(["dimension", "group", "metric"])
    first = rows.drop_duplicates("unit")
    whole = table.loc[("overall", "overall", "base_rate")]
    assert whole["speaks_for"] == pytest.approx(len(first), rel=0.1)
    there = truth.loc[first.index, "y_true"].mean()
    assert whole["low"] <= there <= whole["high"]
    assert table.loc[("side", "east", "calibration_in_the_large"), "high"] < -0.1
    known = table.loc[("side", "west", "calibration_in_the_large")]
    assert known["low"] < 0 < known["high"]


def test_visits_that_were_not_made_are_spoken_for_by_their_part_of_the_list():
    """Half of the visits of the probe fall out: the others speak for twice as many."""
    rows, truth = draw_lists(0.2)
    lost = (rows["part"] == "probe").to_numpy() & (np.arange(len(rows)) % 2 == 0)
    half = truth.assign(y_true=truth["y_true"].mask(lost))
    found = _audit_visits(rows, SimpleNamespace(table=half), CAPACITY, (), 0.95, 11)
    whole = found.set_index("metric").loc["base_rate"]
    assert whole["speaks_for"] == pytest.approx(rows["unit"].nunique(), rel=0.1)


def test_without_a_probe_there_is_nothing_to_tell_and_none_is_beyond_reach():
    rows, truth = draw_lists(0.0)
    table = SimpleNamespace(table=truth)
    assert _audit_visits(rows, table, CAPACITY, (), 0.95, 11).empty
    rows.loc[0, "part"] = "probe"
    with pytest.raises(DataError, match="could never have been looked at"):
        _audit_visits(rows, table, CAPACITY, (), 0.95, 11)
