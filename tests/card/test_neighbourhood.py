"""My neighbourhood: a place's next forecast and its residents, and what of them may be said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.card.draft.places import _describe_residents, forecast_places
from cityai.card.draft.rounding import round_forecast
from cityai.card.draft.subject import describe_forecast
from cityai.card.draft.withheld import NOTHING, Withheld
from cityai.card.figures.places import tabulate_places
from cityai.modeling.ahead import Outlook
from cityai.records.groups import Groups, Membership

from .test_attack import count_spec

IDS = ("north", "south", "east", "west")


class Facts:
    """What the functions look at, of a city that counts events."""

    def __init__(self, city, forecasts=(240.0, 90.0, 44.0, 30.0)):
        self.spec = count_spec()
        self.subject = describe_forecast(self.spec, city.predictions)
        self.run = replace(
            city.facts,
            entities=pd.DataFrame(
                {"entity_id": IDS, "area_id": IDS, "residents": [9040.0, 800.0, 120.0, 10.0]}
            ),
        )
        self.outlook = look(forecasts)
        self.groups = Groups((share_origin([0.5, 0.99, 0.95, 0.5]),), pd.DataFrame())


def look(forecasts):
    value = np.array(forecasts)
    return Outlook(
        pd.DataFrame(
            {
                "entity_id": IDS, "step": 1, "period_start": pd.Timestamp("2025-01-01"),
                "y_pred": value, "y_low": value / 5, "y_high": value * 1.51,
            }
        )
    )  # fmt: skip


def share_origin(here):
    share = np.array(here)
    frame = pd.DataFrame({"here": share, "abroad": 1 - share}, index=pd.Index(IDS))
    groups = ("here", "abroad")
    return Membership("origin", "Origin", "soft", groups, frame, {}, "overall", (), "Mixed.")


def tell(facts, withheld=NOTHING):
    found, step = forecast_places(facts, withheld, "entity", IDS)
    return {name: (f.value, f.low, f.high) for name, f in found.items()}, step


def test_a_range_is_rounded_outwards_and_never_from_a_small_count(city):
    told, step = tell(Facts(city))
    assert step == 0
    assert told["north"] == (240, 48, 370)
    assert told["south"] == (90, 18, 140)
    assert told["east"] == (44, 0, 67)  # 8.8 is fewer than the threshold
    assert told["west"] == (30, 0, 46)


def test_a_small_forecast_hides_another_and_coarsens_the_rest(city):
    told, step = tell(Facts(city, (240.0, 90.0, 44.0, 4.0)))
    assert step == 20
    assert told["west"] == told["east"] == (None, None, None)
    assert told["south"] == (80, 0, 140)
    assert told["north"] == (240, 40, 380)


def test_what_the_audit_hides_is_not_forecast(city):
    told, step = tell(Facts(city), Withheld(slices=frozenset({("entity", "south")})))
    assert told["south"] == (None, None, None)
    assert sum(value is None for value, _, _ in told.values()) == 2
    assert step == 20
    assert tell(Facts(city), Withheld(groups=frozenset({("origin", "abroad")})))[1] == 20


def test_amounts_that_count_nobody_are_rounded_only(city):
    facts = Facts(city, (240.0, 90.0, 44.0, 0.456))
    facts.subject = replace(facts.subject, counts=False)
    assert tell(facts) == (
        {
            "north": (240, 48, 370), "south": (90, 18, 140), "east": (44, 8.8, 67),
            "west": (0.46, 0.091, 0.69),
        },
        0,
    )  # fmt: skip


def test_no_outlook_is_no_forecast(city):
    facts = Facts(city)
    for outlook in (None, Outlook(pd.DataFrame({"entity_id": []}))):
        facts.outlook = outlook
        assert tell(facts) == ({}, 0)


def test_of_a_place_only_groups_of_enough_residents_are_said(city):
    facts, own = Facts(city), dict(zip(IDS, IDS, strict=True))
    told = _describe_residents(facts, NOTHING, "entity", own)
    said = {name: (n, [(g.group, g.share) for g in groups]) for name, (n, groups) in told.items()}
    assert said["north"] == (9000, [("here", 0.5), ("abroad", 0.5)])
    assert said["south"] == (800, [])  # 8 from abroad would follow from all others
    assert said["east"] == (120, [])
    assert said["west"] == (None, [])


def test_places_that_share_an_area_are_told_nothing_of_its_residents(city):
    told = _describe_residents(Facts(city), NOTHING, "entity", {"north": "north"})
    assert told["north"][0] == 9000
    assert all(told[name] == (None, ()) for name in IDS if name != "north")


def test_what_describes_entities_one_by_one_is_never_said_by_place(city):
    """An attribute of an entity may be a person's: only tables of areas speak of residents."""
    facts, hard = Facts(city), pd.DataFrame({"a": 1.0, "b": 0.0}, index=pd.Index(IDS))
    kind = Membership("kind", "Kind", "hard", ("a", "b"), hard, {}, "overall", (), "")
    facts.groups = Groups((kind,), pd.DataFrame())
    facts.subject = replace(facts.subject, named_by_area=False)
    told = _describe_residents(facts, NOTHING, "entity", dict(zip(IDS, IDS, strict=True)))
    assert all(groups == () for _, groups in told.values())
    facts.groups = replace(facts.groups, keyed_by="case")
    assert _describe_residents(facts, NOTHING, "entity", {}) == {}


def test_a_hidden_group_is_not_named_of_its_place(city):
    facts, hard = Facts(city), pd.DataFrame({"a": 1.0, "b": 0.0}, index=pd.Index(IDS))
    kind = Membership("kind", "Kind", "hard", ("a", "b"), hard, {}, "overall", (), "")
    facts.groups = Groups((kind,), pd.DataFrame())
    facts.subject = replace(facts.subject, named_by_area=True)
    own = dict(zip(IDS, IDS, strict=True))
    told = _describe_residents(facts, NOTHING, "entity", own)
    assert [g.group for g in told["north"][1]] == ["a"]
    veiled = Withheld(groups=frozenset({("kind", "a")}))
    assert _describe_residents(facts, veiled, "entity", own)["north"][1] == ()


@pytest.mark.parametrize(
    ("value", "step", "side", "rounded"),
    [(0.0, 0, 1, 0), (1234.5, 0, 0, 1200), (1234.5, 0, 1, 1300), (-1234.5, 0, -1, -1300),
     (0.3, 0, -1, 0.3), (99.9, 0, 1, 100), (50.0, 20, 0, 40), (70.0, 20, 0, 80),
     (float("nan"), 0, 0, None)],
)  # fmt: skip
def test_two_digits_or_multiples_of_the_step(value, step, side, rounded):
    assert round_forecast(value, step, side) == rounded


def test_the_table_has_what_a_resident_asks_for(city):
    table = tabulate_places(city.record)
    assert [str(c) for c in table.columns[:6]] == [
        "Place", "Forecast for the month from 1 January 2025", "Average error", "Residents",
        "Districts by income", "Origin of residents",
    ]  # fmt: skip
    assert table.words == {4, 5}
    first = table.rows[0]
    assert " tons (" in first[1]
    assert first[3] == "43,000"
    assert first[5].count("%") == 2
