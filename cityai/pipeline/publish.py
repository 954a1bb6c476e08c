"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.findings import sort_findings
from cityai.pipeline.provenance import LIBRARIES, find_version, read_clock, read_git
from cityai.pipeline.result import Result
from cityai.store.cards import CARDS

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts
    from cityai.kinds.kind import Judged
    from cityai.pipeline.result import Known
    from cityai.pipeline.stages import Stages
    from cityai.track.runs import TrackedRun


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
    """Draft and render the card, log everything, publish last; return the result."""
    from cityai.kinds import KINDS
    from cityai.pipeline.cards import CardPlace, describe_run, make_card, publish_made
    from cityai.track.results import ASKED_DIGEST, Outcome, log_outcome
    from cityai.track.runs import SEAL

    spec, backtest = project.spec, judged.backtest
    facts = gather_run_facts(project, stages, known, judged, predictions_digest)
    drafted = KINDS[spec.kind].draft(facts, spec, judged)
    findings = sort_findings(dict.fromkeys((*facts.findings, *judged.findings)))
    path = find_card(project)
    place = CardPlace(path.parent, project.workspace)
    described = describe_run(project, facts, stages.digests)
    made = make_card(drafted, place, described)
    card, pages = made.record, made.pages
    log_outcome(
        run,
        Outcome(
            spec=spec,
            metrics=judged.evaluation.metrics,
            audit=judged.audit.table,
            findings=findings,
            results=card.fairness.results,
            run_digest=facts.run_digest,
            data_digest=facts.data_digest,
            spec_digest=facts.spec_digest,
            git_commit=facts.git_commit,
            pages=pages.html,
            markdown=pages.markdown,
            json=pages.json,
            final=backtest.final,
            rows=known.snapshot.counts.accepted,
            seconds=stages.seconds,
            tags={ASKED_DIGEST: digest_asked(project)},
        ),
    )
    run.set_tags({SEAL: card.record.content_digest})
    publish_made(made, place, described)
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
        proxies=judged.proxies,
    )


def digest_asked(project: Project) -> str:
    """Return the digest of all of a project that its model depends on; no word, no policy."""
    from cityai.pipeline.stages import READ, REPLAYED, write_part
    from cityai.store.digests import digest_text

    asked = write_part(project.spec, "kind", *READ, *REPLAYED, "mitigation")
    return digest_text(f"{asked} {project.read_own_features()}")


def gather_run_facts(
    project: Project,
    stages: Stages,
    known: Known,
    judged: Judged,
    predictions_digest: str,
) -> RunFacts:
    """Gather what the run knows about itself, for the card."""
    from cityai.card.draft.facts import RunFacts
    from cityai.kinds import KINDS
    from cityai.pipeline.stages import digest_results
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
        results_digest=digest_results(stages.results),
        first=cover.first,
        last=cover.last,
        entities=cover.entities,
        findings=known.findings,
        feature_labels=judged.explanation.labels,
    )
