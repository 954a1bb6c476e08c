"""Questions that only a person can answer, and which of them release waits for."""

from __future__ import annotations

from typing import Any, Final

from cityai.card.record.described import Gap
from cityai.spec.words import WordsSpec

QUESTIONS: Final[dict[str, tuple[str, bool]]] = {
    "review_due": ("the day by which this card must be looked at again", True),
    "system.name": ("the name under which residents know the system", True),
    "system.summary_plain": ("what it is, in at most 350 plain characters", True),
    "system.description": ("how it works, for an interested reader", False),
    "system.purpose": ("the problem that it helps to solve", True),
    "system.benefits": ("who gains what from it", False),
    "system.themes": ("the policy themes that it belongs to", False),
    "system.phase": ("planned, design, development, pilot, evaluation, operational, retired", True),
    "system.first_use": ("the month of its first use", False),
    "system.retired": ("the month in which it was retired", False),
    "system.population_served": ("the residents that it serves", False),
    "owner.organization": ("the organization that answers for it", True),
    "owner.unit": ("the department or office", True),
    "owner.accountable_role": ("the role (not the name) of who is accountable", True),
    "owner.contact": ("a shared mailbox or page for questions", True),
    "owner.third_parties": ("suppliers and partners, with their access to data", False),
    "decision.supported_decision": ("the decision that it supports", True),
    "decision.use_of_output": ("how its output is used in that decision", True),
    "decision.autonomy": ("who decides: human decides, human executes, or autonomous", True),
    "decision.frequency": ("how often the decision is taken", False),
    "decision.previous_process": ("how it was decided before", False),
    "decision.alternatives": ("other ways that were considered", False),
    "legal.basis": ("the rule that allows or asks for it", False),
    "legal.risk_class": ("its level of risk under each scheme that applies, and why", True),
    "legal.assessments": ("impact assessments made, or why none was needed", False),
    "use.users": ("who works with it", True),
    "use.intended": ("what it is meant for", True),
    "use.out_of_scope": ("what it must not be used for", True),
    "use.optimal_conditions": ("where it works best", False),
    "use.poor_conditions": ("where it works badly", False),
    "data.source": ("who publishes the data, and where", True),
    "data.licence": ("the terms of the data", False),
    "data.collection": ("how and for what the data were collected", True),
    "data.representativeness": ("whom the data show well and whom badly", True),
    "data.known_bias": ("known bias in the data", False),
    "data.excluded": ("what was left out, and why", False),
    "data.personal_data": ("none, de-identified, pseudonymous or identifiable", True),
    "data.sensitive": ("sensitive attributes in the data", False),
    "data.sharing": ("with whom the data are shared", False),
    "data.retention": ("how long the data are kept", False),
    "data.owner_role": ("the role that owns the data", False),
    "data.steward_role": ("the role that looks after the data", False),
    "model.choice_reason": ("why this model was chosen over simpler ones", False),
    "model.metric_reason": ("why it is judged by these figures", False),
    "fairness.why_groups": ("why results are shown for these groups", True),
    "fairness.harms_benefits": ("for each group, what it gains, what may go wrong", False),
    "risks": ("what may go wrong, how likely, how bad, and what is done about it", True),
    "oversight.human_review": ("who looks at the output before it is acted on", True),
    "oversight.override": ("who may set it aside, and how", True),
    "oversight.fail_safe": ("what happens when it fails", False),
    "oversight.training": ("how its users were trained", False),
    "oversight.appeal": ("how a resident can object", True),
    "oversight.notice": ("how residents are told about it", False),
    "oversight.consultation": ("who was consulted, when, and what changed", False),
    "monitoring.plan": ("what is watched after release, how often, by which role", True),
    "monitoring.rollback": ("how to go back to the previous way", False),
    "monitoring.retire_rule": ("when it will be retired", False),
    "monitoring.incidents": ("incidents so far", False),
    "security.measures": ("how the system and its data are protected", False),
    "publication.title": ("title of the published predictions", False),
    "publication.licence": ("terms of the published predictions", False),
    "publication.access_level": ("public, restricted public or non-public", False),
    "publication.cadence": ("how often predictions are published", False),
    "publication.liability": ("what the publisher does not promise", False),
    "checklist": ("deon's ethics checklist, line by line", False),
}
"""For each human field: what to write, and whether release waits for it."""


def list_gaps(words: WordsSpec) -> tuple[Gap, ...]:
    """List the human fields that hold nothing, those that release waits for first."""
    answers = words.model_dump(mode="python")
    gaps: list[Gap] = []
    for path, (what, required) in QUESTIONS.items():
        answer: Any = answers
        for key in path.split("."):
            answer = answer[key]
        if answer is None:
            gaps.append(Gap(path=path, what=what, required=required))
    return tuple(sorted(gaps, key=lambda gap: not gap.required))
