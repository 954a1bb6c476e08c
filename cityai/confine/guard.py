"""What Python itself refuses to a city's own code: a file or a connection may hold the future."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cityai.confine.kernel import list_code
from cityai.errors import DataError

_FILES: Final = ("open", "os.listdir", "os.scandir")
_DOORS: Final = (
    *("sqlite3.connect", "socket.__new__", "subprocess.Popen", "os.system", "os.exec"),
    *(
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "winreg.ConnectRegistry",
    ),
)
_MACHINE: Final = ("/proc", "/sys", "/dev", "/etc")


class Watch:
    """An audit hook (PEP 578) over all threads: it refuses what reaches outside, and remembers it.

    A compiled library that opens a file by itself raises no event; on Linux the system refuses it
    (`cityai.confine.kernel`).

    Parameters
    ----------
    file : str
        Name of the city's file, such as ``features.py``.
    rule : str
        What its code may use, for the message.
    """

    def __init__(self, file: str, rule: str) -> None:
        self.file, self._rule = file, rule
        self._searched = frozenset(sys.path)
        self._code = tuple(os.path.realpath(path) for path in list_code())
        self._over = False
        self._refused = ""
        self.own = ""
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Refuse an event of the interpreter."""
        if not self._over or (event not in _FILES and event not in _DOORS):
            return
        given = arguments[0] if event in _FILES else event
        if event in _FILES and (isinstance(given, int) or self._is_code(given)):
            return
        said = os.fsdecode(given) if isinstance(given, str | bytes | os.PathLike) else event
        # Libraries look at the machine; Python at the line of a mistake, and through the folders
        # that it imports from. All go on without.
        if not said.startswith(_MACHINE) and said != self.own and said not in self._searched:
            self._refused = self._refused or said
        raise PermissionError(f"{self.file} opens {said}")

    @contextmanager
    def over(self, where: str) -> Iterator[None]:
        """Refuse files, databases, connections and other programs; for good, once it began.

        Raises
        ------
        DataError
            When the code of the block, or a thread that it began, opened one.
        """
        self._over = True
        try:
            yield
        finally:
            if self._refused:
                raise DataError(
                    f"{self.file} opens {self._refused}: {self._rule}",
                    where=where,
                    expected="no file, database or connection, for they may hold the future",
                    next_step="declare the table under `covariates`, with when it is known",
                )

    def _is_code(self, given: object) -> bool:
        if not isinstance(given, str | bytes | os.PathLike):
            return False
        name = os.path.realpath(os.fsdecode(given))
        return any(name == path or name.startswith(path + os.sep) for path in self._code)
