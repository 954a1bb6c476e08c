"""The parts that people wrote, and what the run says of itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from cityai.card.draft.facts import CardFacts
from cityai.card.draft.values import as_number
from cityai.card.record.described import (
    Contact,
    DecisionPart,
    EnvironmentPart,
    FindingPart,
    MonitoringPart,
    OwnerPart,
    ProvenancePart,
    PublicationPart,
    RecordPart,
    SystemPart,
    UsePart,
)
from cityai.card.record.fairness import FairnessPart
from cityai.findings import Finding, Status


def copy_words(words: BaseModel) -> dict[str, Any]:
    """Return the fields of a human part as they are, for the record's part of the same fields."""
    return {name: getattr(words, name) for name in type(words).model_fields}


def draft_record(facts: CardFacts) -> RecordPart:
    """Draft the record about itself."""
    spec = facts.spec
    return RecordPart(
        id=spec.name,
        title=spec.title,
        language="en",
        words_language=spec.words.language,
        translations=spec.words.translations,
        languages=spec.city.languages,
        created=facts.run.created,
        updated=facts.run.created,
        review_due=spec.words.review_due,
    )


def draft_system(facts: CardFacts) -> SystemPart:
    """Draft what the system is."""
    city = facts.spec.city
    words = copy_words(facts.spec.words.system)
    return SystemPart(**words, kind=facts.subject.kind, city=city.name, synthetic=city.synthetic)


def draft_owner(facts: CardFacts) -> OwnerPart:
    """Draft who answers."""
    contact = facts.spec.city.contact
    return OwnerPart(
        **copy_words(facts.spec.words.owner),
        city_contact=Contact(unit=contact.unit, email=contact.email, url=contact.url),
    )


def draft_decision(facts: CardFacts) -> DecisionPart:
    """Draft what is decided, on which scale."""
    return DecisionPart(**copy_words(facts.spec.words.decision), scale=facts.subject.scale)


def draft_use(facts: CardFacts) -> UsePart:
    """Draft what it is for, and the limits that the tests found."""
    limits = tuple(f.reason for f in facts.findings if f.status is Status.FAIL)
    return UsePart(**copy_words(facts.spec.words.use), found_limits=limits)


def draft_monitoring(facts: CardFacts) -> MonitoringPart:
    """Draft what happens after release."""
    return MonitoringPart(**copy_words(facts.spec.words.monitoring))


def draft_environment(facts: CardFacts) -> EnvironmentPart:
    """Draft what it costs to make; nothing measures that yet."""
    return EnvironmentPart()


def draft_publication(facts: CardFacts) -> PublicationPart:
    """Draft how predictions are published."""
    words = copy_words(facts.spec.words.publication)
    return PublicationPart(**words, table_schema=facts.subject.schema)


def draft_provenance(facts: CardFacts) -> ProvenancePart:
    """Draft what the record was made from."""
    run = facts.run
    return ProvenancePart(
        run_digest=run.run_digest,
        data_digest=run.data_digest,
        spec_digest=run.spec_digest,
        predictions_digest=run.predictions_digest,
        results_digest=run.results_digest,
        model_digest=run.model_digest or None,
        git_commit=run.git_commit,
        git_dirty=run.git_dirty,
        versions=dict(sorted(run.versions.items())),
    )


def draft_findings(facts: CardFacts, fairness: FairnessPart) -> tuple[FindingPart, ...]:
    """Copy the run's findings; a group's figure is the one that its result prints."""
    gaps = {(f"audit.{r.metric}", f"{r.dimension}={r.group}"): r.gap for r in fairness.results}
    return tuple(
        FindingPart(
            code=f.code,
            status=f.status.value,
            title=f.title,
            reason=f.reason,
            observed=gaps.get((f.code, f.subject), _round_observed(f)),
            limit=as_number(f.limit),
            unit=facts.spec.unit if f.unit == "target" else f.unit,
            subject=f.subject,
        )
        for f in facts.findings
    )


def _round_observed(finding: Finding) -> float | None:
    value = as_number(finding.observed)
    if value is None:
        return None
    if finding.unit == "share" and abs(value) >= 0.001:
        return round(value, 3)
    return float(f"{value:.2g}" if finding.unit == "share" else f"{value:.4g}")
