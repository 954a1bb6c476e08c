"""The catalogues: gettext files beside this package, one a language, read by Babel."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages import pofile
from babel.messages.catalog import Catalog

from cityai.i18n.compiled import keep_compiled

LOCALES: Final = {"en": "en", "es": "es_419", "pt": "pt_BR", "fr": "fr_CA"}
"""Languages of the page, and the locale in which each writes numbers and dates."""

NAMES: Final = {"en": "English", "es": "Español", "pt": "Português", "fr": "Français"}
"""Each language in its own words."""

_SPACED: Final = re.compile("[ \u00a0](?=[:;!?%»])|(?<=«)[ \u00a0]")
"""Spaces by which French sets marks apart from the word before or after."""

FOLDER: Final = Path(__file__).parent / "locales"
DOMAIN: Final = "cityai"
FORMER: Final = "former"
"""The catalogue of what nothing says any more: older cards say it still."""


@dataclass(frozen=True)
class Messages:
    """All messages of a language."""

    forms: dict[str, tuple[str, ...]]
    """By English message: its text, or one for each plural form of the language."""
    plural: Callable[[float], int]
    """Number to index of the form."""

    def find(self, message: str, n: float | None = None) -> str | None:
        """Return a message's text, in the form for `n` of it."""
        forms = self.forms.get(message)
        if forms is None:
            return None
        return forms[0 if n is None or len(forms) == 1 else self.plural(n)]


def find_file(language: str, domain: str = DOMAIN) -> Path:
    """Return where a language's catalogue lies."""
    return FOLDER / language / "LC_MESSAGES" / f"{domain}.po"


def read_catalogue(language: str, domain: str = DOMAIN) -> Catalog:
    """Read a language's catalogue; an empty one where there is none yet."""
    path = find_file(language, domain)
    if not path.is_file():
        return Catalog(locale=LOCALES[language], domain=domain)
    with path.open("rb") as file:
        return pofile.read_po(file, locale=LOCALES[language], domain=domain)


@cache
def open_messages(language: str) -> Messages:
    """Return a language's messages, ready to be found; none of English, which has them as ids."""
    forms: dict[str, tuple[str, ...]] = {}
    if language != "en":
        maker = f"{_SPACED.pattern} of Babel {version('babel')}"
        for domain in (FORMER, DOMAIN):
            path, make = find_file(language, domain), partial(_list_messages, language, domain)
            forms |= keep_compiled(path, maker, make)
    rule = Locale.parse(LOCALES[language]).plural_form
    # These languages also have a form for millions, which gettext counts with the many.
    return Messages(forms, lambda n: int(rule(n) != "one"))


def _list_messages(language: str, domain: str) -> dict[str, tuple[str, ...]]:
    forms: dict[str, tuple[str, ...]] = {}
    for entry in read_catalogue(language, domain):
        if not entry.id or not entry.string or entry.fuzzy:
            continue
        english, told = _list_forms(entry.id), _list_forms(entry.string)
        if all(told):
            forms[english[0]] = tuple(space_marks(form, "\u00a0", language) for form in told)
    return forms


def space_marks(text: str, space: str, language: str) -> str:
    """Set marks apart: by plain spaces in the catalogue, by ones that break no line on a page."""
    return _SPACED.sub(space, text) if language == "fr" else text


def _list_forms(text: object) -> tuple[str, ...]:
    """Return the forms of a message: one, or one for each plural."""
    return tuple(map(str, text)) if isinstance(text, (tuple, list)) else (str(text),)
