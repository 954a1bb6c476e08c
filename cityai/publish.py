"""The last stage: the card is drafted, rendered and published, and the run is logged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cityai.findings import sort_findings
from cityai.result import Result
from cityai.spec.load import Project
from cityai.store.cards import CARDS

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts
    from cityai.kinds.kind import Judged
    from cityai.result import Known
    from cityai.stages import Stages
    from cityai.track.runs import TrackedRun

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
    """Draft and render the card, log everything, publish last; return the result."""
    from cityai.cards import CardPlace, describe_run, make_card, publish_made
    from cityai.kinds import KINDS
    from cityai.track.results import ASKED_DIGEST, Outcome, log_outcome
    from cityai.track.runs import SEAL

    spec, backtest = project.spec, judged.backtest
    facts = gather_facts(project, stages, known, judged, predictions_digest)
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
    from cityai.stages import READ, REPLAYED, write_part
    from cityai.store.digests import digest_text

    asked = write_part(project.spec, "kind", *READ, *REPLAYED, "mitigation")
    return digest_text(f"{asked} {project.read_own_features()}")


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
    from cityai.stages import digest_results
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


def read_clock() -> datetime:
    """Return the present in UTC, or the moment that SOURCE_DATE_EPOCH fixes."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if fixed:
        return datetime.fromtimestamp(int(fixed), UTC)
    return datetime.now(UTC).replace(microsecond=0)


_SAFE: Final = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "safe.bareRepository": "explicit",
    "protocol.allow": "never",
}
_OWN: Final = ("local", "worktree")


def read_git(workspace: Path) -> tuple[str, bool]:
    """Return the commit of a workspace and whether it has changes; ("", False) outside one.

    A folder that somebody delivered may name programs in its git configuration: monitors, hooks,
    filters, helpers that fetch. None is run, and another account's folder is not asked.
    """

    def ask(settings: Mapping[str, str], *arguments: str) -> str:
        given = {"GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_COUNT": str(len(settings))}
        for i, (key, value) in enumerate(settings.items()):
            given |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
        return subprocess.run(  # the arguments are fixed
            ["git", "-C", str(workspace), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
            env=os.environ | given,
        ).stdout.strip()

    try:
        if os.name == "posix" and workspace.stat().st_uid != os.getuid():
            return "", False
        commit = ask(_SAFE, "rev-parse", "HEAD")
        listed = ask(_SAFE, "config", "--list", "--includes", "--show-scope", "--name-only")
        named = [line.split("\t", 1) for line in listed.splitlines()]
        filters = {key: "" for scope, key in named if scope in _OWN and key.startswith("filter.")}
        required = {key: "false" for key in filters if key.endswith(".required")}
        asked = ("status", "--porcelain", "-uno", "--ignore-submodules=all")
        made_by_runs = ("--", ".", f":(exclude){CARDS}")
        return commit, bool(ask({**_SAFE, **filters, **required}, *asked, *made_by_runs))
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", False


def find_version(name: str) -> str:
    """Return an installed library's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
