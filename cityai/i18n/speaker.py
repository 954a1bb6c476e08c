"""Say an English text of a record or a page in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from cityai.i18n.catalogue import LOCALES, Messages, open_messages
from cityai.i18n.clean import clean_text
from cityai.i18n.extract import COUNT
from cityai.i18n.figures import FigureWriter
from cityai.i18n.grammar import draw_together
from cityai.i18n.patterns import Pattern

OPEN, CLOSE = "\ue000", "\ue001"
"""Around words that stay in the language they were written in."""
_SENTENCE = re.compile(r"(?<=[.!?]) (?=\S)")
_MEASURE = re.compile(r"([+\-−±]?\d[\d,.]*(?:e[+-]?\d+)?(?: ?%)?) (\D.*)", re.DOTALL)
_COUNT = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
"""What may stand in the place that a plural form is chosen by."""
_CODE = re.compile(r"[0-9a-f]{7,}|\d+(?:\.\d+)+")
"""A digest or a version."""
_TAGGED = re.compile(r"(.+): ([\w.-]+)")
"""A message about a column: ``cells filled: tons``."""
_LISTS = ("; ", ", ", " · ")


@dataclass(frozen=True, slots=True)
class Said:
    """A text in the reader's language, and what of it was left as it is."""

    text: str
    left: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether all of it was understood."""
        return not self.left


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
        if self.own_language == self.language:
            return escape(self.tell(text))
        said = str(escape(self._say(clean_text(text))))
        opened = f'<span lang="{self.own_language}">'
        return Markup(said.replace(OPEN, opened).replace(CLOSE, "</span>"))  # noqa: S704

    def show_own(self, text: str) -> Markup:
        """Return what people wrote as HTML, marked with its language; a common word is said."""
        clean = clean_text(text)
        known = None if self._messages is None else self._find_exact(clean)
        if known is not None:
            return escape(known)
        if self.own_language == self.language or not any(c.isalpha() for c in clean):
            return escape(clean)
        return Markup('<span lang="{}">{}</span>').format(self.own_language, clean)

    def _say(self, text: str) -> str:
        bare = text.strip()
        if self._messages is None or not bare:
            return text
        said = self._resolve(bare)
        if said.left == (bare,):
            self.unknown.add(bare)
        self.opaque.update(said.left)
        return said.text if bare == text else text.replace(bare, said.text)

    def _resolve(self, text: str) -> Said:
        if text not in self._kept:
            self._kept[text] = self._find(text)
        return self._kept[text]

    def _find(self, text: str) -> Said:
        figure = self._figures.write(text)
        if figure is not None:
            return Said(figure)
        if _CODE.fullmatch(text) or not any(c.isalpha() for c in text):
            return Said(text)
        exact = self._find_exact(text)
        if exact is not None:
            return Said(exact)
        best: Said | None = None
        for said in self._list_readings(text):
            if said.known:
                return said
            best = best or said
        if text in self.own:
            return Said(_mark(text))
        return best or Said(_mark(text), (text,))

    def _list_readings(self, text: str) -> Iterator[Said]:
        """Yield what a text may be, the likeliest first."""
        tagged = _TAGGED.fullmatch(text)
        said = self._find_exact(tagged[1]) if tagged else None
        if tagged and said is not None:
            yield Said(f"{said}: {tagged[2]}")
        cuts = [m.start() for m in _SENTENCE.finditer(text)]
        for cut in cuts:
            first = self._resolve(text[:cut])
            if first.known:
                rest = self._resolve(text[cut + 1 :])
                yield Said(f"{first.text} {rest.text}", rest.left)
        yield from self._find_patterns(text)
        measure = self._find_measure(text)
        if measure is not None:
            yield measure
        for mark in _LISTS:
            if mark in text:
                parts = [self._resolve(part) for part in text.split(mark)]
                if all(p.known for p in parts):
                    yield Said(mark.join(p.text for p in parts))

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
            return Said(f"{number}\u00a0{exact}")
        if match[2] in self.own:
            return Said(f"{number}\u00a0{_mark(match[2])}")
        return None

    def _find_patterns(self, text: str) -> Iterator[Said]:
        assert self._messages is not None  # noqa: S101
        lower = f"{text[0].lower()}{text[1:]}"
        for candidate in (text,) if lower == text else (text, lower):
            for pattern in self._messages.list_patterns_of(candidate):
                counts = self._messages.exact[pattern.key].counts
                for places in pattern.match(candidate):
                    if counts and not _COUNT.fullmatch(places.get(COUNT, "1")):
                        continue
                    said = self._resolve_places(places, pattern)
                    if said is None:
                        continue
                    left = tuple(text for s in said.values() for text in s.left)
                    told = self._fill(pattern.key, places, said)
                    if candidate != text:
                        told = f"{told[:1].upper()}{told[1:]}"
                    yield Said(told, left)

    def _resolve_places(self, places: dict[str, str], pattern: Pattern) -> dict[str, Said] | None:
        """Say what stands in the places; a weak message must know them all."""
        said = {}
        for name in sorted(places, key=lambda n: len(places[n])):
            quoted = name in pattern.quoted
            said[name] = Said(places[name]) if quoted else self._resolve(places[name])
            if pattern.weak and not said[name].known:
                return None
        return said

    def _fill(self, key: str, places: dict[str, str], said: dict[str, Said]) -> str:
        assert self._messages is not None  # noqa: S101
        message = self._messages.exact[key]
        form = message.forms[0]
        if message.counts:
            n = float(places.get(COUNT, "1").replace(",", ""))
            form = message.forms[self._messages.plural(n)]
        words = {name: s.text for name, s in said.items()}
        return draw_together(form.format(**({COUNT: "1"} | words)), self.language)


def _mark(text: str) -> str:
    return f"{OPEN}{text}{CLOSE}"
