"""A city's models.py with good and bad functions, and rows to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.confine import own_file
from cityai.modeling.own.models import FittedOwn, OwnLearner, OwnSeries, load_models

CATEGORIES = {"kind": ("bar", "shop")}
FEATURES = ("lag", "trend", "kind")

Load = Callable[..., dict[str, OwnLearner | OwnSeries]]


def make_table(rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows with gaps and amounts that follow the lag."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "as_of": pd.date_range("2020-01-01", periods=rows, freq="D").as_unit("us"),
            "level": rng.uniform(1, 9, rows),
            "lag": rng.normal(size=rows).astype(np.float32),
            "trend": rng.normal(size=rows).astype(np.float32),
            "kind": pd.Categorical(rng.choice(["bar", "shop"], rows)),
        }
    )
    table.loc[:9, "lag"] = np.nan
    table.loc[5:8, "kind"] = None
    amount = table["level"] * np.exp(0.5 * table["lag"].fillna(0.0) + (table["kind"] == "bar"))
    return table, amount.to_numpy(np.float64)


def fit(model: OwnLearner, rows: int = 300, **changes: Any) -> FittedOwn:
    table, amount = make_table(rows)
    y = (amount > np.median(amount)).astype(np.float64) if model.probability else amount
    given = {"features": FEATURES, "categories": CATEGORIES, "seed": 7, **changes}
    found = model.fit(table, y, **given)
    assert isinstance(found, FittedOwn)
    return found


def make_project(folder: Path, names: Sequence[str]) -> Any:
    models = SimpleNamespace(own=tuple(names), seed=7)
    return SimpleNamespace(spec=SimpleNamespace(models=models), own_models=folder / "models.py")


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Write a models.py and load functions of it."""

    def load(code: str, *names: str, probability: bool = False) -> dict[str, Any]:
        (tmp_path / "models.py").write_text(code)
        found = load_models(make_project(tmp_path, names), probability=probability)
        return {model.name: model for model in found}

    yield load
    own_file.KEPT.clear()
