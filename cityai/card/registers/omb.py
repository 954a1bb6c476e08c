"""The columns of the US federal inventory of AI use cases, 2025, and when each is asked for.

Names, selections and conditions follow the data dictionary that OMB published with the inventory
(memorandum M-25-21; a work of the US Government, public domain). The values are the dictionary's
short forms, as in the published file. What a card does not hold is answered in `card.yaml` under
``registers: omb``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cityai.card.record import CardRecord
from cityai.card.registers.register import Field, read_answer
from cityai.config.words import NotApplicable, RiskClass

Row = Mapping[str, str]
"""The values so far, by column."""
PILOT, DEPLOYED, BEFORE, RETIRED = "Pilot", "Deployed", "Pre-deployment", "Retired"
HIGH, PRESUMED = "High-impact", "Presumed High-Impact, but Not High-impact"
VENDOR, BOTH, HOUSE = "Vendor Purchased", "Contracting and In House", "In-house Development"
WAIVED: Final = "CAIO Waived"
STAGES: Final = {
    "planned": BEFORE,
    "design": BEFORE,
    "development": BEFORE,
    "pilot": PILOT,
    "evaluation": PILOT,
    "operational": DEPLOYED,
    "retired": RETIRED,
}
"""Our phases in OMB's words."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    """As in the published file."""
    asked: Callable[[Row], bool]
    """Whether it is required, given the row so far."""
    find: Callable[[CardRecord], object] | None = None
    """From the card to its answer; None where only ``registers.omb`` can hold one."""
    source: str = ""
    """Where the answer is written."""
    selections: tuple[str, ...] = ()
    """Allowed values; empty for free text."""
    several: bool = False
    """Whether several selections may be named, separated by semicolons."""


def fill_columns(record: CardRecord) -> tuple[Field, ...]:
    """Fill every column from the card; check selections and conditions as the dictionary has them.

    Returns
    -------
    tuple of Field
        In the dictionary's order, then answers under ``registers.omb`` that no column asks for.
    """
    own = record.registers.get("omb", {})
    row: dict[str, str] = {}
    fields = []
    for column in COLUMNS:
        field = _fill(column, record, own, row)
        row[column.name] = field.value
        fields.append(field)
    known = {column.name for column in COLUMNS}
    for name in sorted(set(own) - known):
        note = "no column of the inventory has this name"
        fields.append(Field(name, "invalid", own[name], f"registers.omb.{name}", note))
    return tuple(fields)


def _fill(column: Column, record: CardRecord, own: Row, row: Row) -> Field:
    name, source = column.name, f"registers.omb.{column.name}"
    asked = column.asked(row)
    answer: object = own.get(name) or None
    if answer is None and column.find is not None:
        answer, source = column.find(record), column.source or source
    text, why = read_answer(answer)
    if not asked and name in CONDITIONAL:
        note = "it is not asked for with the answers before it"
        if text and name in own:
            return Field(name, "invalid", "", source, f"{note}, and yet answered")
        return Field(name, "not applicable", "", source, note)
    if why and not asked:
        return Field(name, "not applicable", "", source, why)
    if not text.strip():
        return Field(name, "missing" if asked else "empty", "", source, why and f"required: {why}")
    wrong = _check(column, text)
    return Field(name, "invalid" if wrong else "filled", text, source, wrong)


def _check(column: Column, text: str) -> str:
    if not column.selections:
        return ""
    parts = [p.strip() for p in text.split(";")] if column.several else [text]
    for part in parts:
        if part not in column.selections:
            return f"'{part}' is none of {', '.join(column.selections)}"
    return ""


def _always(row: Row) -> bool:
    return True


def _never(row: Row) -> bool:
    return False


def _active(row: Row) -> bool:
    return row["development_stage"] != RETIRED


def _in_use(row: Row) -> bool:
    return row["development_stage"] in {PILOT, DEPLOYED}


def _high_impact(row: Row) -> bool:
    return row["development_stage"] == DEPLOYED and row["is_high_impact"] == HIGH


def _find_risk(record: CardRecord) -> RiskClass | None:
    """Return the class under the scheme called OMB, where a person declared one."""
    classes, schemes = record.legal.risk_class, {"omb", "omb m-25-21", "m-25-21"}
    declared = classes if isinstance(classes, tuple) else ()
    return next((c for c in declared if c.scheme.strip().casefold() in schemes), None)


def _read_first(*answers: object) -> object:
    """Return the first answer that says something."""
    return next((text for text, _ in map(read_answer, answers) if text), None)


def _find_vendors(record: CardRecord) -> object:
    parties = record.owner.third_parties
    return tuple(p.name for p in parties) if isinstance(parties, tuple) else None


def _find_data(record: CardRecord) -> object:
    said = []
    for part in record.data:
        source, collection = read_answer(part.source)[0], read_answer(part.collection)[0]
        span = f", {part.first} to {part.last}" if part.first and part.last else ""
        if source:
            said.append(f"{source} ({part.rows_accepted:,} rows{span}). {collection}".strip())
    return " ".join(said) or None


def _find_personal(record: CardRecord) -> object:
    kinds = {part.personal_data for part in record.data}
    if None in kinds or not kinds:
        return None
    return "Yes" if kinds & {"identifiable", "pseudonymous"} else "No"


def _find_assessment(record: CardRecord) -> object:
    made = record.legal.assessments
    for assessment in made if isinstance(made, tuple) else ():
        if "privacy" in assessment.type.casefold():
            return assessment.link or None
    return None


def _find_impacts(record: CardRecord) -> object:
    harms = record.fairness.harms_benefits
    return tuple(f"{h.group}: {h.harm}" for h in harms) if isinstance(harms, tuple) else None


YES_NO: Final = ("No", "Yes")
DONE: Final = ("Yes", "In-progress", WAIVED)

COLUMNS: Final[tuple[Column, ...]] = (
    Column("id", _always, lambda r: r.record.id),
    Column("use_case_name", _always, lambda r: r.system.name, "system.name"),
    Column("agency_bureau", _always,
           lambda r: _read_first(r.owner.unit, r.owner.organization), "owner.unit"),
    Column("contact_email", _always,
           lambda r: _read_first(r.owner.contact, r.owner.city_contact.email), "owner.contact"),
    Column("is_withheld", _always, selections=(
        "No", "Yes - Disclosure Risk", "Yes - Prohibited by Law", "Other")),
    Column("development_stage", _always, lambda r: STAGES.get(r.system.phase or ""), "system.phase",
           (BEFORE, PILOT, DEPLOYED, RETIRED)),
    Column("is_high_impact", _always, lambda r: getattr(_find_risk(r), "level", None),
           "legal.risk_class (scheme OMB)",
           (HIGH, PRESUMED, "Not High-impact")),
    Column("HI_justification", lambda row: row["is_high_impact"] == PRESUMED,
           lambda r: getattr(_find_risk(r), "reason", None), "legal.risk_class (scheme OMB)"),
    Column("topic_area", _active, selections=(
        "Admin Functions", "Cybersecurity", "Emergency Mgmt", "Energy and Environment",
        "Benefits Processing", "Health and Medical", "HR", "IT", "International Affairs",
        "Law Enforcement", "Other", "Procurement and Finance Mgmt", "Science",
        "Service Delivery", "Transportation")),
    Column("classification", _active, lambda r: "Classical ML" if r.model.inputs else None,
           selections=("Agentic AI", "Classical ML", "Computer Vision", "Generative AI", "NLP",
                       "Reinforcement Learning")),
    Column("problem_solved", _active, lambda r: r.system.purpose, "system.purpose"),
    Column("benefits", _active, lambda r: r.system.benefits, "system.benefits"),
    Column("system_outputs", _active, lambda r: f"{r.system.kind}. {r.model.output}"),
    Column("operational_date", _in_use, lambda r: r.system.first_use, "system.first_use"),
    # In-house only where a person wrote that no third party is involved.
    Column("contracting_usage", _in_use,
           lambda r: HOUSE if isinstance(r.owner.third_parties, NotApplicable) else None,
           "owner.third_parties", (VENDOR, HOUSE, BOTH)),
    Column("vendor_name",
           lambda row: _in_use(row) and row["contracting_usage"] in {VENDOR, BOTH}, _find_vendors,
           "owner.third_parties"),
    Column("have_ato", _in_use, selections=YES_NO),
    Column("system_name_ato", lambda row: _in_use(row) and row["have_ato"] == "Yes"),
    Column("data_description", _in_use, _find_data, "data.source"),
    Column("link_to_data", _never,
           lambda r: next((part.url for part in r.data if part.url), None), "data.url"),
    Column("has_pii", _in_use, _find_personal, "data.personal_data", YES_NO),
    Column("pia_url", _never, _find_assessment, "legal.assessments"),
    Column("demographic_features", _in_use, selections=(
        "Race/Ethnicity", "Sex", "Age", "Religious Affiliation", "Socioeconomic Status",
        "Ability Status", "Residency Status", "Marital Status", "Income", "Employment Status",
        "None of the above", "Other"), several=True),
    Column("has_custom_code", _in_use, selections=YES_NO),
    Column("code_url", _never, lambda r: next(
        (u for t, u in r.owner.links.items() if "code" in t.casefold()), None), "owner.links"),
    Column("hi_testing_conducted", _high_impact, selections=DONE),
    Column("hi_assessment_completed", _high_impact, selections=DONE),
    Column("hi_potential_impacts", _high_impact, _find_impacts, "fairness.harms_benefits"),
    Column("hi_independent_review", _high_impact, selections=(
        "Internal Independent Review", "Oversight Board Review", "CAIO Review", "In-progress",
        WAIVED)),
    Column("hi_ongoing_monitoring", _high_impact, selections=(
        "Yes - Monitoring Established", "In-progress", WAIVED)),
    Column("hi_training_established", _high_impact, selections=(
        "Training Established", "Training In-progress", WAIVED)),
    Column("hi_failsafe_presence", _high_impact, selections=(
        "Yes", "Not Applicable", "In-progress", WAIVED)),
    Column("hi_appeal_process", _high_impact, selections=(
        "Appeal Process Established", "Not Applicable", "Appeal Process In-progress",
        "Appeal Precluded by Law", WAIVED)),
    Column("hi_public_consultation", _high_impact, selections=(
        "Usability Testing", "Public Feedback Solicitations", "Public Hearings", "Other",
        "In-progress", WAIVED), several=True),
)  # fmt: skip
"""In the dictionary's order."""

CONDITIONAL: Final = frozenset(
    c.name for c in COLUMNS if c.asked not in (_always, _active, _in_use, _never)
)
"""Columns that must stay empty unless another answer asks for them."""
