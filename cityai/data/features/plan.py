"""Which features a project has: chosen once, then the same at every origin and on every cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, NOT_RECORDED
from cityai.config.project import ProjectSpec, QuestionSpec
from cityai.config.risk import RiskSpec
from cityai.data.features.as_of_join import find_positions
from cityai.data.periods import Periods, by_period
from cityai.errors import SpecError

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.records.events import Events


@dataclass(frozen=True, slots=True)
class Defaults:
    """Sensible choices for one length of period, settled on five public data sets."""

    lags: tuple[int, ...]
    windows: tuple[int, ...]
    """Periods back, and lengths of rolling windows."""
    level: int
    """Length of the window whose mean is an entity's recent level."""
    seasons: int
    """How many past seasons the seasonal mean takes."""
    blur: int
    """Periods on each side over which the value of a year before is smoothed."""


DEFAULTS: Final = by_period(
    day=Defaults((1, 2, 3, 4, 5, 6, 7, 14, 21, 28), (7, 14, 28, 91, 364), 28, 4, 3),
    week=Defaults((1, 2, 3, 4, 8, 13, 26, 52), (4, 13, 26, 52), 26, 3, 1),
    month=Defaults((1, 2, 3, 6, 12, 24), (3, 6, 12), 12, 3, 0),
)
"""By length of period."""


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What of the features is settled once, from the whole data, and holds at every moment."""

    windows: tuple[int, ...]
    """Lengths of rolling windows, rising: in periods, or in days where rows are listed."""
    levels: tuple[str, ...]
    """Of entity, area, city: those at which windows are taken. A level of a panel is left out when
    each of its groups holds a single entity, for it would repeat the entity's own figures."""
    categories: Mapping[str, tuple[str, ...]]
    """Texts of each categorical attribute, sorted, `not recorded` last."""


@dataclass(frozen=True, slots=True)
class DensePlan(FeaturePlan):
    """The same of dense rows."""

    question: QuestionSpec
    """The target and its periods."""
    periods: Periods
    """The time axis."""
    blind: int
    """Latest periods before an origin of which nothing was ever visible: their value is unknown
    (NaN), not zero."""
    lags: tuple[int, ...]
    """Periods back."""
    level: int
    seasons: int
    blur: int
    """As in `Defaults`."""

    @property
    def gaps(self) -> bool:
        """Whether a period without a row is a missing measurement rather than a zero."""
        return self.question.missing_periods == "missing"

    def targets(self, origin: int) -> npt.NDArray[np.int64]:
        """Return the target periods of an origin, int64, one per step."""
        return origin + self.question.lead + np.arange(self.question.horizon, dtype=np.int64)


def plan_dense(panel: Panel, snapshot: Events, spec: ProjectSpec) -> DensePlan:
    """Settle the features of dense rows from the specification and the shape of the data.

    Parameters
    ----------
    panel : Panel
        The cohort, the time axis and the blind periods.
    snapshot : Events
        The whole data; only the attributes are looked at (which area holds which entity, which
        texts there are), never the target.
    spec : ProjectSpec
        The project.

    Raises
    ------
    SpecError
        When a declared lag or window can never be known.
    """
    features, blind, count = spec.features, panel.blind, panel.periods.count
    usual = DEFAULTS[spec.question.period]
    lags: Iterable[int] | None = features.lags
    if lags is None:
        lags = {blind + 1, *(lag for lag in usual.lags if blind < lag < count)}
    windows = features.windows or (
        {w for w in usual.windows if blind + 1 < w <= count} or {blind + usual.windows[0]}
    )
    for what, chosen in (("lags", lags), ("windows", windows)):
        _refuse_unknowable(what, sorted(n for n in chosen if n <= blind), blind)
    texts = snapshot.attributes.drop(columns=[ENTITY, KNOWN]).select_dtypes(exclude="number")
    return DensePlan(
        windows=tuple(sorted(set(windows))),
        levels=_find_levels(features.levels, panel.entity_ids, snapshot.attributes),
        categories={str(name): _list_texts(texts[name]) for name in texts.columns},
        question=spec.question,
        periods=panel.periods,
        blind=blind,
        lags=tuple(sorted(set(lags))),
        level=max(usual.level, blind + usual.level // 2),
        seasons=usual.seasons,
        blur=usual.blur,
    )


def plan_listed(cases: Events, spec: RiskSpec) -> FeaturePlan:
    """Settle the features of listed rows."""
    described = {name: cases.table[name] for name in spec.question.entity.attributes}
    texts = {name: column for name, column in described.items() if column.dtype.kind != "f"}
    return FeaturePlan(
        windows=tuple(sorted(set(spec.features.windows_days))),
        levels=("entity", *(("area",) if AREA in cases.table else ()), "city"),
        categories={name: _list_texts(column) for name, column in texts.items()},
    )


def _refuse_unknowable(what: str, given: Sequence[int], blind: int) -> None:
    if given:
        raise SpecError(
            f"of {', '.join(map(str, given))} periods back nothing is ever known in time",
            where=f"features.{what}",
            expected=f"numbers above {blind}: the first rows of a period are seen {blind} "
            "whole periods after its end",
            next_step="remove them, or correct `data.known`",
        )


def _find_levels(
    wanted: Sequence[str], entity_ids: Sequence[str], attributes: pd.DataFrame
) -> tuple[str, ...]:
    levels = [level for level in ("entity", "area", "city") if level in wanted]
    if "area" in levels and not _share_areas(entity_ids, attributes):
        levels.remove("area")
    if "city" in levels and len(entity_ids) < 2:
        levels.remove("city")
    return tuple(levels)


def _share_areas(entity_ids: Sequence[str], attributes: pd.DataFrame) -> bool:
    """Whether there is an area with more than one of the entities."""
    if AREA not in attributes:
        return False
    mine = attributes[find_positions(attributes[ENTITY], entity_ids) >= 0]
    return bool((mine.groupby(AREA)[ENTITY].nunique() > 1).any())


def _list_texts(column: pd.Series) -> tuple[str, ...]:
    return (*sorted({str(text) for text in column.dropna()} - {NOT_RECORDED}), NOT_RECORDED)
