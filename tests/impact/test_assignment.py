"""The law that chance followed, and what is refused of a table of assignments."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError
from cityai.impact.assignment import read_law, refuse_early_outcomes
from cityai.impact.fixed_effects import two_way_fixed_effects

ARMS = ("waits", "served")


def make_lottery(blocks: int = 3, size: int = 10, served: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    arm = np.concatenate([rng.permutation(np.arange(size) < served) for _ in range(blocks)])
    return pd.DataFrame(
        {
            "unit": [f"case {i}" for i in range(blocks * size)],
            "block": np.repeat([f"week {b}" for b in range(blocks)], size),
            "arm": np.where(arm, "served", "waits"),
            "probability": np.where(arm, served / size, 1 - served / size),
        }
    )


def make_wedge() -> pd.DataFrame:
    start = {"a": 1, "b": 1, "c": 2, "d": 3}
    rows = [
        {"unit": u, "cluster": u, "period": t, "arm": ARMS[int(t >= start[u])]}
        for u in start
        for t in range(3)
    ]
    return pd.DataFrame(rows)


def test_a_lottery_drawn_again_keeps_its_numbers_in_every_block():
    law = read_law(make_lottery(), "lottery", ARMS)
    drawn = law.redraw(np.random.default_rng(0), 400)
    by_block = np.stack([drawn[:, law.block == b].sum(axis=1) for b in range(3)])
    assert (by_block == 4).all()
    assert np.abs(drawn.mean(axis=0) - 0.4).max() < 0.1


def test_clusters_are_drawn_whole():
    table = make_lottery(1, 12, 6)
    table["cluster"] = table["arm"] + (np.arange(12) % 2).astype(str)
    table["probability"] = 0.5
    law = read_law(table, "lottery", ARMS)
    drawn = law.redraw(np.random.default_rng(0), 50)
    for cluster in np.unique(law.cluster):
        assert (np.ptp(drawn[:, law.cluster == cluster], axis=1) == 0).all()
    assert (law.probability == 0.5).all()


def test_a_wedge_drawn_again_deals_out_the_starts():
    law = read_law(make_wedge(), "stepped wedge", ARMS)
    drawn = law.redraw(np.random.default_rng(0), 300)
    starts = np.sort(3 - drawn.reshape(300, 4, 3).sum(axis=2), axis=1)
    assert (starts == [1, 1, 2, 3]).all()
    assert (np.diff(drawn.reshape(300, 4, 3), axis=2) >= 0).all()
    assert law.probability.tolist() == [0.5] * 6 + [0.25] * 6


def test_a_group_keeps_its_part_of_the_law():
    law = read_law(make_lottery(), "lottery", ARMS)
    part = law.keep(np.arange(30) % 2 == 0)
    assert len(part) == 15
    drawn = part.redraw(np.random.default_rng(0), 20)
    assert (drawn.sum(axis=1) == part.arm.sum()).all()


def spoil(**columns: object) -> pd.DataFrame:
    table = make_lottery()
    for name, change in columns.items():
        table[name] = change(table[name]) if callable(change) else change
    return table


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (make_lottery().drop(columns="arm"), "no column 'arm'"),
        (make_lottery().head(0), "no rows"),
        (spoil(arm=lambda x: x.mask(x.index == 2)), "1 of 30 rows lack a value"),
        (spoil(arm=lambda x: x.mask(x.index < 2, "other")), "2 rows have an arm that the plan"),
        (spoil(arm="served"), "all 30 rows are in the arm 'served'"),
        (spoil(unit=lambda x: x.mask(x.index < 10, "one")), "9 rows tell of a unit and period"),
        (spoil(probability=1.0), "30 rows have a probability that is not between 0 and 1"),
        (spoil(probability=0.5), "30 rows have another probability than the numbers"),
        (spoil(arm=lambda x: x.mask(x.index < 10, "waits")), "in 1 of 3 blocks all units"),
    ],
)
def test_what_is_wrong_is_told_with_its_count(table, told):
    with pytest.raises(DataError, match=re.escape(told)):
        read_law(table, "lottery", ARMS)


def test_an_arm_of_three_may_not_be_empty():
    with pytest.raises(DataError, match="the arm 'letter' is empty"):
        read_law(make_lottery(), "lottery", (*ARMS, "letter"))


def test_a_unit_in_two_arms_at_two_times_is_refused():
    table = make_lottery()
    table["period"] = np.arange(30) // 10
    served = table.index[table["arm"] == "served"]
    waits = table.index[table["arm"] == "waits"]
    table.loc[[served[0], waits[-1]], "unit"] = "one"
    with pytest.raises(DataError, match="1 units are in two arms"):
        read_law(table, "lottery", ARMS)


def test_a_cluster_that_goes_back_is_refused():
    table = make_wedge()
    table.loc[2, "arm"] = "waits"
    with pytest.raises(DataError, match="in 1 rows a cluster is back in the first arm"):
        read_law(table, "stepped wedge", ARMS)


def test_outcomes_before_the_assignment_are_refused():
    day = pd.Series(pd.to_datetime(["2026-01-01", "2026-03-01"]))
    with pytest.raises(DataError, match="1 of 2 outcomes lie before"):
        refuse_early_outcomes(day, pd.Series(pd.to_datetime(["2026-02-01", "2026-02-01"])))


def test_where_nobody_told_of_actions_it_is_no_outcome_that_lacks():
    arm, block = np.tile([0.0, 1.0], 20), np.repeat(np.arange(4), 10)
    found = two_way_fixed_effects(
        arm, arm, block, np.zeros(40, np.int64), arms=ARMS, received=np.full(40, np.nan)
    )
    assert (found.estimate, found.reason) == (None, "nobody told what was done")
