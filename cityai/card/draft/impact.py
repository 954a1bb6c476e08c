"""What acting on it changed: the planned analysis, rounded, and what the city decided on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.impact_words import PROBED_WORDS
from cityai.card.numbers import write_gap, write_interval
from cityai.card.record.impact import (
    ImpactEffect,
    ImpactFollowed,
    ImpactFound,
    ImpactGroup,
    ImpactLooked,
    ImpactPart,
)
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import say, say_n, write_day

if TYPE_CHECKING:
    from cityai.impact.analysis import Analysis, Impact, Sealed
    from cityai.impact.records import Effect

TOLD: Final = {
    "worth it": say(
        "Worth it: “{label}” changed by {effect} ({interval}) where chance chose. A "
        "change of {smallest} or better was wanted."
    ),
    "not worth it": say(
        "Not worth it: “{label}” changed by {effect} ({interval}) where chance chose. A "
        "change of {smallest} or better was wanted."
    ),
    "cannot tell": say(
        "We cannot tell: “{label}” changed by {effect} ({interval}) where chance chose. A "
        "change of {smallest} or better was wanted."
    ),
}
AT_CUT: Final = {
    "worth it": say(
        "Worth it: “{label}” changed by {effect} ({interval}) at the cut-off, between the last who "
        "are served and the first who are not. A change of {smallest} or better was wanted."
    ),
    "not worth it": say(
        "Not worth it: “{label}” changed by {effect} ({interval}) at the cut-off, between the last "
        "who are served and the first who are not. A change of {smallest} or better was wanted."
    ),
    "cannot tell": say(
        "We cannot tell: “{label}” changed by {effect} ({interval}) at the cut-off, between the "
        "last who are served and the first who are not. A change of {smallest} or better was "
        "wanted."
    ),
}
HARM: Final = say("It does harm: “{label}” changed by {effect} ({interval}) where chance chose.")
NOTHING: Final = {
    "probe": say(
        "We cannot tell what it changed: a random probe tells what is there where nobody looks, "
        "and no more."
    ),
    "discontinuity": say(
        "We cannot tell what it changed: too few are known on a side of the cut-off, or the "
        "outcome was the same for everybody."
    ),
    "before after": say(
        "We cannot tell what it changed: a change from before to after may be a trend, a season, "
        "or chance."
    ),
    "synthetic": say(
        "We cannot tell what it changed: outcomes are missing, or too few places show how far such "
        "a comparison strays."
    ),
    "interrupted": say(
        "We cannot tell what it changed: outcomes are missing, or the past is too short to show "
        "how far such a comparison strays."
    ),
    "unknown": say(
        "We cannot tell what it changed: on no list are outcomes known both of some who were "
        "served and of some who waited."
    ),
    "same": say(
        "We cannot tell what it changed: of too few the outcome is known, or it was the same for "
        "everybody."
    ),
}
UNDEFINED: Final = "too few outcomes are known, nothing varies, or too few followed"
"""Why an effect is not known; numbers of few stay where the analysis is kept."""
HARM_AT_CUT: Final = say(
    "It does harm: “{label}” changed by {effect} ({interval}) at the cut-off, between the last who "
    "are served and the first who are not."
)
LIMIT_AT_CUT: Final = say(
    "This holds for those at the cut-off. Of those far above or below it, it says nothing."
)
UNEVEN: Final = say(
    "Outcomes are missing more often on one side of the draw than on the other: the change may "
    "only be one of who was measured."
)
UNEVEN_AT_CUT: Final = say(
    "Outcomes are missing more often on one side of the cut-off than on the other: the change may "
    "only be one of who was measured."
)
EXPECTED: Final = {
    "worth it": say(
        "Worth it: “{label}” changed by {effect} ({interval}) against what was to be expected "
        "without it. A change of {smallest} or better was wanted."
    ),
    "not worth it": say(
        "Not worth it: “{label}” changed by {effect} ({interval}) against what was to be expected "
        "without it. A change of {smallest} or better was wanted."
    ),
    "cannot tell": say(
        "We cannot tell: “{label}” changed by {effect} ({interval}) against what was to be "
        "expected without it. A change of {smallest} or better was wanted."
    ),
}
HARM_EXPECTED: Final = say(
    "It does harm: “{label}” changed by {effect} ({interval}) against what was to be expected "
    "without it."
)
LIMIT_MIXED: Final = say(
    "What was to be expected is a mixture of other places that were alike before. What else "
    "changed only here is part of the change."
)
LIMIT_LEVEL: Final = say(
    "What was to be expected is the level before. Whatever else changed at that time is part of "
    "the change."
)
CHANCE: Final = (TOLD, HARM, UNEVEN, None)
WORDS: Final = {
    "discontinuity": (AT_CUT, HARM_AT_CUT, UNEVEN_AT_CUT, LIMIT_AT_CUT),
    "synthetic": (EXPECTED, HARM_EXPECTED, None, LIMIT_MIXED),
    "interrupted": (EXPECTED, HARM_EXPECTED, None, LIMIT_LEVEL),
    "before after": (EXPECTED, HARM_EXPECTED, None, None),
}
"""Of a design without lots: verdicts, harm, a loss that differs, and what it does not say."""


def draft_impact(impact: Impact) -> ImpactPart:
    """Draft what was announced, found and decided by one evaluation."""
    sealed = impact.sealed
    unit = "share" if sealed.is_share else ""
    found = _draft_found(impact.analysis, unit, sealed.design) if impact.analysis else None
    return ImpactPart(
        name=sealed.name,
        question=sealed.question,
        label=sealed.label,
        better=sealed.better,  # type: ignore[arg-type]
        design=sealed.design,
        unit=unit,
        smallest=sealed.smallest,
        who_decides=sealed.who_decides,
        sealed_on=date.fromisoformat(sealed.sealed_on),
        seal=sealed.seal,
        source=sealed.source,
        drawn=sealed.drawn,
        lots_from=sealed.lots_from if sealed.draws else "",
        starts=date.fromisoformat(sealed.starts),
        ends=date.fromisoformat(sealed.ends),
        mature=date.fromisoformat(sealed.mature),
        others=impact.others,
        found=found,
        in_words=tuple(_tell(sealed, found, unit)),
    )


def _draft_found(made: Analysis, unit: str, design: str) -> ImpactFound:
    from cityai.impact.difference_in_means import attrition_differs

    more, arms = made.verdict.more_periods, made.rows.groupby("arm")["value"]
    rows, known = arms.size().tolist(), int(arms.count().sum())
    lost, widths = (arms.size() - arms.count()).tolist(), made.effect.widths
    if "lost" in made.rows:  # a row is of several cases
        held = made.rows.groupby("arm")[["cases", "lost"]].sum().round().astype(int)
        lost, rows = held["lost"].tolist(), held.sum(axis=1).tolist()
        known = int(held["cases"].sum())
    told = WORDS.get(design, CHANCE)[2] is not None and len(rows) == 2
    groups = [
        ImpactGroup(
            dimension=one.dimension,
            group=one.group,
            effect=None if one.effect is None else _draft_effect(one.effect, unit),
        )
        for one in made.groups
    ]
    followed = [
        ImpactFollowed(
            dimension=str(name),
            group=str(group),
            arm=str(arm),
            followed=round_figure(share, "share", float(n)) if n >= 0 else None,
        )
        for name, group, arm, n, share in made.followed.itertuples(index=False, name=None)
    ]
    return ImpactFound(
        analysed_on=date.fromisoformat(made.analysed_on),
        same_code=made.same_code,
        weeks=made.weeks,
        known=round_figure(known / sum(rows), "share", float(sum(rows))) if rows else None,
        uneven=told and attrition_differs(lost, rows),
        word=str(made.verdict.word),  # type: ignore[arg-type]
        direction=str(made.verdict.direction),  # type: ignore[arg-type]
        more_weeks=more if math.isfinite(more) and more > 0 else None,
        effect=_draft_effect(made.effect, unit),
        treated=_draft_effect(made.treated, unit),
        groups=tuple(groups),
        followed=tuple(followed),
        looked=tuple(_list_looked(made.probe)),
        digest=made.digest(),
        within=float(f"{widths[0]:.2g}") if widths else None,
        places=made.rows["unit"].nunique() if "period" in made.rows else None,
    )


def _list_looked(probe: pd.DataFrame) -> Iterator[ImpactLooked]:
    columns = ["dimension", "group", "metric", "value", "low", "high", "looks", "reason"]
    shown = probe[probe["metric"].isin(PROBED_WORDS)][columns] if len(probe) else probe
    for name, group, metric, *ends, looks, reason in shown.itertuples(index=False, name=None):
        value, low, high = (None if reason else round_figure(x, "share", looks) for x in ends)
        yield ImpactLooked(
            dimension="" if name == EVERYWHERE else name,
            group=group,
            metric=metric,
            value=value,
            low=low,
            high=high,
        )


def _draft_effect(effect: Effect, unit: str) -> ImpactEffect:
    ends = (effect.estimate, effect.low, effect.high)
    value, low, high = (round_figure(x, unit or "amount", float(effect.n)) for x in ends)
    # What a design does not estimate says so, and no numbers of few.
    undefined = effect.reason if effect.method == "none" else UNDEFINED
    n, reason = round_people(effect.n), "" if effect.known else undefined
    return ImpactEffect(value=value, low=low, high=high, n=n, reason=reason)


def _tell_draw(sealed: Sealed) -> Iterator[str]:
    """Say what lots follow from, and who could have chosen among draws."""
    if not sealed.draws:
        return
    if not sealed.source:
        yield say(
            "Lots follow from the sealed plan alone: whoever sealed it could have chosen among "
            "draws."
        )
    elif sealed.drawn:
        yield say(
            "Lots follow from the sealed plan and from what came after it, which nobody could "
            "choose: {source} ({drawn}).",
            source=sealed.source,
            drawn=sealed.drawn,
        )


def _tell(sealed: Sealed, found: ImpactFound | None, unit: str) -> Iterator[str]:
    on, until = (date.fromisoformat(day) for day in (sealed.sealed_on, sealed.mature))
    if found is None:
        yield say(
            "A test of whether it changes anything was announced on {day}; what it found is known "
            "from {until} on.",
            day=write_day(on),
            until=write_day(until),
        )
        yield from _tell_draw(sealed)
        return
    verdicts, harm, uneven, limit = WORDS.get(sealed.design, CHANCE)
    if found.effect.value is None or found.effect.low is None:
        none = "same" if found.effect.n else "unknown"
        yield NOTHING.get(sealed.design, NOTHING[none])
    else:
        yield (harm if found.direction == "harmful" else verdicts[found.word]).format(
            label=sealed.label,
            effect=write_gap(found.effect.value, unit),
            interval=write_interval(found.effect.low, found.effect.high, unit, gap=True),
            smallest=write_gap(sealed.smallest, unit),
        )
        if limit is not None:
            yield limit
    if found.more_weeks:
        weeks = round(found.more_weeks)
        yield say_n(
            "About {n} more week would settle it.", "About {n} more weeks would settle it.", weeks
        )
    elif found.word == "cannot tell" and found.effect.low is not None:
        yield say("More weeks like these would not settle it.")
    if found.uneven and uneven is not None:
        yield uneven
    if found.weeks < sealed.weeks and found.places:
        yield say_n(
            "Outcomes are known of {n} of {planned} announced week.",
            "Outcomes are known of {n} of {planned} announced weeks.",
            found.weeks,
            planned=sealed.weeks,
        )
    elif found.weeks < sealed.weeks:
        yield say_n(
            "Lists were drawn in {n} of {planned} announced week.",
            "Lists were drawn in {n} of {planned} announced weeks.",
            found.weeks,
            planned=sealed.weeks,
        )
    yield say("Announced before: sealed on {day}.", day=write_day(on))
    yield from _tell_draw(sealed)
