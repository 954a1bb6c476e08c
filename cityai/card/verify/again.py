"""The record that was published beside the one that the same functions give now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cityai.card.draft.verdict import draft_verdict
from cityai.card.record import CardRecord, digest_facts, is_written_so
from cityai.findings import Finding, Status
from cityai.i18n.stored import list_plain

NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is printed otherwise than it comes out."""

    path: str
    """Where it stands in the record: ``fairness.results[3].gap_low``."""
    printed: str
    counted: str
    """What the record says, and what came out again."""


def check_again(record: CardRecord, again: CardRecord) -> Finding:
    """Hold every value of a record against the record made again from what was saved.

    Intervals, verdicts, sentences, the data's quality, explanations and options come through the
    same functions as the first time; figures alone are counted independently (`claims`).
    """
    title, code = "Every value follows from what was saved", "card.record"
    printed, counted = (r.model_dump(mode="json") for r in (record, again))
    if record.record.schema_version != again.record.schema_version:  # texts were plain
        printed, counted = list_plain(printed), list_plain(counted)
    for facts in (printed, counted):
        del facts["record"]["content_digest"], facts["record"]["schema_version"]
    first = next(list_differences(printed, counted), None)
    if first is not None:
        reason = (
            f"{first.path} is printed as {first.printed}, what was saved gives {first.counted}."
        )
        return Finding(code, Status.FAIL, title, reason, subject=first.path)
    values = list(_list_values(printed))
    numbers = sum(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    reason = f"{numbers:,} numbers and {len(values) - numbers:,} other values came out the same."
    return Finding(code, Status.PASS, title, reason)


def check_earlier(record: CardRecord, content: bytes) -> Finding:
    """Hold the record of the run before against what the card says of it.

    Parameters
    ----------
    record : CardRecord
        As published.
    content : bytes
        JSON of the record that was kept, of any version; empty where there is none.
    """
    title, code = "The card before is the one that this was compared with", "card.earlier"
    if not content and record.changes is None:
        return Finding(code, Status.NOT_APPLICABLE, title, "This is the first card.")
    if not content or record.changes is None:
        where = "where it was kept" if record.changes else "on the card"
        return Finding(code, Status.FAIL, title, f"It is missing {where}.")
    try:
        facts = json.loads(content)
        told = facts["record"]["content_digest"]
        sealed = told == digest_facts(facts) and is_written_so(content, facts)
    except (ValueError, LookupError, TypeError, AttributeError):
        return Finding(code, Status.FAIL, title, "The record before is damaged.")
    if not sealed or told != record.changes.content_digest:
        reason = "The record before was changed, or is another card's."
        return Finding(code, Status.FAIL, title, reason)
    return Finding(code, Status.PASS, title, f"Its content gives {told[:12]}, as the card says.")


def list_differences(printed: Any, counted: Any, path: str = "") -> Iterator[Difference]:
    """List where two values of JSON differ, in the order of the first."""
    if isinstance(printed, dict) and isinstance(counted, dict):
        for key in (*printed, *(k for k in counted if k not in printed)):
            where = f"{path}.{key}" if path else str(key)
            if key in printed and key in counted:
                yield from list_differences(printed[key], counted[key], where)
            else:
                yield Difference(where, _show(printed.get(key)), _show(counted.get(key)))
    elif isinstance(printed, list) and isinstance(counted, list):
        for i in range(max(len(printed), len(counted))):
            old, new = (side[i] if i < len(side) else None for side in (printed, counted))
            yield from list_differences(old, new, f"{path}[{i}]")
    elif printed != counted or type(printed) is not type(counted):
        yield Difference(path, _show(printed), _show(counted))


def _list_values(facts: Any) -> Iterator[Any]:
    if isinstance(facts, dict | list):
        for value in facts.values() if isinstance(facts, dict) else facts:
            yield from _list_values(value)
    else:
        yield facts


def _show(value: Any) -> str:
    if value is None:
        return NOTHING
    text = str(value) if not isinstance(value, str) else f"'{value}'"
    return text if len(text) <= 60 else f"{text[:57]}..."


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
