"""Closing words of a run that was not made, since nothing changed."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.cli.console import clean
from cityai.cli.summary import show_path

if TYPE_CHECKING:
    from cityai.pipeline.unchanged import Unchanged


def write_unchanged(done: Unchanged, here: Path, width: int) -> str:
    """Return the verdict that stands, where its card is, and how another run is made.

    Parameters
    ----------
    done : Unchanged
        What the last run left.
    here : Path
        Folder that paths are shown from.
    width : int
        Columns of the terminal.
    """
    verdict, own = done.card.verdict, done.card.record
    assert verdict is not None  # noqa: S101 - every card that is drafted has one
    said = [
        f"Nothing changed since the run of {own.created:%Y-%m-%d %H:%M}: none was made (--again "
        "makes one).",
        f"{verdict.word.upper()}: {own.title}. {verdict.because}",
        f"MLflow run {done.mlflow_run_id} (`cityai ui`)",
    ]
    lines = [line for text in said for line in textwrap.wrap(clean(text), width)]
    return "\n".join([*lines, clean(show_path(done.card_path.resolve(), here))])
