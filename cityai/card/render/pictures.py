"""Pictures on the page: our own SVG, its texts said in the page's language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

from markupsafe import Markup, escape

from cityai.card.figures import Figure
from cityai.card.figures.canvas import Picture
from cityai.card.figures.labels import tell_apart
from cityai.i18n.translator import Translator

_TEXT = re.compile(r"<(text|tspan)\b([^>]*)>([^<]+)<")
_MOST = re.compile(r" data-most=(\d+)")
_SAID = re.compile(r" data-said=(\d+)")

Styles = dict[str, str]
"""A class of the page for each way in which pictures are drawn."""


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
