"""Heavy libraries, loaded when a task first needs them: by one task at a time."""

from __future__ import annotations

from importlib import import_module
from threading import RLock
from types import ModuleType

_LOADING = RLock()


def load_library(name: str) -> ModuleType:
    """Import a library, or a part of one, while no other task does.

    Threads that enter the circle of a library's own imports at two places each may find half a
    module; so may one that waits for an import that fails. LightGBM imports scikit-learn.

    Raises
    ------
    ImportError, OSError
        When it is not there, or lacks a library of the system.
    """
    with _LOADING:
        return import_module(name)
