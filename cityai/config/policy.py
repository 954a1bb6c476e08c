"""The policy: the limits that a city holds its predictions to (`configs/policy.yaml`)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from cityai.config.record import Share, Slug, SpecRecord
from cityai.config.release import OverrideSpec, ReleaseRule, Weighed, check_ids

RATIOS: Final = frozenset(
    [
        "calibration",
        "brier",
        "mean_score",
        "mase",
        "selection_for_need",
        "exposure_for_need",
        "inspected_more",
    ]
)
"""Audited metrics that are no shares, so a limit above 1 has a meaning."""


def _check_limits(limits: dict[str, float]) -> dict[str, float]:
    for name, limit in limits.items():
        if limit > 1 and name not in RATIOS and not name.startswith("error_against_"):
            raise ValueError(
                f"`{name}: {limit:g}` would be a gap of {100 * limit:,.0f} points; a limit is a "
                f"share, so write {limit / 100:g} for {limit:g} points"
            )
    return limits


Limits = Annotated[
    dict[Slug, Annotated[float, Field(gt=0)]],
    AfterValidator(_check_limits),
]


class QualityLimits(SpecRecord):
    """When the quality of the data becomes a finding."""

    completeness: Share = 0.95
    """Least share of required cells that are filled and of expected periods that are present."""
    accuracy: Share = 0.98
    """Least share of rows that keep the declared contract."""
    consistency: Share = 0.99
    """Least share of rows without a duplicate key or a contradiction."""
    timeliness: Share = 0.90
    """Least share of rows known within the declared reporting delay."""
    area_gap: Share = 0.10
    """Largest gap of an area's figure to the city's."""


Held = Literal["not ready", "too little data", "ready on conditions"]
"""What keeps a card from being ready without more."""


class VerdictRules(SpecRecord):
    """Which word stands on a card's first screen: what each thing that was found means for a yes.

    Every rule that holds gives its word; the gravest word stands on the card.
    """

    blocking: tuple[str, ...] = (
        "time.*",
        "models.*",
        "explain.*",
        "audit.decision",
        "audit.immature_outcomes",
        "audit.outcomes",
        "audit.repeated_rows",
    )
    """Codes of checks without which no figure of the card can be trusted; `*` stands for any text.
    One that fails is `not ready`."""
    beyond_limit: Held = "not ready"
    """A group is beyond a limit, and nobody accepted this in writing."""
    worse_than_practice: Held = "not ready"
    """It was shown to be worse than today's practice."""
    nothing_judged: Held = "too little data"
    """No outcome is known, or no group could be held against a limit."""
    most_undecided: Share = 0.5
    """Share of the checks of groups that may be undecided or hidden."""
    undecided: Held = "too little data"
    """More of them are."""
    not_shown_better: Held = "too little data"
    """It was not shown to be better than today's practice, nor to be worse."""
    not_compared: Held = "ready on conditions"
    """It was not compared with today's practice."""
    accepted: Held = "ready on conditions"
    """A group is beyond a limit, and a person wrote down why that is accepted."""
    failed_check: Held = "ready on conditions"
    """Another check failed."""
    missing_answers: Held = "ready on conditions"
    """Answers that release waits for are missing."""
    better_served: Weighed = "ready on conditions"
    """The only groups beyond a limit are better served than the others."""
    open_checks: Weighed = "ready on conditions"
    """A check is undecided, other than that no gap was seen."""
    uncommitted: Weighed = "ready on conditions"
    """The code was not committed, so nobody can look up what was run."""

    def blocks(self, code: str) -> bool:
        """Tell whether no figure can be trusted without a check."""
        return any(fnmatchcase(code, pattern) for pattern in self.blocking)


class PolicySpec(SpecRecord):
    """Limits and thresholds; printed on every card."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of a figure's interval. Verdicts on gaps and comparisons are one-sided tests at
    the rest of it (0.05), so their intervals are of 90 %."""
    small_cell: Annotated[int, Field(ge=1)] = 11
    """Groups with fewer people or events are not shown."""
    min_blocks: Annotated[int, Field(ge=3)] = 6
    """Fewer blocks than this give no interval."""
    limits: Limits = Field(
        default_factory=lambda: {"under_forecast_share": 0.05, "bias": 0.05, "coverage": 0.05}
    )
    """Largest gap of a group to its reference, by audited metric, as a share."""
    coverage_tolerance: Share = 0.03
    """How far measured coverage may lie from the nominal one. Where the test periods vary too much
    to hold even the nominal one against it, there is no verdict."""
    better_than_baselines: bool = True
    """Whether a forecast that does not beat every baseline is a finding."""
    near_perfect: Share = 0.999
    """Correlation of one feature with the target beyond which it is taken for a leak."""
    quality: QualityLimits = QualityLimits()
    """Limits on the data's quality."""
    verdict: VerdictRules = VerdictRules()
    """Which word stands on a card's first screen, and why."""
    release: Annotated[tuple[ReleaseRule, ...], AfterValidator(check_ids)] = Field(
        default=(), exclude=True
    )
    """What must hold before a system may be used (`cityai gate`). It changes no figure, so it is
    no part of a run."""
    override: OverrideSpec | None = Field(default=None, exclude=True)
    """Who may let a system be used although a rule does not hold; nobody without it."""
    unapproved: Literal["warn", "refuse"] = Field(default="warn", exclude=True)
    """What `cityai predict` does with a model that no approval that counts is for."""
