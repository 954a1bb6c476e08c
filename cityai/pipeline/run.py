"""The map: from a specification to a published card. What each stage is made from stands beside it.

`check`, `mitigate`, `misses` and the kit of tests call its first steps.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from cityai.assessment.audit import Audit, audit_predictions
from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.explain import Explanation, explain_models
from cityai.assessment.mitigation import Mitigation
from cityai.assessment.proxies import Proxies, measure_proxies
from cityai.config.load import Project, load_project
from cityai.config.project import BaseProjectSpec
from cityai.data.area_quality import list_unknown, write_unknown
from cityai.data.quality import QualityReport
from cityai.data.sources import digest_sources
from cityai.data.time_checks import check_time
from cityai.findings import Finding
from cityai.kinds.kind import Problem
from cityai.modeling.backtest import Backtest
from cityai.modeling.own.checks import rehearse_models
from cityai.pipeline.publish import publish_result
from cityai.pipeline.records import Records
from cityai.pipeline.result import Result, TimeChecks, refuse_future
from cityai.pipeline.sample import bring_sample
from cityai.pipeline.stage import PipelineRun, Reader, hold_run, stage, write_part
from cityai.progress import SILENT, Progress
from cityai.records.events import Events
from cityai.records.groups import Groups
from cityai.store.digests import digest_text
from cityai.store.stages import clean_stages

SOURCE: Final = ("data", "question", "covariates", "events", "models", "city")
PROBLEM: Final = ("question", "features", "events", "backtest", "city")
"""What is asked about, and when."""
JUDGED: Final = ("mitigation", "audit", "policy", "question", "city")
"""What judging, and mitigation, depend on beside the backtest."""
OWN_CODE: Final[tuple[Reader, ...]] = (Project.read_own_code,)


@stage(Events, fields=SOURCE, files=(digest_sources,))
def snapshot(run: PipelineRun) -> Events:
    """Read what the city knew, and when."""
    return run.kind.read(run.progress.say)


@stage(QualityReport, after=(snapshot,), fields=("data", "question", "policy"))
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
    """Prove that features see no future; rehearse the city's own models."""
    rows = run.kind.find_rows(snapshot(run), problem(run))
    return TimeChecks((*check_time(rows), *rehearse_models(rows)))


@stage(Backtest, after=(snapshot,), fields=(*PROBLEM, "models"), files=OWN_CODE)
def backtest(run: PipelineRun) -> Backtest:
    """Ask the past what it would have predicted, fold by fold."""
    return run.kind.backtest(snapshot(run), problem(run), run.progress.say)


@stage(Groups, after=(backtest,), fields=("audit", "question", "city"))
def memberships(run: PipelineRun) -> Groups:
    """Assign groups."""
    return run.kind.assign_groups(snapshot(run))


@stage(Mitigation, after=(backtest, memberships), fields=JUDGED)
def mitigation(run: PipelineRun) -> Mitigation:
    """Try every way to close the gap that the project names."""
    return run.kind.mitigate(backtest(run), problem(run), memberships(run))


@stage(Evaluation, after=(backtest,), fields=JUDGED)
def evaluation(run: PipelineRun) -> Evaluation:
    """Measure how good the predictions are, beside every baseline."""
    return evaluate_predictions(final_backtest(run).predictions, run.project.spec)


@stage(Audit, after=(backtest, memberships), fields=JUDGED)
def audit(run: PipelineRun) -> Audit:
    """Measure for whom they are good."""
    return audit_predictions(final_backtest(run).predictions, memberships(run), run.project.spec)


@stage(Explanation, after=(backtest, memberships), fields=(*JUDGED, "features"))
def explanation(run: PipelineRun) -> Explanation:
    """Explain what moves them."""
    rows = problem(run).list_tested()
    return explain_models(final_backtest(run), rows, memberships(run), run.project.spec)


@stage(Proxies, after=(backtest, memberships), fields=(*JUDGED, "features"))
def proxies(run: PipelineRun) -> Proxies:
    """Measure how well the inputs recover the groups."""
    return measure_proxies(problem(run).list_tested(), memberships(run), run.project.spec)


def run_project(
    project: Project[BaseProjectSpec] | str | Path, progress: Progress = SILENT
) -> Result:
    """Run a project: from its specification to its published card.

    Parameters
    ----------
    project : Project, str or Path
        From `load_project`; or where it lies, as `load_project` takes it.
    progress : Progress, optional
        Told what is being done; silent by default.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    RunError
        When the run could not be completed. Earlier results are untouched.
    """
    from cityai.track.runs import open_run

    begun = time.perf_counter()
    project = project if isinstance(project, Project) else load_project(project)
    with hold_run(project, progress) as run, open_run(project, project.spec.name) as tracked:
        findings = read_and_check(run)
        records = Records(
            snapshot=snapshot(run),
            quality=quality(run),
            backtest=final_backtest(run),
            mitigation=find_mitigation(run),
            evaluation=evaluation(run),
            audit=audit(run),
            explanation=explanation(run),
            proxies=proxies(run),
        )
        with progress.stage("card and tracking"), run.time("card and tracking"):
            result = publish_result(run, tracked, records, findings, digest_problem(project))
        clean_stages(run.store, project.spec.name)
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
        run.progress.warn(write_unknown(unknown))
    quality(run)
    findings = (*truncation(run).findings, *run.kind.check_folds(snapshot(run), problem(run)))
    refuse_future(findings)
    return findings


def find_mitigation(run: PipelineRun) -> Mitigation | None:
    """Return what was tried to close a gap; None where the project names none."""
    return mitigation(run) if run.kind.plans_mitigation else None


def final_backtest(run: PipelineRun) -> Backtest:
    """Return the backtest, with the mitigation that was chosen, if one was."""
    made, tried = backtest(run), find_mitigation(run)
    return made if tried is None else run.kind.apply(made, tried)


def digest_problem(project: Project[BaseProjectSpec]) -> str:
    """Return the digest of all of a project that its model depends on; no word, no policy."""
    parts = write_part(project.spec, "mitigation", *backtest.list_fields())
    return digest_text(" ".join((parts, *(read(project) for read in backtest.files))))
