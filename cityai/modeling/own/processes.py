"""The closed processes of a city's own models: some run its file, one asks what was saved."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cityai.confine.child import Child, Ended, tell_limits
from cityai.errors import DataError

_WORKER: Final = "cityai.modeling.own.worker"


class Processes:
    """Processes that run one `models.py`, one after the other.

    For a moment that is not after the last one a fresh process takes over, so that nothing can be
    remembered from a later one.

    Attributes
    ----------
    shut : bool
        Whether the system keeps every file, program and connection out of their reach.
    functions : list
        Of each: name, label and place; what it returns; its parameters, where none is fitted.
    """

    def __init__(self, path: Path, code: bytes, names: list[str], *, probability: bool) -> None:
        self._path, self._code = path, code
        self._load = {"work": "load", "path": str(path), "names": names, "probability": probability}
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._last: pd.Timestamp | None = None
        told = json.loads(self._begin()[0])
        self.shut: bool = told["shut"] is True
        self.functions: list[tuple[tuple[str, str, str], str, dict[str, str]]] = told["functions"]

    def ask(
        self, moment: pd.Timestamp | None, step: str, told: dict[str, Any], *parts: bytes
    ) -> list[bytes]:
        """Ask about a moment; without one, a fresh process is asked.

        Raises
        ------
        DataError, SpecError
            When the city's code fails, or the process met a limit at that step.
        """
        with self._lock:
            late = self._last is None or moment is None or moment > self._last
            if self._child is None or not late or moment is None:
                self._begin()
            self._last = moment
            return self._send(step, told, *parts)

    def _begin(self) -> list[bytes]:
        if self._child is not None:
            self._child.close()
        self._child, self._last = Child(_WORKER, closed=True), None
        return self._send("while the file was run", self._load, self._code)

    def _send(self, step: str, told: dict[str, Any], *parts: bytes) -> list[bytes]:
        assert self._child is not None  # noqa: S101 - whoever sends has begun it
        try:
            return self._child.ask(json.dumps(told).encode(), *parts)
        except Ended as ended:
            self._child.close()
            self._child = None
            raise DataError(
                f"the process that runs models.py was ended {step}: {ended}",
                where=str(self._path),
                expected="a model of the rows alone, that ends",
                next_step=tell_limits(),
            ) from None


class _Reader:
    """The process that asks saved models; nothing of a city's file runs in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None

    def ask(self, where: str, told: dict[str, Any], *parts: bytes) -> list[bytes]:
        with self._lock:
            if self._child is None:
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
