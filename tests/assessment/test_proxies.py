from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.proxies import (
    TOGETHER,
    Proxies,
    find_proxies,
    recover_dealt,
    recover_groups,
)
from cityai.data.groups import Membership
from cityai.data.rows import Rows
from cityai.findings import Status


def ask(
    rows: pd.DataFrame,
    names: list[str],
    membership: Membership,
    labels: dict[str, str] | None = None,
) -> Proxies:
    """Look at some columns of a table as a model would."""
    known = Rows(rows, tuple(names), (), labels or {})
    return find_proxies(known, [membership], 0.95)


def build(n: int, seed: int = 0) -> tuple[pd.DataFrame, dict[str, str]]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    entity = np.repeat([f"a{i:03}" for i in range(n)], 3)
    twice = np.repeat(group, 3)
    rows = pd.DataFrame(
        {
            "entity_id": entity,
            "proxy": twice + rng.normal(0, 0.2, 3 * n),
            "noise": rng.normal(size=3 * n),
            "empty": np.nan,
            "text": "x",
        }
    )
    return rows, {f"a{i:03}": ("north", "south")[g] for i, g in enumerate(group)}


def test_a_planted_proxy_is_found(make_membership: Callable) -> None:
    rows, groups = build(200)
    found = ask(rows, ["proxy", "noise", "empty", "text"], make_membership(groups))
    table = found.table.set_index("feature")
    assert table.loc["proxy", "low"] > 0.8
    assert table.loc[TOGETHER, "recovered"] > 0.8
    assert table.loc["noise", "high"] < 0.1
    assert table.loc["empty", "recovered"] < 0.01
    finding = found.findings[0]
    assert finding.code == "audit.proxy"
    assert "proxy" in finding.reason


def test_few_entities_are_not_enough(make_membership: Callable) -> None:
    rows, groups = build(20)
    found = ask(rows, ["proxy"], make_membership(groups))
    assert found.table["recovered"].isna().all()
    assert found.findings[0].status is Status.NOT_ENOUGH


def test_one_group_has_nothing_to_recover(make_membership: Callable) -> None:
    rows, groups = build(60)
    found = ask(rows, ["proxy"], make_membership(dict.fromkeys(groups, "all")))
    assert found.findings[0].status is Status.NOT_APPLICABLE


def draw(seed: int, n: int, features: int, strength: float) -> tuple[pd.DataFrame, dict[str, str]]:
    """Entities of two groups, features of no meaning, and the first one planted."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    names = [f"f{i}" for i in range(features)]
    rows = pd.DataFrame(rng.normal(size=(n, features)), columns=names)
    rows["f0"] += strength * group
    rows.insert(0, "entity_id", [f"a{i:03}" for i in range(n)])
    return rows, {f"a{i:03}": ("north", "south")[g] for i, g in enumerate(group)}


def call_proxies(drawings: int, n: int, features: int, strength: float, make: Callable) -> float:
    called = 0
    for seed in range(drawings):
        rows, groups = draw(seed, n, features, strength)
        names = [f"f{i}" for i in range(features)]
        found = ask(rows, names, make(groups))
        called += bool((found.table["verdict"] == "found").any())
    return called / drawings


@pytest.mark.parametrize(("n", "features"), [(34, 20), (100, 4)])
def test_features_of_no_meaning_are_seldom_called_a_proxy(
    n: int, features: int, make_membership: Callable
) -> None:
    # 200 drawings: 5 % and two standard errors of it; the slow test below draws more.
    assert call_proxies(40, n, features, 0.0, make_membership) <= 0.1


@pytest.mark.slow
def test_two_hundred_drawings_of_no_meaning(make_membership: Callable) -> None:
    for n, features in ((34, 60), (80, 20), (300, 5)):
        assert call_proxies(200, n, features, 0.0, make_membership) <= 0.06


@pytest.mark.parametrize(("n", "features"), [(34, 20), (100, 4)])
def test_a_planted_proxy_is_found_among_many(
    n: int, features: int, make_membership: Callable
) -> None:
    assert call_proxies(10, n, features, 4.0, make_membership) >= 0.95


def test_the_name_of_the_entity_is_said_to_be_an_input(make_membership: Callable) -> None:
    rows, groups = draw(0, 60, 2, 4.0)
    found = ask(rows, ["f0", "f1", "entity_id"], make_membership(groups), {"f0": "level"})
    assert "which entity it is" in found.findings[0].reason
    assert "level" in found.findings[0].reason
    assert "entity_id" not in set(found.table["feature"])


def test_a_category_counts_as_one_feature(make_membership: Callable) -> None:
    rows, groups = build(90)
    rows["kind"] = [groups[e][:1] for e in rows["entity_id"]]
    found = ask(rows, ["noise", "kind"], make_membership(groups))
    table = found.table.set_index("feature")
    assert table.loc["kind", "verdict"] == "found"
    assert table.loc["kind", "recovered"] > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_dealt_groups_are_recovered_as_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    single = [rng.normal(size=(40, width)) for width in (1, 3, 1)]
    single[1][rng.random((40, 3)) < 0.1] = np.nan
    parts = [*single, np.column_stack(single)]
    dealt = rng.dirichlet(np.ones(3), (7, 40))
    found = recover_dealt(parts, dealt)
    for k, part in enumerate(parts):
        for p, groups in enumerate(dealt):
            assert found[k, p] == pytest.approx(recover_groups(part, groups, 0.95)[0], abs=1e-10)
