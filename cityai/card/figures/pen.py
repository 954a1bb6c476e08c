"""Drawing of a laid-out sheet of A4 with matplotlib, and its PDF: the same bytes each time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from cityai.card.figures.paper import (
    COLUMN,
    FAMILY,
    HEIGHT,
    INK,
    LEADING,
    LINE,
    MARGIN,
    MUTED,
    SOFT,
    STEPS,
    WIDTH,
    Boxed,
    Chart,
    Part,
    Say,
    Signed,
    Tightness,
    clean_glyphs,
    count_fitting,
    indent_parts,
    measure,
    measure_part,
    measure_width,
    wrap,
    wrap_part,
)

_STYLE: Final[dict[Any, Any]] = {
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "text.parse_math": False,
    "text.usetex": False,
}


def fit_sheet(arrange: Callable[[Tightness], Sequence[Part]]) -> Sheet:
    """Draw the parts of a sheet, set no tighter than one page needs."""
    for step in STEPS:
        parts = arrange(step)
        if measure(parts, step.scale) <= HEIGHT - 2 * MARGIN:
            break
    return _Pen(step.scale).draw(parts)


@dataclass
class _Pen:
    """Draws parts one below the other."""

    scale: float
    y: float = HEIGHT - MARGIN
    sheet: Sheet = field(
        default_factory=lambda: Sheet(figsize=(WIDTH / 72, HEIGHT / 72), layout=None)
    )

    def draw(self, parts: Iterable[Part]) -> Sheet:
        for part in parts:
            self._draw_part(part)
        return self.sheet

    def _draw_part(self, part: Part) -> None:
        height = measure_part(part, self.scale)
        if isinstance(part, Say):
            self._say(part)
            return
        if isinstance(part, Boxed):
            bottom = self.y
            self._rectangle(MARGIN, bottom - height, COLUMN, height, SOFT)
            self._rectangle(MARGIN, bottom - height, 4, height, part.colour)
            self.y -= 5 * self.scale
            for inner in indent_parts(part):
                self._say(inner)
            self.y = bottom - height
            return
        if isinstance(part, Chart):
            self._chart(part)
        elif isinstance(part, Signed):
            self._sign(part)
        elif part.rule:
            middle = self.y - height / 2
            self._line((MARGIN, MARGIN + COLUMN), (middle, middle), LINE, 0.7)
        self.y -= height

    def _say(self, part: Say) -> None:
        size = part.size * self.scale
        self.y -= part.above * self.scale
        left = MARGIN + part.indent
        for i, line in enumerate(wrap_part(part, self.scale)):
            if part.mark == "box" and i == 0:
                side = size * 0.85
                self._rectangle(left - 15, self.y - size * 1.1, side, side, "none", INK)
            self.y -= size * LEADING
            self._text(left, self.y + size * 0.3, line, size, part.colour, bold=part.bold)

    def _chart(self, chart: Chart) -> None:
        ends = [
            abs(x)
            for r in chart.rows
            for x in (r.value, r.low, r.high, chart.limit)
            if x is not None
        ]
        reach = max(ends, default=1.0) or 1.0
        left, wide = MARGIN + COLUMN * 0.36, COLUMN * 0.36
        step, size = 14 * self.scale, 8.2 * self.scale

        def place(value: float) -> float:
            share = value / reach
            return left + wide * ((share + 1) / 2 if chart.limit is not None else max(share, 0.0))

        top, bottom = self.y - 2, self.y - 2 - step * len(chart.rows)
        if chart.limit is not None:
            band = place(chart.limit) - place(-chart.limit)
            self._rectangle(place(-chart.limit), bottom, band, top - bottom, "#d3e4f5")
        self._line((place(0), place(0)), (bottom, top), MUTED, 0.7)
        for i, row in enumerate(chart.rows):
            y = top - step * (i + 0.5)
            room = COLUMN * 0.34
            label = wrap(row.label, size, False, room) or [""]
            name = label[0] if len(label) == 1 else _shorten(row.label, size, room)
            self._text(MARGIN, y - size * 0.35, name, size, INK)
            said = _shorten(row.said, size, COLUMN * 0.26)
            self._text(MARGIN + COLUMN * 0.74, y - size * 0.35, said, size, INK)
            if row.value is None:
                continue
            if chart.limit is None:
                self._rectangle(place(0), y - 3, place(row.value) - place(0), 6, "#0b5cad")
                continue
            if row.low is not None and row.high is not None:
                self._line((place(row.low), place(row.high)), (y, y), INK, 1.1)
            self._dot(place(row.value), y, row.sign)

    def _dot(self, x: float, y: float, sign: str) -> None:
        colour = "#a8480f" if sign == "fail" else "#0b5cad"
        self.sheet.add_artist(
            Line2D(
                [x / WIDTH], [y / HEIGHT], transform=self.sheet.transFigure, linewidth=0,
                marker={"fail": "X", "reference": "D"}.get(sign, "o"), markersize=5 * self.scale,
                markeredgewidth=0.8,
                color=colour, markerfacecolor="#ffffff" if sign == "open" else colour,
                markeredgecolor=colour,
            )
        )  # fmt: skip

    def _sign(self, part: Signed) -> None:
        room = COLUMN / len(part.labels)
        size, y = 7.6 * self.scale, self.y - 26 * self.scale
        for i, label in enumerate(part.labels):
            x = MARGIN + room * i
            self._line((x, x + room - 14), (y, y), INK, 0.7)
            shown = _shorten(label, size, room - 14)
            self._text(x, y - size * 1.25, shown, size, MUTED)

    def _text(
        self, x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False
    ) -> None:
        self.sheet.text(
            x / WIDTH, y / HEIGHT, text, fontsize=size, color=colour, family=FAMILY,
            weight="bold" if bold else "normal", parse_math=False, va="baseline",
        )  # fmt: skip

    def _rectangle(
        self, x: float, y: float, wide: float, high: float, fill: str, edge: str = "none"
    ) -> None:
        self.sheet.add_artist(
            Rectangle(
                (x / WIDTH, y / HEIGHT), wide / WIDTH, high / HEIGHT, facecolor=fill,
                edgecolor=edge, linewidth=0.8, transform=self.sheet.transFigure,
            )
        )  # fmt: skip

    def _line(
        self, x: tuple[float, float], y: tuple[float, float], colour: str, wide: float
    ) -> None:
        self.sheet.add_artist(
            Line2D(
                [end / WIDTH for end in x], [end / HEIGHT for end in y], color=colour,
                linewidth=wide, transform=self.sheet.transFigure,
            )
        )  # fmt: skip


def _shorten(text: str, size: float, room: float) -> str:
    text = " ".join(clean_glyphs(text, False).split())
    if measure_width(text, size, False) <= room:
        return text
    kept = count_fitting(f"{text}…", size, False, room - measure_width("…", size, False))
    return f"{text[:kept].rstrip()}…"


def write_pdf(sheet: Sheet, title: str, language: str, made: datetime, keywords: str) -> bytes:
    """Write a sheet as a PDF of one page."""
    buffer = io.BytesIO()
    facts = {"Title": title, "Creator": "cityai", "Producer": None, "CreationDate": made}
    facts["Keywords"] = keywords
    with mpl.rc_context(_STYLE):
        sheet.savefig(buffer, format="pdf", metadata=facts)
    return _name_language(buffer.getvalue(), language)


def _name_language(pdf: bytes, language: str) -> bytes:
    """Add the language by an incremental update (ISO 32000, 7.5.6): the catalogue once more."""
    end = pdf[pdf.rindex(b"trailer") :]
    start, root, size = (
        _find_last(mark, end) for mark in (r"startxref\s+(\d+)", r"/Root (\d+) 0 R", r"/Size (\d+)")
    )
    info = _find_last(r"(/Info \d+ 0 R)", end)
    catalogue = _find_last(rf"(?<!\d){root} 0 obj\s*<<(.*?)>>\s*endobj", pdf).strip()
    more = f"/Lang ({language}) /ViewerPreferences << /DisplayDocTitle true >>"
    written = f"{root} 0 obj\n<< {catalogue} {more} >>\nendobj\n"
    table = (
        f"xref\n{root} 1\n{len(pdf):010d} 00000 n \ntrailer\n"
        f"<< /Size {size} /Root {root} 0 R {info} /Prev {start} >>\n"
        f"startxref\n{len(pdf) + len(written)}\n%%EOF\n"
    )
    return pdf + (written + table).encode()


def _find_last(mark: str, pdf: bytes) -> str:
    found: list[bytes] = re.findall(mark.encode(), pdf, re.DOTALL)
    return found[-1].decode("latin-1")
