"""CycloneDX 1.6, machine-learning bill of materials: model card, data sets and libraries in one.

The specification: OWASP CycloneDX 1.6 (ECMA-424), ``modelCard`` of a component. Every figure is a
text there; what CycloneDX has no place for stands in properties that begin with ``cityai:``.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cityai.card.numbers import write_figure
from cityai.card.record import CardRecord
from cityai.card.record.measured import DataPart
from cityai.card.registers.register import (
    Export,
    Field,
    Register,
    fill_field,
    read_answer,
    tell_overrides,
)
from cityai.card.release import ReleasePart
from cityai.card.words import PAIR, check_link
from cityai.config.words import NotApplicable
from cityai.i18n.stored import clean_text

TITLE: Final = "CycloneDX 1.6, machine-learning bill of materials"
SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
MODEL: Final = "model"
SPACE: Final = uuid.UUID("7d1d9ab1-2f5c-5a0e-9d0c-0a6f2f1c7b11")
"""Name space of serial numbers: the same record and decisions have the same number."""

Json = dict[str, Any]


def write_bom(record: CardRecord, release: ReleasePart | None = None) -> Export:
    """Write a card as a bill of materials.

    Returns
    -------
    Export
        ``<id>.cdx.json``. The schema requires little; what a model card should hold beside that is
        reported as empty where it is.
    """
    libraries = [_describe_library(n, v) for n, v in _list_libraries(record)]
    data = [_describe_data(i, part, record) for i, part in enumerate(record.data, 1)]
    parts = [part["bom-ref"] for part in (*data, *libraries)]
    decided = _list_decisions(release) if release else []
    of = record.record.content_digest + "".join(d["value"] for d in decided)
    bom = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, of)}",
        "version": 1,
        "metadata": _describe_bom(record) | {"properties": decided},
        "components": [_describe_model(record), *data, *libraries],
        "dependencies": [{"ref": MODEL, "dependsOn": parts}, *({"ref": p} for p in parts)],
    }
    text = json.dumps(_clean(bom), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return Export(TITLE, {f"{record.record.id}.cdx.json": text}, tuple(_report(record)))


def _describe_bom(record: CardRecord) -> Json:
    return {
        "timestamp": record.record.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycles": [{"phase": "operations" if _in_use(record) else "pre-build"}],
        "tools": {
            "components": [
                {
                    "type": "application",
                    "name": "cityai",
                    "version": record.provenance.versions.get("cityai"),
                }
            ]
        },
        "component": {
            "type": "application",
            "bom-ref": "system",
            "name": record.system.name or record.record.title,
            "description": record.system.summary_plain,
        },
        "supplier": _describe_supplier(record),
    }


def _in_use(record: CardRecord) -> bool:
    return record.system.phase in {"pilot", "evaluation", "operational"}


def _describe_supplier(record: CardRecord) -> Json:
    city = record.owner.city_contact
    organization = read_answer(record.owner.organization)[0] or record.system.city
    link = check_link(city.url)
    return {
        "name": organization,
        "url": [link] if link else None,
        "contact": [{"name": city.unit, "email": city.email}],
    }


def _describe_model(record: CardRecord) -> Json:
    model = record.model
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": record.system.name or record.record.title,
        "version": model.version,
        "description": record.system.summary_plain,
        "externalReferences": [
            {"type": "vcs" if "code" in title.casefold() else "documentation", "url": link}
            for title, url in record.owner.links.items()
            if (link := check_link(url))
        ],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"} if model.inputs else None,
                "task": "regression" if model.unit not in {"share", "ratio"} else None,
                "architectureFamily": model.type,
                "modelArchitecture": ", ".join(c.label for c in model.candidates),
                "datasets": [{"ref": f"data-{i}"} for i in range(1, len(record.data) + 1)],
                "inputs": [{"format": f"{i.name}: {i.label}"} for i in model.inputs],
                "outputs": [{"format": model.output}],
            },
            "quantitativeAnalysis": {"performanceMetrics": list(_list_metrics(record))},
            "considerations": _describe_considerations(record),
            "properties": list(_list_properties(record)),
        },
    }


def _list_metrics(record: CardRecord) -> Iterator[Json]:
    """List every published figure: of the whole, by fold, place and group; gaps apart."""
    places = [n for place in record.eval.places for n in place.figures]
    for number in (*record.eval.metrics, *places, *record.fairness.by_fold):
        sliced = "; ".join(f"{k}={v}" for k, v in sorted(number.slice.items()))
        if number.value is not None:
            yield _metric(number.metric, number.value, sliced, number.low, number.high)
        elif number.between is not None:
            ends = write_figure(None, number.between, number.unit)
            yield _metric(number.metric, ends, sliced, None, None)
    for result in record.fairness.results:
        sliced = f"{result.dimension}={result.group}"
        if result.value is not None:
            yield _metric(result.metric, result.value, sliced, result.low, result.high)
        if result.between is not None:
            ends = write_figure(None, result.between, result.unit)
            yield _metric(result.metric, ends, sliced, None, None)
        if result.gap is not None:
            beside = f"{sliced}; reference={result.reference}"
            yield _metric(
                f"{result.metric}.gap", result.gap, beside, result.gap_low, result.gap_high
            )


def _metric(
    name: str, value: float | str, sliced: str, low: float | None, high: float | None
) -> Json:
    known = low is not None and high is not None
    interval = {"lowerBound": f"{low}", "upperBound": f"{high}"} if known else None
    return {"type": name, "value": f"{value}", "slice": sliced, "confidenceInterval": interval}


def _describe_considerations(record: CardRecord) -> Json:
    use, risks = record.use, record.risks
    limits = [*_list(use.poor_conditions), *_list(use.out_of_scope), *use.found_limits]
    options = record.fairness.options
    return {
        "users": _list(use.users),
        "useCases": _list(use.intended),
        "technicalLimitations": limits,
        "performanceTradeoffs": list(options.in_words) if options else [],
        "ethicalConsiderations": [
            {"name": r.name, "mitigationStrategy": r.mitigation}
            for r in (risks if isinstance(risks, tuple) else ())
        ],
        "fairnessAssessments": list(_list_assessments(record)),
    }


def _list_assessments(record: CardRecord) -> Iterator[Json]:
    """List what people wrote of each group, then what was measured against a limit."""
    written = record.fairness.harms_benefits
    for words in written if isinstance(written, tuple) else ():
        yield {
            "groupAtRisk": words.group,
            "benefits": words.benefit,
            "harms": words.harm,
            "mitigationStrategy": words.mitigation,
        }
    labels = {d.name: d.label for d in record.fairness.dimensions}
    options = record.fairness.options
    for result in record.fairness.results:
        if result.limit is None or PAIR in result.dimension or result.status == "not applicable":
            continue
        chosen = options and options.dimension == result.dimension and options.reason
        yield {
            "groupAtRisk": f"{labels.get(result.dimension, result.dimension)}: {result.group}",
            "harms": f"{result.metric}, {result.status}. {result.sentence}",
            "mitigationStrategy": f"{options.choice}: {chosen}" if options and chosen else None,
        }


def _describe_data(number: int, part: DataPart, record: CardRecord) -> Json:
    licence, source = read_answer(part.licence)[0], read_answer(part.source)[0]
    link = check_link(part.url)
    governance = {
        name: [{"contact": {"name": role}}] if role else None
        for name, role in (
            ("owners", read_answer(part.owner_role)[0]),
            ("stewards", read_answer(part.steward_role)[0]),
        )
    }
    hashed = re.fullmatch(r"[a-f0-9]{64}", part.sha256)
    facts = {
        "grain": part.grain,
        "roles": ", ".join(part.roles),
        "rows_read": part.rows_read,
        "rows_accepted": part.rows_accepted,
        "rows_rejected": part.rows_rejected,
        "first_day": part.first,
        "last_day": part.last,
        "personal_data": part.personal_data,
        **{
            f"quality.{m.dimension}.{m.measure}": m.value
            for m in part.quality
            if m.slice == "overall"
        },
    }
    return {
        "type": "data",
        "bom-ref": f"data-{number}",
        "name": part.name,
        "version": part.sha256[:12],
        "description": source,
        "hashes": [{"alg": "SHA-256", "content": part.sha256}] if hashed else None,
        "licenses": [{"license": {"name": licence}}] if licence else None,
        "data": [
            {
                "type": "dataset",
                "name": part.name,
                "description": read_answer(part.collection)[0],
                "contents": {"url": link} if link else None,
                "sensitiveData": _list(part.sensitive),
                "governance": governance if any(governance.values()) else None,
            }
        ],
        "properties": _name_properties(facts),
    }


def _list_libraries(record: CardRecord) -> list[tuple[str, str]]:
    return [
        (name, number)
        for name, number in record.provenance.versions.items()
        if name != "cityai" and number[:1].isdigit()
    ]


def _describe_library(name: str, number: str) -> Json:
    address = f"pkg:pypi/{name.lower().replace('_', '-')}@{number}"
    return {
        "type": "library", "bom-ref": address, "name": name, "version": number, "purl": address,
    }  # fmt: skip


def _list_properties(record: CardRecord) -> list[Json]:
    own, made = record.record, record.provenance
    hidden = sum(r.status == "suppressed" for r in record.fairness.results)
    facts: dict[str, object] = {
        "record": own.content_digest,
        "schema_version": own.schema_version,
        "run": made.run_digest,
        "git_commit": made.git_commit,
        "phase": record.system.phase,
        "autonomy": record.decision.autonomy,
        "kind": record.system.kind,
        "synthetic_data": record.system.synthetic,
        "review_due": own.review_due,
        "confidence": record.fairness.confidence,
        "suppressed_figures": hidden,
        "open_questions": len(record.gaps),
        "open_questions_required": sum(g.required for g in record.gaps),
        "practice": record.eval.practice_label,
        **{f"limit.{name}": limit for name, limit in record.fairness.limits.items()},
        **{f"parameter.{name}": value for name, value in record.model.parameters.items()},
    }
    return _name_properties(facts)


def _list_decisions(release: ReleasePart) -> list[Json]:
    """List what people decided; of a chain that does not hold nothing but that."""
    facts: dict[str, object] = {"review.head": release.head, "override": tell_overrides(release)}
    if not release.broken:
        facts |= {f"{p.phase}.state": p.state for p in release.phases}
        facts |= {f"{p.phase}.until": p.until for p in release.phases}
        facts |= {f"{p.phase}.version": p.version for p in release.phases}
    return _name_properties(facts)


def _name_properties(facts: Mapping[str, object]) -> list[Json]:
    named = {n: str(v).lower() if isinstance(v, bool) else v for n, v in facts.items()}
    return [
        {"name": f"cityai:{name}", "value": str(value)}
        for name, value in named.items()
        if value is not None and value != ""
    ]


def _list(answer: object) -> list[str]:
    return list(answer) if isinstance(answer, tuple) else []


def _clean(value: Any) -> Any:
    """Leave out what is nothing or empty; the schema has no null. Drop control characters."""
    if isinstance(value, dict):
        kept = {k: _clean(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in (None, "", [], {})}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return clean_text(value) if isinstance(value, str) else value


def _report(record: CardRecord) -> Iterator[Field]:
    """Report the schema's required fields, and the parts of a model card that people write."""
    name = record.system.name or record.record.title
    yield Field("components[].type", "filled", "machine-learning-model")
    yield fill_field("components[].name", name, "system.name", required=True)
    yield fill_field("components[].version", record.model.version, "", required=False)
    yield fill_field("supplier.name", record.owner.organization, "owner.organization",
                     required=False)  # fmt: skip
    for field, answer, source in (
        ("description", record.system.summary_plain, "system.summary_plain"),
        ("considerations.users", record.use.users, "use.users"),
        ("considerations.useCases", record.use.intended, "use.intended"),
        ("considerations.technicalLimitations", record.use.poor_conditions, "use.poor_conditions"),
    ):
        yield fill_field(field, answer, source, required=False)
    for field, words, source in (
        ("considerations.ethicalConsiderations", record.risks, "risks"),
        (
            "considerations.fairnessAssessments",
            record.fairness.harms_benefits,
            "fairness.harms_benefits",
        ),
    ):
        if isinstance(words, NotApplicable):
            yield Field(field, "not applicable", "", source, words.not_applicable)
        else:
            filled = f"{len(words)} written" if words else ""
            yield Field(field, "filled" if words else "empty", filled, source)
    for number, part in enumerate(record.data, 1):
        at = f"data-{number}"
        yield fill_field(f"{at}.description", part.source, "data.source", required=False)
        yield fill_field(f"{at}.licenses", part.licence, "data.licence", required=False)
        owner = part.owner_role
        yield fill_field(f"{at}.governance.owners", owner, "data.owner_role", required=False)


CYCLONEDX: Final = Register("cyclonedx", TITLE, write_bom)
