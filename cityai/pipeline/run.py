"""The map: from a specification to a published card. What each stage is made from stands beside it.

`check`, `mitigate`, `misses` and the kit of tests call its first steps.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cityai.assessment.proxies import Proxies
from cityai.config.load import Project, load_project
from cityai.data.area_quality import list_unknown, write_unknown
from cityai.data.quality import QualityReport
from cityai.data.sources import digest_sources
from cityai.data.time_checks import check_time
from cityai.findings import Finding
from cityai.kinds.kind import Records
from cityai.modeling.own.checks import rehearse_models
from cityai.pipeline.publish import publish_result
from cityai.pipeline.result import Result, TimeChecks, refuse_future
from cityai.pipeline.sample import bring_sample
from cityai.pipeline.stage import PipelineRun, hold_run, stage, write_part
from cityai.progress import SILENT, Progress
from cityai.store.digests import digest_text
from cityai.store.stages import clean_stages

PROBLEM: Final = ("question", "features", "events", "backtest", "city")
"""What is asked about, and when."""
JUDGED: Final = ("mitigation", "audit", "policy", "question", "city")
"""What judging, and mitigation, depend on beside the backtest."""
OWN_CODE: Final = (Project.read_own_code,)


@stage(
    "source_type",
    fields=("data", "question", "covariates", "events", "models", "city"),
    files=(digest_sources,),
)
def snapshot(run: PipelineRun) -> Any:
    """Read what the city knew, and when."""
    return run.kind.read(run.project, run.progress.say)


@stage(QualityReport, after=(snapshot,), fields=("data", "question", "policy"))
def quality(run: PipelineRun) -> QualityReport:
    """Report how good the data are."""
    return run.kind.report(snapshot(run), run.project.spec)


def problem(run: PipelineRun) -> Any:
    """Lay out what is asked, and when; cheap, so it is never saved."""
    if "problem" not in run.records:
        run.records["problem"] = run.kind.build_problem(run.project, snapshot(run))
    return run.records["problem"]


@stage(TimeChecks, after=(snapshot,), fields=(*PROBLEM, "policy"), files=OWN_CODE)
def truncation(run: PipelineRun) -> TimeChecks:
    """Prove that features see no future; rehearse the city's own models."""
    rows = run.kind.find_rows(run.project, snapshot(run), problem(run))
    return TimeChecks((*check_time(rows), *rehearse_models(rows)))


@stage("backtest_type", after=(snapshot,), fields=(*PROBLEM, "models"), files=OWN_CODE)
def backtest(run: PipelineRun) -> Any:
    """Ask the past what it would have predicted, fold by fold."""
    return run.kind.backtest(run.project, snapshot(run), problem(run), run.progress.say)


@stage("groups_type", after=(backtest,), fields=("audit", "question", "city"))
def memberships(run: PipelineRun) -> Any:
    """Assign groups."""
    return run.kind.assign_groups(snapshot(run), run.project.spec)


@stage("mitigation_type", after=(backtest, memberships), fields=JUDGED)
def mitigation(run: PipelineRun) -> Any:
    """Try every way to close the gap that the project names."""
    assert run.kind.mitigate is not None  # noqa: S101 - `find_mitigation` asks
    return run.kind.mitigate(backtest(run), problem(run), memberships(run), run.project.spec)


@stage("evaluation_type", after=(backtest,), fields=JUDGED)
def evaluation(run: PipelineRun) -> Any:
    """Measure how good the predictions are, beside every baseline."""
    return run.kind.evaluate(final_backtest(run).predictions, run.project.spec)


@stage("audit_type", after=(backtest, memberships), fields=JUDGED)
def audit(run: PipelineRun) -> Any:
    """Measure for whom they are good."""
    return run.kind.audit(final_backtest(run).predictions, memberships(run), run.project.spec)


@stage("explanation_type", after=(backtest, memberships), fields=(*JUDGED, "features"))
def explanation(run: PipelineRun) -> Any:
    """Explain what moves them."""
    return run.kind.explain(run.project, final_backtest(run), problem(run), memberships(run))


@stage(Proxies, after=(backtest, memberships), fields=(*JUDGED, "features"))
def proxies(run: PipelineRun) -> Proxies:
    """Measure how well the inputs recover the groups."""
    return run.kind.measure_proxies(problem(run), memberships(run), run.project.spec)


def run_project(project: Project[Any] | str | Path, progress: Progress = SILENT) -> Result:
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
    name = project.spec.name
    with hold_run(project, progress) as run, open_run(project, name) as tracked:
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
        clean_stages(run.store, name)
    rest = time.perf_counter() - begun - sum(run.seconds.values())
    return replace(result, seconds={**run.seconds, "the rest": rest})


def read_and_check(run: PipelineRun) -> tuple[Finding, ...]:
    """Take the first steps, before anything is fitted; return what the checks of time found.

    Raises
    ------
    TimeError
        When a feature or a fold sees the future, or history is too short.
    """
    run.kind.check(run.project.spec)
    bring_sample(run.project, run.progress)
    if unknown := list_unknown(snapshot(run).quality_facts):
        run.progress.warn(write_unknown(unknown))
    quality(run)
    findings = (*truncation(run).findings, *run.kind.check_folds(snapshot(run), problem(run)))
    refuse_future(findings)
    return findings


def find_mitigation(run: PipelineRun) -> Any:
    """Return what was tried to close a gap; None where the project, or its kind, names none."""
    planned = getattr(run.project.spec, "mitigation", None) is not None
    return mitigation(run) if planned and run.kind.mitigate is not None else None


def final_backtest(run: PipelineRun) -> Any:
    """Return the backtest, with the mitigation that was chosen, if one was."""
    made: Any = backtest(run)
    tried, apply = find_mitigation(run), run.kind.apply
    return made if tried is None or apply is None else apply(made, tried, run.project.spec)


def digest_problem(project: Project) -> str:
    """Return the digest of all of a project that its model depends on; no word, no policy."""
    asked = write_part(project.spec, "mitigation", *backtest.list_fields())
    return digest_text(f"{asked} {' '.join(read(project) for read in backtest.files)}")
