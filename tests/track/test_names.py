from __future__ import annotations

import posixpath
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.track.names import MARK, name_dimension, name_groups, name_metric

LABELS = st.one_of(
    st.text(max_size=120),
    st.text(alphabet="aA -_./é", max_size=5),
    st.text(alphabet="ab-0123456789", max_size=16),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(LABELS, max_size=8))
def test_names_are_allowed_and_never_collide(labels: list[str]) -> None:
    names = name_groups(labels)
    assert set(names) == set(labels)
    assert len({name.casefold() for name in names.values()}) == len(set(labels))
    for name in names.values():
        key = f"{name}/worst_gap"
        assert re.fullmatch(r"[\w./\- ]+", key, re.ASCII)  # also what a server on Windows takes
        assert posixpath.normpath(key) == key
        assert len(key) <= 250
        assert name == name.strip()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LABELS)
def test_a_changed_name_is_not_the_plain_name_of_another(label: str) -> None:
    name = name_groups([label])[label]
    if name != label:
        assert MARK in name
        assert name_groups([name])[name] != name


def test_names_stay_readable() -> None:
    names = name_groups(["not recorded", "Black or African American", "0-17", "Black / other"])
    assert list(names.values())[:3] == ["not recorded", "Black or African American", "0-17"]
    assert names["Black / other"].startswith("Black _ other--")
    assert name_groups(["población"])["población"].startswith("poblacion--")


def test_a_dimension_cannot_pass_for_the_baselines() -> None:
    assert name_dimension("income") == "income"
    assert name_dimension("headline") != "headline"


def test_the_name_of_coverage_says_which() -> None:
    assert name_metric("coverage", 0.9) == "coverage_90"
    assert name_metric("coverage", 0.975) == "coverage_97_5"
    assert name_metric("wape", 0.9) == "wape"
