"""What `cityai mitigate` says at the end."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cityai.pipeline.mitigate import Tried


def write_options(tried: Tried, here: Path, width: int) -> str:
    """Return every option with what it closes and costs, and what a person does next.

    Parameters
    ----------
    tried : Tried
        What was found.
    here : Path
        Folder that paths are shown from.
    width : int
        Columns of the terminal.
    """
    found = tried.mitigation
    lines = ["", f"{tried.project.spec.title}: {found.label}", ""]
    for name in dict.fromkeys(found.options["option"]):
        rows = found.options[found.options["option"] == name].to_dict("records")
        mark = " (chosen)" if rows[0]["chosen"] else ""
        lines += textwrap.wrap(f"{name}{mark}: {rows[0]['told']}", width, subsequent_indent="  ")
        for text in dict.fromkeys(f"{row['reason']} [{row['outcome']}]" for row in rows):
            lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
        lines.append("")
    plane = tried.plane
    shown = plane.relative_to(here) if plane.is_relative_to(here) else plane
    lines += [
        f"Plane   {shown}",
        f"MLflow  run {tried.mlflow_run_id} (`cityai ui` shows it)",
        "",
        *textwrap.wrap(
            "A person chooses: write `choice`, `reason` and `decided_by` under `mitigation` in "
            "project.yaml; `cityai run` then applies it, and the card shows the options not taken.",
            width,
        ),
    ]
    return "\n".join(lines)
