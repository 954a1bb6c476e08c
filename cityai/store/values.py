"""Any frozen record as JSON and files, and back, led by the types of its fields.

Kept exactly: data frames, arrays, nested frozen dataclasses, tuples, lists and dicts of these,
moments (their unit and zone too), not-a-number; anything else as pydantic writes it.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from pydantic import (
    ConfigDict,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)

from cityai.i18n.stored import dump_text, load_text
from cityai.store.tables import Json, read_table, write_table

Files = dict[str, bytes]


def encode_value(value: Any, hint: Any, name: str, files: Files) -> Json:
    """Return `value` as JSON; put the tables and arrays in it into `files`, named after `name`.

    Raises
    ------
    TypeError
        If the value is not of its declared type, or of a type that is not kept.
    """
    hint = _strip_annotation(hint)
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return _encode_union(value, hint, name, files)
    if origin is not Any and isinstance(origin, type) and not _is_instance(value, origin):
        raise TypeError(f"{name}: a {type(value).__name__} where {hint} is declared")
    if origin is pd.DataFrame:
        file = f"{name}.parquet"
        files[file], description = write_table(value)
        return {"file": file, **description}
    if origin is np.ndarray:
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        files[f"{name}.npy"] = buffer.getvalue()
        return {"file": f"{name}.npy"}
    if dataclasses.is_dataclass(origin):
        return _encode_fields(value, name, files)
    if origin is tuple or origin is list:
        hints = _list_hints(hint, len(value))
        if {*map(type, value)} == {str} == {*hints}:  # long lists of names
            return list(value)
        pairs = zip(value, hints, strict=True)
        return [encode_value(v, h, f"{name}.{i}", files) for i, (v, h) in enumerate(pairs)]
    if origin is dict or origin is Mapping:
        key, kept = get_args(hint) or (Any, Any)
        return [
            [encode_value(k, key, name, files), encode_value(v, kept, f"{name}.{i}", files)]
            for i, (k, v) in enumerate(value.items())
        ]
    if origin is pd.Timestamp:
        if value is pd.NaT:
            return None
        return {"moment": value.isoformat(), "unit": value.unit, "zone": value.tz and str(value.tz)}
    if origin is str:
        return dump_text(value)
    if origin in (bool, int, float):
        return value.item() if isinstance(value, np.generic) else value
    return _get_adapter(hint, name).dump_python(value, mode="json")


def decode_value(content: Json, hint: Any, files: Files) -> Any:
    """Return the value that `encode_value` was given."""
    hint = _strip_annotation(hint)
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return _decode_union(content, hint, files)
    if origin is pd.DataFrame:
        return read_table(files[content["file"]], content)
    if origin is np.ndarray:
        return np.load(io.BytesIO(files[content["file"]]), allow_pickle=False)
    if dataclasses.is_dataclass(origin) and isinstance(origin, type):
        hints = _get_hints(origin)
        names = [field.name for field in dataclasses.fields(origin)]
        return origin(
            **{n: decode_value(content[n], hints[n], files) for n in names if n in content}
        )
    if origin is tuple or origin is list:
        pairs = zip(content, _list_hints(hint, len(content)), strict=True)
        return origin(decode_value(v, h, files) for v, h in pairs)
    if origin is dict or origin is Mapping:
        key, kept = get_args(hint) or (Any, Any)
        return {decode_value(k, key, files): decode_value(v, kept, files) for k, v in content}
    if origin is pd.Timestamp:
        if content is None:
            return pd.NaT
        moment = pd.Timestamp(content["moment"]).as_unit(content["unit"])
        return moment.tz_convert(content["zone"]) if content["zone"] else moment
    if origin is str:
        return load_text(content)
    if origin in (bool, int, float):
        return content
    return _get_adapter(hint, str(hint)).validate_python(content)


def _encode_fields(record: Any, name: str, files: Files) -> Json:
    kind: Any = type(record)
    hints = _get_hints(kind)
    inside = f"{name}." if name else ""
    return {
        field.name: encode_value(
            getattr(record, field.name), hints[field.name], f"{inside}{field.name}", files
        )
        for field in dataclasses.fields(record)
    }


def _encode_union(value: Any, hint: Any, name: str, files: Files) -> Json:
    """Write None as null; say which member it is where several are possible."""
    members = _list_members(hint)
    if value is None and len(members) < len(get_args(hint)):
        return None
    if len(members) == 1:
        return encode_value(value, members[0], name, files)
    for exact in (True, False):
        for i, member in enumerate(members):
            if _may_hold(member, value, exact=exact):
                return {"of": i, "value": encode_value(value, member, name, files)}
    raise TypeError(f"{name}: a {type(value).__name__} where {hint} is declared")


def _decode_union(content: Json, hint: Any, files: Files) -> Any:
    members = _list_members(hint)
    if content is None and len(members) < len(get_args(hint)):
        return None
    if len(members) == 1:
        return decode_value(content, members[0], files)
    return decode_value(content["value"], members[content["of"]], files)


def _list_members(hint: Any) -> list[Any]:
    return [member for member in get_args(hint) if member is not NoneType]


def _may_hold(member: Any, value: Any, *, exact: bool) -> bool:
    origin = get_origin(_strip_annotation(member)) or member
    if origin is not Any and isinstance(origin, type):
        return type(value) is origin if exact else _is_instance(value, origin)
    try:
        _get_adapter(member, "").validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _is_instance(value: Any, kind: type) -> bool:
    also: dict[type, Any] = {
        pd.Timestamp: type(pd.NaT),
        int: np.integer,
        float: (int, np.integer, np.floating),
        bool: np.bool_,
    }
    return isinstance(value, (kind, also.get(kind, kind)))


def _list_hints(hint: Any, length: int) -> list[Any]:
    given = get_args(hint)
    if not given:
        return [Any] * length
    if get_origin(hint) is list or (len(given) == 2 and given[1] is Ellipsis):
        return [given[0]] * length
    return [] if given == ((),) else list(given)


def _strip_annotation(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


@cache
def _get_hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _make_adapter(hint: Any) -> TypeAdapter[Any]:
    try:  # infinities stay what they are; pydantic would make them None
        return TypeAdapter(hint, config=ConfigDict(ser_json_inf_nan="constants"))
    except PydanticUserError:  # a type that has a configuration of its own
        return TypeAdapter(hint)


def _get_adapter(hint: Any, name: str) -> TypeAdapter[Any]:
    try:
        return _make_adapter(hint)
    except PydanticSchemaGenerationError as error:
        raise TypeError(f"{name}: the type {hint} is not kept") from error
