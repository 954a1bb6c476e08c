"""Where one looked: cases per entity by group. What is found depends on who was looked at.

Outcomes are known only of cases, and cases are not drawn at random. A group that was looked at more
often has more found in it, and a list that learns from what was found will look there again (Lum
and Isaac 2016, doi:10.1111/j.1740-9713.2016.00960.x; Ensign et al. 2018, arXiv:1706.09847).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension
from cityai.assessment.scored import INSPECTED_MORE
from cityai.columns import ENTITY, NOT_RECORDED, Y_TRUE
from cityai.config.project import AuditableSpec
from cityai.findings import SEVERITY, Finding, Status
from cityai.i18n.frames import choose_texts
from cityai.i18n.messages import say as mark
from cityai.inference.cluster_sums import ClusteredMetric, sum_metrics_by_cluster
from cityai.inference.equivalence import decide_equivalence
from cityai.inference.group_gaps import ALONE, measure_groups
from cityai.records.audit_data import AuditData, GroupTable, Scored
from cityai.records.groups import Groups
from cityai.records.metric import Metric, Sums

CODE: Final = "audit.inspected_more"
LIMIT: Final = 0.25
"""How much more often, or less, than everyone a group may be looked at, where no limit is set."""
PER_ENTITY: Final = Metric(
    "cases_per_entity", mark("cases per entity"), "n", "entities", "ratio", "high"
)
FOUND: Final = Metric(
    "base_rate", mark("share with the outcome"), "yes", "known", "share", "low", part="rows"
)


@dataclass(frozen=True, slots=True)
class Attention:
    """Where one looked."""

    table: pd.DataFrame
    """As `Audit.attention`."""
    findings: tuple[Finding, ...]
    """`audit.inspected_more`, one a dimension."""


def count_attention(groups: Groups, spec: AuditableSpec) -> Attention:
    """Count cases per entity by group, over the whole history."""
    # Whatever the audit infers, who was looked at is about entities: there is one stretch of time.
    about = spec.audit.model_copy(update={"infers": "others like these"})
    scored = _count_cases(groups, spec)
    facts = gather_audit_data(scored, spec.model_copy(update={"audit": about}))
    varied = sum_metrics_by_cluster(scored, scored.metrics)
    views = [tabulate_dimension(m, facts) for m in groups.memberships]
    tables = [_count_view(view, facts, varied) for view in views]
    limit = spec.audit.limits.get(INSPECTED_MORE, LIMIT)
    findings = [_judge(v, t, limit, spec) for v, t in zip(views, tables, strict=True)]
    if not tables:
        return Attention(pd.DataFrame(columns=COLUMNS), ())
    return Attention(pd.concat(tables, ignore_index=True)[COLUMNS], tuple(findings))


COLUMNS: Final = [
    "dimension",
    "group",
    "cases",
    "entities",
    "cases_per_entity",
    "low",
    "high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "base_rate",
    "reason",
]


def _count_cases(groups: Groups, spec: AuditableSpec) -> Scored:
    table = groups.table
    truth = table[Y_TRUE].to_numpy(np.float64)
    known = np.isfinite(truth)
    own = table.groupby(ENTITY)[ENTITY].transform("size").to_numpy(np.float64)
    ones = np.ones(len(table))
    sums = {"n": ones, "entities": 1 / own, "known": known, "yes": truth == 1}
    return Scored(
        sums=Sums(tuple(sums), np.column_stack([np.asarray(v, np.float64) for v in sums.values()])),
        metrics=(PER_ENTITY, FOUND),
        unit=table["unit"].to_numpy(object).astype(str),
        moment=np.zeros(len(table), dtype=np.int64),
        fold=np.ones(len(table), dtype=np.int64),
        unit_name=spec.unit,
        counts=True,
        amount="n",
        events=("yes",),
        entity=pd.factorize(table[ENTITY])[0],
        called=spec.entities,
    )


def _count_view(
    view: GroupTable, facts: AuditData, varied: dict[str, ClusteredMetric]
) -> pd.DataFrame:
    shown = ~view.hidden & (view.n > 0)
    looked, found = (
        measure_groups(
            facts.cells, view.weights, m, facts.design, "overall", shown, varied.get(m.name)
        )
        for m in (PER_ENTITY, FOUND)
    )
    names = facts.cells.names
    totals = facts.cells.values.sum(axis=0).T @ view.weights
    everyone = looked.reference_value
    columns = {
        "cases": totals[names.index("n")],
        "entities": totals[names.index("entities")],
        "cases_per_entity": looked.value,
        "low": looked.low,
        "high": looked.high,
        "ratio": looked.value / everyone,
        "ratio_low": 1 + looked.gap_low / everyone,
        "ratio_high": 1 + looked.gap_high / everyone,
        **{end: getattr(looked, end) / everyone for end in ALONE},
        "base_rate": found.value,
    }
    table = pd.DataFrame({name: np.where(shown, v, np.nan) for name, v in columns.items()})
    reason = np.array(view.tell_all_hidden(), dtype=object)
    return table.assign(
        dimension=view.dimension,
        group=list(view.groups),
        reason=choose_texts(view.hidden | (view.n > 0), reason, say.EMPTY),
        everyone=found.reference_value,
    )


def _judge(view: GroupTable, table: pd.DataFrame, limit: float, spec: AuditableSpec) -> Finding:
    """Hold the group that was looked at most, or least, against the limit."""
    title = mark("Where one looked: {label}", label=view.label)
    known = table[table["ratio"].notna() & (table["group"] != NOT_RECORDED)]
    if known.empty:
        return Finding(CODE, Status.NOT_APPLICABLE, title, mark("No group may be shown."))
    gaps = (known["ratio"] - 1).to_numpy()
    apart = known[[*ALONE, "ratio_low", "ratio_high"]].to_numpy() - [0, 0, 1, 1]
    ends = (((x[0], x[1]), (x[2], x[3])) for x in apart.tolist())
    verdicts = [
        decide_equivalence(float(gap), *both, limit).status
        for gap, both in zip(gaps, ends, strict=True)
    ]
    status = next(s for s in SEVERITY if s in verdicts)
    concerned = np.array([v is status for v in verdicts])
    at = int(np.argmax(np.where(concerned, np.abs(gaps), -1.0)))
    row = known.iloc[at]
    ratio = mark("{ratio:.2f} times", ratio=row["ratio"])
    if math.isfinite(row["ratio_low"]):
        bounds = mark(
            "{ratio_low:.2f} to {ratio_high:.2f}",
            ratio_low=row["ratio_low"],
            ratio_high=row["ratio_high"],
        )
        ratio = mark("{ratio:.2f} times ({bounds})", ratio=row["ratio"], bounds=bounds)
    told = mark(
        "{group}: {cases_per_entity:.2f} {unit} for each {entity} on record, {ratio} "
        "as many as over all; the limit is {limit:.0%} more or less.",
        group=row["group"],
        cases_per_entity=row["cases_per_entity"],
        unit=spec.unit,
        entity=spec.entity,
        ratio=ratio,
        limit=limit,
    )
    told += " " + mark(
        "There {base_rate:.1%} of the {unit} had the outcome, over all {everyone:.1%}.",
        base_rate=row["base_rate"],
        unit=spec.unit,
        everyone=row["everyone"],
    )
    told += " " + {
        Status.FAIL: mark(
            "What was found depends on who was looked at: a group that was looked at "
            "more often has more found in it, and a list that learns from it looks there again."
        ),
        Status.PASS: mark("No group was looked at clearly more or less often than the others."),
    }.get(status, mark("There is not enough evidence to say whether this is within the limit."))
    return Finding(CODE, status, title, told, float(gaps[at]), limit, "ratio", view.dimension)
