"""The closed processes that run a file of a city's own code, one after the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import pandas as pd

from cityai.confine.child import Child, Ended, tell_limits
from cityai.errors import DataError, SpecError

KEPT: Final[dict[type[OwnFile], OwnFile]] = {}
"""The file of each sort that was loaded last, so that a run has one process of it."""


class OwnFile:
    """Functions of a file, in a process that sees nothing but what it is sent.

    A fresh process takes over for a moment before the last one, and for a function that was asked
    about this one already: nothing can be remembered from a later moment, nor said a second time.

    Parameters
    ----------
    path : Path
        Where the file is.
    told : mapping
        What its process is told with the code: the names of the functions among it.
    code : bytes
        The file.

    Attributes
    ----------
    shut : bool
        Whether the system keeps every file, program and connection out of the process's reach.
    known : list
        What the process tells of each function, in the order of the specification.
    """

    worker: ClassVar[str]
    """Module that answers inside of the process."""
    key: ClassVar[str]
    """Where the specification names the functions."""
    expected: ClassVar[str]
    """What a process that was ended should have run."""
    waits: ClassVar[bool] = False
    """Whether the next process is started beforehand, so that nobody waits for it."""

    def __init__(self, path: Path, told: Mapping[str, Any], code: bytes) -> None:
        self._path, self._load, self._code = path, {**told, "path": str(path)}, code
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._next: Child | None = None
        self._last: pd.Timestamp | None = None
        self._asked: frozenset[str] = frozenset()
        found = json.loads(self._begin()[0])
        self.shut: bool = found["shut"] is True
        self.known: list[Any] = found["functions"]

    @classmethod
    def open(cls, path: Path, names: Sequence[str], **told: Any) -> Self | None:
        """Load the named functions of a file; None when none is named.

        Raises
        ------
        SpecError
            When the file or a function is missing, or the file cannot be run.
        DataError
            When the file reaches outside, or does not end.
        """
        if not names:
            return None
        if not path.exists():
            raise SpecError(
                f"`{cls.key}` names {', '.join(names)}, and there is no {path.name}",
                where=str(path),
                next_step="write the file, or remove the names",
            )
        told, code, kept = {**told, "names": list(names)}, path.read_bytes(), KEPT.get(cls)
        if isinstance(kept, cls) and (kept._load, kept._code) == (told | {"path": str(path)}, code):
            return kept
        KEPT.pop(cls, None)
        KEPT[cls] = made = cls(path, told, code)
        return made

    def goes_on(self, moment: pd.Timestamp | None, name: str = "") -> bool:
        """Whether the process that answered last is asked about this moment too, by a function."""
        is_later = moment is not None and (self._last is None or moment > self._last)
        is_first = moment is not None and moment == self._last and name not in self._asked
        return self._child is not None and self._child.is_ready and (is_later or is_first)

    def ask(
        self, moment: pd.Timestamp | None, step: str, told: Mapping[str, Any], *parts: bytes
    ) -> list[bytes]:
        """Ask about a moment, by the function that `told` names; without one, ask a fresh process.

        Raises
        ------
        DataError, SpecError
            When the city's code fails, or the process met a limit at that step.
        """
        name = str(told.get("name", ""))
        with self._lock:
            if not self.goes_on(moment, name):
                self._begin()
            same = moment is not None and moment == self._last
            self._asked, self._last = (self._asked if same else frozenset()) | {name}, moment
            return self._send(step, told, *parts)

    def _begin(self) -> list[bytes]:
        if self._child is not None:
            self._child.close()
        waiting = self._next if self._next is not None and self._next.is_ready else None
        self._child, self._last = waiting or Child(self.worker, closed=True), None
        self._next = Child(self.worker, closed=True) if self.waits else None
        return self._send("while the file was run", self._load, self._code)

    def _send(self, step: str, told: Mapping[str, Any], *parts: bytes) -> list[bytes]:
        assert self._child is not None  # noqa: S101 - whoever sends has begun it
        try:
            return self._child.ask(json.dumps(told).encode(), *parts)
        except Ended as ended:
            self._child.close()
            self._child = None
            raise DataError(
                f"the process that runs {self._path.name} was ended {step}: {ended}",
                where=str(self._path),
                expected=self.expected,
                next_step=tell_limits(),
            ) from None
