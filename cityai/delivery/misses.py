"""`cityai misses`: pages on the cases that the replay got most wrong, for the reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cityai.config.load import Project
from cityai.delivery.sheets import make_sheets
from cityai.kinds.kind import Foreseen
from cityai.progress import SILENT, Progress

FOLDER = "misses"
"""Folder, in the workspace's private one, that pages are written to."""
WARNING = (
    "This page is about the past: the model of that time did not know the outcome. The worst "
    "misses are chosen with hindsight and say nothing about how often it errs; the card does."
)


@dataclass(frozen=True, slots=True)
class Missed:
    """What `cityai misses` leaves.

    Attributes
    ----------
    project : Project
        What was asked.
    foreseen : Foreseen
        The cases, what was predicted, what came to pass, and why it was predicted.
    sheets : tuple of Path
        One page a case.
    """

    project: Project
    foreseen: Foreseen
    sheets: tuple[Path, ...]


def show_misses(project: Project, count: int = 10, progress: Progress = SILENT) -> Missed:
    """Write pages on the worst misses of the replay; it is run first where it is not kept.

    Parameters
    ----------
    project : Project
        From `load_project`.
    count : int
        Pages.
    progress : Progress, optional
        Told what is being done.

    Raises
    ------
    UserError, RunError
        As for `run_project`.
    """
    from cityai.kinds import KINDS
    from cityai.pipeline.forecast import run_backtest_stages
    from cityai.pipeline.stages import Stages
    from cityai.store.files import write_files
    from cityai.store.stages import open_store

    spec = project.spec
    kind = KINDS[spec.kind]
    store = open_store(project.state)
    with store.lock_project(spec.name, on_wait=progress.warn):
        found = run_backtest_stages(project, Stages(store, spec.name, progress))
    with progress.stage("misses"):
        known = found.known
        foreseen = kind.find_misses(project, known.snapshot, known.asked, found.backtest, count)
        pages = make_sheets(project, foreseen, None, [WARNING], range(count))
        written = write_files(pages, project.state / FOLDER / spec.name)
    return Missed(project, foreseen, written)
