"""What must hold before a system may be used: rules as a council adopts them (`policy.release`)."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from cityai.config.record import Slug, SpecRecord, Text

Weighed = Literal["not ready", "too little data", "ready on conditions", "ready"]
"""The word on a card's first screen."""
Phase = Literal["pilot", "operational"]
PHASES: Final[tuple[Phase, ...]] = ("pilot", "operational")

ASKED: Final = (
    *("findings", "verdicts", "answers", "card_days", "reviewers", "committed", "evaluation"),
)
"""What a rule may ask; each asks one of them."""
Weight = Literal["refuse", "allow"]


class EvaluatedSpec(SpecRecord):
    """What must be known of whether acting on it helps."""

    harmful: Weight = "refuse"
    """What it means that a planned evaluation found harm, and no newer one of the same outcome
    found otherwise. Where it refuses, an override must name the evaluation."""
    dropped: Weight = "refuse"
    """What it means that an evaluation was sealed and nobody analysed it in time, or that one was
    signed and the card does not tell of it."""
    grace_days: Annotated[int, Field(ge=0)] = 30
    """Days for the analysis and the next card, from the day on which all outcomes can be known."""
    required_after_days: Annotated[int, Field(ge=0)] | None = None
    """Days in use after which an evaluation must have been announced; never without it."""


class ReleaseRule(SpecRecord):
    """One rule: a sentence that somebody answers for, and what is looked at for it."""

    id: Slug
    """Name of the rule; conditions of an approval refer to it."""
    sentence: Text
    """What must hold, as the council adopted it."""
    owner: Text
    """Role that answers for the rule."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)] = PHASES
    """Before which phases it is asked."""
    risk: tuple[Text, ...] = ()
    """Levels of risk (`legal.risk_class` of `card.yaml`) that it is for; every level without it. A
    card that names no level is held to every rule."""
    findings: tuple[Text, ...] = ()
    """Codes of checks that must not fail; `*` stands for any text."""
    open: Literal["refuse", "condition", "allow"] = "refuse"
    """What an undecided or hidden one of these checks means: no, yes on a condition, or yes. So do
    checks none of which applies."""
    compensation: str = ""
    """What the condition must be, where `open: condition`: a monitor, a random probe, a narrower
    use."""
    verdicts: tuple[Weighed, ...] = ()
    """Words of the card's first screen with which it may be used."""
    answers: tuple[Text, ...] = ()
    """Questions of the card that may not be without an answer; `*` stands for any text."""
    card_days: Annotated[int, Field(ge=1)] | None = None
    """How many days old the card may be."""
    reviewers: dict[Text, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """How many people of which role must have approved; never who asked for the review. `anyone`
    counts every role."""
    committed: bool = False
    """Whether the code that was run must be committed."""
    evaluation: EvaluatedSpec | None = None
    """What must be known of whether acting on it helps; `{}` takes each key's default."""

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        asked = [name for name in ASKED if getattr(self, name)]
        if len(asked) != 1:
            told = " and ".join(f"`{name}`" for name in asked) or "nothing"
            raise ValueError(f"a rule asks one of {', '.join(ASKED)}; `{self.id}` asks {told}")
        if (self.open == "condition") != bool(self.compensation):
            raise ValueError(f"`{self.id}`: `open: condition` and `compensation` need each other")
        if self.open != "refuse" and not self.findings:
            raise ValueError(f"`{self.id}`: `open` speaks of `findings`, and there are none")
        return self


class OverrideSpec(SpecRecord):
    """Who may let a system be used although a rule does not hold, and for how long."""

    roles: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Roles whose keys may sign an override."""
    days: Annotated[int, Field(ge=1)] = 30
    """How many days it lasts at most."""


def check_ids(rules: tuple[ReleaseRule, ...]) -> tuple[ReleaseRule, ...]:
    """Refuse two rules of one name."""
    names = [rule.id for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two rules are called {', '.join(twice)}")
    return rules


def write_rules(rules: tuple[ReleaseRule, ...], override: OverrideSpec | None) -> bytes:
    """Return the rules and who may override them as JSON, for machines that read no YAML.

    What has its default is left out, so that a later version with more keys writes the same.
    """
    told: dict[str, object] = {
        "release": [rule.model_dump(mode="json", exclude_defaults=True) for rule in rules]
    }
    if override is not None:
        told["override"] = override.model_dump(mode="json")
    return json.dumps(told, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
