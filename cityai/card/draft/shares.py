"""Who explains the gain of the score in use today: parts of all visits, by each way's own order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from cityai.assessment.spending import CHANCE, SHARES
from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.numbers import write_even, write_interval
from cityai.card.record.ranked import WorthShare, WorthWay
from cityai.columns import AVERAGE_BY, BASELINE, CITY_SCORE, FORECAST
from cityai.disclosure.primary_suppression import is_few
from cityai.i18n.messages import capitalize, join, say, write

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts

SCORE: Final = f"{BASELINE}{CITY_SCORE}"


def list_shares(
    ways: Sequence[WorthWay], facts: CardFacts
) -> tuple[tuple[WorthShare, ...], float | None]:
    """List what each way finds with a quarter and a half of the visits, and of how many cases."""
    table = facts.evaluation.shares
    if table is None or table.empty:
        return (), None
    named = {way.way: way for way in ways}
    if FORECAST in named and named[FORECAST].reached is None:
        return (), None  # lists of other sizes hold the forecast's own, or lie in it
    counts = table.assign(missed=table["need"] - table["reached"])
    counts["vain"] = counts["spent"] - counts["reached"]
    counts["passed"] = counts["n"] - counts["spent"] - counts["missed"]
    held = counts[["reached", "missed", "vain", "passed"]].to_numpy().round(9)
    few = np.asarray(is_few(held, facts.spec.policy.small_cell).any(axis=1))
    rows = table.assign(few=few).set_index(["way", "share"])
    found = []
    for way in dict.fromkeys(w for w in table["way"] if w in named):
        ends = [rows.loc[(way, share)] for share in SHARES]
        quarter, half = (
            None
            if end["few"]
            else round_figure(end["reached"] / end["need"], "share", min(end["spent"], end["need"]))
            for end in ends
        )
        part = named[way]
        found.append(
            WorthShare(way=way, label=part.label, role=part.role, quarter=quarter, half=half)
        )
    found.sort(key=lambda share: (-(share.half or 0.0), share.way))
    return tuple(found), float(round_people(table["n"].iloc[0]))


def tell_shares(shares: Sequence[WorthShare], count: float | None, facts: CardFacts) -> list[str]:
    """Say who explains what the score in use gains over chance, and what each way finds."""
    by = {s.way: s for s in shares if s.quarter is not None and s.half is not None}
    score, chance, own = by.get(SCORE), by.get(CHANCE), by.get(FORECAST)
    if score is None or chance is None or own is None:
        return []
    rules = [s for s in by.values() if s.role == "rule"]
    best = max(rules, key=lambda s: (s.half or 0.0, s.quarter or 0.0, s.way), default=None)
    listed = [s for s in (own, score, best, chance) if s is not None]
    figures = write_even([x for s in listed for x in (s.quarter, s.half)], "share")
    pairs = zip(figures[::2], figures[1::2], strict=True)
    found = [join(" ", (s.label, join(" / ", p))) for s, p in zip(listed, pairs, strict=True)]
    told = say(
        "Of the {count} {unit} that have the city's own score, a quarter / a half of the visits "
        "find of all true cases: {found}.",
        count=write(count or 0.0, ",.0f"),
        unit=facts.spec.unit,
        found=join(", ", found),
    )
    return [told] if best is None else [_explain(score, best, chance, facts), told]


def _explain(score: WorthShare, rule: WorthShare, chance: WorthShare, facts: CardFacts) -> str:
    """Say how much of the score's gain over chance one simple rule gains alone."""
    quarter = _find_part(score.quarter, rule.quarter, chance.quarter)
    half = _find_part(score.half, rule.half, chance.half)
    if quarter is None or half is None:
        return say("In this test, {model} gains nothing over chance.", model=score.label)
    part = write_interval(round(min(quarter, half), 2), round(max(quarter, half), 2), "share")
    fact = name_fact(rule.way, facts)
    if fact:
        return say(
            "Knowing {fact}, and nothing else, gives {part} of what the city's own score gains "
            "over chance.",
            fact=fact,
            part=part,
        )
    return say(
        "{rule} alone gives {part} of what the city's own score gains over chance.",
        rule=capitalize(rule.label),
        part=part,
    )


def _find_part(score: float | None, rule: float | None, chance: float | None) -> float | None:
    """Return the part of a gain that a rule has too, from none to all of it."""
    gain = (score or 0.0) - (chance or 0.0)
    if gain <= 0:
        return None
    return min(max((rule or 0.0) - (chance or 0.0), 0.0) / gain, 1.0)


def name_fact(way: str, facts: CardFacts) -> str:
    """Return the one fact that an average knows; nothing for other rules."""
    column = way.removeprefix(BASELINE)
    if not column.startswith(AVERAGE_BY):
        return ""
    column = column.removeprefix(AVERAGE_BY)
    declared = facts.spec.contract.get(column)
    return (declared.label if declared else "") or column.replace("_", " ")
