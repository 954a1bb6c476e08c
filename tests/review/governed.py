"""Cards that tell of evaluations: planted in a published one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cityai.card.record import CardRecord, seal_record, write_lines
from cityai.card.record.impact import ImpactEffect, ImpactFound, ImpactPart
from cityai.card.verify import read_record
from tests.review.conftest import Place

TODAY = datetime.now(UTC).date()
HARM = {"word": "not worth it", "direction": "harmful"}
OPEN = {"word": "cannot tell", "direction": "open"}
HELP = {"word": "worth it", "direction": "helps"}
DECIDER = "board"


def make_part(
    name: str = "visits",
    found: dict[str, Any] | None = None,
    mature: date = TODAY,
    **more: object,
) -> ImpactPart:
    """What a card tells of an evaluation: before its analysis, or what that found."""
    effect = ImpactEffect(value=0.1, low=0.05, high=0.15, n=200)
    told = None
    if found:
        told = ImpactFound(
            analysed_on=mature, same_code=True, weeks=4, more_weeks=None, effect=effect,
            treated=effect, groups=(), followed=(), looked=(), digest=f"{name}-1", **found,
        )  # fmt: skip
    start = mature - timedelta(days=60)
    asked = {
        "name": name, "question": "Does it help?", "label": "a violation", "better": "lower",
        "design": "lottery", "unit": "share", "smallest": -0.05, "who_decides": DECIDER,
        "sealed_on": start, "seal": f"{name:0<64}", "starts": start, "ends": start,
        "mature": mature,
        "others": 0, "found": told, "in_words": ("We tried.",), **more,
    }  # fmt: skip
    return ImpactPart.model_validate(asked)


def tell_impacts(record: CardRecord, *parts: ImpactPart) -> CardRecord:
    return record.model_copy(update={"impacts": parts})


def plant_impacts(place: Place, *parts: ImpactPart) -> None:
    """Publish the card again, with what it tells of evaluations."""
    path = place.card / "card.json"
    record = read_record(path.read_bytes())
    sealed = seal_record(tell_impacts(record, *parts))
    path.write_text(write_lines(sealed), "utf-8")
    for page in place.card.glob("card*.[hm]*"):
        before, after = record.record.content_digest, sealed.record.content_digest
        page.write_text(page.read_text("utf-8").replace(before, after), "utf-8")
