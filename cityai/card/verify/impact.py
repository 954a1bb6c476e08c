"""An effect counted again, from who was assigned to what and what was measured of them.

Nothing is shared with the estimators: plain sums by block and arm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.card.draft.rounding import count_decimals
from cityai.card.record.impact import ImpactEffect, ImpactPart
from cityai.card.verify.claims import Claim, refuse_claim

if TYPE_CHECKING:
    from cityai.impact.analysis import Impact

SLACK: Final = 0.35
"""How far half an interval may lie from that of the plain formula: lots drawn again differ."""
NORMAL: Final = 1.96


def list_impact_claims(part: ImpactPart | None, impact: Impact | None) -> Iterator[Claim]:
    """List what a card says that it changed, each figure counted again.

    Parameters
    ----------
    part : ImpactPart or None
        What the card says.
    impact : Impact or None
        What was saved.
    """
    if part is None or part.found is None:
        return
    if impact is None or impact.analysis is None:
        yield refuse_claim("impact.found", part.found.effect.value, "no analysis was saved")
        return
    rows, unit = impact.analysis.rows, part.unit
    yield from _claim("impact.found.effect", part.found.effect, rows, unit)
    drawn = len(rows)
    if part.found.known is not None and drawn:
        share = float(rows["value"].notna().sum()) / drawn
        decimals = count_decimals(share, "share", drawn)
        yield Claim("impact.found.known", part.found.known, share, decimals)
    value = _count_treated(rows)
    told = part.found.treated
    yield Claim("impact.found.treated", told.value, value, _decimals(value, unit, told, rows))
    for i, one in enumerate(part.found.groups):
        own = rows[rows[one.dimension] == one.group] if one.dimension in rows else rows[:0]
        if one.effect is not None:
            yield from _claim(f"impact.found.groups[{i}].effect", one.effect, own, unit)
    for i, line in enumerate(part.found.followed):
        own = rows[rows["arm"] == line.arm]
        own = own[own[line.dimension] == line.group] if line.dimension in own else own
        done = own["done"].fillna(0.0)
        kept = done if line.arm == "served" else 1 - done
        if line.followed is not None:
            share = math.fsum(kept) / len(own) if len(own) else math.nan
            decimals = count_decimals(share, "share", len(own)) if len(own) else 0
            yield Claim(f"impact.found.followed[{i}]", line.followed, share, decimals)


def _claim(path: str, told: ImpactEffect, rows: pd.DataFrame, unit: str) -> Iterator[Claim]:
    gap, error = _count_gap(rows)
    if told.value is not None:
        yield Claim(f"{path}.value", told.value, gap, _decimals(gap, unit, told, rows))
    if told.low is not None and told.high is not None and error > 0:
        half = (told.high - told.low) / 2
        if abs(half / (NORMAL * error) - 1) > SLACK and len(rows) >= 100:
            yield refuse_claim(f"{path}.low", told.low, "the interval is not that of these rows")


def _decimals(value: float, unit: str, told: ImpactEffect, rows: pd.DataFrame) -> int:
    known = int(rows["value"].notna().sum())
    return count_decimals(value, unit or "amount", known) if math.isfinite(value) else 0


def _count_gap(rows: pd.DataFrame) -> tuple[float, float]:
    """Difference of means within each block, weighted by its rows; and its standard error."""
    total = gaps = square = 0.0
    for _, block in rows[rows["value"].notna()].groupby("block"):
        served, waiting = (
            block.loc[block["arm"] == arm, "value"] for arm in ("served", "not served")
        )
        if served.empty or waiting.empty:
            continue
        total += len(block)
        gaps += len(block) * (served.mean() - waiting.mean())
        parts = [part.var() / len(part) for part in (served, waiting) if len(part) > 1]
        square += len(block) ** 2 * math.fsum(parts)
    return (gaps / total, math.sqrt(square) / total) if total else (math.nan, math.nan)


def _count_treated(rows: pd.DataFrame) -> float:
    """Ratio of what the assignment moved: outcomes over what was done (two-stage least squares)."""
    known = rows[rows["value"].notna() & rows["done"].notna()]
    drawn = (known["arm"] == "served").astype(float)
    apart = drawn - drawn.groupby(known["block"]).transform("mean")
    below = math.fsum(apart * known["done"])
    return math.fsum(apart * known["value"]) / below if below else math.nan
