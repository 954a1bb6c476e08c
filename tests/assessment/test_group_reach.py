"""What a list finds of each group: exact, and never of few people, whatever is held together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.ranking.group_reach import reach_groups
from cityai.modeling.capacity import rank_cases
from cityai.records.groups import Membership
from tests.modeling.made_cases import build_risk_spec

K = 11
PARTS = (0.6, 0.3, 0.1)


def make_list(seed: int, rows: int = 3000, parts: Sequence[float] = PARTS) -> pd.DataFrame:
    rng, slots, number = np.random.default_rng(seed), 40, np.arange(rows)
    score = rng.uniform(0.02, 0.9, rows).round(3)
    table = pd.DataFrame(
        {
            "case_id": [f"c{i:05}" for i in number],
            "entity_id": [f"e{i % 300}" for i in number],
            "fold": 1,
            "slot": number % slots,
            "y_pred": score,
            "occurred_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(number % slots, "D"),
            "y_true": (rng.random(rows) < score * rng.uniform(0.2, 1)).astype(float),
            "baseline.rule": rng.random(rows),
            "kind": rng.choice(list("abc"), rows, p=parts),
        }
    )
    return table.assign(decision=(rank_cases(table, score) <= 20).astype(float))


def reach(table: pd.DataFrame, *, suppressed: str = "", ranged: str = "") -> pd.DataFrame:
    groups = tuple(sorted(table["kind"].unique()))
    weights = pd.DataFrame(
        {g: (table["kind"] == g).to_numpy(float) for g in groups}, index=table["case_id"]
    )
    kind = Membership("kind", "Kind", "hard", groups, weights, {}, "overall", (), "")
    audit = pd.DataFrame(
        {
            "dimension": "kind", "group": groups, "metric": "recall", "reason": "",
            "status": ["suppressed" if g == suppressed else "pass" for g in groups],
            "value_least": [0.2 if g == ranged else np.nan for g in groups],
        }
    )  # fmt: skip
    told = pd.DataFrame(
        [{"dimension": "kind", "groups": list(groups), "counted_with": [""] * len(groups)}]
    )
    spec = build_risk_spec(policy={"small_cell": K})
    decision = spec.question.decision.model_copy(update={"capacity": 20})
    spec = spec.model_copy(
        update={"question": spec.question.model_copy(update={"decision": decision})}
    )
    scored = SimpleNamespace(unit=table["case_id"].to_numpy(object))
    return reach_groups(SimpleNamespace(table=table), (kind,), scored, audit, told, spec)


def test_figures_are_those_of_the_cases() -> None:
    table = make_list(2, 20_000, (0.4, 0.3, 0.3))
    found = reach(table)
    own = found[found["model"] == "forecast"]
    place = rank_cases(table, table["y_pred"].to_numpy())
    assert own["own"].sum() == table["kind"].nunique()
    assert own["capacity"].nunique() > 3
    for row in own.itertuples():
        held = table["kind"] == row.group
        chosen = held & (place <= row.capacity)
        assert row.n == held.sum()
        assert row.selected == chosen.sum()
        assert row.found == table.loc[chosen, "y_true"].sum()
        assert row.yes == table.loc[held, "y_true"].sum()
    rival = found[found["model"] == "baseline.rule"].set_index("group")
    theirs = rank_cases(table, table["baseline.rule"].to_numpy()) <= 20
    for row in own[own["own"]].itertuples():
        other = rival.loc[row.group]
        true = (table["kind"] == row.group) & (table["y_true"] == 1)
        assert other["found"] == (true & theirs).sum()
        assert other["difference"] == pytest.approx((row.found - other["found"]) / row.yes)
        assert other["low"] < other["difference"] < other["high"]


@pytest.mark.parametrize("seed", range(12))
def test_no_two_figures_leave_few_people_between_them(seed: int) -> None:
    """Nobody or enough of each group lies between any two capacities, with the outcome or not."""
    rng = np.random.default_rng(seed)
    table = make_list(seed, int(rng.integers(800, 4000)), rng.dirichlet([5, 2, 0.8]))
    found = reach(table)
    if found.empty:  # one group holds few whatever the list selects
        place = rank_cases(table, table["y_pred"].to_numpy())
        counts = table.groupby(["kind", "y_true", place <= 20]).size()
        assert ((counts > 0) & (counts < K)).any()
        return
    own = found[found["model"] == "forecast"]
    place = rank_cases(table, table["y_pred"].to_numpy())
    ends = [0, *sorted(own["capacity"].unique()), len(table)]
    for low, high in combinations(ends, 2):
        between = table[(place > low) & (place <= high)]
        counts = between.groupby(["kind", "y_true"]).size()
        assert not ((counts > 0) & (counts < K)).any(), (low, high, counts)
    for model in set(found["model"]) - {"forecast"}:
        chosen = rank_cases(table, table[model].to_numpy()) <= 20
        counts = table.groupby(["kind", "y_true", chosen]).size()
        assert not ((counts > 0) & (counts < K)).any()


@pytest.mark.parametrize("secret", ["suppressed", "ranged"])
def test_beside_a_group_that_is_hidden_nothing_is_said(secret: str) -> None:
    assert len(reach(make_list(1)))
    assert reach(make_list(1), **{secret: "b"}).empty


def test_capacities_are_said_of_all_groups_or_of_none() -> None:
    found = reach(make_list(3))
    own = found[found["model"] == "forecast"]
    assert (own.groupby("capacity")["group"].nunique() == own["group"].nunique()).all()
