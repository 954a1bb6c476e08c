"""The catalogues: gettext files beside this package, one a language, read by Babel."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.messages import pofile
from babel.messages.catalog import Catalog

from cityai.i18n.patterns import Pattern, list_patterns

LOCALES: Final = {"en": "en", "es": "es_419", "pt": "pt_BR", "fr": "fr_CA"}
"""Languages of the page, and the locale in which each writes numbers and dates."""

NAMES: Final = {"en": "English", "es": "Español", "pt": "Português", "fr": "Français"}
"""Each language in its own words."""

FOLDER: Final = Path(__file__).parent / "locales"
DOMAIN: Final = "cityai"


@dataclass(frozen=True)
class Message:
    """A message in another language.

    Attributes
    ----------
    forms : tuple of str
        One text, or one for each plural form of the language.
    counts : bool
        Whether the form depends on the number in the place ``n``.
    """

    forms: tuple[str, ...]
    counts: bool


@dataclass(frozen=True)
class Messages:
    """All messages of a language.

    Attributes
    ----------
    exact : dict of str to Message
        By English message; those that count something also by their form for several.
    patterns : tuple of Pattern
        Those with places.
    plural : callable
        Number to index of the form.
    """

    exact: dict[str, Message]
    patterns: tuple[Pattern, ...]
    plural: Any
    _by_ends: dict[tuple[str, str], tuple[Pattern, ...]] = field(default_factory=dict)

    def list_patterns_of(self, text: str) -> tuple[Pattern, ...]:
        """Return the patterns that may begin and end with a text's letters, in their order."""
        ends = text[:1], text[-1:]
        if ends not in self._by_ends:
            first, last = ("", ends[0]), ("", ends[1])
            self._by_ends[ends] = tuple(
                p
                for p in self.patterns
                if p.literals[0][:1] in first and p.literals[-1][-1:] in last
            )
        return self._by_ends[ends]


def find_file(language: str) -> Path:
    """Return where a language's catalogue lies."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read_catalogue(language: str) -> Catalog:
    """Read a language's catalogue."""
    with find_file(language).open("rb") as file:
        return pofile.read_po(file, locale=LOCALES[language], domain=DOMAIN)


@cache
def open_messages(language: str) -> Messages:
    """Return a language's messages, ready to be found."""
    exact: dict[str, Message] = {}
    forms: list[tuple[str, str]] = []
    for entry in read_catalogue(language):
        if not entry.id or not entry.string or entry.fuzzy:
            continue
        english, told = _list_forms(entry.id), _list_forms(entry.string)
        if not all(told):
            continue
        exact[english[0]] = Message(told, len(english) > 1)
        forms += [(form, english[0]) for form in english]
    rule = Locale.parse(LOCALES[language]).plural_form
    # These languages also have a form for millions, which gettext counts with the many.
    return Messages(exact, list_patterns(forms), lambda n: int(rule(n) != "one"))


def _list_forms(text: object) -> tuple[str, ...]:
    """Return the forms of a message: one, or one for each plural."""
    return tuple(map(str, text)) if isinstance(text, (tuple, list)) else (str(text),)
