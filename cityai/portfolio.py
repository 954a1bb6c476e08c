"""`model_cards/index.html` and `index.json`: made again whenever a card is published."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from cityai.card.portfolio import Entry, Portfolio, build_entry, build_portfolio, write_portfolio
from cityai.card.render.portfolio import list_portfolio_languages, name_portfolio, render_portfolio
from cityai.card.verify import read_bytes, read_record
from cityai.cards import CARDS
from cityai.errors import CityaiError
from cityai.publish import read_clock
from cityai.spec.load import find_state
from cityai.store.cards import JSON
from cityai.store.files import (
    PUBLIC_FILE_MODE,
    PUBLIC_FOLDER_MODE,
    guard_files,
    make_folder,
    make_temporary,
    remove_pages,
    sync_folder,
    write_file,
)
from cityai.store.locks import hold_lock

PAGE, LIST = "index.html", "index.json"
SECONDS = 30.0
"""How long one run waits for another that writes the portfolio."""


def publish_portfolio(workspace: Path) -> Path:
    """Write the portfolio of all published cards, and return its page.

    Parameters
    ----------
    workspace : Path
        Its ``model_cards`` holds the cards.

    Raises
    ------
    StoreError
        If the disk refuses, or another process holds the portfolio for too long.
    """
    folder = workspace / CARDS
    with (
        hold_lock(find_state(workspace), CARDS, doing="writing the portfolio", seconds=SECONDS),
        guard_files(folder, "the portfolio cannot be written"),
    ):
        make_folder(folder, PUBLIC_FOLDER_MODE)
        portfolio = read_portfolio(folder, read_clock().date())
        codes = list_portfolio_languages(portfolio)
        pages = {name_portfolio(code): render_portfolio(portfolio, code) for code in codes}
        contents = {LIST: write_portfolio(portfolio), **pages}
        with make_temporary(folder / PAGE, PUBLIC_FOLDER_MODE) as temporary:
            for name, text in contents.items():
                write_file(temporary / name, text.encode(), PUBLIC_FILE_MODE)
            for name in contents:
                os.replace(temporary / name, folder / name)
        remove_pages(folder, "index*.html", pages)
        sync_folder(folder)
    return folder / PAGE


def read_portfolio(folder: Path, today: date) -> Portfolio:
    """Read every card in a folder of cards; one that cannot be read is listed as such.

    Parameters
    ----------
    folder : Path
        ``model_cards``.
    today : date
        The day that reviews are held against.
    """
    entries = []
    for path in sorted(folder.glob(f"*/{JSON}")):
        try:
            record = read_record(read_bytes(path), where=str(path))
        except CityaiError:
            entries.append(Entry(id=path.parent.name, readable=False, name=path.parent.name))
        else:
            entries.append(build_entry(path.parent.name, record, today))
    return build_portfolio(entries, today)
