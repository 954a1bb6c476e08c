"""Sheets of workbooks: read as the same table in CSV is, or refused with the cell."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from cityai.config.tables import SourceSpec
from cityai.data.source import open_source
from cityai.data.source.engine import fetch_frame
from cityai.errors import DataError
from cityai.progress import SilentProgress, heard_by
from cityai.scaffold.look import look_at_table
from cityai.scaffold.proposal import Overrides
from tests.books import ERROR, SPACE, Cell, write_book

HEADER = ["id", "opened", "amount"]
ROWS = [HEADER, ["R1", date(2024, 1, 31), 1.5], ["R2", date(2024, 2, 1), 2], ["R3", None, None]]
FORMULA = Cell("", "<f>1+1</f>")
LAST = 1_048_576


def read(path: Path, columns: list[str] | None = None, **source: object) -> pd.DataFrame:
    spec = SourceSpec(path=str(path), **source)
    with open_source(spec, path, columns, max_rows=1_000) as opened:
        frame = fetch_frame(opened.table.order_by("n"))
        return frame.rename(columns={new: old for old, new in opened.names.items()})


def list_cells(frame: pd.DataFrame, name: str) -> list[str | None]:
    return [None if pd.isna(cell) else str(cell) for cell in frame[name]]


def test_cells_are_the_texts_that_a_csv_file_has(tmp_path):
    cells = ["x", " y ", 7, 7.0, 0.1, 1e-7, -2.5, True, date(2024, 2, 29)]
    cells += [datetime.fromisoformat("2024-02-29 13:05:07"), ERROR, "1,234.5", "0012", "é ", None]
    path = write_book(tmp_path / "t.xlsx", {"a": [["n", "cell"], *([1, cell] for cell in cells)]})
    texts = ["x", " y ", "7", "7", "0.1", "1e-07", "-2.5", "true", "2024-02-29"]
    texts += ["2024-02-29 13:05:07", "#N/A", "1,234.5", "0012", "é ", None]
    assert list_cells(read(path), "cell") == texts
    comma = list_cells(read(path, decimal=","), "cell")
    assert comma[4:7] == ["0,1", "1e-07", "-2,5"]
    assert comma[11] == "1,234.5"


def test_days_are_counted_from_1900_or_1904(tmp_path):
    days = [date(1904, 1, 2), date(2024, 2, 29), date(2024, 12, 31)]
    for is_1904 in (False, True):
        rows = [["day"], *([day] for day in days)]
        path = write_book(tmp_path / "t.xlsx", {"a": rows}, is_1904=is_1904)
        assert list_cells(read(path), "day") == [day.isoformat() for day in days]


def test_every_second_of_a_day_is_itself(tmp_path):
    moments = [
        datetime.fromisoformat("2024-03-01") + timedelta(seconds=s) for s in range(1, 86_400, 97)
    ]
    path = write_book(tmp_path / "t.xlsx", {"a": [["at"], *([moment] for moment in moments)]})
    assert list_cells(read(path), "at") == [str(moment) for moment in moments]


def test_empty_rows_and_columns_are_none_and_rows_keep_their_numbers(tmp_path):
    rows = [[], [None, "id", None, "x"], [], [None, "R1", None, 1], [], [None, "R2", None, 2], []]
    frame = read(write_book(tmp_path / "t.xlsx", {"a": rows}))
    assert list(frame.columns) == ["n", "id", "x"]
    assert frame["n"].tolist() == [2, 4]
    assert frame["id"].tolist() == ["R1", "R2"]


def test_titles_above_the_header_are_skipped_and_found(tmp_path):
    table = [["Requests of the city"], ["as of May"], [], *ROWS]
    path = write_book(tmp_path / "t.xlsx", {"a": table}, merged=["A1:C1"])
    assert read(path, skip=2)["id"].tolist() == ["R1", "R2", "R3"]
    with pytest.raises(DataError, match="2 columns have no name in row 1") as told:
        read(path)
    assert "`skip`" in told.value.next_step
    rows = [[f"R{i}", date(2024, 1, 1) + timedelta(days=i), "North"] for i in range(40)]
    path = write_book(
        tmp_path / "t.xlsx", {"a": [["Requests"], [], ["id", "opened", "place"], *rows]}
    )
    assert look_at_table(path, Overrides(place="place")).profile.source.skip == 2
    empty = write_book(tmp_path / "e.xlsx", {"a": [[], [], ["id", "opened", "place"], *rows]})
    assert look_at_table(empty, Overrides(place="place")).profile.source.skip == 0


def test_a_name_that_is_merged_with_the_cells_above_is_read(tmp_path):
    table = [["id", "what", None], [None, "opened", "amount"], *ROWS[1:]]
    path = write_book(tmp_path / "t.xlsx", {"a": table}, merged=["A1:A2", "B1:C1"])
    assert list(read(path, skip=1).columns) == ["n", *HEADER]


def test_remarks_and_totals_below_are_rows_as_in_csv(tmp_path):
    table = [*ROWS, ["Total", None, 3.5], [], ["Source: the city", None, None]]
    frame = read(write_book(tmp_path / "t.xlsx", {"a": table}, merged=["A7:C7"]))
    assert frame["id"].tolist() == ["R1", "R2", "R3", "Total", "Source: the city"]
    assert frame["opened"].isna().tolist() == [False, False, True, True, True]


def test_the_sheet_is_asked_where_several_have_cells(tmp_path):
    sheets = {"Data": ROWS, "Notes": [["read me"], ["x"]], "Empty": [], "Old": ROWS[:2]}
    path = write_book(tmp_path / "t.xlsx", sheets, hidden_sheets=["Old"])
    with pytest.raises(DataError, match=r"2 sheets(?s:.)*Data, Notes") as told:
        read(path)
    assert "`table`" in told.value.next_step
    with pytest.raises(DataError, match=r"no sheet 'Dat'(?s:.)*Did you mean 'Data'"):
        read(path, table="Dat")
    assert len(read(path, table="Data")) == 3
    assert len(read(path, table="Old")) == 1
    assert SourceSpec(path="a/t.xlsx", table="Data").name == "t.xlsx, Data"
    one = write_book(tmp_path / "one.xlsx", {"Data": ROWS, "Empty": []})
    assert len(read(one)) == 3
    with pytest.raises(DataError, match="sheet is empty"):
        read(one, table="Empty")


def test_hidden_rows_are_read_and_said(tmp_path):
    class Heard(SilentProgress):
        def say(self, what: str) -> None:
            told.append(what)

    told: list[str] = []
    path = write_book(tmp_path / "t.xlsx", {"Data": ROWS}, hidden=[3])
    with heard_by(Heard()):
        assert len(read(path)) == 3
    assert any(
        what == "hidden rows of the sheet 'Data', read as the others are: 1" for what in told
    )


def test_a_column_that_is_not_asked_for_breaks_nothing(tmp_path):
    table = [[*HEADER, "note"], [*ROWS[1], FORMULA], [*ROWS[2], None]]
    path = write_book(tmp_path / "t.xlsx", {"Data": table}, merged=["D2:D3"])
    assert read(path, ["id", "amount"])["amount"].tolist() == ["1.5", "2"]
    with pytest.raises(DataError, match="cell D2 has a formula"):
        read(path, ["id", "note"])


def spoil(**given: object) -> Callable[[Path], Path]:
    return lambda path: write_book(path, {"Data": ROWS}, **given)  # type: ignore[arg-type]


def put(cell: object) -> Callable[[Path], Path]:
    return lambda path: write_book(path, {"Data": [*ROWS[:2], ["R2", None, cell]]})


def put_bytes(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


def cut(path: Path) -> Path:
    content = spoil()(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def fill(path: Path) -> Path:
    last = f'<row r="{LAST}"><c r="A{LAST}"><v>1</v></c></row></sheetData>'
    with zipfile.ZipFile(spoil()(path)) as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    return spoil(parts={"xl/worksheets/sheet1.xml": text.replace("</sheetData>", last)})(path)


def laugh(path: Path) -> Path:
    names = "abcdefghij"
    many = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    with zipfile.ZipFile(put(ERROR)(path)) as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    text = f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{many}]>{text}'.replace("#N/A", "&j;")
    return spoil(parts={"xl/worksheets/sheet1.xml": text})(path)


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "formula": (put(FORMULA), r"cell C3 has a formula without a stored value"),
    "empty value": (put(Cell("", "<f>1+1</f><v></v>")), r"cell C3 has a formula without a stored"),
    "to calculate": (
        lambda path: write_book(
            path, {"a": [*ROWS[:2], ["R2", None, Cell("", "<f>1</f><v>0</v>")]]}, calculate=True
        ),
        r"cell C3 has a formula, and whoever wrote the file",
    ),
    "merged": (spoil(merged=["C2:C3"]), r"cells C2:C3 are merged"),
    "merged header": (spoil(merged=["B1:C1"]), r"cells B1:C1 are merged"),
    "full": (fill, r"the sheet is full: it ends in row 1,048,576"),
    "cut": (cut, r"the workbook is damaged"),
    "password": (put_bytes(b"\xd0\xcf\x11\xe0" + bytes(99)), r"locked with a password"),
    "text": (put_bytes(b"a,b\n1,2\n"), r"a text or another file(?s:.)*\.csv"),
    "page": (put_bytes(b"<html><table>"), r"a web page"),
    "parquet": (put_bytes(b"PAR1" + bytes(99)), r"a Parquet file"),
    "no sheet": (spoil(parts={"xl/worksheets/sheet1.xml": None}), r"cannot be read"),
    "no workbook": (spoil(parts={"xl/workbook.xml": None}), r"holds no workbook"),
    "binary": (
        spoil(parts={"xl/workbook.xml": None, "xl/workbook.bin": "x"}),
        r"binary workbook \(xlsb\)",
    ),
    "broken": (spoil(parts={"xl/worksheets/sheet1.xml": "<worksheet><row"}), r"cannot be read"),
    "entities": (laugh, r"cannot be read|a type of document"),
    "remark in a value": (put(Cell("", "<v>1<!-- x -->2</v>")), r"a remark within it"),
    "header alone": (lambda path: write_book(path, {"a": ROWS[:1]}), r"a header and no rows"),
    "twice": (
        lambda path: write_book(path, {"a": [["a", "a"], [1, 2]]}),
        r"'a' appears 2 times",
    ),
    "too many": (
        lambda path: write_book(path, {"a": [["a"], *([i] for i in range(1_001))]}),
        r"more than 1,000 rows",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_rightly_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    write, says = REFUSED[case]
    with pytest.raises(DataError, match=says) as told:
        read(write(tmp_path / "t.xlsx"))
    assert "t.xlsx" in told.value.where


@pytest.mark.parametrize("name", ["t.xls", "t.ods", "t.xlsb"])
def test_other_spreadsheets_are_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DataError, match="not read") as told:
        read(tmp_path / name)
    assert "save it as xlsx" in told.value.next_step


@pytest.mark.slow
def test_a_bomb_ends_at_the_limit_of_memory(tmp_path, monkeypatch):
    from cityai.confine.reader import forget_reader

    monkeypatch.setenv("CITYAI_LIMIT_GB", "0.7")
    forget_reader()
    row = f"<row>{'<c><v>1</v></c>' * 10_000}</row>"
    text = f'<worksheet xmlns="{SPACE}"><sheetData>{row * 2_500}</sheetData></worksheet>'
    path = spoil(parts={"xl/worksheets/sheet1.xml": text})(tmp_path / "t.xlsx")
    assert path.stat().st_size < 4_000_000
    with pytest.raises(DataError, match=r"more than 0.7 GB") as told:
        read(path)
    assert "CITYAI_LIMIT_GB" in told.value.next_step
    monkeypatch.undo()
    forget_reader()
