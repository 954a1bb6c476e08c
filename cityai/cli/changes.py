"""What `card export` says: plain words, in the columns of the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from cityai.card.diff.plain_text import hang

if TYPE_CHECKING:
    from cityai.pipeline.export import Exported

STATES = {
    "filled": "filled",
    "missing": "missing, required",
    "invalid": "filled, but not as asked",
    "empty": "empty, not required",
    "not applicable": "does not apply",
}


def write_completeness(exported: Exported, width: int) -> str:
    """Return where a register's files are, and which of its fields are filled or missing."""
    export = exported.export
    counts = export.counts
    told = ", ".join(f"{n} {STATES[state]}" for state, n in counts.items() if n)
    lines = [str(path) for path in exported.paths]
    lines += ["", *textwrap.wrap(f"{export.title}: {told}.", width)]
    for field in export.fields:
        if field.state in {"missing", "invalid"}:
            lines += hang("  ", f"{field.name}: {field.say()}", width)
        elif field.state == "filled" and field.note:
            lines += hang("  ", f"{field.name}: {field.value}; {field.note}", width)
    if empty := [field.name for field in export.fields if field.state == "empty"]:
        lines += hang("  ", f"Left empty, not required: {', '.join(empty)}", width)
    return "\n".join(lines)
