"""What means yes, and rows that are one case."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.errors import DataError, SpecError
from cityai.findings import Status
from cityai.kinds import open_kind
from tests.data.test_cases import PROJECT, draw_tables, write_workspace
from tests.kinds import open_spec


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return draw_tables(np.random.default_rng(3))


def read(folder, tables, **changes):
    project = load_project(write_workspace(folder, tables, **changes))
    return open_kind(project).read(), project.spec


@pytest.mark.parametrize(("key", "limit"), [("at_least", 28), ("at_most", 13)])
def test_a_number_is_yes_from_a_limit_on(tmp_path, tables, key, limit):
    score = np.random.default_rng(0).integers(0, 40, len(tables["data"]))
    tables["data"] = tables["data"].assign(found=score)
    tables["data"].loc[3, "found"] = None
    cases, _ = read(
        tmp_path,
        tables,
        question__outcome={"column": "found", key: limit},
        data__columns__found={"type": "number"},
    )
    found = cases.table.set_index("case_id")["y_true"]
    meant = score >= limit if key == "at_least" else score <= limit
    wanted = pd.Series(meant.astype(float), index=tables["data"]["id"]).drop("C003")
    assert np.isnan(found["C003"])
    assert found.drop("C003").to_dict() == wanted.to_dict()


def test_a_limit_needs_a_number(tmp_path, tables):
    with pytest.raises(SpecError, match="'found' is of type text"):
        read(tmp_path, tables, question__outcome={"column": "found", "at_least": 3})
    with pytest.raises(SpecError, match="one of `yes`, `at_least` or `at_most`"):
        read(tmp_path, tables, question__outcome={"column": "found"})


def test_one_and_zero_are_read_as_a_column_with_gaps_writes_them(tmp_path, tables):
    yes = tables["data"]["found"] == "yes"
    tables["data"] = tables["data"].assign(found=yes.astype(float))
    tables["data"].loc[3, "found"] = None
    outcome = {"column": "found", "yes": ["1"], "no": ["0"]}
    cases, _ = read(tmp_path, tables, question__outcome=outcome)
    found = cases.table.set_index("case_id")["y_true"]
    assert found.notna().sum() == len(yes) - 1
    assert found.sum() == yes.drop(3).sum()


def split(tables):
    """Every third case has two more rows, the last of them a day later and with a yes or a gap."""
    data = tables["data"].assign(item=1)
    more = data[::3].assign(item=2, found="no")
    last = data[::3].assign(item=3, found=["yes", None] * 10)
    last["day"] = (pd.to_datetime(last["day"]) + pd.Timedelta(days=1)).dt.strftime("%Y-%m-%d")
    return {**tables, "data": pd.concat([data, more, last])}


def test_rows_of_one_case_are_joined(tmp_path, tables):
    cases, spec = read(tmp_path, split(tables), question__rows="several")
    table = cases.table.set_index("case_id")
    assert len(table) == 60
    assert cases.counts.accepted == 100
    before = tables["data"].set_index("id")
    for i, (name, row) in enumerate(before.iloc[::3].iterrows()):
        wanted = 1.0 if i % 2 == 0 or row["found"] == "yes" else np.nan
        assert table.loc[name, "y_true"] == pytest.approx(wanted, nan_ok=True)
        assert table.loc[name, "occurred_at"] == pd.Timestamp(row["day"])
        assert table.loc[name, "known_at"].normalize() > pd.Timestamp(row["day"])
    alone = before.drop(before.index[::3])
    assert ((alone["found"] == "yes") == table["y_true"][alone.index]).all()
    [found] = [f for f in open_spec(spec).report(cases).findings if f.code == "quality.one_value"]
    assert found.status is Status.PASS


def test_attributes_that_differ_are_told(tmp_path, tables):
    rows = split(tables)
    rows["data"].loc[rows["data"]["item"] == 3, "kind"] = "stall"
    cases, spec = read(tmp_path, rows, question__rows="several")
    [found] = [f for f in open_spec(spec).report(cases).findings if f.code == "quality.one_value"]
    assert found.status is Status.FAIL
    assert found.subject == "kind"
    assert found.observed == pytest.approx(20 / 60)
    assert "stall" not in set(cases.table["kind"])


def test_several_columns_name_a_case(tmp_path, tables):
    rows = split(tables)
    choices = {"question__case": ["id", "item"], "data__columns__item": {"type": "integer"}}
    cases, _ = read(tmp_path, rows, **choices)
    assert len(cases.table) == 100
    assert "C000 / 3" in set(cases.table["case_id"])
    rows["data"]["item"] = 1
    cases, _ = read(tmp_path, rows, **choices)
    assert (len(cases.table), cases.counts.rejected) == (60, 40)


def test_a_case_of_two_entities_is_refused(tmp_path, tables):
    rows = split(tables)
    rows["data"].loc[rows["data"]["item"] == 2, "kitchen"] = "K99"
    with pytest.raises(DataError, match="is about 2 entities") as error:
        read(tmp_path, rows, question__rows="several")
    assert "`question.case`" in (error.value.next_step or "")
    assert PROJECT["question"]["case"] == "id"
