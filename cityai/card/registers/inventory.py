"""Rows for an inventory of AI systems: OMB's columns of 2025, and New York's Local Law 35."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cityai.card.record import CardRecord
from cityai.card.registers.omb import COLUMNS, fill_columns
from cityai.card.registers.register import (
    Export,
    Field,
    Register,
    fill_field,
    read_answer,
    tell_overrides,
)
from cityai.card.release import ReleasePart
from cityai.card.spreadsheet import write_csv
from cityai.config.words import NotApplicable


def _fill_law(record: CardRecord) -> tuple[Field, ...]:
    """Fill the law's six columns from the card; the month of first use is asked for if known."""
    system, decision = record.system, record.decision
    summary = system.summary_plain or read_answer(system.description)[0]
    described = f"{system.name}: {summary}" if system.name and summary else None
    return (
        fill_field("tool_name_and_description", described, "system.summary_plain", required=True),
        _fill_required("purpose", system.purpose, "system.purpose"),
        fill_field("data_types_and_sources", _describe_data(record), "data.source", required=True),
        _fill_required("use_of_output", decision.use_of_output, "decision.use_of_output"),
        fill_field(
            "vendor_involvement", _describe_vendors(record), "owner.third_parties", required=True
        ),
        fill_field("first_use_month_year", system.first_use, "system.first_use", required=False),
    )


def _fill_required(name: str, answer: object, source: str) -> Field:
    """Fill a column that the law asks for in every case: that it does not apply is no answer."""
    field = fill_field(name, answer, source, required=True)
    if field.state == "not applicable":
        return Field(name, "missing", "", source, "the law asks for it in every case")
    return field


def _describe_data(record: CardRecord) -> str | None:
    """Name kind and source of every data set; nothing where one's source is not written."""
    said = []
    for part in record.data:
        source = read_answer(part.source)[0]
        if not source:
            return None
        collected = read_answer(part.collection)[0]
        said.append(f"{part.grain}: {source}" + (f". {collected}" if collected else ""))
    return " ".join(said) or None


def _describe_vendors(record: CardRecord) -> str | None:
    parties = record.owner.third_parties
    if isinstance(parties, NotApplicable):
        return f"No vendor: {parties.not_applicable}"
    if not parties:
        return None
    return "; ".join(f"{p.name}: {p.role}; access to data: {p.data_access}" for p in parties)


TITLE: Final = "Inventory rows (OMB 2025; New York City Local Law 35)"


def write_inventory(record: CardRecord, release: ReleasePart | None = None) -> Export:
    """Write one row for each of the two inventories.

    Returns
    -------
    Export
        ``<id>.omb-2025.csv`` and ``<id>.local-law-35.csv``, each with its header.
    """
    told = tell_overrides(release)
    federal = tuple(
        replace(field, note=told) if told and field.name == "development_stage" else field
        for field in fill_columns(record)
    )
    law = _fill_law(record)
    values = {field.name: field.value for field in federal}
    names = [column.name for column in COLUMNS]
    own = record.record.id
    return Export(
        title=TITLE,
        files={
            f"{own}.omb-2025.csv": write_csv(names, [[values[n] for n in names]]),
            f"{own}.local-law-35.csv": write_csv(
                [field.name for field in law], [[field.value for field in law]]
            ),
        },
        fields=(*federal, *law),
    )


INVENTORY: Final = Register("inventory", TITLE, write_inventory)
