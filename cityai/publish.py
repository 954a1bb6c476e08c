"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cityai.columns import AREA, ENTITY
from cityai.errors import StoreError
from cityai.findings import Finding, sort_findings
from cityai.result import Result
from cityai.spec.load import Project

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.mitigation import Mitigation
    from cityai.card.draft import RunFacts
    from cityai.data.snapshot import Snapshot
    from cityai.modeling.backtest import Backtest
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
    backtest: Backtest,
    evaluation: Evaluation,
    audit: Audit,
    explanation: Explanation,
    predictions_digest: str,
    mitigation: Mitigation | None = None,
) -> Result:
    """Draft, render and publish the card; log everything; return the result."""
    from cityai.card.draft import draft_card
    from cityai.card.figures import draw_figures, read_outlines
    from cityai.card.render import render_json, render_markdown, render_pages
    from cityai.store.cards import publish_card
    from cityai.track.results import Outcome, log_outcome

    spec = project.spec
    facts = gather_facts(project, stages, known, explanation, predictions_digest)
    card = draft_card(
        facts,
        spec,
        backtest.predictions,
        evaluation,
        audit,
        quality=known.quality,
        backtest=backtest,
        explanation=explanation,
        mitigation=mitigation,
    )
    places = spec.areas.boundaries if spec.areas else None
    outlines = None
    if places is not None:
        outlines = read_outlines(project.find_path(places.path), places.key)
    pages = render_pages(card, draw_figures(card, outlines))
    markdown, json = render_markdown(card), render_json(card)
    findings = sort_findings(
        (
            *facts.findings,
            *known.quality.findings,
            *backtest.findings,
            *evaluation.findings,
            *audit.findings,
            *explanation.findings,
            *(mitigation.findings if mitigation else ()),
        )
    )
    path = find_card(project)
    publish_card(path.parent, pages, markdown, json)
    log_outcome(
        run,
        Outcome(
            spec=spec,
            metrics=evaluation.metrics,
            audit=audit.table,
            findings=findings,
            run_digest=facts.run_digest,
            data_digest=facts.data_digest,
            spec_digest=facts.spec_digest,
            git_commit=facts.git_commit,
            pages=pages,
            markdown=markdown,
            json=json,
            final=backtest.final,
            rows=known.snapshot.counts.accepted,
            seconds=stages.seconds,
        ),
    )
    return Result(
        project=project,
        quality=known.quality,
        backtest=backtest,
        predictions=backtest.predictions,
        evaluation=evaluation,
        audit=audit,
        explanation=explanation,
        card=card,
        findings=findings,
        seconds=dict(stages.seconds),
        card_path=path,
        mlflow_run_id=run.run_id,
        mitigation=mitigation,
    )


def verify_project(project: Project) -> tuple[Finding, ...]:
    """Recompute every figure of the published card from the predictions that it was made from.

    Raises
    ------
    StoreError
        When no card is published, or its predictions are no longer kept.
    """
    from cityai.assessment.mitigation import Mitigation
    from cityai.card.verify import read_record, verify_card
    from cityai.forecast import TRIED
    from cityai.modeling.backtest import Backtest
    from cityai.result import Groups
    from cityai.stages import GROUPED, write_part
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
    backtest = load_record(Backtest, store.find_folder(spec.name, "backtest", made_from))
    groups = load_record(Groups, store.find_folder(spec.name, "memberships", grouped))
    predictions = backtest.predictions
    if spec.mitigation is not None:
        tried = digest_stage("mitigation", made_from, write_part(spec, *TRIED))
        found = load_record(Mitigation, store.find_folder(spec.name, "mitigation", tried))
        predictions = found.predictions
    return verify_card(folder, predictions, groups.memberships, spec)


def gather_facts(
    project: Project,
    stages: Stages,
    known: Known,
    explanation: Explanation,
    predictions_digest: str,
) -> RunFacts:
    """Gather what the run knows about itself, for the card."""
    from cityai.card.draft import RunFacts
    from cityai.store.digests import digest_text

    commit, dirty = read_git(project.workspace)
    periods = known.snapshot.periods
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
        first=periods.start(0).to_pydatetime(),
        last=periods.start(periods.count).to_pydatetime(),
        entities=name_entities(known.snapshot),
        findings=known.findings,
        feature_labels=explanation.labels,
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


def name_entities(snapshot: Snapshot) -> pd.DataFrame:
    """Return each entity's area and its name for readers, as known last.

    Returns
    -------
    pandas.DataFrame
        ``entity_id``, ``name``, and ``area_id`` where entities lie in areas.
    """
    entities = snapshot.attributes.drop_duplicates(ENTITY, keep="last")
    named = entities[[ENTITY]].assign(name=entities[ENTITY])
    if snapshot.areas is None or AREA not in entities:
        return named.reset_index(drop=True)
    known = entities[AREA].map(snapshot.areas["area_name"].to_dict())
    one_each = entities[AREA].nunique() == len(entities)
    name = known.where(known.notna() & one_each, entities[ENTITY])
    return named.assign(name=name, **{AREA: entities[AREA]}).reset_index(drop=True)


def find_version(name: str) -> str:
    """Return an installed library's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
