"""The verdict, drafted again from the record's other parts."""

from __future__ import annotations

from cityai.card.draft.verdict import draft_verdict
from cityai.card.record import CardRecord
from cityai.card.verify.again import list_differences
from cityai.findings import Finding, Status


def check_verdict(record: CardRecord) -> Finding:
    """Hold a card's verdict against the one that its other parts and its rules give."""
    title, code = "The verdict follows from the card and its rules", "card.verdict"
    if record.verdict is None:
        return Finding(code, Status.NOT_APPLICABLE, title, "The card is older than verdicts.")
    again = draft_verdict(record, record.verdict.rules)
    printed, counted = (part.model_dump(mode="json") for part in (record.verdict, again))
    first = next(list_differences(printed, counted, "verdict"), None)
    if first is not None:
        reason = f"{first.path} is {first.printed}, the other parts give {first.counted}."
        return Finding(code, Status.FAIL, title, reason, subject=first.path)
    why = f"the rule {again.rule} decides" if again.rule else "every rule is met"
    return Finding(code, Status.PASS, title, f"It is “{again.word}” again: {why}.")
