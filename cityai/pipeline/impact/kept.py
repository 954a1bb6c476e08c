"""Where an evaluation keeps what it has: told without anything heavy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from cityai.store.digests import digest_text
from cityai.store.files import guard_files
from cityai.store.records import MANIFEST

if TYPE_CHECKING:
    from cityai.config.load import Project
    from cityai.config.project import AuditableSpec

PLAN: Final = "evaluation.plan.json"
"""The sealed plan, in the project's folder, to be published with it."""
FOLDER: Final = "evaluations"
"""Folder, in the workspace's private one, with what a plan gathers."""
KEPT: Final = "impact"
"""Folder of the evaluation as it stands, in that of its plan."""


def digest_impact(project: Project[AuditableSpec]) -> str:
    """Digest a project's evaluation as it stands; empty where none was announced."""
    plan: Path = project.folder / PLAN
    if not plan.exists():
        return ""
    own = project.state / FOLDER / project.spec.name
    with guard_files(own, "what an evaluation gathered cannot be read"):
        found = [plan, *sorted(own.glob(f"*/{KEPT}/{MANIFEST}"))]
        return digest_text(" ".join(digest_text(path.read_text("utf-8")) for path in found))
