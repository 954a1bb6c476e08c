"""Features of the target's own past, at one origin: levels, lags, windows, seasons.

Figures in the unit of the target are given as a share of the entity's recent level, so that a model
learns one rule for large and small entities alike; sums keep the size. Sums run over the rows of an
array in the order of time, so the same past gives the same bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cityai.data.features.as_of_join import divide
from cityai.data.features.known import find_latest, mean_known
from cityai.data.features.plan import DensePlan
from cityai.data.features.vintages import Vintage
from cityai.data.periods import YEAR_IN_WORDS, by_period
from cityai.data.rows import Floats, Ints
from cityai.i18n.messages import count_periods, name_periods, say


def describe_series(
    vintage: Vintage, area: Ints, plan: DensePlan
) -> tuple[Floats, dict[str, Floats]]:
    """Describe what was visible of the target at one origin.

    Parameters
    ----------
    vintage : Vintage
        The visible past.
    area : numpy.ndarray
        (entities,) int64 code of each entity's area at the origin; -1 when not recorded.
    plan : DensePlan
        Which features there are.

    Returns
    -------
    numpy.ndarray
        (entities,) float64, the recent level, always positive.
    dict of str to numpy.ndarray
        By name: (entities, steps) where a feature depends on the step, else (entities, 1).
    """
    level = find_level(vintage.values, plan)
    flat = {
        **_describe_lags(vintage, level, plan),
        **_describe_windows(vintage.values, area, level, plan),
        **_describe_activity(vintage, level, plan),
    }
    stepped = _describe_seasons(vintage, level, plan)
    return level, {name: values[:, None] for name, values in flat.items()} | stepped


def find_level(values: Floats, plan: DensePlan) -> Floats:
    """Return each entity's recent level: the unit in which its target is measured.

    It is the mean of the last 28 days, 26 weeks or 12 months that are visible, fewer when there are
    fewer; without a visible value among them, the mean of the entity's whole past. It is never
    below the floor: 0.25 for counts, for sums a hundredth of the entities' mean level at the
    origin (1 when that is not positive either).

    Parameters
    ----------
    values : numpy.ndarray
        (origin, entities) visible past.
    plan : DensePlan
        Window and floor.
    """
    level = mean_known(_last(values, plan.level))
    level = np.where(np.isnan(level), mean_known(values), level)
    level = np.where(np.isnan(level), 0.0, level)
    floor = 0.25
    if plan.question.measure == "sum":
        positive = level[level > 0]
        floor = float(positive.mean()) / 100 if positive.size else 1.0
    return np.maximum(level, floor)


_WINDOWED: Final = {
    "sum": say("{unit} in the last {span}"),
    "mean": say("mean {unit} in the last {span}, as a share of the recent level"),
    "trend": say("trend of {unit} over the last {span}"),
    "area_mean": say("mean {unit} in the area in the last {span}, as a share of the recent level"),
    "area_trend": say("trend of {unit} in the area over the last {span}"),
    "city_mean": say(
        "mean {unit} in the whole city in the last {span}, as a share of the recent level"
    ),
    "city_trend": say("trend of {unit} in the whole city over the last {span}"),
}
_SINGLE: Final = {
    "change": say("{unit} in the last {short} against the {short2} before"),
    "zero_share": say("share of the last {longest} with no {unit}"),
    "gap_share": say("share of the last {longest} not reported"),
    "latest": say("{unit} when last reported, as a share of the recent level"),
    "age": say("{period} since the first record"),
    "log_level": say("recent level of {unit} (logarithm)"),
    "season_1": say("{unit} on the latest known {same}, as a share of the recent level"),
    "season_2": say("{unit} on the {same} before that, as a share of the recent level"),
    "year_1": say("{unit} {before} earlier, as a share of the recent level"),
    "year_index": say("{unit} at this time of the year a year earlier, against the level then"),
}
_SEASON_MEAN: Final = say(
    "mean {unit} over the last {n} times of the {same}, as a share of the recent level"
)
_LAG: Final = say("{unit} {n} ago, as a share of the recent level")
_SAME: Final = by_period(
    day=say("same weekday"),
    week=say("same week of the year"),
    month=say("same month of the year"),
)


def label_series(plan: DensePlan) -> dict[str, str]:
    """Return the words for readers of every feature that `describe_series` may give."""
    unit, period, windows = plan.question.unit, plan.periods.freq, plan.windows
    words = {
        "unit": unit,
        "short": count_periods(windows[0], period),
        "short2": windows[0],
        "longest": count_periods(windows[-1], period),
        "period": name_periods(period),
        "same": _SAME[period],
        "before": count_periods(*YEAR_IN_WORDS[period]),
    }
    lags = {f"lag_{n}": _LAG.format(unit=unit, n=count_periods(n, period)) for n in plan.lags}
    single = {name: label.format(**words) for name, label in _SINGLE.items()}
    season = _SEASON_MEAN.format(unit=unit, n=plan.seasons, same=words["same"])
    windowed = {
        f"{name}_{window}": label.format(unit=unit, span=count_periods(window, period))
        for window in windows
        for name, label in _WINDOWED.items()
    }
    return lags | single | windowed | {"season_mean": season}


def _describe_lags(vintage: Vintage, level: Floats, plan: DensePlan) -> dict[str, Floats]:
    rows = vintage.origin - np.array(plan.lags, dtype=np.int64)
    found = _take(vintage.values, rows) / level
    return {f"lag_{n}": found[i] for i, n in enumerate(plan.lags)}


def _describe_windows(
    values: Floats, area: Ints, level: Floats, plan: DensePlan
) -> dict[str, Floats]:
    """Sums, means and trends of each window, at each level.

    Sums, which tell large from small, are the entity's alone: those of the area or the city would
    only tell one year from another. An area's or the city's figure is the sum of its entities' own
    means or trends, so an entity that did not report for a while does not look like a fall; it is
    set against the sum of their means over the level window.
    """
    usual = mean_known(_last(values, plan.level))
    columns: dict[str, Floats] = {}
    for window in plan.windows:
        recent = _last(values, window)
        mean, trend = mean_known(recent), _slope(recent) * window
        # Over the level window every mean is 1 by construction.
        has_mean = window != plan.level
        if "entity" in plan.levels:
            columns[f"sum_{window}"] = np.where(np.isnan(mean), np.nan, np.nansum(recent, axis=0))
            columns[f"trend_{window}"] = trend / level
            if has_mean:
                columns[f"mean_{window}"] = mean / level
        for place, codes in (("area", area), ("city", np.zeros_like(area))):
            if place in plan.levels:
                base = _add_up(usual, codes)
                columns[f"{place}_trend_{window}"] = divide(_add_up(trend, codes), base)
                if has_mean:
                    columns[f"{place}_mean_{window}"] = divide(_add_up(mean, codes), base)
    return columns


def _describe_activity(vintage: Vintage, level: Floats, plan: DensePlan) -> dict[str, Floats]:
    values, windows = vintage.values, plan.windows
    long = _last(values, windows[-1])
    reported = ~np.isnan(long)
    newest, before = (mean_known(_last(values, windows[0], skip)) for skip in (0, windows[0]))
    columns = {
        "change": (newest - before) / level,
        "zero_share": divide((long == 0).sum(axis=0), reported.sum(axis=0)),
        "age": np.where(vintage.first >= 0, vintage.origin - vintage.first, np.nan),
        "log_level": np.log1p(level),
    }
    if plan.gaps:
        begun = vintage.origin - plan.blind - np.maximum(vintage.first, 0)
        asked = np.where(vintage.first >= 0, np.minimum(begun, len(long) - plan.blind), 0)
        columns["gap_share"] = 1 - divide(reported.sum(axis=0), asked)
        columns["latest"] = find_latest(values) / level
    return columns


def _describe_seasons(vintage: Vintage, level: Floats, plan: DensePlan) -> dict[str, Floats]:
    """Values of periods that stand where the target stands in its season or year."""
    values = vintage.values
    targets = plan.targets(vintage.origin)
    newest = vintage.origin - plan.blind - 1
    latest = _step_back(targets, newest, plan.periods.season)
    same = [_take(values, latest - k * plan.periods.season) for k in range(max(plan.seasons, 2))]
    year = _step_back(targets, newest - plan.blur, plan.periods.year)
    around = [_take(values, year + k) for k in range(-plan.blur, plan.blur + 1)]
    # The level of a year before is taken over the window that ended as far before `year` as the
    # origin lies before the target.
    back = np.unique(targets - year)
    then = np.stack([mean_known(_last(values, plan.level, int(n))) for n in back])
    base = then[np.searchsorted(back, targets - year)]
    stepped = {
        "season_1": same[0] / level,
        "season_2": same[1] / level,
        "season_mean": mean_known(np.stack(same[: plan.seasons])) / level,
        "year_index": divide(mean_known(np.stack(around)), base),
    }
    if plan.periods.year != plan.periods.season:
        stepped["year_1"] = _take(values, _step_back(targets, newest, plan.periods.year)) / level
    return {name: found.T for name, found in stepped.items()}


def _step_back(targets: Ints, newest: int, stride: int) -> Ints:
    """Go back from each target by whole strides, at least one, to a period that is known."""
    strides = np.maximum(-((newest - targets) // stride), 1)
    back: Ints = targets - strides * stride
    return back


def _take(values: Floats, rows: Ints) -> Floats:
    """Return rows of `values`; NaN where a row lies before the first period."""
    if not len(values):
        return np.full((len(rows), values.shape[1]), np.nan)
    return np.where((rows >= 0)[:, None], values[np.maximum(rows, 0)], np.nan)


def _last(values: Floats, window: int, skip: int = 0) -> Floats:
    stop = max(len(values) - skip, 0)
    return values[max(stop - window, 0) : stop]


def _slope(values: Floats) -> Floats:
    """Least-squares slope per period over the first axis; NaN with fewer than three values."""
    present = ~np.isnan(values)
    time = np.arange(len(values), dtype=np.float64)[:, None]
    if len(values) >= 3 and present.all():
        # The same sums, of which those of the time are alike for all; in the order of the rows.
        middle = time.sum() / len(values)
        squares = np.cumsum((time - middle) ** 2)[-1]
        whole: Floats = ((time - middle) * values).sum(axis=0) / squares
        return whole
    count = present.sum(axis=0)
    filled = np.where(present, values, 0.0)
    middle = divide((time * present).sum(axis=0), count)
    centred = np.where(present, time - middle, 0.0)
    slope = divide((centred * filled).sum(axis=0), (centred**2).sum(axis=0))
    return np.where(count >= 3, slope, np.nan)


def _add_up(values: Floats, codes: Ints) -> Floats:
    """Sum over the entities with the same code, given back to each; NaN without one (-1)."""
    shifted = codes + 1
    size = int(shifted.max(initial=0)) + 1
    present = ~np.isnan(values)
    total = np.bincount(shifted, np.where(present, values, 0.0), size)
    counted = np.bincount(shifted, present, size)
    usable = (shifted > 0) & (counted[shifted] > 0)
    return np.where(usable, total[shifted], np.nan)
