"""The public folder of a card: all of its files, or none."""

from __future__ import annotations

import errno
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

HTML, MARKDOWN, JSON = "card.html", "card.md", "card.json"
PENDING = ".publishing"


def publish_card(folder: Path, pages: Mapping[str, str], markdown: str, json: str) -> None:
    """Publish a card's files.

    They are written in full beside the old ones, the folder `PENDING` takes its name (from then
    on the card counts as published), and each file is moved to its place. A process killed
    between two moves leaves the rest to the next call of this or of `finish_card`.

    Parameters
    ----------
    folder : Path
        ``model_cards/<project>``; other files in it are left alone.
    pages : mapping of str to str
        File name to HTML: ``card.html``, and the card in its other languages.
    markdown, json : str
        The card as Markdown and as its record.

    Raises
    ------
    StoreError
        If the disk is full or refuses; the card published before is untouched.
    """
    finish_card(folder)
    contents = {**pages, MARKDOWN: markdown, JSON: json}
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
