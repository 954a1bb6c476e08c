"""Values read from tables for the record: what is missing or infinite is nothing."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from cityai.card.record.part import Number, StatusWord
from cityai.card.words import describe_metric
from cityai.config.project import AuditableSpec
from cityai.i18n.messages import say

TOO_FEW = say("Not shown: too few.")


def as_number(value: Any) -> float | None:
    """Return a float, nothing for a missing or infinite one."""
    if value is None or value is pd.NA:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def as_count(value: Any) -> int | None:
    """Return a whole number, nothing for a missing one."""
    number = as_number(value)
    return None if number is None else round(number)


def as_text(value: Any) -> str:
    """Return a text, empty for a missing one."""
    return value if isinstance(value, str) else "" if as_number(value) is None else str(value)


def unit_of(metric: str, spec: AuditableSpec) -> str:
    """Return a metric's unit, the target's own where it is measured in it."""
    unit = describe_metric(metric).unit
    return spec.unit if unit == "target" else unit


def read_status(word: Any) -> StatusWord:
    """Return a status's word, also of a comparison's own words."""
    text = str(word)
    return {"better": "pass", "worse": "fail", "no difference": "not enough evidence"}.get(
        text, text
    )  # type: ignore[return-value]


def hide_number(number: Number) -> Number:
    """Leave out a figure that may not be shown."""
    nothing = dict.fromkeys(("value", "low", "high", "n", "between"))
    return number.model_copy(update={**nothing, "reason": TOO_FEW})
