"""A city's own Python file inside its closed process: run, looked through, blamed by its line."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa

from cityai.confine.guard import Watch
from cityai.errors import CityaiError, DataError, SpecError, suggest_name


@dataclass(frozen=True, slots=True, eq=False)
class OwnFunction:
    """A function of the file."""

    name: str
    label: str
    """Its name; the first line of its docstring."""
    where: str
    """File, line and name, for messages."""
    path: str
    """The file."""
    call: Callable[..., Any]
    """The function."""


def run_file(path: str, code: bytes, watch: Watch) -> ModuleType:
    """Run a file as a module of its name, under watch.

    Raises
    ------
    SpecError
        When it cannot be run.
    DataError
        When it reaches outside.
    """
    name = watch.file.removesuffix(".py")
    module = ModuleType(name)
    module.__file__ = watch.own = path
    sys.modules[name] = module
    try:
        with watch.over(path):
            exec(compile(code, path, "exec"), vars(module))  # noqa: S102 - this is its purpose
    except (CityaiError, MemoryError):
        raise
    except BaseException as error:
        raise SpecError(
            f"the file cannot be run: {type(error).__name__}: {error}",
            where=find_line(error, path, path),
            expected="a file that Python can run, with functions and nothing else to do",
        ) from error
    return module


def find_function(module: ModuleType, path: str, name: str, key: str) -> OwnFunction:
    """Return a function that a key of the specification names.

    Raises
    ------
    SpecError
        When the file does not define it.
    """
    found = getattr(module, name, None)
    if not callable(found):
        functions = [n for n, thing in vars(module).items() if callable(thing) and n[0] != "_"]
        raise SpecError(
            f"`{key}` names '{name}', which {module.__name__}.py does not define",
            where=path,
            expected=suggest_name(name, functions),
        )
    code = getattr(found, "__code__", None)
    line = f":{code.co_firstlineno}" if code is not None else ""
    said = (getattr(found, "__doc__", None) or "").strip().splitlines()
    label = said[0].rstrip(".") if said else name.replace("_", " ")
    return OwnFunction(name, label, f"{path}{line}, {name}()", path, found)


def call_watched(
    function: OwnFunction,
    watch: Watch,
    work: Callable[[], Any],
    *,
    failed: str,
    expected: str,
    next_step: str,
) -> Any:
    """Return what the city's code gives; blame a failure on the line of its file.

    Raises
    ------
    DataError
        When it fails, or reaches outside.
    """
    try:
        with watch.over(function.where):
            return work()
    except (CityaiError, MemoryError):
        raise
    except BaseException as error:
        raise DataError(
            f"{failed}: {type(error).__name__}: {error}",
            where=find_line(error, function.path, function.where),
            expected=expected,
            next_step=next_step,
        ) from error


def find_line(error: BaseException, path: str, fallback: str) -> str:
    """Return file, line and function of the deepest frame in the city's own file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError):
        return f"{path}:{error.lineno}"
    return f"{path}:{frames[-1].lineno}, {frames[-1].name}()" if frames else fallback


def write_frame(frame: pd.DataFrame) -> bytes:
    """Write a table as Arrow's stream, for a message."""
    buffer = io.BytesIO()
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    return buffer.getvalue()


def read_table(part: bytes) -> pa.Table:
    """Read what `write_frame` wrote, as Arrow's table."""
    with pa.ipc.open_stream(io.BytesIO(part)) as stream:
        return stream.read_all()


def read_frame(part: bytes) -> pd.DataFrame:
    """Read what `write_frame` wrote."""
    return read_table(part).to_pandas()
