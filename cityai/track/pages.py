"""MLflow's pages: its server for this machine, ended with whoever asked for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from cityai.errors import TrackingError
from cityai.track.door import call_mlflow, set_environment
from cityai.track.server import (
    ARTIFACTS,
    DATABRICKS,
    SHARED,
    Tracking,
    connect_tracking,
    describe_uri,
    find_uri,
)
from cityai.track.views import SAVED, write_address

KEEPER: Final = Path(__file__).parent / "keeper.py"
LOOK_SECONDS: Final = 0.5
START_SECONDS: Final = 600.0
"""MLflow's server loads for seconds, and for longer on a machine that is busy."""
PRIVATE: Final = "127.0.0.1"


def build_ui_command(state: Path, port: int) -> list[str]:
    """Return the command of MLflow's pages on the workspace's own store, for this machine only."""
    artifacts = (state / ARTIFACTS).resolve().as_uri()
    address = ["--host", PRIVATE, "--port", str(port)]
    uri = find_uri(state)
    store = ["--backend-store-uri", uri, "--registry-store-uri", uri]
    store += ["--default-artifact-root", artifacts]
    quiet = ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    return [sys.executable, "-m", "mlflow", "server", *address, *store, *quiet]


def find_server(state: Path) -> str:
    """Return the address of a server that somebody else runs; empty where there is none."""
    uri = find_uri(state)
    return describe_uri(uri) if uri.startswith(("http:", "https:", DATABRICKS)) else ""


def find_page(state: Path, server: str, project: str = "") -> str:
    """Return the address of a project's runs, compared; without it, of who ran last.

    Raises
    ------
    TrackingError
        If the store does not answer, or the project was never run.
    """
    tracking = connect_tracking(state)
    with call_mlflow("the experiments could not be listed", tracking.where):
        if project:
            found = tracking.client.get_experiment_by_name(tracking.name_experiment(project))
        else:
            found = next(iter(_list_latest(tracking)), None)
    if found is None and project:
        raise TrackingError(
            f"'{project}' was never run",
            where=tracking.where,
            expected="an experiment of this project",
            next_step=f"cityai run projects/{project}",
        )
    if server.startswith(DATABRICKS):
        return f"the experiment {found.name if found else SHARED} of your Databricks workspace"
    if found is None:
        return write_address(server)
    return write_address(server, found.experiment_id, saved=SAVED in found.tags)


def _list_latest(tracking: Tracking) -> Iterator[Any]:
    """List the experiment of the latest run of ours; none in a store without one."""
    experiments = tracking.client.search_experiments(order_by=["last_update_time DESC"])
    ids = {experiment.experiment_id: experiment for experiment in experiments}
    latest = tracking.client.search_runs(
        list(ids),
        "tags.`cityai.role` = 'run'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    yield from (ids[run.info.experiment_id] for run in latest)


def open_pages(state: Path, port: int, tell: Callable[[str], object], project: str = "") -> int:
    """Run MLflow's pages until they are ended, or whoever asked for them is gone.

    Parameters
    ----------
    state : Path
        The workspace's private folder.
    port : int
        A free port.
    tell : callable
        Told the address, once there is somebody at it.
    project : str
        Whose runs are shown.

    Returns
    -------
    int
        The server's exit code; 0 when it was ended.

    Raises
    ------
    TrackingError
        If the server does not open.
    """
    set_environment()
    parent = os.getppid()
    with suppress(_AskedToEndError), _hear_requests():
        page = find_page(state, f"http://{PRIVATE}:{port}", project)
        with _keep_server(build_ui_command(state, port)) as server:
            begun = time.monotonic()
            while not _is_open(port):
                if server.poll() is not None or time.monotonic() - begun > START_SECONDS:
                    raise TrackingError(
                        "MLflow's pages did not open",
                        where=f"http://{PRIVATE}:{port}",
                        expected=f"an answer within {START_SECONDS:g} seconds",
                        next_step="read what the server said, and try again (`cityai doctor`)",
                    )
                _look_for_parent(parent)
            tell(page)
            while server.poll() is None:
                _look_for_parent(parent)
            return server.returncode
    return 0


@contextmanager
def _keep_server(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server that ends with this process, however it ends."""
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    kept = [sys.executable, str(KEEPER), *command]
    server = subprocess.Popen(kept, stdin=subprocess.PIPE, env=env)
    assert server.stdin is not None  # noqa: S101 - it is a pipe
    try:
        yield server
    finally:
        server.stdin.close()
        server.wait()


def _look_for_parent(parent: int) -> None:
    """Wait a moment; stop when whoever started this process is gone."""
    time.sleep(LOOK_SECONDS)
    if os.getppid() != parent and not _is_detached():
        raise _AskedToEndError


class _AskedToEndError(Exception):
    """The process was asked to end."""


@contextmanager
def _hear_requests() -> Iterator[None]:
    """Let a request to end reach the block as an exception."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _AskedToEndError

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and not _is_detached():
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_detached() -> bool:
    """Tell whether the process was told to outlive its terminal (`nohup`)."""
    hang_up = getattr(signal, "SIGHUP", None)
    return hang_up is not None and signal.getsignal(hang_up) is signal.SIG_IGN


def _is_open(port: int) -> bool:
    try:
        socket.create_connection((PRIVATE, port), timeout=LOOK_SECONDS).close()
    except OSError:
        return False
    return True
