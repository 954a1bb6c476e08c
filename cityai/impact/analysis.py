"""Records of an evaluation: what was announced, what was found, what the city does with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import date
from typing import Any

import pandas as pd

from cityai.impact.records import Effect, Verdict


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was announced before the first outcome."""

    question: str
    label: str
    better: str
    design: str
    who_decides: str
    """In the city's words: what shall be found out, what is measured, which way is better, how
    chance decides, and who decides on it."""
    smallest: float
    """The smallest effect worth having, with its sign."""
    is_share: bool
    """Whether the outcome is yes or no."""
    sealed_on: str
    starts: str
    ends: str
    mature: str
    """Days; from the last on, outcomes can all be known."""
    seal: str
    """SHA-256 of the plan."""
    name: str = ""
    """Of the evaluation."""
    source: str = ""
    drawn: str = ""
    """The public source of chance that lots follow from, and what it gave; empty without one."""
    lots_from: str = ""
    """What lots follow from beside it: a digest of what was announced, when, and on which cases."""

    @property
    def draws(self) -> bool:
        """Whether lots are drawn: for cases on each list, or for the order of places."""
        return self.design in ("lottery", "probe", "stepped wedge")

    @property
    def weeks(self) -> int:
        """How many weeks of lists were announced."""
        return (date.fromisoformat(self.ends) - date.fromisoformat(self.starts)).days // 7


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """The effect in one group; None where it is hidden.

    `also` are groups that are counted with it, since they are too small to be shown.
    """

    dimension: str
    group: str
    effect: Effect | None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A line of an earlier version, which nobody signed: it is read to say so, and never counts."""

    decision: str
    role: str
    day: str
    reason: str


@dataclass(frozen=True)
class Analysis:
    """An analysis of an evaluation."""

    analysed_on: str
    """The day."""
    planned: bool
    """Whether it is the sealed analysis; anything else was chosen after seeing the data."""
    same_code: bool
    """Whether the program is the one that was sealed."""
    weeks: int
    """Weeks in which lists were drawn from."""
    rows: pd.DataFrame
    """A row for each about whom chance decided: ``unit``, ``block``, ``arm``, ``probability``,
    ``value`` (NaN where nothing was measured), ``done`` (1, 0, or NaN where nobody told), and a
    column for each dimension of groups."""
    effect: Effect
    treated: Effect
    """Of being assigned; of being served among those who follow."""
    verdict: Verdict
    """On the effect of being assigned."""
    groups: tuple[GroupEffect, ...]
    """By dimension and group, with simultaneous intervals."""
    followed: pd.DataFrame
    """``dimension`` (empty for all), ``group``, ``arm``, ``n`` (-1 where hidden), ``followed``."""
    probe: pd.DataFrame = field(default_factory=pd.DataFrame)
    """``dimension`` and `probe.PROBE_COLUMNS`: the audit's figures for everybody, by visits with a
    known probability, so also where nobody would have looked; no rows without a random probe."""

    def digest(self) -> str:
        """Return the SHA-256 of what was found and of what it rests on, whenever it was counted."""
        told = {
            name: value.to_csv(index=False) if isinstance(value, pd.DataFrame) else value
            for name, value in ((f.name, getattr(self, f.name)) for f in fields(self))
            if name not in ("analysed_on", "same_code")
        }
        content = json.dumps(told, sort_keys=True, default=_write_value)
        return hashlib.sha256(content.encode()).hexdigest()


def _write_value(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value.item()


@dataclass(frozen=True)
class Impact:
    """An evaluation as it stands."""

    sealed: Sealed
    """What was announced."""
    analysis: Analysis | None = None
    """The planned analysis; None before it is made."""
    others: int = 0
    """Analyses that were made after seeing the data."""
    decision: Decision | None = None
    """A line of an earlier version; what a city decides is signed."""


@dataclass(frozen=True)
class Impacts:
    """All evaluations of a project that were announced, the newest first."""

    told: tuple[Impact, ...]
