"""What every part of the record is made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import core_schema

from cityai.i18n.stored import dump_text, load_text

Unit = str
"""``share`` (0.08 is read as 8 %), ``ratio``, or the target's own unit (``tons``)."""
StatusWord = Literal["pass", "fail", "not enough evidence", "suppressed", "not applicable", "error"]
"""The values of `cityai.findings.Status`."""
GradeWord = Literal[
    "within",
    "beyond",
    "no gap seen",
    "gap of open size",
    "leans beyond",
    "too few to say",
    "",
]
"""The values of `cityai.inference.equivalence.Grade`, or nothing."""


class _Text:
    """How a text of the record is read and written: a message with its arguments, or plain."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the schema: any text is kept as it is, JSON of a message becomes one."""
        return core_schema.no_info_plain_validator_function(
            load_text,
            serialization=core_schema.plain_serializer_function_ser_schema(
                dump_text, when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema."""
        message = {
            "type": "object",
            "description": "A message: its template, its arguments, and its text in English.",
            "properties": {
                "id": {"type": "string"},
                "arguments": {"type": "object"},
                "several": {"type": "string"},
                "case": {"enum": ["upper", "lower"]},
                "text": {"type": "string"},
            },
            "required": ["id"],
        }
        return {"anyOf": [{"type": "string"}, message]}


Text = Annotated[str, _Text]
"""A sentence or a label: a message that a page writes in the reader's language. Plain text is a
name, or a sentence of a card of schema 1, and is shown as it is."""


def _relax(schema: dict[str, Any], part: type[BaseModel]) -> None:
    """Say in the JSON Schema that a field that may be nothing may be left out."""
    needed = [name for name in schema.get("required", ()) if name not in _list_optional(part)]
    schema["required"] = needed


@cache
def _list_lacking(part: type[BaseModel]) -> dict[str, None]:
    """Return what a part holds of which nothing was published: it has to be there, as nothing."""
    fields = part.model_fields
    return {name: None for name in _list_optional(part) if fields[name].is_required()}


def _list_optional(part: type[BaseModel]) -> list[str]:
    fields = part.model_fields.items()
    return [name for name, field in fields if type(None) in get_args(field.annotation)]


class Sparse(BaseModel):
    """What is nothing is left out of the published JSON, and is nothing again when it is read."""

    model_config = ConfigDict(json_schema_extra=_relax)

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, facts: Any) -> Any:
        if not isinstance(facts, dict):
            return facts
        return _list_lacking(cls) | facts


class Part(Sparse):
    """A frozen part of the record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Number(Part):
    """One figure: what was measured, of which slice, how sure, from where."""

    metric: str
    value: float | None
    """Rounded for publication; nothing when undefined or suppressed (see `reason`)."""
    unit: Unit
    slice: dict[str, str]
    """Dimension = value pairs: ``{"model": "forecast", "fold": "3"}``."""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    """Predictions behind it."""
    source: str
    """Record and table that it was taken from."""
    reason: Text = ""
    """Why there is no value, or no interval."""
    between: tuple[float, float] | None = None
    """What `value` lies between where it is not said exactly: of few people, it is a count."""


def index_whole(numbers: Iterable[Number]) -> dict[tuple[str, str], Number]:
    """Index the figures over all test periods together by model and metric."""
    return {(n.slice["model"], n.metric): n for n in numbers if n.slice.keys() == {"model"}}
