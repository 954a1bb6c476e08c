"""A first look at a city's own table: what its columns seem to be, and the specification from it.

Nothing is guessed silently: every choice is told with what speaks for it, what has two readings is
asked, and what a table cannot tell is told too. The total is that of a run: it is counted by the
very reading that a run uses.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cityai.config.city import CitySpec
from cityai.config.tables import SourceSpec
from cityai.data.file_digests import open_bytes
from cityai.data.source import find_format, refuse_address
from cityai.data.source.workbooks import show_rows
from cityai.errors import DataError, TimeError
from cityai.scaffold.cases import propose_cases
from cityai.scaffold.columns import Hints, profile_table
from cityai.scaffold.proposal import Overrides, Proposal
from cityai.scaffold.series import propose_series

PROPOSED: Final[dict[str, Callable[[Proposal], None]]] = {
    "demand": propose_series,
    "risk": propose_cases,
}
"""What is asked of a table, by the kind of question that it is to answer."""
_CHUNK: Final = 1 << 22
_LINES: Final = 200
_MOST_SKIPPED: Final = 20
_CONTROLS: Final = bytes(range(0x80, 0xA0))


def look_at_table(
    path: Path,
    overrides: Overrides | None = None,
    city: CitySpec | None = None,
    kind: str = "demand",
) -> Proposal:
    """Look at a table and propose how to read it.

    Parameters
    ----------
    path : Path
        A file that `SourceSpec.path` may name.
    overrides : Overrides, optional
        What a person says of it.
    city : CitySpec, optional
        Whose clock tells which day a moment lies in; UTC without one.
    kind : str
        Kind of question: demand for events or amounts, risk for cases, each with a yes or no.

    Raises
    ------
    DataError
        When it cannot be read, has no column with dates, can be read in two ways, or cannot serve
        a wish.
    """
    said = overrides or Overrides()
    zone = "UTC" if city is None else city.time_zone
    hints = Hints(zone, said.decimal, said.thousands, said.time, said.format)
    profile = profile_table(path, _find_source(path, said), hints)
    for written in (said.time, said.place, said.amount):
        profile.split(written)
    try:
        return _propose(Proposal(profile, said, city), kind)
    except TimeError:
        if not profile.is_cut:
            raise
        # Rows far off may be so few that none was among those looked at.
        return _propose(Proposal(profile, said, city, hides_far=True), kind)


def _propose(proposal: Proposal, kind: str) -> Proposal:
    proposal.choose_file()
    PROPOSED[kind](proposal)
    proposal.leave_unseen()
    return proposal


def _find_source(path: Path, said: Overrides) -> SourceSpec:
    refuse_address(path)
    written: dict[str, Any] = {"path": str(path.resolve())}
    if said.table:
        if path.exists() and find_format(path) not in ("database", "workbook"):
            what = "--table: this file is no database or workbook, so it holds one table"
            raise DataError(what, where=str(path), next_step="leave --table out")
        written["table"] = said.table
    if not path.exists() or find_format(path) == "csv":
        encoding = said.encoding or _find_encoding(path)
        delimiter, skip = _find_layout(path, encoding)
        written |= {"encoding": encoding, "delimiter": delimiter, "skip": skip}
    elif find_format(path) == "workbook":
        rows = show_rows(path, said.table or None)
        above = _find_header(rows, len(rows[0]))
        # Empty rows above the header go without saying.
        written["skip"] = above if any(map(any, rows[:above])) else 0
    return SourceSpec.model_validate(written)


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
            try:
                rows = list(islice(csv.reader(file, delimiter=delimiter), _LINES))
            except csv.Error:  # a cell longer than 131,072 characters: reading the rows says so
                continue
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
