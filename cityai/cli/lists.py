"""What `cityai predict` and `cityai misses` say at the end."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.cli.summary import align_blocks, show_path

if TYPE_CHECKING:
    from cityai.delivery.misses import Missed
    from cityai.delivery.predict import Delivered

SHOWN = 5
"""Rows of a list that are told."""


def write_delivered(delivered: Delivered, here: Path, width: int) -> str:
    """Return the closing words of `cityai predict`."""
    predicted, model = delivered.predicted, delivered.model
    blocks = [
        (
            "List",
            [f"{len(predicted.table):,} rows", *(show_path(p, here) for p in delivered.files)],
        ),
        ("First", _tell_first(predicted.heads, predicted.tells)),
        ("Model", [f"run {model.run_id}", f"fingerprint {model.digest[:16]}, {model.approval}"]),
        ("Mind", [*delivered.warnings, *predicted.notes]),
    ]
    if delivered.sheets:
        folder = show_path(delivered.sheets[0].parent, here)
        blocks.insert(1, ("Sheets", [f"{len(delivered.sheets)} in {folder}"]))
    spec = delivered.project.spec
    head = textwrap.wrap(f"{spec.title}, {spec.city.name}", width)
    return "\n".join(["", *head, "", *align_blocks(blocks, width)])


def write_missed(missed: Missed, here: Path, width: int) -> str:
    """Return the closing words of `cityai misses`."""
    predicted = missed.predicted
    folder = show_path(missed.sheets[0].parent, here) if missed.sheets else ""
    blocks = [
        ("Sheets", [f"{len(missed.sheets)} in {folder}" if folder else "there is no miss"]),
        ("First", _tell_first(predicted.heads, predicted.tells)),
        ("Mind", ["chosen with hindsight, private, not for publication", *predicted.notes]),
    ]
    return "\n".join(["", *align_blocks(blocks, width)])


def _tell_first(heads: tuple[str, ...], tells: tuple[tuple[str, ...], ...]) -> list[str]:
    return [f"{head}: {said[0]}" for head, said in zip(heads, tells, strict=True)][:SHOWN]
