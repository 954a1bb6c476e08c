"""The target as a dense table: what was known of every period, of every entity, at every origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, KNOWN, PERIOD
from cityai.config.entity import CohortSpec
from cityai.config.project import ProjectSpec
from cityai.data.features.parts import Parts, place_parts
from cityai.data.features.vintages import Vintages, add_parts
from cityai.data.periods import SHORTEST_DAYS, Periods
from cityai.errors import DataError, TimeError
from cityai.records.events import Events

MAX_CELLS: Final = 50_000_000
"""Periods times entities; more would need 400 MB for every copy."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Panel:
    """Dense what-was-known-when."""

    periods: Periods
    """The time axis, P periods."""
    entity_ids: tuple[str, ...]
    """The cohort, sorted, E entities."""
    final: Floats
    """(P, E) float64: the total as it stands now. NaN before an entity's first row, where every
    amount is missing and, for measurements, where nothing was reported."""
    active: Flags
    """(P + 1, E) bool: whether the entity is asked about at this origin."""
    delay: int
    """Whole periods from a period's end until its total is mature."""
    parts: Parts
    """All parts, prompt and late, in the order in which they became visible."""
    gaps: bool = False
    """Whether a period without a row is missing rather than zero."""
    blind: int = 0
    """Latest periods of which nothing is ever visible, since every row is seen later."""
    held: tuple[Vintages, ...] = ()
    """The past at some origins, at hand for `known_at`."""

    def hold(self, origins: Iterable[int]) -> Panel:
        """Return the panel with the past at some origins at hand: it is asked for many times."""
        return replace(self, held=tuple(self._replay(origins)))

    def _replay(self, origins: Iterable[int]) -> Iterator[Vintages]:
        shape = (self.periods.count, len(self.entity_ids))
        return add_parts(self.parts, shape, sorted(origins), gaps=self.gaps, blind=self.blind)

    @property
    def moments(self) -> pd.DatetimeIndex:
        """Starts of the origins at which anybody is asked about."""
        asked = np.flatnonzero(self.active.any(axis=1))
        return self.periods.starts(self.periods.count + 1)[asked]

    def known_at(self, origin: int) -> Floats:
        """Return the past as it was visible just before an origin.

        Returns
        -------
        numpy.ndarray
            (origin, E) float64, NaN before the first visible row, in the blind periods and where
            `final` is.
        """
        for some in self.held:
            if origin in some.origins:
                return some.read_past(int(np.searchsorted(some.origins, origin)))
        return next(self._replay([origin])).read_past(0)

    def mature_until(self, origin: int) -> int:
        """Return the first period whose total is not yet mature at an origin."""
        return origin - self.delay


def build_panel(snapshot: Events, spec: ProjectSpec) -> Panel:
    """Build the dense panel of the cohort.

    Raises
    ------
    DataError
        If the panel would be too large, or no entity passes the cohort's rules.
    TimeError
        If there is one period alone, or the target never changes.
    """
    count = snapshot.periods.count
    if count < 2:
        raise TimeError(
            f"the data hold one complete {snapshot.periods.freq} alone",
            where=f"{snapshot.periods.first:%Y-%m-%d}",
            expected="a history to learn from",
            next_step="give more data, or choose a shorter `question.period`",
        )
    gaps = spec.question.missing_periods == "missing"
    cells = snapshot.table
    entity_ids = _choose_cohort(cells, snapshot.periods, spec.question.entity.cohort)
    if count * len(entity_ids) > MAX_CELLS:
        raise DataError(
            f"{len(entity_ids):,} {spec.question.entity.label_plural} times {count:,} periods are "
            "too many",
            where="question.entity",
            expected=f"at most {MAX_CELLS:,} cells",
            next_step="choose fewer `entity.columns`, a longer `period`, or a stricter `cohort`",
        )
    parts = place_parts(cells, entity_ids)
    last = max(count, int(parts.known.max()))
    whole = next(add_parts(parts, (count, len(entity_ids)), [last], gaps=gaps, blind=0))
    final = np.where(whole.known, whole.total, np.nan)[:count]
    _refuse_constant(final, spec)
    blind = max(int((cells[KNOWN] - cells[PERIOD]).min()) - 1, 0)
    return Panel(
        periods=snapshot.periods,
        entity_ids=entity_ids,
        final=final,
        active=_find_active(parts, final.shape, spec.question.entity.cohort, blind),
        delay=count_delay(spec),
        parts=parts,
        gaps=gaps,
        blind=blind,
    )


def count_delay(spec: ProjectSpec) -> int:
    """Return the whole periods from a period's end until its total is mature.

    The declared reporting delay, or the lag of every row where that is longer; months are taken
    as 28 days, so a label is never called mature too early.
    """
    days = max(spec.data.reporting_delay_days, spec.data.known.lag_days or 0)
    return -(-days // SHORTEST_DAYS[spec.question.period])


def _choose_cohort(cells: pd.DataFrame, periods: Periods, rules: CohortSpec) -> tuple[str, ...]:
    grouped = cells.groupby(ENTITY, sort=True)[PERIOD]
    first, last = grouped.min(), grouped.max()
    starts = periods.starts(periods.count + 1)
    kept = pd.Series(True, index=first.index)
    if rules.first_before is not None:
        kept &= starts[first] < pd.Timestamp(rules.first_before)
    if rules.last_from is not None:
        kept &= starts[last + 1] > pd.Timestamp(rules.last_from)
    if rules.min_rows is not None:
        counted = cells
        if rules.min_rows_since is not None:
            counted = cells[starts[cells[PERIOD]] >= pd.Timestamp(rules.min_rows_since)]
        rows = counted.groupby(ENTITY)["n"].sum().reindex(first.index, fill_value=0)
        kept &= rows >= rules.min_rows
    if not kept.any():
        raise DataError(
            f"none of {len(kept):,} entities passes the cohort's rules",
            where="question.entity.cohort",
            next_step="loosen `first_before`, `last_from` or `min_rows`",
        )
    return tuple(str(name) for name in kept.index[kept])


def _find_active(parts: Parts, shape: tuple[int, ...], rules: CohortSpec, blind: int) -> Flags:
    """Find who is asked about at each origin, from rows visible then alone: (P + 1, E)."""
    n_periods, n_entities = shape
    first = np.full((n_periods + 1, n_entities), n_periods + 1, dtype=np.int64)
    last = np.full((n_periods + 1, n_entities), -1, dtype=np.int64)
    visible = parts.pick(parts.known <= n_periods)
    at = visible.known * n_entities + visible.entity
    np.minimum.at(first.reshape(-1), at, visible.period)
    np.maximum.at(last.reshape(-1), at, visible.period)
    first, last = np.minimum.accumulate(first), np.maximum.accumulate(last)
    origin = np.arange(n_periods + 1)[:, None]
    active: Flags = origin - first >= rules.min_history
    if rules.idle_after is not None:
        active &= origin - 1 - blind - last < rules.idle_after
    return active


def _refuse_constant(final: Floats, spec: ProjectSpec) -> None:
    filled = final[~np.isnan(final)]
    if filled.size and filled.min() == filled.max():
        raise TimeError(
            f"the target is {filled[0]:g} {spec.question.unit} in every period of every "
            f"{spec.question.entity.label}",
            where=spec.question.value or "the count of rows",
            expected="a quantity that changes",
            next_step="check `question.measure`, `question.value` and `data.where`",
        )
    if not filled.size:
        raise DataError(
            "the target has no value in any period",
            where=spec.question.value or "the count of rows",
            next_step="check `question.value`",
        )
