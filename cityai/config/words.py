"""What only a person can say: the human part of the card (`projects/<name>/card.yaml`).

A field holds a text, ``{not_applicable: why}``, or nothing; nothing is shown as a gap and counted.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cityai.config.record import SpecRecord, Text


class NotApplicable(SpecRecord):
    """A question that does not arise here, and why."""

    not_applicable: Text


Answer = Text | NotApplicable | None
Answers = tuple[Text, ...] | NotApplicable | None
Level = Literal["low", "medium", "high"]


class SystemWords(SpecRecord):
    """What the system is."""

    name: Text | None = None
    summary_plain: Annotated[str, Field(max_length=350)] | None = None
    description: Answer = None
    purpose: Answer = None
    benefits: Answer = None
    themes: Answers = None
    phase: (
        Literal["planned", "design", "development", "pilot", "evaluation", "operational", "retired"]
        | None
    ) = None
    first_use: Answer = None
    retired: Answer = None
    population_served: Answer = None


class ThirdParty(SpecRecord):
    """A supplier or partner."""

    name: Text
    role: Text
    data_access: Text
    procurement: str = ""


class OwnerWords(SpecRecord):
    """Who answers for it."""

    organization: Answer = None
    unit: Answer = None
    accountable_role: Answer = None
    contact: Answer = None
    third_parties: tuple[ThirdParty, ...] | NotApplicable | None = None
    links: dict[str, str] = Field(default_factory=dict)


class DecisionWords(SpecRecord):
    """What is decided with it, and by whom."""

    supported_decision: Answer = None
    use_of_output: Answer = None
    autonomy: Literal["human decides", "human executes", "autonomous"] | None = None
    frequency: Answer = None
    previous_process: Answer = None
    alternatives: Answer = None
    unit_cost: Annotated[float, Field(ge=0)] = 0.0
    """What one visit, or one unit that is planned, costs, in `currency`; 0 where nobody says."""
    unit_hours: Annotated[float, Field(ge=0)] = 0.0
    """Working hours that it takes; 0 where nobody says."""
    currency: str = ""
    """`euros`, `dollars`."""

    @model_validator(mode="after")
    def _money_has_a_name(self) -> Self:
        if bool(self.unit_cost) != bool(self.currency):
            raise ValueError("give `unit_cost` and `currency` together")
        return self


class LegalBasis(SpecRecord):
    title: Text
    link: str = ""


class RiskClass(SpecRecord):
    scheme: Text
    level: Text
    reason: Text
    date: date


class Assessment(SpecRecord):
    type: Text
    status: Text
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    link: str = ""
    summary: str = ""


class LegalWords(SpecRecord):
    """On what ground, at what level of risk, assessed how."""

    basis: tuple[LegalBasis, ...] | NotApplicable | None = None
    risk_class: tuple[RiskClass, ...] | NotApplicable | None = None
    assessments: tuple[Assessment, ...] | NotApplicable | None = None


class UseWords(SpecRecord):
    """What it is for and what it is not for."""

    users: Answers = None
    intended: Answers = None
    out_of_scope: Answers = None
    optimal_conditions: Answer = None
    poor_conditions: Answers = None


class DataWords(SpecRecord):
    """What a person knows about the data."""

    source: Answer = None
    licence: Answer = None
    url: str = ""
    collection: Answer = None
    representativeness: Answer = None
    known_bias: Answer = None
    excluded: Answer = None
    personal_data: Literal["none", "de-identified", "pseudonymous", "identifiable"] | None = None
    sensitive: Answers = None
    sharing: Answer = None
    retention: Answer = None
    owner_role: Answer = None
    steward_role: Answer = None


class HarmBenefit(SpecRecord):
    group: Text
    benefit: Text
    harm: Text
    mitigation: Text


class FairnessWords(SpecRecord):
    """Why these groups, and what is at stake for them."""

    why_groups: Answer = None
    harms_benefits: tuple[HarmBenefit, ...] | NotApplicable | None = None


class Risk(SpecRecord):
    name: Text
    likelihood: Level
    severity: Level
    mitigation: Text
    residual: Level
    owner: Text


class OversightWords(SpecRecord):
    """Who watches, who may stop it, how to object."""

    human_review: Answer = None
    override: Answer = None
    fail_safe: Answer = None
    training: Answer = None
    appeal: Answer = None
    notice: Answer = None
    consultation: Answers = None


class MonitoringWords(SpecRecord):
    """What happens after release."""

    plan: Answer = None
    rollback: Answer = None
    retire_rule: Answer = None
    incidents: Answer = None


class SecurityWords(SpecRecord):
    measures: Answer = None


class PublicationWords(SpecRecord):
    """How predictions are published as data, where they are."""

    title: Answer = None
    licence: Answer = None
    access_level: Literal["public", "restricted public", "non-public"] | None = None
    cadence: Answer = None
    liability: Answer = None


class ModelWords(SpecRecord):
    choice_reason: Answer = None
    metric_reason: Answer = None


class ChecklistLine(SpecRecord):
    """One line of deon's ethics checklist."""

    id: Annotated[str, Field(pattern=r"^[A-E]\.[1-9]$")]
    status: Literal["done", "open", "not applicable"]
    evidence: Text


class WordsSpec(SpecRecord):
    """The human part of the card."""

    language: Literal["en", "es", "pt", "fr"] = "en"
    """The language that these words are written in."""
    review_due: date | None = None
    """When the card must be looked at again."""
    system: SystemWords = SystemWords()
    owner: OwnerWords = OwnerWords()
    decision: DecisionWords = DecisionWords()
    legal: LegalWords = LegalWords()
    use: UseWords = UseWords()
    data: DataWords = DataWords()
    model: ModelWords = ModelWords()
    fairness: FairnessWords = FairnessWords()
    risks: tuple[Risk, ...] | NotApplicable | None = None
    oversight: OversightWords = OversightWords()
    monitoring: MonitoringWords = MonitoringWords()
    security: SecurityWords = SecurityWords()
    publication: PublicationWords = PublicationWords()
    checklist: tuple[ChecklistLine, ...] | NotApplicable | None = None
    translations: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By language, a text as it is written here or in the project, and its translation. It is read
    from ``card.<language>.yaml``, which has the same keys."""
    registers: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Answers that single registers ask for: by register (``omb``), then by its field."""
