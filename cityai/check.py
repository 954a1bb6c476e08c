"""Before anything is fitted: what the city knew, how good it is, and that time holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from cityai.errors import TimeError
from cityai.findings import Finding, Status, sort_findings
from cityai.progress import SILENT, Progress
from cityai.result import Checked, Known, TimeChecks
from cityai.spec.load import Project

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.data.rows import Rows
    from cityai.data.snapshot import Snapshot
    from cityai.modeling.split import Folds
    from cityai.spec.project import ProjectSpec
    from cityai.stages import Stages

LEAK_MOMENTS = 48
"""Moments, spread over the history, at which features are held against the target."""


def know_city(project: Project, stages: Stages) -> Known:
    """Read what the city knew, report its quality, and prove that time flows one way.

    Raises
    ------
    TimeError
        When a feature or a fold sees the future, or history is too short.
    """
    from cityai.data.panel import build_panel
    from cityai.data.quality import QualityReport, report_quality
    from cityai.data.snapshot import Snapshot, read_snapshot
    from cityai.data.sources import digest_sources
    from cityai.modeling.split import check_folds, plan_folds
    from cityai.stages import write_part

    spec = project.spec
    check_choices(spec)
    snapshot, digest = stages.keep(
        "snapshot",
        Snapshot,
        lambda: read_snapshot(project, stages.progress.say),
        write_part(spec, "data", "question", "covariates", "models", "city"),
        digest_sources(project),
    )
    quality, _ = stages.keep(
        "quality",
        QualityReport,
        lambda: report_quality(snapshot, spec),
        digest,
        write_part(spec, "data", "question", "policy"),
    )
    panel = build_panel(snapshot, spec)
    folds = plan_folds(panel, spec)
    checks, _ = stages.keep(
        "truncation",
        TimeChecks,
        lambda: _check_time(project, snapshot, panel, folds),
        digest,
        write_part(spec, "question", "features", "backtest", "city", "policy"),
        project.read_own_features(),
    )
    findings = (*checks.findings, check_folds(folds, panel))
    _refuse_future(findings)
    return Known(snapshot, digest, quality, panel, folds, findings)


def check_choices(spec: ProjectSpec) -> None:
    """Refuse names that the kind of question does not know, before any work is done.

    Raises
    ------
    SpecError
        For a candidate or a limit's metric that does not exist.
    """
    from cityai.assessment.decision import require_plan
    from cityai.assessment.metrics import check_limits, find_metrics
    from cityai.kinds import KINDS
    from cityai.modeling.baselines import CITY_RULE
    from cityai.modeling.forecasters import choose_candidates

    kind = KINDS[spec.kind]
    choose_candidates(kind.candidates, spec.models.candidates)
    baselines = [baseline.name for baseline in kind.baselines(spec.question.period)]
    rule = [] if spec.models.city_rule is None else [CITY_RULE]
    check_limits(spec.limits, find_metrics([*baselines, *rule]))
    if spec.mitigation is not None:
        require_plan(spec)


def check_project(project: Project, progress: Progress = SILENT) -> Checked:
    """Check everything that needs no fitting: specification, contract, quality, time.

    Raises
    ------
    UserError
        For a mistake in the specification or the data.
    """
    from cityai.data.groups import build_memberships
    from cityai.stages import Stages
    from cityai.store.stages import open_store

    store = open_store(project.state)
    with store.lock_project(project.spec.name):
        known = know_city(project, Stages(store, project.spec.name, progress))
        build_memberships(known.snapshot, project.spec)
    findings = sort_findings((*known.findings, *known.quality.findings))
    return Checked(project, known.quality, known.folds, findings)


def plan_project(project: Project) -> Folds:
    """Return the windows of a project's backtest."""
    from cityai.data.panel import build_panel
    from cityai.data.snapshot import read_snapshot
    from cityai.modeling.split import plan_folds

    return plan_folds(build_panel(read_snapshot(project), project.spec), project.spec)


def cache_rows(
    project: Project, panel: Panel, snapshot: Snapshot
) -> Callable[[Sequence[int]], Rows]:
    """Return the function from origins to their rows; the features are planned once."""
    from cityai.data.features.plan import plan_features
    from cityai.data.rows import build_rows

    plan = cache(lambda: plan_features(panel, snapshot, project.spec))
    return lambda origins: build_rows(panel, snapshot, project, origins, plan())


def _check_time(project: Project, snapshot: Snapshot, panel: Panel, folds: Folds) -> TimeChecks:
    from cityai.data.truncation import check_leaks, check_truncation

    rows = cache_rows(project, panel, snapshot)(_choose_moments(panel, folds))
    return TimeChecks(
        (
            check_truncation(panel, snapshot, project),
            check_leaks(rows, panel, project.spec.policy),
        )
    )


def _choose_moments(panel: Panel, folds: Folds) -> list[int]:
    """Choose moments to look for leaks at: a few folds alone are too few to tell one by."""
    last = folds.test[-1].origin
    asked = [origin for origin in range(last, 0, -1) if panel.active[origin].any()]
    spread = asked[:: max(len(asked) // LEAK_MOMENTS, 1)]
    return sorted({*spread, *(fold.origin for fold in folds.folds)})


def _refuse_future(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.status is Status.FAIL and finding.code in ("time.truncation", "time.folds"):
            raise TimeError(
                finding.reason,
                where=finding.code,
                expected="only what was known before the question was asked",
                next_step="leave the feature out (`features.exclude`), or correct `features.py`",
            )
