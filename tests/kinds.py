"""Kinds of questions for specifications that lie in no folder, and what they judge unsaved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.assessment.audit import audit_predictions
from cityai.config.load import Project
from cityai.config.load_audit import AuditRequest
from cityai.config.project import AuditableSpec
from cityai.findings import Finding
from cityai.kinds import Kind, open_kind
from cityai.pipeline.provenance import gather_run_facts
from cityai.pipeline.records import Records, gather_card_facts

if TYPE_CHECKING:
    from cityai.card.draft import CardFacts


def open_spec(spec: AuditableSpec) -> Kind:
    return open_kind(Project(spec, Path(), Path(), ""))


@dataclass(frozen=True)
class Judged:
    """What an audit of given predictions found; nothing is saved or published."""

    records: Records
    facts: CardFacts

    def __getattr__(self, name: str):
        return getattr(self.records, name)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.facts.findings

    @property
    def predictions(self):
        return self.records.backtest.predictions


def judge_given(request: AuditRequest, path: Path) -> Judged:
    kind = open_kind(replace(request, predictions=path))
    events = kind.read()
    backtest = kind.backtest(events, kind.build_problem(events))
    predictions, groups = backtest.predictions, kind.assign_groups(events)
    audit = audit_predictions(predictions, groups, request.spec)
    evaluation = kind.evaluate(predictions, audit)
    records = Records(
        quality=kind.report(events),
        backtest=backtest,
        evaluation=evaluation,
        audit=audit,
        snapshot=events,
    )
    cover, digests = kind.describe_coverage(events), (request.digest, events.digest, events.digest)
    run = gather_run_facts(request.workspace, *digests, first=cover.first, last=cover.last)
    return Judged(records, gather_card_facts(replace(run, source=cover.source), kind, records))
