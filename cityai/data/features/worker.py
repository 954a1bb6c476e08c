"""The inside of the process that runs a project's own functions."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cityai.confine.child import answer_messages
from cityai.confine.guard import Watch
from cityai.confine.own_code import (
    OwnFunction,
    call_watched,
    find_function,
    read_frame,
    read_table,
    run_file,
)
from cityai.data.features.history import CaseHistory, History
from cityai.errors import DataError

FILE: Final = "features.py"
HISTORIES: Final = {kind.__name__: kind for kind in (History, CaseHistory)}
RULE: Final = "a feature may only use the history that it is given"


def serve(shut: bool) -> None:
    """Load the functions that the first message names; then answer one history after the other."""
    answer_messages(_Desk(shut).work)


class _Desk:
    """The functions that were loaded, and the tables that came before."""

    def __init__(self, shut: bool) -> None:
        self._shut, self._watch = shut, Watch(FILE, RULE)
        self._functions: list[OwnFunction] = []
        self._tables: dict[str, list[pa.Table]] = {}

    def work(self, parts: list[bytes]) -> list[bytes]:
        if self._functions:
            return _answer(self._functions, parts, self._tables, self._watch)
        told = json.loads(parts[0])
        path = told["path"]
        module = run_file(path, parts[1], self._watch)
        self._functions = [find_function(module, path, n, "features.own") for n in told["names"]]
        known = [(function.name, function.label, function.where) for function in self._functions]
        return [json.dumps({"shut": self._shut, "functions": known}).encode()]


def _answer(
    functions: list[OwnFunction],
    parts: list[bytes],
    tables: dict[str, list[pa.Table]],
    watch: Watch,
) -> list[bytes]:
    about = json.loads(parts[0])
    packed = about, read_frame(parts[1]), _read_tables(about["tables"], parts[2:], tables)
    history = HISTORIES[about["kind"]].unpack(pd.Timestamp(about["as_of"]), packed)
    results = (_call(function, history, about["said"], watch) for function in functions)
    return [values.tobytes() for values in results]


def _read_tables(
    names: list[tuple[str, int]], parts: list[bytes], tables: dict[str, list[pa.Table]]
) -> dict[str, pd.DataFrame]:
    """Join what is new to what came before; a table that begins anew takes the place of its own."""
    frames = {}
    for (name, before), part in zip(names, parts, strict=True):
        kept = tables.setdefault(name, [])
        if not before:
            kept.clear()
        kept.append(read_table(part))
        # A column without any value in one part has no type there.
        joined = pa.concat_tables(kept, promote_options="permissive")
        frames[name] = joined.to_pandas(ignore_metadata=False)
        frames[name].index = pd.RangeIndex(len(frames[name]))
    return frames


def _call(
    function: OwnFunction, history: History | CaseHistory, said: str, watch: Watch
) -> np.ndarray:
    where = f"{function.where} at {history.as_of:%Y-%m-%d}"
    given = call_watched(
        function,
        watch,
        lambda: function.call(history),
        failed=f"the function {function.name} failed",
        expected="a function that works on any past, a short one too",
        next_step=said,
    )
    return _check_result(given, history.index, where, function.name)


def _check_result(given: object, asked: pd.Index, where: str, name: str) -> np.ndarray:
    if isinstance(given, pd.Series):
        if not given.index.is_unique or set(given.index) != set(asked):
            raise DataError(
                f"the function {name} gave a series whose index is not the entities",
                where=where,
                expected=f"one value for each of the {len(asked)} that are asked about",
            )
        given = given.reindex(asked)
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"the function {name} gave something other than numbers",
            where=where,
            expected="one number, or NaN, for each entity",
        ) from None
    if values.shape != (len(asked),):
        raise DataError(
            f"the function {name} gave the shape {values.shape}",
            where=where,
            expected=f"({len(asked)},): one value for each entity",
        )
    if np.isinf(values).any():
        first = asked[int(np.argmax(np.isinf(values)))]
        raise DataError(
            f"the function {name} gave an infinite value for '{first}'",
            where=where,
            expected="numbers, or NaN where there is none",
        )
    return values
