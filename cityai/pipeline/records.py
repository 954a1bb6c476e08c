"""What a run's stages made, and what the card is drafted from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from cityai.card.draft.facts import CardFacts, Fitted, StageRecords
from cityai.findings import SEVERITY, Finding, sort_findings

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts
    from cityai.data.quality import QualityReport
    from cityai.kinds import Kind
    from cityai.modeling.backtest import Backtest
    from cityai.records.events import Events


@dataclass(frozen=True, slots=True, kw_only=True)
class Records(StageRecords):
    """What a run's stages made."""

    quality: QualityReport
    backtest: Backtest
    snapshot: Events | None = None
    """What the city knew, and when; None where a saved card is drafted again without it."""

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
        **{told.name: getattr(records, told.name) for told in fields(StageRecords)},
    )
