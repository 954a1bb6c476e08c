"""What happened nearby: events near a case's point, losing weight with distance and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from cityai.columns import AS_OF, KNOWN_AT, Y_TRUE
from cityai.config.risk import DecaySpec, RiskSpec
from cityai.data.features.as_of_join import DAY_US, NOTHING, divide, read_moments
from cityai.data.features.events import list_amounts
from cityai.data.rows import Feature, Floats, Ints
from cityai.i18n.messages import say
from cityai.records.events import Events

EARTH_M: Final = 6_371_008.8
"""Mean radius of the earth (IUGG), in metres."""
HALVINGS: Final = 8
"""After this many half-lives an event counts no more; its weight would be under 0.4 %."""
MOST_PAIRS: Final = 2_000_000
"""Pairs of a case and an event that are looked at together, which bounds the memory."""


def describe_nearby(cases: Events, spec: RiskSpec) -> Iterator[Feature]:
    """Yield the density of what happened near each case, and the rate of earlier cases there."""
    if spec.question.entity.latitude is None:
        return
    decay, table = spec.features.decay, cases.table
    reach = say("within {reach_m:,.0f} m", reach_m=decay.reach_m)
    fading = say(
        "nearer and later ones count more, half after {half_life_days:g} days",
        half_life_days=decay.half_life_days,
    )
    y_true = table[Y_TRUE].to_numpy(np.float64)
    answered = (~np.isnan(y_true)).astype(np.float64)
    sums = _sum_nearby(table, table, np.column_stack([answered, np.nan_to_num(y_true)]), decay)
    yield Feature(
        "nearby_rate",
        say(
            "share of earlier {unit} {reach} in which {label} ({fading})",
            unit=spec.question.unit,
            reach=reach,
            label=spec.question.outcome.label,
            fading=fading,
        ),
        divide(sums[:, 1], sums[:, 0]),
    )
    for name, event in spec.events.items():
        if event.by != "point":
            continue
        events = cases.events[name]
        amounts = list_amounts(events)
        values = np.nan_to_num(events[amounts].to_numpy(np.float64))
        found = _sum_nearby(table, events, np.column_stack([np.ones(len(events)), values]), decay)
        what = event.label or name.replace("_", " ")
        for i, amount in enumerate(["density", *amounts]):
            said = (
                what
                if amount == "density"
                else say("{replace} of {what}", replace=amount.replace("_", " "), what=what)
            )
            yield Feature(
                f"{name}.{amount}", (said + " " + reach + " (" + fading + ")"), found[:, i]
            )


def _sum_nearby(
    cases: pd.DataFrame, events: pd.DataFrame, amounts: Floats, decay: DecaySpec
) -> Floats:
    """Add up amounts of events near each case that were known before it was asked about.

    An event at distance d and age t weighs ``(1 - d / reach) * 2 ** (-t / half life)`` while d is
    under the reach and t at most eight half-lives, else nothing. Distances are great circles.
    """
    result = np.full((len(cases), amounts.shape[1]), np.nan)
    points, asked = _place(cases), read_moments(cases[AS_OF])
    places, known = _place(events), read_moments(events[KNOWN_AT])
    usable = ~np.isnan(places).any(axis=1) & (known != NOTHING)
    kept = np.flatnonzero(usable)
    kept = kept[np.argsort(known[kept], kind="stable")]
    places, known, amounts = places[kept], known[kept], amounts[kept]
    has_place = np.flatnonzero(~np.isnan(points).any(axis=1))
    horizon = int(HALVINGS * decay.half_life_days * DAY_US)
    # Questions of one stretch of time share a tree of what they can see.
    stretch = asked[has_place] // horizon
    for part in np.unique(stretch):
        mine = has_place[stretch == part]
        low = np.searchsorted(known, (part - 1) * horizon)
        high = np.searchsorted(known, (part + 1) * horizon)
        result[mine] = 0.0
        if low < high:
            result[mine] = _sum_stretch(
                points[mine],
                asked[mine],
                places[low:high],
                known[low:high],
                amounts[low:high],
                decay,
                horizon,
            )
    return result


def _sum_stretch(
    points: Floats,
    asked: Ints,
    places: Floats,
    known: Ints,
    amounts: Floats,
    decay: DecaySpec,
    horizon: int,
) -> Floats:
    tree = cKDTree(places)
    # A little wider than the reach: what counts is decided below, by one formula.
    chord = 2 * np.sin(min(decay.reach_m * 1.001 / EARTH_M, np.pi) / 2)
    near = np.asarray(tree.query_ball_point(points, chord, return_length=True), dtype=np.int64)
    sums = np.zeros((len(points), amounts.shape[1]))
    ends = np.cumsum(near)
    begin = 0
    while begin < len(points):
        before = int(ends[begin - 1]) if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends, before + MOST_PAIRS, side="right")))
        lists = tree.query_ball_point(points[begin:stop], chord, return_sorted=True)
        case = np.repeat(np.arange(begin, stop), near[begin:stop])
        event = np.concatenate([np.asarray(found, dtype=np.int64) for found in lists])
        age = asked[case] - known[event]
        seen = (age > 0) & (age <= horizon)
        case, event, age = case[seen], event[seen], age[seen]
        weight = _weigh(points[case], places[event], age, decay)
        for i in range(amounts.shape[1]):
            added = np.bincount(case - begin, weight * amounts[event, i], stop - begin)
            sums[begin:stop, i] = added
        begin = stop
    return sums


def _weigh(points: Floats, places: Floats, age: Ints, decay: DecaySpec) -> Floats:
    chord = np.sqrt(((points - places) ** 2).sum(axis=1))
    metres = 2 * EARTH_M * np.arcsin(np.minimum(chord / 2, 1.0))
    near = np.maximum(1 - metres / decay.reach_m, 0.0)
    return near * 2.0 ** (-age / (decay.half_life_days * DAY_US))


def _place(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return points on the unit sphere, (rows, 3), so that no map projection distorts."""
    latitude = np.radians(table["latitude"].to_numpy(np.float64))
    longitude = np.radians(table["longitude"].to_numpy(np.float64))
    return np.column_stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ]
    )
