"""The contract: what is accepted, what is refused and why; two independent readings agree."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.config.tables import ColumnSpec, SourceSpec
from cityai.data.contract import (
    ABOVE,
    BELOW,
    MISSING,
    NO_MATCH,
    NOT_ALLOWED,
    NOT_OF_TYPE,
    OUT_OF_YEARS,
    build_contract,
    build_schema,
    judge_values,
)
from cityai.data.conversion import convert_cells
from cityai.data.source import open_source
from cityai.data.source.engine import fetch_frame
from cityai.data.source.functions import BLANKS
from cityai.data.written_dates import MONTH_NAMES, parse_written
from cityai.errors import DataError, SpecError

ZONE = "America/New_York"


def moment(*parts):
    """Give a wall-clock moment without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


def convert(folder, frame, columns, *, parquet=False, **choices):
    """Convert a table and return (frame of cells, contract)."""
    path = folder / ("t.parquet" if parquet else "t.csv")
    if parquet:
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    contract = build_contract(columns, choices.pop("required", ()), zone=ZONE, **choices)
    with open_source(SourceSpec(path=str(path)), path, list(columns), max_rows=10**6) as opened:
        converted = opened.save("converted", convert_cells(opened, contract))
        judge_values(converted, contract, "t")
        return fetch_frame(converted.order_by("n"))


def convert_one(folder, text, column, **choices):
    found = convert(folder, pd.DataFrame({"x": [text], "y": ["y"]}), {"x": column}, **choices)
    row = found.iloc[0]
    return (None if pd.isna(row["v0"]) else row["v0"], None if pd.isna(row["r0"]) else row["r0"])


CASES = [
    ({"type": "integer"}, "12", 12, None),
    ({"type": "integer"}, "+7", 7, None),
    ({"type": "integer"}, "9007199254740993", 9007199254740993, None),
    ({"type": "integer"}, "5.0", None, NOT_OF_TYPE["integer"]),
    ({"type": "integer"}, "1e3", None, NOT_OF_TYPE["integer"]),
    ({"type": "integer"}, "99999999999999999999", None, NOT_OF_TYPE["integer"]),
    ({"type": "number"}, "1.5", 1.5, None),
    ({"type": "number"}, "-.5e2", -50.0, None),
    ({"type": "number"}, "1,5", None, NOT_OF_TYPE["number"]),
    ({"type": "number"}, "1,234.5", None, NOT_OF_TYPE["number"]),
    ({"type": "number"}, "inf", None, NOT_OF_TYPE["number"]),
    ({"type": "number"}, "nan", None, NOT_OF_TYPE["number"]),
    ({"type": "number"}, "1e999", None, NOT_OF_TYPE["number"]),
    ({"type": "number", "min": 0}, "-1", -1.0, BELOW),
    ({"type": "number", "max": 9}, "10", 10.0, ABOVE),
    ({"type": "boolean"}, "Yes", True, None),
    ({"type": "boolean"}, "0", False, None),
    ({"type": "boolean"}, "maybe", None, NOT_OF_TYPE["boolean"]),
    ({"type": "text", "allowed": ["A", "B"]}, "A", "A", None),
    ({"type": "text", "allowed": ["A", "B"]}, "a", "a", NOT_ALLOWED),
    ({"type": "text", "pattern": r"\d{5}"}, "02134", "02134", None),
    ({"type": "text", "pattern": r"\d{5}"}, "02134x", "02134x", NO_MATCH),
    ({"type": "text"}, " A\u00a0", "A", None),
    ({"type": "text"}, "e\u0301", "é", None),
    ({"type": "text"}, "NA", "NA", None),
    ({"type": "date"}, "2024-02-29", moment(2024, 2, 29), None),
    ({"type": "date"}, "2023-02-29", None, NOT_OF_TYPE["date"]),
    ({"type": "date"}, "03/04/2024", None, NOT_OF_TYPE["date"]),
    ({"type": "date"}, "2024-1-5", None, NOT_OF_TYPE["date"]),
    ({"type": "date"}, "2024-01-05 13:00", None, NOT_OF_TYPE["date"]),
    ({"type": "date", "format": "%d/%m/%Y"}, "03/04/2024", moment(2024, 4, 3), None),
    ({"type": "date", "format": "%Y/%m"}, "2024/04", moment(2024, 4, 1), None),
    ({"type": "date", "format": "%d/%m/%Y"}, "03/14/2024", None, NOT_OF_TYPE["date"]),
    ({"type": "date"}, "0001-01-01", moment(1, 1, 1), OUT_OF_YEARS),
    ({"type": "datetime"}, "2024-03-10 06:59:00", moment(2024, 3, 10, 6, 59), None),
    ({"type": "datetime"}, "2024-03-10T06:59:00Z", moment(2024, 3, 10, 1, 59), None),
    ({"type": "datetime"}, "2024-03-10T07:00:00Z", moment(2024, 3, 10, 3, 0), None),
    ({"type": "datetime"}, "2024-03-10T09:00:00+02:00", moment(2024, 3, 10, 3, 0), None),
    ({"type": "datetime"}, "2024-03-10 25:00", None, NOT_OF_TYPE["datetime"]),
    (
        {"type": "datetime", "format": "%m/%d/%Y %I:%M:%S %p"},
        "03/04/2024 01:02:03 PM",
        moment(2024, 3, 4, 13, 2, 3),
        None,
    ),
    (
        {"type": "datetime", "format": "%Y-%m-%dT%H:%M:%S%z"},
        "2024-07-01T03:00:00+0000",
        moment(2024, 6, 30, 23),
        None,
    ),
]


@pytest.fixture(scope="module")
def converted_cases(tmp_path_factory):
    """All cases as one row of one table, a column each."""
    frame = pd.DataFrame([{f"c{i}": case[1] for i, case in enumerate(CASES)}])
    columns = {f"c{i}": ColumnSpec(**case[0]) for i, case in enumerate(CASES)}
    return convert(tmp_path_factory.mktemp("cases"), frame, columns).iloc[0]


@pytest.mark.parametrize(
    "i", range(len(CASES)), ids=lambda i: f"{CASES[i][0]['type']}-{CASES[i][1]}"
)
def test_cells(converted_cases, i):
    value, reason = converted_cases[f"v{i}"], converted_cases[f"r{i}"]
    assert (None if pd.isna(value) else value) == CASES[i][2]
    assert (None if pd.isna(reason) else reason) == CASES[i][3]


def test_missing_values_and_decimal_comma(tmp_path):
    number = ColumnSpec(type="number")
    choices = {"decimal": ",", "missing": ("", "NULL", "-")}
    assert convert_one(tmp_path, "1,5", number, **choices) == (1.5, None)
    assert convert_one(tmp_path, "1.5", number, **choices) == (None, NOT_OF_TYPE["number"])
    assert convert_one(tmp_path, " NULL ", number, **choices) == (None, None)
    assert convert_one(tmp_path, "-", number, required=["x"], **choices) == (None, MISSING)


def test_spellings_are_counted(tmp_path):
    frame = pd.DataFrame({"x": ["A", "A ", "\ufeffA", "é", "e\u0301", " "], "y": "y"})
    found = convert(tmp_path, frame, {"x": ColumnSpec(type="text")})
    assert found["v0"].tolist()[:5] == ["A", "A", "A", "é", "é"]
    assert found["s0"].tolist() == [False, True, True, False, True, False]


def test_stored_types_are_kept_exactly(tmp_path):
    frame = pd.DataFrame(
        {
            "code": [101.0, None, 1.5],
            "id": [9007199254740993, 2, 3],
            "amount": [0.1, float("nan"), float("inf")],
            "day": pd.to_datetime(["2024-01-05 13:00", None, "2024-01-06 00:00"]),
            "moment": pd.to_datetime(["2024-07-01 03:00", None, "2024-01-01 00:00"], utc=True),
        }
    )
    columns = {
        "code": ColumnSpec(type="text"),
        "id": ColumnSpec(type="text"),
        "amount": ColumnSpec(type="number"),
        "day": ColumnSpec(type="date"),
        "moment": ColumnSpec(type="datetime"),
    }
    found = convert(tmp_path, frame, columns, parquet=True)
    assert found["v0"].tolist()[::2] == ["101", "1.5"]
    assert found["v1"].tolist() == ["9007199254740993", "2", "3"]
    assert found["v2"].iloc[0] == 0.1
    assert found["r2"].isna().tolist() == [True, True, False]
    assert found["v3"].iloc[0] == pd.Timestamp("2024-01-05")
    assert found["v4"].tolist()[::2] == [
        pd.Timestamp("2024-06-30 23:00"),
        pd.Timestamp("2023-12-31 19:00"),
    ]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Madrid", "Australia/Lord_Howe"])
def test_utc_moments_become_local_days(tmp_path, zone):
    hours = pd.date_range("2024-01-01", "2025-01-01", freq="7h", tz="UTC")
    frame = pd.DataFrame({"x": hours.strftime("%Y-%m-%d %H:%M:%S"), "y": "y"})
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    contract = build_contract({"x": ColumnSpec(type="datetime")}, (), zone=zone, is_utc=True)
    with open_source(SourceSpec(path="t.csv"), path, ["x"], max_rows=10**6) as opened:
        found = fetch_frame(convert_cells(opened, contract).order_by("n"))["v0"]
    expected = [h.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for h in hours.to_pydatetime()]
    assert list(found) == expected


@pytest.mark.parametrize(
    "column",
    [
        {"type": "text", "min": 1},
        {"type": "number", "allowed": ["1"]},
        {"type": "number", "width": 5},
        {"type": "number", "format": "%Y"},
        {"type": "text", "pattern": "("},
        {"type": "date", "format": "%d %H"},
        {"type": "date", "format": "day"},
    ],
)
def test_contracts_that_cannot_be_kept(column):
    with pytest.raises(SpecError, match=r"for|regular expression|date format"):
        build_contract({"x": ColumnSpec(**column)}, (), zone=ZONE)


def test_two_readings_of_a_pattern_must_agree(tmp_path):
    # The engine's \w is ASCII and so is ours; a case flag inside is the same in both.
    assert convert_one(tmp_path, "AB", ColumnSpec(type="text", pattern="(?i)ab")) == ("AB", None)
    with pytest.raises(DataError, match=r"disagree|cannot be read"):
        convert_one(tmp_path, "ab", ColumnSpec(type="text", pattern="(?=a)ab"))


GERMAN = {"decimal": ",", "thousands": "."}
US = {"thousands": ",", "beside": ("$", "USD")}
WRITTEN = [
    ("number", "1.137,7", 1137.7, GERMAN),
    ("number", "-12.001.137,25", -12001137.25, GERMAN),
    ("number", "12,62", 12.62, GERMAN),
    ("number", "1.13", None, GERMAN),
    ("number", "1,179", 1179.0, US),
    ("integer", "1,179", 1179, US),
    ("integer", "11,79", None, US),
    ("number", "-$ 1,234.50", -1234.5, US),
    ("number", "1234.50 USD", 1234.5, US),
    ("number", "1$2", None, US),
    ("number", "1\u202f234.5", 1234.5, {"thousands": " "}),
    ("number", "1 234.5", 1234.5, {"thousands": " "}),
    ("integer", "1'234", 1234, {"thousands": "'"}),
]


@pytest.mark.parametrize(("kind", "text", "value", "marks"), WRITTEN)
def test_numbers_with_marks_are_read_as_declared(tmp_path, kind, text, value, marks):
    reason = NOT_OF_TYPE[kind] if value is None else None
    assert convert_one(tmp_path, text, ColumnSpec(type=kind), **marks) == (value, reason)


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        ("epoch_ms", "1641186518000", moment(2022, 1, 3, 0, 8, 38)),
        ("epoch_s", "1641186518", moment(2022, 1, 3, 0, 8, 38)),
        ("epoch_ms", "16411865180000000000", None),
        ("epoch_ms", "2022-01-03", None),
        ("%Y/%m/%d %H:%M:%S%z", "2022/01/03 05:08:38+00", moment(2022, 1, 3, 0, 8, 38)),
        ("%Y/%m/%d %H:%M:%S%z", "2022/07/03 02:08:38Z", moment(2022, 7, 2, 22, 8, 38)),
        ("%YM%m", "2018M01", moment(2018, 1, 1)),
        ("%b-%y", "Jan-18", moment(2018, 1, 1)),
        ("%G-W%V", "2023-W05", moment(2023, 1, 30)),
        ("%G-W%V", "2020-W53", moment(2020, 12, 28)),
        ("%G-W%V", "2023-W53", None),
        ("%G-W%V", "2023-W00", None),
        ("KW %V/%G", "KW 1/2021", moment(2021, 1, 4)),
        ("%G%V", "202353", None),
        ("%b %Y", "févr. 2023", moment(2023, 2, 1)),
        ("%B de %Y", "marzo de 2023", moment(2023, 3, 1)),
        ("%d. %B %Y", "3. März 2023", moment(2023, 3, 3)),
        ("%b/%y", "set/23", moment(2023, 9, 1)),
        ("%B %Y", "Smarch 2023", None),
        ("%Y %m", "2023 5", moment(2023, 5, 1)),
        ("excel", "44562", moment(2022, 1, 1)),
        ("excel", "44562.75", moment(2022, 1, 1, 18)),
        ("excel", "2022", moment(1905, 7, 14)),
        ("excel", "2022-01-01", None),
    ],
)
def test_moments_are_those_of_the_citys_clock(tmp_path, pattern, text, value):
    column = ColumnSpec(type="datetime", format=pattern)
    reason = NOT_OF_TYPE["datetime"] if value is None else None
    assert convert_one(tmp_path, text, column) == (value, reason)


WRITTEN_DATES = ("%G-W%V", "%G/KW%V", "week %V of %G", "%B %Y", "%d %b %Y", "%b-%y", "%Y %m")


@given(
    days=st.lists(st.dates(date(1995, 1, 1), date(2060, 1, 1)), min_size=1, max_size=30),
    month=st.integers(0, len(MONTH_NAMES) - 1),
    pattern=st.sampled_from(WRITTEN_DATES),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_first_look_and_a_run_read_the_same_dates(tmp_path, days, month, pattern):
    def write(day):
        name = MONTH_NAMES[month].split()[day.month - 1]
        return day.strftime(pattern.replace("%B", name).replace("%b", name))

    texts = pd.Series([*map(write, days), "2023-W53", "no date"])
    column = ColumnSpec(type="date", format=pattern)
    read = convert(tmp_path, pd.DataFrame({"x": texts, "y": "y"}), {"x": column})["v0"]
    looked = parse_written(texts, pattern, ZONE)
    assert read.isna().tolist() == looked.isna().tolist()
    assert (read.dropna() == looked.dropna()).all()
    # The standard library knows the weeks and the days of each date.
    if "%G" in pattern:
        assert [d.isocalendar()[:2] for d in read[: len(days)]] == [
            d.isocalendar()[:2] for d in days
        ]
    else:
        assert [(d.year, d.month) for d in read[: len(days)]] == [(d.year, d.month) for d in days]


def test_a_format_without_a_month_or_a_week_is_refused():
    for pattern in ("%Y", "%G", "%V", "%G %V %d", "%H:%M"):
        with pytest.raises(SpecError, match="not a date format"):
            build_contract({"x": ColumnSpec(type="date", format=pattern)}, (), zone=ZONE)


@pytest.mark.parametrize("parquet", [False, True])
def test_columns_are_joined_with_a_blank_and_empty_without_one(tmp_path, parquet):
    frame = pd.DataFrame({"year": [2023, 2023, None], "mo": ["Jan", "", "Mar"], "n": [1, 2, 3]})
    path = tmp_path / ("t.parquet" if parquet else "t.csv")
    frame.to_parquet(path) if parquet else frame.to_csv(path, index=False)
    source = SourceSpec(path=str(path), joined={"month": ("year", "mo")})
    columns = {
        "month": ColumnSpec(type="date", format="%Y %b"), "n": ColumnSpec(type="integer")
    }  # fmt: skip
    contract = build_contract(columns, ("month",), zone=ZONE)
    with open_source(source, path, list(columns), max_rows=10) as opened:
        found = fetch_frame(convert_cells(opened, contract).order_by("n"))
    assert found["v0"].tolist()[:1] == [moment(2023, 1, 1)]
    assert found["r0"].tolist()[1:] == [MISSING, MISSING]
    assert found["v1"].tolist() == [1, 2, 3]


def test_an_amount_that_its_owner_hides_is_unknown_and_marked(tmp_path):
    frame = pd.DataFrame({"x": ["<5", "7", "", "*"], "place": ["*", "<5", "a", "b"]})
    columns = {"x": ColumnSpec(type="integer", required=False), "place": ColumnSpec(type="text")}
    found = convert(tmp_path, frame, columns, suppressed=("<5", "*"))
    assert found["v0"].isna().tolist() == [True, False, True, True]
    assert found["r0"].isna().all()
    assert found["h0"].tolist() == [True, False, False, True]
    assert found["v1"].tolist() == ["*", "<5", "a", "b"]


def test_a_code_gets_its_leading_zeros_back(tmp_path):
    column = ColumnSpec(type="text", width=5)
    for text, value in (("2118", "02118"), ("02118", "02118"), ("X2", "X2"), ("123456", "123456")):
        assert convert_one(tmp_path, text, column) == (value, None)


# An independent reading of the same contract, one cell at a time, in plain Python.
COLUMNS = {
    "whole": ColumnSpec(type="integer", min=-5, max=50),
    "number": ColumnSpec(type="number", min=0, required=True),
    "choice": ColumnSpec(type="text", allowed=("A", "B b", "é")),
    "code": ColumnSpec(type="text", pattern=r"[A-Z]{2}\d*", required=True),
    "day": ColumnSpec(type="date", format="%d/%m/%Y"),
    "flag": ColumnSpec(type="boolean"),
}


def read_plainly(text, column):
    """Return (value, reason)."""
    text = unicodedata.normalize("NFC", text.strip(BLANKS))
    if text == "":
        return None, MISSING if column.required else None
    value = None
    if column.type == "integer" and re.fullmatch("[+-]?[0-9]+", text):
        value = int(text) if abs(int(text)) < 2**63 else None
    elif column.type == "number" and re.fullmatch(
        r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text
    ):
        value = float(text)
        value = value if math.isfinite(value) and abs(value) <= 1e18 else None
    elif column.type == "boolean":
        value = {**dict.fromkeys(("true", "t", "yes", "y", "1"), True)}.get(text.lower())
        value = False if text.lower() in ("false", "f", "no", "n", "0") else value
    elif column.type == "date":
        try:
            value = moment(*time.strptime(text, column.format)[:3])
        except ValueError:
            value = None
    elif column.type == "text":
        value = text
    if value is None:
        return None, NOT_OF_TYPE[column.type]
    if column.min is not None and value < column.min:
        return value, BELOW
    if column.max is not None and value > column.max:
        return value, ABOVE
    if column.allowed is not None and value not in column.allowed:
        return value, NOT_ALLOWED
    if column.pattern is not None and not re.fullmatch(column.pattern, value, re.ASCII):
        return value, NO_MATCH
    return value, None


texts = st.one_of(
    st.sampled_from(
        [
            *(
                "A",
                "A ",
                "B b",
                "é",
                "e\u0301",
                "AB1",
                "ab",
                "12",
                "-3",
                "60",
                "1.5",
                "-0.5",
                "1e2",
            ),
            *("", " ", "05/03/2024", "31/02/2024", "2024-03-05", "yes", "NO", "1", "inf", "NaN"),
            *('x"y', "x,y", "=1+1", "9" * 25, ".5", "5.", "+4", "١٢", "AB٣"),
        ]
    ),
    st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=8),
)


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.tuples(*[texts] * len(COLUMNS)), min_size=1, max_size=40))
def test_pushed_down_contract_agrees_with_a_plain_reading(tmp_path, rows):
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).assign(filled="x")
    found = convert(tmp_path, frame, COLUMNS, required=["number", "code"])
    for i, (name, column) in enumerate(COLUMNS.items()):
        for text, value, reason in zip(frame[name], found[f"v{i}"], found[f"r{i}"], strict=True):
            expected, why = read_plainly(text, column)
            if why == NOT_OF_TYPE["date"] and reason == OUT_OF_YEARS:
                continue
            assert (None if pd.isna(reason) else reason) == why, (name, text)
            assert (None if pd.isna(value) else value) == expected, (name, text)


def test_a_text_is_cleaned_whatever_stands_at_its_ends_and_within(tmp_path):
    marks = [*map(chr, range(1, 128)), *BLANKS, "é", "e\u0301", "\u0301", "\u200d"]
    marks = [mark for mark in marks if mark not in "\r\n"]
    texts = [text for m in marks for text in (m, f"{m}a", f"a{m}", f"a{m}b", f"é{m}", f"{m}é")]
    frame = pd.DataFrame({"text": texts}).assign(filled="x")
    found = convert(tmp_path, frame, {"text": ColumnSpec(type="text")})
    for text, value, is_other in zip(texts, found["v0"], found["s0"], strict=True):
        expected = unicodedata.normalize("NFC", text.strip(BLANKS))
        assert (None if pd.isna(value) else value) == (expected or None), repr(text)
        assert is_other == (expected not in ("", text)), repr(text)


def test_pandera_schema_is_built_from_the_declared_columns(tmp_path):
    schema = build_schema(COLUMNS)
    good = pd.DataFrame(
        {
            "whole": pd.Series([1, None], dtype="Int64"),
            "number": [0.5, 1.0],
            "choice": pd.Series(["A", None], dtype="str"),
            "code": pd.Series(["AB1", "CD"], dtype="str"),
            "day": pd.to_datetime(["2024-01-01", None]).as_unit("us"),
            "flag": pd.Series([True, None], dtype="boolean"),
        }
    )
    schema.validate(good)
    for name, bad in (("whole", 51), ("number", -1.0), ("choice", "C"), ("code", "x")):
        broken = good.copy()
        broken.loc[0, name] = bad
        with pytest.raises(pa.errors.SchemaErrors):
            schema.validate(broken, lazy=True)
    with pytest.raises(pa.errors.SchemaErrors):
        schema.validate(good.assign(number=[0.5, float("nan")]), lazy=True)
