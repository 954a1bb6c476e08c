"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.findings import Finding, sort_findings
from cityai.pipeline.provenance import LIBRARIES, find_version, read_clock, read_git
from cityai.pipeline.result import Result
from cityai.pipeline.stage import PipelineRun, digest_results
from cityai.store.cards import CARDS
from cityai.store.digests import digest_text

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts
    from cityai.kinds.kind import Records
    from cityai.track.runs import TrackedRun


def find_card(project: Project) -> Path:
    """Return where a project's card is published."""
    return project.workspace / CARDS / project.spec.name / "card.html"


def publish_result(
    run: PipelineRun,
    tracked: TrackedRun,
    records: Records,
    checked: Sequence[Finding],
    problem_digest: str,
) -> Result:
    """Draft and render the card, log everything, publish last; return the result.

    Parameters
    ----------
    run, tracked : PipelineRun, TrackedRun
        The run, and where it is tracked.
    records : Records
        What its stages made.
    checked : sequence of Finding
        What the checks of time found.
    problem_digest : str
        Digest of all of the project that its model depends on.
    """
    from cityai.pipeline.cards import CardPlace, describe_run, make_card, publish_made
    from cityai.track.results import ASKED_DIGEST, Outcome, log_outcome
    from cityai.track.runs import SEAL

    project = run.project
    spec, backtest = project.spec, records.backtest
    facts = gather_run_facts(run, records, checked)
    drafted = run.kind.draft(facts, spec, records)
    findings = sort_findings(dict.fromkeys((*facts.findings, *records.findings)))
    path = find_card(project)
    place = CardPlace(path.parent, project.workspace)
    described = describe_run(project, facts, run.digests)
    made = make_card(drafted, place, described)
    card, pages = made.record, made.pages
    log_outcome(
        tracked,
        Outcome(
            spec=spec,
            metrics=records.evaluation.metrics,
            audit=records.audit.table,
            findings=findings,
            results=card.fairness.results,
            run_digest=facts.run_digest,
            data_digest=facts.data_digest,
            spec_digest=facts.spec_digest,
            git_commit=facts.git_commit,
            pages=pages.html,
            markdown=pages.markdown,
            json=pages.json,
            settings={m.candidate: m.settings for m in backtest.final.models},
            final=backtest.final,
            rows=records.snapshot.counts.accepted,
            seconds=run.seconds,
            tags={ASKED_DIGEST: problem_digest},
        ),
    )
    tracked.set_tags({SEAL: card.record.content_digest})
    publish_made(made, place, described)
    return Result(
        project=project,
        quality=records.quality,
        backtest=backtest,
        predictions=backtest.predictions,
        evaluation=records.evaluation,
        audit=records.audit,
        explanation=records.explanation,
        card=card,
        findings=findings,
        seconds=dict(run.seconds),
        card_path=path,
        mlflow_run_id=tracked.run_id,
        mitigation=records.mitigation,
        proxies=records.proxies,
    )


def gather_run_facts(run: PipelineRun, records: Records, checked: Sequence[Finding]) -> RunFacts:
    """Gather what the run knows about itself, for the card."""
    from cityai.card.draft.facts import RunFacts

    project, data, predictions = run.project, records.snapshot.digest, run.digests["backtest"]
    commit, dirty = read_git(project.workspace)
    cover = run.kind.describe_coverage(records.snapshot)
    return RunFacts(
        run_digest=digest_text(" ".join((project.digest, data, predictions))),
        data_digest=data,
        spec_digest=project.digest,
        predictions_digest=predictions,
        git_commit=commit,
        git_dirty=dirty,
        created=read_clock(),
        versions={name: find_version(name) for name in LIBRARIES},
        results_digest=digest_results(run.results),
        first=cover.first,
        last=cover.last,
        entities=cover.entities,
        findings=tuple(checked),
        feature_labels=records.explanation.labels,
    )
