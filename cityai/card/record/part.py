"""What every part of the record is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Unit = str
"""``share`` (0.08 is read as 8 %), ``ratio``, or the target's own unit (``tons``)."""
StatusWord = Literal["pass", "fail", "not enough evidence", "suppressed", "not applicable", "error"]
"""The values of `cityai.findings.Status`."""


class Part(BaseModel):
    """A frozen part of the record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Number(Part):
    """One figure: what was measured, of which slice, how sure, from where."""

    metric: str
    value: float | None
    """Rounded for publication; nothing when undefined or suppressed (see `reason`)."""
    unit: Unit
    slice: dict[str, str]
    """Dimension = value pairs: ``{"model": "forecast", "fold": "3"}``."""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    """Predictions behind it."""
    source: str
    """Record and table that it was taken from."""
    reason: str = ""
    """Why there is no value, or no interval."""
