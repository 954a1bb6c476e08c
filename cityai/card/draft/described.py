"""The parts that people wrote, and the data that the run measured."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel

from cityai.card.draft import sentences
from cityai.card.draft.evaluated import as_count, as_number, as_text, has_small
from cityai.card.draft.facts import RunFacts
from cityai.card.draft.rounding import PERIOD_STEP, round_figure, round_people
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
from cityai.card.record.measured import (
    DataPart,
    GroupResult,
    QualityMeasure,
    QualityPoint,
    Rejected,
)
from cityai.columns import AS_OF, ENTITY, EVERYWHERE, PERIOD_START, STEP, Y_HIGH, Y_LOW, Y_PRED
from cityai.config.project import AuditableSpec, BaseProjectSpec, ProjectSpec
from cityai.findings import Finding
from cityai.i18n.messages import name_periods, say

if TYPE_CHECKING:
    from cityai.data.quality import QualityReport

ROUNDED = say("Rows used, of the whole and of areas, are rounded to twenties.")
KINDS = {
    "demand": say("Demand forecast: how much of something, where, in the coming periods"),
    "risk": say("Ranked list: how likely something is for each case, and which come first"),
    "amount": say("Predictions made by somebody else: how much of something, where"),
    "yes/no": say(
        "Predictions made by somebody else: whether something happens, and who is selected"
    ),
}


def copy_words(words: BaseModel) -> dict[str, Any]:
    """Return the fields of a human part as they are, for the record's part of the same fields."""
    return {name: getattr(words, name) for name in type(words).model_fields}


def draft_record(facts: RunFacts, spec: AuditableSpec) -> RecordPart:
    """Draft the record about itself."""
    return RecordPart(
        id=spec.name,
        title=spec.title,
        language="en",
        words_language=spec.words.language,
        languages=spec.city.languages,
        created=facts.created,
        updated=facts.created,
        review_due=spec.words.review_due,
    )


def draft_system(spec: AuditableSpec, kind: str) -> SystemPart:
    """Draft what the system is, of a kind of `KINDS`."""
    return SystemPart(
        **copy_words(spec.words.system),
        kind=KINDS[kind],
        city=spec.city.name,
        synthetic=spec.city.synthetic,
    )


def draft_owner(spec: AuditableSpec) -> OwnerPart:
    """Draft who answers."""
    contact = spec.city.contact
    return OwnerPart(
        **copy_words(spec.words.owner),
        city_contact=Contact(unit=contact.unit, email=contact.email, url=contact.url),
    )


def draft_decision(spec: ProjectSpec, n_entities: int) -> DecisionPart:
    """Draft what is decided, on which scale."""
    scale = sentences.describe_scale(n_entities, spec)
    return DecisionPart(**copy_words(spec.words.decision), scale=scale)


def draft_use(spec: AuditableSpec, findings: Iterable[Finding]) -> UsePart:
    """Draft what it is for, and the limits that the tests found."""
    return UsePart(**copy_words(spec.words.use), found_limits=sentences.describe_limits(findings))


def draft_monitoring(spec: AuditableSpec) -> MonitoringPart:
    """Draft what happens after release."""
    return MonitoringPart(**copy_words(spec.words.monitoring))


def draft_publication(spec: ProjectSpec) -> PublicationPart:
    """Draft how predictions are published."""
    unit = spec.question.unit
    schema = {
        ENTITY: spec.question.entity.label,
        AS_OF: say("moment at which the forecast was made"),
        STEP: say(f"{name_periods(spec.question.period)} ahead, from 1"),
        PERIOD_START: say(f"first day of the {spec.question.period} that is forecast"),
        Y_PRED: say(f"forecast, in {unit}"),
        Y_LOW: say(f"low end of the range, in {unit}"),
        Y_HIGH: say(f"high end of the range, in {unit}"),
    }
    return PublicationPart(**copy_words(spec.words.publication), table_schema=schema)


def draft_data(
    facts: RunFacts,
    spec: BaseProjectSpec,
    quality: QualityReport | None,
    *,
    grain: str,
    cleaning: tuple[str, ...],
    hidden: frozenset[tuple[str, str]] = frozenset(),
    coarse: bool = False,
) -> tuple[DataPart, ...]:
    """Draft the section on the data and their quality.

    Parameters
    ----------
    grain : str
        What one row is.
    cleaning : tuple of str
        What was done to the rows before they were used.
    hidden : frozenset of (str, str)
        Slices whose figures may not be shown.
    coarse : bool
        Whether rows of a period are rounded; they are where one of them has too few.
    """
    measures = _list_measures(quality.measures, spec, hidden) if quality else ()
    rows = _count_rows(quality, spec)
    few = quality is not None and spec.data.layout == "events"
    coarse = coarse or (few and has_small(quality.by_period["rows"], spec))  # type: ignore[union-attr]
    part = DataPart(
        **copy_words(spec.words.data),
        name=spec.data.source.table or spec.data.source.path.rsplit("/", 1)[-1],
        sha256=facts.data_digest,
        roles=("learning", "testing", "operation"),
        first=facts.first.date(),
        last=facts.last.date() - timedelta(days=1),
        grain=grain,
        rows_read=rows[0],
        rows_out_of_scope=rows[1],
        rows_rejected=rows[2],
        rows_accepted=rows[3],
        columns=tuple(spec.data.columns),
        known_rule=sentences.describe_known(spec),
        cleaning=cleaning,
        quality=measures,
        rejected=count_rejects(quality.rejects) if quality else (),
        by_period=_list_periods(quality.by_period, spec, coarse) if quality else (),
        in_words=sentences.describe_data(*rows, measures, quality.findings) if quality else (),
    )
    return (part,)


def _count_rows(quality: QualityReport | None, spec: BaseProjectSpec) -> tuple[int, int, int, int]:
    """Count rows read, out of scope, refused, used; of events, those used are rounded.

    The exact number less that of the card before would be what came since.
    """
    if quality is None:
        return 0, 0, 0, 0
    counts = quality.counts
    used = round_people(counts.accepted) if spec.data.layout == "events" else counts.accepted
    return used + counts.out_of_scope + counts.rejected, counts.out_of_scope, counts.rejected, used


def draft_provenance(facts: RunFacts) -> ProvenancePart:
    """Draft what the record was made from."""
    return ProvenancePart(
        run_digest=facts.run_digest,
        data_digest=facts.data_digest,
        spec_digest=facts.spec_digest,
        predictions_digest=facts.predictions_digest,
        results_digest=facts.results_digest,
        git_commit=facts.git_commit,
        git_dirty=facts.git_dirty,
        versions=dict(sorted(facts.versions.items())),
    )


def draft_findings(
    findings: Sequence[Finding], results: Iterable[GroupResult], spec: AuditableSpec
) -> tuple[FindingPart, ...]:
    """Copy the run's findings; a group's figure is the one that its result prints."""
    gaps = {(f"audit.{r.metric}", f"{r.dimension}={r.group}"): r.gap for r in results}
    return tuple(
        FindingPart(
            code=f.code,
            status=f.status.value,
            title=f.title,
            reason=f.reason,
            observed=gaps.get((f.code, f.subject), _round_observed(f)),
            limit=as_number(f.limit),
            unit=spec.unit if f.unit == "target" else f.unit,
            subject=f.subject,
        )
        for f in findings
    )


def _round_observed(finding: Finding) -> float | None:
    value = as_number(finding.observed)
    if value is None:
        return None
    if finding.unit == "share" and abs(value) >= 0.001:
        return round(value, 3)
    return float(f"{value:.2g}" if finding.unit == "share" else f"{value:.4g}")


def _round_quality(value: object) -> float | None:
    """Round to a hundredth of a percent; what is not whole is never printed as 100 %."""
    number = as_number(value)
    if number is None:
        return None
    return min(round(number, 4), 0.9999) if number < 1 else round(number, 4)


def _list_measures(
    table: pd.DataFrame, spec: BaseProjectSpec, hidden: frozenset[tuple[str, str]]
) -> tuple[QualityMeasure, ...]:
    least = spec.policy.small_cell if spec.data.layout == "events" else 0
    whole = table[table["slice"] == EVERYWHERE]
    places = table[(table["slice"] != EVERYWHERE) & table["limit"].notna()]
    # One row a place and dimension: the least figure that may be shown, else that none may.
    places = places.assign(few=places["n"] < least).sort_values(
        ["slice", "dimension", "few", "value", "measure"], kind="stable"
    )
    worst = places.drop_duplicates(["slice", "dimension"])
    # Rows of the other places would give away those of one that is hidden.
    coarse = bool(places["few"].any()) or any(kind in {"area", "entity"} for kind, _ in hidden)
    return tuple(
        _make_measure(row, least, coarse and least > 0 and part is worst)
        for part in (whole, worst)
        for row in part.to_dict("records")
    )


def _round_rows(rows: int | None, *, coarse: bool) -> int | None:
    return round(rows / PERIOD_STEP) * PERIOD_STEP if coarse and rows is not None else rows


def _round_coarsely(share: float | None) -> float | None:
    return None if share is None else min(round(share, 2), 0.99) if share < 1 else share


def _make_measure(row: Mapping[Hashable, Any], least: int, coarse: bool) -> QualityMeasure:
    days = str(row["measure"]).startswith("median days")
    place = as_text(row["slice"])
    hide = place != EVERYWHERE and row["n"] < least
    value = round_figure(row["value"], "days", None) if days else _round_quality(row["value"])
    return QualityMeasure(
        dimension=row["dimension"],
        measure=row["measure"],
        slice=place,
        value=None if hide else _round_coarsely(value) if coarse and not days else value,
        unit="days" if days else "share",
        n=None
        if hide or (coarse and place != EVERYWHERE)
        else _say_rows(as_count(row["n"]), least),
        limit=as_number(row["limit"]),
        status="suppressed" if hide else str(row["status"]),  # type: ignore[arg-type]
        source="quality.measures",
    )


def _say_rows(rows: int | None, least: int) -> int | None:
    """Round rows that are events: what came since the card before would follow from both."""
    return rows if rows is None or not least else round_people(rows)


def count_rejects(table: pd.DataFrame) -> tuple[Rejected, ...]:
    """Count why rows were refused, by column and reason."""
    if table.empty:
        return ()
    counted = table.groupby(["column", "reason"], sort=True).size().reset_index(name="rows")
    return tuple(
        Rejected(column=str(row["column"]), reason=str(row["reason"]), rows=int(row["rows"]))
        for row in counted.to_dict("records")
    )


def _list_periods(
    table: pd.DataFrame, spec: BaseProjectSpec, coarse: bool
) -> tuple[QualityPoint, ...]:
    few = spec.policy.small_cell if spec.data.layout == "events" else 0
    points = []
    for row in table.to_dict("records"):
        rows = as_count(row["rows"])
        hide = rows is not None and 0 < rows < few
        points.append(
            QualityPoint(
                period_start=pd.Timestamp(row["period_start"]).date(),
                rows=None if hide else _round_rows(rows, coarse=coarse and few > 0),
                reporting=None if hide else as_count(row["entities_reporting"]),
                median_delay_days=round_figure(row["median_delay_days"], "days", None),
            )
        )
    return tuple(points)
