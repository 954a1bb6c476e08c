"""What a page carries inside: its scripts, and its pictures, said in its language."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path

from markupsafe import Markup, escape

from cityai.card.figures import Figure
from cityai.card.figures.canvas import Picture
from cityai.card.figures.labels import tell_apart
from cityai.i18n.translator import Translator

TEMPLATES = Path(__file__).parents[1] / "templates"
_TEXT = re.compile(r"<(text|tspan)\b([^>]*)>([^<]+)<")
_MOST = re.compile(r" data-most=(\d+)")
_SAID = re.compile(r" data-said=(\d+)")

Styles = dict[str, str]
"""A class of the page for each way in which pictures are drawn."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script of ours, as it stands between the tags of a page."""

    text: str
    """Its lines, without their indentation and without comments."""
    digest: str
    """Its SHA-256 as a policy names it: the page lets this text run, and no other."""


@cache
def read_script(name: str) -> Script:
    """Read one of the scripts that lie beside the templates."""
    lines = (line.strip() for line in (TEMPLATES / name).read_text("utf-8").splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("//"))
    return Script(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())


def tidy_page(page: str) -> str:
    """Take empty lines and trailing spaces out of a page; a script has neither and stays."""
    return "\n".join(line.rstrip() for line in page.splitlines() if line.strip()) + "\n"


def share_styles(figures: Iterable[Figure]) -> Styles:
    """Name each style once for the whole page: pictures repeat a few hundreds of times each."""
    styles: Styles = {}
    for figure in figures:
        for svg in (figure.wide, figure.narrow):
            for match in re.finditer(r' style="([^"]*)"', svg):
                styles.setdefault(match[1], f"p{len(styles)}")
    return styles


def write_styles(styles: Styles) -> Markup:
    """Write the style sheet of the pictures: marks and texts of our own, never a record's text."""
    rules = "\n".join(f".{name}{{{unescape(style)}}}" for style, name in styles.items())
    return Markup(rules)  # noqa: S704


def show_picture(svg: Picture, translator: Translator, styles: Styles) -> Markup:
    """Let our own SVG through: `canvas.write_svg` left only shapes and escaped texts."""

    def write_tag(match: re.Match[str]) -> str:
        shared = re.sub(r' style="([^"]*)"', lambda style: f" class={styles[style[1]]}", match[0])
        return re.sub(r'="([^\s"\'=<>`]+)"', r"=\1", shared)

    drawn, said = re.sub(r"<[^>]+>", write_tag, svg), {}
    for match in _TEXT.finditer(drawn):
        place, most = _SAID.search(match[2]), _MOST.search(match[2])
        text = translator.translate(svg.texts[int(place[1])] if place else unescape(match[3]))
        said[match.start()] = text, int(most[1]) if most else None
    cut = tell_apart((text, most) for text, most in said.values() if most is not None)

    def tell(match: re.Match[str]) -> str:
        text, most = said[match.start()]
        shown = text if most is None else cut[text, most]
        return f"<{match[1]}{_SAID.sub('', _MOST.sub('', match[2]))}>{escape(shown)}<"

    return Markup(_TEXT.sub(tell, drawn))  # noqa: S704
