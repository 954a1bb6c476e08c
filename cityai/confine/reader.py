"""The process that reads what comes from outside, kept for the next table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cityai.confine.child import Child, Ended

_READERS: Final[list[Child]] = []


def ask_reader(where: Path | str, *work: object) -> list[list[Any]]:
    """Let the reading process work, and return the rows that it gives.

    Parameters
    ----------
    where : Path or str
        The file, for messages.
    *work : object
        What to do, with its arguments: see `cityai.confine.tables`.

    Raises
    ------
    DataError
        When it cannot be read, or not within the limits of time and memory.
    """
    if not (_READERS and _READERS[0].is_ready):
        _READERS[:] = [Child("cityai.confine.tables")]
    try:
        (rows,) = _READERS[0].ask(json.dumps(work).encode())
    except Ended as ended:
        from cityai.confine.tables import translate_error

        if not ended.by_itself:
            _READERS.clear()
        raise translate_error(str(ended), where) from None
    return json.loads(rows)


def is_reading() -> bool:
    """Tell whether there is such a process."""
    return bool(_READERS)


def forget_reader() -> None:
    """Let the next table have a process of its own, which sees what is installed since."""
    _READERS.clear()
