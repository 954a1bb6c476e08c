"""What `card diff` and `card export` say: plain words, in the columns of the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cityai.card.record.changes import ChangesPart
    from cityai.pipeline.export import Exported

HEADS = {
    "figure": "Figures",
    "verdict": "Verdicts",
    "finding": "Checks",
    "gap": "Open questions",
    "data": "Data",
    "model": "Model",
    "specification": "Specification",
    "words": "What people wrote",
}
MARKS = {"beyond chance": "*", "may be chance": "~", "cannot be told": "?", "no figure": "-"}
LEGEND = "* more than chance explains   ~ chance may explain it   ? cannot be told"
STATES = {
    "filled": "filled",
    "missing": "missing, required",
    "invalid": "filled, but not as asked",
    "empty": "empty, not required",
    "not applicable": "does not apply",
}


def write_changes(changes: ChangesPart, width: int) -> str:
    """Return what changed, by kind, each figure marked by whether chance may explain it."""
    lines = []
    for said in (*changes.in_words, changes.note if changes.items else ""):
        lines += textwrap.wrap(said, width)
    for kind, head in HEADS.items():
        own = [item for item in changes.items if item.kind == kind]
        if own:
            lines += ["", head]
        for item in own:
            lines += _hang(f"{MARKS[item.weight]} ", item.sentence, width)
    if any(item.kind == "figure" for item in changes.items):
        lines += ["", LEGEND]
    return "\n".join(lines)


def write_completeness(exported: Exported, width: int) -> str:
    """Return where a register's files are, and which of its fields are filled or missing."""
    export = exported.export
    counts = export.counts
    told = ", ".join(f"{n} {STATES[state]}" for state, n in counts.items() if n)
    lines = [str(path) for path in exported.paths]
    lines += ["", *textwrap.wrap(f"{export.title}: {told}.", width)]
    for field in export.fields:
        if field.state in {"missing", "invalid"}:
            lines += _hang("  ", f"{field.name}: {field.say()}", width)
    if empty := [field.name for field in export.fields if field.state == "empty"]:
        lines += _hang("  ", f"Left empty, not required: {', '.join(empty)}", width)
    return "\n".join(lines)


def _hang(mark: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=mark, subsequent_indent=" " * len(mark))
