"""What a notebook shows of a record: one short page instead of every table inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape


def write_page(title: str, parts: Mapping[str, Sequence[str]]) -> str:
    """Return a record as a small HTML table, every text escaped.

    Parameters
    ----------
    title : str
        Above the table.
    parts : mapping of str to sequence of str
        A row each: its label and its lines. Parts without lines are left out.
    """
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{escape(label)}</th>'
        f'<td style="text-align:left">{"<br>".join(map(escape, lines))}</td></tr>'
        for label, lines in parts.items()
        if lines
    )
    return f"<table><caption><b>{escape(title)}</b></caption>{rows}</table>"
