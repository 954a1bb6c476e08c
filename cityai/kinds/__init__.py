"""Kinds of questions: tables of choices. A kind is one file here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cityai.kinds.demand import Demand
from cityai.kinds.kind import Kind
from cityai.kinds.risk import Risk

if TYPE_CHECKING:
    from cityai.config.load import Project
    from cityai.config.project import BaseProjectSpec

KINDS: Final[dict[str, type[Kind]]] = {"demand": Demand, "risk": Risk}
"""By the `kind` of a specification."""


def open_kind(project: Project[BaseProjectSpec]) -> Kind:
    """Return the choices of a project's kind of question."""
    return KINDS[project.spec.kind](project)


__all__ = ["KINDS", "Kind", "open_kind"]
