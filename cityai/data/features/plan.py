"""Which features a project has: chosen once, then the same at every origin and on every cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, NOT_RECORDED
from cityai.config.project import FeaturesSpec, Period, ProjectSpec
from cityai.data.periods import by_period
from cityai.errors import SpecError

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.records.events import Events


@dataclass(frozen=True, slots=True)
class Defaults:
    """Sensible choices for one length of period, settled on five public data sets.

    Attributes
    ----------
    lags, windows : tuple of int
        Periods back, and lengths of rolling windows.
    level : int
        Length of the window whose mean is an entity's recent level.
    seasons : int
        How many past seasons the seasonal mean takes.
    blur : int
        Periods on each side over which the value of a year before is smoothed.
    """

    lags: tuple[int, ...]
    windows: tuple[int, ...]
    level: int
    seasons: int
    blur: int


DEFAULTS: Final = by_period(
    day=Defaults((1, 2, 3, 4, 5, 6, 7, 14, 21, 28), (7, 14, 28, 91, 364), 28, 4, 3),
    week=Defaults((1, 2, 3, 4, 8, 13, 26, 52), (4, 13, 26, 52), 26, 3, 1),
    month=Defaults((1, 2, 3, 6, 12, 24), (3, 6, 12), 12, 3, 0),
)
"""By length of period."""


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """Everything about the features that must not depend on the origin.

    Attributes
    ----------
    period, unit : str
        Length of a period, unit of the target.
    lead, horizon : int
        Periods skipped, and periods predicted.
    blind : int
        Latest periods before an origin of which nothing was ever visible: their value is unknown
        (NaN), not zero.
    gaps : bool
        Whether a period without a row is a missing measurement rather than a zero.
    floor : float or None
        Least recent level; None takes a hundredth of the entities' mean level at the origin.
    season : int
        Periods in a season.
    choice : Defaults
        Lags and windows in force.
    levels : tuple of str
        Of entity, area, city: those at which windows are taken. A level is left out when each of
        its groups holds a single entity, for it would repeat the entity's own figures.
    categories : Mapping of str to tuple of str
        Texts of each categorical attribute, sorted, `not recorded` last.
    """

    period: Period
    unit: str
    lead: int
    horizon: int
    blind: int
    gaps: bool
    floor: float | None
    season: int
    year: int
    choice: Defaults
    levels: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    def targets(self, origin: int) -> npt.NDArray[np.int64]:
        """Return the target periods of an origin, int64, one per step."""
        return origin + self.lead + np.arange(self.horizon, dtype=np.int64)


def plan_features(panel: Panel, snapshot: Events, spec: ProjectSpec) -> FeaturePlan:
    """Settle the set of features from the specification and the shape of the data.

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
    question = spec.question
    choice = _choose(spec.features, DEFAULTS[question.period], panel.blind, panel.periods.count)
    texts = snapshot.attributes.drop(columns=[ENTITY, KNOWN]).select_dtypes(exclude="number")
    return FeaturePlan(
        period=question.period,
        unit=question.unit,
        lead=question.lead,
        horizon=question.horizon,
        blind=panel.blind,
        gaps=question.missing_periods == "missing",
        floor=0.25 if question.measure == "count" else None,
        season=panel.periods.season,
        year=panel.periods.year,
        choice=choice,
        levels=_find_levels(spec.features.levels, panel.entity_ids, snapshot.attributes),
        categories={str(name): list_texts(texts[name]) for name in texts.columns},
    )


def _choose(features: FeaturesSpec, usual: Defaults, blind: int, count: int) -> Defaults:
    if features.lags is None:
        lags = {blind + 1, *(lag for lag in usual.lags if blind < lag < count)}
    else:
        lags = set(features.lags)
        _refuse_unknowable("lags", sorted(lag for lag in lags if lag <= blind), blind)
    if features.windows is None:
        windows = {w for w in usual.windows if blind + 1 < w <= count} or {blind + usual.windows[0]}
    else:
        windows = set(features.windows)
        _refuse_unknowable("windows", sorted(w for w in windows if w <= blind), blind)
    return Defaults(
        tuple(sorted(lags)),
        tuple(sorted(windows)),
        max(usual.level, blind + usual.level // 2),
        usual.seasons,
        usual.blur,
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
    mine = attributes[attributes[ENTITY].isin(entity_ids)]
    crowded = AREA in mine and bool((mine.groupby(AREA)[ENTITY].nunique() > 1).any())
    if "area" in levels and not crowded:
        levels.remove("area")
    if "city" in levels and len(entity_ids) < 2:
        levels.remove("city")
    return tuple(levels)


def list_texts(column: pd.Series) -> tuple[str, ...]:
    """Return the texts of a category, sorted, `not recorded` last."""
    return (*sorted({str(text) for text in column.dropna()} - {NOT_RECORDED}), NOT_RECORDED)
