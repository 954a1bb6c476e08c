from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.columns import NOT_RECORDED
from cityai.config.dimension import DimensionSpec
from cityai.data.groups import assign_entities, assign_groups
from cityai.errors import DataError, SpecError
from cityai.records.groups import Membership

AREAS = pd.DataFrame(
    {
        "area_name": ["North", "South", "East", "Park"],
        "population": [100.0, 300.0, 600.0, np.nan],
        "born_here": [60, 150, 300, None],
        "born_abroad": [30, 150, 300, None],
        "percent_rent": [10.0, 50.0, 90.0, None],
        "income": [10.0, 20.0, 30.0, None],
    },
    index=pd.Index(["1", "2", "3", "9"], name="area_id"),
)


def build(
    areas: pd.DataFrame | None = AREAS, attributes: pd.DataFrame | None = None, **dimension: object
) -> Membership:
    if attributes is None:
        attributes = pd.DataFrame(
            {
                "entity_id": ["a", "a", "b", "c", "d"],
                "known": [0, 5, 0, 0, 0],
                "type": ["old", "Café ", "Cafe\u0301", None, "bar"],
                "area_id": ["2", "1", "2", "3", None],
            }
        )
    dimensions = {"x": DimensionSpec(label="X", **dimension)}
    (found,) = assign_entities(
        ["d", "c", "b", "a", "a"], attributes, areas, dimensions, "district"
    ).memberships
    weights = found.weights
    assert list(weights.index) == ["a", "b", "c", "d"]
    assert weights.sum(axis=1).to_numpy() == pytest.approx(np.ones(4))
    assert tuple(weights.columns) == found.groups
    return found


def test_hard_groups_take_the_value_known_last_one_group_however_typed() -> None:
    found = build(attribute="type")
    assert found.kind == "hard"
    assert found.groups == ("Café", "bar", NOT_RECORDED)
    assert found.weights.idxmax(axis=1).to_dict() == {
        "a": "Café",
        "b": "Café",
        "c": NOT_RECORDED,
        "d": "bar",
    }
    assert found.residents == {}


def test_areas_and_entities_are_groups_by_name() -> None:
    found = build(attribute="area")
    assert found.groups == ("East", "North", "South", NOT_RECORDED)
    assert found.residents["East"] == 600
    assert build(attribute="district").groups == found.groups
    assert build(attribute="entity").groups == ("a", "b", "c", "d")


def test_whole_numbers_are_written_without_a_point() -> None:
    attributes = pd.DataFrame(
        {"entity_id": list("abcd"), "known": 0, "class": [1.0, 2.5, np.nan, 1.0]}
    )
    assert build(attributes=attributes, attribute="class").groups == ("1", "2.5", NOT_RECORDED)


def test_soft_groups_are_shares_of_residents_with_a_rest() -> None:
    found = build(shares={"here": ["born_here"], "abroad": ["born_abroad"]}, rest="unknown origin")
    assert found.kind == "soft"
    assert found.groups == ("here", "abroad", "unknown origin", NOT_RECORDED)
    assert found.weights.loc["a"].tolist() == pytest.approx([0.6, 0.3, 0.1, 0])
    assert found.weights.loc["d"].tolist() == [0, 0, 0, 1]
    assert found.residents["here"] == pytest.approx(60 + 150 + 300)
    assert "says nothing about single persons" in found.caveat


def test_counts_without_a_rest_are_the_whole() -> None:
    found = build(shares={"here": ["born_here"], "abroad": ["born_abroad"]})
    assert found.weights.loc["a"].tolist() == pytest.approx([2 / 3, 1 / 3, 0])


def test_percentages_leave_a_remainder_that_is_not_recorded() -> None:
    found = build(shares={"renters": ["percent_rent"]}, per="percent")
    assert found.weights.loc["a"].tolist() == pytest.approx([0.1, 0.9])
    assert found.groups == ("renters", NOT_RECORDED)


def test_shares_above_the_whole_are_refused() -> None:
    with pytest.raises(DataError, match="add up to"):
        build(shares={"x": ["percent_rent"]}, per="share")
    with pytest.raises(SpecError, match="no column 'born_her'") as error:
        build(shares={"x": ["born_her"]})
    assert "born_here" in str(error.value)


def test_a_rest_needs_a_known_population() -> None:
    areas = AREAS.assign(population=np.nan)
    with pytest.raises(SpecError, match="population"):
        build(areas=areas, shares={"here": ["born_here"]}, rest="others")
    assert build(areas=areas, bands="income", band_names=["low", "high"]).residents == {}


def test_bands_cut_the_areas_that_are_used() -> None:
    found = build(bands="income", band_names=["low", "high"])
    assert found.groups == ("low", "high", NOT_RECORDED)
    assert found.cuts == (20.0,)
    assert found.weights.idxmax(axis=1).to_dict() == {
        "a": "low",
        "b": "low",
        "c": "high",
        "d": NOT_RECORDED,
    }
    assert found.residents["low"] == 400
    with pytest.raises(DataError, match="cannot be cut into 4 bands"):
        build(bands="income")


def test_unknown_attribute_reference_and_area_table() -> None:
    with pytest.raises(SpecError, match="no attribute 'typ'") as error:
        build(attribute="typ")
    assert "Did you mean 'type'?" in str(error.value)
    with pytest.raises(SpecError, match="no group 'Norht'"):
        build(attribute="area", reference="Norht")
    assert build(attribute="area", reference="North").reference == "North"
    with pytest.raises(SpecError, match="need an area table"):
        build(areas=None, bands="income")


def test_bands_of_several_columns_are_those_of_their_sum():
    swapped = AREAS.assign(income=[300.0, 20.0, 10.0, np.nan])  # sums 310, 70, 100, unknown
    both = build(swapped, bands=("percent_rent", "income"), band_names=("few", "many"))
    total = swapped.assign(total=[310.0, 70.0, 100.0, np.nan])
    alone = build(total, bands="total", band_names=("few", "many"))
    assert both.cuts == alone.cuts == (100.0,)
    pd.testing.assert_frame_equal(both.weights, alone.weights)


def test_the_largest_groups_stand_apart_and_the_rest_is_one() -> None:
    attributes = pd.DataFrame(
        {
            "entity_id": ["a", "b", "c", "d"],
            "known": [0, 0, 0, 0],
            "type": ["bar", "bar", "café", "shop"],
            "area_id": ["1", "1", "2", None],
        }
    )
    found = build(attribute="type", attributes=attributes, largest=2, rest="others")
    assert found.groups == ("bar", "café", "others")
    assert found.weights["others"].tolist() == [0.0, 0.0, 0.0, 1.0]
    placed = build(attribute="district", attributes=attributes, largest=2, rest="elsewhere")
    assert placed.groups == ("North", "South", NOT_RECORDED)
    few = attributes.assign(area_id=["1", "2", "3", "3"])
    joined = build(attribute="district", attributes=few, largest=2, rest="elsewhere")
    assert joined.groups == ("East", "North", "elsewhere")
    assert joined.residents == {"North": 100.0, "East": 600.0, "elsewhere": 300.0}


def test_the_largest_need_an_attribute_and_a_name_for_the_rest() -> None:
    with pytest.raises(ValueError, match="`largest` needs"):
        DimensionSpec(label="X", attribute="type", largest=2)
    with pytest.raises(ValueError, match="`largest` needs"):
        DimensionSpec(label="X", shares={"A": ("a",)}, largest=2, rest="others")


def test_shares_of_overlapping_counts_are_of_all_that_are_counted() -> None:
    # Residents of several races stand in each column: without a rest, the columns are the whole.
    found = build(AREAS.assign(born_abroad=[90, 300, 600, None]),
                  shares={"here": ("born_here",), "abroad": ("born_abroad",)})  # fmt: skip
    assert found.weights.loc["a", "here"] == pytest.approx(0.4)


def test_the_largest_groups_are_those_of_most_entities_however_many_ways_they_differ() -> None:
    """One place that is in three groups of another dimension is one place."""
    rows = pd.DataFrame({"entity_id": [*"abcd", "e", "e", "e"]})
    own = pd.DataFrame({"kind": [*"qqrr", "p", "p", "p"], "size": [1, 1, 1, 1, 1, 2, 3]})
    dimensions = {
        "kind": DimensionSpec(label="Kind", attribute="kind", largest=2, rest="others"),
        "size": DimensionSpec(label="Size", attribute="size"),
    }
    groups = assign_groups(rows, own, None, dimensions)
    kind, size = groups.memberships
    assert kind.groups == ("q", "r", "others")
    assert groups.table["entity_id"].tolist() == rows["entity_id"].tolist()
    assert size.weights.loc[groups.units].idxmax(axis=1).tolist() == [*"11111", "2", "3"]
    by_entity = groups.list_entities()[1].weights
    assert by_entity.loc["e"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_a_group_is_called_by_its_label_and_stays_what_it_is() -> None:
    written = build(attribute="type", reference="bar", population={"Café": 3, "bar": 1})
    called = build(
        attribute="type",
        labels={"bar": "taverns", "Café": "bars"},
        reference="bar",
        population={"Café": 3, "bar": 1},
    )
    assert called.groups == ("bars", "taverns", NOT_RECORDED)
    assert called.reference == "taverns"
    assert called.residents == {"bars": 3, "taverns": 1}
    assert (called.weights.to_numpy() == written.weights.to_numpy()).all()
    named = build(area_column="kind", areas=AREAS.assign(kind=list("xxyy")), labels={"x": "old"})
    assert named.groups == ("old", "y", NOT_RECORDED)
    folded = build(attribute="area", largest=2, rest="elsewhere", labels={"North": "the harbour"})
    assert folded.groups == ("East", "the harbour", "elsewhere", NOT_RECORDED)


def test_a_label_of_no_value_is_refused_with_the_values_that_exist() -> None:
    with pytest.raises(SpecError, match="names the value 'Bar'") as refused:
        build(attribute="type", labels={"Bar": "bars"})
    assert refused.value.where == "audit.dimensions.x.labels.Bar"
    assert "Café, bar" in refused.value.expected
    assert "'bar'" in refused.value.next_step
    with pytest.raises(SpecError, match="what another value is written as"):
        build(attribute="type", labels={"bar": "Café"})


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"attribute": "type", "labels": {"a": "same", "b": "same"}}, "keep groups apart"),
        ({"attribute": "type", "labels": {"a": NOT_RECORDED}}, "keep groups apart"),
        ({"attribute": "x", "largest": 2, "rest": "r", "labels": {"a": "r"}}, "keep groups apart"),
        ({"bands": "income", "labels": {"lowest": "poor"}}, "are of the values"),
        ({"attribute": "type", "ends": ["poorest", "wealthiest"]}, "names the four"),
        ({"bands": "x", "ends": ["a", "b"], "band_names": ["a", "b"]}, "names the four"),
    ],
)
def test_names_that_do_not_fit_are_refused(declared, said) -> None:
    with pytest.raises(ValueError, match=said):
        DimensionSpec(label="X", **declared)


def test_quarters_say_which_end_they_are_of() -> None:
    assert DimensionSpec(label="X", bands="income", ends=["poorest", "wealthiest"]).band_names == (
        *("poorest quarter", "second poorest", "second wealthiest", "wealthiest quarter"),
    )
