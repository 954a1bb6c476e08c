"""Where an evaluation keeps what it has: told without anything heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cityai.config.evaluations import find_evaluation, find_plan, list_sealed
from cityai.data.file_digests import digest_file
from cityai.store.cards import CARDS, REVIEWS
from cityai.store.digests import digest_text
from cityai.store.files import guard_files
from cityai.store.records import MANIFEST

if TYPE_CHECKING:
    from cityai.config.load import Project
    from cityai.config.project import AuditableSpec

FOLDER: Final = "evaluations"
"""Folder, in the workspace's private one, with what each plan gathers."""
KEPT: Final = "impact"
"""Folder of the evaluation as it stands, in that of its plan."""


def digest_impacts(project: Project[AuditableSpec]) -> str:
    """Digest a project's evaluations as they stand; empty where none is sealed."""
    sealed = list_sealed(project)
    if not sealed:
        return ""
    own = project.state / FOLDER / project.spec.name
    files = [find(project, name) for name in sealed for find in (find_evaluation, find_plan)]
    with guard_files(own, "what an evaluation gathered cannot be read"):
        found = [*files, *sorted(own.glob(f"*/{KEPT}/{MANIFEST}"))]
        if any(b"\ndraw:" in path.read_bytes() for path in files if path.exists()):
            acts = project.workspace / CARDS / project.spec.name / REVIEWS
            found += sorted(acts.glob("*.json"))  # lots follow from one of them
        told = (digest_file(path) if path.exists() else "" for path in found)
        return digest_text(" ".join((*sealed, *told)))
