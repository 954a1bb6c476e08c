"""From what a run has to the card's record, section by section. Nothing is computed after this."""

from __future__ import annotations

from dataclasses import replace

from cityai.card.draft import described
from cityai.card.draft.data import draft_data
from cityai.card.draft.described import draft_model
from cityai.card.draft.evaluation import draft_eval
from cityai.card.draft.facts import CardFacts, Fitted, RunFacts
from cityai.card.draft.fairness import draft_fairness
from cityai.card.draft.gaps import list_gaps
from cityai.card.draft.impact import draft_impact
from cityai.card.draft.verdict import draft_verdict
from cityai.card.draft.withheld import find_withheld, withhold_findings
from cityai.card.record import CardRecord, seal_record
from cityai.card.record.described import EnvironmentPart


def draft_card(facts: CardFacts) -> CardRecord:
    """Draft the card's record, rounded, small cells left out, sealed with its own digest."""
    withheld = find_withheld(facts)
    facts = replace(facts, findings=withhold_findings(facts.findings, withheld))
    words = facts.spec.words
    fairness = draft_fairness(facts, withheld)
    record = CardRecord(
        record=described.draft_record(facts),
        system=described.draft_system(facts),
        owner=described.draft_owner(facts),
        decision=described.draft_decision(facts),
        legal=words.legal,
        use=described.draft_use(facts),
        data=draft_data(facts, withheld),
        model=draft_model(facts, withheld),
        eval=draft_eval(facts, withheld),
        fairness=fairness,
        risks=words.risks,
        oversight=words.oversight,
        monitoring=described.draft_monitoring(facts),
        security=words.security,
        environment=EnvironmentPart(),
        publication=described.draft_publication(facts),
        checklist=words.checklist,
        findings=described.draft_findings(facts, fairness),
        gaps=list_gaps(words),
        provenance=described.draft_provenance(facts),
        registers=words.registers,
        impacts=tuple(map(draft_impact, facts.impacts)),
    )
    verdict = draft_verdict(record, facts.spec.policy.verdict)
    return seal_record(record.model_copy(update={"verdict": verdict}))


__all__ = ["CardFacts", "Fitted", "RunFacts", "draft_card"]
