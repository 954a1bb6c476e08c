"""Files that are written whole or not at all, and locks that one process holds at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cityai.errors import StoreError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
PUBLIC_FOLDER_MODE = 0o755
PUBLIC_FILE_MODE = 0o644
TEMPORARY = ".tmp-"
"""Prefix of a folder that is still being written (or was left by a killed process)."""

_NEXT_STEPS = {
    errno.ENOSPC: "free some space on that disk and run again; earlier results are untouched",
    errno.EDQUOT: "free some space in your quota and run again; earlier results are untouched",
    errno.EFBIG: "raise the limit on file sizes and run again; earlier results are untouched",
}
_REFUSED = "make it readable and writable for you, and run again"
PRIVATE = "make the folder writable for you, or set CITYAI_STATE to one that is"
"""What to do where the private folder refuses."""
LOCKS = "locks"
PAUSE = 0.1


@contextmanager
def guard_files(where: Path, doing: str, refused: str = "") -> Iterator[None]:
    """Turn the operating system's refusal into an error that says what to do.

    Parameters
    ----------
    where : Path
        What is written or read, where the system names no file.
    doing : str
        What could not be done.
    refused : str, optional
        What to do where it may not be read or written; `PRIVATE` of the private folder.

    Raises
    ------
    StoreError
        In place of any OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        at = Path(error.filename) if isinstance(error.filename, str) else where
        raise StoreError(
            f"{doing}: {(error.strerror or str(error)).lower()}",
            where=str(at),
            expected="a folder that can be read and written, with space left",
            next_step=_NEXT_STEPS.get(error.errno or 0, refused or _REFUSED),
        ) from error


def make_folder(folder: Path, mode: int = FOLDER_MODE) -> None:
    """Make a folder and those above it; each that is made gets `mode`, whatever the umask."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def write_file(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Write a new file through to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_files(
    contents: Mapping[str, bytes], folder: Path, mode: int = FILE_MODE, *, replace: bool = True
) -> tuple[Path, ...]:
    """Write files into a folder, each whole or not at all, and return their paths.

    Parameters
    ----------
    contents : mapping of str to bytes
        By name, without any folder.
    folder : Path
        Made where it is missing, for the owner alone unless `mode` is that of public files.
    mode : int
        Of each file.
    replace : bool
        Whether files of these names, where there are any, are replaced.

    Raises
    ------
    StoreError
        If the folder refuses, or holds such a file that is not to be replaced.
    """
    paths = tuple(folder / name for name in contents)
    folder_mode = FOLDER_MODE if mode == FILE_MODE else PUBLIC_FOLDER_MODE
    if outside := [path for path in paths if path.parent != folder or path.name in ("", "..")]:
        raise StoreError(f"'{outside[0]}' would be written outside the folder", where=str(folder))
    if not replace and (taken := [path for path in paths if os.path.lexists(path)]):
        raise StoreError(
            "there is such a file already",
            where=str(taken[0]),
            expected="a folder without it",
            next_step="name another folder, or replace it with --force",
        )
    with guard_files(folder, "the files cannot be written"):
        make_folder(folder, folder_mode)
        with make_temporary(folder / "x", folder_mode) as temporary:
            for path, content in zip(paths, contents.values(), strict=True):
                write_file(temporary / path.name, content, mode)
                os.replace(temporary / path.name, path)
    return paths


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def make_temporary(beside: Path, mode: int = FOLDER_MODE) -> Iterator[Path]:
    """Yield a new folder on the same disk as `beside`; remove what is left of it at the end."""
    temporary = beside.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
    temporary.mkdir()
    try:
        temporary.chmod(mode)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_folder(temporary: Path, target: Path) -> None:
    """Give a finished folder its name; an older one of that name goes away."""
    sync_folder(temporary)
    if target.exists():
        with make_temporary(target) as trash:
            target.rename(trash / "old")
            try:
                temporary.rename(target)
            except OSError:
                (trash / "old").rename(target)
                raise
    else:
        temporary.rename(target)
    sync_folder(target.parent)


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
