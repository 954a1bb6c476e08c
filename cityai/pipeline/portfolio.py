"""`model_cards/index.html` and `index.json`: made again whenever a card is published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cityai.card.portfolio import Entry, build_entry, build_portfolio, write_portfolio
from cityai.card.record import CardRecord, write_lines
from cityai.card.release import ReleasePart, find_head
from cityai.card.render.portfolio import list_portfolio_languages, name_portfolio, render_portfolio
from cityai.card.render.release import put_in_release
from cityai.card.verify import read_bytes, read_record
from cityai.config.places import find_state
from cityai.errors import CityaiError
from cityai.pipeline.places import CardPlace
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import PORTFOLIO, describe_review
from cityai.store.cards import CARDS, JSON, hold_cards, publish_files
from cityai.store.stages import open_store

PAGE: Final = "index.html"


def publish_portfolio(workspace: Path) -> Path:
    """Write the portfolio of all published cards, and return its page.

    Raises
    ------
    StoreError
        If the disk refuses, or another process holds the cards for too long.
    """
    folder, state = workspace / CARDS, open_store(find_state(workspace)).state
    with hold_cards(folder, state):
        publish_files(folder, make_portfolio(folder))
    return folder / PAGE


def show_review(folder: Path, files: dict[str, str], record: CardRecord) -> dict[str, str]:
    """Return a card's pages with what people decided about it."""
    release = describe_review(CardPlace(folder, folder.parent.parent), files[JSON].encode(), record)
    return put_in_release(files, record, release)


def make_portfolio(
    folder: Path, fresh: Mapping[str, CardRecord] = MappingProxyType({})
) -> dict[str, str]:
    """Return the portfolio's files, and pages of cards on which other decisions stand than today's.

    A card that cannot be read is listed as such.

    Parameters
    ----------
    folder : Path
        ``model_cards``.
    fresh : mapping of str to CardRecord, optional
        Cards that are about to be published, by name of their folder.
    """
    today, entries = read_clock().date(), []
    files = dict.fromkeys((p.name for p in folder.glob("index*.html")), "")
    for name, record in fresh.items():
        place = CardPlace(folder / name, folder.parent)
        release = describe_review(place, write_lines(record).encode(), record)
        entries.append(build_entry(name, record, today, release))
    for path in sorted(folder.glob(f"*/{JSON}")):
        place, name = CardPlace(path.parent, folder.parent), path.parent.name
        if name in fresh:
            continue
        try:
            content = read_bytes(path)
            record = read_record(content, where=str(path))
        except CityaiError:
            entries.append(Entry(id=name, readable=False, name=name))
            continue
        release = describe_review(place, content, record)
        entries.append(build_entry(name, record, today, release))
        files |= _refresh_pages(place, record, release)
    portfolio = build_portfolio(entries, today)
    for code in list_portfolio_languages(portfolio):
        files[name_portfolio(code)] = render_portfolio(portfolio, code)
    return {**files, PORTFOLIO: write_portfolio(portfolio)}


def _refresh_pages(
    place: CardPlace, record: CardRecord, release: ReleasePart | None
) -> dict[str, str]:
    shown = {p.name: p.read_text("utf-8") for p in place.folder.glob("card*.[hm]*")}
    if release is None and not any(map(find_head, map(str.encode, shown.values()))):
        return {}
    made = put_in_release(shown, record, release)
    return {f"{place.folder.name}/{n}": text for n, text in made.items() if text != shown[n]}
