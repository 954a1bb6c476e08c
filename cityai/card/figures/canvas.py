"""Drawing with matplotlib, and SVG that a page can carry: small, safe, the page's own colours."""

from __future__ import annotations

import io
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final, cast

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.figure import Figure as Sheet
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.textpath import TextToPath
from matplotlib.ticker import Formatter, MaxNLocator

from cityai.card.figures.labels import drawn_labels, speakers
from cityai.card.figures.marks import MarkedAxes
from cityai.card.figures.plain_svg import INK, LINE, MUTED, SVG, clean
from cityai.i18n.messages import Figure as Printed
from cityai.i18n.messages import Message, write
from cityai.i18n.translator import Translator

WIDE: Final = 7.6
NARROW: Final = 3.75
LOW: Final = 4.0
"""Inches of height up to which a page shows a picture as large as it is drawn, or larger."""
DOTS: Final = 72
"""For each inch: a pixel of SVG is a point."""
_LINE: Final = ("Ascender", "Descender", "LineGap")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_SPARING: Final[dict[Any, Any]] = {"axes.titley": 1.0, "xtick.bottom": False, "ytick.left": False}
"""What changes no picture, and spares a search: no axis stands above, and no tick has a length."""
_STYLE: Final[dict[Any, Any]] = {
    **_SPARING,
    "svg.fonttype": "none",
    "svg.hashsalt": "cityai",
    "text.parse_math": False,
    "text.usetex": False,
    "axes.unicode_minus": True,
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.columnspacing": 3.5,  # room for the words of other languages, which are longer
    "lines.solid_capstyle": "round",
    "path.simplify_threshold": 0.2,
}


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a picture: a header and rows of texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset()
    """Columns beside the first that hold words, not figures."""


class Picture(str):
    """An SVG, with the messages that stand in it: ``data-said`` is their place in `texts`.

    It keeps what it was made of, for `cityai.card.figures.bitmap`.
    """

    __slots__ = ("labels", "sheet", "texts")
    texts: tuple[str, ...]
    sheet: Sheet
    labels: dict[str, tuple[str, int]]
    """Labels as drawn, each in full and how long it may become."""

    def __new__(
        cls, svg: str, texts: Iterable[str], sheet: Sheet, labels: dict[str, tuple[str, int]]
    ) -> Picture:
        """Return the picture."""
        made = super().__new__(cls, svg)
        made.texts, made.sheet, made.labels = tuple(texts), sheet, labels
        return made


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its words."""

    name: str
    """Stable name, also the picture's id on the page."""
    title: str
    caption: str
    """What stands above and below it."""
    alternative: str
    """What the picture says, for who cannot see it."""
    wide: Picture
    narrow: Picture
    """SVG for a page and for a phone."""
    table: Table
    """The figures behind it."""


@contextmanager
def drawing(translators: Iterable[Translator] | None = None) -> Iterator[None]:
    """Draw in the house style; labels in any script are left to the reader's fonts.

    They have room in every language of `translators`.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message=r".*[Tt]ight.?layout.*", category=UserWarning)
        warnings.filterwarnings(
            "ignore", message=r"constrained_layout not applied", category=UserWarning
        )
        drawn_labels.clear()
        before = [*speakers]
        speakers[:] = before if translators is None else translators
        try:
            yield
        finally:
            speakers[:] = before


def open_sheet(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Sheet, list[Axes]]:
    """Open a sheet of `width` x `height` inches with a grid of axes, row by row."""
    sheet = Sheet(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(sheet)
    axes = sheet.subplots(rows, columns, squeeze=False, subplot_kw={"axes_class": MarkedAxes})
    return sheet, list(axes.ravel())


def number_days(days: Sequence[date]) -> npt.NDArray[np.float64]:
    """Place days on an axis."""
    return np.array([day.toordinal() - _EPOCH for day in days], dtype=np.float64)


def write_days(axes: Axes, width: float) -> None:
    """Write an axis of days, briefly."""
    dates: Any = mdates
    # Three ticks at least and five at most cannot be had for every span of time.
    fewest, most = (3, 8) if width > 5 else (2, 5)
    locator = dates.AutoDateLocator(minticks=fewest, maxticks=most)
    axes.xaxis.set_major_locator(locator)
    concise = dates.ConciseDateFormatter(locator, show_offset=False)
    axes.xaxis.set_major_formatter(_DayFormatter(concise))


class _DayFormatter(Formatter):
    """Months on an axis of days, as figures that each language writes in its way."""

    def __init__(self, concise: Formatter) -> None:
        self.concise = concise

    def format_ticks(self, values: Any) -> list[str]:
        """Return the ticks' texts."""
        days = [date.fromordinal(int(value) + _EPOCH) for value in values]
        texts = self.concise.format_ticks(values)
        return [
            write(day, "%b") if text == f"{day:%b}" else text
            for day, text in zip(days, texts, strict=True)
        ]

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return one text."""
        return self.concise(x, pos)


def write_svg(sheet: Sheet, name: str) -> Picture:
    """Return the sheet as SVG for a page.

    Ids begin with `name`, colours are the page's, fonts the reader's, and nothing remains but
    shapes and texts: no metadata, no style sheet, no link, no comment.
    """
    buffer = io.StringIO()
    for patch in (sheet.patch, *(axes.patch for axes in sheet.axes)):
        patch.set_visible(False)
    _spare_layout(sheet)
    # `savefig` would draw everything twice, once to find the layout.
    _Canvas(sheet).write(buffer)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314
    texts = _list_texts(sheet)
    clean(root, name, {}, drawn_labels, {str.__str__(text): i for i, text in enumerate(texts)})
    root.set("class", "fig" if sheet.get_figheight() <= LOW else "fig tall")
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    ElementTree.register_namespace("", SVG)
    svg = ElementTree.tostring(root, encoding="unicode").replace(f' xmlns="{SVG}"', "")
    return Picture(svg, texts, sheet, dict(drawn_labels))


class _Canvas(FigureCanvasSVG):
    """A canvas that is laid out and drawn by one renderer, so that no text is measured twice."""

    renderer: Any

    def write(self, buffer: io.StringIO) -> None:
        """Write the sheet, as `print_svg` does."""
        sheet, make = self.figure, cast(Any, _Renderer)
        sheet.dpi = DOTS
        width, height = sheet.get_size_inches() * DOTS
        self.renderer = make(width, height, buffer, metadata={"Date": None, "Creator": None})
        sheet.draw(self.renderer)
        self.renderer.finalize()

    def get_renderer(self) -> Any:
        """Return what the layout measures with."""
        return self.renderer


class _Renderer(RendererSVG):
    """A renderer that knows how large a text is from other pictures."""

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        """Return the size of a text."""
        return _measure_text(s, prop, ismath)

    def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float, ...]:
        """Return how far a font reaches above and below a line, and what is left between two."""
        return _measure_line(prop)


@lru_cache(maxsize=10_000)
def _measure_text(text: str, font: FontProperties, math: Any) -> tuple[float, float, float]:
    return TextToPath().get_text_width_height_descent(text, font, math)


@lru_cache(maxsize=1000)
def _measure_line(font: FontProperties) -> tuple[float, ...]:
    told: Any = get_font(findfont(font))
    scale = 1 / told.get_sfnt_table("head")["unitsPerEm"] * font.get_size_in_points() * DOTS / 72
    above, below, between = (told.get_sfnt_table("OS/2")[f"sTypo{part}"] for part in _LINE)
    return above * scale, -below * scale, between * scale


def _spare_layout(sheet: Sheet) -> None:
    """Tell matplotlib what need not be placed: it looks at every tick for each of them.

    The line below the axes ends where they end, what is cut off at their edges does too, and an
    axis without words has no place for them.
    """
    for axes in sheet.axes:
        for artist in (axes.spines["bottom"], *axes.lines, *axes.patches, *axes.collections):
            if artist.get_clip_on():
                artist.set_in_layout(False)
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)


def make_figure(
    name: str,
    title: str,
    caption: str,
    alternative: str,
    draw: Callable[[float], Sheet],
    table: Table,
) -> Figure:
    """Draw a picture for a page and for a phone, by a function of the width."""
    wide, narrow = write_svg(draw(WIDE), name), write_svg(draw(NARROW), f"{name}-n")
    return Figure(name, title, caption, alternative, wide, narrow, table)


def set_scale(axis: Axis, most: int, form: Formatter | None = None) -> None:
    """Mark an axis at so many places at most, in this form."""
    axis.set_major_locator(MaxNLocator(most))
    if form is not None:
        axis.set_major_formatter(form)


def _list_texts(sheet: Sheet) -> list[str]:
    """List the messages and figures that stand in a picture."""
    texts = [artist.get_text() for artist in sheet.findobj(Text)]
    texts += [full for full, _ in drawn_labels.values()]
    texts += [line for text in texts if "\n" in text for line in _list_lines(text)]
    return [text for text in texts if isinstance(text, Message | Printed)]


def _list_lines(text: str) -> Iterable[str]:
    """List the lines of a label: each is an element of its own."""
    return text.arguments.values() if isinstance(text, Message) else ()
