from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from cityai.assessment.proxies import TOGETHER, find_proxies
from cityai.findings import Status


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
    found = find_proxies(rows, ["proxy", "noise", "empty", "text"], [make_membership(groups)], 0.95)
    table = found.table.set_index("feature")
    assert table.loc["proxy", "low"] > 0.8
    assert table.loc[TOGETHER, "recovered"] > 0.8
    assert table.loc["noise", "high"] < 0.1
    assert table.loc["empty", "recovered"] < 0.01
    assert "text" not in table.index
    finding = found.findings[0]
    assert finding.code == "audit.proxy"
    assert "proxy" in finding.reason


def test_few_entities_are_not_enough(make_membership: Callable) -> None:
    rows, groups = build(20)
    found = find_proxies(rows, ["proxy"], [make_membership(groups)], 0.95)
    assert found.table["recovered"].isna().all()
    assert found.findings[0].status is Status.NOT_ENOUGH


def test_one_group_has_nothing_to_recover(make_membership: Callable) -> None:
    rows, groups = build(60)
    found = find_proxies(rows, ["proxy"], [make_membership(dict.fromkeys(groups, "all"))], 0.95)
    assert found.findings[0].status is Status.NOT_APPLICABLE


def test_noise_recovers_nothing(make_membership: Callable) -> None:
    values = []
    for seed in range(30):
        rows, groups = build(100, seed)
        found = find_proxies(rows, ["noise"], [make_membership(groups)], 0.95)
        values.append(float(found.table["low"].iloc[0]))
    assert np.mean(np.array(values) > 0) <= 0.1
