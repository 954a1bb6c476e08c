"""Threads that load one library at two of its places each may find half of it."""

from __future__ import annotations

import ast
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from cityai.modeling import forecasters
from cityai.modeling.forecasters import loading

HEAVY = {"lightgbm", "sklearn", "torch", "fracast"}


def test_libraries_are_loaded_by_one_task_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]

    def load(name: str) -> ModuleType:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1
        return ModuleType(name)

    monkeypatch.setattr(loading, "import_module", load)
    names = ["lightgbm", "sklearn.linear_model"] * 4
    with ThreadPoolExecutor(4) as pool:
        found = [module.__name__ for module in pool.map(loading.load_library, names)]
    assert found == names
    assert most == [1]


def test_every_learner_loads_its_library_through_that_door() -> None:
    folder = Path(forecasters.__path__[0])
    read = [ast.parse(path.read_text()) for path in folder.glob("*.py")]
    assert len(read) > 10
    loose = [
        name
        for tree in read
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
        if name.split(".")[0] in HEAVY
    ]
    assert loose == []
