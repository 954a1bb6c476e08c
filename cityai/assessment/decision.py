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
    from cityai.config.mitigation import MitigationSpec
    from cityai.config.project import ProjectSpec

NEED: Final = "unmet_need"


def require_plan(spec: ProjectSpec) -> MitigationSpec:
    """Return what the project says of mitigation.

    Raises
    ------
    SpecError
        When it says nothing, or names a dimension or metric that is not audited.
    """
    plan, known = spec.mitigation, ", ".join(spec.audit.dimensions) or "none is declared"
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
            return mark(f"{told} (no interval)")
        first = say.say_gap(of, low, unit).removesuffix(" points")
        return mark(f"{told} ({first} to {say.say_gap(of, high, unit)})")

    if not figures["closed"] and not figures["lost"]:
        before = write("before", metric)
        return mark(f"{group}: the gap in {metric.label} is {before}, unchanged.")
    return mark(
        f"{group}: the gap in {metric.label} was {write('before', metric)} and becomes "
        f"{write('after', metric)}; closed: {write('closed', metric)}; {cost.label} changes by "
        f"{write('lost', cost)}."
    )


def find_decision(
    options: pd.DataFrame, spec: ProjectSpec, plan: MitigationSpec
) -> tuple[Finding, ...]:
    """Say what was decided about the gap, what comes of it, and whether it needs a lawyer."""
    row = options[options["chosen"] & (options["metric"] == plan.metric)].iloc[0]
    decided = " " + mark(f"Decided by {plan.decided_by}: {plan.reason}") if plan.reason else ""
    if plan.choice == "reallocate":
        row = options[options["chosen"] & (options["metric"] == NEED)].iloc[0]
    status = _judge_outcome(row["outcome"])
    if plan.choice == NONE:
        status = Status.PASS if plan.reason else Status.NOT_ENOUGH
        decided = decided or " " + mark("Nobody has written down a choice and its reason.")
    subject = f"{plan.dimension}={row['group']}"
    gap = float(row["after"]) if math.isfinite(row["after"]) else None
    limit = spec.limits.get(str(row["metric"]))
    told = f"{row['label']}. {row['reason']}{decided}"
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
    return {
        "closed": Status.PASS,
        "narrowed": Status.PASS,
        "widened": Status.FAIL,
    }.get(outcome, Status.NOT_ENOUGH)


def _find_protected(row: pd.Series, spec: ProjectSpec, plan: MitigationSpec) -> tuple[Finding, ...]:
    dimension = spec.audit.dimensions[plan.dimension]
    if plan.choice == NONE or not dimension.protected:
        return ()
    title = mark("A protected attribute decides with")
    if row["uses_groups"]:
        reason = mark(
            f"The chosen correction looks at '{dimension.label}' when a forecast is used, and this "
            "is declared a protected attribute. It needs legal review before it is put to use."
        )
        status = Status.FAIL
    else:
        reason = mark(
            f"'{dimension.label}' is declared a protected attribute; the chosen correction was "
            "learnt with it, and does not look at it when a forecast is made."
        )
        status = Status.NOT_APPLICABLE
    code = "mitigation.protected_attribute"
    return (Finding(code, status, title, reason, subject=plan.dimension),)
