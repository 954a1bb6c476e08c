"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.config.project import AuditableSpec
from cityai.errors import TrackingError
from cityai.findings import Finding
from cityai.pipeline.provenance import gather_run_facts
from cityai.pipeline.result import Result
from cityai.pipeline.stage import PipelineRun, digest_results
from cityai.progress import tell
from cityai.store.cards import CARDS
from cityai.store.records import digest_files, write_record

LINE = 100
"""Columns of the text that tells what changed."""

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts
    from cityai.pipeline.records import Records
    from cityai.track.runs import TrackedRun


def find_card(project: Project[AuditableSpec]) -> Path:
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

    Where MLflow takes no run, the card comes out all the same.
    """
    from cityai.card.diff.plain_text import write_changes
    from cityai.card.draft import draft_card
    from cityai.pipeline.cards import describe_run, make_card, publish_made
    from cityai.pipeline.places import CardPlace
    from cityai.pipeline.records import gather_card_facts
    from cityai.track.names import ASKED_DIGEST, SEAL
    from cityai.track.results import Outcome, log_outcome

    project, final, groups = run.project, records.backtest.final, records.groups
    assert groups is not None  # noqa: S101 - a run has assigned them
    facts = gather_card_facts(tell_run(run, records, checked), run.kind, records)
    path = find_card(project)
    place = CardPlace(path.parent, project.workspace)
    drafted = describe_run(project, facts.run, run.digests)
    tell("drawing figures and pages")
    made = make_card(draft_card(facts), place, drafted)
    card = made.record
    outcome = Outcome(
        spec=facts.spec,
        card=card,
        pages=made.pages,
        changes=write_changes(card.changes, LINE) if card.changes else "",
        settings=final.settings if final else {},
        code=project.digest_own_code(),
        final=final,
        rows=records.quality.counts.accepted,
        seconds=run.seconds,
        tags={ASKED_DIGEST: problem_digest},
    )
    with _publish_anyway(partial(publish_made, made, place, drafted), place.folder):
        tell("logging to MLflow")
        log_outcome(tracked, outcome)
        tracked.set_tags({SEAL: card.record.content_digest})
    return Result(
        project=project,
        quality=records.quality,
        backtest=records.backtest,
        groups=groups,
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


@contextmanager
def _publish_anyway(publish: Callable[[], object], folder: Path) -> Iterator[None]:
    """Publish when the block has logged the run, and when MLflow refused it: it is no judge."""
    unlogged = None
    try:
        yield
    except TrackingError as error:
        unlogged = error
    tell("publishing")
    publish()
    if unlogged is not None:
        raise TrackingError(
            f"{unlogged.what}; the card is published in {folder}",
            where=unlogged.where,
            expected=unlogged.expected,
            next_step=unlogged.next_step,
        ) from unlogged


def tell_run(run: PipelineRun, records: Records, checked: Sequence[Finding]) -> RunFacts:
    """Tell what a run knows about itself, for the card."""
    snapshot = records.snapshot
    assert snapshot is not None  # noqa: S101 - a run has read its data
    project, cover = run.project, run.kind.describe_coverage(snapshot)
    assert records.backtest is not None  # noqa: S101 - and has made its predictions
    final = records.backtest.final
    digests = project.digest, snapshot.digest, run.digests["backtest"]
    facts = gather_run_facts(project.workspace, *digests, first=cover.first, last=cover.last)
    return replace(
        facts,
        results_digest=digest_results(run.results),
        model_digest=digest_files(write_record(final)) if final else "",
        entities=cover.entities,
        source=cover.source,
        source_digest=snapshot.source_digest,
        findings=tuple(checked),
        feature_labels=records.explanation.labels if records.explanation else {},
    )
