"""The base of every specification record: frozen, strict about names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class SpecRecord(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def walk_records(
    part: object, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], BaseModel]]:
    """Yield every record of a specification with its place, each before those within it."""
    within: Iterable[tuple[str | int, object]] = ()
    if isinstance(part, BaseModel):
        yield at, part
        within = part
    elif isinstance(part, Mapping):
        within = part.items()
    elif isinstance(part, tuple | list):
        within = enumerate(part)
    for name, value in within:
        yield from walk_records(value, (*at, name))


SLUG: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _check_slug(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise ValueError(
            "must be lower-case letters, digits and underscores, beginning with a letter"
        )
    return value


Slug = Annotated[str, AfterValidator(_check_slug)]
"""A name that is safe in folders, metrics and columns: ``waste_tonnage``."""

RESERVED = {f"{port}{i}" for port in ("com", "lpt") for i in range(10)} | {
    *("con", "prn", "aux", "nul", "artifacts", "evaluations", "index", "locks", "logs"),
    *("misses", "mitigation", "mlflow", "predictions", "projects", "sample_city"),
}
"""Names that a folder of the workspace, or a device of Windows, has already."""


def _check_project_name(value: str) -> str:
    if value in RESERVED:
        raise ValueError(
            f"is a name that the workspace or Windows uses itself; choose another, such as "
            f"city_{value}"
        )
    return value


ProjectName = Annotated[Slug, AfterValidator(_check_project_name)]
"""A slug that may be the name of a project, of an audit, and so of their folders."""

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
