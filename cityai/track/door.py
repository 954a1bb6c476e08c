"""How MLflow is loaded: quiet, without telemetry, and soon impatient."""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, Final

from cityai.errors import CityaiError, TrackingError

FORCED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_LOG_UV_FILES": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
"""What MLflow does only when it is told not to do it."""

DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""A server that does not answer is given seconds, not minutes; the city may say otherwise."""

UNREACHED: Final = (
    "an MLflow tracking store that answers",
    "check MLFLOW_TRACKING_URI and the server (`cityai doctor`), and run again; "
    "finished stages are kept",
)
DENIED: Final = "PERMISSION_DENIED"
REFUSALS: Final = {
    "UNAUTHENTICATED": (
        "the server does not know this user, or the password is another",
        "a user of the server: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
        "MLFLOW_TRACKING_TOKEN, or the file ~/.mlflow/credentials",
        "correct them, and run again; finished stages are kept",
    ),
    DENIED: (
        "this user of the server may not do it",
        "the right to edit the project's experiment, and its registered model",
        "ask whoever keeps the server for EDIT, or name a folder of your own in "
        "CITYAI_EXPERIMENTS, and run again; finished stages are kept",
    ),
}
"""What a server's refusal means, what would have been right, and what to do, by MLflow's code."""
DATABASE: Final = {
    "database or disk is full": (
        "no space left on device",
        "a disk with space left",
        "free some space on that disk and run again; finished stages are kept",
    ),
    "attempt to write a readonly database": (
        "it is read-only",
        "a file that can be written",
        "make it writable for you, or set CITYAI_STATE to a folder that is",
    ),
}
"""The same of what SQLite says."""
_STATUSES: Final = {401: "UNAUTHENTICATED", 403: DENIED}
_CREDENTIALS: Final = re.compile(r"//[^/@\s]*@")

STORES: Final = (
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)
LOGGERS = ("mlflow", "alembic", "sqlalchemy.engine", "urllib3.connectionpool")


def set_environment() -> None:
    """Set the variables that MLflow reads, for this process and those that it starts."""
    os.environ.update(FORCED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def import_mlflow() -> Any:
    """Return the module `mlflow`, loaded with our settings (about 6 s the first time)."""
    set_environment()
    if "mlflow" not in sys.modules:
        atexit.register(close_databases)
    with keep_quiet():
        import mlflow
        import mlflow.pyfunc
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return mlflow


def close_databases() -> None:
    """Close MLflow's SQLite files: each is whole then, and has no log beside it."""
    for name in STORES:
        store = getattr(sys.modules.get(name), "SqlAlchemyStore", None)
        for engine in getattr(store, "_engine_map", {}).values():
            engine.dispose()


@contextmanager
def keep_quiet() -> Iterator[None]:
    """Hold back the warnings of MLflow and its libraries; they are not the user's to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def stand_in(module: str, name: str, other: Callable[..., Any]) -> Iterator[None]:
    """Let another function stand in for one of MLflow's; a version without it is left as it is."""
    found = import_module(module)
    kept = getattr(found, name, None)
    if kept is None:
        yield
        return
    setattr(found, name, other)
    try:
        yield
    finally:
        setattr(found, name, kept)


def trust_requirements() -> AbstractContextManager[None]:
    """Hold back MLflow's look at every installed file, for a warning about other versions.

    It costs as much as all else that is logged; what we name are the installed versions.
    """
    name = "warn_dependency_requirement_mismatches"
    return stand_in("mlflow.utils.environment", name, lambda requirements: None)


@contextmanager
def call_mlflow(doing: str, where: str) -> Iterator[None]:
    """Turn any failure of MLflow into one that says what to do.

    Parameters
    ----------
    doing : str
        What the block does: ``the run could not be logged``.
    where : str
        The store, without credentials.

    Raises
    ------
    TrackingError
        In place of whatever MLflow, its database driver or its HTTP client raised.
    """
    try:
        with keep_quiet():
            yield
    except CityaiError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        database = next((DATABASE[text] for text in DATABASE if text in said), None)
        refused = REFUSALS.get(find_code(error), database)
        what, expected, next_step = refused or (_CREDENTIALS.sub("//", said)[:300], *UNREACHED)
        raise TrackingError(
            f"{doing}: {what}", where=where, expected=expected, next_step=next_step
        ) from error


def find_code(error: Exception) -> str:
    """Return MLflow's code of a refusal; of an answer without one, by its HTTP status."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return str(getattr(error, "error_code", "")) or _STATUSES.get(status, "")
