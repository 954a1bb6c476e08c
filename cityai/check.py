"""Before anything is fitted: what the city knew, how good it is, and that time holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cityai.errors import TimeError
from cityai.findings import Finding, Status, sort_findings
from cityai.progress import SILENT, Progress
from cityai.result import Checked, Known, TimeChecks
from cityai.spec.load import Project

if TYPE_CHECKING:
    from cityai.stages import Stages


def know_city(project: Project, stages: Stages) -> Known:
    """Read what the city knew, report its quality, and prove that time flows one way.

    Raises
    ------
    TimeError
        When a feature or a fold sees the future, or history is too short.
    """
    from cityai.data.quality import QualityReport
    from cityai.data.sources import digest_sources
    from cityai.kinds import KINDS
    from cityai.stages import READ, REPLAYED, write_part

    spec = project.spec
    kind = KINDS[spec.kind]
    kind.check(spec)
    snapshot, digest = stages.keep(
        "snapshot",
        kind.source_type,
        lambda: kind.read(project, stages.progress.say),
        write_part(spec, *READ),
        digest_sources(project),
    )
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
    from cityai.stages import Stages
    from cityai.store.stages import open_store

    spec = project.spec
    with open_store(project.state).lock_project(spec.name):
        known = know_city(project, Stages(open_store(project.state), spec.name, progress))
        KINDS[spec.kind].divide(known.snapshot, spec)
    findings = sort_findings((*known.findings, *known.quality.findings))
    return Checked(project, known.quality, known.asked.folds, findings)


def plan_project(project: Project) -> Any:
    """Return the windows of a project's backtest."""
    from cityai.kinds import KINDS

    kind = KINDS[project.spec.kind]
    return kind.ask(project, kind.read(project, None)).folds


def _refuse_future(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.status is Status.FAIL and finding.code in ("time.truncation", "time.folds"):
            raise TimeError(
                finding.reason,
                where=finding.code,
                expected="only what was known before the question was asked",
                next_step="leave the feature out (`features.exclude`), or correct `features.py`",
            )
