"""A CSV file made plain before it is divided into cells: UTF-8, LF line ends, no mark, no NUL.

The engine that divides it gives no rows, and no error, for some files with CR LF line ends; so the
line ends are made equal here, and the rows are counted by other means to be held against its own.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cityai.config.tables import SourceSpec
from cityai.errors import DataError

_CHUNK: Final = 1 << 22
_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A CSV file that is safe to divide into cells."""

    path: Path
    """The file itself when it was plain already, else a private copy."""
    header: tuple[str, ...]
    """Column names, outer blanks stripped."""
    records: int
    """Rows after the header, counted by line ends outside quotes."""
    digest: str
    """SHA-256 of the original bytes."""


def write_plain_csv(path: Path, source: SourceSpec, private: Path) -> PlainFile:
    """Check a CSV file's bytes and, where they are not plain, write a plain copy.

    Raises
    ------
    DataError
        If the bytes are not in the declared encoding, hold a NUL, or have no header.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(source.encoding)()
    # ASCII is the same in UTF-8 and Latin-1, so only other encodings and CR need a copy.
    is_plain = source.encoding == "utf-8" and not source.skip
    seen = line_ends = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if not seen:
                _check_mark(chunk, source, path)
            try:
                is_ascii = is_plain and chunk.isascii() and not decoder.getstate()[0]
                text = "" if is_ascii else decoder.decode(chunk)
            except UnicodeDecodeError as error:
                before = line_ends + chunk.count(b"\n", 0, error.start)
                raise _wrong_encoding(path, source, before + 1) from None
            if is_ascii and b"\x00" in chunk:
                text = chunk.decode("ascii")
            if "\x00" in text:
                line = line_ends + text[: text.index("\x00")].count("\n") + 1
                raise DataError(
                    "the file holds a NUL character",
                    where=f"{path}, line {line:,}",
                    next_step="export it again as text, or set `encoding` (utf-16 holds NULs)",
                )
            if len(chunk) == _CHUNK and b"\n" not in chunk and b"\r" not in chunk:
                raise DataError(
                    f"a line, and so a cell, has more than {_CHUNK:,} bytes",
                    where=f"{path}, line {line_ends + 1:,}",
                    expected="a table, one row a line",
                    next_step="export it again, without attachments or pictures in cells",
                )
            is_plain = is_plain and b"\r" not in chunk
            line_ends += _count_ends(chunk) if is_ascii else text.count("\n")
            seen += len(chunk)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise _wrong_encoding(path, source, line_ends + 1) from None
    plain = path if is_plain else _write_copy(path, source, private / "plain.csv")
    header = _read_header(plain, source, path)
    return PlainFile(plain, header, _count_records(plain, len(header)) - 1, digest.hexdigest())


def _count_ends(chunk: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(chunk, dtype=np.uint8) == 10))


def _check_mark(chunk: bytes, source: SourceSpec, path: Path) -> None:
    if source.encoding != "utf-16" and chunk.startswith(_MARKS[1:]):
        raise DataError(
            f"the file is written in UTF-16, not in {source.encoding}",
            where=str(path),
            next_step="set `encoding: utf-16` of the source",
        )


def _wrong_encoding(path: Path, source: SourceSpec, line: int) -> DataError:
    return DataError(
        f"the text is not in {source.encoding}",
        where=f"{path}, line {line:,}",
        next_step="set `encoding` of the source (utf-8, cp1252, latin-1 or utf-16)",
    )


def _write_copy(path: Path, source: SourceSpec, copy: Path) -> Path:
    # newline=None turns CR LF and CR into LF, also inside quotes.
    encoding = "utf-8-sig" if source.encoding == "utf-8" else source.encoding
    with (
        path.open("r", encoding=encoding, newline=None) as read,
        copy.open("w", encoding="utf-8", newline="\n") as write,
    ):
        for _ in range(source.skip):
            read.readline()
        while text := read.read(_CHUNK):
            write.write(text)
    return copy


def _read_header(plain: Path, source: SourceSpec, path: Path) -> tuple[str, ...]:
    with plain.open("r", encoding="utf-8-sig", newline="") as file:
        try:
            names = next(csv.reader(file, delimiter=source.delimiter, strict=True), [])
        except csv.Error as error:
            raise DataError(
                f"the header cannot be divided into names ({error})", where=str(path)
            ) from None
    header = tuple(name.strip() for name in names)
    if not any(header):
        raise DataError(
            "the first line holds no column names",
            where=str(path),
            expected="a header line with the columns' names",
        )
    return header


def _count_records(plain: Path, n_columns: int) -> int:
    """Count line ends outside quotes; blank lines count only in a table of one column."""
    quoted, last, count = np.uint8(0), 10, 0
    with plain.open("rb") as file:
        while chunk := file.read(_CHUNK):
            data = np.frombuffer(chunk, dtype=np.uint8)
            ends = data == 10
            if not quoted and b'"' not in chunk and not (ends[1:] & ends[:-1]).any():
                first_blank = n_columns > 1 and last == 10 and chunk[0] == 10
                count += int(np.count_nonzero(ends)) - first_blank
                last = chunk[-1]
                continue
            previous = np.concatenate(([last], data[:-1]))
            if quoted or b'"' in chunk:
                inside = np.bitwise_xor.accumulate((data == 34).astype(np.uint8)) ^ quoted
                quoted = inside[-1]
                ends &= inside == 0
            if n_columns > 1:
                ends &= previous != 10
            count += int(np.count_nonzero(ends))
            last = int(data[-1])
    return count + (last != 10 or bool(quoted))
