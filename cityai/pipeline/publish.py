"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.findings import Finding
from cityai.pipeline.provenance import LIBRARIES, find_version, read_clock, read_git
from cityai.pipeline.result import Result
from cityai.pipeline.stage import PipelineRun, digest_results
from cityai.store.cards import CARDS
from cityai.store.digests import digest_text

if TYPE_CHECKING:
    import pandas as pd

    from cityai.card.draft import CardFacts, RunFacts
    from cityai.card.record import CardRecord
    from cityai.pipeline.cards import CardPlace, Drafted
    from cityai.pipeline.records import Records
    from cityai.track.model import Loggable
    from cityai.track.runs import TrackedRun


def find_card(project: Project[BaseProjectSpec]) -> Path:
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
    from cityai.pipeline.cards import CardPlace, describe_run
    from cityai.pipeline.records import gather_card_facts
    from cityai.track.results import ASKED_DIGEST

    project, backtest = run.project, records.backtest
    facts = gather_card_facts(gather_run_facts(run, records, checked), run.kind, records)
    path = find_card(project)
    card = publish_card(
        tracked,
        facts,
        CardPlace(path.parent, project.workspace),
        describe_run(project, facts.run, run.digests),
        final=backtest.final,
        settings=backtest.final.settings,
        seconds=run.seconds,
        tags={ASKED_DIGEST: problem_digest},
    )
    return Result(
        project=project,
        quality=records.quality,
        backtest=backtest,
        predictions=backtest.predictions,
        evaluation=records.evaluation,
        audit=records.audit,
        explanation=records.explanation,
        card=card,
        findings=facts.findings,
        seconds=dict(run.seconds),
        card_path=path,
        mlflow_run_id=tracked.run_id,
        mitigation=records.mitigation,
        proxies=records.proxies,
    )


def publish_card(
    tracked: TrackedRun,
    facts: CardFacts,
    place: CardPlace,
    drafted: Drafted,
    *,
    metrics: pd.DataFrame | None = None,
    final: Loggable | None = None,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    seconds: dict[str, float],
    tags: dict[str, str] | None = None,
) -> CardRecord:
    """Draft and render a card, log all that was computed, and publish the card last.

    Parameters
    ----------
    tracked : TrackedRun
        Where it is tracked.
    facts : CardFacts
        What the card is drafted from.
    place, drafted : CardPlace, Drafted
        Where it is published; from what it is drafted again.
    metrics : pandas.DataFrame, optional
        Figures to log, where they are more than those of the card.
    final : Loggable, optional
        The model to log.
    settings : dict, optional
        Settings of each of its candidates.
    seconds, tags : dict
        Duration of each stage; more tags.
    """
    from cityai.card.draft import draft_card
    from cityai.pipeline.cards import make_card, publish_made
    from cityai.track.results import Outcome, log_outcome
    from cityai.track.runs import SEAL

    run = facts.run
    made = make_card(draft_card(facts), place, drafted)
    card, pages = made.record, made.pages
    log_outcome(
        tracked,
        Outcome(
            spec=facts.spec,
            metrics=facts.evaluation.metrics if metrics is None else metrics,
            audit=facts.audit.table,
            findings=facts.findings,
            results=card.fairness.results,
            run_digest=run.run_digest,
            data_digest=run.data_digest,
            spec_digest=run.spec_digest,
            git_commit=run.git_commit,
            pages=pages.html,
            markdown=pages.markdown,
            json=pages.json,
            settings=settings or {},
            final=final,
            rows=facts.quality.counts.accepted if facts.quality else 0,
            seconds=seconds,
            tags=tags or {},
        ),
    )
    tracked.set_tags({SEAL: card.record.content_digest})
    publish_made(made, place, drafted)
    return card


def gather_run_facts(run: PipelineRun, records: Records, checked: Sequence[Finding]) -> RunFacts:
    """Gather what the run knows about itself, for the card."""
    from cityai.card.draft.facts import RunFacts

    snapshot = records.snapshot
    assert snapshot is not None  # noqa: S101 - a run has read its data
    project, data, predictions = run.project, snapshot.digest, run.digests["backtest"]
    commit, dirty = read_git(project.workspace)
    cover = run.kind.describe_coverage(snapshot)
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
