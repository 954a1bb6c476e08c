"""Sheets of a workbook (xlsx): their cells as text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Final

from cityai.confine.workbook_parts import HiddenParts, find_hidden, name_cell
from cityai.errors import DataError, suggest_name

LAST_ROW: Final = 1_048_576
"""Rows of a sheet: what does not fit was left out by who wrote it."""
_MOST_UNPACKED: Final = 8 << 30
_WHOLE: Final = 2.0**53
_SAVE: Final = "open it in the spreadsheet, let it calculate, and save it"


class Sheet:
    """One sheet of a workbook.

    Parameters
    ----------
    path : str
        The file.
    name : str, optional
        The sheet; the only one with cells where it is not named.

    Raises
    ------
    DataError
        If the file is no workbook, or which of its sheets is meant is not said.
    """

    def __init__(self, path: str, name: str | None) -> None:
        import python_calamine as calamine

        self.path = path
        _check_archive(path)
        try:
            book = calamine.CalamineWorkbook.from_path(path)
            kept = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == calamine.SheetTypeEnum.WorkSheet
                and (sheet.visible == calamine.SheetVisibleEnum.Visible or sheet.name == name)
            ]
            if name is None and len(kept) > 1:
                kept = [sheet for sheet in kept if book.get_sheet_by_name(sheet).end is not None]
            if len(kept) != 1 and name not in kept:
                raise self._ask_sheet(name, kept)
            self.name = name or kept[0]
            self._cells: Any = book.get_sheet_by_name(self.name)
            self._merged = self._cells.merged_cell_ranges or []
        except calamine.CalamineError as error:
            raise DataError(
                f"the workbook cannot be read ({type(error).__name__}: {error})",
                where=path,
                next_step="open it in the spreadsheet, and save it again as xlsx",
            ) from None
        self.where = f"{path}, sheet '{self.name}'"
        if self._cells.end is None:
            raise DataError(
                "the sheet is empty",
                where=self.where,
                expected="a header and rows",
                next_step="set `table` of the source to another sheet",
            )
        self._left = self._cells.start[1]
        if self._cells.end[0] + 1 >= LAST_ROW:
            raise DataError(
                f"the sheet is full: it ends in row {LAST_ROW:,}, the last that a sheet can have",
                where=self.where,
                expected="a table that ends before, for what came after is not in the file",
                next_step="export the table as CSV or Parquet, which have no such end",
            )

    def _ask_sheet(self, name: str | None, known: list[str]) -> DataError:
        missing = "no sheet has cells" if not known else f"there are {len(known):,} sheets"
        return DataError(
            missing if name is None else f"there is no sheet '{name}'",
            where=self.path,
            expected=suggest_name(name or "", known),
            next_step="set `table` of the source to the name of one; with `cityai new --from`, "
            "--table",
        )

    def show_rows(self, count: int) -> list[list[str]]:
        """Return the first rows as text."""
        return [
            [_write(cell, ".") or "" for cell in row]
            for row in islice(self._cells.iter_rows(), count)
        ]

    def find_header(self, skip: int) -> tuple[tuple[str, int], list[str]]:
        """Find the names of the columns: the first row with cells, so many rows skipped.

        Where a cell of the header is merged with those above it, the name stands in the first.
        Columns with neither a name nor a cell are none.

        Returns
        -------
        tuple of (str, int)
            The sheet, and the row of it.
        list of str
            The names.
        """
        numbered = islice(enumerate(self._cells.iter_rows()), skip, None)
        filled_rows = ((i, row) for i, row in numbered if row.count("") < len(row))
        if (found := next(filled_rows, None)) is None:
            raise DataError(
                f"there is no cell below the first {skip:,} rows, which are skipped",
                where=self.where,
                next_step="correct `skip` of the source",
            )
        self._header, row = found
        names = [(_write(cell, ".") or "").strip() for cell in row]
        for (top, left), (bottom, right) in self._merged:
            if top < self._header == bottom and left == right:
                (first,) = islice(self._cells.iter_rows(), top, top + 1)
                names[left - self._left] = (_write(first[left - self._left], ".") or "").strip()
        filled = set(range(len(names))) if all(names) else self._find_filled()
        self._columns = [j for j, name in enumerate(names) if name or j in filled]
        return (self.name, self._header + 1), [names[j] for j in self._columns]

    def _find_filled(self) -> set[int]:
        """Return the columns that have a cell below the header."""
        rows = islice(self._cells.iter_rows(), self._header + 1, None)
        filled = {j for row in rows for j, cell in enumerate(row) if cell != ""}
        return filled | {column - self._left for _, column in self._hidden.errors}

    def check(self, chosen: Sequence[int]) -> int:
        """Refuse what would be read as an empty or a wrong cell; return how many rows are hidden.

        Raises
        ------
        DataError
            At merged cells, and formulas whose value is not stored or not up to date.
        """
        wanted = {self._columns[i] + self._left for i in chosen}
        found = self._hidden
        lost = [place for place in found.unsaid if place[0] > self._header and place[1] in wanted]
        if lost:
            raise DataError(
                f"cell {name_cell(*lost[0])} has a formula without a stored value"
                + (f", as {len(lost) - 1:,} others have" if len(lost) > 1 else ""),
                where=self.where,
                next_step=_SAVE,
            )
        if found.is_recalculated and (old := sorted(wanted & found.formulas.keys())):
            raise DataError(
                f"cell {name_cell(found.formulas[old[0]], old[0])} has a formula, and whoever "
                "wrote the file left it to the spreadsheet to calculate",
                where=self.where,
                next_step=_SAVE,
            )
        self._check_merged(wanted)
        return found.hidden

    def _check_merged(self, wanted: set[int]) -> None:
        """Refuse merged cells, but for a remark or a heading that stands alone in its rows."""
        ranges = [
            ((top, left), (bottom, right))
            for (top, left), (bottom, right) in self._merged
            if bottom >= self._header
            and wanted & set(range(left, right + 1))
            and not (top < self._header == bottom and left == right)
        ]
        if not ranges:
            return
        filled = [len(row) - row.count("") for row in self._cells.iter_rows()]
        for (top, left), (bottom, right) in ranges:
            if top > self._header and sum(filled[top : bottom + 1]) <= 1:
                continue
            raise DataError(
                f"the cells {name_cell(top, left)}:{name_cell(bottom, right)} are merged, so only "
                "the first has the value",
                where=self.where,
                expected="each cell by itself, and one row with the names above the rows",
                next_step="undo the merge in the spreadsheet, and write each cell's own value; of "
                "a header, set `skip` to the rows above its last one",
            )

    def list_rows(
        self, chosen: Sequence[int], decimal: str, max_rows: int
    ) -> Iterator[tuple[int, list[str | None]]]:
        """Yield rows below the header, each with its number; empty ones are none."""
        places, errors, left = [self._columns[i] for i in chosen], self._hidden.errors, self._left
        broken = {row for row, _ in errors}
        count = 0
        for i, row in enumerate(self._cells.iter_rows()):
            if i <= self._header or (row.count("") == len(row) and i not in broken):
                continue
            cells = [_write(row[j], decimal) for j in places]
            if i in broken:
                cells = [errors.get((i, j + left), c) for j, c in zip(places, cells, strict=True)]
            count += 1
            if count > max_rows:
                raise DataError(
                    f"the sheet has more than {max_rows:,} rows",
                    where=self.where,
                    expected=f"at most {max_rows:,}",
                    next_step="raise `data.max_rows` if this is right",
                )
            yield i - self._header, cells
        if not count:
            raise DataError(
                "the sheet has a header and no rows",
                where=self.where,
                expected="a row for each event or amount",
                next_step="set `skip` or `table` of the source, or export it again",
            )

    @cached_property
    def _hidden(self) -> HiddenParts:
        return find_hidden(self.path, self.name)


def _check_archive(path: str) -> None:
    """Refuse what is no workbook, and one that is beyond all measure when it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(part.file_size for part in archive.infolist())
            names = {part.filename.lower() for part in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"the workbook is damaged ({error})",
            where=path,
            expected="a whole file",
            next_step="export it, or fetch it, again",
        ) from None
    if "xl/workbook.xml" not in names:
        raise DataError(
            "this is a binary workbook (xlsb)"
            if "xl/workbook.bin" in names
            else "this archive holds no workbook (xlsx)",
            where=path,
            next_step="open it in the spreadsheet, and save it as xlsx",
        )
    if size > _MOST_UNPACKED:
        raise DataError(
            f"the workbook has {size:,} bytes when it is unpacked",
            where=path,
            expected=f"at most {_MOST_UNPACKED:,}",
            next_step="export the table as CSV or Parquet",
        )


def _write(cell: Any, decimal: str) -> str | None:
    """Write a cell as text: 101.0 is 101, a date is that of ISO 8601."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < _WHOLE:
            return str(int(cell))
        return repr(cell).replace(".", decimal)
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return str(cell)
