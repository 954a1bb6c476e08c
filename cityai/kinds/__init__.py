"""Kinds of questions: tables of choices. A kind is one file here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, overload

from cityai.kinds.demand import Demand
from cityai.kinds.external import External
from cityai.kinds.kind import FittingKind, Kind
from cityai.kinds.risk import Risk

if TYPE_CHECKING:
    from cityai.config.load import Project
    from cityai.config.project import AuditableSpec, BaseProjectSpec

KINDS: Final[dict[str, type[Kind]]] = {"demand": Demand, "risk": Risk, "external": External}
"""By the `kind` of a specification."""


@overload
def open_kind(project: Project[BaseProjectSpec]) -> FittingKind: ...
@overload
def open_kind(project: Project[AuditableSpec]) -> Kind: ...
def open_kind(project: Project[AuditableSpec]) -> Kind:
    """Return the choices of a project's kind of question."""
    return KINDS[project.spec.kind](project)


__all__ = ["KINDS", "FittingKind", "Kind", "open_kind"]
