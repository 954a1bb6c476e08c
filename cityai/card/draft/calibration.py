"""Whether probabilities hold: bands of like probability, slopes by group, small cells left out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.draft.values import TOO_FEW, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.record.ranked import CurvePoint, SlopeResult


def make_band(row: Mapping[Hashable, Any], least: int, withheld: Withheld) -> CurvePoint:
    """Make a band of a calibration curve; where few had the outcome, or did not, it is empty."""
    dimension, group = str(row["dimension"]), str(row["group"])
    n, yes = as_number(row["n"]) or 0.0, as_number(row["yes"])
    few = withheld.veils(dimension, group, exactly=True) or yes is None or min(yes, n - yes) < least
    names = ("mean_score", "outcome_share", "low", "high")
    figures = {name: None if few else round_figure(row[name], "share", n) for name in names}
    return CurvePoint(
        dimension=dimension,
        group=group,
        band=int(row["band"]),
        n=None if few else round_people(n),
        **figures,
    )


def make_slope(row: Mapping[Hashable, Any], least: int, withheld: Withheld) -> SlopeResult:
    """Return whether the probabilities hold in one group."""
    dimension, group = str(row["dimension"]), str(row["group"])
    n, yes = as_number(row["n"]) or 0.0, as_number(row["yes"])
    few = withheld.veils(dimension, group) or yes is None or min(yes, n - yes) < least
    names = (
        "slope", "slope_low", "slope_high", "intercept", "intercept_low", "intercept_high",
    )  # fmt: skip
    figures = {name: None if few else round_figure(row[name], "ratio", n) for name in names}
    shares = {
        name: None if few else round_figure(row[name], "share", n) for name in ("error", "chance")
    }
    return SlopeResult(
        dimension=dimension,
        group=group,
        n=None if few else round_people(n),
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
        **shares,
    )
