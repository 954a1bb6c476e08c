"""PDF of a sheet: embedded fonts, a title and a language, the same bytes for the same sheet."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Sheet

_STYLE: Final[dict[Any, Any]] = {
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "text.parse_math": False,
    "text.usetex": False,
}


def write_pdf(sheet: Sheet, title: str, language: str, made: datetime, keywords: str) -> bytes:
    """Write a sheet as a PDF of one page.

    Parameters
    ----------
    sheet : Figure
        From `cityai.card.figures.paper.fit_sheet`.
    title : str
        What a viewer shows as the title.
    language : str
        For screen readers: ``es``.
    made : datetime
        The moment that the file bears: that of the record.
    keywords : str
        From what it was made.
    """
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
