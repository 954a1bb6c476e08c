"""The data and their quality: rows in and out, measures, periods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from cityai.card.draft.described import copy_words
from cityai.card.draft.facts import CardFacts
from cityai.card.draft.places import name_places
from cityai.card.draft.rounding import PERIOD_STEP, round_figure, round_people
from cityai.card.draft.values import as_count, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.numbers import write_count
from cityai.card.record.measured import (
    DataPart,
    LeftPart,
    QualityMeasure,
    QualityPoint,
    Rejected,
    VersionPart,
)
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import say
from cityai.records.events import name_reasons

if TYPE_CHECKING:
    from cityai.data.quality import QualityReport


def draft_data(facts: CardFacts, withheld: Withheld) -> tuple[DataPart, ...]:
    """Draft the section on the data and their quality."""
    run, subject, quality = facts.run, facts.subject, facts.quality
    least = facts.spec.policy.small_cell if subject.events else 0
    rows = _count_rows(quality, events=subject.events)
    measures = () if quality is None else _list_measures(facts, quality.measures, withheld)
    left = () if quality is None else _list_left(quality.left)
    versions = () if quality is None else _list_versions(quality.versions)
    part = DataPart(
        **copy_words(facts.spec.words.data),
        name=subject.source or run.source,
        sha256=run.source_digest or run.data_digest,
        roles=subject.roles,
        first=run.first.date() if run.first else None,
        last=run.last.date() - timedelta(days=1) if run.last else None,
        grain=subject.grain,
        rows_read=rows[0],
        rows_out_of_scope=rows[1],
        rows_rejected=rows[2],
        rows_accepted=rows[3],
        columns=subject.columns,
        known_rule=subject.known_rule,
        cleaning=subject.cleaning,
        quality=measures,
        rejected=() if quality is None else count_rejects(quality.rejects),
        by_period=() if quality is None else _list_periods(quality.by_period, least, withheld),
        left=left or None,
        versions=versions or None,
        in_words=(
            *(_describe_data(facts, rows, measures) if quality else ()),
            *chain.from_iterable(map(_describe_left, left)),
            *map(_describe_version, versions),
        ),
    )
    return (part,)


def _describe_data(
    facts: CardFacts,
    rows: tuple[int, int, int, int],
    measures: Iterable[QualityMeasure],
) -> tuple[str, ...]:
    """Say how many rows were used, and what they lack."""
    read, out_of_scope, rejected, accepted = rows
    used, outside, refused = map(write_count, (accepted, out_of_scope, rejected))
    if facts.subject.events:  # a number that is rounded is not told as if it were exact
        said = say(
            "About {read} rows were read: about {accepted} used, {out_of_scope} outside the "
            "question, {rejected} refused.",
            read=write_count(round_people(read)),
            accepted=used,
            out_of_scope=outside,
            rejected=refused,
        )
    else:
        said = say(
            "{read} rows were read: {accepted} used, {out_of_scope} outside the "
            "question, {rejected} refused.",
            read=write_count(read),
            accepted=used,
            out_of_scope=outside,
            rejected=refused,
        )
    return said, *facts.subject.tell_data(facts, measures)


def _list_left(table: pd.DataFrame) -> tuple[LeftPart, ...]:
    """List what left databases; rows may be people, so they are rounded as people are."""
    return tuple(
        LeftPart(
            source=row["source"],
            connection=row["connection"],
            rows=round_people(row["rows"]),
            held=round_people(row["held"]),
            columns=row["columns"],
            kilobytes=max(round_people(row["bytes"] / 1_000), 1),
            partial=row["partial"] or None,
        )
        for row in table.to_dict("records")
    )


def _describe_left(left: LeftPart) -> Iterator[str]:
    """Say what left a database: sums, or rows; and where it keeps rows from who asked."""
    rows, size = write_count(left.rows), write_count(left.kilobytes)
    if left.held >= 2 * left.rows:
        yield say(
            "Only sums left the database '{connection}' for the table {source}: about {rows} "
            "groups of alike rows (a group may be one row), in {columns} columns ({size} kB), of "
            "about {held} rows that stayed there.",
            connection=left.connection,
            source=left.source,
            rows=rows,
            columns=left.columns,
            size=size,
            held=write_count(left.held),
        )
    else:
        yield say(
            "Rows left the database '{connection}' for the table {source}: about {rows} rows of "
            "{columns} columns ({size} kB), as the city's own query gives them.",
            connection=left.connection,
            source=left.source,
            rows=rows,
            columns=left.columns,
            size=size,
        )
    if left.partial:
        yield say(
            "The database '{connection}' keeps rows of the table {source} from the account that "
            "asked: what this card counts is what that account may see.",
            connection=left.connection,
            source=left.source,
        )


def _list_versions(table: pd.DataFrame) -> tuple[VersionPart, ...]:
    """List which versions of tables were read."""
    return tuple(
        VersionPart(
            source=row["source"],
            format=row["format"],
            version=row["version"],
            made=datetime.fromisoformat(row["made"]) if row["made"] else None,
        )
        for row in table.to_dict("records")
    )


def _describe_version(read: VersionPart) -> str:
    """Say which version of a table was read."""
    if read.made is None:
        return say(
            "The table {source} is kept with its versions ({format}): version {version} was read.",
            source=read.source,
            format=read.format,
            version=read.version,
        )
    return say(
        "The table {source} is kept with its versions ({format}): version {version}, written at "
        "{moment} UTC, was read.",
        source=read.source,
        format=read.format,
        version=read.version,
        moment=f"{read.made:%Y-%m-%d %H:%M}",
    )


def _count_rows(quality: QualityReport | None, *, events: bool) -> tuple[int, int, int, int]:
    """Count rows read, out of scope, refused, used; of events, those used are rounded.

    The exact number less that of the card before would be what came since.
    """
    if quality is None:
        return 0, 0, 0, 0
    counts = quality.counts
    used = round_people(counts.accepted) if events else counts.accepted
    return used + counts.out_of_scope + counts.rejected, counts.out_of_scope, counts.rejected, used


def _round_quality(value: object) -> float | None:
    """Round to a hundredth of a percent; what is not whole is never printed as 100 %."""
    number = as_number(value)
    if number is None:
        return None
    return min(round(number, 4), 0.9999) if number < 1 else round(number, 4)


def _list_measures(
    facts: CardFacts, table: pd.DataFrame, withheld: Withheld
) -> tuple[QualityMeasure, ...]:
    least = facts.spec.policy.small_cell if facts.subject.events else 0
    names = name_places(facts, "area")
    whole = table[table["slice"] == EVERYWHERE]
    places = table[(table["slice"] != EVERYWHERE) & table["limit"].notna()]
    # One row a place and dimension: the least figure that may be shown, else that none may.
    places = places.assign(few=places["n"] < least).sort_values(
        ["slice", "dimension", "few", "value", "measure"], kind="stable"
    )
    worst = places.drop_duplicates(["slice", "dimension"])
    # Rows of the other places would give away those of one that is hidden.
    coarse = bool(places["few"].any()) or any(
        kind in {"area", "entity"} for kind, _ in withheld.slices
    )
    return tuple(
        _make_measure(row, least, coarse and least > 0 and part is worst, names)
        for part in (whole, worst)
        for row in part.to_dict("records")
    )


def _round_rows(rows: int | None, *, coarse: bool) -> int | None:
    return round(rows / PERIOD_STEP) * PERIOD_STEP if coarse and rows is not None else rows


def _round_coarsely(share: float | None) -> float | None:
    return None if share is None else min(round(share, 2), 0.99) if share < 1 else share


def _make_measure(
    row: Mapping[Hashable, Any], least: int, coarse: bool, names: Mapping[str, str]
) -> QualityMeasure:
    days = str(row["measure"]).startswith("median days")
    place = as_text(row["slice"])
    hide = place != EVERYWHERE and row["n"] < least
    value = round_figure(row["value"], "days", None) if days else _round_quality(row["value"])
    return QualityMeasure(
        dimension=row["dimension"],
        measure=row["measure"],
        slice=place,
        value=None if hide else _round_coarsely(value) if coarse and not days else value,
        unit="days" if days else "share",
        n=None
        if hide or (coarse and place != EVERYWHERE)
        else _say_rows(as_count(row["n"]), least),
        limit=as_number(row["limit"]),
        status="suppressed" if hide else str(row["status"]),  # type: ignore[arg-type]
        source="quality.measures",
        name=names.get(place),
    )


def _say_rows(rows: int | None, least: int) -> int | None:
    """Round rows that are events: what came since the card before would follow from both."""
    return rows if rows is None or not least else round_people(rows)


def count_rejects(table: pd.DataFrame) -> tuple[Rejected, ...]:
    """Count why rows were refused, by column and reason."""
    if table.empty:
        return ()
    counted = Counter(zip(table["column"], name_reasons(table["reason"]), strict=True))
    return tuple(
        Rejected(column=column, reason=reason, rows=rows)
        for (column, reason), rows in sorted(counted.items())
    )


def _list_periods(table: pd.DataFrame, least: int, withheld: Withheld) -> tuple[QualityPoint, ...]:
    coarse = withheld.coarse and least > 0
    points = []
    for row in table.to_dict("records"):
        rows = as_count(row["rows"])
        hide = rows is not None and 0 < rows < least
        points.append(
            QualityPoint(
                period_start=pd.Timestamp(row["period_start"]).date(),
                rows=None if hide else _round_rows(rows, coarse=coarse),
                reporting=None if hide else as_count(row["entities_reporting"]),
                median_delay_days=round_figure(row["median_delay_days"], "days", None),
            )
        )
    return tuple(points)
