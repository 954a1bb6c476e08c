"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cityai.errors import StoreError
from cityai.findings import Finding, sort_findings
from cityai.result import Result
from cityai.spec.load import Project

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts
    from cityai.kinds.kind import Judged
    from cityai.result import Known
    from cityai.stages import Stages
    from cityai.track.runs import TrackedRun

CARDS = "model_cards"
LIBRARIES = (
    "cityai",
    "duckdb",
    "fairlearn",
    "ibis-framework",
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "shap",
)


def find_card(project: Project) -> Path:
    """Return where a project's card is published."""
    return project.workspace / CARDS / project.spec.name / "card.html"


def publish_result(
    project: Project,
    run: TrackedRun,
    stages: Stages,
    known: Known,
    judged: Judged,
    predictions_digest: str,
) -> Result:
    """Draft, render and publish the card; log everything; return the result."""
    from cityai.card.figures import draw_figures, read_outlines
    from cityai.card.render import render_html, render_json, render_markdown
    from cityai.kinds import KINDS
    from cityai.store.cards import publish_card
    from cityai.track.results import ASKED_DIGEST, Outcome, log_outcome

    spec, backtest = project.spec, judged.backtest
    facts = gather_facts(project, stages, known, judged, predictions_digest)
    card = KINDS[spec.kind].draft(facts, spec, judged)
    places = spec.areas.boundaries if spec.areas else None
    outlines = None
    if places is not None:
        outlines = read_outlines(
            project.find_path(places.path), places.key, spec.areas.written if spec.areas else {}
        )
    html = render_html(card, draw_figures(card, outlines))
    markdown, json = render_markdown(card), render_json(card)
    findings = sort_findings((*facts.findings, *judged.findings))
    path = find_card(project)
    publish_card(path.parent, html, markdown, json)
    log_outcome(
        run,
        Outcome(
            spec=spec,
            metrics=judged.evaluation.metrics,
            audit=judged.audit.table,
            findings=findings,
            run_digest=facts.run_digest,
            data_digest=facts.data_digest,
            spec_digest=facts.spec_digest,
            git_commit=facts.git_commit,
            html=html,
            markdown=markdown,
            json=json,
            final=backtest.final,
            rows=known.snapshot.counts.accepted,
            seconds=stages.seconds,
            tags={ASKED_DIGEST: digest_asked(project)},
        ),
    )
    return Result(
        project=project,
        quality=judged.quality,
        backtest=backtest,
        predictions=backtest.predictions,
        evaluation=judged.evaluation,
        audit=judged.audit,
        explanation=judged.explanation,
        card=card,
        findings=findings,
        seconds=dict(stages.seconds),
        card_path=path,
        mlflow_run_id=run.run_id,
        mitigation=judged.mitigation,
    )


def digest_asked(project: Project) -> str:
    """Return the digest of all of a project that its model depends on; no word, no policy."""
    from cityai.stages import READ, REPLAYED, write_part
    from cityai.store.digests import digest_text

    asked = write_part(project.spec, "kind", *READ, *REPLAYED, "mitigation")
    return digest_text(f"{asked} {project.read_own_features()}")


def verify_project(project: Project) -> tuple[Finding, ...]:
    """Recompute every figure of the published card from the predictions that it was made from.

    Raises
    ------
    StoreError
        When no card is published, or its predictions are no longer kept.
    """
    from cityai.card.verify import read_record
    from cityai.kinds import KINDS
    from cityai.stages import GROUPED, TRIED, write_part
    from cityai.store.digests import digest_stage
    from cityai.store.records import load_record
    from cityai.store.stages import open_store

    spec, folder = project.spec, find_card(project).parent
    written = folder / "card.json"
    if not written.is_file():
        raise StoreError(
            "no card is published",
            where=str(folder),
            next_step=f"cityai run {project.folder}",
        )
    card = read_record(written.read_text("utf-8"), where=str(written))
    store = open_store(project.state)
    made_from = card.provenance.predictions_digest
    grouped = digest_stage("memberships", made_from, write_part(spec, *GROUPED))
    kind, find = KINDS[spec.kind], partial(store.find_folder, spec.name)
    backtest: Any = load_record(kind.backtest_type, find("backtest", made_from))
    groups: Any = load_record(kind.groups_type, find("memberships", grouped))
    predictions = backtest.predictions
    if kind.mitigation_type is not None and getattr(spec, "mitigation", None) is not None:
        tried = digest_stage("mitigation", made_from, write_part(spec, *TRIED))
        found: Any = load_record(kind.mitigation_type, find("mitigation", tried))
        predictions = found.predictions
    return kind.verify(folder, predictions, groups, spec)


def gather_facts(
    project: Project,
    stages: Stages,
    known: Known,
    judged: Judged,
    predictions_digest: str,
) -> RunFacts:
    """Gather what the run knows about itself, for the card."""
    from cityai.card.draft.facts import RunFacts
    from cityai.kinds import KINDS
    from cityai.store.digests import digest_text

    commit, dirty = read_git(project.workspace)
    cover = KINDS[project.spec.kind].cover(known.snapshot)
    digests = (project.digest, known.snapshot.digest, predictions_digest)
    return RunFacts(
        run_digest=digest_text(" ".join(digests)),
        data_digest=known.snapshot.digest,
        spec_digest=project.digest,
        predictions_digest=predictions_digest,
        git_commit=commit,
        git_dirty=dirty,
        created=read_clock(),
        versions={name: find_version(name) for name in LIBRARIES},
        seconds=dict(stages.spent),
        first=cover.first,
        last=cover.last,
        entities=cover.entities,
        findings=known.findings,
        feature_labels=judged.explanation.labels,
    )


def read_clock() -> datetime:
    """Return the present in UTC, or the moment that SOURCE_DATE_EPOCH fixes."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if fixed:
        return datetime.fromtimestamp(int(fixed), UTC)
    return datetime.now(UTC).replace(microsecond=0)


def read_git(workspace: Path) -> tuple[str, bool]:
    """Return the commit of a workspace and whether it has changes; ("", False) outside one."""
    try:
        commit, status = (
            subprocess.run(  # the arguments are fixed
                ["git", "-C", str(workspace), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.SubprocessError):
        return "", False
    return commit, bool(status)


def find_version(name: str) -> str:
    """Return an installed library's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
