"""Covariates: other tables, as known at the moment, or known ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pandas as pd

from cityai.columns import AREA, AS_OF, DAY, ENTITY, KNOWN, KNOWN_AT, OCCURRED_AT, PERIOD
from cityai.config.tables import CovariateSpec
from cityai.data.features.as_of_join import (
    DAY_US,
    divide,
    find_positions,
    join_by,
    look_back,
    look_up,
    order_past,
    read_moments,
    replay_table,
    sum_seen,
    take_last,
)
from cityai.data.features.known import find_latest, mean_known
from cityai.data.periods import Periods
from cityai.data.rows import Feature, Floats, Ints
from cityai.data.side_tables import list_values
from cityai.i18n.messages import count_periods, say

RECENT_DAYS: Final = 3
"""Latest known days whose mean is a feature."""
Recent = Iterator[tuple[str, str, Floats]]
"""Ends of names, labels and values of features."""


class Asked(Protocol):
    """Questions that other tables are joined to, as rows are laid out."""

    @property
    def ahead(self) -> str:
        """What is said of a value that is known ahead, with a place for the column's words."""

    def join(self, table: pd.DataFrame, by: str) -> tuple[Ints, Ints]:
        """Return the group of each row of a table, and that of each question; -1 for none."""

    def match(self, table: pd.DataFrame) -> tuple[Ints, Ints]:
        """Return when each row of a table holds, and when what is asked about takes place."""

    def look_back(
        self, table: pd.DataFrame, values: Floats, group: Ints, asked: Ints, words: str
    ) -> Recent:
        """Yield the latest known value, and the mean of recent ones."""


def describe_covariates(
    asked: Asked, tables: Mapping[str, pd.DataFrame], declared: Mapping[str, CovariateSpec]
) -> Iterator[Feature]:
    """Yield what was last known of every covariate, or what is known ahead."""
    for name, covariate in sorted(declared.items()):
        table = tables[name]
        group, mine = asked.join(table, covariate.by)
        for column in list_values(covariate):
            words = covariate.columns[column].label or f"{name} {column}".replace("_", " ")
            title, values = f"{name}.{column}", table[column].to_numpy(np.float64)
            if covariate.known == "ahead":
                when, wanted = asked.match(table)
                found = look_up(group, when, values, mine, wanted)
                yield Feature(title, asked.ahead.format(words=words), found)
                continue
            for end, label, found in asked.look_back(table, values, group, mine, words):
                yield Feature(title + end, label, found)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The grid that features of a dense panel are computed on."""

    periods: Periods
    """The time axis."""
    entity_ids: tuple[str, ...]
    """The cohort."""
    origins: Ints
    """(origins,) int64, ascending."""
    targets: Ints
    """(origins, steps) int64 target periods."""
    states: Ints
    """(origins, entities) int64, row of the attributes in force; -1 when none."""
    areas: Ints
    """(origins, entities) int64 codes into `area_ids`; -1 when not recorded."""
    area_ids: tuple[str, ...]
    """Sorted."""
    window: int
    """Latest periods whose mean is a feature."""

    @property
    def ahead(self) -> str:
        """What is said of the value of a target period."""
        return say("{words} in the target period")

    def join(self, table: pd.DataFrame, by: str) -> tuple[Ints, Ints]:
        """Return codes of each row's entity or area, and (origins, entities, 1) those asked."""
        if by == "city":
            asked = np.zeros((len(self.origins), 1, 1), np.int64)
            return np.zeros(len(table), dtype=np.int64), asked
        if by == "area":
            return find_positions(table[AREA], self.area_ids), self.areas[:, :, None]
        everyone = np.arange(len(self.entity_ids))[None, :, None]
        shape = (len(self.origins), len(self.entity_ids), 1)
        return find_positions(table[ENTITY], self.entity_ids), np.broadcast_to(everyone, shape)

    def match(self, table: pd.DataFrame) -> tuple[Ints, Ints]:
        """Return the period of each row, and (origins, 1, steps) the target periods."""
        return table[PERIOD].to_numpy(np.int64), self.targets[:, None, :]

    def look_back(
        self, table: pd.DataFrame, values: Floats, group: Ints, asked: Ints, words: str
    ) -> Recent:
        """Yield the value of the latest known period, and the mean of the last ones."""
        period, known = table[PERIOD].to_numpy(np.int64), table[KNOWN].to_numpy(np.int64)
        kept = (period >= 0) & (period < self.periods.count) & (group >= 0)
        # The last column stays empty: it answers for entities without an area.
        width = max(int(group.max(initial=-1)), int(asked.max(initial=-1))) + 2
        shape = (self.periods.count, width)
        keys, period, known = group[kept], period[kept], known[kept]
        replayed = replay_table(keys, period, known, values[kept], shape, self.origins)
        latest, mean = np.full((2, len(self.origins), width), np.nan)
        for i, past in enumerate(replayed):
            latest[i] = find_latest(past)
            mean[i] = mean_known(past[-self.window :])
        rows = np.arange(len(self.origins))[:, None, None]
        yield "", say("{words}, latest known", words=words), latest[rows, asked]
        span = count_periods(self.window, self.periods.freq)
        label = say("{words}, mean of the last {span}", words=words, span=span)
        yield f"_mean_{self.window}", label, mean[rows, asked]


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Cases that are asked about one by one; values are those of days."""

    table: pd.DataFrame
    """As in `Events`."""

    @property
    def ahead(self) -> str:
        """What is said of the value of a case's day."""
        return say("{words}, on its day")

    def join(self, table: pd.DataFrame, by: str) -> tuple[Ints, Ints]:
        """Return codes of each row's entity or area, and of each case's."""
        return join_by(by, table, self.table)

    def match(self, table: pd.DataFrame) -> tuple[Ints, Ints]:
        """Return the day of each row, and that of each case."""
        return read_moments(table[DAY]), read_moments(self.table[OCCURRED_AT].dt.normalize())

    def look_back(
        self, table: pd.DataFrame, values: Floats, group: Ints, asked: Ints, words: str
    ) -> Recent:
        """Yield the value that became known last, and the mean of those of the latest days."""
        past = order_past(group, read_moments(table[KNOWN_AT]), read_moments(table[DAY]))
        moment = read_moments(self.table[AS_OF])
        whole = look_back(past, asked, moment)
        last = take_last(past, whole, values)
        yield "", say("{words}, on the last day known", words=words), last
        recent = look_back(past, asked, moment, moment - RECENT_DAYS * DAY_US)
        filled = (~np.isnan(values)).astype(np.float64)
        total, count = (sum_seen(past, recent, whole, v) for v in (values, filled))
        label = say("{words}, mean of the last {days} days", words=words, days=RECENT_DAYS)
        yield f"_{RECENT_DAYS}d", label, divide(total, count)
