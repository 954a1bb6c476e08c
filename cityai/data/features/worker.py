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
    told = json.loads(parts[0])
    moment = pd.Timestamp(told["as_of"])
    history: History | CaseHistory
    if parts[1] == b"panel":
        history = _read_panel(moment, parts[2:])
        index = history.asked
    else:
        history = _read_cases(moment, parts[2:], tables)
        index = history.asked.index
    results = (_call(function, history, index, told["said"], watch) for function in functions)
    return [values.tobytes() for values in results]


def _read_panel(moment: pd.Timestamp, parts: list[bytes]) -> History:
    period = json.loads(parts[0])["period"]
    starts = pd.DatetimeIndex(np.frombuffer(parts[1], dtype="datetime64[us]").copy())
    entities = read_frame(parts[3])
    values = np.frombuffer(parts[2], dtype=np.float64).copy().reshape(len(starts), len(entities))
    frame = pd.DataFrame(values, index=starts, columns=entities.index)
    return History(moment, period, frame, entities)


def _read_cases(
    moment: pd.Timestamp, parts: list[bytes], tables: dict[str, list[pa.Table]]
) -> CaseHistory:
    """Join what is new to what came before; a table that begins anew takes the place of its own."""
    frames = {}
    for (name, before), part in zip(json.loads(parts[0]), parts[2:], strict=True):
        kept = tables.setdefault(name, [])
        if not before:
            kept.clear()
        kept.append(read_table(part))
        # A column without any value in one part has no type there.
        joined = pa.concat_tables(kept, promote_options="permissive")
        frames[name] = joined.to_pandas(ignore_metadata=False)
        frames[name].index = pd.RangeIndex(len(frames[name]))
    cases = frames.pop("")
    return CaseHistory(moment, read_frame(parts[1]), cases, frames)


def _call(
    function: OwnFunction, history: History | CaseHistory, index: pd.Index, said: str, watch: Watch
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
    return _check_result(given, index, where, function.name)


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
