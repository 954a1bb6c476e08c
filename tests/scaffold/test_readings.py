"""Whatever is written, a column is read as it was meant, or asked about; never read otherwise."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.scaffold.dates import name_other, parse, read_dates
from cityai.scaffold.names import is_amount, is_code
from cityai.scaffold.numbers import read_cells, read_numbers

DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%Y%m%d",
        "%d-%b-%Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%A, %B %d, %Y", "%a %d %b %Y",
        "%m/%d/%y", "%d-%b-%y")  # fmt: skip
MONTHS = ("%Y-%m", "%Y%m", "%YM%m", "%m/%Y", "%b %Y", "%Y-%b", "%b-%y")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S")
ONE = np.ones(1, dtype=np.int64)


def count(cells):
    counted = pd.Series(cells, dtype="str").value_counts()
    return pd.Series(counted.index, dtype="str"), counted.to_numpy()


@given(
    st.lists(st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2060, 1, 1)), min_size=1,  # noqa: DTZ001
             max_size=40),
    st.sampled_from(DAYS),
    st.sampled_from(CLOCKS),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_days_and_moments_are_read_as_written_or_asked(moments, day, clock):
    pattern = day + clock
    cells = [moment.strftime(pattern) for moment in moments]
    meant = [dt.datetime.strptime(cell, pattern) for cell in cells]  # noqa: DTZ007
    values, times = count(cells)
    readings = read_dates(values, times, is_named=False)
    assert readings, cells[0]
    read = [list(parse(pd.Series(cells, dtype="str"), reading.format)) for reading in readings]
    assert meant in read, (cells[0], readings)
    certain = len(readings) == 1 and readings[0].is_certain
    assert not certain or read[0] == meant


@given(st.lists(st.dates(dt.date(1995, 1, 1), dt.date(2060, 1, 1)), min_size=1, max_size=40),
       st.sampled_from(MONTHS))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_months_are_their_first_days(days, pattern):
    cells = [day.strftime(pattern) for day in days]
    values, times = count(cells)
    readings = read_dates(values, times, is_named=False)
    meant = [pd.Timestamp(day.year, day.month, 1) for day in days]
    assert meant in [list(parse(pd.Series(cells, dtype="str"), r.format)) for r in readings]
    if len(readings) == 1 and readings[0].is_certain:
        assert list(parse(pd.Series(cells, dtype="str"), readings[0].format)) == meant


@given(
    st.lists(st.integers(-3_000_000, 3_000_000), min_size=1, max_size=40),
    st.sampled_from([".", ","]),
    st.sampled_from(["", ".", ",", " ", "'"]),
    st.integers(0, 3),
    st.sampled_from([",", ";"]),
)
@settings(max_examples=300, deadline=None)
def test_numbers_are_read_as_written_or_asked(numbers, decimal, thousands, digits, delimiter):
    if decimal == thousands or (delimiter == "," and decimal == "," and digits):
        return
    meant = [number / 10**digits for number in numbers]
    cells = [
        f"{value:,.{digits}f}".translate(str.maketrans({",": thousands or None, ".": decimal}))
        for value in meant
    ]
    values, times = count(cells)
    written = read_numbers(values, times, delimiter, "", None)
    if written is None:
        return
    read = [list(read_cells(pd.Series(cells), *pair)) for pair in written.readings]
    # Where commas part the cells, and every number is like 1.234, a point is one of decimals.
    all_grouped = min(abs(value) for value in meant) >= 1_000
    if len(read) == 1 and not (delimiter == "," and thousands == "." and all_grouped):
        assert read[0] == pytest.approx(meant), cells


@pytest.mark.parametrize(
    ("text", "said"),
    [("2024-Q1", "quarters"), ("Q3 2024", "quarters"), ("2024", "years"), ("KW 7", "weeks"),
     ("W07", ""), ("Jan", "without a year"), ("15 gennaio 2024", "a language that is not read"),
     ("01.01.-31.01.2023", "from a day to a day"), ("2023-01-01 to 2023-01-31", "a day to a day"),
     ("lundi 3 janvier 2022", "name of a weekday"), ("1st May 2023", "days with an ending"),
     ("May 1st, 2023", "days with an ending"), ("Sul", "")],
)  # fmt: skip
def test_texts_of_time_that_are_no_dates_are_named(text, said):
    assert said in name_other(pd.Series([text]), ONE)
    assert not read_dates(pd.Series([text]), ONE, is_named=True)


@pytest.mark.parametrize(
    ("text", "name", "pattern", "is_certain"),
    [("2023-W05", "week", "%G-W%V", True), ("2023W05", "", "%GW%V", True),
     ("2023-W05", "mmwr week", "%G-W%V", False), ("2023/KW05", "", "%G/KW%V", True),
     ("KW 5/2023", "", "KW %V/%G", True), ("2023 5", "Jahr_KW", "%G %V", True),
     ("2023-S05", "semaine", "%G-S%V", False),
     ("202305", "YEARWEEK", "%G%V", False), ("Week 5, 2023", "", "Week %V, %G", False),
     ("semana 5 de 2023", "", "semana %V de %G", False), ("5-2023", "semana", "%V-%G", False),
     ("enero de 2023", "", "%B de %Y", True), ("15 de enero de 2023", "", "%d de %B de %Y", True),
     ("janv. 2023", "", "%b %Y", True), ("3. März 2023", "", "%d. %B %Y", True),
     ("dez/23", "", "%b/%y", False), ("2023 Jan", "", "%Y %b", True),
     ("44562", "date", "excel", False)],
)  # fmt: skip
def test_weeks_and_months_in_words_are_read_where_their_form_says_which(
    text, name, pattern, is_certain
):
    found = read_dates(pd.Series([text]), ONE, is_named=name == "date", week=name)
    assert [(reading.format, reading.is_certain) for reading in found] == [(pattern, is_certain)]


@pytest.mark.parametrize(
    ("name", "amount", "code"),
    [("x_coord", False, True), ("Latitude", False, True), ("objectid", False, True),
     ("case_number", False, True), ("ZipCode", False, True), ("num_calls", True, False),
     ("number_of_visits", True, False), ("anzahl", True, False), ("year", False, True),
     ("CallCount", True, False), ("account_no", False, True), ("total_id", False, True),
     ("TONNES", True, False), ("age", False, False)],
)  # fmt: skip
def test_codes_and_coordinates_are_never_amounts(name, amount, code):
    assert (is_amount(name), is_code(name)) == (amount, code)
