"""What could be done about a gap: every option's figures, rounded, and what was chosen."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from cityai.card.draft.rounding import round_figure
from cityai.card.draft.values import as_number
from cityai.card.draft.withheld import NOTHING, Withheld
from cityai.card.record.fairness import OptionGroup, OptionResult, OptionsPart
from cityai.findings import Status
from cityai.i18n.messages import say, say_n

if TYPE_CHECKING:
    from cityai.assessment.mitigation import Mitigation
    from cityai.config.dimension import MitigationSpec
    from cityai.config.project import AuditableSpec

SOURCE = say("mitigation, from the saved predictions and the corrections learnt before each replay")
HIDDEN = say("Not shown: too few are behind the group that is farthest behind.")
ENDS = ("", "_low", "_high")
UNDECIDED = say(
    "No choice has been written down yet; the forecast on this page is the unchanged one."
)


def draft_options(
    mitigation: Mitigation,
    plan: MitigationSpec,
    spec: AuditableSpec,
    withheld: Withheld = NOTHING,
) -> OptionsPart:
    """Draft the section on the options; what the audit hides of a group stays hidden here."""
    hidden = {group for dimension, group in withheld.groups if dimension == mitigation.dimension}
    options = tuple(_make_option(row, hidden) for row in mitigation.options.to_dict("records"))
    return OptionsPart(
        dimension=mitigation.dimension,
        label=mitigation.label,
        metric=mitigation.metric,
        reference=mitigation.reference,
        protected=spec.audit.dimensions[plan.dimension].protected,
        choice=plan.choice,
        reason=plan.reason,
        decided_by=plan.decided_by,
        confidence=spec.policy.confidence,
        options=options,
        groups=tuple(_make_group(row, hidden) for row in mitigation.groups.to_dict("records")),
        in_words=_describe(options, plan.choice, plan.reason, plan.decided_by),
        source=SOURCE,
    )


def _make_option(row: Mapping[Any, Any], hidden: Collection[str]) -> OptionResult:
    gone = row["group"] in hidden
    figures = {
        f"{name}{end}": round_figure(
            row[f"{name}{end}"], "share", math.inf if name == "lost" else as_number(row["amount"])
        )
        for name in ("before", "after", "closed", "lost")
        for end in ENDS
    }
    return OptionResult(
        name=row["option"],
        label=row["label"],
        told=row["told"],
        chosen=bool(row["chosen"]),
        uses_groups=bool(row["uses_groups"]),
        metric=row["metric"],
        cost_metric=row["cost_metric"],
        unit="share",
        group=row["group"],
        status=Status.SUPPRESSED.value if gone else str(row["status"]),  # type: ignore[arg-type]
        outcome="no interval" if gone else row["outcome"],
        sentence=HIDDEN if gone else row["reason"],
        **(dict.fromkeys(figures) if gone else figures),
    )


def _make_group(row: Mapping[Any, Any], hidden: Collection[str]) -> OptionGroup:
    gone = row["group"] in hidden or row["status"] == Status.SUPPRESSED.value
    amount = as_number(row["amount"])
    figures = {
        name: round_figure(row[name], "share", amount)
        for name in (
            "value_before",
            "value_after",
            *(f"{figure}{end}" for figure in ("after", "closed") for end in ENDS),
        )
    }
    return OptionGroup(
        option=row["option"],
        metric=row["metric"],
        group=row["group"],
        reference=str(row["reference"]),
        unit="share",
        suppressed=gone,
        **(dict.fromkeys(figures) if gone else figures),
    )


def _describe(
    options: tuple[OptionResult, ...], choice: str, reason: str, decided_by: str
) -> tuple[str, ...]:
    tried = list(dict.fromkeys(o.name for o in options if o.name != "none"))
    own = [o for o in options if o.name == choice]
    said = [
        say_n(
            "{n} way to close the gap was tried on the same replays.",
            "{n} ways to close the gap were tried on the same replays.",
            len(tried),
        )
    ]
    who = decided_by or say("not said")
    decided = say("Decided by: {who}. The reason: {reason}", who=who, reason=reason)
    if choice == "none":
        none = say("None of them was chosen.")
        said.append((none + " " + decided) if reason else UNDECIDED)
    else:
        chosen = say("Chosen: {label}.", label=own[0].label)
        said.append(chosen + " " + decided)
    said += [o.sentence for o in own if choice != "none" or o is own[0]]
    return tuple(said)
