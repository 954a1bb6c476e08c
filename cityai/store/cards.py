"""The public folder of cards: all of a publication's files, or none."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cityai.errors import StoreError
from cityai.progress import warn
from cityai.store.files import (
    PUBLIC_FILE_MODE,
    PUBLIC_FOLDER_MODE,
    TEMPORARY,
    guard_files,
    hold_lock,
    make_folder,
    make_temporary,
    sync_folder,
    write_file,
)

CARDS = "model_cards"
JSON = "card.json"
REVIEWS = "reviews"
"""Folder of the signed acts, beside the card."""
EARLIER = "earlier.json"
"""The record of the run before, as versions before 1.1 published it: counts follow from the two."""
PENDING = ".publishing"
SECONDS = 30.0
"""How long one process waits for another that publishes."""


@contextmanager
def hold_cards(cards: Path, state: Path) -> Iterator[None]:
    """Hold the public folder while its files are read or published; finish what was begun.

    A folder that was copied without the private one is nobody's to change, and is not locked.
    """
    if not state.is_dir():
        yield
        return
    with hold_lock(state, CARDS, doing="publishing a card", seconds=SECONDS):
        for left in cards.glob(f"{TEMPORARY}*"):
            shutil.rmtree(left, ignore_errors=True)
        if _finish(cards):
            warn(f"finished a publication that was cut short: {cards}")
        yield


def publish_files(cards: Path, files: Mapping[str, str]) -> None:
    """Publish files together. Hold the folder (`hold_cards`).

    They are written in full beside the old ones, the folder `PENDING` takes its name (from then
    on they count as published), and each file is moved to its place. A process killed between two
    moves leaves the rest to the next that holds the folder.

    Parameters
    ----------
    cards : Path
        ``model_cards``; other files in it are left alone.
    files : mapping of str to str
        Text by path (``waste/card.html``, ``index.html``); a file whose text is empty goes away.

    Raises
    ------
    StoreError
        If the disk is full or refuses; what was published before is untouched.
    """
    with guard_files(cards, "the card cannot be published", "make it writable for you, run again"):
        make_folder(cards, PUBLIC_FOLDER_MODE)
        _require_writable(cards / name for name in files)
        with make_temporary(cards / PENDING, PUBLIC_FOLDER_MODE) as temporary:
            for name, text in files.items():
                make_folder((temporary / name).parent, PUBLIC_FOLDER_MODE)
                make_folder((cards / name).parent, PUBLIC_FOLDER_MODE)
                write_file(temporary / name, text.encode(), PUBLIC_FILE_MODE)
            for folder in (temporary, *(p for p in temporary.rglob("*") if p.is_dir())):
                sync_folder(folder)
            temporary.rename(cards / PENDING)
    _finish(cards)


def _require_writable(targets: Iterable[Path]) -> None:
    """Refuse files that cannot be replaced, before the first is.

    Raises
    ------
    OSError
        With the file, or its folder.
    """
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder is in its place", str(target))
        if target.parent.exists() and not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target.parent))
        if target.is_file() and not target.is_symlink():
            _require_changeable(target)


def _require_changeable(file: Path) -> None:
    """Refuse a file that nobody may replace; one that is only read-only may be."""
    try:
        os.close(os.open(file, os.O_WRONLY))
    except OSError as error:
        if error.errno != errno.EACCES:
            raise


def _finish(cards: Path) -> bool:
    """Move what a publication has left to move, the list of all cards last; tell if it had."""
    pending = cards / PENDING
    if not pending.is_dir():
        return False
    again = "make it writable for you; `cityai card index` then puts the rest of the card there"
    with guard_files(cards, "a card is published in part", again):
        left = sorted(pending.rglob("*"), key=lambda path: (path.parent == pending, path))
        files = {path: cards / path.relative_to(pending) for path in left if path.is_file()}
        _require_writable(files.values())
        for path, target in files.items():
            if path.stat().st_size:
                os.replace(path, target)
            else:
                target.unlink(missing_ok=True)
                path.unlink()
        for folder in sorted(pending.rglob("*"), reverse=True):
            sync_folder(cards / folder.relative_to(pending))
            folder.rmdir()
        pending.rmdir()
        sync_folder(cards)
    return True


def read_seal(cards: Path, state: Path, project: str) -> str:
    """Return the digest of a project's published card; empty where none is published whole."""
    wrong = (OSError, ValueError, LookupError, TypeError, StoreError)
    with suppress(*wrong), hold_cards(cards, state):
        record = json.loads((cards / project / JSON).read_text("utf-8"))["record"]
        return str(record["content_digest"])
    return ""
