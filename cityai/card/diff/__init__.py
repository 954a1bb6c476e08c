"""Two cards of one system, side by side: what is otherwise, and whether it is more than noise."""

from __future__ import annotations

import json
from collections import Counter

from pydantic import ValidationError

from cityai.card.diff.evaluations import is_found
from cityai.card.diff.facts import compare_facts, compare_words
from cityai.card.diff.figures import compare_figures, have_same_rows
from cityai.card.record import CardRecord, seal_record
from cityai.card.record.described import Change, ChangeKind, ChangesPart
from cityai.i18n.messages import join, say, say_n

PAIRED = say(
    "Both cards were tested on the same rows. A figure's change is judged by its change in every "
    "replay, with intervals that hold for all groups of a dimension together."
)
APART = say(
    "The cards were tested on different rows. A figure's change counts as more than noise only "
    "where the two intervals do not overlap; for gaps between groups these hold for all groups "
    "of a dimension together."
)
TWO_SYSTEMS = say(
    "These are cards of two systems, '{before}' and '{after}': that a figure is otherwise is no "
    "change of either."
)
UNREADABLE = say(
    "The card before this one cannot be compared: it is of another version ({version})."
)


def compare_cards(before: CardRecord, after: CardRecord) -> ChangesPart:
    """Compare two cards.

    Parameters
    ----------
    before, after : CardRecord
        Of the same system, or of two that answer one question.

    Returns
    -------
    ChangesPart
        The word on the first screen, then figures (those beyond chance before the others), then
        evaluations, verdicts, findings, gaps, data, model, specification and what people wrote.
        The same cards give the same list.
    """
    same = have_same_rows(before, after)
    items = (
        *compare_words(before, after),
        *compare_figures(before, after, same_rows=same),
        *compare_facts(before, after),
    )
    return ChangesPart(
        since=before.record.created,
        run_digest=before.provenance.run_digest,
        content_digest=before.record.content_digest,
        same_rows=same,
        note=PAIRED if same else APART,
        items=items,
        in_words=(*_tell_systems(before, after), *count_changes(items)),
    )


def _tell_systems(before: CardRecord, after: CardRecord) -> tuple[str, ...]:
    """Say so where the cards are of two systems."""
    names = before.record.id, after.record.id
    if names[0] == names[1]:
        return ()
    return (TWO_SYSTEMS.format(before=names[0], after=names[1]),)


def add_changes(record: CardRecord, earlier: str) -> CardRecord:
    """Return a record with what changed since an earlier one, sealed again.

    Parameters
    ----------
    record : CardRecord
        As drafted.
    earlier : str
        JSON of the earlier record, as it is kept privately; empty without one.
    """
    if not earlier:
        unchanged = record.changes is None
        return seal_record(record if unchanged else record.model_copy(update={"changes": None}))
    try:
        before = CardRecord.model_validate_json(earlier)
        record = _withhold_small_changes(before, record)
        part = compare_cards(before, record)
    except ValidationError:
        part = _refuse(earlier)
    return seal_record(record.model_copy(update={"changes": part}))


def _withhold_small_changes(before: CardRecord, after: CardRecord) -> CardRecord:
    """Leave out totals of a period that differ from the card before by too few to show.

    Rows that were known late are as few people as any others. Sizes of areas and groups, and of
    the whole, are rounded on every card, so that differences of them tell no small count.
    """
    least = after.fairness.min_group_size
    old = {p.period_start: p.rows for part in before.data for p in part.by_period}
    data = tuple(
        part.model_copy(
            update={
                "by_period": tuple(
                    p.model_copy(update={"rows": None, "reporting": None})
                    if _differs_little(old.get(p.period_start), p.rows, least)
                    else p
                    for p in part.by_period
                )
            }
        )
        for part in after.data
    )
    totals = {p.period_start: p.actual for p in before.eval.series}
    series = tuple(
        p.model_copy(update={"actual": None})
        if _differs_little(totals.get(p.period_start), p.actual, least)
        else p
        for p in after.eval.series
    )
    evaluated = after.eval.model_copy(update={"series": series})
    return after.model_copy(update={"data": data, "eval": evaluated})


def _differs_little(before: float | None, after: float | None, least: float) -> bool:
    if before is None or after is None or not float(before + after).is_integer():
        return False
    return 0 < abs(after - before) < least


def count_changes(items: tuple[Change, ...]) -> tuple[str, ...]:
    """Say how much changed, and how much of it is more than noise."""
    if not items:
        return (say("Nothing that the card says has changed."),)
    weights = Counter(item.weight for item in items if item.kind == "figure")
    said = [item.sentence for item in items if item.kind == "word" or is_found(item)]
    if total := sum(weights.values()):
        said.append(
            say_n(
                "{n:,} figure changed: {beyondchance} by more than chance explains, "
                "{maybechance} by no more than chance may, {cannotbetold} of which this "
                "cannot be told.",
                "{n:,} figures changed: {beyondchance} by more than chance explains, "
                "{maybechance} by no more than chance may, {cannotbetold} of which this "
                "cannot be told.",
                total,
                beyondchance=weights["beyond chance"],
                maybechance=weights["may be chance"],
                cannotbetold=weights["cannot be told"],
            )
        )
    kinds = Counter(item.kind for item in items if item.kind not in {"word", "figure"})
    if kinds:
        named = join(", ", (_count(n, kind) for kind, n in kinds.items()))
        said.append(say("Other changes: {named}.", named=named))
    return tuple(said)


def _count(n: int, kind: ChangeKind) -> str:
    """Count changes of one kind: ``3 verdicts``."""
    return {
        "evaluation": say_n("{n:,} fact of an evaluation", "{n:,} facts of an evaluation", n),
        "verdict": say_n("{n:,} verdict", "{n:,} verdicts", n),
        "finding": say_n("{n:,} finding", "{n:,} findings", n),
        "gap": say_n("{n:,} open question", "{n:,} open questions", n),
        "data": say_n("{n:,} fact of the data", "{n:,} facts of the data", n),
        "model": say_n("{n:,} fact of the model", "{n:,} facts of the model", n),
        "specification": say_n("{n:,} part of the question", "{n:,} parts of the question", n),
    }.get(kind, say_n("{n:,} answer", "{n:,} answers", n))


def _refuse(earlier: str) -> ChangesPart:
    try:
        facts = json.loads(earlier)
        own, made_by = facts["record"], str(facts["provenance"]["run_digest"])
        version = str(own["schema_version"])
    except (ValueError, LookupError, TypeError):
        own, made_by, version = {}, "", say("unknown")
    return ChangesPart(
        since=None,
        run_digest=made_by,
        content_digest=str(own.get("content_digest", "")),
        same_rows=False,
        note=UNREADABLE.format(version=version),
        items=(),
        in_words=(UNREADABLE.format(version=version),),
    )


__all__ = ["add_changes", "compare_cards", "count_changes"]
