from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cityai.store.tables import read_table, write_table

MOMENTS = st.integers(-(10**9), 4 * 10**9)
UNITS = st.sampled_from(["s", "ms", "us", "ns"])
TEXTS = st.text(max_size=6)


def return_trip(frame: pd.DataFrame) -> pd.DataFrame:
    content, description = write_table(frame)
    return read_table(content, description)


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    def many(of: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(of, min_size=rows, max_size=rows))

    kind = draw(st.sampled_from(range(11)))
    if kind == 0:
        dtype = draw(st.sampled_from(["float64", "float32"]))
        width = int(dtype[5:])
        return np.array(many(st.floats(width=width)), dtype=dtype)
    if kind == 1:
        dtype = draw(st.sampled_from(["int64", "int16", "int8", "uint8", "uint64"]))
        info = np.iinfo(dtype)
        return np.array(many(st.integers(int(info.min), int(info.max))), dtype=dtype)
    if kind == 2:
        return np.array(many(st.booleans()), dtype=bool)
    if kind == 3:
        return pd.array(many(st.one_of(st.none(), TEXTS)), dtype="str")
    if kind == 4:
        moments = np.array(many(MOMENTS), dtype="int64").view("M8[s]").astype(f"M8[{draw(UNITS)}]")
        missing = np.array(many(st.booleans()), dtype=bool)
        moments[missing] = np.datetime64("NaT")
        return moments
    if kind == 5:
        naive = np.array(many(MOMENTS), dtype="int64").view("M8[s]").astype(f"M8[{draw(UNITS)}]")
        zone = draw(st.sampled_from(["UTC", "America/New_York", "America/Sao_Paulo"]))
        return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(zone)
    if kind == 6:
        known = draw(st.lists(TEXTS, unique=True, max_size=4))
        codes = many(st.integers(-1, len(known) - 1))
        categories = pd.Index(known, dtype=draw(st.sampled_from(["str", "object"])))
        return pd.Categorical.from_codes(
            np.array(codes, dtype=np.int8), categories, ordered=draw(st.booleans())
        )
    if kind == 7:
        filled = np.empty(rows, dtype=object)
        filled[:] = many(st.one_of(st.none(), TEXTS))
        return filled
    if kind == 8:
        filled = np.empty(rows, dtype=object)
        scalars = st.one_of(st.none(), TEXTS, st.floats(), st.integers(), st.booleans())
        filled[:] = many(scalars)
        return filled
    if kind == 9:
        return np.array(many(MOMENTS), dtype="int64").view("m8[s]").astype(f"m8[{draw(UNITS)}]")
    return pd.array(many(st.one_of(st.none(), st.integers(-9, 9))), dtype="Int64")


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 6))
    names = draw(st.lists(TEXTS, unique=True, max_size=5))
    frame = pd.DataFrame(
        {i: pd.Series(draw(columns(rows))) for i in range(len(names))}, index=range(rows)
    )
    frame.columns = pd.Index(names, dtype="str", name=draw(st.one_of(st.none(), TEXTS)))
    kind = draw(st.sampled_from(["range", "labels", "several"]))
    if kind == "labels":
        frame.index = pd.Index(draw(columns(rows)), name=draw(st.one_of(st.none(), TEXTS)))
    if kind == "several":
        levels = [np.arange(rows), pd.array([str(i % 2) for i in range(rows)], dtype="str")]
        frame.index = pd.MultiIndex.from_arrays(levels, names=["step", None])
    return frame


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(frames())
def test_what_comes_back_equals_what_went_in(frame: pd.DataFrame) -> None:
    assert_frame_equal(return_trip(frame), frame, check_exact=True, check_freq=True)
    for name in frame.columns:  # assert_frame_equal takes None and NaN for the same
        if frame[name].dtype == object:
            pairs = zip(return_trip(frame)[name], frame[name], strict=True)
            assert all(type(a) is type(b) for a, b in pairs)


@pytest.mark.parametrize(
    "cells",
    [[["a", 1.5], []], [(1, None), ()], [{"tuple": (1,)}, {"dict": [2], 3: {}}], [None, ["é"]]],
    ids=["lists", "tuples", "dicts", "some"],
)
def test_cells_that_hold_several_values_are_kept(cells: list[Any]) -> None:
    frame = pd.DataFrame({"several": pd.Series(cells, dtype=object)})
    assert return_trip(frame)["several"].tolist() == cells


def test_unused_categories_and_their_order_are_kept() -> None:
    dtype = pd.CategoricalDtype(["low", "high", "unused"], ordered=True)
    frame = pd.DataFrame({"band": pd.Series(["high", None, "low"], dtype=dtype)})
    assert_frame_equal(return_trip(frame), frame)
    assert_frame_equal(return_trip(frame.iloc[:0]), frame.iloc[:0])


def test_the_frequency_of_an_index_is_kept() -> None:
    frame = pd.DataFrame(
        {"v": range(4)}, index=pd.date_range("2024-01-01", periods=4, freq="W-MON")
    )
    assert_frame_equal(return_trip(frame), frame, check_freq=True)


@pytest.mark.parametrize(
    "labels",
    [
        pd.Index([3, 1]),
        pd.RangeIndex(2),
        pd.CategoricalIndex(["b", "a"], categories=["a", "b", "c"]),
        pd.DatetimeIndex(["2024-01-01", "2024-02-01"]),
        pd.Index(["a", 1], dtype=object),
    ],
    ids=["integers", "range", "categories", "moments", "mixed"],
)
def test_column_labels_other_than_texts_are_kept(labels: pd.Index[Any]) -> None:
    frame = pd.DataFrame([[1.0, 2.0], [np.nan, -0.0]], columns=labels)
    back = return_trip(frame)
    assert_frame_equal(back, frame, check_column_type="equiv")
    assert np.signbit(back.iloc[1, 1])


def test_the_same_frame_gives_the_same_bytes() -> None:
    frame = pd.DataFrame({"a": ["x", None], "b": [1.5, np.nan]})
    assert write_table(frame) == write_table(frame.copy())


def test_what_comes_back_may_be_changed() -> None:
    back = return_trip(pd.DataFrame({"a": [1.0, 2.0], "m": pd.to_datetime(["2024", "2025"])}))
    back.loc[0, "a"] = 3.0
    assert back["a"].to_numpy().copy().flags.writeable


def test_a_column_of_other_objects_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"'when'.*set"):
        write_table(pd.DataFrame({"when": [{1, 2}]}))


def test_a_repeated_name_is_refused() -> None:
    with pytest.raises(TypeError, match="one unique name"):
        write_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
