"""What a person decided about a gap, held against what the options did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.metrics import find_metrics
from cityai.errors import SpecError
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.messages import say as mark
from cityai.modeling.options import NONE
from cityai.records.metric import Metric

if TYPE_CHECKING:
    from cityai.config.dimension import MitigationSpec
    from cityai.config.project import BaseProjectSpec

NEED: Final = "unmet_need"


def require_plan(spec: BaseProjectSpec) -> MitigationSpec:
    """Return what the project says of mitigation.

    Raises
    ------
    SpecError
        When it says nothing, or names a dimension or metric that is not audited.
    """
    plan: MitigationSpec | None = getattr(spec, "mitigation", None)
    known = ", ".join(spec.audit.dimensions) or "none is declared"
    if plan is None:
        raise SpecError(
            "the project does not say which gap is to be closed",
            where="mitigation",
            expected=f"a dimension of the audit: {known}",
            next_step="write `mitigation: {dimension: ...}` into project.yaml",
        )
    if plan.dimension not in spec.audit.dimensions:
        raise SpecError(
            f"the audit has no dimension '{plan.dimension}'",
            where="mitigation.dimension",
            expected=f"one of {known}",
        )
    shares = [m.name for m in find_metrics("amount") if m.unit == "share"]
    if plan.metric not in shares:
        raise SpecError(
            f"the gap cannot be measured by '{plan.metric}'",
            where="mitigation.metric",
            expected=f"one of {', '.join(shares)}",
        )
    return plan


def tell_option(
    figures: dict[str, float], metric: Metric, cost: Metric, group: str, unit: str
) -> str:
    """Say what an option does to the gap of the group farthest behind, and what it costs."""

    def write(name: str, of: Metric) -> str:
        told = say.say_gap(of, figures[name], unit)
        low, high = figures[f"{name}_low"], figures[f"{name}_high"]
        if not math.isfinite(low):
            return mark("{told} (no interval)", told=told)
        first, last = say.say_ends(of, low, high, unit)
        return mark("{told} ({first} to {of})", told=told, first=first, of=last)

    if not figures["closed"] and not figures["lost"]:
        before = write("before", metric)
        return mark(
            "{group}: the gap in {label} is {before}, unchanged.",
            group=group,
            label=metric.label,
            before=before,
        )
    return mark(
        "{group}: the gap in {label} was {write} and becomes {write2}; closed: "
        "{write3}; {label2} changes by {write4}.",
        group=group,
        label=metric.label,
        write=write("before", metric),
        write2=write("after", metric),
        write3=write("closed", metric),
        label2=cost.label,
        write4=write("lost", cost),
    )


def find_decision(
    options: pd.DataFrame, spec: BaseProjectSpec, plan: MitigationSpec
) -> tuple[Finding, ...]:
    """Say what was decided about the gap, what comes of it, and whether it needs a lawyer."""
    row = options[options["chosen"] & (options["metric"] == plan.metric)].iloc[0]
    decided = (
        " "
        + mark("Decided by {decided_by}: {reason}", decided_by=plan.decided_by, reason=plan.reason)
        if plan.reason
        else ""
    )
    if plan.choice == "reallocate":
        row = options[options["chosen"] & (options["metric"] == NEED)].iloc[0]
    status = _judge_outcome(row["outcome"])
    if plan.choice == NONE:
        status = Status.PASS if plan.reason else Status.NOT_ENOUGH
        decided = decided or " " + mark("Nobody has written down a choice and its reason.")
    subject = f"{plan.dimension}={row['group']}"
    gap = float(row["after"]) if math.isfinite(row["after"]) else None
    limit = spec.limits.get(str(row["metric"]))
    told = row["label"] + ". " + row["reason"] + decided
    choice = Finding(
        "mitigation.choice",
        status,
        mark("What is done about the gap"),
        told,
        gap,
        limit,
        "share",
        subject,
    )
    return sort_findings((choice, *_find_protected(row, spec, plan)))


def _judge_outcome(outcome: str) -> Status:
    return {"closed": Status.PASS, "narrowed": Status.PASS, "widened": Status.FAIL}.get(
        outcome, Status.NOT_ENOUGH
    )


def _find_protected(
    row: pd.Series, spec: BaseProjectSpec, plan: MitigationSpec
) -> tuple[Finding, ...]:
    dimension = spec.audit.dimensions[plan.dimension]
    if plan.choice == NONE or not dimension.protected:
        return ()
    title = mark("A protected attribute decides with")
    if row["uses_groups"]:
        reason = mark(
            "The chosen correction looks at '{label}' when a forecast is used, and this "
            "is declared a protected attribute. It needs legal review before it is put "
            "to use.",
            label=dimension.label,
        )
        status = Status.FAIL
    else:
        reason = mark(
            "'{label}' is declared a protected attribute; the chosen correction was "
            "learnt with it, and does not look at it when a forecast is made.",
            label=dimension.label,
        )
        status = Status.NOT_APPLICABLE
    code = "mitigation.protected_attribute"
    return (Finding(code, status, title, reason, subject=plan.dimension),)
