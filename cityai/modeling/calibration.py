"""Calibration: a rising map from blended log-odds to probabilities that hold what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["identity", "platt", "isotonic"]


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """A strictly rising, piecewise linear map on the log-odds, so that ranking is kept.

    Attributes
    ----------
    method : {"identity", "platt", "isotonic"}
        How it was learnt; `identity` when there was too little evidence.
    given, calibrated : tuple of float
        Knots: log-odds given, and calibrated ones; straight lines between them.
    slope : float
        Of the lines before the first and after the last knot, above 0.
    rows, yes : int
        Out-of-sample outcomes that it was learnt from, and how many were yes.
    reason : str
        Why this method, in one sentence with the figures.
    """

    method: Method
    given: tuple[float, ...]
    calibrated: tuple[float, ...]
    slope: float
    rows: int
    yes: int
    reason: str
