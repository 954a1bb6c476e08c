"""Say an English text of a record or a page in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from cityai.card.speech.catalogue import LOCALES, Messages, open_messages
from cityai.card.speech.figures import FigureWriter
from cityai.card.words import clean_text

OPEN, CLOSE = "\ue000", "\ue001"
"""Around words that stay in the language they were written in."""
_SENTENCE = re.compile(r"(?<=[.!?]) (?=\S)")
_MEASURE = re.compile(r"([+\-−±]?\d[\d,.]*(?: ?%)?) (\D.*)", re.DOTALL)
_LISTS = ("; ", ", ", " · ")


@dataclass(frozen=True, slots=True)
class Said:
    """A text in the reader's language, and whether all of it was understood."""

    text: str
    known: bool


@dataclass
class Speaker:
    """Translates texts into one language; remembers what it has said, and what it could not.

    Attributes
    ----------
    language : str
        ``en``, ``es``, ``pt`` or ``fr``; English is left as it is.
    own : frozenset of str
        The city's own words: names of groups, places, units. They are not translated, unless the
        catalogue has them.
    own_language : str
        The language that they are written in.
    unknown : set of str
        Texts that found no message.
    """

    language: str
    own: frozenset[str] = frozenset()
    own_language: str = "en"
    unknown: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    """Words inside a known sentence that were left as they are."""
    _kept: dict[str, Said] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._messages: Messages | None = (
            None if self.language == "en" else open_messages(self.language)
        )
        self._figures = FigureWriter(LOCALES[self.language])

    def tell(self, text: str) -> str:
        """Return a text in the language, without marks: for attributes and pictures."""
        return self._say(clean_text(text)).replace(OPEN, "").replace(CLOSE, "")

    def show(self, text: str) -> Markup:
        """Return a text in the language as HTML; words in another language are marked."""
        said = str(escape(self._say(clean_text(text))))
        opened = f'<span lang="{self.own_language}">'
        return Markup(said.replace(OPEN, opened).replace(CLOSE, "</span>"))  # noqa: S704

    def find(self, text: str) -> str | None:
        """Return a single word or name in the language where the catalogue has it."""
        return None if self._messages is None else self._find_exact(clean_text(text))

    def _say(self, text: str) -> str:
        if self._messages is None or not text.strip():
            return text
        said = self._resolve(text)
        if not said.known:
            self.unknown.add(text)
        return said.text

    def _resolve(self, text: str) -> Said:
        if text not in self._kept:
            self._kept[text] = self._find(text)
        return self._kept[text]

    def _find(self, text: str) -> Said:
        assert self._messages is not None  # noqa: S101
        figure = self._figures.write(text)
        if figure is not None:
            return Said(figure, True)
        if not any(c.isalpha() for c in text):
            return Said(text, True)
        exact = self._find_exact(text)
        if exact is not None:
            return Said(exact, True)
        tried = [self._find_measure(text), *self._find_patterns(text)]
        whole = next((s for s in tried if s is not None and s.known), None)
        if whole is not None:
            return whole
        if text in self.own:
            return Said(_mark(text), True)
        parts = self._find_parts(text)
        if parts is not None and parts.known:
            return parts
        best = next((s for s in tried if s is not None), parts)
        return best or Said(_mark(text), False)

    def _find_exact(self, text: str) -> str | None:
        """Return the message itself, also where only its first letter is larger or smaller."""
        assert self._messages is not None  # noqa: S101
        exact = self._messages.exact
        if not text:
            return None
        if text in exact:
            return exact[text].forms[0]
        for change in (str.lower, str.upper):
            other = f"{change(text[0])}{text[1:]}"
            if other in exact:
                said = exact[other].forms[0]
                back = str.upper if change is str.lower else str.lower
                return f"{back(said[0])}{said[1:]}"
        return None

    def _find_measure(self, text: str) -> Said | None:
        """Take a number and its unit apart: ``12.5 tons``."""
        match = _MEASURE.fullmatch(text)
        number = self._figures.write(match[1]) if match else None
        if match is None or number is None:
            return None
        exact = self._find_exact(match[2])
        if exact is not None:
            return Said(f"{number}\u00a0{exact}", True)
        if match[2] in self.own:
            return Said(f"{number}\u00a0{_mark(match[2])}", True)
        return None

    def _find_patterns(self, text: str) -> Iterable[Said | None]:
        assert self._messages is not None  # noqa: S101
        lower = f"{text[0].lower()}{text[1:]}"
        for candidate in (text,) if lower == text else (text, lower):
            for pattern in self._messages.patterns:
                for places in pattern.match(candidate):
                    said = {name: self._resolve(value) for name, value in places.items()}
                    known = all(s.known for s in said.values())
                    if pattern.weak and not known:
                        continue
                    self.opaque |= {places[k] for k, s in said.items() if not s.known}
                    told = self._fill(pattern.key, places, said)
                    if candidate != text:
                        told = f"{told[:1].upper()}{told[1:]}"
                    yield Said(told, known)

    def _fill(self, key: str, places: dict[str, str], said: dict[str, Said]) -> str:
        assert self._messages is not None  # noqa: S101
        message = self._messages.exact[key]
        form = message.forms[0]
        if message.counts:
            n = float(re.sub(r"[^\d.]", "", places.get("n", "1")) or 1)
            form = message.forms[self._messages.plural(n)]
        words = {name: s.text for name, s in said.items()}
        return form.format(**({"n": "1"} | words))

    def _find_parts(self, text: str) -> Said | None:
        """Take a text of several sentences apart, else a list."""
        for cut in [m.start() for m in _SENTENCE.finditer(text)][::-1]:
            first = self._resolve(text[:cut])
            if first.known:
                rest = self._resolve(text[cut + 1 :])
                return Said(f"{first.text} {rest.text}", rest.known)
        for mark in _LISTS:
            if mark in text:
                parts = [self._resolve(part) for part in text.split(mark)]
                if all(p.known for p in parts):
                    return Said(mark.join(p.text for p in parts), True)
        return None


def _mark(text: str) -> str:
    return f"{OPEN}{text}{CLOSE}"
