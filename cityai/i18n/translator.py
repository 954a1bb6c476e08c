"""Write messages, figures and names in a reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import format_decimal, get_decimal_symbol
from markupsafe import Markup, escape

from cityai.i18n.catalogue import LOCALES, open_messages
from cityai.i18n.messages import COUNT, Figure, Message, fill_places, is_joined, recase, say
from cityai.i18n.stored import clean_text

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
CONTRACTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {"de el": "del", "a el": "al"},
    "pt": {
        **{f"de {article}": f"d{article}" for article in ("o", "a", "os", "as")},
        **{f"em {article}": f"n{article}" for article in ("o", "a", "os", "as")},
        **{f"por {article}": f"pel{article}" for article in ("o", "a", "os", "as")},
        **{"a o": "ao", "a os": "aos", "a a": "à", "a as": "às"},
    },
    "fr": {"de le": "du", "de les": "des", "à le": "au", "à les": "aux"},
}
"""By language, in small letters: a preposition and an article, and the one word they make."""

ELIDED: Final = re.compile(r"\b([Dd])e (?!onze\b|oui\b)(?=[aeiouyâàéèêëîïôœ])")
"""In French ``de`` loses its vowel before another."""
_SKELETONS: Final = {
    "%B %Y": "yMMMM",
    "%b %Y": "yMMM",
    "%-d %b": "MMMd",
    "%d %b": "MMMd",
    "%-d %B": "MMMMd",
    "%Y": "y",
}
"""By the format in English; any other day is written in full."""
_FIRST: Final = {"fr": "er", "pt": "º"}
_FIRST_DAY: Final = re.compile(r"(?<!\d)1(?=\s+[^\W\d]|–\d+\s)")
_MONTHS: Final = {"%b": "abbreviated", "%B": "wide"}
_SPACES: Final = str.maketrans({" ": "\u00a0", "\u202f": "\u00a0", "-": "−"})


@dataclass
class Translator:
    """Writes into one language; remembers what it had to leave in English."""

    language: str
    """``en``, ``es``, ``pt`` or ``fr``."""
    own: frozenset[str] = frozenset()
    """The city's own words: names of groups, places, units. They stand as they were written, unless
    the catalogue has them."""
    own_language: str = "en"
    """The language that they are written in."""
    given: Mapping[str, str] = field(default_factory=dict)
    """What people wrote, as they say it in the language themselves."""
    untranslated: set[str] = field(default_factory=set)
    """Plain texts and ids of messages that no catalogue has, and that are no word of the city."""

    def __post_init__(self) -> None:
        self._messages = open_messages(self.language)
        self._figures = _FigureWriter(LOCALES[self.language])

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
        # In English a figure with decimals is several: "1.0 points".
        if message.several and (_count(message) != 1 or "." in str(message.arguments.get(COUNT))):
            english_form = message.several
        found = None if self.language == "en" or joined else self._find(message)
        form = english_form if found is None else found
        if joined and self.language == "fr":
            form = _SPACED.sub("\u00a0\\1", form)
        said = _draw_together(fill_places(form, places), self.language)
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


def _draw_together(text: str, language: str) -> str:
    """Return a sentence with prepositions and articles drawn together."""
    pairs = CONTRACTIONS.get(language)
    if not pairs:
        return text

    def join(match: re.Match[str]) -> str:
        word = pairs[f"{match[0][:1].lower()}{match[0][1:]}"]
        return f"{word[:1].upper()}{word[1:]}" if match[0][:1].isupper() else word

    text = _PAIRS[language].sub(join, text)
    return ELIDED.sub(r"\1’", text) if language == "fr" else text


def _compile(pairs: Mapping[str, str]) -> re.Pattern[str]:
    ways = "|".join(
        f"[{pair[0].upper()}{pair[0]}]{re.escape(pair[1:])}" for pair in sorted(pairs, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{ways})(?!\w)")


_PAIRS: Final = {language: _compile(pairs) for language, pairs in CONTRACTIONS.items()}


@dataclass(frozen=True)
class _FigureWriter:
    """Writes figures for one locale."""

    code: str
    """The locale: ``pt_BR``."""
    _written: dict[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def locale(self) -> Locale:
        """The locale's data."""
        return Locale.parse(self.code)

    @property
    def decimal(self) -> str:
        """The mark before the decimals."""
        return get_decimal_symbol(self.locale)

    def write(self, figure: Figure) -> str:
        """Return a figure as the locale writes it, with the digits that English has."""
        if self.locale.language == "en":
            return str.__str__(figure)
        key = str.__str__(figure), figure.format
        if key not in self._written:
            self._written[key] = self._write(figure)
        return self._written[key]

    def _write(self, figure: Figure) -> str:
        value = figure.value
        if isinstance(value, tuple):
            said: str = format_interval(*value, skeleton="yMMMMd", locale=self.locale)
            return self._mark_first(said)
        if isinstance(value, date):
            return self._mark_first(self._write_day(value, figure.format))
        return self._write_number(figure)

    def _write_number(self, figure: Figure) -> str:
        text = str.__str__(figure)
        share = text.endswith("%")
        bare = text.rstrip("%").replace(",", "").lstrip("+-−±")
        try:
            number = Decimal(bare)
        except ArithmeticError:
            return text
        exponent = number.as_tuple().exponent
        decimals = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        form = "0" if "," not in text and figure.format == "" else "#,##0"
        written: str = format_decimal(
            number, format=f"{form}{'.' if decimals else ''}{'0' * decimals}", locale=self.locale
        )
        sign = text[0] if text[0] in "+-−±" else ""
        return f"{sign}{written}{self._percent if share else ''}".translate(_SPACES)

    @cached_property
    def _percent(self) -> str:
        pattern: str = self.locale.percent_formats[None].pattern
        return pattern[pattern.rindex("0") + 1 :]

    def _mark_first(self, told: str) -> str:
        """Write the first of a month as a speaker does: ``1er juillet``, ``1º de julho``."""
        mark = _FIRST.get(self.locale.language)
        return _FIRST_DAY.sub(f"1{mark}", told) if mark else told

    def _write_day(self, day: date, form: str) -> str:
        if form in _MONTHS:
            return str(self.locale.months["stand-alone"][_MONTHS[form]][day.month])
        if form in _SKELETONS:
            return str(format_skeleton(_SKELETONS[form], day, locale=self.locale))
        return format_date(day, "long", locale=self.locale)
