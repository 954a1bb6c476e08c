"""The public folder of a card: all of its files, or none."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cityai.store.files import (
    PUBLIC_FILE_MODE,
    PUBLIC_FOLDER_MODE,
    guard_files,
    make_folder,
    make_temporary,
    sync_folder,
    write_file,
)

JSON = "card.json"
EARLIER = "earlier.json"
"""The last published card of another run: what the present one is compared with."""
PENDING = ".publishing"


def publish_card(folder: Path, files: Mapping[str, str], earlier: str = "") -> None:
    """Publish a card's files, and beside them the record of the run before.

    They are written in full beside the old ones, the folder `PENDING` takes its name (from then
    on the card counts as published), and each file is moved to its place. A process killed
    between two moves leaves the rest to the next call of this or of `finish_card`.

    Parameters
    ----------
    folder : Path
        ``model_cards/<project>``; other files in it are left alone.
    files : mapping of str to str
        Text by name (`cityai.card.pages.Pages.files`).
    earlier : str, optional
        From `read_earlier`, with the digest of this card's run.

    Raises
    ------
    StoreError
        If the disk is full or refuses; the card published before is untouched.
    """
    finish_card(folder)
    contents = {**files, EARLIER: earlier} if earlier else dict(files)
    with guard_files(folder, "the card cannot be published"):
        make_folder(folder, PUBLIC_FOLDER_MODE)
        for name in contents:
            if (folder / name).is_dir():
                raise IsADirectoryError(
                    errno.EISDIR, "a folder is in its place", str(folder / name)
                )
        with make_temporary(folder / PENDING, PUBLIC_FOLDER_MODE) as temporary:
            for name, text in contents.items():
                write_file(temporary / name, text.encode(), PUBLIC_FILE_MODE)
            sync_folder(temporary)
            temporary.rename(folder / PENDING)
    finish_card(folder)


def read_earlier(folder: Path, run_digest: str) -> str:
    """Return the record of the last published card that another run made; empty without one.

    A run repeated with the same inputs finds its own card, and so the same earlier one: the same
    inputs give the same card.

    Parameters
    ----------
    folder : Path
        ``model_cards/<project>``.
    run_digest : str
        Digest of the run that is about to be published.
    """
    finish_card(folder)
    for name in (JSON, EARLIER):
        try:
            text = (folder / name).read_text("utf-8")
            made_by = json.loads(text)["provenance"]["run_digest"]
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if made_by != run_digest:
            return text
    return ""


def finish_card(folder: Path) -> None:
    """Move what a publication has left to move."""
    pending = folder / PENDING
    if not pending.is_dir():
        return
    with guard_files(folder, "the card cannot be published"):
        for path in sorted(pending.iterdir()):
            os.replace(path, folder / path.name)
        pending.rmdir()
        sync_folder(folder)
