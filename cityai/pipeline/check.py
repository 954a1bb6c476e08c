"""`cityai check` and `cityai folds`: what can be said before anything is fitted."""

from __future__ import annotations

from cityai.assessment.foresight import Foresight, foresee_audit, judge_design
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.findings import sort_findings
from cityai.pipeline.known import snapshot
from cityai.pipeline.result import Checked, Planned
from cityai.pipeline.run import JUDGED, OWN_CODE, PROBLEM, problem, quality, read_and_check
from cityai.pipeline.sample import bring_sample
from cityai.pipeline.stage import PipelineRun, hold_run, stage
from cityai.progress import SILENT, Progress


@stage(Foresight, after=(snapshot,), fields=(*PROBLEM, "models", *JUDGED), files=OWN_CODE)
def foresight(run: PipelineRun) -> Foresight:
    """Rehearse what the audit can decide."""
    run.progress.advance(0, 2)
    rehearsed = run.fitted.rehearse(snapshot(run), problem(run))
    run.progress.advance(1, 2)
    groups = run.kind.assign_groups(snapshot(run))
    return foresee_audit(rehearsed.predictions, groups, run.project.spec)


def check_project(project: Project[BaseProjectSpec], progress: Progress = SILENT) -> Checked:
    """Check everything that needs no fitting: specification, contract, quality, time.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    """
    with hold_run(project, progress) as run:
        findings = (*read_and_check(run), *quality(run).findings)
        folds, foreseen = problem(run).folds, foresight(run)
        findings += judge_design(foreseen, len(folds.test), folds.more)
        return Checked(project, quality(run), folds, foreseen, sort_findings(findings))


def plan_project(project: Project[BaseProjectSpec], progress: Progress = SILENT) -> Planned:
    """Plan a project's backtest: its windows, and what they can decide."""
    with hold_run(project, progress) as run:
        run.kind.check()
        bring_sample(project, progress)
        return Planned(problem(run).folds, foresight(run))
