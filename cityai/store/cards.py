"""The public folder of cards: all of a publication's files, or none."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cityai.store.files import (
    PUBLIC_FILE_MODE,
    PUBLIC_FOLDER_MODE,
    TEMPORARY,
    guard_files,
    make_folder,
    make_temporary,
    sync_folder,
    write_file,
)
from cityai.store.locks import hold_lock

CARDS = "model_cards"
JSON = "card.json"
EARLIER = "earlier.json"
"""The record of the run before, as versions before 1.1 published it: counts follow from the two."""
PENDING = ".publishing"
SECONDS = 30.0
"""How long one process waits for another that publishes."""


@contextmanager
def hold_cards(cards: Path, state: Path) -> Iterator[None]:
    """Hold the public folder while its files are read or published; finish what was begun.

    A folder that was copied without the private one is nobody's to change, and is not locked.

    Parameters
    ----------
    cards : Path
        ``model_cards``.
    state : Path
        The workspace's private folder.
    """
    if not state.is_dir():
        yield
        return
    with hold_lock(state, CARDS, doing="publishing a card", seconds=SECONDS):
        for left in cards.glob(f"{TEMPORARY}*"):
            shutil.rmtree(left, ignore_errors=True)
        _finish(cards)
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
    with guard_files(cards, "the card cannot be published"):
        make_folder(cards, PUBLIC_FOLDER_MODE)
        for name in files:
            if (cards / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder is in its place", str(cards / name))
        with make_temporary(cards / PENDING, PUBLIC_FOLDER_MODE) as temporary:
            for name, text in files.items():
                make_folder((temporary / name).parent, PUBLIC_FOLDER_MODE)
                make_folder((cards / name).parent, PUBLIC_FOLDER_MODE)
                write_file(temporary / name, text.encode(), PUBLIC_FILE_MODE)
            for folder in (temporary, *(p for p in temporary.rglob("*") if p.is_dir())):
                sync_folder(folder)
            temporary.rename(cards / PENDING)
    _finish(cards)


def _finish(cards: Path) -> None:
    """Move what a publication has left to move."""
    pending = cards / PENDING
    if not pending.is_dir():
        return
    with guard_files(cards, "the card cannot be published"):
        for path in sorted(pending.rglob("*")):
            if path.is_file():
                target = cards / path.relative_to(pending)
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


def read_seal(cards: Path, state: Path, project: str) -> str:
    """Return the digest of a project's published card; empty where there is none."""
    with hold_cards(cards, state), suppress(OSError, ValueError, LookupError, TypeError):
        record = json.loads((cards / project / JSON).read_text("utf-8"))["record"]
        return str(record["content_digest"])
    return ""
