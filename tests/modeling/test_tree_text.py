"""Forged texts of LightGBM: refused before LightGBM sees them, and not one that it wrote itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.errors import DataError, StoreError
from cityai.modeling.forecasters.boosted_trees import LIGHTGBM
from cityai.modeling.forecasters.formats import OWN_FORMATS, try_model
from cityai.modeling.forecasters.protocol import SavedModel
from cityai.modeling.forecasters.tree_text import read_trees


def train(leaves: int = 5, rounds: int = 3, **more: object) -> str:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(400, 2)), rng.integers(0, 9, 400)])
    y = x[:, 0] + np.isin(x[:, 2], [1, 4, 7])
    choices = {"verbose": -1, "num_leaves": leaves, "min_child_samples": 5, **more}
    choices |= {"min_data_per_group": 5, "num_threads": 1, "cat_smooth": 0.1}
    data = lgb.Dataset(x, y, categorical_feature=[2])
    return str(lgb.train(choices, data, rounds).model_to_string())


TEXT = train()


def save(text: str, form: str = LIGHTGBM) -> SavedModel:
    return SavedModel("trees", form, text, (), {}, 400)


@pytest.mark.parametrize("leaves", [2, 5, 31])
def test_what_lightgbm_wrote_is_read(leaves: int) -> None:
    read_trees(train(leaves))
    read_trees(train(leaves, min_gain_to_split=1e9))
    assert "num_cat=0" not in train(31, rounds=1)
    try_model(save(TEXT), "x")


def change(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


LEFT = TEXT.partition("left_child=")[2].partition("\n")[0]
FORGED = {
    "a node that is its own child": change(f"left_child={LEFT}", "left_child=0 -2 3 -1"),
    "a circle": change(f"left_child={LEFT}", "left_child=1 1 1 1"),
    "a node beyond the end": change(f"left_child={LEFT}", "left_child=99999 -2 3 -1"),
    "a leaf beyond the end": change(f"left_child={LEFT}", "left_child=-99999 -2 3 -1"),
    "too few children": change(f"left_child={LEFT}", "left_child=2"),
    "too many leaves": change("num_leaves=5", "num_leaves=500000"),
    "a feature that is not there": change("split_feature=", "split_feature=77 "),
    "another size": change("tree_sizes=", "tree_sizes=1"),
    "no number": change("threshold=", "threshold=x"),
    "cut off": TEXT[: len(TEXT) // 3],
    "empty": "",
    "many classes": change("num_class=1", "num_class=7"),
    "no head": TEXT[TEXT.index("Tree=0") :],
}


@pytest.mark.promise(6)
@pytest.mark.parametrize("name", FORGED)
def test_a_forged_text_is_refused(observe: Callable[[str], None], name: str) -> None:
    with pytest.raises(DataError, match="the model's text is damaged, at"):
        read_trees(FORGED[name])
    observe("forged tree refused")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_passes_is_a_tree(data: st.DataObject) -> None:
    """Children drawn at random: what is let through ends, whatever the rows."""
    nodes = 4
    children = st.lists(st.integers(-nodes - 2, nodes + 1), min_size=nodes, max_size=nodes)
    left, right = data.draw(children), data.draw(children)
    before = TEXT.partition("right_child=")[2].partition("\n")[0]
    text = change(f"left_child={LEFT}", f"left_child={' '.join(map(str, left))}")
    text = text.replace(f"right_child={before}", f"right_child={' '.join(map(str, right))}", 1)
    grown = len(text) - len(TEXT)
    size = TEXT.partition("tree_sizes=")[2].partition(" ")[0]
    text = text.replace(f"tree_sizes={size}", f"tree_sizes={int(size) + grown}", 1)
    try:
        read_trees(text)
    except DataError:
        return
    met, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        met.append(node)
        assert len(met) <= 9
        if node >= 0:
            waiting += [left[node], right[node]]
    assert sorted(met) == [-5, -4, -3, -2, -1, 0, 1, 2, 3]


def test_a_text_that_ends_its_reader_ends_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYAI_LIMIT_SECONDS", "30")
    for name in ("cut off", "empty"):
        with pytest.raises(StoreError, match="the model cannot be read"):
            try_model(save(FORGED[name]), "model")
    for form in OWN_FORMATS:
        with pytest.raises(StoreError, match="the model cannot be read"):
            try_model(save("AAAA", form), "model")
    for name in ("a node that is its own child", "a node beyond the end"):
        with contextlib.suppress(StoreError):
            try_model(save(FORGED[name]), "model")
