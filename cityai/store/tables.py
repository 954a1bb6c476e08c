"""Data frames as Parquet bytes and a description, so that what comes back equals what went in.

Parquet alone forgets unused categories, second-wide dates, the kind of missing value and the
frequency of an index; the description remembers them.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cityai.i18n.stored import dump_text, load_text

Json = Any
_INDEX = "__index_{}__"
_OBJECTS = ("texts", "cells")
"""Columns that are objects; pandas would hold their texts as ``str``."""


def write_table(frame: pd.DataFrame) -> tuple[bytes, Json]:
    """Return a frame as Parquet bytes and a JSON description.

    Raises
    ------
    TypeError
        For columns that hold objects other than texts, numbers, booleans, missing values, and
        lists, tuples and dicts of these.
    """
    if isinstance(frame.columns, pd.MultiIndex) or not frame.columns.is_unique:
        raise TypeError("a table's columns need one unique name each")
    arrays: dict[str, Any] = {}
    kinds: list[Json] = []
    names = [str(label) for label in frame.columns]
    if len(set(names)) < len(names) or any(n.startswith("__index_") for n in names):
        names = [str(i) for i in range(len(names))]
    for i, name in enumerate(names):
        try:
            arrays[name], kind = _write_column(frame.iloc[:, i])
        except (TypeError, pa.ArrowException) as error:
            raise TypeError(f"the column '{frame.columns[i]}' cannot be saved: {error}") from error
        kinds.append(kind)
    index = _write_index(frame.index, arrays)
    description = {
        "rows": len(frame),
        "labels": _write_labels(frame.columns),
        "columns": [{"name": n, **k} for n, k in zip(names, kinds, strict=True)],
        "index": index,
    }
    buffer, table = io.BytesIO(), pa.table(arrays)
    # Measured figures hardly ever repeat: a dictionary of them is made in vain, and thrown away.
    repeated = [kind.name for kind in table.schema if not pa.types.is_floating(kind.type)]
    pq.write_table(table, buffer, compression="zstd", use_dictionary=repeated)
    return buffer.getvalue(), description


def read_table(content: bytes, description: Json) -> pd.DataFrame:
    """Return the frame that `write_table` was given."""
    table = pq.read_table(io.BytesIO(content))
    index = _read_index(description["index"], table)
    columns = {
        i: pd.Series(
            _read_column(table.column(kind["name"]), kind),
            index=index,
            dtype=object if kind["kind"] in _OBJECTS else None,
        )
        for i, kind in enumerate(description["columns"])
    }
    frame = pd.DataFrame(columns, index=index)
    frame.columns = _read_labels(description["labels"])
    return frame


def _write_column(values: pd.Series[Any] | pd.Index[Any]) -> tuple[Any, dict[str, Json]]:
    dtype: Any = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = np.asarray(pd.Series(values).cat.codes, dtype=np.int32)
        kept, kind = _write_column(dtype.categories)
        array = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), kept)
        listed = _list_values(dtype.categories)
        described = {"values": listed, **kind}
        return array, {"kind": "category", "ordered": dtype.ordered, "categories": described}
    if isinstance(dtype, pd.DatetimeTZDtype):
        array, _ = _write_column(pd.DatetimeIndex(values).tz_convert("UTC").tz_localize(None))
        return array, {"kind": "zoned", "unit": dtype.unit, "zone": str(dtype.tz)}
    if isinstance(dtype, pd.StringDtype):
        cells = values.array if dtype.storage == "pyarrow" else values.to_numpy(dtype=object)
        array = pa.array(cells, type=pa.large_string(), from_pandas=True)
        missing = "nan" if dtype.na_value is np.nan else "NA"
        return array, {"kind": "text", "storage": dtype.storage, "missing": missing}
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _write_objects(list(values))
    if isinstance(dtype, np.dtype):
        content = values.to_numpy()
        if dtype.kind == "M":
            return pa.array(content, from_pandas=True), {"kind": "moment", "dtype": str(dtype)}
        if dtype.kind == "m":
            return pa.array(content.view(np.int64)), {"kind": "span", "dtype": str(dtype)}
        if dtype.kind in "biuf":
            return pa.array(content), {"kind": "plain", "dtype": str(dtype)}
    if isinstance(dtype, pd.api.extensions.ExtensionDtype) and hasattr(dtype, "numpy_dtype"):
        return pa.array(values), {"kind": "nullable", "dtype": str(dtype)}
    raise TypeError(f"the type {dtype} is not kept")


def _read_column(column: Any, kind: Json) -> Any:
    match kind["kind"]:
        case "category":
            categories = _read_labels(kind["categories"])
            found = pa.table({"values": column.unify_dictionaries()}).to_pandas()["values"].cat
            codes = np.append(categories.get_indexer(found.categories), -1)[found.codes]
            return pd.Categorical.from_codes(codes, categories, ordered=kind["ordered"])
        case "zoned":
            naive = column.to_numpy().astype(f"datetime64[{kind['unit']}]")
            return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(kind["zone"])
        case "text":
            missing = np.nan if kind["missing"] == "nan" else pd.NA
            text = pd.StringDtype(kind["storage"], na_value=missing)
            return pd.array(column.to_pylist(), dtype=text)
        case "texts":
            return _fill(column.to_pylist())
        case "cells":
            return _fill([_read_cell(json.loads(cell)) for cell in column.to_pylist()])
        case "span":
            return column.to_numpy().view(kind["dtype"].replace("timedelta64", "m8"))
        case "nullable":
            return pd.array(column.to_pylist(), dtype=kind["dtype"])
    content = column.to_numpy()
    return content.astype(np.dtype(kind["dtype"]), copy=not content.flags.writeable)


def _write_objects(values: list[object]) -> tuple[Any, dict[str, Json]]:
    if {*map(type, values)} <= {str, type(None)}:
        return pa.array(values, type=pa.large_string()), {"kind": "texts"}
    which = [*map(id, values)]  # most rows of a long column hold one of a few objects
    few = dict(zip(which, values, strict=True))
    written = {key: json.dumps(_write_cell(value)) for key, value in few.items()}
    cells = [*map(written.__getitem__, which)]
    return pa.array(cells, type=pa.large_string()), {"kind": "cells"}


def _write_cell(value: object) -> Json:
    """Return a cell as JSON: lists as they are, tuples and dicts marked."""
    value = _plain(value)
    if isinstance(value, str):
        content = dump_text(value)
        return content if isinstance(content, str) else {"text": content}
    if value is None or isinstance(value, int | float | bool):
        return value
    if type(value) is list:
        return [_write_cell(v) for v in value]
    if type(value) is tuple:
        return {"tuple": [_write_cell(v) for v in value]}
    if type(value) is dict:
        return {"dict": [[_write_cell(k), _write_cell(v)] for k, v in value.items()]}
    raise TypeError(f"it holds an object of type {type(value).__name__}")


def _read_cell(cell: Json) -> object:
    if isinstance(cell, list):
        return [_read_cell(v) for v in cell]
    if isinstance(cell, dict) and "tuple" in cell:
        return tuple(_read_cell(v) for v in cell["tuple"])
    if isinstance(cell, dict) and "text" in cell:
        return load_text(cell["text"])
    if isinstance(cell, dict):
        return {_read_cell(k): _read_cell(v) for k, v in cell["dict"]}
    return cell


def _fill(values: list[object]) -> np.ndarray[Any, Any]:
    filled = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        filled[i] = value
    return filled


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _list_values(values: pd.Index[Any]) -> list[Json]:
    if isinstance(values, pd.DatetimeIndex | pd.TimedeltaIndex):
        return list(values.asi8.tolist())
    listed = [_plain(value) for value in values]
    if not all(isinstance(v, str | int | float | bool) for v in listed):
        raise TypeError(f"names of type {values.dtype} are not kept")
    return listed


def _write_labels(labels: pd.Index[Any]) -> Json:
    kind = _write_column(labels)[1]
    return {"values": _list_values(labels), "label": _plain(labels.name), **kind}


def _read_labels(description: Json) -> Any:
    values, name = description["values"], description.get("label")
    match description["kind"]:
        case "category":
            kept = _read_labels(description["categories"])
            return pd.CategoricalIndex(
                values, categories=kept, ordered=description["ordered"], name=name
            )
        case "moment":
            return pd.DatetimeIndex(np.array(values, "i8").view(description["dtype"]), name=name)
        case "text":
            missing = np.nan if description["missing"] == "nan" else pd.NA
            dtype = pd.StringDtype(description["storage"], na_value=missing)
            return pd.Index(values, dtype=dtype, name=name)
        case "plain":
            return pd.Index(values, dtype=description["dtype"], name=name)
        case "texts" | "cells":
            return pd.Index(values, dtype=object, name=name)
    raise TypeError(f"labels of kind {description['kind']} are not kept")


def _write_index(index: pd.Index[Any], arrays: dict[str, Any]) -> Json:
    if isinstance(index, pd.RangeIndex):
        steps = [index.start, index.stop, index.step]
        return {"range": steps, "names": [_plain(index.name)]}
    kinds = []
    for i in range(index.nlevels):
        name = _INDEX.format(i)
        arrays[name], kind = _write_column(index.get_level_values(i))
        kinds.append({"name": name, **kind})
    frequency = getattr(index, "freqstr", None)
    names = [_plain(name) for name in index.names]
    return {"levels": kinds, "names": names, "frequency": frequency}


def _read_index(description: Json, table: Any) -> Any:
    names = description["names"]
    if "range" in description:
        start, stop, step = description["range"]
        return pd.RangeIndex(start, stop, step, name=names[0])
    levels = [_read_column(table.column(kind["name"]), kind) for kind in description["levels"]]
    if len(levels) > 1:
        return pd.MultiIndex.from_arrays(levels, names=names)
    if description["frequency"] is not None:
        return pd.DatetimeIndex(levels[0], freq=description["frequency"], name=names[0])
    return pd.Index(levels[0], name=names[0])
