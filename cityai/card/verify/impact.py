"""An effect counted again, from who was assigned to what and what was measured of them.

Nothing is shared with the estimators: plain sums by block and arm, or of two weighted lines.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.card.record.impact import ImpactEffect, ImpactPart
from cityai.card.verify.claims import Claim, refuse_claim
from cityai.card.verify.count import claim_figure
from cityai.card.verify.impact_places import (
    NORMAL,
    Counted,
    count_change,
    count_mixture,
    count_shift,
    count_steps,
    count_steps_done,
    leave_out,
)

if TYPE_CHECKING:
    from cityai.impact.analysis import Impact

SLACK: Final = 0.35
"""How far half an interval may lie from that of the plain formula: lots drawn again differ."""


def list_impacts_claims(
    parts: tuple[ImpactPart, ...], impacts: tuple[Impact, ...]
) -> Iterator[Claim]:
    """List what a card says that it changed: of every evaluation that was announced, in order."""
    told, saved = ([one.seal for one in parts], [one.sealed.seal for one in impacts])
    if told != saved:
        why = f"{len(saved)} evaluations were saved, and these are not they, the newest first"
        yield refuse_claim("impacts", float(len(told)), why)
        return
    for i, (part, impact) in enumerate(zip(parts, impacts, strict=True)):
        yield from _list_impact_claims(part, impact, f"impacts[{i}]")


def _list_impact_claims(part: ImpactPart, impact: Impact, at: str = "impact") -> Iterator[Claim]:
    """List what a card says that one evaluation found, each figure counted again."""
    if part.found is None:
        return
    if impact.analysis is None:
        yield refuse_claim(f"{at}.found", part.found.effect.value, "no analysis was saved")
        return
    rows, unit, widths = impact.analysis.rows, part.unit, impact.analysis.effect.widths
    design, drawn = impact.sealed.design, len(rows)
    if part.design != design:
        yield refuse_claim(f"{at}.design", None, f"the design that was sealed is '{design}'")
    yield from _claim_lots(part, impact, at)
    count, treat = COUNTS[design]
    whole = count(rows, widths)
    yield from _claim(f"{at}.found.effect", part.found.effect, whole, unit)
    if part.found.known is not None and drawn:
        share = float(rows["value"].notna().sum()) / drawn
        if "lost" in rows:
            drawn = round(math.fsum(rows["cases"]) + math.fsum(rows["lost"]))
            share = math.fsum(rows["cases"]) / drawn if drawn else math.nan
        yield claim_figure(f"{at}.found.known", part.found.known, share, "share", drawn)
    value, told = treat(rows, impact.analysis.treated.widths), part.found.treated
    yield claim_figure(f"{at}.found.treated", told.value, value, unit or "amount", whole.known)
    if part.found.places is not None:
        places = float(rows["unit"].nunique())
        yield Claim(f"{at}.found.places", float(part.found.places), places, 0)
    if design == "discontinuity":
        width = widths[0] if widths else math.nan
        decimals = 1 - math.floor(math.log10(width)) if width > 0 else 0
        yield Claim(f"{at}.found.within", part.found.within, width, decimals)
    saved_groups = {(one.dimension, one.group): one for one in impact.analysis.groups}
    for i, one in enumerate(part.found.groups):
        path, saved = (
            f"{at}.found.groups[{i}].effect",
            saved_groups.get((one.dimension, one.group)),
        )
        if one.effect is None:
            continue
        if saved is None or saved.effect is None or one.dimension not in rows:
            yield refuse_claim(path, one.effect.value, "no such group was saved")
            continue
        own = rows[rows[one.dimension].isin([one.group, *saved.also])]
        yield from _claim(path, one.effect, count(own, saved.effect.widths), unit)
    for i, line in enumerate(part.found.followed):
        own = rows[rows["arm"] == line.arm]
        own = own[own[line.dimension] == line.group] if line.dimension in own else own
        own = own[own["done"].notna()]
        done = own["done"]
        kept = done if line.arm == "served" else 1 - done
        if line.followed is not None:
            share = math.fsum(kept) / len(own) if len(own) else math.nan
            yield claim_figure(f"{at}.found.followed[{i}]", line.followed, share, "share", len(own))


def _claim_lots(part: ImpactPart, impact: Impact, at: str) -> Iterator[Claim]:
    """Draw the lots again: of each list, those served must have the smallest."""
    sealed, rows = impact.sealed, impact.analysis.rows if impact.analysis else None
    told = (part.source, part.drawn, part.lots_from)
    if told != (sealed.source, sealed.drawn, sealed.lots_from if sealed.draws else ""):
        yield refuse_claim(f"{at}.lots_from", None, "what lots follow from was said otherwise")
    if rows is None or not part.lots_from:
        return
    seed = _hash(f"{part.lots_from} {part.drawn}").hex() if part.drawn else part.lots_from
    if "period" in rows:
        begun = rows[rows["arm"] == "served"].groupby("unit")["period"].min()
        order = sorted(set(rows["unit"]), key=lambda unit: _hash(f"{seed} start {unit}")[:8])
        if not begun.reindex(order).fillna(math.inf).is_monotonic_increasing:
            why = "the order of starts is not the one that follows from the plan"
            yield refuse_claim(f"{at}.lots_from", None, why)
        return
    for block, own in rows.groupby("block"):
        lot = own["unit"].map(lambda unit, block=block: _hash(f"{seed} {block} {unit}")[:8])
        served = own["arm"] == "served"
        if served.any() and not served.all() and lot[served].max() > lot[~served].min():
            why = f"the lots of {block} are not those that follow from the plan"
            yield refuse_claim(f"{at}.lots_from", None, why)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _claim(path: str, told: ImpactEffect, counted: Counted, unit: str) -> Iterator[Claim]:
    effect, error = counted.effect, counted.error
    if told.value is not None:
        yield claim_figure(f"{path}.value", told.value, effect, unit or "amount", counted.known)
    if told.low is not None and told.high is not None and error > 0:
        half = (told.high - told.low) / 2
        if abs(half / (counted.quantile * error) - 1) > SLACK and counted.rows >= 100:
            yield refuse_claim(f"{path}.low", told.low, "the interval is not that of these rows")


def _count_gap(rows: pd.DataFrame, _widths: tuple[float, ...]) -> Counted:
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
    known = int(rows["value"].notna().sum())
    found = (gaps / total, math.sqrt(square) / total) if total else (math.nan, math.nan)
    return Counted(*found, len(rows), known)


def _count_jump(rows: pd.DataFrame, widths: tuple[float, ...]) -> Counted:
    """Jump at the cut-off between two weighted lines, less the bend that a parabola shows.

    A parabola without an end shows none. Residuals of the interval are the parabola's, so that its
    half is alike and not the same. Of yes and no each end is at least as far as that of Wilson's
    intervals of both levels.
    """
    if not widths:
        return Counted(math.nan, math.nan, 0, 0)
    main, bias = widths
    rows = rows[rows["value"].notna() & rows["apart"].notna() & (rows["apart"] != 0)]
    jump = square = 0.0
    near, levels = 0, []
    for sign in (1, -1):
        own = rows[rows["apart"] * sign > 0]
        x, y = own["apart"].to_numpy(float), own["value"].to_numpy(float)
        narrow, wide = (np.maximum(1 - np.abs(x) / width, 0) for width in (main, bias))
        sums = [math.fsum(narrow * x**power) for power in range(3)]
        line = narrow * (sums[2] - sums[1] * x) / (sums[0] * sums[2] - sums[1] ** 2)
        fitted, part = np.zeros(len(x)), line
        if math.isfinite(bias):
            parabola = np.vander(x / bias, 3)
            solved = np.linalg.solve(
                (parabola * wide[:, None]).T @ parabola, (parabola * wide[:, None]).T
            )
            part = line - math.fsum(line * x**2) * solved[0] / bias**2
            fitted = parabola @ (solved @ y)
        jump += sign * math.fsum(part * y)
        strays = math.fsum((part * (y - fitted)) ** 2)
        square += strays
        near += int((narrow > 0).sum())
        levels.append(_bound_level(math.fsum(part * y), math.fsum(part**2), strays))
    error = math.sqrt(square)
    if not rows["value"].isin((0, 1)).all():
        return Counted(jump, error, near, near)
    ends = [max(NORMAL * error, math.hypot(levels[i][0], levels[1 - i][1])) for i in (0, 1)]
    return Counted(jump, error, near, near, math.fsum(ends) / 2 / error if error else NORMAL)


def _bound_level(level: float, square: float, strays: float) -> tuple[float, float]:
    """How far Wilson's interval of a level reaches down and up, of rows that count unequally."""
    rate, rows = min(max(level, 0.0), 1.0), 1 / square
    alone = rate * (1 - rate)
    if alone and strays:
        rows = min(rows, alone / strays)
    held = NORMAL**2 / rows
    middle = (rate + held / 2) / (1 + held)
    half = math.sqrt(held * (alone + held / 4)) / (1 + held)
    return rate - middle + half, middle + half - rate


def _count_treated(rows: pd.DataFrame, _widths: tuple[float, ...]) -> float:
    """Ratio of what the assignment moved: outcomes over what was done (two-stage least squares)."""
    known = rows[rows["value"].notna() & rows["done"].notna()]
    drawn = (known["arm"] == "served").astype(float)
    apart = drawn - drawn.groupby(known["block"]).transform("mean")
    below = math.fsum(apart * known["done"])
    return math.fsum(apart * known["value"]) / below if below else math.nan


def _count_followed_jump(rows: pd.DataFrame, widths: tuple[float, ...]) -> float:
    """Ratio of two jumps of lines, less the bend of the outcome that what was done leaves over."""
    known = rows[rows["value"].notna() & rows["done"].notna()]
    if not widths or known.empty:
        return math.nan
    straight = (widths[0], math.inf)
    outcome = _count_jump(known, straight).effect
    done = _count_jump(known.assign(value=known["done"]), straight).effect
    ratio = outcome / done
    rest = known.assign(value=(known["value"] - ratio * known["done"]) / done)
    return ratio + _count_jump(rest, widths).effect


Count = Callable[[pd.DataFrame, tuple[float, ...]], Counted]
COUNTS: Final[dict[str, tuple[Count, Callable[[pd.DataFrame, tuple[float, ...]], float]]]] = {
    "lottery": (_count_gap, _count_treated),
    "probe": (_count_gap, _count_treated),
    "discontinuity": (_count_jump, _count_followed_jump),
    "stepped wedge": (count_steps, count_steps_done),
    "synthetic": (count_mixture, leave_out),
    "interrupted": (count_shift, leave_out),
    "before after": (count_change, leave_out),
}
"""How each design's effects are counted again: of being chosen, and of being served."""
