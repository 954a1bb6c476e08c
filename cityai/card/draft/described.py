"""The parts that people wrote, and what the run says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel

from cityai.card.draft import sentences
from cityai.card.draft.facts import CardFacts
from cityai.card.draft.rounding import round_figure
from cityai.card.draft.values import as_count, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.record.described import (
    Contact,
    DecisionPart,
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
from cityai.card.record.measured import (
    Driver,
    ExplanationPart,
    GroupDriver,
    Input,
    Method,
    ModelPart,
)
from cityai.card.words import name_candidate
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, say

if TYPE_CHECKING:
    from cityai.assessment.explain import Explanation


TOP_DRIVERS = 15
DRIVERS_PER_GROUP = 5


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


def draft_model(facts: CardFacts, withheld: Withheld) -> ModelPart:
    """Draft the section on how predictions are made."""
    run, subject, predictions = facts.run, facts.subject, facts.predictions
    fitted = facts.fitted
    return ModelPart(
        name=predictions.chosen,
        version=getattr(run, subject.version)[:12],
        type=subject.method or name_candidate(predictions.chosen, subject.own),
        self_learning=False,
        inputs=tuple(Input(name=name, label=_name_input(name, facts)) for name in fitted.inputs),
        output=subject.output,
        horizon=subject.horizon,
        period=subject.period,
        unit=facts.spec.unit,
        parameters={name: _write_parameter(v) for name, v in subject.parameters.items()},
        candidates=tuple(
            Method(
                name=n,
                label=name_candidate(n, subject.own),
                weight=round_figure(fitted.blend.get(n), "share", 10**6),
            )
            for n in predictions.candidates
        ),
        baselines=tuple(
            Method(name=n, label=facts.name_baseline(n)) for n in predictions.baselines
        ),
        choice_reason=facts.spec.words.model.choice_reason,
        explanation=_draft_explanation(facts.explanation, subject.drivers_in, withheld)
        if facts.explanation
        else None,
    )


def _name_input(name: str, facts: CardFacts) -> str:
    label, why = facts.run.feature_labels.get(name, name), facts.subject.sensitive.get(name)
    return (
        label if why is None else label + " " + say("(close to a protected group: {why})", why=why)
    )


def _write_parameter(value: object) -> str:
    """Write a choice of the specification for readers."""
    if value is None:
        return say("chosen by period")
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, tuple):
        return join(", ", (str(v) for v in value)) or say("none")
    return str(value)


def _draft_explanation(explanation: Explanation, unit: str, withheld: Withheld) -> ExplanationPart:
    """Draft what moves the predictions, in `unit`; groups that are withheld stay out."""
    table = explanation.drivers.sort_values(["rank", "feature"], kind="stable")
    drivers = tuple(
        Driver(
            feature=as_text(row["feature"]),
            label=as_text(row["label"]) or as_text(row["feature"]),
            members=tuple(row["members"]),
            importance=round_figure(row["importance"], unit, None),
            share=round_figure(row["share"], "share", 10**6),
            stability=round_figure(row["stability"], "share", 10**6),
            folds_in_top=as_count(row["folds_in_top"]),
        )
        for row in table.head(TOP_DRIVERS).to_dict("records")
    )
    weight = round_figure(explanation.weight, "share", 10**6)
    error = as_number(explanation.additivity_error)
    return ExplanationPart(
        method=explanation.method,
        caveat=explanation.caveat,
        weight=weight,
        additivity_error=None if error is None else float(f"{error:.2g}"),
        unit=unit,
        drivers=drivers,
        by_group=_list_groups(explanation.by_group, unit, withheld),
        in_words=sentences.describe_drivers(drivers, weight, explanation.own),
    )


def _list_groups(table: pd.DataFrame, unit: str, withheld: Withheld) -> tuple[GroupDriver, ...]:
    kept = []
    for (dimension, group), rows in table.groupby(["dimension", "group"], sort=True):
        if withheld.veils(str(dimension), str(group)) or rows["importance"].isna().all():
            continue
        top = rows.sort_values(["importance", "feature"], ascending=[False, True], kind="stable")
        kept += [
            GroupDriver(
                dimension=str(dimension),
                group=str(group),
                feature=as_text(row["feature"]),
                mean_effect=round_figure(row["mean_shap"], unit, None),
                importance=round_figure(row["importance"], unit, None),
            )
            for row in top.head(DRIVERS_PER_GROUP).to_dict("records")
        ]
    return tuple(kept)
