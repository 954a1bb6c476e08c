"""Bring the catalogues up to date with the code: ``python -m cityai.i18n.collect``.

New messages come in empty, those that nothing says any more go out, translations stay. The tests
fail until the empty ones are written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog

from cityai.i18n.catalogue import DOMAIN, LOCALES, find_file, read_catalogue, space_marks
from cityai.i18n.extract import Marked, extract_messages

_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""Instead of the day on which the file was written: the same code gives the same bytes."""
PACKAGE = Path(__file__).parents[1]


def collect_messages(language: str, marked: tuple[Marked, ...]) -> Catalog:
    """Return a language's catalogue with the messages of the code, in their order.

    Parameters
    ----------
    language : str
        ``es``, ``pt`` or ``fr``.
    marked : tuple of Marked
        From `cityai.i18n.extract.extract_messages`.
    """
    old = read_catalogue(language) if find_file(language).is_file() else Catalog()
    fresh = Catalog(
        locale=LOCALES[language],
        domain=DOMAIN,
        project="cityai",
        version="1",
        header_comment="# The card's sentences. `make messages` keeps this file in step.",
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        charset="utf-8",
        fuzzy=False,
    )
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for message in marked:
        if message.where not in places[message.text, message.plural]:
            places[message.text, message.plural].append(message.where)
    for (text, plural), where in places.items():
        known = old.get(text)
        told = known.string if known and isinstance(known.id, tuple) is bool(plural) else None
        if isinstance(told, str):
            told = space_marks(told, " ", language)
        elif told:
            told = tuple(space_marks(form, " ", language) for form in told)
        empty: str | tuple[str, ...] = ("", "") if plural else ""
        fresh.add(
            (text, plural) if plural else text,
            told or empty,
            locations=[(name, 0) for name in sorted(where)],
        )
    return fresh


def write_catalogue(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue; the same messages give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pofile.write_po(file, catalogue, width=100, include_lineno=False)


if __name__ == "__main__":
    found = extract_messages(PACKAGE)
    for code in LOCALES:
        if code != "en":
            write_catalogue(collect_messages(code, found), find_file(code))
