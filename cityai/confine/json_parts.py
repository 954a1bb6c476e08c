"""JSON files, looked through without holding them: what they are, and the properties of GeoJSON.

It is read in windows, so a file of any size takes little memory. The engine reads the records.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from cityai.errors import DataError

LINES, ARRAY, FEATURES, OBJECT = "lines", "array", "features", "object"
"""What a file holds: records one after the other, a list of them, GeoJSON, one object alone."""
_CHUNK: Final = 1 << 20
_LONGEST: Final = 1 << 26
"""Characters of one value: of a feature's outline at most."""
_BLANKS: Final = " \t\r\n"
_ENDED: Final = "it ends in the midst of a value"
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKS: Final = re.compile("[\r\n]")
_SHOWN: Final = 10


def look_at_json(path: str) -> tuple[str, list[str]]:
    """Look at how a file begins.

    Returns
    -------
    str
        `LINES`, `ARRAY`, `FEATURES` or `OBJECT`.
    list of str
        The members of the first object.

    Raises
    ------
    DataError
        If it is no JSON.
    """
    with _Window(path) as window:
        members: list[str] = []
        first = window.peek()
        if first == "[":
            return ARRAY, []
        if first != "{":
            raise window.refuse(f"it begins with {first[:1]!r}, not with a record or a list")
        try:
            for name in window.walk():
                members.append(name)
                if name == "features" and window.peek() == "[":
                    return FEATURES, members
                window.skip()
        except _TooLong:
            return OBJECT, members[:_SHOWN]
        return LINES if window.peek() else OBJECT, members[:_SHOWN]


def write_properties(path: str, target: str) -> tuple[int, int]:
    """Write the properties of GeoJSON's features, one record a line; geometry is left out.

    Returns
    -------
    int
        How many features there are.
    int
        How many of them have a geometry.

    Raises
    ------
    DataError
        If the file is broken.
    """
    count = shapes = 0
    with _Window(path) as window, Path(target).open("w", encoding="utf-8", newline="") as plain:
        try:
            for name in window.walk():
                if name != "features":
                    window.skip()
                    continue
                for _ in window.list_items():
                    count += 1
                    properties: list[str] = []
                    for member in window.walk():
                        text = window.skip()
                        if member == "properties" and text != "null":
                            properties.append(text)
                        shapes += member == "geometry" and text != "null"
                    if len(properties) > 1:
                        raise window.refuse("it has properties twice")
                    # A line end between values is a blank; in a text there can be none.
                    plain.write(_MARKS.sub(" ", "".join(properties or ["{}"])) + "\n")
            if window.peek():
                raise window.refuse("something follows the last bracket")
        except _TooLong:
            raise window.refuse(f"a value has more than {_LONGEST:,} characters") from None
        except DataError as error:
            raise _place(error, f"{path}, feature {count:,}" if count else path) from None
    return count, shapes


def find_fault(path: str, kind: str) -> None:
    """Raise what is wrong with the first record that cannot be read.

    The engine says only about where that is.

    Raises
    ------
    DataError
        With the record's number; nothing is raised where its rules are stricter than ours.
    """
    count = 0
    with _Window(path) as window:
        try:
            if kind == ARRAY:
                for _ in window.list_items():
                    count += 1
                    window.skip()
                if window.peek():
                    raise window.refuse("something follows the last bracket")
            while window.peek():
                count += 1
                window.skip()
        except _TooLong:
            return
        except DataError as error:
            raise _place(error, f"{path}, record {count:,}") from None


def _place(error: DataError, where: str) -> DataError:
    told = {"expected": error.expected, "next_step": error.next_step}
    return DataError(error.what, where=where, **told)


class _TooLong(Exception):
    """A value is beyond all measure."""


class _Window:
    """A part of a JSON file, and where in it the reading is."""

    def __init__(self, path: str) -> None:
        self._path, self._text, self._at, self._ended = path, "", 0, False
        with Path(path).open("rb") as file:
            begin = file.read(2)
        if begin in _UTF_16 or b"\0" in begin:
            raise DataError(
                "the file is written in UTF-16",
                where=path,
                expected="UTF-8, as JSON is",
                next_step="open it in an editor, and save it as UTF-8",
            )
        self._file: TextIO = Path(path).open(encoding="utf-8-sig", newline="")  # noqa: SIM115

    def __enter__(self) -> _Window:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def refuse(self, why: str) -> DataError:
        return DataError(
            f"this is not JSON as it should be: {why}",
            where=self._path,
            expected="a list of records, one record a line, or GeoJSON",
            next_step="export it again",
        )

    def peek(self) -> str:
        """Return the next character that is no blank; empty at the end."""
        while True:
            text = self._text
            while self._at < len(text) and text[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(text):
                return text[self._at]
            if not self._more():
                return ""

    def _take(self, marks: str) -> str:
        found = self.peek()
        if not found or found not in marks:
            told = f"{found!r} stands where {' or '.join(map(repr, marks))} should"
            raise self.refuse(told if found else _ENDED)
        self._at += 1
        return found

    def walk(self) -> Iterator[str]:
        """Yield the names of an object's members; each value is to be taken before the next."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise self.refuse("a member has no name" if self.peek() else _ENDED)
            name = json.loads(self.skip())
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def list_items(self) -> Iterator[None]:
        """Stand at each item of a list in turn; each is to be taken before the next."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self._take(",]") == "]":
                return

    def skip(self) -> str:
        """Go behind the next value, and return it as it is written."""
        self.peek()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise self.refuse("it is nested too deeply") from None
            except json.JSONDecodeError as error:
                why = error.msg.lower()
            else:
                # A number at the window's end may go on behind it.
                if end < len(self._text) or not self._more():
                    value = self._text[self._at : end]
                    self._at = end
                    return value
                continue
            if len(self._text) - self._at > _LONGEST:
                raise _TooLong
            if not self._more():
                raise self.refuse(why)

    def _more(self) -> bool:
        """Read on, twice as much each time that a value is longer than what is there."""
        try:
            read = self._file.read(max(_CHUNK, len(self._text) - self._at))
        except UnicodeDecodeError:
            raise DataError(
                "the text is not in UTF-8",
                where=self._path,
                expected="UTF-8, as JSON is",
                next_step="export it again as UTF-8",
            ) from None
        self._text = self._text[self._at :] + read
        self._at = 0
        return bool(read)
