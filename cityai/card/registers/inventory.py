"""Rows for an inventory of AI systems: OMB's columns of 2025, and New York's Local Law 35."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cityai.card.record import CardRecord
from cityai.card.registers.local_law_35 import fill_law
from cityai.card.registers.omb import COLUMNS, fill_columns
from cityai.card.registers.register import Export, Register, tell_overrides
from cityai.card.release import ReleasePart
from cityai.card.spreadsheet import write_csv

TITLE: Final = "Inventory rows (OMB 2025; New York City Local Law 35)"


def write_inventory(record: CardRecord, release: ReleasePart | None = None) -> Export:
    """Write one row for each of the two inventories.

    Parameters
    ----------
    record : CardRecord
        The card.
    release : ReleasePart, optional
        What people decided: the report says beside the stage what no column has a place for.

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
    law = fill_law(record)
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
