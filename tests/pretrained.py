"""A stand-in for the library of pretrained forecasters, and a folder of weights for it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cityai.config.project import WEIGHT_FILES
from cityai.modeling.forecasters import pretrained

NAMED = "models: {pretrained: {path: weights, licence: Apache-2.0, name: stand-in}}\n"


class StandIn:
    """Nine quantiles around each series' last known value, one wider a step; context of 20."""

    context_length = 20

    @classmethod
    def from_pretrained(cls, folder: Path, *, weights: str) -> StandIn:
        assert weights == "fp32"
        assert folder.is_dir()
        return cls()

    def forecast_batch(self, rows: np.ndarray, *, horizon: int) -> np.ndarray:
        last = [row[~np.isnan(row)][-1] for row in rows]
        steps = np.arange(1, horizon + 1)
        spread = np.linspace(-1, 1, 9) + 0.5
        return np.array([[value + step * spread for step in steps] for value in last])


def put_stand_in(patch: pytest.MonkeyPatch) -> None:
    """Put the stand-in in the library's place."""
    made = {name: ModuleType(name) for name in ("torch", "fracast", "fracast.inference")}
    made["torch"].set_num_threads = lambda n: None  # type: ignore[attr-defined]
    made["fracast.inference"].FracastModel = StandIn  # type: ignore[attr-defined]
    for name, module in made.items():
        patch.setitem(sys.modules, name, module)
    pretrained._read.cache_clear()


def write_weights(project: Path) -> Path:
    """Write a folder of weights into a project's folder, which is returned."""
    (project / "weights").mkdir()
    for name in WEIGHT_FILES:
        (project / "weights" / name).write_bytes(b"{}")
    return project
