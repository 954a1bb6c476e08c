"""What changed from one card to another, in plain words: for a terminal, and for MLflow."""

from __future__ import annotations

import textwrap
from typing import Final

from cityai.card.record.described import ChangeKind, ChangesPart
from cityai.i18n.messages import say

HEADS: Final[dict[ChangeKind, str]] = {
    "word": say("The word on the first screen"),
    "evaluation": say("What it changed"),
    "figure": say("Figures"),
    "verdict": say("Verdicts"),
    "finding": say("Checks"),
    "gap": say("Open questions"),
    "data": say("Data"),
    "model": say("Model"),
    "specification": say("Specification"),
    "words": say("What people wrote"),
}
"""What a kind of change is called."""
MARKS = {"beyond chance": "*", "may be chance": "~", "cannot be told": "?", "no figure": "-"}
LEGEND = "* more than chance explains   ~ chance may explain it   ? cannot be told"


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
            lines += hang(f"{MARKS[item.weight]} ", item.sentence, width)
    if any(item.kind == "figure" for item in changes.items):
        lines += ["", LEGEND]
    return "\n".join(lines)


def hang(mark: str, text: str, width: int) -> list[str]:
    """Return a text in lines that hang below their mark."""
    return textwrap.wrap(text, width, initial_indent=mark, subsequent_indent=" " * len(mark))
