"""Rate rounding: the finest ranges of rates from which no small count follows.

A rate beside its number of people is a count: 5 % of 60 are three persons. Counts of fewer than the
policy allows stay unknown by saying the range that a rate lies in, not by saying nothing. Whoever
reads the ranges is taken to solve for the counts of all groups together, to know a rate exactly
where it is not said as a range, and to know from a verdict where its limit and its margin lie.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from cityai.columns import EVERYWHERE
from cityai.disclosure.inference_attack import (
    EXACT,
    NOT_SAID,
    SLACK,
    STEPS,
    Reader,
    Secret,
    find_range,
    list_said,
)
from cityai.disclosure.small_whole import bound_whole, mark_kinds, mark_rate
from cityai.findings import Status
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

UNSAID: Final = math.inf
FEWER: Final = 1.0
"""In place of a step, of a whole that is small itself: it is said what is fewer than some number
(`bound_whole`)."""
WHOLE: Final = (EVERYWHERE, EVERYWHERE)
SELECTED_FOR_NEED: Final = "selection_for_need"
OVER_NEED: Final = (SELECTED_FOR_NEED, "exposure_for_need")
MOST_UNKNOWNS: Final = 40_000
"""Groups of alike entities x kinds of people beyond which pairs are not said."""

Lines = Mapping[tuple[str, str], float]
Ranges = dict[tuple[str, str], dict[str, tuple[float, float]]]


def choose_steps(
    views: Sequence[GroupTable],
    facts: AuditData,
    rows: Iterable[Mapping[str, Any]] = (),
) -> dict[tuple[str, str], float]:
    """Choose how wide the ranges are that the rates of each group are said in.

    Parameters
    ----------
    views : sequence of GroupTable
        All that the card shows.
    facts : AuditData
        The sums of a yes or no; nothing is chosen for amounts.
    rows : iterable of mapping
        Rows of the audit's table with their exact figures: their verdicts are said too.

    Returns
    -------
    dict
        Width by dimension and group, `UNSAID` for those that cannot be said, `FEWER` for a whole
        that is small itself; the others are absent.

    Notes
    -----
    A verdict tells on which side of its limit a rate lies, further from it than the margin or not;
    it is told from exact figures, so it narrows the range (`_read_verdicts`).
    Each line is coarsened until it does not give a count away by itself; then, of those that bear
    on a small count, the one that opens it most for what is lost, until the linear programme leaves
    the count a range of `least`. Steps do not lie within each other, so a coarser one may close
    what another left open: all counts are gone through again until nothing is coarsened. Last, each
    line is said as finely again as leaves every count open. What is said of the whole is fixed
    before (`bound_whole`), so that all who speak of it say the same.
    """
    if not facts.events:
        return {}
    said, least = list_said(views, facts), facts.least
    _read_verdicts(said, rows, _find_rates(facts))
    mine = said.level == EXACT
    whole = _bound_whole(said, least)
    if said.counts.size > MOST_UNKNOWNS:
        mine &= np.array([" * " not in dimension for dimension, _ in said.keys])
        said.level[~mine] = NOT_SAID
    if whole is not None:
        mine[whole] = False
    secrets = _list_secrets(said, whole, least)
    for secret in secrets:
        if secret.line == whole:
            continue
        alone, own = said.take_alone(secret)
        while alone.level[0] < NOT_SAID and alone.find_width(own, least)[0] < least - SLACK:
            alone.level[0] += 1
        said.level[secret.line] = alone.level[0]
    before = None
    while before is None or (said.level != before).any():
        before = said.level.copy()
        said.see_together(secrets)
        for secret in secrets:
            while (line := _choose_line(said, secret, least)) is not None:
                said.level[line] += 1
    _refine(said, secrets, np.flatnonzero(mine), least)
    steps = (0.0, *STEPS, UNSAID)
    found = {
        said.keys[i]: steps[said.level[i]] for i in np.flatnonzero((said.level > EXACT) & mine)
    }
    return found | ({WHOLE: FEWER} if said.whole else {})


def _bound_whole(said: Reader, least: float) -> int | None:
    """Fix what is said of a whole that is small itself; return its line where it is said at all."""
    line = said.keys.index(WHOLE) if WHOLE in said.keys else None
    if line is None or said.level[line] != EXACT:
        return None
    whole = bound_whole(said.parts[line] @ said.counts, least)
    if whole is not None:
        said.whole[line] = whole
    return line


def _list_secrets(said: Reader, whole: int | None, least: float) -> list[Secret]:
    """List the small counts that are to stay open: of the whole, what `bound_whole` leaves open."""
    open_kinds = [mark_kinds(*f.kind) for w in said.whole.values() for f in w.fewer]
    return [
        secret
        for secret in said.find_secrets(least)
        if secret.line != whole or any((secret.kinds == kinds).all() for kinds in open_kinds)
    ]


def _find_rates(facts: AuditData) -> dict[str, Metric]:
    return {metric.name: metric for metric in facts.metrics if metric.above}


def _read_verdicts(
    said: Reader, rows: Iterable[Mapping[str, Any]], rates: Mapping[str, Metric]
) -> None:
    """Read off what each verdict tells of the kinds of people in its line, and in the whole.

    The reader is taken to know the limit, the reference, and how far the interval reaches to
    either side: then it says between which two figures the line's own one lies.
    """
    line = {key: i for i, key in enumerate(said.keys)}
    whole = said.counts.sum(axis=0)
    for row in rows:
        metric, low, high = str(row["metric"]), *_find_ends(row)
        if not (metric in rates or metric == SELECTED_FOR_NEED) or low == -high == -math.inf:
            continue
        above, below = mark_rate(rates[metric]) if metric in rates else _mark_for_need(whole)
        # It tells of the group, and as much of the group that it is compared with.
        both = row["value"] + row["reference_value"]
        own = line.get((row["dimension"], row["group"]))
        for group, ends in (("group", (low, high)), ("reference", (both - high, both - low))):
            at = line.get((row["dimension"], row[group]))
            for end, way in zip(ends, (-1.0, 1.0), strict=True):
                if own is None or not math.isfinite(end):
                    continue
                told = way * (above - end * below)
                if at is not None:
                    said.verdicts.setdefault(at, []).append((told, below))
                elif row[group] == EVERYWHERE:
                    said.beside.append((own, told, below))


def _mark_for_need(whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mark those selected, of whom as many are due as there is need, and those with the need."""
    chosen, due = mark_kinds("selected"), mark_kinds("outcome", "decided")
    return chosen * float(whole @ due) / max(float(whole @ chosen), 1.0), due


def _find_ends(row: Mapping[str, Any]) -> tuple[float, float]:
    """Find the figures between which the verdict says that the exact one lies."""
    low, high, limit, beside = (
        float(row[k]) for k in ("gap_low", "gap_high", "limit", "reference_value")
    )
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(limit)):
        return -math.inf, math.inf
    gap = float(row["gap"])
    down, up = gap - low, high - gap
    # What is within follows from the gap's own interval, which is no wider.
    own = gap - float(row["alone_low"]), float(row["alone_high"]) - gap
    inside = (beside - limit + own[0], beside + limit - own[1])
    if row["status"] == Status.PASS.value:
        return inside
    beyond = (beside - limit - up, beside + limit + down)
    over = gap > 0
    if row["status"] == Status.FAIL.value:
        return (beyond[1], math.inf) if over else (-math.inf, beyond[0])
    if inside[0] > inside[1]:
        return beyond
    return (inside[1], beyond[1]) if over else (beyond[0], inside[0])


def find_ranges(views: Sequence[GroupTable], facts: AuditData, steps: Lines) -> Ranges:
    """Find the ranges that the figures of each group are said in.

    Parameters
    ----------
    views, facts
        As for `choose_steps`.
    steps : mapping of (str, str) to float
        What it returned.

    Returns
    -------
    dict
        By dimension and group of those that are said in ranges, by metric: the smallest and
        the largest figure. Shares over need follow from the ranges of what was selected and what
        came to pass; one that is not bounded is not there, nor are figures of scores.
    """
    names, rates, found = facts.cells.names, _find_rates(facts), Ranges()
    if not steps:
        return found
    said = list_said(views, facts)
    _bound_whole(said, facts.least)
    sums = facts.cells.values.sum(axis=0)
    lines = np.concatenate([view.weights.T @ sums for view in views])
    above, below = _mark_for_need(said.counts.sum(axis=0))
    scale = float(above.max() / below.max())
    for key, counts, totals in zip(said.keys, said.parts @ said.counts, lines, strict=True):
        step = steps.get(key, 0.0)
        if step == FEWER:
            found[key] = _find_whole(said, rates)
        if not 0 < step < FEWER:
            continue
        own: dict[str, tuple[float, float]] = {}
        for name, metric in rates.items():
            above, below = mark_rate(rates.get(metric.complement, metric))
            if counts @ below > 0:
                low, high = find_range(float(counts @ above / (counts @ below)), step)
                own[name] = (1 - high, 1 - low) if metric.complement else (low, high)
        known = dict(zip(names, totals.tolist(), strict=True))
        if own.get("base_rate", (0.0,))[0] > 0 and "selected_due" in known:
            own |= _find_over_need(own, known, scale)
        found[key] = own
    return found


def _find_whole(said: Reader, rates: Mapping[str, Metric]) -> dict[str, tuple[float, float]]:
    """Find the ranges of a whole that is small itself: what follows from what is said of it."""
    (whole,) = said.whole.values()
    ends = {name: whole.find_rate(*mark_rate(metric)) for name, metric in rates.items()}
    return {name: end for name, end in ends.items() if end is not None}


def _find_over_need(
    own: Mapping[str, tuple[float, float]], known: Mapping[str, float], scale: float
) -> dict[str, tuple[float, float]]:
    """Divide what a group receives by the range of its need; what is selected is a range too."""
    least, most = own["base_rate"]
    few, many = (scale * end for end in own["selection_rate"])
    exposure = known["exposure_due"] / known["n"]
    ends = {
        OVER_NEED[0]: (few / most, many / least),
        OVER_NEED[1]: (exposure / most, exposure / least),
    }
    return {
        name: (math.floor(low * 100) / 100, math.ceil(high * 100) / 100)
        for name, (low, high) in ends.items()
    }


def _choose_line(said: Reader, secret: Secret, least: float) -> int | None:
    """Choose the line to coarsen next, or none once the count is open, or nothing can open it.

    What is lost grows with the square of the step, and with the people whose rate is blurred: the
    variance of rounding (step^2 / 12) beside that of the rate itself.
    """
    width, bears = said.find_width(secret, least)
    if width >= least - SLACK:
        return None
    steps = np.array([0.0, *STEPS, 2 * STEPS[-1], math.inf])
    now, then = steps[said.level], steps[np.minimum(said.level + 1, NOT_SAID)]
    # What is said of the whole is fixed: exactly, or what its own small counts allow.
    several = np.array([key != WHOLE for key in said.keys])
    bearing = several & (said.level < NOT_SAID) & (bears > SLACK)
    if not bearing.any():
        return None
    gain = np.minimum(bears * (then - now), least - width)
    lost = np.maximum((then**2 - now**2) * said.people, SLACK)
    return int(np.argmax(np.where(bearing, gain / lost, -1.0)))


def _refine(said: Reader, secrets: Sequence[Secret], lines: np.ndarray, least: float) -> None:
    """Say lines more finely where that leaves open all that is open now, the largest first."""
    if not secrets:
        return
    need = [min(width, least) for width, _ in said.find_widths(secrets, least)]
    for line in lines[np.argsort(-said.people[lines], kind="stable")].tolist():
        while said.level[line] > EXACT:
            said.level[line] -= 1
            widths = (width for width, _ in said.find_widths(secrets, least))
            if any(width < asked - SLACK for width, asked in zip(widths, need, strict=True)):
                said.level[line] += 1
                break
