"""A picture of the card as pixels, for places that take no SVG."""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.text import Text
from PIL.Image import Image, fromarray

from cityai.card.figures.canvas import Picture
from cityai.card.figures.labels import tell_apart
from cityai.card.figures.marks import MarkedAxes
from cityai.card.figures.plain_svg import PANEL, PRINTED

DOTS: Final = 150
"""For each inch: 560 across for a picture as wide as a phone."""
PAINTED: Final = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def draw_bitmap(picture: Picture) -> Image:
    """Return a picture as pixels on white, in the colours of the page, its labels in English."""
    sheet, told = picture.sheet, tell_apart(picture.labels.values())
    for axes in cast("list[MarkedAxes]", sheet.axes):
        axes.marks_stay = True
    sheet.patch.set(visible=True, facecolor=PANEL)
    for artist in sheet.findobj():
        if isinstance(artist, Text):
            drawn = artist.get_text()
            artist.set_text(told[picture.labels[drawn]] if drawn in picture.labels else drawn)
        _paint(artist)
    sheet.dpi = DOTS
    canvas: Any = FigureCanvasAgg(sheet)
    canvas.draw()
    return fromarray(np.array(canvas.buffer_rgba()))


def _paint(artist: Artist) -> None:
    """Put the page's colours in the place of the marks that stand for them."""
    for name in PAINTED:
        read, write = (getattr(artist, f"{verb}_{name}", None) for verb in ("get", "set"))
        if read is None or write is None:
            continue
        colours = to_rgba_array(read())
        marks = [to_hex(colour) for colour in colours]
        if PRINTED.keys() & {*marks}:
            own = [PRINTED.get(mark, mark) for mark in marks]
            new = to_rgba_array(own, alpha=colours[:, 3])
            write(new if len(new) > 1 else tuple(new[0]))
