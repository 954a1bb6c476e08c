"""Values of columns of groups of given predictions that may be no groups, or not of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cityai.data.given_facts import ALIKE, MANY_NUMBERS, NO_NUMBER, UNSAID_GROUP
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, say
from cityai.records.events import Events

FIGURES: Final = ["good", "total", "figure"]
"""Of a fact of the rows (`collect_given_facts`)."""


def find_groups(events: Events) -> Iterator[Finding]:
    """Tell values of columns of groups that a reader would take for groups, and are none."""
    yield from _find_alike(events)
    yield from _find_unsaid(events)
    yield from _find_numbers(events)


def list_facts(events: Events, fact: str) -> Iterator[tuple[str, float, float, float]]:
    """List the facts of one kind: their column and figures."""
    facts = events.quality_facts
    told = facts.loc[facts["fact"] == fact, ["column", *FIGURES]]
    yield from told.itertuples(index=False, name=None)


def list_values(events: Events, fact: str) -> Iterator[tuple[str, str, float]]:
    """List the facts of one kind that name values: their column, these, and the share of others."""
    facts = events.quality_facts
    told = facts.loc[facts["fact"] == fact, ["column", "slice", *FIGURES[:2]]]
    for column, values, good, total in told.itertuples(index=False, name=None):
        yield str(column), str(values), 1 - good / total if total else 0.0


def _find_alike(events: Events) -> Iterator[Finding]:
    """Tell values of a column of groups that differ in their spelling alone."""
    facts = events.quality_facts
    told = facts[facts["fact"] == ALIKE]
    for column, rows in told.groupby("column", sort=True):
        reason = say(
            "Values of '{column}' differ in capitals, spaces or accents alone, and each is a group "
            "of its own: {values}. If they are one, write them alike in the file.",
            column=column,
            values=join("; ", list(rows["slice"][:3])) + ("; ..." if len(rows) > 3 else ""),
        )
        share = float(1 - rows["good"].sum() / rows["total"].sum())
        title = say("Groups are written in one way")
        code, status, subject = "audit.spelling", Status.NOT_ENOUGH, str(column)
        yield Finding(code, status, title, reason, share, 0.0, "share", subject)


def _find_unsaid(events: Events) -> Iterator[Finding]:
    """Tell groups whose name says that nothing is known."""
    for column, values, share in list_values(events, UNSAID_GROUP):
        reason = say(
            "Values of '{column}' may say that nothing is known, and each is a group of its own: "
            "{values}. If so, list them as `predictions.file.missing`.",
            column=column,
            values=values,
        )
        title, status = say("Groups are of what is known"), Status.NOT_ENOUGH
        yield Finding("audit.unknown_group", status, title, reason, share, 0.0, "share", column)


def _find_numbers(events: Events) -> Iterator[Finding]:
    """Tell numbers that are groups, and texts where numbers are cut into bands."""
    title, status = say("Numbers stand in bands"), Status.NOT_ENOUGH
    for column, _, total, _ in list_facts(events, MANY_NUMBERS):
        reason = say(
            "'{column}' holds {total:,} different numbers, and each is a group of its own. If they "
            "are amounts, such as an age, `cuts` with `band_names` make bands of them.",
            column=column,
            total=int(total),
        )
        yield Finding("audit.bands", status, title, reason, float(total), None, "groups", column)
    for column, values, share in list_values(events, NO_NUMBER):
        if share:
            reason = say(
                "Values of '{column}' are no numbers, so `cuts` leave them in no band, and they "
                "count as not recorded: {values}.",
                column=column,
                values=values,
            )
            yield Finding("audit.bands", Status.FAIL, title, reason, share, 0.0, "share", column)
