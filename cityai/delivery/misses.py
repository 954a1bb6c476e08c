"""`cityai misses`: pages on the cases that the replay got most wrong, for the reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.delivery.sheets import make_sheets
from cityai.kinds.kind import CasePredictions
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
    predicted : CasePredictions
        The cases, what was predicted, what came to pass, and why it was predicted.
    sheets : tuple of Path
        One page a case.
    """

    project: Project[BaseProjectSpec]
    predicted: CasePredictions
    sheets: tuple[Path, ...]


def show_misses(
    project: Project[BaseProjectSpec], count: int = 10, progress: Progress = SILENT
) -> Missed:
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
    from cityai.pipeline.run import final_backtest, problem, read_and_check, snapshot
    from cityai.pipeline.stage import hold_run
    from cityai.store.files import write_files

    with hold_run(project, progress) as run:
        read_and_check(run)
        source = snapshot(run)
        asked, made = problem(run), final_backtest(run)
    with progress.stage("Find the worst misses"):
        predicted = run.fitted.find_misses(source, asked, made, count)
        pages = make_sheets(project, predicted, None, [WARNING], range(count))
        written = write_files(pages, project.state / FOLDER / project.spec.name)
    return Missed(project, predicted, written)
