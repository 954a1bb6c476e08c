"""Several tables about the same areas are one, and a column of theirs can make groups."""

from __future__ import annotations

import pandas as pd
import pytest

from cityai.config.city import AreasSpec
from cityai.config.locate import locate_errors
from cityai.data.areas import read_areas
from cityai.data.sources import _list_sources
from cityai.errors import DataError, SpecError
from cityai.kinds import open_kind
from tests.kinds import open_spec

FIRST = pd.DataFrame(
    {"id": ["1", "2", "3"], "name": ["A", "B", "C"], "people": [10, 20, 30], "side": list("nns")}
)
MORE = pd.DataFrame({"code": ["3", "1", "9"], "name": ["C", "A", "Z"], "income": [3, 1, 9]})
AREAS = {"path": "areas.csv", "key": "id", "name": "name", "population": "people"}


def declare(make_project, folder, more=MORE, **dimension):
    FIRST.to_csv(folder / "areas.csv", index=False)
    more.to_csv(folder / "more.csv", index=False)
    table = pd.DataFrame(
        [(day, place, 1) for day in ("2024-01-01", "2024-02-01") for place in "1123"],
        columns=["day", "district", "amount"],
    )
    return make_project(
        table,
        question={"entity": {"columns": ["district"], "area": "district", "areas": "districts"}},
        data={
            "known": {"lag_days": 0},
            "columns": {"day": {"type": "date"}, "district": {"type": "text"}},
        },
        city={"areas": {"districts": {**AREAS, "more": [{"path": "more.csv", "key": "code"}]}}},
        audit={"dimensions": {"x": {"label": "X", **(dimension or {"attribute": "area"})}}},
    )


def test_columns_of_all_tables_stand_beside_each_other(make_project, tmp_path):
    project = declare(make_project, tmp_path)
    side = read_areas(project, project.spec.areas)
    assert side.table["income"].to_dict() == pytest.approx(
        {"1": 1.0, "2": float("nan"), "3": 3.0}, nan_ok=True
    )
    assert list(side.table["area_name"]) == ["A", "B", "C"]
    assert tmp_path / "more.csv" in _list_sources(project)
    digest = side.digest
    declare(make_project, tmp_path, MORE.assign(income=7))
    assert read_areas(project, project.spec.areas).digest != digest


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (MORE.assign(name="other"), "'name' is in an earlier table too"),
        (MORE.assign(code=["7", "8", "9"]), "none of its areas is in the first table"),
        (MORE.assign(code="1"), "repeats an id"),
    ],
)
def test_tables_that_do_not_fit_are_refused(make_project, tmp_path, more, said):
    project = declare(make_project, tmp_path, more)
    with pytest.raises(DataError, match=said):
        read_areas(project, project.spec.areas)


def test_groups_by_a_text_of_the_area_table(make_project, tmp_path):
    project = declare(make_project, tmp_path, area_column="side")
    [found] = open_spec(project.spec).assign_groups(open_kind(project).read()).memberships
    assert (found.kind, found.groups) == ("hard", ("n", "s"))
    assert found.weights.idxmax(axis=1).to_dict() == {"1": "n", "2": "n", "3": "s"}
    assert found.residents == {"n": 30.0, "s": 30.0}


def test_a_column_that_the_area_table_lacks(make_project, tmp_path):
    project = declare(make_project, tmp_path, area_column="sides")
    with pytest.raises(SpecError, match="the area table has no column 'sides'") as error:
        open_spec(project.spec).assign_groups(open_kind(project).read())
    assert "side" in error.value.expected


def test_areas_without_a_column_of_names_are_named_by_id_or_by_a_form(make_project, tmp_path):
    project = declare(make_project, tmp_path)
    areas = project.spec.areas
    for names, called in (
        ({"2": "Midwood"}, ["A", "Midwood", "C"]),
        ("District {id}", ["District 1", "District 2", "District 3"]),
    ):
        table = read_areas(project, areas.model_copy(update={"names": names})).table
        assert list(table["area_name"]) == called
    with pytest.raises(SpecError, match="there is no area '9'") as refused:
        read_areas(project, areas.model_copy(update={"names": {"9": "Nowhere"}}))
    assert "1, 2, 3" in refused.value.expected
    with pytest.raises(ValueError, match="a name for each id"):
        AreasSpec(path="a.csv", key="id", names="District")


def test_a_key_that_is_wrong_beside_the_data_is_shown_with_its_line(tmp_path):
    (tmp_path / "configs").mkdir()
    city = tmp_path / "configs" / "city.yaml"
    city.write_text("name: X\nareas:\n  wards:\n    names: {St. Paul: a}\n")
    file = tmp_path / "project.yaml"
    file.write_text("audit:\n  dimensions:\n    sex: {labels: {F.: women}}\n")
    for key, where in {
        "audit.dimensions.sex.labels.F.": f"{file}:3:20",
        "areas.wards.names.St. Paul": f"{city}:4:13",
    }.items():
        with pytest.raises(SpecError) as told, locate_errors(file, tmp_path):
            raise SpecError("wrong", where=key, expected="this", next_step="that")
        assert told.value.where == f"{where}: {key}"
        assert (told.value.expected, told.value.next_step) == ("this", "that")
    with pytest.raises(SpecError, match="elsewhere"), locate_errors(file, tmp_path):
        raise SpecError("wrong", where="elsewhere")
