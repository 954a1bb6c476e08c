"""Before anything is fitted: what the city knew, how good it is, and that time holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cityai.config.load import Project
from cityai.errors import TimeError
from cityai.findings import Finding, Status, sort_findings
from cityai.pipeline.result import Checked, Known, TimeChecks
from cityai.progress import SILENT, Progress

if TYPE_CHECKING:
    from cityai.pipeline.stages import Stages


def read_and_check(project: Project, stages: Stages) -> Known:
    """Read what the city knew, report its quality, and prove that time flows one way.

    Raises
    ------
    TimeError
        When a feature or a fold sees the future, or history is too short.
    """
    from cityai.data.area_quality import list_unknown, write_unknown
    from cityai.data.quality import QualityReport
    from cityai.data.sources import digest_sources
    from cityai.kinds import KINDS
    from cityai.pipeline.stages import READ, REPLAYED, write_part

    spec = project.spec
    kind = KINDS[spec.kind]
    kind.check(spec)
    bring_sample(project, stages.progress)
    snapshot, digest = stages.keep(
        "snapshot",
        kind.source_type,
        lambda: kind.read(project, stages.progress.say),
        write_part(spec, *READ),
        digest_sources(project),
    )
    if unknown := list_unknown(snapshot.quality_facts):
        stages.progress.warn(write_unknown(unknown))
    quality, _ = stages.keep(
        "quality",
        QualityReport,
        lambda: kind.report(snapshot, spec),
        digest,
        write_part(spec, "data", "question", "policy"),
    )
    asked = kind.ask(project, snapshot)
    checks, _ = stages.keep(
        "truncation",
        TimeChecks,
        lambda: TimeChecks(kind.check_time(project, snapshot, asked)),
        digest,
        write_part(spec, *REPLAYED, "policy"),
        project.read_own_features(),
    )
    findings = (*checks.findings, *kind.check_folds(snapshot, asked))
    _refuse_future(findings)
    return Known(snapshot, digest, quality, asked, findings)


def check_project(project: Project, progress: Progress = SILENT) -> Checked:
    """Check everything that needs no fitting: specification, contract, quality, time.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    """
    from cityai.kinds import KINDS
    from cityai.pipeline.stages import Stages
    from cityai.store.stages import open_store

    spec = project.spec
    with open_store(project.state).lock_project(spec.name, on_wait=progress.warn):
        known = read_and_check(project, Stages(open_store(project.state), spec.name, progress))
        KINDS[spec.kind].divide(known.snapshot, spec)
    findings = sort_findings((*known.findings, *known.quality.findings))
    return Checked(project, known.quality, known.asked.folds, findings)


def plan_project(project: Project) -> Any:
    """Return the windows of a project's backtest."""
    from cityai.kinds import KINDS

    kind = KINDS[project.spec.kind]
    bring_sample(project)
    return kind.ask(project, kind.read(project, None)).folds


def bring_sample(project: Project, progress: Progress = SILENT) -> None:
    """Write the invented city where a project reads from it and it is not there yet.

    One that is there stays as it is: somebody may have asked for another seed.

    Raises
    ------
    StoreError
        When its folder holds something else, or the disk refuses.
    """
    from cityai.store.files import guard_files

    folder = project.state / "sample_city"
    if "${CITYAI_SAMPLE}" not in project.spec.model_dump_json():
        return
    if folder.exists() and any(folder.iterdir()):
        return
    from cityai.samples.write import ensure_sample_city

    with progress.stage("inventing the sample city"), guard_files(folder, "it cannot be written"):
        ensure_sample_city(folder)


def _refuse_future(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.status is Status.FAIL and finding.code in ("time.truncation", "time.folds"):
            raise TimeError(
                finding.reason,
                where=finding.code,
                expected="only what was known before the question was asked",
                next_step="leave the feature out (`features.exclude`), or correct `features.py`",
            )
