"""Pictures on the page: our own SVG, its texts said in the page's language."""

from __future__ import annotations

import re
from html import unescape

from markupsafe import Markup, escape

from cityai.card.figures.canvas import shorten
from cityai.i18n.speaker import Speaker

_TEXT = re.compile(r"<(text|tspan)\b([^>]*)>([^<]+)<")
_MOST = re.compile(r' data-most="(\d+)"')


def show_picture(svg: str, speaker: Speaker) -> Markup:
    """Let our own SVG through: `canvas.write_svg` left only shapes and escaped texts."""

    def tell(match: re.Match[str]) -> str:
        text, most = speaker.tell(unescape(match[3])), _MOST.search(match[2])
        if most:
            text = shorten(text, int(most[1]))
        return f"<{match[1]}{_MOST.sub('', match[2])}>{escape(text)}<"

    return Markup(_TEXT.sub(tell, svg))  # noqa: S704
