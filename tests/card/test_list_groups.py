"""What a list finds of each group on the card: recounted, and shown beside the slider."""

from __future__ import annotations

import pandas as pd
import pytest

from cityai.card.render.page import render_html
from cityai.card.render.ranked import arrange_capacity, arrange_reach
from cityai.card.render.worth import arrange_worth_groups
from cityai.card.verify import check_claims
from cityai.card.verify.recount import list_claims
from cityai.findings import Status

from .test_attack_people import make_ranked


@pytest.fixture(scope="module")
def city():
    return make_ranked(2)


def claim(city, card):
    units = city.groups.find_units(city.predictions.table)
    keys = None if units is None else pd.Series(units)
    return list_claims(card, city.predictions, city.groups.memberships, keys)


def keep_lists(card, **changed):
    """Leave out the other figures, which are long to count."""
    evaluation = card.eval.model_copy(update={"metrics": (), "places": (), **changed})
    fairness = card.fairness.model_copy(update={"results": ()})
    return card.model_copy(update={"eval": evaluation, "fairness": fairness})


def test_every_figure_is_counted_again(city):
    paths = [c.path for c in claim(city, city.card)]
    assert sum("ranked.groups" in path for path in paths) >= 4
    assert sum("worth.groups" in path for path in paths) >= 6
    assert check_claims(claim(city, city.card)).status is Status.PASS


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("ranked", "recall", 0.123), ("ranked", "selected", 0.123), ("ranked", "group", "nobody"),
     ("ranked", "dimension", "nowhere"), ("worth", "reached", 0.123), ("worth", "more", 9000.0),
     ("worth", "difference", 0.789), ("worth", "group", "nobody"), ("worth", "way", "baseline.x")],
)  # fmt: skip
def test_a_forged_figure_is_named(city, part, name, value):
    held = getattr(city.card.eval, part)
    groups = (held.groups[0].model_copy(update={name: value}), *held.groups[1:])
    changed = {part: held.model_copy(update={"groups": groups})}
    finding = check_claims(claim(city, keep_lists(city.card, **changed)))
    assert finding.status is Status.FAIL
    assert finding.subject.startswith(f"eval.{part}.groups[0]")


def test_tables_of_groups_have_the_sliders_rows(city):
    rows = [row[0].text for row in arrange_capacity(city.card.eval.ranked).rows]
    grids = arrange_reach(city.card)
    assert grids
    assert all([row[0].text for row in grid.rows] == rows for grid in grids)
    html = render_html(city.card)
    for i in range(len(grids)):
        assert f'data-of="capacities-{i + 1}"' in html
        assert f'data-rows="capacities-{i + 1}"' in html
    assert arrange_worth_groups(city.card)
