"""A run of which nothing changed: told from what is kept, before anything heavy is loaded."""

from __future__ import annotations

import hashlib
import json
import os
import site
import sqlite3
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cityai.config.keys import KEYS
from cityai.config.places import CONFIGS
from cityai.data.file_digests import digest_file
from cityai.data.sources import digest_sources
from cityai.errors import StoreError
from cityai.pipeline.impact.kept import digest_impacts
from cityai.pipeline.provenance import read_git
from cityai.store.cards import CARDS, JSON, hold_cards
from cityai.store.digests import digest_package, digest_text
from cityai.store.files import write_files
from cityai.store.records import check_manifest, digest_files, read_files
from cityai.store.stages import RECORDS, Store, clean_stages
from cityai.track.server import REGISTRY, VARIABLE, find_database, find_uri

if TYPE_CHECKING:
    from cityai.card.record import CardRecord
    from cityai.config.load import Project
    from cityai.config.project import AuditableSpec
    from cityai.pipeline.result import Result
    from cityai.pipeline.stage import PipelineRun

LAST: Final = "last.json"
"""What the last run of a project was made from and what it left, in its private folder."""
ELSEWHERE: Final = (VARIABLE, REGISTRY, "MLFLOW_RUN_ID")
"""Variables under which runs are kept where nobody looks without MLflow: a run is made."""


@dataclass(frozen=True)
class LastRun:
    """What the last finished run of a project was made from, and what it left."""

    key: str
    """Digest of all that it was made from (`digest_inputs`)."""
    published: dict[str, str]
    """SHA-256 of each file of the published card."""
    stages: dict[str, str]
    results: dict[str, str]
    """The digest under which each stage's record is kept, and that of its manifest."""
    run_id: str
    """Its run in MLflow."""


@dataclass(frozen=True)
class Unchanged:
    """A project of which nothing changed since its last run; names as in `Result`."""

    card: CardRecord
    card_path: Path
    mlflow_run_id: str


def find_unchanged(project: Project[AuditableSpec]) -> Unchanged | None:
    """Return what the last run left if another would be made from the same, to the last byte.

    Its files are all held against what they were: the published card, and every stage's record.
    None where anything is another, is missing, or cannot be told without MLflow.
    """
    name, folder = project.spec.name, project.workspace / CARDS / project.spec.name
    if any(os.environ.get(variable) for variable in ELSEWHERE):
        return None
    try:
        last = LastRun(**json.loads(_find_file(project).read_text("utf-8")))
        with hold_cards(folder.parent, project.state):
            same = last.published == digest_published(folder)
            card = (folder / JSON).read_bytes()
        if not same or not _is_finished(project.state, last.run_id):
            return None
        store = Store(project.state)
        for stage, digest in last.stages.items():
            kept = store.find_folder(name, stage, digest)
            files = read_files(kept)
            check_manifest(files, str(kept))
            if digest_files(files) != last.results[stage]:
                return None
        if last.key != digest_inputs(project):
            return None
    except (OSError, ValueError, LookupError, TypeError, StoreError):
        return None  # a run says what is wrong with it
    from cityai.card.record import CardRecord

    record = CardRecord.model_validate_json(card)
    return Unchanged(record, folder / "card.html", last.run_id)


def keep_last(run: PipelineRun, result: Result, key: str) -> None:
    """Keep what a finished run was made from and left; clean up. Hold the project's lock.

    Parameters
    ----------
    run, result : PipelineRun, Result
        The run, and what it left.
    key : str
        `digest_inputs`, from before anything was read.
    """
    clean_stages(run.store, run.project.spec.name)
    folder = result.card_path.parent
    with hold_cards(folder.parent, run.project.state):
        published = digest_published(folder)
    last = LastRun(key, published, run.digests, run.results, result.mlflow_run_id)
    file = _find_file(run.project)
    write_files({file.name: json.dumps(asdict(last), indent=1).encode()}, file.parent)


def digest_inputs(project: Project[AuditableSpec]) -> str:
    """Digest all that a run and its card are made from: every byte that is read, and the code."""
    beside = sorted(project.folder.iterdir())
    own = [p for p in beside if p.suffix in {".yaml", ".yml", ".py"} and p.is_file()]
    found = sorted(p for p in (project.workspace / CONFIGS).glob("*.y*ml") if p.is_file())
    configs = [path for path in found if path.name != KEYS]  # who may review changes no card
    parts: list[Any] = [
        str(project.folder),
        project.spec.model_dump_json(),
        digest_sources(project),
        digest_impacts(project),
        {str(path): digest_file(path) for path in (*own, *configs)},
        digest_package(),
        _list_libraries(),
        read_git(project.workspace),
        {k: v for k, v in sorted(os.environ.items()) if k.startswith(("CITYAI_", "SOURCE_DATE"))},
    ]
    return digest_text(json.dumps(parts))


def _find_file(project: Project[AuditableSpec]) -> Path:
    return project.state / RECORDS / project.spec.name / LAST


def digest_published(folder: Path) -> dict[str, str]:
    """Digest each file of a published card, without what people decided since."""
    from cityai.card.release import take_out_release

    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    pages = {path.name: take_out_release(path.read_bytes()) for path in files}
    return {name: hashlib.sha256(page).hexdigest() for name, page in pages.items()}


def _list_libraries() -> list[str]:
    """List what is installed where Python looks at its start, whatever was imported since.

    A library's folder of metadata is called by its name and version.
    """
    given = (os.environ.get("PYTHONPATH") or "").split(os.pathsep)
    places = {*site.getsitepackages(), site.getusersitepackages(), *filter(None, given)}
    found = {name for place in places for name in _list_names(place)}
    return sorted(name for name in found if name.endswith((".dist-info", ".egg-info")))


def _list_names(folder: str) -> list[str]:
    with suppress(OSError):  # none there, or nobody may look
        return os.listdir(folder)
    return []


def _is_finished(state: Path, run_id: str) -> bool:
    """Tell whether the workspace's own store still holds a finished run of that id."""
    database = find_database(find_uri(state))
    if database is None or not database.is_file():
        return False
    asked = "SELECT 1 FROM runs WHERE run_uuid = ? AND status = 'FINISHED'"
    asked += " AND lifecycle_stage = 'active'"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(asked, (run_id,)).fetchone() is not None
    except sqlite3.Error:
        return False
