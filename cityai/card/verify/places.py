"""What is said of single places, counted again from what was saved: forecasts, and residents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.card.record import CardRecord
from cityai.card.record.measured import PlaceForecast, PlaceResult
from cityai.card.verify.claims import Claim, refuse_claim
from cityai.columns import AREA, ENTITY, PERIOD_START, Y_HIGH, Y_LOW, Y_PRED
from cityai.records.groups import Membership

if TYPE_CHECKING:
    from cityai.modeling.ahead import Outlook

NOT_SAVED: Final = "no forecast of it was saved"
NO_PLACE: Final = "the tables know no such place or group"


def list_place_claims(
    record: CardRecord,
    outlook: Outlook | None,
    memberships: Sequence[Membership],
    entities: pd.DataFrame | None,
) -> Iterator[Claim]:
    """List the forecast of each place with its range, its residents and their shares."""
    known = pd.DataFrame({ENTITY: []}) if entities is None else entities
    by_area = known[AREA] if AREA in known else known[ENTITY]
    for i, place in enumerate(record.eval.places):
        path, own = f"eval.places[{i}]", place.figures and "area" in place.figures[0].slice
        inside = set(known[ENTITY][by_area == place.id].astype(str)) if own else {place.id}
        if place.forecast is not None:
            yield from _claim_forecast(f"{path}.forecast", place.forecast, record, outlook, inside)
        yield from _claim_residents(path, place, known, memberships, inside)


def _claim_forecast(
    path: str,
    printed: PlaceForecast,
    record: CardRecord,
    outlook: Outlook | None,
    inside: set[str],
) -> Iterator[Claim]:
    ends = {"value": Y_PRED, "low": Y_LOW, "high": Y_HIGH}
    for name, column in ends.items():
        figure = getattr(printed, name)
        if figure is None:
            continue
        rows, first = None if outlook is None else outlook.table, record.eval.next_period
        if rows is None or column not in rows or first is None:
            yield refuse_claim(f"{path}.{name}", figure, NOT_SAVED)
            continue
        at = rows[PERIOD_START] == pd.Timestamp(first)
        rows = rows[at & rows[ENTITY].astype(str).isin(inside)]
        counted = math.fsum(rows[column]) if len(rows) else math.nan
        few = name == "low" and figure == 0 and 0 <= counted < record.fairness.min_group_size
        step = float(record.eval.next_step)
        counted = 0.0 if few else _bring(figure, counted, name, step)
        yield Claim(f"{path}.{name}", figure, counted, 6)


def _bring(printed: float, counted: float, name: str, least: float = 0.0) -> float:
    """Return what is printed where it is the figure rounded, the ends of a range outwards."""
    if not math.isfinite(counted):
        return math.nan
    digits = 10.0 ** (math.floor(math.log10(abs(counted))) - 1) if counted else 1.0
    for step in dict.fromkeys((max(digits, least), max(digits, least, 1.0))):
        off = printed - counted
        way = {"value": abs(off) <= step / 2, "low": -step < off <= 0, "high": 0 <= off < step}
        near = abs(printed / step - round(printed / step)) < 1e-6
        if near and (way[name] or abs(off) < 1e-6 * step):
            return printed
    return counted


def _claim_residents(
    path: str,
    place: PlaceResult,
    known: pd.DataFrame,
    memberships: Sequence[Membership],
    inside: set[str],
) -> Iterator[Claim]:
    if place.residents is not None:
        rows = known[known[ENTITY].astype(str).isin(inside)]
        counted = float(rows["residents"].max()) if "residents" in rows and len(rows) else math.nan
        counted = _bring(place.residents, counted, "value")
        yield Claim(f"{path}.residents", place.residents, counted, 6)
    weights = {m.dimension: m.weights for m in memberships}
    for k, told in enumerate(place.groups):
        where, own = f"{path}.groups[{k}].share", weights.get(told.dimension)
        printed = 1.0 if told.share is None else told.share
        held = None if own is None else own[own.index.astype(str).isin(inside)]
        if held is None or told.group not in held or held.empty:
            yield refuse_claim(where, printed, NO_PLACE)
            continue
        parts = held[told.group]
        yield Claim(where, printed, float(parts.mean()), 2 if told.share is not None else 9)
