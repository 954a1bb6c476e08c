"""Closed doors for feature functions: a file or a connection may hold the future."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Final

from cityai.errors import DataError

DOORS: Final = frozenset(
    {"open", "sqlite3.connect", "socket.connect", "subprocess.Popen", "os.system"}
)
"""Events of the interpreter (PEP 578) that reach outside. A compiled library that opens a file by
itself raises none: the truncation test and the search for leaks stand behind this."""

_LIBRARIES: Final = tuple(
    os.path.realpath(folder) + os.sep
    for folder in sorted({*sysconfig.get_paths().values(), "/usr/share/zoneinfo"})
)


class _Watch:
    """Refuses what reaches outside while a feature function runs, and nothing at other times."""

    def __init__(self) -> None:
        self.guarded: ContextVar[str] = ContextVar("guarded", default="")
        # Held here, since the interpreter still asks when it has emptied its modules at the end.
        self.doors = DOORS

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in self.doors or not self.guarded.get():
            return
        given = arguments[0] if event == "open" else event
        if event == "open" and (isinstance(given, int) or _is_code(given)):
            return
        raise DataError(
            f"features.py opens {given!s}: a feature may only use the history that it is given",
            where=self.guarded.get(),
            expected="no file, database or connection, for they may hold the future",
            next_step="declare the table under `covariates`, with when it is known",
        )


@cache
def _start_watch() -> _Watch:
    watch = _Watch()
    # An audit hook cannot be taken away again, so there is only ever one.
    sys.addaudithook(watch)
    return watch


def _is_code(given: object) -> bool:
    if not isinstance(given, str | bytes | os.PathLike):
        return False
    name = os.path.realpath(os.fsdecode(given))
    return name.endswith((".py", ".so")) or "__pycache__" in name or name.startswith(_LIBRARIES)


@contextmanager
def close_files(where: str) -> Iterator[None]:
    """Refuse files, databases, connections and other programs for the length of the block.

    Parameters
    ----------
    where : str
        File, line and function, for the message.

    Raises
    ------
    DataError
        When the code of the block opens one. Code and libraries may still be imported.
    """
    guarded = _start_watch().guarded
    token = guarded.set(where)
    try:
        yield
    finally:
        guarded.reset(token)
