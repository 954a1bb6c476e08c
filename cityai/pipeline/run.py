"""The map: from a specification to a published card, each stage beside what it is made from."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from cityai.assessment.audit import Audit, audit_predictions
from cityai.assessment.evaluate import Evaluation
from cityai.assessment.explain import Explanation, explain_models
from cityai.assessment.mitigation import Mitigation, apply_choice, evaluate_mitigation
from cityai.assessment.proxies import Proxies, measure_proxies
from cityai.config.load import Project, load_project
from cityai.config.project import AuditableSpec
from cityai.data.area_quality import list_unknown
from cityai.data.quality import QualityReport
from cityai.data.time_checks import check_time
from cityai.findings import Finding
from cityai.kinds.kind import Problem
from cityai.modeling.ahead import Outlook
from cityai.modeling.backtest import Backtest
from cityai.modeling.own.checks import rehearse_models
from cityai.pipeline.impact.stage import take_impacts
from cityai.pipeline.known import snapshot
from cityai.pipeline.publish import publish_result
from cityai.pipeline.result import Result, TimeChecks, refuse_future
from cityai.pipeline.sample import bring_sample
from cityai.pipeline.stage import PipelineRun, Reader, hold_run, stage
from cityai.pipeline.unchanged import digest_inputs, keep_last
from cityai.progress import SILENT, Progress
from cityai.records.groups import Groups

PROBLEM: Final = ("question", "features", "events", "backtest", "city")
"""What is asked about, and when."""
JUDGED: Final = ("mitigation", "audit", "policy", "question", "city")
"""What judging, and mitigation, depend on beside the backtest."""
OWN_CODE: Final[tuple[Reader, ...]] = (Project.read_own_code,)


@stage(QualityReport, after=(snapshot,), fields=("data", "question", "policy", "audit"))
def quality(run: PipelineRun) -> QualityReport:
    """Report how good the data are."""
    return run.kind.report(snapshot(run))


def problem(run: PipelineRun) -> Problem:
    """Lay out what is asked, and when; cheap, so it is never saved."""
    if "problem" not in run.records:
        run.records["problem"] = run.kind.build_problem(snapshot(run))
    return cast(Problem, run.records["problem"])


@stage(TimeChecks, after=(snapshot,), fields=(*PROBLEM, "policy"), files=OWN_CODE)
def truncation(run: PipelineRun) -> TimeChecks:
    """Prove that features see no future."""
    rows = run.fitted.find_rows(snapshot(run), problem(run))
    return TimeChecks((*check_time(rows), *rehearse_models(rows)))


@stage(Backtest, after=(snapshot,), fields=(*PROBLEM, "models"), files=OWN_CODE)
def backtest(run: PipelineRun) -> Backtest:
    """Ask the past what it would have predicted."""
    return run.kind.backtest(snapshot(run), problem(run))


@stage(Groups, after=(backtest,), fields=("audit", "question", "city"))
def memberships(run: PipelineRun) -> Groups:
    """Assign places and cases to groups."""
    return run.kind.assign_groups(snapshot(run))


@stage(Mitigation, after=(backtest, memberships), fields=JUDGED)
def mitigation(run: PipelineRun) -> Mitigation:
    """Try every way to close the gap."""
    return evaluate_mitigation(backtest(run), problem(run).dense, memberships(run), run.fitted.spec)


@stage(Outlook, after=(backtest, memberships), fields=JUDGED)
def outlook(run: PipelineRun) -> Outlook:
    """Forecast what comes next."""
    return run.fitted.look_ahead(snapshot(run), problem(run), final_backtest(run).fitted)


@stage(Audit, after=(backtest, memberships), fields=JUDGED)
def audit(run: PipelineRun) -> Audit:
    """Measure for whom they are good."""
    return audit_predictions(final_backtest(run).predictions, memberships(run), run.project.spec)


@stage(Evaluation, after=(audit,), fields=JUDGED)
def evaluation(run: PipelineRun) -> Evaluation:
    """Measure how good the predictions are."""
    return run.kind.evaluate(final_backtest(run).predictions, audit(run))


@stage(Explanation, after=(backtest, memberships), fields=(*JUDGED, "features"))
def explanation(run: PipelineRun) -> Explanation:
    """Explain what moves them."""
    rows = problem(run).list_tested()
    return explain_models(final_backtest(run), rows, memberships(run), run.fitted.spec)


@stage(Proxies, after=(backtest, memberships), fields=(*JUDGED, "features"))
def proxies(run: PipelineRun) -> Proxies:
    """Measure what the inputs tell of groups."""
    return measure_proxies(problem(run).list_tested(), memberships(run), run.fitted.spec)


def run_project(
    project: Project[AuditableSpec] | str | Path, progress: Progress = SILENT
) -> Result:
    """Run a project: from its specification to its published card.

    Parameters
    ----------
    project : Project, str or Path
        From `load_project` or `load_audit`; or where it lies, as `load_project` takes it.
    progress : Progress, optional
        Told what is being done; silent by default.

    Raises
    ------
    UserError, RunError
        For a mistake in what was given; else when it could not be completed: nothing is lost.
    """
    from cityai.pipeline.records import Records
    from cityai.track.runs import open_run

    begun = time.perf_counter()
    project = project if isinstance(project, Project) else load_project(project)
    with hold_run(project, progress) as run, open_run(project, project.spec.name) as tracked:
        inputs, findings, fits = digest_inputs(project), read_and_check(run), problem(run).replayed
        records = Records(
            snapshot=snapshot(run),
            quality=quality(run),
            backtest=final_backtest(run),
            mitigation=find_mitigation(run),
            audit=audit(run),
            evaluation=evaluation(run),
            groups=memberships(run),
            explanation=explanation(run) if fits else None,
            proxies=proxies(run) if fits else None,
            outlook=outlook(run) if fits else None,
            impacts=take_impacts(run),
        )
        with progress.stage("Write the card, and its run in MLflow"), run.time("card and tracking"):
            result = publish_result(run, tracked, records, findings, backtest.digest_asked(project))
        keep_last(run, result, inputs)
    rest = time.perf_counter() - begun - sum(run.seconds.values())
    return replace(result, seconds={**run.seconds, "the rest": rest})


def read_and_check(run: PipelineRun) -> tuple[Finding, ...]:
    """Take the first steps, before anything is fitted; return what the checks of time found.

    Raises
    ------
    TimeError
        When a feature or a fold sees the future, or history is too short.
    """
    run.kind.check()
    bring_sample(run.project, run.progress)
    if unknown := list_unknown(snapshot(run).quality_facts):
        run.progress.warn(f"in no area table, and named here alone: {unknown}")
    quality(run)
    if not problem(run).replayed:
        return ()
    folds = run.fitted.check_folds(snapshot(run), problem(run))
    return refuse_future((*truncation(run).findings, *folds))


def find_mitigation(run: PipelineRun) -> Mitigation | None:
    """Return what was tried to close a gap; None where the project names none."""
    return mitigation(run) if getattr(run.project.spec, "mitigation", None) else None


def final_backtest(run: PipelineRun) -> Backtest:
    """Return the backtest, with the mitigation that was chosen, if one was."""
    made, tried = backtest(run), find_mitigation(run)
    return made if tried is None else apply_choice(made, tried)
