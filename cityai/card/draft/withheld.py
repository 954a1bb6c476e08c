"""What a card may not show: decided once, for every source of predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.group_tables import find_hidden, list_hidden
from cityai.columns import DECISION, ENTITY, EVERYWHERE, FOLD, PERIOD_START, STEP, Y_TRUE
from cityai.config.policy import PolicySpec
from cityai.config.project import AuditableSpec
from cityai.findings import Finding, Status
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.card.draft.facts import CardFacts

Pairs = frozenset[tuple[str, str]]
WHOLE = (EVERYWHERE, EVERYWHERE)


@dataclass(frozen=True, slots=True)
class Withheld:
    """What may not be shown."""

    slices: Pairs = frozenset()
    """Kind ("overall", "fold", "area", "entity") and slice of the evaluation's figures."""
    groups: Pairs = frozenset()
    """Dimension and group of the audit's."""
    ranges: Pairs = frozenset()
    """Those of whom only ranges are said: their curve would say how many had the outcome."""
    coarse: bool = False
    """Whether totals of periods are rounded, so that a hidden one does not follow from the others.
    """
    cuts: bool = False
    """Whether figures by step, and means, would give the total of a small period away."""

    @property
    def whole(self) -> bool:
        """Whether nothing of the whole may be shown."""
        return WHOLE in self.slices

    def hides(self, kind: str, name: str) -> bool:
        """Tell whether a slice of the evaluation may not be shown."""
        return self.whole or (kind, name) in self.slices

    def veils(self, dimension: str, group: str, *, exactly: bool = False) -> bool:
        """Tell whether a group may not be shown; `exactly`, also where only ranges are said."""
        pair = (dimension, group)
        veiled = pair in self.groups or (exactly and pair in self.ranges)
        return veiled or (pair == WHOLE and self.whole)


NOTHING: Final = Withheld()


def find_withheld(facts: CardFacts) -> Withheld:
    """Find what a card may not show, from what its audit hides and from its smallest counts."""
    spec, subject, table = facts.spec, facts.subject, facts.predictions.table
    slices = _find_slices(facts.audit, spec)
    small = subject.counts and PERIOD_START in table and _has_small_period(table, spec.policy)
    rows = facts.quality.by_period["rows"] if facts.quality and subject.events else pd.Series()
    lost = any(kind in {EVERYWHERE, FOLD} for kind, _ in slices)
    shown = choose_rows(facts.audit, spec)
    keys = zip(shown["dimension"], shown["group"], shown["metric"], shown["status"], strict=True)
    ranged = shown["value_least"].notna() & (shown["status"] != Status.SUPPRESSED.value)
    return Withheld(
        slices=slices | _find_rare_folds(table, spec.policy),
        groups=list_hidden(keys),
        ranges=frozenset(zip(*(shown.loc[ranged, c] for c in ("dimension", "group")), strict=True)),
        coarse=lost or small or has_small(rows, spec.policy),
        cuts=small,
    )


def choose_rows(audit: Audit, spec: AuditableSpec) -> pd.DataFrame:
    """Choose the audit's rows that a card shows: of pairs, those that a limit applies to."""
    table = audit.table[audit.table["dimension"] != EVERYWHERE]
    single = table["dimension"].isin(frozenset(spec.audit.dimensions))
    return table[single | table["metric"].isin(list(spec.limits))]


def _find_slices(audit: Audit, spec: AuditableSpec) -> Pairs:
    """Return what the audit keeps out of the evaluation: kind of slice, and slice.

    Places that are suppressed as groups of their own are among them.
    """
    found = set(zip(audit.withheld["kind"], audit.withheld["slice"].astype(str), strict=True))
    for name, group in find_hidden(audit.table):
        dimension = spec.audit.dimensions.get(name)
        if dimension and dimension.attribute in {"entity", "area"}:
            found.add((str(dimension.attribute), group))
    return frozenset(found)


def withhold_findings(findings: Iterable[Finding], withheld: Withheld) -> tuple[Finding, ...]:
    """Say nothing of the evaluation of the whole where the whole may not be shown."""
    if not withheld.whole:
        return tuple(findings)
    told = {"status": Status.SUPPRESSED, "reason": say("Not shown: too few."), "observed": None}
    return tuple(
        replace(f, **told) if f.code.startswith(("evaluate.", "worth.")) else f  # type: ignore[arg-type]
        for f in findings
    )


def has_small(totals: pd.Series, policy: PolicySpec) -> bool:
    """Tell whether one of some totals is too small to show, and not nothing."""
    return bool(((totals > 0) & (totals < policy.small_cell)).any())


def take_latest(table: pd.DataFrame) -> pd.DataFrame:
    """Take the last prediction of each entity and period that was measured."""
    rows = table[np.isfinite(table[Y_TRUE])]
    rows = rows.sort_values([PERIOD_START, ENTITY, STEP], kind="stable")
    return rows.drop_duplicates([PERIOD_START, ENTITY])


def _has_small_period(table: pd.DataFrame, policy: PolicySpec) -> bool:
    return has_small(take_latest(table).groupby(PERIOD_START)[Y_TRUE].sum(), policy)


def _find_rare_folds(table: pd.DataFrame, policy: PolicySpec) -> Pairs:
    """Find folds in which too few had the outcome, or too few did not."""
    if DECISION not in table:
        return frozenset()
    outcomes = table[Y_TRUE].groupby(table[FOLD].astype(str))
    yes, n = outcomes.sum(), outcomes.count()
    few = np.minimum(yes, n - yes) < policy.small_cell
    return frozenset((FOLD, str(fold)) for fold in yes.index[few])
