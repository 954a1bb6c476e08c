"""Write messages, figures and names in a reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup, escape

from cityai.i18n.catalogue import LOCALES, open_messages
from cityai.i18n.clean import clean_text
from cityai.i18n.figures import FigureWriter
from cityai.i18n.grammar import draw_together
from cityai.i18n.messages import COUNT, Figure, Message, fill_places, is_joined, recase, say

OPEN, CLOSE = "\ue000", "\ue001"
"""Around names that stay in the language they were written in."""
LONG: Final = 5
"""Words from which on a text in another language says so visibly."""
WRITTEN: Final[dict[str, str]] = {
    "en": say("written in English"),
    "es": say("written in Spanish"),
    "pt": say("written in Portuguese"),
    "fr": say("written in French"),
}
_CODE: Final = re.compile(r"[0-9a-f]{7,}|\d+(?:\.\w+)+|\{\w+\}")
"""A digest, a version, a place for a script: of no language."""
_SPACED: Final = re.compile(r"(?<=\})([;:])(?=\s)")
"""Marks that French sets apart from the word before them."""
_QUOTED: Final = re.compile(r"['`]\{(\w+)\}['`]")


@dataclass
class Translator:
    """Writes into one language; remembers what it had to leave in English.

    Attributes
    ----------
    language : str
        ``en``, ``es``, ``pt`` or ``fr``.
    own : frozenset of str
        The city's own words: names of groups, places, units. They stand as they were written,
        unless the catalogue has them.
    own_language : str
        The language that they are written in.
    given : mapping of str to str
        What people wrote, as they say it in the language themselves.
    untranslated : set of str
        Plain texts and ids of messages that no catalogue has, and that are no word of the city.
    """

    language: str
    own: frozenset[str] = frozenset()
    own_language: str = "en"
    given: Mapping[str, str] = field(default_factory=dict)
    untranslated: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._messages = open_messages(self.language)
        self._figures = FigureWriter(LOCALES[self.language])

    @property
    def decimal(self) -> str:
        """The mark before the decimals."""
        return self._figures.decimal

    def translate(self, text: str) -> str:
        """Return a text in the language, without marks: for attributes and pictures."""
        return self._write(text).replace(OPEN, "").replace(CLOSE, "")

    def show(self, text: str) -> Markup:
        """Return a text in the language as HTML; words in another language are marked."""
        if self.own_language == self.language:
            return escape(self.translate(text))
        said = str(escape(self._write(text)))
        opened = f"<i lang={self.own_language}>"
        return Markup(said.replace(OPEN, opened).replace(CLOSE, "</i>"))  # noqa: S704

    def show_own(self, text: str) -> Markup:
        """Return what people wrote as HTML, marked with its language; a common word is said."""
        if isinstance(text, Message | Figure):
            return self.show(text)
        clean = clean_text(text)
        known = self._find_word(clean)
        if known is not None:
            return escape(known)
        if self.own_language == self.language or not any(c.isalpha() for c in clean):
            return escape(clean)
        if len(clean.split()) < LONG:
            return Markup("<i lang={}>{}</i>").format(self.own_language, clean)
        marked = self.translate(WRITTEN[self.own_language])
        form = Markup('<i lang={} data-written="{}">{}</i>')
        return form.format(self.own_language, marked, clean)

    def _write(self, text: str) -> str:
        if isinstance(text, Figure):
            return self._figures.write(text)
        if isinstance(text, Message):
            return self._write_message(text)
        return self._write_name(clean_text(text))

    def _write_message(self, message: Message) -> str:
        quoted = set(_QUOTED.findall(message.id))  # a name for machines is of no language
        places = {
            name: clean_text(value) if name in quoted else self._write(value)
            for name, value in message.arguments.items()
        }
        joined = is_joined(message)
        english_form = message.id
        if message.several and _count(message) != 1:
            english_form = message.several
        found = None if self.language == "en" or joined else self._find(message)
        form = english_form if found is None else found
        if joined and self.language == "fr":
            form = _SPACED.sub("\u00a0\\1", form)
        said = draw_together(fill_places(form, places), self.language)
        if message.case:
            said = _recase(said, message.case)
        english = str.__str__(message)
        bare = english.strip()
        if said.endswith(".") and not bare.endswith("."):
            whole = fill_places(message.id, {n: str(v) for n, v in message.arguments.items()})
            # A sentence that was made a part of another lost its point.
            said = said.rstrip(".") if whole.endswith(".") else said
        return said if bare == english else english.replace(bare, said) if bare else english

    def _find(self, message: Message) -> str | None:
        """Return a message's form; nothing of what an older card says and nothing says now."""
        found = self._messages.find(message.id, _count(message) if message.several else None)
        if found is None:
            self.untranslated.add(message.id)
        return found

    def _write_name(self, name: str) -> str:
        """Write a plain text: a common word, a symbol, or a name."""
        known = self._find_word(name)
        if known is not None:
            return known
        if _CODE.fullmatch(name) or not any(c.isalpha() for c in name):
            return name
        if name.strip() not in self.own:
            if self.language == "en":
                return name
            self.untranslated.add(name.strip())
        return f"{OPEN}{name}{CLOSE}"

    def _find_word(self, name: str) -> str | None:
        """Return a common word of the catalogue, also where only its first letter differs."""
        known = self._look_up(name)
        if known is not None or not name:
            return known
        for change, back in ((str.lower, "upper"), (str.upper, "lower")):
            known = self._look_up(f"{change(name[0])}{name[1:]}")
            if known is not None:
                return _recase(known, back)
        return None

    def _look_up(self, name: str) -> str | None:
        """Return how people say a text of theirs in this language, else the catalogue's word."""
        own = self.given.get(" ".join(name.split()))
        return self._messages.find(name) if own is None else clean_text(own)


def _count(message: Message) -> float:
    n = message.arguments.get(COUNT)
    return abs(float(n.value)) if isinstance(n, Figure) and isinstance(n.value, int | float) else 1


def _recase(text: str, case: str) -> str:
    """Change the first letter, also where it stands within a mark."""
    return f"{OPEN}{recase(text[1:], case)}" if text.startswith(OPEN) else recase(text, case)
