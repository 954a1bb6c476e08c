"""Figures of single places: of areas, or of entities where those have no areas.

A resident asks of one place its next forecast with its range, and who lives there. A forecast may
repeat a count of the past (the week before, the month a year ago), so it is hidden and rounded as
though it were one. Who lives there comes from tables of areas alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.card.draft.facts import CardFacts
from cityai.card.draft.rounding import PERIOD_STEP, round_forecast, round_residents
from cityai.card.draft.values import TOO_FEW, hide_number
from cityai.card.draft.withheld import Withheld
from cityai.card.record.measured import PlaceForecast, PlaceGroup, PlaceResult
from cityai.card.record.part import Number
from cityai.columns import AREA, ENTITY, FORECAST, PERIOD_START, STEP, Y_HIGH, Y_LOW, Y_PRED
from cityai.disclosure.primary_suppression import hide_cells
from cityai.records.groups import Membership

BY_PLACE: Final = ("wape", "under_forecast_share", "bias", "coverage")

MakeNumber = Callable[[Mapping[Hashable, Any], dict[str, str]], Number]
Told = tuple[float | None, tuple[PlaceGroup, ...]]
HIDDEN: Final = PlaceForecast(value=None, low=None, high=None, reason=TOO_FEW)


def draft_places(
    facts: CardFacts, withheld: Withheld, make_number: MakeNumber
) -> tuple[tuple[PlaceResult, ...], int]:
    """Draft each place that the evaluation has; return them, and the step of their forecasts."""
    metrics = facts.evaluation.metrics
    own = metrics[(metrics["model"] == FORECAST) & metrics["metric"].isin(BY_PLACE)]
    kind = "area" if (own["slice_kind"] == "area").any() else "entity"
    own = own[own["slice_kind"] == kind]
    names, areas, declared = (
        name_places(facts, kind),
        _find_areas(facts),
        _list_declared(facts, kind),
    )
    ids = sorted(set(own["slice"].astype(str)) if declared is None else declared)
    of = {place: place for place in ids} if kind == "area" else areas
    told = _describe_residents(facts, withheld, kind, of)
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


def name_places(facts: CardFacts, kind: str) -> dict[str, str]:
    """Return what areas (kind ``area``) or entities are called, by their id."""
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


def _take_next(facts: CardFacts) -> pd.DataFrame | None:
    """Take the forecasts of the first period after the data; None where there are none."""
    ahead = None if facts.outlook is None else facts.outlook.table
    if ahead is None or ahead.empty:
        return None
    return ahead[ahead[STEP] == ahead[STEP].min()]


def find_next(facts: CardFacts) -> date | None:
    """Return the first day of that period."""
    ahead = _take_next(facts)
    return None if ahead is None else pd.Timestamp(ahead[PERIOD_START].min()).date()


def forecast_places(
    facts: CardFacts, withheld: Withheld, kind: str, places: Sequence[str]
) -> tuple[dict[str, PlaceForecast], int]:
    """Forecast each place, as far as that may be said.

    Where amounts count people or events: a forecast of fewer than the policy's threshold is not
    said, and as many more are not as keep it open if all forecasts were counts whose total is
    known. Where anything is hidden on the card, the others are said in steps of twenty.

    Returns
    -------
    tuple
        The forecasts by place, and the step; 0 where there is none.
    """
    ahead = _take_next(facts)
    if ahead is None:
        return {}, 0
    at = _find_places(facts, kind, ahead[ENTITY].astype(str))
    sums = ahead[[Y_PRED, Y_LOW, Y_HIGH]].groupby(at.to_numpy()).agg(["sum", "count"])
    sums = sums.reindex([place for place in places if place in sums.index])
    value = sums[(Y_PRED, "sum")].to_numpy(float)
    lost = np.array([withheld.hides(kind, str(place)) for place in sums.index], dtype=bool)
    step = least = 0
    if facts.subject.counts:
        least = facts.spec.policy.small_cell
        lost = hide_cells(value, lost | ((value > 0) & (value < least)), least)
        secret = lost.any() or withheld.slices or withheld.groups or withheld.ranges
        step = PERIOD_STEP if secret or withheld.coarse else 1
    alone = sums[(Y_PRED, "count")] == 1  # ranges do not add up
    low, high = (sums[(end, "sum")].where(alone).to_numpy(float) for end in (Y_LOW, Y_HIGH))
    rows = zip(sums.index, lost, value, low, high, strict=True)
    found = {
        str(place): HIDDEN if hide else _make_forecast(middle, first, last, step, least)
        for place, hide, middle, first, last in rows
    }
    return found, step if step > 1 else 0


def _make_forecast(value: float, low: float, high: float, step: int, least: int) -> PlaceForecast:
    return PlaceForecast(
        value=round_forecast(value, step),
        low=round_forecast(0.0 if 0 < low < least else low, step, -1),
        high=round_forecast(high, step, 1),
    )


def _find_places(facts: CardFacts, kind: str, entities: pd.Series) -> pd.Series:
    """Return the place of each entity: itself, or its area."""
    known = facts.run.entities
    if kind == "entity" or known is None or AREA not in known:
        return entities
    named = known.drop_duplicates(ENTITY).set_index(known[ENTITY].astype(str))[AREA]
    return entities.map(named)


def _describe_residents(
    facts: CardFacts, withheld: Withheld, kind: str, areas: Mapping[str, str]
) -> dict[str, Told]:
    """Tell how many live in each place, and of which groups."""
    known = facts.run.entities
    if facts.groups is None or facts.groups.keyed_by != "entity" or known is None:
        return {}
    at = _find_places(facts, kind, known[ENTITY].astype(str)).to_numpy()
    entities, place = known[ENTITY].astype(str)[~pd.isna(at)], at[~pd.isna(at)].astype(str)
    people = known.get("residents", pd.Series(math.nan, known.index)).loc[entities.index]
    residents = dict(zip(place, people.astype(float), strict=True))
    told: dict[str, list[PlaceGroup]] = {name: [] for name in residents}
    for membership in facts.groups.memberships:
        dimension = facts.spec.audit.dimensions[membership.dimension]
        described = dimension.attribute is None or facts.subject.named_by_area or membership.places
        if not described or dimension.attribute == "entity":
            continue
        parts = membership.weights.reindex(entities.to_numpy()).groupby(place)
        same = (parts.nunique(dropna=False) == 1).all(axis=1)
        for name, weights in parts.first()[same].iterrows():
            own = str(name) in areas
            if own or membership.places:
                told[str(name)] += _list_groups(
                    membership, weights, residents[str(name)], withheld, facts
                )
    return {
        name: (
            round_residents(residents[name], facts.spec.policy.small_cell)
            if name in areas
            else None,
            tuple(groups),
        )
        for name, groups in told.items()
    }


def _list_groups(
    membership: Membership,
    weights: pd.Series,
    residents: float,
    withheld: Withheld,
    facts: CardFacts,
) -> list[PlaceGroup]:
    """List a place's groups: the one that it is in, or the shares that enough people are behind."""
    parts, least = weights.to_numpy(float), facts.spec.policy.small_cell
    named = [str(group) for group in weights.index]
    if membership.kind != "soft":
        return [
            PlaceGroup(dimension=membership.dimension, group=group)
            for group, part in zip(named, parts, strict=True)
            if part == 1 and not withheld.veils(membership.dimension, group)
        ]
    if not residents >= least or not np.isfinite(parts).all():
        return []
    behind = parts * residents
    hidden = hide_cells(behind, (behind > 0) & (behind < least), least)
    order = sorted(range(len(named)), key=lambda i: (-parts[i], i))
    return [
        PlaceGroup(dimension=membership.dimension, group=named[i], share=round(parts[i], 2))
        for i in order
        if not hidden[i] and round(parts[i], 2) > 0
    ]
