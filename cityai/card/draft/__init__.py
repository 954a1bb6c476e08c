"""From the run's records to the card's record. Nothing is computed after this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cityai.card.draft import described, sentences
from cityai.card.draft.audited import (
    draft_fairness,
    find_withheld,
    list_suppressed,
    withhold_findings,
)
from cityai.card.draft.evaluated import draft_eval, hides_periods
from cityai.card.draft.facts import RunFacts
from cityai.card.draft.gaps import list_gaps
from cityai.card.draft.modelled import draft_model
from cityai.card.draft.options import draft_options
from cityai.card.record import CardRecord, seal_record
from cityai.card.record.described import EnvironmentPart
from cityai.columns import ENTITY
from cityai.config.project import ProjectSpec
from cityai.findings import Finding, sort_findings

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.data.quality import QualityReport
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.predictions import Predictions


def draft_card(
    facts: RunFacts,
    spec: ProjectSpec,
    predictions: Predictions,
    evaluation: Evaluation,
    audit: Audit,
    *,
    quality: QualityReport | None = None,
    backtest: Backtest | None = None,
    explanation: Explanation | None = None,
    mitigation: Mitigation | None = None,
    proxies: Proxies | None = None,
) -> CardRecord:
    """Draft the card's record, sealed with its own digest.

    Parameters
    ----------
    facts : RunFacts
        What the run knows about itself.
    spec : ProjectSpec
        The resolved project; its `words` are the human part.
    predictions, evaluation, audit
        What was predicted and how it was judged.
    quality, backtest, explanation, mitigation, proxies : optional
        Absent when someone else's predictions are carded; the page then says nothing of them.

    Returns
    -------
    CardRecord
        Figures rounded for publication, small cells left out.
    """
    findings = _gather_findings(
        facts, evaluation, audit, quality, backtest, explanation, mitigation, proxies
    )
    fairness = draft_fairness(audit, spec, proxies)
    hidden, secret = find_withheld(audit, spec), list_suppressed(fairness.results)
    findings = withhold_findings(findings, hidden)
    coarse = hides_periods(predictions.table, hidden, quality, spec)
    if mitigation is not None:
        fairness = fairness.model_copy(update={"options": draft_options(mitigation, spec, secret)})
    words = spec.words
    folds = backtest.folds if backtest else None
    return seal_record(
        CardRecord(
            record=described.draft_record(facts, spec),
            system=described.draft_system(spec, spec.kind),
            owner=described.draft_owner(spec),
            decision=described.draft_decision(spec, predictions.table[ENTITY].nunique()),
            legal=words.legal,
            use=described.draft_use(spec, findings),
            data=described.draft_data(
                facts,
                spec,
                quality,
                grain=sentences.describe_grain(spec),
                cleaning=sentences.describe_cleaning(spec),
                hidden=hidden,
                coarse=coarse,
            ),
            model=draft_model(facts, spec, predictions, backtest, explanation, secret),
            eval=draft_eval(facts, spec, predictions, evaluation, folds, hidden, findings, coarse),
            fairness=fairness,
            risks=words.risks,
            oversight=words.oversight,
            monitoring=described.draft_monitoring(spec),
            security=words.security,
            environment=EnvironmentPart(),
            publication=described.draft_publication(spec),
            checklist=words.checklist,
            findings=described.draft_findings(findings, fairness.results, spec),
            gaps=list_gaps(words),
            provenance=described.draft_provenance(facts),
            registers=words.registers,
        )
    )


def _gather_findings(
    facts: RunFacts,
    evaluation: Evaluation,
    audit: Audit,
    quality: QualityReport | None,
    backtest: Backtest | None,
    explanation: Explanation | None,
    mitigation: Mitigation | None,
    proxies: Proxies | None,
) -> tuple[Finding, ...]:
    gathered = [*facts.findings, *evaluation.findings, *audit.findings]
    for record in (quality, backtest, explanation, mitigation, proxies):
        if record is not None:
            gathered.extend(record.findings)
    return sort_findings(dict.fromkeys(gathered))


__all__ = ["RunFacts", "draft_card"]
