"""Split-oriented tables: a list of like parts, published with its columns named once."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
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
            _unfold_rows,
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
    return _fold_rows(rows) if info.context == PUBLISHED else rows


def _fold_rows(rows: list[Facts]) -> Facts:
    """Return objects as a table: `_unfold_rows` gives them back.

    What an object lacks is null in its row.
    """
    if not rows:
        return {"columns": [], "rows": []}
    first = {key: value for row in reversed(rows) for key, value in row.items()}
    nested = {
        key
        for key, value in first.items()
        if _is_mapping(value) and all(_is_mapping(row[key]) for row in rows if key in row)
    }
    flat = [_flatten(row, nested) for row in rows] if nested else rows
    columns = {n: [row.get(n) for row in flat] for n in dict.fromkeys(chain.from_iterable(flat))}
    texts = {name: said for name, cells in columns.items() if (said := _number_texts(cells))}
    every = {}
    if len(flat) > 1:
        every = {name: cells[0] for name, cells in columns.items() if _are_same(cells)}
    kept = [name for name in columns if name not in every]
    told = [*map(list, zip(*map(columns.get, kept), strict=True))] if kept else [[] for _ in flat]
    table: Facts = {"columns": kept, "rows": told}
    return table | {k: v for k, v in (("every", every), ("texts", texts)) if v}


def _unfold_rows(table: Any) -> Any:
    """Return a table as the objects that it was made of; anything else as it is."""
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
    places = [(*name.partition("."), texts.get(name)) for name in (*every, *columns)]
    same = [*every.values()]
    return [_nest(places, (*same, *row)) for row in rows]


def _is_mapping(value: Any) -> bool:
    """Tell an object that has columns of its own from a text, and from a table."""
    if not isinstance(value, dict) or not value:
        return False
    return "id" not in value and not value.keys() >= KEYS


def _flatten(row: Facts, nested: set[str]) -> Facts:
    flat: Facts = {}
    for key, value in row.items():
        if key in nested:
            flat.update([(f"{key}.{k}", v) for k, v in value.items()])
        else:
            flat[key] = value
    return flat


def _number_texts(cells: list[Any]) -> list[Any]:
    """Take the texts out of a column that says one twice; leave their places."""
    if dict not in map(type, cells):  # most columns hold none
        return []
    own = [n for n, cell in enumerate(cells) if isinstance(cell, dict) and "id" in cell]
    if len(own) < 2:
        return []
    written = {n: json.dumps(cells[n], sort_keys=True) for n in own}
    texts = {text: cells[n] for n, text in written.items()}
    if len(texts) == len(own):
        return []
    places = {text: place for place, text in enumerate(texts)}
    for n, text in written.items():
        cells[n] = places[text]
    return list(texts.values())


def _are_same(cells: list[Any]) -> bool:
    return cells.count(cells[0]) == len(cells) and len(set(map(type, cells))) == 1


def _nest(places: list[tuple[str, str, str, list[Any] | None]], cells: tuple[Any, ...]) -> Facts:
    """Return an object from its cells; each has a key, perhaps one inside, and texts."""
    row: Facts = {}
    for (key, dot, inside, texts), value in zip(places, cells, strict=True):
        if value is None:
            continue
        if texts is not None and type(value) is int:
            if not 0 <= value < len(texts):
                raise ValueError(f"a table without the text {value} of `{key}{dot}{inside}`")
            value = texts[value]
        if not dot:
            row[key] = value
        elif isinstance(row.setdefault(key, {}), dict):
            row[key][inside] = value
        else:
            raise ValueError(f"a table with `{key}` and `{key}{dot}{inside}`")
    return row
