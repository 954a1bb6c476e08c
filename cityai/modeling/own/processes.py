"""The closed processes of a city's own models: some run its file, one asks what was saved."""

from __future__ import annotations

import json
import threading
from typing import Any, Final

from cityai.confine.child import Child, Ended, tell_limits
from cityai.confine.own_file import OwnFile
from cityai.errors import DataError

_WORKER: Final = "cityai.modeling.own.worker"


class Processes(OwnFile):
    """The processes of one `models.py`."""

    worker = _WORKER
    key = "models.own"
    expected = "a model of the rows alone, that ends"

    @property
    def functions(self) -> list[tuple[tuple[str, str, str], str, dict[str, str]]]:
        """Of each: name, label and place; what it returns; its parameters, where none is fitted."""
        return self.known


class _Reader:
    """The process that asks saved models; nothing of a city's file runs in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None

    def ask(self, where: str, told: dict[str, Any], *parts: bytes) -> list[bytes]:
        with self._lock:
            if self._child is None or not self._child.is_ready:
                self._child = Child(_WORKER, closed=True)
            try:
                return self._child.ask(json.dumps({**told, "where": where}).encode(), *parts)
            except Ended as ended:
                if not ended.by_itself:
                    self._child.close()
                    self._child = None
                raise DataError(
                    f"the saved model gave no answer: {ended}",
                    where=where,
                    expected="a model that ends and fits into memory",
                    next_step=tell_limits(),
                ) from None


READER: Final = _Reader()
"""Asks saved models; it begins when it is first asked."""
