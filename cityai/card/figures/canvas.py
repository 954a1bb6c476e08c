"""Drawing with matplotlib, and SVG that a page can carry: small, safe, the page's own colours."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby
from typing import Any, Final

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Sheet
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from cityai.i18n.catalogue import LOCALES
from cityai.i18n.clean import clean_text
from cityai.i18n.messages import Figure as Printed
from cityai.i18n.messages import Message, write
from cityai.i18n.translator import Translator

INK: Final = "#010101"
MUTED: Final = "#020202"
LINE: Final = "#030303"
FIRST: Final = "#040404"
SECOND: Final = "#050505"
PANEL: Final = "#060606"
BAND: Final = "#070707"
SCALE: Final = ("#0a0a0a", "#0b0b0b", "#0c0c0c", "#0d0d0d", "#0e0e0e")
_COLOURS: Final = {
    INK: "var(--ink,#1a1d21)",
    MUTED: "var(--muted,#5b6470)",
    LINE: "var(--line,#d5dae1)",
    FIRST: "var(--first,#0b5cad)",
    SECOND: "var(--second,#a8480f)",
    PANEL: "var(--panel,#ffffff)",
    BAND: "var(--band,#c9def4)",
    **{
        c: f"var(--scale{i},{f})"
        for i, (c, f) in enumerate(
            zip(SCALE, ("#dbe9f6", "#a6cbe6", "#61a2d0", "#2a72b0", "#0a3d78"), strict=True), 1
        )
    },
}
"""Marks that matplotlib draws in, and the colours of the page that they stand for."""

WIDE: Final = 7.6
NARROW: Final = 3.75
SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
_EPOCH: Final = date(1970, 1, 1).toordinal()
_STYLE: Final[dict[Any, Any]] = {
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
    "lines.solid_capstyle": "round",
    "path.simplify_threshold": 0.2,
}
_CIRCLE: Final = re.compile(r"M 0 (\d[\d.]*)\s+(?:C[-\d. ]+\s+){8}z\s*")
"""How matplotlib draws a round marker."""
_TAGS: Final = {
    "svg",
    "g",
    "path",
    "use",
    "text",
    "tspan",
    "defs",
    "clipPath",
    "rect",
    "polygon",
    "circle",
    "pattern",
}


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a picture: a header and rows of texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Picture(str):
    """An SVG, with the messages that stand in it: ``data-said`` is their place in `texts`."""

    __slots__ = ("texts",)
    texts: tuple[str, ...]

    def __new__(cls, svg: str, texts: Iterable[str] = ()) -> Picture:
        """Return the picture."""
        made = super().__new__(cls, svg)
        made.texts = tuple(texts)
        return made


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its words.

    Attributes
    ----------
    name : str
        Stable name, also the picture's id on the page.
    title, caption : str
        What stands above and below it.
    alternative : str
        What the picture says, for who cannot see it.
    wide, narrow : str
        SVG for a page and for a phone.
    table : Table
        The figures behind it.
    """

    name: str
    title: str
    caption: str
    alternative: str
    wide: Picture
    narrow: Picture
    table: Table


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house style; labels in any script are left to the reader's fonts."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message=r".*[Tt]ight.?layout.*", category=UserWarning)
        warnings.filterwarnings(
            "ignore", message=r"constrained_layout not applied", category=UserWarning
        )
        _drawn.clear()
        yield


def open_sheet(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Sheet, list[Axes]]:
    """Open a sheet of `width` x `height` inches with a grid of axes, row by row."""
    sheet = Sheet(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(sheet)
    axes = sheet.subplots(rows, columns, squeeze=False)
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


_drawn: dict[str, tuple[str, int]] = {}
"""Labels of the present drawing: as drawn, in full, and how long they may become."""


def fit_label(text: str, most: int) -> str:
    """Return a label as it is drawn: cut to `most`, and as long as the longest of its languages.

    The picture is laid out once, for all languages; `write_svg` puts the English label back, in
    full, and the page cuts what it says in its own language.
    """
    full = text if isinstance(text, Message | Printed) else " ".join(clean_text(text).split())
    said = [full, *(translator.translate(full) for translator in _open_translators())]
    for more in range(80):
        drawn = max((shorten(s, most + more) for s in said), key=len)
        if _drawn.setdefault(drawn, (full, most)) == (full, most):
            break
    return drawn


@cache
def _open_translators() -> tuple[Translator, ...]:
    return tuple(Translator(language) for language in LOCALES if language != "en")


def shorten(text: str, length: int) -> str:
    """Cut a label that would push the picture aside, and drop what no picture can show."""
    one_line = " ".join(clean_text(text).split())
    return one_line if len(one_line) <= length else f"{one_line[: length - 1].rstrip()}…"


def write_svg(sheet: Sheet, name: str) -> Picture:
    """Return the sheet as SVG for a page.

    Ids begin with `name`, colours are the page's, fonts the reader's, and nothing remains but
    shapes and texts: no metadata, no style sheet, no link, no comment.
    """
    buffer = io.StringIO()
    for patch in (sheet.patch, *(axes.patch for axes in sheet.axes)):
        patch.set_visible(False)
    # `savefig` would draw everything twice, once to find the layout.
    canvas: Any = FigureCanvasSVG(sheet)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314
    texts = _list_texts(sheet)
    _clean(root, name, {}, {str.__str__(text): i for i, text in enumerate(texts)})
    root.set("class", "fig")
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    ElementTree.register_namespace("", SVG)
    svg = ElementTree.tostring(root, encoding="unicode").replace(f' xmlns="{SVG}"', "")
    return Picture(svg, texts)


def _list_texts(sheet: Sheet) -> list[str]:
    """List the messages and figures that stand in a picture."""
    texts = [artist.get_text() for artist in sheet.findobj(Text)]
    texts += [full for full, _ in _drawn.values()]
    texts += [line for text in texts if "\n" in text for line in _list_lines(text)]
    return [text for text in texts if isinstance(text, Message | Printed)]


def _list_lines(text: str) -> Iterable[str]:
    """List the lines of a label: each is an element of its own."""
    return text.arguments.values() if isinstance(text, Message) else ()


def _clean(
    element: ElementTree.Element, name: str, ids: dict[str, str], said: Mapping[str, int]
) -> None:
    kept: list[ElementTree.Element] = []
    for child in list(element):
        if child.tag.removeprefix(f"{{{SVG}}}") not in _TAGS:
            continue
        _clean(child, name, ids, said)
        is_group = child.tag in {f"{{{SVG}}}g", f"{{{SVG}}}defs"}
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            kept += list(child)
        elif len(child) or not (is_group or _is_empty(child)):
            kept.append(child)
    element[:] = _join_like(kept)
    if element.tag != f"{{{SVG}}}text" and element.tag != f"{{{SVG}}}tspan":
        element.text = None
    elif element.text in _drawn:
        element.text, most = _drawn[element.text]
        element.set("data-most", str(most))
    if element.text is not None and element.text in said:
        element.set("data-said", str(said[element.text]))
    element.tail = None
    for key in list(element.attrib):
        value = element.attrib[key]
        if key == "id":
            if element.tag == f"{{{SVG}}}g":
                del element.attrib[key]
            else:
                element.set(key, _shorten_id(value, name, ids))
        elif key == _XLINK:
            del element.attrib[key]
            element.set("href", f"#{_shorten_id(value.removeprefix('#'), name, ids)}")
        elif key == "clip-path":
            element.set(key, _shorten_links(value, name, ids))
        elif key == "style":
            element.set(key, _shorten_links(_restyle(value), name, ids))
        elif key == "transform" and re.fullmatch(r"rotate\(-?0 [^)]*\)", value):
            del element.attrib[key]
        elif key == "d":
            circle = _CIRCLE.fullmatch(value)
            element.set(key, _shorten_path(value))
            if circle:
                element.tag = f"{{{SVG}}}circle"
                element.attrib = {k: v for k, v in element.attrib.items() if k != "d"}
                element.set("r", _write_tenths(circle[1]))
        elif key in {"x", "y", "width", "height"}:
            element.set(key, _write_tenths(value))
        elif key in {"transform", "viewBox"}:
            element.set(key, re.sub(r"-?\d+\.\d+", _shorten_number, value))


def _is_empty(shape: ElementTree.Element) -> bool:
    """Tell whether a path goes nowhere, so that nothing of it is seen."""
    return "d" in shape.attrib and re.fullmatch(r"M[^A-Za-z]*", shape.attrib["d"]) is not None


def _join_like(drawn: Sequence[ElementTree.Element]) -> list[ElementTree.Element]:
    """Join lines that follow each other and are drawn alike, and clip alike shapes at once."""
    lines: list[ElementTree.Element] = []
    for shape in drawn:
        if lines and _describe_line(shape) and _describe_line(shape) == _describe_line(lines[-1]):
            lines[-1].set("d", lines[-1].attrib["d"] + shape.attrib["d"])
        else:
            lines.append(shape)
    joined: list[ElementTree.Element] = []
    for clip, shapes in groupby(lines, lambda shape: shape.get("clip-path")):
        alike = list(shapes)
        if clip is None or len(alike) == 1:
            joined += alike
            continue
        group = ElementTree.Element(f"{{{SVG}}}g", {"clip-path": clip})
        for shape in alike:
            del shape.attrib["clip-path"]
            bare = shape.tag == f"{{{SVG}}}g" and not shape.attrib
            group.extend(shape if bare else [shape])
        joined.append(group)
    return joined


def _describe_line(shape: ElementTree.Element) -> dict[str, str]:
    """Return how a line is drawn; nothing of a shape that is filled."""
    is_line = shape.tag == f"{{{SVG}}}path" and shape.get("style", "").startswith("fill:none")
    return {k: v for k, v in shape.attrib.items() if k != "d"} if is_line else {}


def _shorten_id(value: str, name: str, ids: dict[str, str]) -> str:
    """Return the id of a part of a picture: its name, and which part it is."""
    return ids.setdefault(value, f"{name}-{len(ids)}")


def _shorten_links(value: str, name: str, ids: dict[str, str]) -> str:
    return re.sub(
        r"url\(#([^)]+)\)", lambda match: f"url(#{_shorten_id(match[1], name, ids)})", value
    )


def _shorten_path(path: str) -> str:
    """Write a path to a tenth of a pixel, each point after the first of a line by its step."""
    written, last, at = [], "", (0, 0)
    for command, numbers in re.findall(r"([MLCQz])([^A-Za-z]*)", path):
        tenths = [round(float(number) * 10) for number in numbers.split()]
        steps = [t - at[i % 2] for i, t in enumerate(tenths)] if command != "M" else tenths
        at = (tenths[-2], tenths[-1]) if tenths else at
        letter = command if command in "Mz" else command.lower()
        if letter == "l" and 0 in steps:
            letter, steps = ("h", steps[:1]) if steps[1] == 0 else ("v", steps[1:])
        written += [" " if letter == last else letter, " ".join(map(_write_tenth, steps))]
        last = "" if letter == "M" else letter
    return re.sub(r"(\.\d+) (?=\.)", r"\1", "".join(written).replace(" -", "-"))


def _write_tenth(tenths: int) -> str:
    return re.sub(r"^(-?)0\.", r"\1.", f"{tenths / 10:g}")


def _write_tenths(value: str) -> str:
    tenths = re.sub(r"-?\d+\.\d+", lambda match: f"{float(match[0]):.1f}", value)
    return re.sub(r"-0(?![.\d])", "0", re.sub(r"\.0(?!\d)", "", tenths))


def _restyle(style: str) -> str:
    for mark, colour in _COLOURS.items():
        style = style.replace(mark, colour)
    style = re.sub(r"font-family:[^;]*;?\s*", "", style)
    style = re.sub(r"-?\d+\.\d{3,}", _shorten_number, style)
    return re.sub(r"\s*([:;,])\s*", r"\1", style).strip(";")


def _shorten_number(match: re.Match[str]) -> str:
    text = f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
