"""Figures of single places: of areas, or of entities where those have no areas."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pandas as pd

from cityai.card.draft.facts import CardFacts
from cityai.card.draft.neighbourhood import describe_residents, forecast_places
from cityai.card.draft.values import hide_number
from cityai.card.draft.withheld import Withheld
from cityai.card.record.measured import PlaceResult
from cityai.card.record.part import Number
from cityai.columns import AREA, ENTITY, FORECAST

BY_PLACE: Final = ("wape", "under_forecast_share", "bias", "coverage")

MakeNumber = Callable[[Mapping[Hashable, Any], dict[str, str]], Number]


def draft_places(
    facts: CardFacts, withheld: Withheld, make_number: MakeNumber
) -> tuple[tuple[PlaceResult, ...], int]:
    """Draft each place that the evaluation has; return them, and the step of their forecasts."""
    metrics = facts.evaluation.metrics
    own = metrics[(metrics["model"] == FORECAST) & metrics["metric"].isin(BY_PLACE)]
    kind = "area" if (own["slice_kind"] == "area").any() else "entity"
    own = own[own["slice_kind"] == kind]
    names, areas, declared = (
        _name_places(facts, kind),
        _find_areas(facts),
        _list_declared(facts, kind),
    )
    ids = sorted(set(own["slice"].astype(str)) if declared is None else declared)
    of = {place: place for place in ids} if kind == "area" else areas
    told = describe_residents(facts, withheld, kind, of)
    ahead, step = forecast_places(facts, withheld, kind, ids)
    places = []
    ordered = own.assign(slice=own["slice"].astype(str)).sort_values("slice", kind="stable")
    for place, rows in groupby(_list_rows(ordered), itemgetter("slice")):
        if declared is not None and place not in declared:
            continue
        slices = {"model": FORECAST, kind: place}
        figures = [make_number(row, slices) for row in rows]
        if withheld.hides(kind, place):
            figures = [hide_number(figure) for figure in figures]
        figures.sort(key=lambda figure: BY_PLACE.index(figure.metric))
        area = place if kind == "area" else areas.get(place, "")
        people, groups = told.get(place, (None, ()))
        places.append(
            PlaceResult(
                id=place,
                name=names.get(place, place),
                area=area,
                figures=tuple(figures),
                forecast=ahead.get(place),
                residents=people,
                groups=groups,
            )
        )
    return tuple(places), step


def _list_rows(table: pd.DataFrame) -> Iterator[dict[Hashable, Any]]:
    """List rows as `to_dict("records")` does, a column at a time: there are many of texts."""
    names = list(table)
    columns = (table[name].tolist() for name in names)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _list_declared(facts: CardFacts, kind: str) -> set[str] | None:
    """List the places of the area table, if there is one: what it does not list may be any text."""
    known, areas = facts.run.entities, facts.subject.areas
    named = kind == "area" or facts.subject.named_by_area
    if areas is None or known is None or AREA not in known or not named:
        return None
    listed = known.dropna(subset=[AREA])
    return set(listed[AREA if kind == "area" else ENTITY].astype(str))


def _name_places(facts: CardFacts, kind: str) -> dict[str, str]:
    known = facts.run.entities
    key = ENTITY if kind == "entity" else AREA
    column = "name" if kind == "entity" else "area_name"
    if known is None or key not in known or column not in known:
        return {}
    named = known.dropna(subset=[key, column])
    return dict(zip(named[key].astype(str), named[column].astype(str), strict=True))


def _find_areas(facts: CardFacts) -> dict[str, str]:
    """Return each entity's area, where no two share one."""
    known = facts.run.entities
    if known is None or AREA not in known:
        return {}
    own = known.dropna(subset=[AREA]).drop_duplicates(AREA, keep=False)
    return dict(zip(own[ENTITY].astype(str), own[AREA].astype(str), strict=True))
