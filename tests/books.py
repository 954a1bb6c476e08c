"""Workbooks (xlsx) as spreadsheets write them, and as they should not be, for tests."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
EPOCHS = {False: datetime.fromisoformat("1899-12-30"), True: datetime.fromisoformat("1904-01-01")}
STYLES = (
    f'<styleSheet xmlns="{SPACE}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="22"/>'
    '<xf numFmtId="14"/></cellXfs></styleSheet>'
)


class Cell(NamedTuple):
    """A cell as its XML says it: the attributes, and what is in it."""

    attributes: str
    content: str


ERROR = Cell('t="e"', "<v>#N/A</v>")


def write_book(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[object]]],
    *,
    merged: Sequence[str] = (),
    hidden: Sequence[int] = (),
    hidden_sheets: Sequence[str] = (),
    is_1904: bool = False,
    calculate: bool = False,
    parts: Mapping[str, str | None] | None = None,
) -> Path:
    """Write a workbook; `parts` are written instead of its own, or left out where None."""
    names = list(sheets)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{i}" r:id="rId{i}"'
        f"{' state=' + quoteattr('hidden') if name in hidden_sheets else ''}/>"
        for i, name in enumerate(names, 1)
    )
    targets = "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(names) + 1)
    )
    written: dict[str, str | None] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{SPACE}" xmlns:r="{RELATIONS}"><workbookPr '
        f'date1904="{int(is_1904)}"/><sheets>{listed}</sheets>'
        f'<calcPr fullCalcOnLoad="{int(calculate)}"/></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{targets}'
        f'<Relationship Id="rIdS" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": STYLES,
    }
    for i, rows in enumerate(sheets.values(), 1):
        written[f"xl/worksheets/sheet{i}.xml"] = _write_sheet(rows, merged, hidden, is_1904)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**written, **(parts or {})}.items():
            if text is not None:
                archive.writestr(name, text)
    return path


def _write_sheet(
    rows: Sequence[Sequence[object]], merged: Sequence[str], hidden: Sequence[int], is_1904: bool
) -> str:
    lines = []
    for i, row in enumerate(rows, 1):
        cells = "".join(
            _write_cell(f"{_name(j)}{i}", cell, is_1904)
            for j, cell in enumerate(row)
            if cell is not None
        )
        lines.append(
            f'<row r="{i}"{" hidden=" + quoteattr("1") if i in hidden else ""}>{cells}</row>'
        )
    ranges = "".join(f'<mergeCell ref="{place}"/>' for place in merged)
    tail = f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{SPACE}"><sheetData>{"".join(lines)}</sheetData>{tail}</worksheet>'


def _write_cell(place: str, cell: object, is_1904: bool) -> str:
    if isinstance(cell, Cell):
        return f'<c r="{place}" {cell.attributes}>{cell.content}</c>'
    if isinstance(cell, bool):
        return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float):
        return f'<c r="{place}"><v>{cell!r}</v></c>'
    if isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
        days = (moment - EPOCHS[is_1904]).total_seconds() / 86_400
        return f'<c r="{place}" s="{1 if isinstance(cell, datetime) else 2}"><v>{days!r}</v></c>'
    text = escape(str(cell))
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _name(column: int) -> str:
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
