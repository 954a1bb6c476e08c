"""Private folders that outlive no process: the next command clears away what a killed one left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "cityai-"


@contextmanager
def open_scratch() -> Iterator[Path]:
    """Open a folder that this account alone can read; it is removed with all that is in it."""
    root = _find_root()
    with _hold(root):  # nobody clears away what is just being made
        _clear(root)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def clear_scratch() -> None:
    """Remove the folders of processes that are dead: the system lets go of what they held."""
    with suppress(OSError):
        root = _find_root()
        with _hold(root):
            _clear(root)


def _find_root() -> Path:
    """Return this account's folder of private folders; a new one where that is another's."""
    root = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}"
    with suppress(FileExistsError):
        root.mkdir(mode=0o700)
    found = root.lstat()
    mine = found.st_uid == os.getuid() and not found.st_mode & 0o077 and root.is_dir()
    return root if mine and not root.is_symlink() else Path(tempfile.mkdtemp(prefix=PREFIX))


def _clear(root: Path) -> None:
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError), _hold(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _hold(folder: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
