"""Tables of like parts: nothing is lost, each thing is said once, and what is no table is told."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cityai.card.record import CardRecord, write_lines
from cityai.card.record.rows import _fold_rows, _unfold_rows
from cityai.card.verify import read_record
from cityai.errors import DataError

MESSAGE = {"id": "{n} weeks", "arguments": {"n:,": 3}, "text": "3 weeks"}
NAMES = st.sampled_from(["metric", "slice", "value", "reason", "between", "n"])
CELLS = st.one_of(
    st.booleans(), st.integers(-3, 3), st.floats(-1, 1), st.text("ab.{", max_size=3),
    st.just(MESSAGE), st.just({**MESSAGE, "text": "4 weeks"}), st.just({}),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["model", "fold", "a.b", "id"]), st.text("ab", max_size=2)),
)  # fmt: skip


@given(st.lists(st.dictionaries(NAMES, CELLS, max_size=5), max_size=6))
def test_a_table_gives_back_the_objects_that_it_was_made_of(rows: list[dict]) -> None:
    if any(type(row.get(n)) is int for row in rows for n in row) and any(
        isinstance(v, dict) and "id" in v for row in rows for v in row.values()
    ):
        return  # a field is a text or a number, never both
    table = json.loads(json.dumps(_fold_rows(rows)))
    assert _unfold_rows(table) == rows
    assert json.dumps(_unfold_rows(table), sort_keys=True) == json.dumps(rows, sort_keys=True)


def test_what_is_the_same_is_said_once() -> None:
    rows = [
        {"metric": "wape", "slice": {"model": "forecast", "fold": str(i)}, "reason": MESSAGE,
         "value": i / 10}
        for i in range(3)
    ] + [{"metric": "wape", "slice": {"model": "forecast"}, "reason": ""}]  # fmt: skip
    assert _fold_rows(rows) == {
        "columns": ["slice.fold", "reason", "value"],
        "every": {"metric": "wape", "slice.model": "forecast"},
        "rows": [["0", 0, 0.0], ["1", 0, 0.1], ["2", 0, 0.2], [None, "", None]],
        "texts": {"reason": [MESSAGE]},
    }


def test_a_published_table_is_a_frame(city) -> None:
    table = json.loads(write_lines(city.record))["eval"]["metrics"]
    frame = pd.DataFrame(table["rows"], columns=table["columns"]).assign(**table["every"])
    numbers = city.record.eval.metrics
    assert frame["metric"].tolist() == [n.metric for n in numbers]
    assert frame["slice.model"].tolist() == [n.slice["model"] for n in numbers]
    told = [n.value for n in numbers]
    assert frame["value"].astype(float).tolist() == pytest.approx(told, nan_ok=True) or None in told


def test_a_card_with_lists_is_read_as_before(city) -> None:
    listed = json.dumps(city.record.model_dump(mode="json", exclude_none=True))
    tables = write_lines(city.record)
    assert len(tables) < 0.75 * len(listed)
    assert read_record(listed) == read_record(tables) == city.record


@pytest.mark.parametrize(
    "table",
    [
        {"columns": ["metric"], "rows": [["wape", 1]]},
        {"columns": ["metric"], "rows": ["wape"]},
        {"columns": "metric", "rows": []},
        {"columns": ["reason"], "rows": [[3]], "texts": {"reason": ["No."]}},
        {"columns": ["reason"], "rows": [[0]], "texts": {"reason": 7}},
        {"columns": [1], "rows": [[0]]},
        {"columns": ["n", "n"], "rows": [[1, 2]]},
        {"columns": ["n"], "rows": [[1]], "every": {"n": 2}},
        {"columns": ["n"], "rows": [[1]], "more": {}},
        {"columns": [], "rows": [], "every": []},
        {"columns": [], "rows": [], "texts": []},
        {"columns": ["slice", "slice.model"], "rows": [["a", "b"]]},
        7,
    ],
)
def test_what_is_no_table_is_an_error_that_names_its_place(table, city) -> None:
    facts = json.loads(write_lines(city.record))
    facts["eval"]["metrics"] = table
    with pytest.raises(ValidationError):
        CardRecord.model_validate(facts)
    with pytest.raises(DataError, match=r"eval\.metrics"):
        read_record(json.dumps(facts))
