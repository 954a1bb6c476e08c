"""What a person decided about a gap between groups."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from cityai.config.record import Slug, SpecRecord


class MitigationSpec(SpecRecord):
    """What is done about a gap: evaluated by machine, chosen by a person."""

    dimension: Slug
    """The audit's dimension whose gap is to be closed."""
    metric: Slug = "under_forecast_share"
    """The audited metric that the gap is measured by."""
    choice: Literal["none", "recalibrate", "equalize", "bounded_loss", "reallocate"] = "none"
    """What was chosen of the options that `cityai mitigate` evaluates."""
    reason: str = ""
    """Why, in the words of who decided."""
    decided_by: str = ""
    """The role of who decided."""

    @model_validator(mode="after")
    def _choice_has_reason(self) -> Self:
        if self.choice != "none" and not (self.reason.strip() and self.decided_by.strip()):
            raise ValueError(f"`choice: {self.choice}` needs a `reason` and `decided_by` (a role)")
        return self
