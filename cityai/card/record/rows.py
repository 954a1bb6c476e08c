"""Split-oriented tables: a list of like parts, published with its columns named once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

Facts = dict[str, Any]
T = TypeVar("T")

PUBLISHED: Final = "published"
"""Context of a dump that writes lists of like parts as tables; without it they stay lists."""
KEYS: Final = frozenset({"columns", "rows"})
ALL: Final = KEYS | {"every", "texts"}
TOLD: Final = (
    "A table: `rows` in the order of `columns`; `every` holds what is the same in each row. In a "
    "column that `texts` names, a number is the place of a text there, counted from 0. "
    "`slice.fold` is the key `fold` of `slice`. Cards before 3.0 have a list of objects."
)


class _Table:
    """How a list of parts is written and read: as a table, or as the list that it was before."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the schema: a table becomes its list, and where it is published, is one again."""
        return core_schema.no_info_before_validator_function(
            unfold_rows,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(
                _write, info_arg=True, when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> Facts:
        """Return the JSON Schema."""
        rows = handler(schema["schema"])
        listed = {"type": "array", "items": {"type": "string"}}
        table = {
            "type": "object",
            "description": TOLD,
            "properties": {
                "columns": listed,
                "rows": {"type": "array", "items": {"type": "array"}},
                "every": {"type": "object"},
                "texts": {"type": "object", "additionalProperties": {"type": "array"}},
            },
            "required": ["columns", "rows"],
            "additionalProperties": False,
        }
        return {"anyOf": [rows, table]}


Rows = Annotated[tuple[T, ...], _Table]
"""Parts of one type, published as a table."""


def _write(
    parts: Any, handler: Callable[[Any], list[Facts]], info: core_schema.SerializationInfo
) -> list[Facts] | Facts:
    rows = handler(parts)
    return fold_rows(rows) if info.context == PUBLISHED else rows


def fold_rows(rows: list[Facts]) -> Facts:
    """Return objects as a table: `unfold_rows` gives them back.

    What an object lacks is null in its row.
    """
    nested = {
        key
        for key in {k for row in rows for k in row}
        if all(_is_mapping(row[key]) for row in rows if key in row)
    }
    flat = [_flatten(row, nested) for row in rows]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    texts: dict[str, list[Any]] = {}
    for name in columns:
        if numbered := _number_texts(flat, name):
            texts[name] = numbered
    every = {}
    if len(flat) > 1:
        every = {n: flat[0].get(n) for n in columns if all(_same(r, flat[0], n) for r in flat)}
    kept = [name for name in columns if name not in every]
    table: Facts = {"columns": kept, "rows": [[row.get(n) for n in kept] for row in flat]}
    return table | {k: v for k, v in (("every", every), ("texts", texts)) if v}


def unfold_rows(table: Any) -> Any:
    """Return a table as the objects that it was made of; anything else as it is.

    Raises
    ------
    ValueError
        When it is no table: a row is longer or shorter than the columns, a text is missing.
    """
    if not isinstance(table, dict) or not table.keys() >= KEYS:
        return table
    columns, rows = table["columns"], table["rows"]
    every, texts = table.get("every", {}), table.get("texts", {})
    if not isinstance(every, dict) or not isinstance(texts, dict):
        raise ValueError("a table whose `every` or `texts` is no object")
    lists = (columns, rows, *(rows if isinstance(rows, list) else ()), *texts.values())
    if not all(isinstance(part, list) for part in lists):
        raise ValueError("a table whose `columns`, rows or texts are no lists")
    names = [*columns, *every]
    if len({n for n in names if isinstance(n, str)}) < len(names) or not table.keys() <= ALL:
        raise ValueError("a table with a key or column that is unknown, or there twice")
    if any(len(row) != len(columns) for row in rows):
        raise ValueError("a table whose rows do not have its columns")
    return [_nest(every | dict(zip(columns, row, strict=True)), texts) for row in rows]


def _is_mapping(value: Any) -> bool:
    """Tell an object that has columns of its own from a text, and from a table."""
    if not isinstance(value, dict) or not value:
        return False
    return "id" not in value and not value.keys() >= KEYS


def _flatten(row: Facts, nested: set[str]) -> Facts:
    flat: Facts = {}
    for key, value in row.items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if key in nested else {key: value}
    return flat


def _number_texts(flat: list[Facts], name: str) -> list[Any]:
    """Take the texts out of a column that says one twice; leave their places."""
    own = [row for row in flat if isinstance(row.get(name), dict) and "id" in row[name]]
    written = [json.dumps(row[name], sort_keys=True) for row in own]
    texts = {text: row[name] for text, row in zip(written, own, strict=True)}
    if len(texts) == len(own):
        return []
    places = {text: n for n, text in enumerate(texts)}
    for text, row in zip(written, own, strict=True):
        row[name] = places[text]
    return list(texts.values())


def _same(row: Facts, first: Facts, name: str) -> bool:
    one, other = row.get(name), first.get(name)
    return type(one) is type(other) and one == other


def _nest(flat: Facts, texts: dict[str, list[Any]]) -> Facts:
    row: Facts = {}
    for name, value in flat.items():
        if value is None:
            continue
        if name in texts and type(value) is int:
            if not 0 <= value < len(texts[name]):
                raise ValueError(f"a table without the text {value} of `{name}`")
            value = texts[name][value]
        key, dot, inside = name.partition(".")
        if not dot:
            row[key] = value
        elif isinstance(row.setdefault(key, {}), dict):
            row[key][inside] = value
        else:
            raise ValueError(f"a table with `{key}` and `{name}`")
    return row
