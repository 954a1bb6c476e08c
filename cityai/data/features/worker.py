"""The inside of the process that runs a project's own functions."""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cityai.confine.child import answer, open_pipes, receive, send
from cityai.data.features.guard import Watch
from cityai.data.features.history import CaseHistory, History
from cityai.errors import CityaiError, DataError, SpecError, suggest_name


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    name: str
    label: str
    where: str
    call: Callable[[Any], object]


def serve(shut: bool) -> None:
    """Load the functions that the first message names; then answer one history after the other."""
    asked, given = open_pipes()
    watch = Watch()
    sys.addaudithook(watch)
    functions: list[_Function] = []
    tables: dict[str, list[pa.Table]] = {}
    while True:
        try:
            parts = receive(asked)
        except EOFError:
            return
        try:
            if functions:
                found = _answer(functions, parts, tables, watch)
            else:
                told = json.loads(parts[0])
                module = _run_file(told["path"], parts[1], watch)
                functions = [_find(module, told["path"], name) for name in told["names"]]
                known = [(function.name, function.label, function.where) for function in functions]
                found = [json.dumps({"shut": shut, "functions": known}).encode()]
            send(given, answer(None, *found))
        except BaseException as error:
            send(given, answer(error))


def _answer(
    functions: list[_Function],
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
    entities = _read_table(parts[3]).to_pandas()
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
        kept.append(_read_table(part))
        # A column without any value in one part has no type there.
        joined = pa.concat_tables(kept, promote_options="permissive")
        frames[name] = joined.to_pandas(ignore_metadata=False)
        frames[name].index = pd.RangeIndex(len(frames[name]))
    cases = frames.pop("")
    return CaseHistory(moment, _read_table(parts[1]).to_pandas(), cases, frames)


def _read_table(part: bytes) -> pa.Table:
    with pa.ipc.open_stream(io.BytesIO(part)) as stream:
        return stream.read_all()


def _run_file(path: str, code: bytes, watch: Watch) -> ModuleType:
    module = ModuleType("features")
    module.__file__ = watch.own = path
    sys.modules["features"] = module
    try:
        with watch.over(path):
            exec(compile(code, path, "exec"), vars(module))  # noqa: S102 - this is its purpose
    except CityaiError:
        raise
    except MemoryError:
        raise
    except BaseException as error:
        raise SpecError(
            f"the file cannot be run: {type(error).__name__}: {error}",
            where=_find_line(error, path, path),
            expected="a file that Python can run, with functions and nothing else to do",
        ) from error
    return module


def _find(module: ModuleType, path: str, name: str) -> _Function:
    found = getattr(module, name, None)
    if not callable(found):
        functions = [n for n, thing in vars(module).items() if callable(thing) and n[0] != "_"]
        raise SpecError(
            f"`features.own` names '{name}', which features.py does not define",
            where=path,
            expected=suggest_name(name, functions),
        )
    code = getattr(found, "__code__", None)
    line = f":{code.co_firstlineno}" if code is not None else ""
    said = (getattr(found, "__doc__", None) or "").strip().splitlines()
    label = said[0].rstrip(".") if said else name.replace("_", " ")
    return _Function(name, label, f"{path}{line}, {name}()", found)


def _call(
    function: _Function, history: History | CaseHistory, index: pd.Index, said: str, watch: Watch
) -> np.ndarray:
    where = f"{function.where} at {history.as_of:%Y-%m-%d}"
    try:
        with watch.over(function.where):
            given = function.call(history)
    except (CityaiError, MemoryError):
        raise
    except BaseException as error:
        path = function.where.split(".py", 1)[0] + ".py"
        raise DataError(
            f"the function {function.name} failed: {type(error).__name__}: {error}",
            where=_find_line(error, path, function.where),
            expected="a function that works on any past, a short one too",
            next_step=said,
        ) from error
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


def _find_line(error: BaseException, path: str, fallback: str) -> str:
    """Return file, line and function of the deepest frame in the project's own file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError):
        return f"{path}:{error.lineno}"
    return f"{path}:{frames[-1].lineno}, {frames[-1].name}()" if frames else fallback
