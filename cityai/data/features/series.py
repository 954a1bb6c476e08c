"""Features of the target's own past, at many origins: levels, lags, windows, seasons.

Figures in the unit of the target are given as a share of the entity's recent level, so that a model
learns one rule for large and small entities alike; sums keep the size. Sums run in the order of
time, so the same past gives the same bits: the period that lies so far back is added for all
origins at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from cityai.config.project import Period
from cityai.data.features.as_of_join import divide
from cityai.data.features.known import mean_known
from cityai.data.features.plan import DensePlan
from cityai.data.features.vintages import Flags, Vintages
from cityai.data.periods import YEAR_IN_WORDS, by_period
from cityai.data.rows import Floats, Ints
from cityai.i18n.messages import count_periods, name_periods, say


def describe_series(
    vintages: Vintages, area: Ints, plan: DensePlan
) -> tuple[Floats, dict[str, Floats]]:
    """Describe what was visible of the target at some origins.

    Parameters
    ----------
    vintages : Vintages
        The visible past of each.
    area : numpy.ndarray
        (origins, entities) int64 code of each entity's area at the origin; -1 when not recorded.
    plan : DensePlan
        Which features there are.

    Returns
    -------
    numpy.ndarray
        (origins, entities) float64, the recent level, always positive.
    dict of str to numpy.ndarray
        By name: (origins, entities, steps) where a feature depends on the step, else
        (origins, entities, 1).
    """
    usual = _add_window(vintages, plan.level).mean
    level = find_level(vintages, usual, plan)
    windows = {window: _add_window(vintages, window) for window in plan.windows}
    flat = {
        **{f"lag_{n}": vintages.take(n) / level for n in plan.lags},
        **_describe_windows(vintages, windows, area, level, usual, plan),
        **_describe_activity(vintages, windows, level, plan),
    }
    stepped = _describe_seasons(vintages, level, plan)
    return level, {name: values[:, :, None] for name, values in flat.items()} | stepped


def find_level(vintages: Vintages, usual: Floats, plan: DensePlan) -> Floats:
    """Return each entity's recent level: the unit in which its target is measured.

    It is the mean of the last 28 days, 26 weeks or 12 months that are visible, fewer when there are
    fewer; without a visible value among them, the mean of the entity's whole past. It is never
    below the floor: 0.25 for counts, for sums a hundredth of the entities' mean level at the
    origin (1 when that is not positive either).

    Parameters
    ----------
    vintages : Vintages
        The visible past.
    usual : numpy.ndarray
        (origins, entities) mean of the last periods; NaN where nothing is known of them.
    plan : DensePlan
        The measure.
    """
    silent = np.isnan(usual) & (vintages.first >= 0)
    level = np.where(np.isnan(usual), 0.0, usual)
    if silent.any():
        whole = _add_window(vintages, int(vintages.origins[-1])).mean
        level = np.where(silent & ~np.isnan(whole), whole, level)
    if plan.question.measure != "sum":
        return np.maximum(level, 0.25)
    floor = [each[each > 0].mean() / 100 if (each > 0).any() else 1.0 for each in level]
    found: Floats = np.maximum(level, np.array(floor)[:, None])
    return found


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


def label_series(plan: DensePlan) -> Mapping[str, str]:
    """Return the words for readers of every feature that `describe_series` may give."""
    question = plan.question
    return _label_all(question.unit, plan.periods.freq, plan.windows, plan.lags, plan.seasons)


@lru_cache(maxsize=8)
def _label_all(
    unit: str, period: Period, windows: tuple[int, ...], lags: tuple[int, ...], seasons: int
) -> Mapping[str, str]:
    words = {
        "unit": unit,
        "short": count_periods(windows[0], period),
        "short2": windows[0],
        "longest": count_periods(windows[-1], period),
        "period": name_periods(period),
        "same": _SAME[period],
        "before": count_periods(*YEAR_IN_WORDS[period]),
    }
    lagged = {f"lag_{n}": _LAG.format(unit=unit, n=count_periods(n, period)) for n in lags}
    single = {name: label.format(**words) for name, label in _SINGLE.items()}
    season = _SEASON_MEAN.format(unit=unit, n=seasons, same=words["same"])
    windowed = {
        f"{name}_{window}": label.format(unit=unit, span=count_periods(window, period))
        for window in windows
        for name, label in _WINDOWED.items()
    }
    return lagged | single | windowed | {"season_mean": season}


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Sums over the same periods before each origin, of what is known.

    Attributes
    ----------
    total : numpy.ndarray
        (origins, entities) float64.
    count : numpy.ndarray
        How many are known: of the same shape, or one column where that is the same of all entities.
    """

    total: Floats
    count: Ints

    @property
    def mean(self) -> Floats:
        """(origins, entities) mean of what is known; NaN where nothing is."""
        return divide(self.total, self.count)


def _walk_window(vintages: Vintages, window: int, skip: int) -> Iterator[tuple[int, Floats, Flags]]:
    """Yield the periods of a window, the oldest first: how far back, amounts, which are known."""
    oldest = min(window + skip, int(vintages.origins[-1]))
    for back in range(oldest, max(skip, vintages.blind), -1):
        yield back, *vintages.look_back(back)


def _add_window(vintages: Vintages, window: int, skip: int = 0) -> Window:
    """Add up a window; the latest `skip` periods are left out."""
    total = np.zeros(vintages.first.shape)
    count = np.zeros((len(total), 1), dtype=np.int64)
    for _, amount, known in _walk_window(vintages, window, skip):
        total += amount
        count = count + known
    return Window(total, count)


def _find_slope(vintages: Vintages, window: int, count: Ints) -> Floats:
    """Least-squares slope per period over a window; NaN with fewer than three values."""
    # Time is counted from the first period of the window that there is.
    length = np.minimum(window, vintages.origins)[:, None]
    time = np.zeros((len(length), 1), dtype=np.int64)
    for back, _, known in _walk_window(vintages, window, 0):
        time = time + (length - back) * known
    middle = divide(time, count)
    top, bottom = np.zeros(vintages.first.shape), np.zeros((len(length), 1))
    for back, amount, known in _walk_window(vintages, window, 0):
        centred = np.where(known, length - back - middle, 0.0)
        top += centred * amount
        bottom = bottom + centred**2
    return np.where(count >= 3, divide(top, bottom), np.nan)


def _describe_windows(
    vintages: Vintages,
    windows: Mapping[int, Window],
    area: Ints,
    level: Floats,
    usual: Floats,
    plan: DensePlan,
) -> dict[str, Floats]:
    """Sums, means and trends of each window, at each level.

    Sums, which tell large from small, are the entity's alone: those of the area or the city would
    only tell one year from another. An area's or the city's figure is the sum of its entities' own
    means or trends, so an entity that did not report for a while does not look like a fall; it is
    set against the sum of their means over the level window.
    """
    groups = {"area": area, "city": np.broadcast_to(np.int64(0), area.shape)}
    groups = {place: codes for place, codes in groups.items() if place in plan.levels}
    base = {place: _add_up(usual, codes) for place, codes in groups.items()}
    columns: dict[str, Floats] = {}
    for window, added in windows.items():
        mean, trend = added.mean, _find_slope(vintages, window, added.count) * window
        # Over the level window every mean is 1 by construction.
        has_mean = window != plan.level
        if "entity" in plan.levels:
            columns[f"sum_{window}"] = np.where(added.count > 0, added.total, np.nan)
            columns[f"trend_{window}"] = trend / level
            if has_mean:
                columns[f"mean_{window}"] = mean / level
        for place, codes in groups.items():
            columns[f"{place}_trend_{window}"] = divide(_add_up(trend, codes), base[place])
            if has_mean:
                columns[f"{place}_mean_{window}"] = divide(_add_up(mean, codes), base[place])
    return columns


def _describe_activity(
    vintages: Vintages, windows: Mapping[int, Window], level: Floats, plan: DensePlan
) -> dict[str, Floats]:
    shortest, longest = plan.windows[0], plan.windows[-1]
    some = np.zeros(level.shape, dtype=np.uint8 if longest < 256 else np.uint16)
    for _, amount, _ in _walk_window(vintages, longest, 0):
        some += (amount != 0).view(np.uint8)
    before, reported = _add_window(vintages, shortest, shortest), windows[longest].count
    origin, first = vintages.origins[:, None], vintages.first
    columns = {
        "change": (windows[shortest].mean - before.mean) / level,
        "zero_share": divide(reported - some, reported),
        "age": np.where(first >= 0, origin - first, np.nan),
        "log_level": np.log1p(level),
    }
    if plan.gaps:
        begun = origin - plan.blind - np.maximum(first, 0)
        there = np.minimum(begun, np.minimum(longest, origin) - plan.blind)
        columns["gap_share"] = 1 - divide(reported, np.where(first >= 0, there, 0))
        columns["latest"] = _find_latest(vintages) / level
    return columns


def _find_latest(vintages: Vintages) -> Floats:
    """Return the latest known amount; NaN where there is none."""
    latest = np.full(vintages.first.shape, np.nan)
    for back in range(vintages.blind + 1, int(vintages.origins[-1]) + 1):
        missing = np.isnan(latest)
        if not (missing & (vintages.first >= 0)).any():
            break
        latest = np.where(missing, vintages.take(back), latest)
    return latest


def _describe_seasons(vintages: Vintages, level: Floats, plan: DensePlan) -> dict[str, Floats]:
    """Values of periods that stand where the target stands in its season or year."""
    # How far back they lie is the same at every origin; here the origin is 0.
    targets, newest = plan.targets(0), -plan.blind - 1
    latest = -_step_back(targets, newest, plan.periods.season)
    same = [_take(vintages, latest + k * plan.periods.season) for k in range(max(plan.seasons, 2))]
    year = _step_back(targets, newest - plan.blur, plan.periods.year)
    around = [_take(vintages, -year - k) for k in range(-plan.blur, plan.blur + 1)]
    # The level of a year before is taken over the window that ended as far before `year` as the
    # origin lies before the target.
    back, step = np.unique(targets - year, return_inverse=True)
    then = [_add_window(vintages, plan.level, int(n)).mean for n in back]
    base = np.stack(then, axis=2)[:, :, step]
    size = level[:, :, None]
    stepped = {
        "season_1": same[0] / size,
        "season_2": same[1] / size,
        "season_mean": mean_known(np.stack(same[: plan.seasons])) / size,
        "year_index": divide(mean_known(np.stack(around)), base),
    }
    if plan.periods.year != plan.periods.season:
        stepped["year_1"] = _take(vintages, -_step_back(targets, newest, plan.periods.year)) / size
    return stepped


def _step_back(targets: Ints, newest: int, stride: int) -> Ints:
    """Go back from each target by whole strides, at least one, to a period that is known."""
    strides = np.maximum(-((newest - targets) // stride), 1)
    back: Ints = targets - strides * stride
    return back


def _take(vintages: Vintages, back: Ints) -> Floats:
    """Return the amounts of periods that lay so far back, (origins, entities, steps)."""
    return np.stack([vintages.take(int(n)) for n in back], axis=2)


def _add_up(values: Floats, codes: Ints) -> Floats:
    """Sum over the entities with the same code at an origin; NaN without one (-1)."""
    size = int(codes.max(initial=0)) + 2
    shifted = codes + 1 + np.arange(len(codes))[:, None] * size
    present = ~np.isnan(values)
    flat, total = shifted.ravel(), len(codes) * size
    found = np.bincount(flat, np.where(present, values, 0.0).ravel(), total)
    counted = np.bincount(flat, present.ravel(), total)
    return np.where((codes >= 0) & (counted[shifted] > 0), found[shifted], np.nan)
