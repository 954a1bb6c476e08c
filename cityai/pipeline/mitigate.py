"""`cityai mitigate`: every way to close a gap, tried, tracked and drawn; a person chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.progress import SILENT, Progress

if TYPE_CHECKING:
    from cityai.assessment.mitigation import Mitigation

PLANES = "mitigation"
"""Folder, in the workspace's private one, that planes are drawn to."""


@dataclass(frozen=True)
class Tried:
    """What `cityai mitigate` leaves."""

    project: Project
    """What was asked."""
    mitigation: Mitigation
    """The options and what they did."""
    plane: Path
    """The drawing: accuracy lost against gap closed. Private until it is on a card."""
    mlflow_run_id: str
    """The parent run in MLflow."""


def mitigate_project(project: Project, progress: Progress = SILENT) -> Tried:
    """Try every option on the backtest's folds; log each as a child run; draw the plane.

    Raises
    ------
    SpecError
        When the project names no gap, or one of a dimension that does not exist.
    UserError, RunError
        As for `run_project`.
    """
    from cityai.assessment.decision import require_plan
    from cityai.card.draft.options import draft_options
    from cityai.card.figures.plane import draw_plane, write_plane
    from cityai.pipeline.run import mitigation, read_and_check
    from cityai.pipeline.stage import hold_run
    from cityai.store.files import write_files
    from cityai.track.mitigations import log_mitigation
    from cityai.track.runs import open_run

    spec = project.spec
    plan = require_plan(spec)
    with (
        hold_run(project, progress) as run,
        open_run(project, spec.name, name="mitigation") as tracked,
    ):
        read_and_check(run)
        found: Mitigation = mitigation(run)
        with progress.stage("Draw what each way costs"):
            part = draft_options(found, plan, spec)
            drawing = write_plane(draw_plane(part))
            plane = project.state / PLANES / f"{spec.name}.svg"
            write_files({plane.name: drawing.encode()}, plane.parent)
            log_mitigation(tracked, part, project.digest, drawing)
    return Tried(project, found, plane, tracked.run_id)
