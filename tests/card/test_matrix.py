"""One matrix of groups and figures: the worst served first, the side said, nothing hidden told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.card.counts import find_worst, list_judged, rank_result
from cityai.card.numbers import round_brief, write_brief
from cityai.card.render.annex import arrange_verdicts
from cityai.card.render.matrix import arrange_matrix, arrange_worst, list_dimensions
from cityai.card.words import PAIR
from cityai.columns import EVERYWHERE


def change(record, choose, **facts):
    """Return the record with other facts in the results that are chosen."""
    results = tuple(r.model_copy(update=facts) if choose(r) else r for r in record.fairness.results)
    fairness = record.fairness.model_copy(update={"results": results, "verdicts": ()})
    return record.model_copy(update={"fairness": fairness})


@pytest.fixture(scope="module")
def worst(city):
    """A card on which the group that was best is beyond a limit, on the worse side."""
    best = min(list_judged(city.record.fairness.results), key=rank_result)
    key = (best.dimension, best.group, "under_forecast_share")
    record = change(
        city.record,
        lambda r: (r.dimension, r.group, r.metric) == key,
        status="fail", grade="beyond", gap=0.3, gap_low=0.2, gap_high=0.4, value=0.3512,
    )  # fmt: skip
    return record, best


def test_the_worst_served_group_and_its_dimension_come_first(worst):
    record, group = worst
    first = arrange_matrix(record, 1).bodies[1]
    assert first.label == next(
        d.label for d in record.fairness.dimensions if d.name == group.dimension
    )
    assert first.rows[0][0].text == group.group
    assert (first.verdict.status, first.verdict.mark) == ("fail", "fail")
    assert [c.text for c in first.rows[0] if c.status == "fail"] == ["35.1%, worse"]
    assert find_worst(record.fairness.results).group == group.group


def test_who_is_better_served_is_said_to_be_so_and_comes_later(worst):
    record, group = worst
    better = change(record, lambda r: r.status == "fail", gap=-0.3, gap_low=-0.4, gap_high=-0.2)
    assert find_worst(better.fairness.results).group != group.group
    texts = [c.text for b in arrange_matrix(better).bodies for row in b.rows for c in row]
    assert "35.1%, better" in texts


def test_nobody_is_called_worst_served_of_whom_nothing_is_decided(worst, city):
    """The largest gap may be that of a group of which more is found than of the others."""
    record, _ = worst
    assert arrange_worst(record).caption == "Who is served worst"
    open_ = change(record, lambda r: r.status == "fail", status="not enough evidence")
    assert arrange_worst(open_).caption == "The largest gaps"
    assert arrange_matrix(record).caption.startswith("All groups")
    for dimension in city.record.fairness.dimensions:
        columns = list(arrange_verdicts(city.record, dimension).columns)
        assert "Served worst" not in columns  # a forecast that is too high serves nobody worse


def test_what_is_hidden_has_no_figure(city):
    hidden = change(
        city.record, lambda r: True, value=None, gap=None, gap_low=None, gap_high=None,
        reference_value=None, between=None, reference_between=None, status="suppressed", grade="",
    )  # fmt: skip
    for body in arrange_matrix(hidden).bodies:
        assert body.told == ""
        assert {c.text for row in body.rows for c in row[1:]} == {"Not shown"}


def test_a_part_a_dimension_and_every_group(city):
    alone = [d for d in city.record.fairness.dimensions if PAIR not in d.name]
    bodies = [b for b in arrange_matrix(city.record).bodies if b.label]
    assert [len(b.rows) for b in bodies] == [len(d.groups) for d in list_dimensions(city.record)]
    assert {b.label for b in bodies} == {d.label for d in alone}
    assert all(len(b.rows) <= 2 for b in arrange_matrix(city.record, 2).bodies)


def test_no_gap_seen_is_marked_apart_from_what_is_open(city):
    for grade, mark in (("no gap seen", "near"), ("leans beyond", "open")):
        record = change(
            city.record, lambda r: r.limit is not None, status="not enough evidence", grade=grade
        )
        marks = {b.verdict.mark for b in arrange_matrix(record).bodies if b.label}
        assert marks == {mark}


@given(st.floats(1e-4, 1, exclude_max=True))
def test_two_digits_and_some_is_never_all(share):
    brief = round_brief(share, "share")
    assert 0 < brief < 1
    assert abs(brief - share) <= 0.05 * share
    written = write_brief(share, "share").strip("%").replace(".", "").strip("0")
    assert len(written) <= 2 or (len(written) == 3 and written.endswith("5"))  # a half stays


def test_what_is_hidden_says_so_and_hides_nothing_beside_it(city):
    """A dash stood for it; and of everyone, too, where the last group's figure was hidden."""
    alone = (r for r in city.record.fairness.results if PAIR not in r.dimension)
    last = [r for r in alone if r.limit is not None and r.reference == EVERYWHERE][-1]
    hidden = {"value": None, "gap": None, "reference_value": None, "status": "suppressed"}
    hidden |= {"between": None, "grade": ""}
    key = (last.dimension, last.group, last.metric)
    record = change(city.record, lambda r: (r.dimension, r.group, r.metric) == key, **hidden)
    shown, before = arrange_matrix(record), arrange_matrix(city.record)
    assert "Not shown" in [c.text for b in shown.bodies for row in b.rows for c in row]
    assert [c.text for c in shown.bodies[0].rows[0]] == [c.text for c in before.bodies[0].rows[0]]
