"""Lots at the edge of a capacity: what they must be, whatever the list."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.impact.lots import COLUMNS, SERVED, draw_lots

NONE = pd.DataFrame(columns=list(COLUMNS))


def make_list(entities: list[int], day: str = "2026-01-05") -> pd.DataFrame:
    n = len(entities)
    return pd.DataFrame(
        {
            "case_id": [f"{day}-{i}" for i in range(n)],
            "entity_id": [f"K{e}" for e in entities],
            "as_of": pd.Timestamp(day),
            "rank": np.arange(1, n + 1),
            "y_pred": np.linspace(0.9, 0.1, n),
        }
    )


lists = st.lists(st.integers(0, 40), min_size=1, max_size=40, unique=True)


@settings(max_examples=40, deadline=None)
@given(lists, lists, st.integers(1, 8), st.integers(1, 8), st.integers(1, 12), st.text(max_size=5))
def test_lots_keep_to_the_capacity_and_to_their_law(
    first: list[int], second: list[int], above: int, below: int, capacity: int, seed: str
) -> None:
    given = {"seed": seed, "capacity": capacity, "unit": "entity_id"}
    edge = (min(above, capacity), below)
    one = draw_lots(make_list(first), NONE, edge=edge, **given)
    assert (one["arm"] == SERVED).sum() == min(capacity, len(first))
    drawn = one[one["part"] == "edge"]
    if len(drawn):
        share = (drawn["arm"] == SERVED).mean()
        own = np.where(drawn["arm"] == SERVED, share, 1 - share)
        assert np.allclose(drawn["probability"], own)
        assert 0 < share < 1
    shuffled = make_list(first).sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(one, draw_lots(shuffled, NONE, edge=edge, **given))
    two = draw_lots(make_list(second, "2026-01-12"), one, edge=edge, **given)
    chosen = pd.concat([drawn, two[two["part"] == "edge"]])
    assert chosen["unit"].is_unique
    again = two[two["part"] == "again"].set_index("unit")
    assert (again["arm"] == drawn.set_index("unit")["arm"].reindex(again.index)).all()


def test_over_many_seeds_each_place_is_drawn_as_often_as_it_says() -> None:
    ranked = make_list(list(range(14)))
    kept = [
        draw_lots(ranked, NONE, seed=str(s), capacity=5, unit="case_id", edge=(3, 6), probe=0.2)
        for s in range(400)
    ]
    served = np.mean([(lots["arm"] == SERVED).to_numpy() for lots in kept], axis=0)
    looked = kept[0]["looked"].to_numpy()
    assert list(np.unique(looked.round(3))) == [0.2, 0.333, 1.0]
    assert np.abs(served - looked).max() < 0.09
