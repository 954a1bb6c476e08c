"""How MLflow is loaded: quiet, without telemetry, and soon impatient."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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

LOGGERS = ("mlflow", "alembic", "sqlalchemy.engine", "urllib3.connectionpool")


def set_environment() -> None:
    """Set the variables that MLflow reads, for this process and those that it starts."""
    os.environ.update(FORCED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def import_mlflow() -> Any:
    """Return the module `mlflow`, loaded with our settings (about 6 s the first time)."""
    set_environment()
    with keep_quiet():
        import mlflow
        import mlflow.pyfunc
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return mlflow


@contextmanager
def keep_quiet() -> Iterator[None]:
    """Hold back the warnings of MLflow and its libraries; they are not the user's to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


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
        raise TrackingError(
            f"{doing}: {said[:300]}",
            where=where,
            expected="an MLflow tracking store that answers",
            next_step="check MLFLOW_TRACKING_URI and the server (`cityai doctor`), and run again; "
            "finished stages are kept",
        ) from error
