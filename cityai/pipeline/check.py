"""`cityai check` and `cityai folds`: what can be said before anything is fitted."""

from __future__ import annotations

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.findings import sort_findings
from cityai.kinds import open_kind
from cityai.modeling.folds import Folds
from cityai.pipeline.result import Checked
from cityai.pipeline.run import problem, quality, read_and_check, snapshot
from cityai.pipeline.sample import bring_sample
from cityai.pipeline.stage import hold_run
from cityai.progress import SILENT, Progress


def check_project(project: Project[BaseProjectSpec], progress: Progress = SILENT) -> Checked:
    """Check everything that needs no fitting: specification, contract, quality, time.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    """
    with hold_run(project, progress) as run:
        findings = (*read_and_check(run), *quality(run).findings)
        run.kind.assign_groups(snapshot(run))
        return Checked(project, quality(run), problem(run).folds, sort_findings(findings))


def plan_project(project: Project[BaseProjectSpec]) -> Folds:
    """Return the windows of a project's backtest."""
    bring_sample(project)
    kind = open_kind(project)
    return kind.build_problem(kind.read()).folds
