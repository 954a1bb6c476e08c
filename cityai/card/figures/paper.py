"""Page layout on one sheet of A4: lines of text that shrink until all fit, measured by the font."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

from cityai.i18n.stored import clean_text

WIDTH, HEIGHT, MARGIN = 595.28, 841.89, 44.0
"""A4, in points."""
COLUMN: Final = WIDTH - 2 * MARGIN
LEADING: Final = 1.32
FAMILY: Final = "DejaVu Sans"
INK, MUTED, LINE, SOFT = "#1a1d21", "#555e6a", "#c9ced5", "#f1f0ec"
COLOURS: Final = {"pass": "#1d6b3c", "fail": "#a3201d", "open": "#7a5200", "none": "#555e6a"}
UNKNOWN: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Say:
    """A paragraph."""

    text: str
    """In the language of the sheet."""
    size: float = 9.2
    """In points, before the sheet shrinks."""
    bold: bool = False
    """Weight."""
    colour: str = INK
    """Of the text."""
    indent: float = 0.0
    """In points."""
    above: float = 2.0
    """Space before it, in points."""
    mark: str = ""
    """``box`` for a box to tick in front of it."""
    right: float = 0.0
    """Room left free at its end, in points."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a chart: a dot with its interval where there is a limit, else a bar."""

    label: str
    said: str
    value: float | None
    low: float | None = None
    high: float | None = None
    sign: str = "pass"
    """``pass`` filled, ``open`` hollow, ``fail`` a cross, ``reference`` a diamond."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A small chart: of gaps with a limit, or of bars from nothing."""

    rows: tuple[Row, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Empty space, with a rule across the sheet where `rule` is given."""

    height: float
    rule: bool = False


@dataclass(frozen=True, slots=True)
class Signed:
    """Lines to write on, side by side, each with what is written there."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Boxed:
    """Paragraphs on a tinted ground, with a bar of a colour before them."""

    colour: str
    parts: tuple[Say, ...]


Part = Say | Chart | Gap | Signed | Boxed


@dataclass(frozen=True, slots=True)
class Tightness:
    """How tightly a sheet is set."""

    scale: float = 1.0
    """Of each size."""
    most: int = 12
    """Entries of a list; more are folded."""
    letters: int = 1200
    """Of one text; a longer one is cut."""
    chart: bool = True
    """Whether there is room for the chart."""


STEPS: Final = (
    *(Tightness(scale) for scale in (1.0, 0.95, 0.9, 0.85, 0.8)),
    Tightness(0.8, 6, 500),
    Tightness(0.8, 4, 300),
    Tightness(0.8, 3, 220),
    Tightness(0.8, 2, 160, chart=False),
    Tightness(0.8, 1, 100, chart=False),
)
"""Tried in turn: text shrinks to four fifths, then long lists are folded and long texts cut."""


def measure(parts: Iterable[Part], scale: float) -> float:
    """Return how high parts are, in points."""
    return sum(measure_part(part, scale) for part in parts)


def measure_part(part: Part, scale: float) -> float:
    """Return how high one part is, in points."""
    if isinstance(part, Say):
        lines = wrap_part(part, scale)
        return part.above * scale + len(lines) * part.size * scale * LEADING
    if isinstance(part, Boxed):
        return measure(indent_parts(part), scale) + 12 * scale
    if isinstance(part, Chart):
        return len(part.rows) * 14 * scale + 6 * scale
    return 38 * scale if isinstance(part, Signed) else part.height * scale


def indent_parts(box: Boxed) -> tuple[Say, ...]:
    """Return a box's paragraphs, moved in from its edges."""
    return tuple(replace(part, indent=part.indent + 14, right=12) for part in box.parts)


def wrap_part(part: Say, scale: float) -> list[str]:
    """Break a paragraph into its lines."""
    return wrap(part.text, part.size * scale, part.bold, COLUMN - part.indent - part.right)


def wrap(text: str, size: float, bold: bool, room: float) -> list[str]:
    """Break a text into lines no wider than `room` points; a word that is wider is broken too."""
    lines, line = [], ""
    for word in clean_glyphs(text, bold).split():
        while True:
            tried = f"{line} {word}" if line else word
            if measure_width(tried, size, bold) <= room:
                line = tried
                break
            if line:
                lines.append(line)
                line = ""
                continue
            fits = max(1, count_fitting(word, size, bold, room))
            lines.append(word[:fits])
            word = word[fits:]
    return [*lines, line] if line else lines


def count_fitting(word: str, size: float, bold: bool, room: float) -> int:
    """Count the first letters of a word that fit, one at least."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        fits = measure_width(word[:middle], size, bold) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


@cache
def _open_font(bold: bool) -> FT2Font:
    weight = "bold" if bold else "normal"
    return get_font(findfont(FontProperties(family=FAMILY, weight=weight)))


@cache
def measure_width(text: str, size: float, bold: bool) -> float:
    """Return how wide a text is, in points."""
    font = _open_font(bold)
    font.set_size(size, 72)
    font.set_text(text, 0, flags=LoadFlags.NO_HINTING)
    return float(font.get_width_height()[0] / 64)


def clean_glyphs(text: str, bold: bool) -> str:
    """Leave what the font has, without marks of direction; what it lacks becomes `UNKNOWN`."""
    font, text = _open_font(bold), re.sub(r"\s", " ", clean_text(text))
    seen = (c for c in text if unicodedata.category(c) != "Cf")
    return "".join(c if font.get_char_index(ord(c)) else UNKNOWN for c in seen)
