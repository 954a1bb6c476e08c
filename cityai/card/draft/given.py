"""The card of predictions that somebody else made: no model, no replay, only what was judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cityai.assessment.metrics import Metric
from cityai.assessment.sentences import tell_value
from cityai.assessment.shares import CODE as REPRESENTATION
from cityai.card.draft import described
from cityai.card.draft.audited import draft_fairness
from cityai.card.draft.evaluated import as_text, unit_of
from cityai.card.draft.facts import RunFacts
from cityai.card.draft.gaps import list_gaps
from cityai.card.draft.rounding import find_size, round_figure
from cityai.card.record import CardRecord, seal_record
from cityai.card.record.described import (
    DecisionPart,
    EnvironmentPart,
    PublicationPart,
)
from cityai.card.record.measured import DataPart, EvalPart, Method, ModelPart
from cityai.card.record.part import Number
from cityai.card.words import name_baseline
from cityai.columns import AS_OF, ENTITY, EVERYWHERE, Y_PRED, Y_TRUE
from cityai.config.audit_file import AuditFileSpec
from cityai.data.external_predictions import ASKED, DECISION, Given
from cityai.findings import Finding
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit

SOURCE = say("audit.table, from the predictions that were handed over")
TOLD = ("wape", "bias", "selection_rate", "false_negative_rate", "false_positive_rate")


@dataclass(frozen=True, slots=True)
class GivenFacts:
    """What was handed over and how it was judged.

    Attributes
    ----------
    given : Given
        The rows.
    file : str
        Name of the file.
    metrics : tuple of Metric
        What was measured.
    """

    given: Given
    file: str
    metrics: tuple[Metric, ...]


def draft_given_card(
    facts: RunFacts,
    spec: AuditFileSpec,
    handed: GivenFacts,
    audit: Audit,
    findings: tuple[Finding, ...],
) -> CardRecord:
    """Draft the record of given predictions, sealed with its own digest.

    Parameters
    ----------
    facts : RunFacts
        What the run knows about itself.
    spec : AuditFileSpec
        The resolved audit file; its `words` are the human part.
    handed : GivenFacts
        The predictions.
    audit : Audit
        How they were judged.
    findings : tuple of Finding
        All findings, in order.

    Returns
    -------
    CardRecord
        Figures rounded for publication, small cells left out.
    """
    fairness, words = draft_fairness(audit, spec), spec.words
    told = tuple(f"{f.title}. {f.reason}" for f in findings if f.code == REPRESENTATION)
    fairness = fairness.model_copy(update={"representation": told})
    table = handed.given.table
    scale = say(
        f"{len(table):,} predictions about {table[ENTITY].nunique():,} "
        f"{spec.predictions.label_plural} ({spec.unit})"
    )
    return seal_record(
        CardRecord(
            record=described.draft_record(facts, spec),
            system=described.draft_system(spec, spec.predictions.kind),
            owner=described.draft_owner(spec),
            decision=DecisionPart(**described.copy_words(words.decision), scale=scale),
            legal=words.legal,
            use=described.draft_use(spec, findings),
            data=(_draft_data(facts, spec, handed),),
            model=_draft_model(facts, spec),
            eval=_draft_eval(spec, handed, audit),
            fairness=fairness,
            risks=words.risks,
            oversight=words.oversight,
            monitoring=described.draft_monitoring(spec),
            security=words.security,
            environment=EnvironmentPart(),
            publication=PublicationPart(
                **described.copy_words(words.publication),
                table_schema={
                    name: key.removeprefix("predictions.columns.")
                    for key, name in spec.columns.items()
                },
            ),
            checklist=words.checklist,
            findings=described.draft_findings(findings, fairness.results, spec),
            gaps=list_gaps(words),
            provenance=described.draft_provenance(facts),
            registers=words.registers,
        )
    )


def _draft_data(facts: RunFacts, spec: AuditFileSpec, handed: GivenFacts) -> DataPart:
    given = handed.given
    when = ASKED if spec.maturity is not None else AS_OF
    days = given.table[when].dropna()
    dated = spec.maturity is not None or spec.predictions.columns.as_of is not None
    return DataPart(
        **described.copy_words(spec.words.data),
        name=handed.file,
        sha256=facts.data_digest,
        roles=("audit",),
        first=days.min().date() if dated and len(days) else None,
        last=days.max().date() if dated and len(days) else None,
        grain=say(f"one row a prediction about one {spec.predictions.label}"),
        rows_read=given.read,
        rows_out_of_scope=0,
        rows_rejected=given.rejected,
        rows_accepted=len(given.table),
        columns=tuple(spec.contract),
        known_rule=say("Not known: the predictions came as they are."),
        cleaning=(say("A row whose cells are not of the declared kind is refused and counted."),),
        quality=(),
        rejected=described.count_rejects(given.rejects),
        by_period=(),
        in_words=(
            say(
                f"{given.read:,} rows were read: {len(given.table):,} used, {given.rejected:,} "
                "refused."
            )
            + " "
            + say(f"{given.table[Y_TRUE].notna().sum():,} have a known outcome."),
        ),
    )


def _draft_model(facts: RunFacts, spec: AuditFileSpec) -> ModelPart:
    given = spec.predictions
    made_by = given.made_by or say("somebody else")
    return ModelPart(
        name="given",
        version=facts.data_digest[:12],
        type=say(f"Predictions made by {made_by}; how is not known to this record"),
        self_learning=False,
        inputs=(),
        output=say(f"{given.unit}, {given.kind}, one for each {given.label}"),
        horizon=0,
        period="period",
        unit=given.unit,
        parameters={"threshold": "none" if given.threshold is None else f"{given.threshold:g}"},
        candidates=(),
        baselines=tuple(
            Method(name=n, label=name_baseline(n, "period")) for n in given.columns.baselines
        ),
        choice_reason=spec.words.model.choice_reason,
        explanation=None,
    )


def _draft_eval(spec: AuditFileSpec, handed: GivenFacts, audit: Audit) -> EvalPart:
    overall = audit.table[audit.table["dimension"] == EVERYWHERE]
    metrics = tuple(
        Number(
            metric=row["metric"],
            value=round_figure(row["value"], unit_of(row["metric"], spec), size),
            unit=unit_of(row["metric"], spec),
            slice={"model": "forecast"},
            low=round_figure(row["low"], unit_of(row["metric"], spec), size),
            high=round_figure(row["high"], unit_of(row["metric"], spec), size),
            n=round(row["n"]) if math.isfinite(row["value"]) else None,
            source=SOURCE,
            reason="" if math.isfinite(row["value"]) else as_text(row["reason"]),
        )
        for row in overall.to_dict("records")
        for size in [find_size(row["metric"], row["n"], row["size"])]
    )
    known = {m.name: m for m in handed.metrics}
    told = tuple(
        f"{said[:1].upper()}{said[1:]}."
        for m in metrics
        if m.metric in TOLD and m.value is not None
        for said in [tell_value(known[m.metric], m.value, spec.unit)]
    )
    return EvalPart(
        design=_describe_design(spec, handed.given),
        folds=(),
        metrics=metrics,
        comparisons=(),
        practice="",
        practice_label="",
        nominal_coverage=spec.coverage,
        coverage_tolerance=spec.policy.coverage_tolerance,
        confidence=spec.policy.confidence,
        series=(),
        series_note="",
        places=(),
        places_label=spec.predictions.label_plural,
        places_note="",
        boundaries="",
        boundaries_key="",
        metric_reason=spec.words.model.metric_reason,
        in_words=told or (_excuse_silence(spec, handed.given),),
    )


def _excuse_silence(spec: AuditFileSpec, given: Given) -> str:
    if given.table[Y_TRUE].isna().all():
        return say("No outcome is known yet, so nobody can say how good they are.")
    if spec.predictions.kind == "yes/no" and given.table[DECISION].isna().all():
        return say("Who is selected is not known, so nobody can say how good the selection is.")
    return say("There are too few rows to show how good they are.")


def _describe_design(spec: AuditFileSpec, given: Given) -> tuple[str, ...]:
    made_by = spec.predictions.made_by or say("somebody else")
    table = given.table
    said = [
        say(
            f"These predictions were made by {made_by} and judged as they came: no model was "
            "fitted."
        )
        + " "
        + say("Whether they were made before the outcome was known cannot be seen from the file.")
    ]
    known, total = int(table[Y_TRUE].notna().sum()), len(table)
    if known < total:
        said.append(
            say(
                f"{known:,} of {total:,} rows have a known outcome; every figure that needs one "
                "rests on those alone."
            )
        )
    column = DECISION if spec.predictions.kind == "yes/no" else Y_PRED
    missing = int(table[column].isna().sum())
    if missing:
        said.append(
            say(f"{missing:,} of {total:,} rows have no decision.")
            if column == DECISION
            else say(f"{missing:,} of {total:,} rows have no prediction.")
        )
    return tuple(said)
