"""Who is in the rows, who receives, and who lives in the city: shares that need no outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension, tabulate_whole
from cityai.assessment.metrics.confusion import COUNTS
from cityai.columns import NOT_RECORDED
from cityai.config.project import AuditableSpec
from cityai.findings import Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, write
from cityai.i18n.messages import say as mark
from cityai.records.audit_data import AuditData, GroupTable, Scored
from cityai.records.groups import Membership

CODE = "audit.representation"


@dataclass(frozen=True)
class Shares:
    """Shares and counts by group."""

    table: pd.DataFrame
    """One row a dimension and group: `rows` (weighted), `rows_share`, `population_share` (of the
    residents, NaN where they are not known), `received_share` (of all who were selected, or of the
    whole forecast) and `reason` (why a row is empty)."""
    counts: pd.DataFrame
    """For a yes or no, one row a dimension and group: `n`, `decided`, `selected`, `known`,
    `outcomes`, `tp`, `fp`, `tn`, `fn`. Empty for amounts. It is not for publication."""
    findings: tuple[Finding, ...]
    """`audit.representation`, one a dimension."""


def count_shares(
    scored: Scored,
    memberships: Sequence[Membership],
    spec: AuditableSpec,
    limit: float | None = None,
    hidden: frozenset[tuple[str, str]] = frozenset(),
) -> Shares:
    """Count who is in the rows and who receives; groups that are too small stay hidden.

    Parameters
    ----------
    scored, memberships, spec
        As for `audit_scored`.
    limit : float, optional
        Largest difference of a group's share of the rows to its share of the population.
    hidden : frozenset of tuple of str
        Dimension and group of those that the audit hides beside these.
    """
    facts = gather_audit_data(scored, spec)
    views = [tabulate_whole(facts)]
    views += [tabulate_dimension(m, facts) for m in memberships]
    views = [
        replace(v, hidden=v.hidden | np.array([(v.dimension, g) in hidden for g in v.groups]))
        for v in views
    ]
    table = pd.concat([_share_view(v, facts) for v in views], ignore_index=True)
    counts = [_count_view(v, facts) for v in views if "tp" in facts.cells.names]
    persons = bool(counts)
    findings = [_find_representation(v, table, limit, persons=persons) for v in views[1:]]
    return Shares(
        table, pd.concat(counts, ignore_index=True) if counts else pd.DataFrame(), tuple(findings)
    )


def _sum(view: GroupTable, facts: AuditData, name: str) -> np.ndarray:
    column = facts.cells.values[..., facts.cells.names.index(name)].sum(axis=0)
    return column @ view.weights


def _share_view(view: GroupTable, facts: AuditData) -> pd.DataFrame:
    received = next(n for n in ("selected", "forecast", "p") if n in facts.cells.names)
    people = np.array([view.residents.get(g, math.nan) for g in view.groups])
    columns = {
        "rows": view.n,
        "rows_share": _divide(view.n),
        "population_share": people / _total_population(view),
        "received_share": _divide(_sum(view, facts, received)),
    }
    shown = {name: np.where(view.hidden, math.nan, column) for name, column in columns.items()}
    told = {"dimension": view.dimension, "group": list(view.groups), **shown}
    return make_frame(told | {"reason": view.tell_all_hidden()})


def _total_population(view: GroupTable) -> float:
    total = sum(n for n in view.residents.values() if math.isfinite(n))
    return total if total > 0 else math.nan


def _divide(amounts: np.ndarray) -> np.ndarray:
    total = float(amounts.sum())
    return amounts / total if total > 0 else amounts * math.nan


def _count_view(view: GroupTable, facts: AuditData) -> pd.DataFrame:
    counted = {name: np.where(view.hidden, math.nan, _sum(view, facts, name)) for name in COUNTS}
    return pd.DataFrame({"dimension": view.dimension, "group": list(view.groups), **counted})


def _find_representation(
    view: GroupTable, table: pd.DataFrame, limit: float | None, *, persons: bool
) -> Finding:
    # A row of a yes or no is somebody; a row of an amount is a place, so what it gets is compared.
    share, what = ("rows_share", mark("rows")) if persons else ("received_share", mark("forecast"))
    title = mark(
        "Shares of the {what} against the population: {label}", what=what, label=view.label
    )
    subject = view.dimension
    if not math.isfinite(_total_population(view)):
        reason = mark(
            "The population of these groups is not known (an area table, or `population`)."
        )
        return Finding(CODE, Status.NOT_APPLICABLE, title, reason, subject=subject)
    own = table[(table["dimension"] == view.dimension) & (table["group"] != NOT_RECORDED)]
    known = own.dropna(subset=[share, "population_share"])
    absent = [g for g in view.residents if g not in view.groups and view.residents[g] > 0]
    told = (
        " " + mark("Not a single row belongs to {absent}.", absent=join(", ", absent))
        if absent
        else ""
    )
    if known.empty:
        reason = mark("No group that may be shown has a known population.") + told
        return Finding(CODE, Status.NOT_APPLICABLE, title, reason, subject=subject)
    gap = known[share] - known["population_share"]
    at = int(np.argmax(gap.abs().to_numpy()))
    worst, most = known.iloc[at], float(gap.iloc[at])
    own_share, population = write(worst[share], ".1%"), write(worst["population_share"], ".1%")
    reason = (
        mark(
            "{group}: {own_share} of the {what}, {population} of the population, the "
            "largest difference.",
            group=worst["group"],
            own_share=own_share,
            what=what,
            population=population,
        )
        + told
    )
    if limit is None:
        return Finding(
            CODE,
            Status.NOT_APPLICABLE,
            title,
            (reason + " ") + mark("No limit is declared (`audit.limits.representation`)."),
            most,
            subject=subject,
            unit="share",
        )
    status = Status.FAIL if abs(most) > limit or absent else Status.PASS
    return Finding(CODE, status, title, reason, most, limit, "share", subject)


NOT_NEED = mark(
    "{group}: {share:.1%} of what was counted in the tested periods, {people:.1%} of the"
    " residents, the largest difference. Being counted more often is not having more need, nor the"
    " other way round: it may also say who asks. No limit is declared."
)
UNKNOWN_PEOPLE = mark("How many residents belong to these groups is not known.")


def compare_shares(dimensions: pd.DataFrame) -> tuple[Finding, ...]:
    """Compare each group's share of what was counted with its share of the residents.

    Parameters
    ----------
    dimensions : pandas.DataFrame
        `Audit.dimensions`; shares of groups that may not be shown are NaN.

    Returns
    -------
    tuple of Finding
        `audit.representation`, a description of each dimension, without a verdict: demand is not
        population.
    """
    found = []
    for row in dimensions.to_dict("records"):
        if " * " in row["dimension"]:
            continue
        share, people = (
            np.array(row[k], dtype=np.float64) for k in ("data_share", "residents_share")
        )
        gap = share - people
        title = mark("Shares of the data against the residents: {label}", label=row["label"])
        known = np.isfinite(people).any()
        reason, observed = mark("Not shown: too few.") if known else UNKNOWN_PEOPLE, None
        if np.isfinite(gap).any():
            at = int(np.nanargmax(np.abs(gap)))
            reason = NOT_NEED.format(group=row["groups"][at], share=share[at], people=people[at])
            observed = float(gap[at])
        found.append(
            Finding(
                CODE,
                Status.NOT_APPLICABLE,
                title,
                reason,
                observed,
                None,
                "share",
                row["dimension"],
            )
        )
    return tuple(found)
