"""From what was written to a checked record, or messages that name each wrong line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar

from cityai.config.record import SpecRecord
from cityai.config.yaml import QUOTE, SHAPES, Document, Location
from cityai.errors import SpecError, suggest_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_ABSENT = object()

RecordT = TypeVar("RecordT", bound=SpecRecord)


def validate_spec(
    model: type[RecordT],
    content: Mapping[str, object],
    document: Document,
    sources: Mapping[str, Document] | None = None,
) -> RecordT:
    """Make a record of what was written, or say at which line it cannot be one.

    Raises
    ------
    SpecError
        Naming every key that is unknown, missing or wrong.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise SpecError(_describe(model, error, document, sources or {})) from None


def read_message(problem: ErrorDetails) -> str:
    """Return what was wrong, without pydantic's name for an error of ours."""
    return problem["msg"].removeprefix("Value error, ")


def _describe(
    model: type[SpecRecord], error: ValidationError, document: Document, by: Mapping[str, Document]
) -> str:
    messages: list[str] = []
    for problem in error.errors(include_url=False):
        source = by.get(str(problem["loc"][0]), document) if problem["loc"] else document
        at = _strip_branches(problem["loc"], source.content)
        name = ".".join(str(part) for part in at)
        where = source.locate(at)
        if problem["type"] == "extra_forbidden":
            known = _known_keys(model, at[:-1])
            hint = QUOTE if " " in str(at[-1]) else suggest_name(str(at[-1]), known)
            messages.append(f"{where}: the key '{name}' is not known\n  next: {hint}")
        elif problem["type"] == "missing":
            messages.append(f"{where}: the key '{name}' is missing")
        else:
            said = read_message(problem)
            given = problem.get("input")
            written = str(given).lower() if isinstance(given, bool) else repr(given)
            is_shown = isinstance(given, str | int | float) and "connections" not in at
            shown = f" (given: {written})" if is_shown else ""
            cut = problem["type"] == "string_type" and isinstance(given, dict)
            step = QUOTE if cut else SHAPES.get(problem["type"], "")
            hint = f"\n  next: {step}" if step else ""
            messages.append(f"{where}: {name}: {said[:1].lower()}{said[1:]}{shown}{hint}")
    return "\n".join(dict.fromkeys(messages))


def _strip_branches(loc: tuple[int | str, ...], content: object) -> Location:
    """Leave out the parts of a pydantic location that name a branch of a union."""
    kept: list[int | str] = []
    node = content
    for i, part in enumerate(loc):
        child = _get_child(node, part)
        if child is _ABSENT and (i < len(loc) - 1 or not isinstance(node, dict)):
            continue
        node = child
        kept.append(part)
    return tuple(kept)


def _get_child(node: object, part: int | str) -> object:
    if isinstance(node, dict):
        return node.get(part, _ABSENT)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return _ABSENT


def _known_keys(model: type[BaseModel], at: Iterable[int | str]) -> list[str]:
    models: list[type[BaseModel]] = [model]
    for part in at:
        found: list[type[BaseModel]] = []
        for candidate in models:
            if part in candidate.model_fields:
                found += _nested_models(candidate.model_fields[str(part)].annotation)
            else:
                found.append(candidate)
        models = found or models
    return [name for candidate in models for name in candidate.model_fields]


def _nested_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, tuple, dict, list) or get_args(annotation):
        return [model for part in get_args(annotation) for model in _nested_models(part)]
    return []
