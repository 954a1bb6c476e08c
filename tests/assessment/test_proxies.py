from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.group_recovery import (
    part_features,
    part_groups,
    recover_dealt,
    recover_groups,
)
from cityai.assessment.proxies import TOGETHER, Proxies, _find_proxies
from cityai.data.rows import Rows
from cityai.findings import Status
from cityai.records.groups import Membership


def ask(
    rows: pd.DataFrame,
    names: list[str],
    membership: Membership,
    labels: dict[str, str] | None = None,
) -> Proxies:
    """Look at some columns of a table as a model would."""
    known = Rows(rows, tuple(names), (), labels or {})
    return _find_proxies(known, [membership], 0.95)


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
    # It informs: nothing is wrong, and no check lacks evidence.
    assert found.findings[0].status is Status.NOT_APPLICABLE
    assert "at least 30 are needed" in found.findings[0].reason


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


@pytest.mark.long
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


def find_group(category: np.ndarray, group: np.ndarray, make: Callable, noise: int = 3) -> Proxies:
    """Look at a category, and some numbers of no meaning, for groups that follow from it."""
    rng, names = np.random.default_rng(1), [f"a{i:05}" for i in range(len(category))]
    rows = pd.DataFrame({"entity_id": names, "category": category})
    for i in range(noise):
        rows[f"f{i}"] = rng.normal(size=len(rows))
    features = ["category", *(f"f{i}" for i in range(noise))]
    return ask(rows, features, make({n: f"g{g}" for n, g in zip(names, group, strict=True)}))


@pytest.mark.parametrize(("n", "levels"), [(400, 60), (1000, 81), (1600, 200)])
def test_a_group_that_is_an_input_of_many_values_is_recovered(
    n: int, levels: int, make_membership: Callable
) -> None:
    level = np.arange(n) % levels
    found = find_group(np.char.add("v", level.astype(str)), level % 4, make_membership)
    table = found.table.set_index("feature")
    assert table.loc["category", "recovered"] > 0.9
    assert table.loc[TOGETHER, "recovered"] > 0.85
    assert (table.loc[["category", TOGETHER], "verdict"] == "found").all()
    assert found.findings[0].status is Status.NOT_APPLICABLE


def test_a_group_that_is_a_band_of_an_input_is_recovered(make_membership: Callable) -> None:
    age = np.random.default_rng(0).uniform(0, 100, 1000)
    bands = np.digitize(age, [18, 40, 65])
    found = find_group(age, bands, make_membership).table.set_index("feature")
    assert found.loc["category", "recovered"] > 0.75
    codes = np.random.default_rng(0).integers(0, 8, 1000)
    found = find_group(codes, codes % 2, make_membership).table.set_index("feature")
    assert found.loc["category", "recovered"] > 0.95


def test_what_was_not_looked_at_is_said(make_membership: Callable) -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 300)
    alone = find_group(np.array([f"v{i}" for i in range(300)]), group, make_membership)
    row = alone.table.set_index("feature").loc["category"]
    assert row["verdict"] == "unknown"
    assert np.isnan(row["recovered"])
    assert "Left out, as each value belongs to a single entity: category." in (
        alone.findings[0].reason
    )
    many = np.arange(1600) % 700
    cut = find_group(np.char.add("v", many.astype(str)), many % 2, make_membership)
    assert "Only the most frequent values were told apart of: category." in cut.findings[0].reason


def test_what_is_sure_and_small_hardly_tells_the_groups_apart(make_membership: Callable) -> None:
    rows, groups = draw(3, 3000, 2, 0.35)
    found = ask(rows, ["f0", "f1"], make_membership(groups))
    table = found.table.set_index("feature")
    assert 0.01 < table.loc["f0", "recovered"] < 0.1
    assert table.loc["f0", "verdict"] == "hardly"
    assert found.findings[0].reason.startswith("The inputs hardly tell the groups apart.")


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 4.0])
def test_verdict_and_interval_follow_one_rule(strength: float, make_membership: Callable) -> None:
    for seed in range(6):
        rows, groups = draw(seed, 60, 4, strength)
        table = ask(rows, [f"f{i}" for i in range(4)], make_membership(groups)).table
        figures = table[["recovered", "low", "high"]].to_numpy(float)
        assert ((figures >= 0) & (figures <= 1)).all()
        found = table["verdict"].isin(["found", "hardly"])
        assert (table.loc[found, "low"] > 0).all()
        assert (table.loc[found, "recovered"] > table.loc[found, "chance"]).all()


def draw_map(seed: int, side: int = 8) -> tuple[pd.DataFrame, dict[str, str]]:
    """Places of a map: groups clustered in space, and smooth inputs that know nothing of them."""
    rng = np.random.default_rng(seed)
    x, y = np.divmod(np.arange(side * side), side)
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    smooth = np.linalg.cholesky(np.exp(-distance / 3) + 1e-9 * np.eye(side * side))
    rows = pd.DataFrame(
        (smooth @ rng.normal(size=(side * side, 12))), columns=[f"f{i}" for i in range(12)]
    )
    names = [f"a{i:03}" for i in range(side * side)]
    rows.insert(0, "entity_id", names)
    level = smooth @ rng.normal(size=side * side)
    bands = np.digitize(level, np.quantile(level, [1 / 3, 2 / 3]))
    return rows, {n: f"g{b}" for n, b in zip(names, bands, strict=True)}


def test_what_follows_the_map_is_not_called_a_proxy(make_membership: Callable) -> None:
    names = [f"f{i}" for i in range(12)]
    for seed in range(12):
        rows, groups = draw_map(seed)
        known = Rows(rows, tuple(names), (), {})
        found = _find_proxies(known, [make_membership(groups)], 0.95, {"zone"})
        assert set(found.table["verdict"]) == {"on the map"}
        reason = found.findings[0].reason
        assert "tell the groups apart" not in reason
        assert "may both just follow the map" in reason
        assert found.findings[0].status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("kind", ["soft", "bands"])
def test_groups_of_areas_are_on_the_map(kind: str, make_membership: Callable) -> None:
    rows, groups = draw(0, 60, 2, 4.0)
    membership = replace(make_membership(groups), kind=kind)
    table = ask(rows, ["f0", "f1"], membership).table.set_index("feature")
    assert set(table["verdict"]) == {"on the map"}
    assert table.loc["f0", "recovered"] > 0.5


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
            one = recover_groups(part_features(part), part_groups(groups), 0.95)[0]
            assert found[k, p] == pytest.approx(one, abs=1e-10)


def test_dimensions_judged_together_are_judged_as_each_by_itself(make_membership: Callable) -> None:
    """What is prepared once for all dimensions depends on who is seen, and on no group."""
    rows, groups = build(120)
    other = dict(zip(groups, np.random.default_rng(5).choice(["x", "y", "z"], 120), strict=True))
    some = {name: group for i, (name, group) in enumerate(groups.items()) if i % 3}
    asked = [make_membership(group) for group in (groups, other, some)]
    names = ("proxy", "noise", "empty", "text")
    together = _find_proxies(Rows(rows, names, (), {}), asked, 0.95).table
    single = pd.concat([ask(rows, [*names], each).table for each in asked], ignore_index=True)
    pd.testing.assert_frame_equal(together, single, check_exact=True)
    assert set(together["entities"]) == {120, 80}
