"""Questions that only a person can answer, and which of them release waits for."""

from __future__ import annotations

from typing import Any, Final

from cityai.card.record.described import Gap
from cityai.config.words import WordsSpec
from cityai.i18n.messages import say

QUESTIONS: Final[dict[str, tuple[str, bool]]] = {
    "review_due": (say("the day by which this card must be looked at again"), True),
    "system.name": (say("the name under which residents know the system"), True),
    "system.summary_plain": (say("what it is, in at most 350 plain characters"), True),
    "system.description": (say("how it works, for an interested reader"), False),
    "system.purpose": (say("the problem that it helps to solve"), True),
    "system.benefits": (say("who gains what from it"), False),
    "system.themes": (say("the policy themes that it belongs to"), False),
    "system.phase": (
        say("planned, design, development, pilot, evaluation, operational, retired"),
        True,
    ),
    "system.first_use": (say("the month of its first use"), False),
    "system.retired": (say("the month in which it was retired"), False),
    "system.population_served": (say("the residents that it serves"), False),
    "owner.organization": (say("the organization that answers for it"), True),
    "owner.unit": (say("the department or office"), True),
    "owner.accountable_role": (say("the role (not the name) of who is accountable"), True),
    "owner.contact": (say("a shared mailbox or page for questions"), True),
    "owner.third_parties": (say("suppliers and partners, with their access to data"), False),
    "decision.supported_decision": (say("the decision that it supports"), True),
    "decision.use_of_output": (say("how its output is used in that decision"), True),
    "decision.autonomy": (say("who decides: human decides, human executes, or autonomous"), True),
    "decision.frequency": (say("how often the decision is taken"), False),
    "decision.previous_process": (say("how it was decided before"), False),
    "decision.alternatives": (say("other ways that were considered"), False),
    "legal.basis": (say("the rule that allows or asks for it"), False),
    "legal.risk_class": (say("its level of risk under each scheme that applies, and why"), True),
    "legal.assessments": (say("impact assessments made, or why none was needed"), False),
    "use.users": (say("who works with it"), True),
    "use.intended": (say("what it is meant for"), True),
    "use.out_of_scope": (say("what it must not be used for"), True),
    "use.optimal_conditions": (say("where it works best"), False),
    "use.poor_conditions": (say("where it works badly"), False),
    "data.source": (say("who publishes the data, and where"), True),
    "data.licence": (say("the terms of the data"), False),
    "data.collection": (say("how and for what the data were collected"), True),
    "data.representativeness": (say("whom the data show well and whom badly"), True),
    "data.known_bias": (say("known bias in the data"), False),
    "data.excluded": (say("what was left out, and why"), False),
    "data.personal_data": (say("none, de-identified, pseudonymous or identifiable"), True),
    "data.sensitive": (say("sensitive attributes in the data"), False),
    "data.sharing": (say("with whom the data are shared"), False),
    "data.retention": (say("how long the data are kept"), False),
    "data.owner_role": (say("the role that owns the data"), False),
    "data.steward_role": (say("the role that looks after the data"), False),
    "model.choice_reason": (say("why this model was chosen over simpler ones"), False),
    "model.metric_reason": (say("why it is judged by these figures"), False),
    "fairness.why_groups": (say("why results are shown for these groups"), True),
    "fairness.harms_benefits": (say("for each group, what it gains, what may go wrong"), False),
    "risks": (say("what may go wrong, how likely, how bad, and what is done about it"), True),
    "oversight.human_review": (say("who looks at the output before it is acted on"), True),
    "oversight.override": (say("who may set it aside, and how"), True),
    "oversight.fail_safe": (say("what happens when it fails"), False),
    "oversight.training": (say("how its users were trained"), False),
    "oversight.appeal": (say("how a resident can object"), True),
    "oversight.notice": (say("how residents are told about it"), False),
    "oversight.consultation": (say("who was consulted, when, and what changed"), False),
    "monitoring.plan": (say("what is watched after release, how often, by which role"), True),
    "monitoring.rollback": (say("how to go back to the previous way"), False),
    "monitoring.retire_rule": (say("when it will be retired"), False),
    "monitoring.incidents": (say("incidents so far"), False),
    "security.measures": (say("how the system and its data are protected"), False),
    "publication.title": (say("title of the published predictions"), False),
    "publication.licence": (say("terms of the published predictions"), False),
    "publication.access_level": (say("public, restricted public or non-public"), False),
    "publication.cadence": (say("how often predictions are published"), False),
    "publication.liability": (say("what the publisher does not promise"), False),
    "checklist": (say("deon's ethics checklist, line by line"), False),
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
