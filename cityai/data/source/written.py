"""How a file is written, as its content tells: encoding, separator, lines above the header."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cityai.data.file_digests import open_bytes
from cityai.data.source import find_format
from cityai.data.source.workbooks import show_rows

_CHUNK: Final = 1 << 22
_LINES: Final = 200
_MOST_SKIPPED: Final = 20
_CONTROLS: Final = bytes(range(0x80, 0xA0))


def describe_file(path: Path, said: Mapping[str, Any], table: str = "") -> dict[str, Any]:
    """Describe how a file is written, in the words of `SourceSpec`.

    Parameters
    ----------
    path : Path
        A file; of one that holds no text and is no workbook nothing has to be said.
    said : mapping
        What a person has said of it already.
    table : str
        Sheet of a workbook; empty for the only one with cells.
    """
    found: dict[str, Any] = {}
    if not path.exists() or find_format(path) == "csv":
        encoding = said.get("encoding") or _find_encoding(path)
        delimiter, skip = _find_layout(path, encoding)
        found = {"encoding": encoding, "delimiter": delimiter, "skip": skip}
    elif find_format(path) == "workbook":
        rows = show_rows(path, table or None)
        above = _find_header(rows, len(rows[0]))
        # Empty rows above the header go without saying.
        found = {"skip": above if any(map(any, rows[:above])) else 0}
    return {key: value for key, value in found.items() if key not in said}


def _find_encoding(path: Path) -> str:
    """Return ``utf-8``, ``utf-16`` or, where neither fits, ``cp1252`` or ``latin-1``.

    The whole file is looked at: its first accent may stand late.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, has_controls = True, False
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") and file.tell() == len(chunk):
                return "utf-16"
            if is_utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
            # Nobody writes control characters, so these bytes are the marks of Windows.
            has_controls = has_controls or len(chunk.translate(None, _CONTROLS)) < len(chunk)
    if is_utf8:
        return "utf-8"
    return "cp1252" if has_controls else "latin-1"


def _find_layout(path: Path, encoding: str) -> tuple[str, int]:
    """Return the separator of a CSV file, and the lines above its header.

    The separator is the one that cuts most of the first lines into as many cells; a title above
    the header has fewer cells than the lines below it.
    """
    best: tuple[float, int, str, int] = (0.0, 1, ",", 0)
    for delimiter in ",;\t|":
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            rows: list[list[str]] = []
            with suppress(csv.Error):  # a cell longer than 131,072 characters: those before it tell
                rows.extend(islice(csv.reader(file, delimiter=delimiter), _LINES))
        counts = Counter(len(row) for row in rows if row)
        if not counts:
            continue
        cells, times = max(counts.items(), key=lambda found: (found[1], found[0]))
        if cells > 1:
            best = max(best, (times / counts.total(), cells, delimiter, _find_header(rows, cells)))
    return best[2], best[3]


def _find_header(rows: list[list[str]], cells: int) -> int:
    """Return how many lines stand above the first that names every column."""
    for i, row in enumerate(rows[:_MOST_SKIPPED]):
        filled = [cell for cell in row if cell.strip()]
        if len(row) == cells and len(filled) > max(1, cells // 2):
            return 0 if filled[0].strip()[:1].isdigit() else i
    return 0
