"""How a text file is written: its encoding and its separator, from its first bytes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from cityai.errors import DataError

_FIRST: Final = 65_536
_SEPARATORS: Final = ",;\t|"


def find_encoding(path: Path) -> str:
    """Return ``utf-8``, ``utf-16`` or, where neither fits, ``latin-1``.

    Raises
    ------
    DataError
        When the file is not there or cannot be read.
    """
    begin = _read_begin(path)
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        begin.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start >= len(begin) - 4 else "latin-1"
    return "utf-8"


def find_delimiter(path: Path) -> str:
    """Return the separator of a CSV file: the one that cuts its first lines alike."""
    text = _read_begin(path).decode(find_encoding(path), errors="ignore")
    try:
        return csv.Sniffer().sniff(text, _SEPARATORS).delimiter
    except csv.Error:
        return ","


def _read_begin(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_FIRST)
    except OSError as error:
        raise DataError(
            f"the table cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(path),
            expected="a CSV or Parquet file",
            next_step="check the path",
        ) from None
