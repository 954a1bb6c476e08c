"""The project's own features: functions of `features.py` that see a history cut at `as_of`."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from cityai.data.features.guard import close_files
from cityai.data.features.plan import Feature, Floats
from cityai.errors import CityaiError, DataError, SpecError, suggest_name
from cityai.spec.project import Period

Function = Callable[[Any], object]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What a feature function is given: the past, as it was visible at one moment.

    Attributes
    ----------
    as_of : pandas.Timestamp
        The moment at which the question is asked.
    period : {"day", "week", "month"}
        Length of a period.
    values : pandas.DataFrame
        Periods before `as_of` (index: their starts) x entities (columns), float64; NaN where
        nothing was known.
    entities : pandas.DataFrame
        The entities (index) and their attributes at `as_of`.
    """

    as_of: pd.Timestamp
    period: Period
    values: pd.DataFrame
    entities: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class OwnFunction:
    """A feature function and where it is written."""

    name: str
    label: str
    where: str
    call: Function


def load_functions(path: Path, names: Sequence[str]) -> tuple[OwnFunction, ...]:
    """Load the named functions of a project's `features.py`.

    Raises
    ------
    SpecError
        When the file or a function is missing, or the file cannot be run.
    """
    if not names:
        return ()
    if not path.exists():
        raise SpecError(
            f"`features.own` names {', '.join(names)}, and there is no features.py",
            where=str(path),
            next_step="write the file, or remove the names",
        )
    module = _run_file(path)
    return tuple(_find_function(module, path, name) for name in names)


def call_function(function: OwnFunction, history: History) -> Floats:
    """Call one function on one history and check what it gives.

    Returns
    -------
    numpy.ndarray
        (entities,) float64; NaN where the function gave a missing value.

    Raises
    ------
    DataError
        When the function fails, reads a file, or does not give one finite number (or a missing
        value) per entity.
    """
    return run_function(
        function,
        history,
        history.values.columns,
        f"the history was cut at {history.as_of:%Y-%m-%d}, with {len(history.values)} periods",
        history.as_of,
    )


def run_function(
    function: OwnFunction, history: object, index: pd.Index, said: str, as_of: pd.Timestamp
) -> Floats:
    """Call one function on a history of any kind and check what it gives.

    Parameters
    ----------
    function : OwnFunction
        The function.
    history : object
        What it is given.
    index : pandas.Index
        What it must give one number each for, by name or in this order.
    said : str
        What the history holds, for a message.
    as_of : pandas.Timestamp
        The moment of the question.

    Raises
    ------
    DataError
        As `call_function`.
    """
    where = f"{function.where} at {as_of:%Y-%m-%d}"
    try:
        with close_files(function.where):
            given = function.call(history)
    except CityaiError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(
            f"the function {function.name} failed: {type(error).__name__}: {error}",
            where=_find_line(error, function.where),
            expected="a function that works on any past, a short one too",
            next_step=said,
        ) from error
    return _check_result(given, index, where, function.name)


def collect_feature(function: OwnFunction, results: Sequence[Floats]) -> Feature:
    """Join a function's results at all origins, (entities,) each, into one feature.

    It may be undefined (NaN) at any of them: early on, for one, when it looks back a year.
    """
    return Feature(function.name, function.label, np.stack(list(results))[:, :, None])


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_cityai_own_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise SpecError("cannot be read as a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    try:
        with close_files(str(path)):
            spec.loader.exec_module(module)
    except CityaiError:
        raise
    except (Exception, SystemExit) as error:
        raise SpecError(
            f"the file cannot be run: {type(error).__name__}: {error}",
            where=_find_line(error, str(path)),
            expected="a file that Python can run, with functions and nothing else to do",
        ) from error
    return module


def _find_function(module: ModuleType, path: Path, name: str) -> OwnFunction:
    found = getattr(module, name, None)
    if not callable(found):
        functions = [n for n, thing in vars(module).items() if callable(thing) and n[0] != "_"]
        raise SpecError(
            f"`features.own` names '{name}', which features.py does not define",
            where=str(path),
            expected=suggest_name(name, functions),
        )
    code = getattr(found, "__code__", None)
    line = f":{code.co_firstlineno}" if code is not None else ""
    said = (getattr(found, "__doc__", None) or "").strip().splitlines()
    label = said[0].rstrip(".") if said else name.replace("_", " ")
    return OwnFunction(name, label, f"{path}{line}, {name}()", found)


def _check_result(given: object, entities: pd.Index, where: str, name: str) -> Floats:
    if isinstance(given, pd.Series):
        if not given.index.is_unique or set(given.index) != set(entities):
            raise DataError(
                f"the function {name} gave a series whose index is not the entities",
                where=where,
                expected=f"one value for each of the {len(entities)} that are asked about",
            )
        given = given.reindex(entities)
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"the function {name} gave something other than numbers",
            where=where,
            expected="one number, or NaN, for each entity",
        ) from None
    if values.shape != (len(entities),):
        raise DataError(
            f"the function {name} gave the shape {values.shape}",
            where=where,
            expected=f"({len(entities)},): one value for each entity",
        )
    if np.isinf(values).any():
        first = entities[int(np.argmax(np.isinf(values)))]
        raise DataError(
            f"the function {name} gave an infinite value for '{first}'",
            where=where,
            expected="numbers, or NaN where there is none",
        )
    return values


def _find_line(error: BaseException, fallback: str) -> str:
    """Return file, line and function of the deepest frame in the project's own file."""
    path = fallback.split(".py", 1)[0] + ".py"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError):
        return f"{path}:{error.lineno}"
    return f"{path}:{frames[-1].lineno}, {frames[-1].name}()" if frames else fallback
