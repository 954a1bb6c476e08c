"""Features of the target's own past, at many origins: levels, lags, windows, seasons.

Figures in the unit of the target are given as a share of the entity's recent level, so that a model
learns one rule for large and small entities alike; sums keep the size. Sums run in the order of
time, so the same past gives the same bits: the period that lies so far back is added for all
origins at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from cityai.config.project import Period
from cityai.data.features.as_of_join import divide
from cityai.data.features.plan import DensePlan
from cityai.data.features.vintages import Vintages
from cityai.data.features.windows import Windows, open_windows
from cityai.data.periods import YEAR_IN_WORDS, by_period
from cityai.data.rows import Floats, Ints
from cityai.i18n.messages import count_periods, name_periods, say

Described = tuple[str, list[Floats]]
"""Name and values of a feature."""


def describe_series(
    vintages: Vintages, area: Ints, plan: DensePlan
) -> tuple[Floats, Iterator[Described]]:
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
    iterator of (str, list of numpy.ndarray)
        Names and features, each made when it is asked for, so that few are held at once. Of each
        step, or of all steps where a feature is the same of all: (origins, entities), or
        (origins, 1) where it is the same of all entities.
    """
    windows = open_windows(vintages)
    usual = windows.add(plan.level).mean
    level = _find_level(vintages, usual, plan)

    def describe() -> Iterator[Described]:
        for n in plan.lags:
            yield f"lag_{n}", [vintages.take(n) / level]
        yield from _describe_windows(windows, area, level, usual, plan)
        yield from _describe_activity(vintages, windows, level, plan)
        yield from _describe_seasons(vintages, windows, level, plan)

    return level, describe()


def _find_level(vintages: Vintages, usual: Floats, plan: DensePlan) -> Floats:
    """Return each entity's recent level: the unit in which its target is measured.

    It is the mean of the last 28 days, 26 weeks or 12 months that are visible, fewer when there are
    fewer; without a visible value among them, the mean of the entity's whole past. It is never
    below the floor: 0.25 for counts, for sums a hundredth of the entities' mean level at the
    origin (1 when that is not positive either).
    """
    silent = np.isnan(usual) & (vintages.first >= 0)
    level = np.where(np.isnan(usual), 0.0, usual)
    if silent.any():
        whole = open_windows(vintages).add(int(vintages.origins[-1])).mean
        level = np.where(silent & ~np.isnan(whole), whole, level)
    if plan.question.measure != "sum":
        return np.maximum(level, 0.25)
    above = [each[each > 0] for each in level]
    floor = [each.sum() / len(each) / 100 if len(each) else 1.0 for each in above]
    return np.maximum(level, np.array(floor)[:, None])


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


def _describe_windows(
    windows: Windows, area: Ints, level: Floats, usual: Floats, plan: DensePlan
) -> Iterator[Described]:
    """Sums, means and trends of each window, at each level.

    Sums, which tell large from small, are the entity's alone: those of the area or the city would
    only tell one year from another. An area's or the city's figure is the sum of its entities' own
    means or trends, so an entity that did not report for a while does not look like a fall; it is
    set against the sum of their means over the level window.
    """
    codes = {"area": area, "city": np.zeros((len(area), 1), dtype=np.int64)}
    groups = {place: Groups(codes[place]) for place in codes if place in plan.levels}
    base = {place: group.add_up(usual) for place, group in groups.items()}
    for window in plan.windows:
        added, trend = windows.add(window), windows.find_slope(window) * window
        mean = added.mean
        # Over the level window every mean is 1 by construction.
        has_mean = window != plan.level
        if "entity" in plan.levels:
            count = added.count
            yield f"sum_{window}", [added.total / np.where(count > 0, 1.0, np.nan)]
            yield f"trend_{window}", [trend / level]
            if has_mean:
                yield f"mean_{window}", [mean / level]
        for place, group in groups.items():
            yield f"{place}_trend_{window}", [divide(group.add_up(trend), base[place])]
            if has_mean:
                yield f"{place}_mean_{window}", [divide(group.add_up(mean), base[place])]


def _describe_activity(
    vintages: Vintages, windows: Windows, level: Floats, plan: DensePlan
) -> Iterator[Described]:
    shortest, longest = plan.windows[0], plan.windows[-1]
    recent, before = windows.add(shortest).mean, windows.add(shortest, shortest).mean
    some, reported = windows.count_some(longest), windows.add(longest).count
    origin, first = vintages.origins[:, None], vintages.first
    yield "change", [(recent - before) / level]
    yield "zero_share", [divide(reported - some, reported)]
    yield "age", [np.where(first >= 0, origin - first, np.nan)]
    yield "log_level", [np.log1p(level)]
    if plan.gaps:
        begun = origin - plan.blind - np.maximum(first, 0)
        there = np.minimum(begun, np.minimum(longest, origin) - plan.blind)
        yield "gap_share", [1 - divide(reported, np.where(first >= 0, there, 0))]
        yield "latest", [_find_latest(vintages) / level]


def _find_latest(vintages: Vintages) -> Floats:
    """Return the latest known amount; NaN where there is none."""
    latest = np.full(vintages.first.shape, np.nan)
    for back in range(vintages.blind + 1, int(vintages.origins[-1]) + 1):
        missing = np.isnan(latest)
        if not (missing & (vintages.first >= 0)).any():
            break
        latest = np.where(missing, vintages.take(back), latest)
    return latest


def _describe_seasons(
    vintages: Vintages, windows: Windows, level: Floats, plan: DensePlan
) -> Iterator[Described]:
    """Values of periods that stand where the target stands in its season or year."""
    # How far back they lie is the same at every origin; here the origin is 0.
    targets, newest = plan.targets(0), -plan.blind - 1
    season, year = plan.periods.season, plan.periods.year
    latest = _step_back(targets, newest, season)
    same = [(k * season - latest).tolist() for k in range(max(plan.seasons, 2))]
    before = _step_back(targets, newest - plan.blur, year)
    around = [(-before - k).tolist() for k in range(-plan.blur, plan.blur + 1)]
    # The level of a year before is taken over the window that ended as far before `before` as the
    # origin lies before the target.
    then = [windows.add(plan.level, skip).mean for skip in (targets - before).tolist()]
    yield "season_1", [vintages.take(back) / level for back in same[0]]
    yield "season_2", [vintages.take(back) / level for back in same[1]]
    means = [_take_mean(vintages, backs) for backs in zip(*same[: plan.seasons], strict=True)]
    yield "season_mean", [mean / level for mean in means]
    means = [_take_mean(vintages, backs) for backs in zip(*around, strict=True)]
    yield "year_index", [divide(mean, usual) for mean, usual in zip(means, then, strict=True)]
    if year != season:
        backs = (-_step_back(targets, newest, year)).tolist()
        yield "year_1", [vintages.take(back) / level for back in backs]


def _step_back(targets: Ints, newest: int, stride: int) -> Ints:
    """Go back from each target by whole strides, at least one, to a period that is known."""
    strides = np.maximum(-((newest - targets) // stride), 1)
    return targets - strides * stride


def _take_mean(vintages: Vintages, backs: Sequence[int]) -> Floats:
    """Return the mean of periods that lay so far back, of what is known of them."""
    total, count = vintages.look_back(backs[0])
    for amount, known in map(vintages.look_back, backs[1:]):
        total, count = total + amount, np.add(count, known, dtype=np.int64)
    return divide(total, count)


class Groups:
    """Groups of entities at each of some origins.

    Parameters
    ----------
    codes : numpy.ndarray
        (origins, entities) int64, -1 for none; (origins, 1) where all entities are in one group.
    """

    def __init__(self, codes: Ints) -> None:
        self._size = int(codes.max(initial=0)) + 2
        # Every group of every origin has a number of its own; those without a group come first.
        self._number = codes + 1 + np.arange(len(codes))[:, None] * self._size
        self._grouped = codes >= 0

    def add_up(self, values: Floats) -> Floats:
        """Sum (origins, entities) over each group, for each of its entities; NaN without values."""
        present = ~np.isnan(values)
        number = np.broadcast_to(self._number, values.shape).ravel()
        total = len(values) * self._size
        found = np.bincount(number, np.where(present, values, 0.0).ravel(), total)
        some = np.bincount(number[present.ravel()], minlength=total) > 0
        found[~some] = np.nan
        return np.where(self._grouped, found[self._number], np.nan)
