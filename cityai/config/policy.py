"""The policy: the limits that a city holds its predictions to (`configs/policy.yaml`)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from cityai.config.record import Share, Slug, SpecRecord

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


class PolicySpec(SpecRecord):
    """Limits and thresholds; printed on every card."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of every interval on a statistic, simultaneous over the groups of a dimension."""
    small_cell: Annotated[int, Field(ge=1)] = 11
    """Groups with fewer people or events are not shown."""
    min_blocks: Annotated[int, Field(ge=3)] = 6
    """Fewer blocks than this give no interval."""
    limits: Limits = Field(
        default_factory=lambda: {"under_forecast_share": 0.05, "bias": 0.05, "coverage": 0.05}
    )
    """Largest gap of a group to its reference, by audited metric, as a share."""
    coverage_tolerance: Share = 0.03
    """How far measured coverage may lie from the nominal one."""
    better_than_baselines: bool = True
    """Whether a forecast that does not beat every baseline is a finding."""
    near_perfect: Share = 0.999
    """Correlation of one feature with the target beyond which it is taken for a leak."""
    quality: QualityLimits = QualityLimits()
    """Limits on the data's quality."""
