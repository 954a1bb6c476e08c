"""JSON as a source: records in a list or one a line, and the properties of GeoJSON's features."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cityai.config.tables import SourceSpec
from cityai.data.source import open_source
from cityai.data.source.engine import fetch_frame
from cityai.errors import DataError
from cityai.progress import SilentProgress, heard_by

DEEP = "[" * 100_000 + "]" * 100_000


def write(folder: Path, content: str | bytes, name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, columns: list[str] | None = None, **source: object) -> pd.DataFrame:
    spec = SourceSpec(path=str(path), **source)
    with open_source(spec, path, columns, max_rows=1_000) as opened:
        frame = fetch_frame(opened.table.order_by("n"))
        return frame.rename(columns={new: old for old, new in opened.names.items()})


def list_cells(frame: pd.DataFrame, name: str) -> list[str | None]:
    return [None if pd.isna(cell) else str(cell) for cell in frame[name]]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', "t.jsonl"),
        ('{"a": 1, "b": "x"}\r\n\r\n{"a": 2, "b": "y"}', "t.ndjson"),
        (b'\xef\xbb\xbf{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}', "t.jsonl"),
        ('{"a": 1,\n"b": "x"}\n{"a": 2,\n"b": "y"}', "t.json"),
        ('[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]', "t.json"),
        (b'\xef\xbb\xbf [\n{"a": 1, "b": "x"},\n{"a": 2, "b": "y"}\n]\n', "T.JSON"),
        (
            '{"type": "FeatureCollection", "crs": {"a": [9]}, "features": ['
            '{"properties": {"a": 1, "b": "x"}, "geometry": {"coordinates": [9, [9]]}},'
            '{"geometry": null, "properties": {"a": 2,\n"b": "y"}}], "b": 3}',
            "t.geojson",
        ),
    ],
)
def test_records_are_rows_however_they_are_laid_out(tmp_path, content, name):
    frame = read(write(tmp_path, content, name))
    assert frame["n"].tolist() == [1, 2]
    assert list_cells(frame, "a") == ["1", "2"]
    assert list_cells(frame, "b") == ["x", "y"]


def test_values_are_the_texts_that_a_csv_file_has(tmp_path):
    values = ["1", "1.50", "5.0", "-0.25", "123456789012345678901234567890", "9007199254740993"]
    values += ["true", "null", '"1,5"', '" x "', '"é\\u00e9"', "NaN", '{"x": [1]}', "[1, 2]"]
    path = write(tmp_path, "\n".join(f'{{"n": 1, "a": {value}}}' for value in values))
    texts = ["1", "1.5", "5", "-0.25", "123456789012345678901234567890", "9007199254740993"]
    texts += ["true", None, "1,5", " x ", "éé", "NaN", '{"x":[1]}', "[1,2]"]
    assert list_cells(read(path), "a") == texts
    comma = list_cells(read(path, decimal=","), "a")
    assert comma[1:4] == ["1,5", "5", "-0,25"]
    assert comma[8] == "1,5"


def test_columns_are_the_names_in_any_record(tmp_path):
    path = write(tmp_path, '{"b": 1}\n{"a": null, "b": 2}\n{}\n{"c": 3, "A": 4}\n')
    frame = read(path)
    assert list(frame.columns) == ["n", "b", "a", "c", "A"]
    assert list_cells(frame, "b") == ["1", "2", None, None]
    assert list_cells(frame, "a") == [None] * 4
    with pytest.raises(DataError, match="no column 'd'"):
        read(path, ["d"])


def test_names_of_any_kind_are_found(tmp_path):
    names = ['a\\"b', "", "a/b", "~1", "$.x", "*", "[0]", "é", " a ", "#-1", "0"]
    path = write(tmp_path, "{" + ",".join(f'"{name}": {i}' for i, name in enumerate(names)) + "}")
    frame = read(path)
    assert frame.drop(columns="n").iloc[0].tolist() == [str(i) for i in range(len(names))]


def test_a_geometry_is_left_out_and_said(tmp_path):
    class Heard(SilentProgress):
        def say(self, what: str) -> None:
            told.append(what)

    told: list[str] = []
    text = '{"features": [{"properties": {"a": 1}, "geometry": {"type": "Point"}}]}'
    with heard_by(Heard()):
        frame = read(write(tmp_path, text, "t.geojson"))
    assert list(frame.columns) == ["n", "a"]
    assert any("geometry is left out" in what for what in told)


def test_a_value_may_be_longer_than_what_is_read_at_once(tmp_path):
    point = "[1.5, 2.5], " * 300_000 + "[0, 0]"
    features = f'{{"properties": {{"a": 7}}, "geometry": {{"coordinates": [{point}]}}}}'
    path = write(tmp_path, '{"features": [' + ", ".join([features] * 3) + "]}", "t.geojson")
    assert list_cells(read(path), "a") == ["7", "7", "7"]


REFUSED: dict[str, tuple[str, str | bytes, str]] = {
    "cut line": ("t.jsonl", '{"a": 1}\n{"a": 2}\n{"a"', r"record 3: this is not JSON"),
    "cut list": ("t.json", '[{"a": 1}, {"a": 2}', r"record 2: this is not JSON(?s:.)*ends in"),
    "cut features": ("t.geojson", '{"features": [{"properties": {"a": 1}}, {"prop', r"feature 2"),
    "behind the list": ("t.json", '[{"a": 1}] x', r"something follows"),
    "behind the features": ("t.geojson", '{"features": []} x', r"something follows"),
    "twice": ("t.jsonl", '{"a": 1}\n{"a": 1, "a": 2}', r"record 2 has 'a' more than once"),
    "twice, written otherwise": ("t.jsonl", '{"a": 1, "\\u0061": 2}', r"record 1 has 'a' more"),
    "twice in a feature": (
        "t.geojson",
        '{"features": [{"properties": {"a": 1, "a": 2}}]}',
        r"more",
    ),
    "a list": ("t.json", '[["a"], [1]]', r"record 1 is a list"),
    "a number": ("t.json", "[1]", r"record 1 is a number"),
    "null": ("t.json", '[{"a": 1}, null]', r"record 2 is null"),
    "no feature": ("t.geojson", '{"features": [{"properties": 5}]}', r"record 1 is a number"),
    "one object": ("t.json", '{"data": [{"a": 1}], "b": 2}', r"one object, with 'data', 'b'"),
    "nothing": ("t.json", "[]", r"no records"),
    "no names": ("t.jsonl", "{}", r"no records"),
    "blanks": ("t.json", "  \n ", r"not JSON"),
    "CSV": ("t.json", "a,b\n1,2\n", r"begins with 'a'"),
    "workbook": ("t.json", b"PK\x03\x04", r"this is a spreadsheet"),
    "packed": ("t.jsonl", b"\x1f\x8b", r"packed"),
    "UTF-16": ("t.jsonl", '{"a": 1}'.encode("utf-16"), r"UTF-16"),
    "UTF-16 without a mark": ("t.jsonl", '{"a": 1}'.encode("utf-16-le"), r"UTF-16"),
    "Latin-1": ("t.jsonl", '{"a": "é"}'.encode("latin-1"), r"not in UTF-8"),
    "Latin-1 later": ("t.jsonl", b'{"a": 1}\n' * 300_000 + b'{"a": "\xe9"}', r"UTF-8"),
    "NUL": ("t.jsonl", b'{"a": 1}\n\x00\n', r"record 2"),
    "half a letter": ("t.jsonl", '{"a": "\\ud800"}', r"surrogate"),
    "deep": ("t.jsonl", f'{{"a": {DEEP}}}', r"nested too deeply"),
    "deep geometry": (
        "t.geojson",
        f'{{"features": [{{"geometry": {DEEP}}}]}}',
        r"nested too deeply",
    ),
    "long text": ("t.jsonl", f'{{"a": "{"x" * 2_000_000}"}}', r"more than 1,000,000 bytes"),
    "long record": ("t.jsonl", f'{{"b": 1}}\n{{"a": "{"x" * 40_000_000}"}}', r"more than 16 MB"),
    "many names": ("t.jsonl", "{" + ",".join(f'"k{i}": 1' for i in range(11_000)) + "}", "10,001"),
    "many rows": ("t.jsonl", '{"a": 1}\n' * 1_001, r"the table has 1,001 rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_rightly_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    name, content, says = REFUSED[case]
    with pytest.raises(DataError, match=says) as told:
        read(write(tmp_path, content, name))
    assert name in told.value.where
