"""How often each group was looked at, which decides what is found there."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.draft.values import TOO_FEW, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.record.ranked import AttentionResult
from cityai.card.words import PAIR, write_interval, write_number
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.card.draft.subject import Subject

NOTABLE: Final = 1.25
"""Times as often as the average from which on it is said that a group was looked at more."""


def make_attention(
    row: Mapping[Hashable, Any],
    least: int,
    withheld: Withheld,
    told: Mapping[str, str],
) -> AttentionResult:
    """Return how often one group was looked at."""
    dimension, group = str(row["dimension"]), str(row["group"])
    cases, entities = as_number(row["cases"]) or 0.0, as_number(row["entities"]) or 0.0
    few = withheld.veils(dimension, group) or entities < least
    base_rate = as_number(row["base_rate"])
    yes = cases * (base_rate or 0.0)
    rare = few or base_rate is None or min(yes, cases - yes) < least
    names = ("cases_per_entity", "ratio", "ratio_low", "ratio_high")
    figures = {name: None if few else round_figure(row[name], "ratio", entities) for name in names}
    status = "suppressed" if few else told.get(f"{dimension}={group}", "not applicable")
    return AttentionResult(
        dimension=dimension,
        group=group,
        cases=None if few else round_people(cases),
        entities=None if few else round_people(entities),
        base_rate=None if rare else round_figure(base_rate, "share", cases),
        status=status,  # type: ignore[arg-type]
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
    )


def describe_attention(
    results: Sequence[AttentionResult], subject: Subject, unit: str, labels: Mapping[str, str]
) -> tuple[str, ...]:
    """Say which groups were looked at more often, and what that means for what is found."""
    more = [
        r for r in results if r.ratio is not None and r.ratio > NOTABLE and PAIR not in r.dimension
    ]
    if not results:
        return ()
    said = [
        say(
            "What is found depends on who was looked at: the more {unit} in a group of "
            "{entities}, the more is found there, whether or not there is more to find.",
            unit=unit,
            entities=subject.entities,
        )
    ]
    for r in sorted(more, key=lambda r: -(r.ratio or 0))[:3]:
        times = write_number(r.ratio, "ratio")
        if r.ratio_low is not None:
            times = say(
                "{times} times ({ratio_low})",
                times=times,
                ratio_low=write_interval(r.ratio_low, r.ratio_high, "ratio"),
            )
        else:
            times = say("{times} times", times=times)
        said.append(
            say(
                "{label}: “{group}” was looked at {times} as often as the average; there "
                "{base_rate} of the {unit} had the outcome.",
                label=labels.get(r.dimension, r.dimension),
                group=r.group,
                times=times,
                base_rate=write_number(r.base_rate, "share"),
                unit=unit,
            )
        )
    return tuple(said)
