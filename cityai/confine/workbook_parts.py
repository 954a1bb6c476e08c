"""What the library that reads a workbook hides of it: its XML is searched for that.

The library gives an empty cell for an error, and for a formula without a stored value.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any, Final, TypeAlias
from xml.parsers import expat

from cityai.errors import DataError

_CHUNK: Final = 1 << 20
_SPACES: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_TAGS: Final = {
    **{f"{s} {tag}": tag for s in _SPACES for tag in ("c", "f", "v", "row", "sheet", "calcPr")},
    "http://schemas.openxmlformats.org/package/2006/relationships Relationship": "part",
}
"""Elements of each space of names that are looked at."""
See: TypeAlias = Callable[[str, dict[str, str], Any], None]
_PLACE: Final = re.compile("([A-Z]{1,3})([0-9]{1,7})")
_HIDDEN: Final = re.compile(
    rb"""\st\s*=\s*["']e["']|\shidden\s*=\s*["'](?:1|true)|<(?:[\w.-]+:)?f[\s/>]"""
)
"""Errors, hidden rows and formulas: a sheet without any is not looked through further."""
_BROKEN: Final = re.compile(rb"<(?:[\w.-]+:)?v>[^<]*<!")
"""A remark within a value: no spreadsheet writes one, and the library reads on one side of it."""
_RECALCULATED: Final = "fullCalcOnLoad"


class HiddenParts:
    """What a sheet's XML says beyond its values.

    Attributes
    ----------
    errors : dict of (int, int) to str
        The error in a cell, by its row and column from 0.
    unsaid : list of (int, int)
        Cells with a formula and no value.
    formulas : dict of int to int
        The first row with a formula, by the columns that have one.
    hidden : int
        Rows that are hidden, or filtered away.
    is_recalculated : bool
        Whether the workbook says that its stored values are not those of its formulas.
    """

    def __init__(self) -> None:
        self.errors: dict[tuple[int, int], str] = {}
        self.unsaid: list[tuple[int, int]] = []
        self.formulas: dict[int, int] = {}
        self.hidden, self.is_recalculated = 0, False
        self._row = self._column = -1
        self._kind, self._has_formula, self._has_value = "n", False, False

    def see(self, tag: str, given: dict[str, str], parser: Any) -> None:
        """See an element begin."""
        if tag == "c":
            self.end()
            place = _PLACE.fullmatch(given.get("r", ""))
            self._column = _number(place[1]) if place else self._column + 1
            self._kind = given.get("t", "n")
        elif tag == "row":
            self.end()
            self._row = int(given["r"]) - 1 if given.get("r", "").isdecimal() else self._row + 1
            self._column = -1
            self.hidden += given.get("hidden") in ("1", "true")
        elif tag == "f":
            self._has_formula = True
        elif tag == "v" and (self._kind == "e" or self._has_formula):
            # The result of a formula may be an empty text.
            self._has_value = self._kind == "str"
            parser.CharacterDataHandler = self._read_value

    def _read_value(self, text: str) -> None:
        self._has_value = True
        if self._kind == "e":
            place = self._row, self._column
            self.errors[place] = (self.errors.get(place, "") + text)[:20]

    def end(self) -> None:
        """Note the cell that is over."""
        if self._has_formula:
            self.formulas.setdefault(self._column, self._row)
            if not self._has_value:
                self.unsaid.append((self._row, self._column))
        self._kind, self._has_formula, self._has_value = "n", False, False


def find_hidden(path: str, name: str) -> HiddenParts:
    """Search a sheet for what the library hides.

    Raises
    ------
    DataError
        If its XML is broken.
    """
    found = HiddenParts()
    with zipfile.ZipFile(path) as archive:
        part, found.is_recalculated = _find_part(archive, name, path)
        is_plain = True
        with archive.open(part) as file:
            for window in _list_windows(file):
                is_plain = is_plain and not _HIDDEN.search(window)
                if _BROKEN.search(window):
                    raise DataError(
                        f"a value of the sheet '{name}' has a remark within it",
                        where=path,
                        next_step="open it in the spreadsheet, and save it again as xlsx",
                    )
        if not is_plain:
            with archive.open(part) as file:
                _parse(file, found.see, path)
            found.end()
    return found


def _find_part(archive: zipfile.ZipFile, name: str, path: str) -> tuple[str, bool]:
    """Return the part of a workbook that is a sheet, and whether its formulas are to be redone."""
    found, redone = "", False
    parts: dict[str, str] = {}

    def see(tag: str, given: dict[str, str], _: Any) -> None:
        nonlocal found, redone
        if tag == "sheet" and given.get("name") == name:
            found = next((given[key] for key in given if key.endswith(" id")), "")
        elif tag == "calcPr":
            redone = given.get(_RECALCULATED) in ("1", "true")
        elif tag == "part":
            parts[given.get("Id", "")] = given.get("Target", "")

    known = {part.lower(): part for part in archive.namelist()}
    try:
        for part in ("workbook.xml", "_rels/workbook.xml.rels"):
            with archive.open(known[f"xl/{part}"]) as file:
                _parse(file, see, path)
        target = PurePosixPath("/xl") / parts[found]
        return known[str(target).lstrip("/").lower()], redone
    except KeyError:
        raise DataError(
            f"the workbook does not say where the sheet '{name}' is",
            where=path,
            next_step="open it in the spreadsheet, and save it again as xlsx",
        ) from None


def _parse(file: IO[bytes], see: See, path: str) -> None:
    """Let somebody see each element of a spreadsheet's XML begin."""
    parser = expat.ParserCreate(namespace_separator=" ")

    def begin(name: str, given: dict[str, str]) -> None:
        if tag := _TAGS.get(name):
            parser.CharacterDataHandler = None
            see(tag, given, parser)

    def refuse(*_: object) -> None:
        raise DataError("the workbook declares a type of document", where=path)

    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.ParseFile(file)
    except (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"the workbook is damaged ({error})",
            where=path,
            next_step="open it in the spreadsheet, and save it again as xlsx",
        ) from None


def _list_windows(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file in windows that overlap by more than a tag."""
    last = b""
    while chunk := file.read(_CHUNK):
        yield last + chunk
        last = chunk[-200:]


def _number(letters: str) -> int:
    """Return the number of a column, from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def name_cell(row: int, column: int) -> str:
    """Return how a spreadsheet calls a cell."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"
