"""What a run's stages made, and what the card is drafted from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cityai.findings import SEVERITY, Finding, sort_findings

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.card.draft import CardFacts, RunFacts
    from cityai.data.quality import QualityReport
    from cityai.impact.analysis import Impact
    from cityai.kinds import Kind
    from cityai.modeling.ahead import Outlook
    from cityai.modeling.backtest import Backtest
    from cityai.records.events import Events
    from cityai.records.groups import Groups


@dataclass(frozen=True, slots=True)
class Records:
    """What a run's stages made; each record's class documents its tables."""

    quality: QualityReport
    backtest: Backtest
    evaluation: Evaluation
    audit: Audit
    """What they are called."""
    explanation: Explanation | None = None
    """What moves the predictions; None where nothing was fitted."""
    snapshot: Events | None = None
    """What the city knew, and when; None where a saved card is drafted again without it."""
    mitigation: Mitigation | None = None
    """What was tried to close a gap; None where the project names none."""
    proxies: Proxies | None = None
    """How well the inputs recover the groups."""
    groups: Groups | None = None
    """Who belongs where."""
    outlook: Outlook | None = None
    """What comes after the data; None in results of before there was one."""
    impacts: tuple[Impact, ...] = ()
    """What acting on it changed, the newest evaluation first; nothing where none was announced."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What every record found, in the order of the records."""
        records = (
            self.quality,
            self.backtest,
            self.evaluation,
            self.audit,
            self.explanation,
            self.mitigation,
            self.proxies,
        )
        return tuple(f for record in records if record is not None for f in record.findings)


def gather_card_facts(run: RunFacts, kind: Kind, records: Records) -> CardFacts:
    """Gather what a card is drafted from, as the stages left it."""
    from cityai.card.draft import CardFacts, Fitted
    from cityai.impact.verdict import judge_impacts

    records = replace(records, backtest=kind.redact_findings(records.backtest))
    backtest, final = records.backtest, records.backtest.final
    blocks = kind.spec.policy.verdict.blocks
    changed = judge_impacts(records.impacts, run.created.date())
    found = sort_findings(dict.fromkeys((*run.findings, *records.findings, *changed)))
    # Of equally grave ones, those first without which no figure can be trusted.
    rank = {status: i for i, status in enumerate(SEVERITY)}
    return CardFacts(
        run=run,
        spec=kind.spec,
        subject=kind.describe_subject(backtest.predictions),
        predictions=backtest.predictions,
        evaluation=records.evaluation,
        audit=records.audit,
        findings=tuple(sorted(found, key=lambda f: (rank[f.status], not blocks(f.code)))),
        quality=records.quality,
        fitted=Fitted(
            backtest.folds.to_table(),
            final.blend,
            tuple(final.feature_names),
            backtest.folds.more,
        )
        if final
        else Fitted(),
        explanation=records.explanation,
        mitigation=records.mitigation,
        proxies=records.proxies,
        groups=records.groups,
        outlook=records.outlook,
        impacts=records.impacts,
    )
