"""`model_cards/index.html` and `index.json`: made again whenever a card is published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from cityai.card.portfolio import Entry, Portfolio, build_entry, build_portfolio, write_portfolio
from cityai.card.record import CardRecord
from cityai.card.render.portfolio import list_portfolio_languages, name_portfolio, render_portfolio
from cityai.card.verify import read_bytes, read_record
from cityai.config.places import find_state
from cityai.errors import CityaiError
from cityai.pipeline.provenance import read_clock
from cityai.store.cards import CARDS, JSON, hold_cards, publish_files
from cityai.store.stages import open_store

PAGE, LIST = "index.html", "index.json"


def publish_portfolio(workspace: Path) -> Path:
    """Write the portfolio of all published cards, and return its page.

    Parameters
    ----------
    workspace : Path
        Its ``model_cards`` holds the cards.

    Raises
    ------
    StoreError
        If the disk refuses, or another process holds the cards for too long.
    """
    folder, state = workspace / CARDS, open_store(find_state(workspace)).state
    with hold_cards(folder, state):
        publish_files(folder, make_portfolio(folder))
    return folder / PAGE


def make_portfolio(
    folder: Path, fresh: Mapping[str, CardRecord] = MappingProxyType({})
) -> dict[str, str]:
    """Return the portfolio's files, by name.

    Parameters
    ----------
    folder : Path
        ``model_cards``.
    fresh : mapping of str to CardRecord, optional
        Cards that are about to be published, by name of their folder.
    """
    portfolio = read_portfolio(folder, read_clock().date(), fresh)
    codes = list_portfolio_languages(portfolio)
    pages = {name_portfolio(code): render_portfolio(portfolio, code) for code in codes}
    old = dict.fromkeys((p.name for p in folder.glob("index*.html")), "")
    return {**old, LIST: write_portfolio(portfolio), **pages}


def read_portfolio(
    folder: Path, today: date, fresh: Mapping[str, CardRecord] = MappingProxyType({})
) -> Portfolio:
    """Read every card in a folder of cards; one that cannot be read is listed as such.

    Parameters
    ----------
    folder : Path
        ``model_cards``.
    today : date
        The day that reviews are held against.
    fresh : mapping of str to CardRecord, optional
        Cards that stand for those in the folder, by name.
    """
    entries = [build_entry(name, record, today) for name, record in fresh.items()]
    for path in sorted(folder.glob(f"*/{JSON}")):
        if path.parent.name in fresh:
            continue
        try:
            record = read_record(read_bytes(path), where=str(path))
        except CityaiError:
            entries.append(Entry(id=path.parent.name, readable=False, name=path.parent.name))
        else:
            entries.append(build_entry(path.parent.name, record, today))
    return build_portfolio(entries, today)
