"""What is otherwise in a card's evaluations: what was announced, and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cityai.card.impact_words import ANNOUNCED, name_impact
from cityai.card.numbers import write_gap, write_interval
from cityai.card.record import CardRecord
from cityai.card.record.described import Change
from cityai.card.record.impact import ImpactFound, ImpactPart
from cityai.i18n.messages import join, say, write_day

FOUND: Final = "found.word"


def list_evaluations(card: CardRecord) -> dict[str, tuple[str, str]]:
    """List what a card says of each evaluation, by place in the record."""
    return {
        f"impacts {part.name} {field}": (
            join(", ", (join("", ("“", part.question, "”")), subject)),
            said,
        )
        for part in card.impacts
        for field, subject, said in _list_facts(part)
    }


def is_found(change: Change) -> bool:
    """Whether a change is of what an evaluation found: it is told beside the card's own word."""
    return change.kind == "evaluation" and change.path.endswith(f" {FOUND}")


def _list_facts(part: ImpactPart) -> Iterator[tuple[str, str, str]]:
    """Yield a field, its name in words, and what it says."""
    found = part.found
    yield FOUND, say("what was found"), _name_found(part, found)
    if found is not None:
        yield "found.effect", say("change of “{label}”", label=part.label), _write(part, found)
    plan = say("sealed on {day}, {seal}", day=write_day(part.sealed_on), seal=part.seal[:12])
    yield "seal", say("plan"), plan
    yield "smallest", say("smallest change worth having"), write_gap(part.smallest, part.unit)
    days = say("{first} to {last}", first=write_day(part.starts), last=write_day(part.last_day))
    yield "starts", say("time of its lists"), days
    yield "others", say("analyses made after seeing the data"), str(part.others)


def _name_found(part: ImpactPart, found: ImpactFound | None) -> str:
    if found is None:
        return ANNOUNCED.format(day=write_day(part.mature))
    return name_impact(found.judged, uneven=found.uneven)


def _write(part: ImpactPart, found: ImpactFound) -> str:
    effect = found.effect
    if effect.value is None:
        return say("not known")
    interval = write_interval(effect.low, effect.high, part.unit, gap=True)
    return join("", (write_gap(effect.value, part.unit), " (", interval, ")"))
