"""One at a time: advisory locks that the system releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cityai.errors import StoreError
from cityai.store.files import FILE_MODE, PRIVATE, guard_files, make_folder

LOCKS = "locks"
PAUSE = 0.1


@contextmanager
def hold_lock(
    state: Path,
    name: str,
    *,
    doing: str,
    seconds: float,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold a lock while the block runs.

    Parameters
    ----------
    state : Path
        The workspace's private folder.
    name : str
        What is locked, as a file name.
    doing : str
        What its holder does, for the message: ``a run of waste_tonnage``.
    seconds : float
        How long to wait for another holder.
    on_wait : callable, optional
        Called once with a sentence when there is something to wait for.

    Raises
    ------
    StoreError
        If another process still holds it after `seconds`, or the folder cannot be written.
    """
    path = state / LOCKS / f"{name}.lock"
    with guard_files(path, "the lock cannot be taken", PRIVATE):
        make_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        _wait_for(handle, path, doing, seconds, on_wait)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _wait_for(
    handle: int, path: Path, doing: str, seconds: float, on_wait: Callable[[str], None] | None
) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode(errors="replace") or "unknown"
        if on_wait is not None:
            on_wait(f"{doing} is in progress (process {holder}); waiting")
            on_wait = None
        if time.monotonic() >= until:
            raise StoreError(
                f"{doing} is in progress (process {holder})",
                where=str(path),
                expected="one at a time",
                next_step="wait until it has ended, or end that process, and run again",
            ) from None
        time.sleep(PAUSE)
