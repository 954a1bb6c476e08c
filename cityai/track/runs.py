"""A run that is visible from its first second and never left RUNNING."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from cityai.errors import SetupError, SpecError, StoreError, TrackingError
from cityai.progress import tell
from cityai.store.cards import CARDS, read_seal
from cityai.track.door import call_mlflow, keep_quiet
from cityai.track.measures import Measure, log_batch
from cityai.track.names import (
    FAILURE,
    NAME,
    NOTE,
    PARENT,
    PROCESS,
    PROJECT,
    ROLE,
    SEAL,
    SOURCE,
    USER,
)
from cityai.track.process import describe_process, is_dead, keep_beating
from cityai.track.server import Tracking, connect_tracking

STOPPED = "the process ended without a word (killed, or the machine was switched off)"
HELD_BACK = "its message, which may hold data, was shown where it ran"
_WITHOUT_DATA = (SpecError, StoreError, TrackingError, SetupError, SystemExit)
"""Errors whose messages hold no cell of a city's data."""
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class ProcessStopped(KeyboardInterrupt):
    """The process was asked to end (SIGTERM, SIGHUP); treated as Ctrl-C is."""


@dataclass(frozen=True)
class TrackedRun:
    """A run that is being written."""

    tracking: Tracking
    """The store."""
    experiment_id: str
    run_id: str
    """MLflow's own names for the experiment and the run."""
    project: str
    """The project's name."""

    def log_child(
        self,
        name: str,
        role: str,
        measures: Iterable[Measure],
        params: Mapping[str, str],
        tags: Mapping[str, str],
        dataset: Any = None,
    ) -> None:
        """Write a finished run below this one: its figures, its parameters, its data."""
        own = {PARENT: self.run_id, **_own_tags(self.project, name), ROLE: role, **tags}
        own |= describe_process()  # what is for machines comes last
        client = self.tracking.client
        child = client.create_run(self.experiment_id, tags=own, run_name=name).info.run_id
        log_batch(client, child, measures, params=params)
        if dataset is not None:
            client.log_inputs(child, datasets=[dataset])
        client.set_terminated(child, "FINISHED")

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags at once, before the final log."""
        with call_mlflow("the run could not be tagged", self.tracking.where):
            for name, value in tags.items():
                self.tracking.client.set_tag(self.run_id, name, value)


class Workspace(Protocol):
    """Where runs are kept, and where their cards are published: a project, an audit."""

    @property
    def workspace(self) -> Path:
        """The folder that holds ``model_cards``."""

    @property
    def state(self) -> Path:
        """Its private folder."""


@contextmanager
def open_run(
    place: Workspace, project: str, *, name: str = "", tags: Mapping[str, str] | None = None
) -> Iterator[TrackedRun]:
    """Open the project's run; close it as FINISHED, or as FAILED with the reason.

    A run whose card came out is FINISHED, whatever happened afterwards. Runs of this project that
    a killed process left RUNNING are closed first. Under `mlflow run`
    the run that it opened is taken over.

    Raises
    ------
    TrackingError, StoreError
        If the tracking store cannot be used.
    """
    tell("opening MLflow")
    tracking = connect_tracking(place.state)
    _repair_runs(tracking, place, project)
    own = {**(tags or {}), **_own_tags(project, name or project), "mlflow.source.type": "LOCAL"}
    run = _start_run(tracking, project, {**own, **describe_process()})
    client = tracking.client
    beat = partial(_tell_alive, client, run.run_id)
    with _hear_signals(), keep_beating(beat):
        try:
            yield run
        except BaseException as error:
            with suppress(Exception):  # the reason itself matters more
                close_run(client, run.run_id, place, describe_failure(error, place.state))
            raise
        with call_mlflow("the run could not be closed", tracking.where):
            client.set_terminated(run.run_id, "FINISHED")
    with suppress(Exception):  # the run is closed: what is left of its process is no trouble
        client.delete_tag(run.run_id, PROCESS)


def _tell_alive(client: Any, run_id: str) -> None:
    for name, text in describe_process().items():
        client.set_tag(run_id, name, text)


def _repair_runs(
    tracking: Tracking, place: Workspace, project: str | None = None
) -> tuple[str, ...]:
    """Close the runs whose process is dead, and the models that they left; return the runs' ids.

    A run whose card came out before it could say so is FINISHED.
    """
    client = tracking.client
    with call_mlflow("the runs could not be looked through", tracking.where):
        if project is None:
            experiments = client.search_experiments()
        else:
            named = client.get_experiment_by_name(tracking.name_experiment(project))
            experiments = [] if named is None else [named]
        ids = [experiment.experiment_id for experiment in experiments]
        running = client.search_runs(ids, "attributes.status = 'RUNNING'", max_results=1000)
        dead = [run.info.run_id for run in running if is_dead(run.data.tags)]
        for run_id in dead:
            close_run(client, run_id, place, STOPPED)
        if ids:
            _fail_models(client, ids)
    return tuple(dead)


def _fail_models(client: Any, ids: list[str]) -> None:
    """Close as FAILED the models that were begun by runs which are over."""
    page = client.search_logged_models(ids)
    models = list(page)
    while page.token:
        page = client.search_logged_models(ids, page_token=page.token)
        models += page
    for model in (m for m in models if m.status == "PENDING" and m.source_run_id):
        if client.get_run(model.source_run_id).info.status != "RUNNING":
            client.finalize_logged_model(model.model_id, "FAILED")


def close_run(client: Any, run_id: str, place: Workspace, reason: str) -> None:
    """Close a run that broke off: as FINISHED if its card came out, else as FAILED."""
    with keep_quiet():
        tags = client.get_run(run_id).data.tags
        if tags.get(SEAL) and tags[SEAL] == read_seal(
            place.workspace / CARDS, place.state, tags.get(PROJECT, "")
        ):
            client.set_terminated(run_id, "FINISHED")
            return
        client.set_tag(run_id, FAILURE, reason)
        client.set_tag(run_id, NOTE, f"**This run failed.** {reason}")
        client.set_terminated(run_id, "FAILED")
        with suppress(Exception):  # a run of another machine's server
            client.delete_tag(run_id, PROCESS)


def describe_failure(error: BaseException, state: Path) -> str:
    """Return the reason of a failure in one line, without this machine's folders."""
    if isinstance(error, KeyboardInterrupt):
        return f"stopped: {error}" if str(error) else "stopped by the user (Ctrl-C)"
    if not isinstance(error, _WITHOUT_DATA):
        return f"{type(error).__name__}: {HELD_BACK}"
    said = " ".join(str(error).split()) or "no message"
    places = {str(state.parent.resolve()), str(state), os.getcwd(), str(Path.home())}
    for place in sorted(places - {"/", "."}, key=len, reverse=True):
        said = said.replace(place, "~")
    return f"{type(error).__name__}: {said}"[:1000]


def _own_tags(project: str, name: str) -> dict[str, str]:
    return {
        PROJECT: project,
        NAME: name,
        USER: os.environ.get("CITYAI_USER") or "cityai",  # never the system's user name
        SOURCE: "cityai",
    }


def _start_run(tracking: Tracking, project: str, tags: dict[str, str]) -> TrackedRun:
    client = tracking.client
    with call_mlflow("the run could not be opened", tracking.where):
        adopted = _adopt_run(client)
        if adopted is not None:
            for name, value in tags.items():
                client.set_tag(adopted.info.run_id, name, value)
            info = adopted.info
        else:
            experiment = _find_experiment(tracking, project)
            info = client.create_run(experiment, tags=tags, run_name=tags[NAME]).info
    return TrackedRun(tracking, info.experiment_id, info.run_id, project)


def _adopt_run(client: Any) -> Any:
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if not run_id:
        return None
    with suppress(Exception):  # a run of another store
        run = client.get_run(run_id)
        return run if run.info.status == "RUNNING" else None
    return None


def _find_experiment(tracking: Tracking, project: str) -> str:
    """Return the project's experiment, made or brought back when needed."""
    client, name = tracking.client, tracking.name_experiment(project)
    found = client.get_experiment_by_name(name)
    if found is None:
        root = tracking.artifacts
        try:
            return str(client.create_experiment(name, root and f"{root}/{name.lstrip('/')}"))
        except Exception:
            found = client.get_experiment_by_name(name)
            if found is None:  # not that another process was faster
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


@contextmanager
def _hear_signals() -> Iterator[None]:
    """Let a request to end reach the block as an exception, where nobody else listens."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise ProcessStopped(f"the process was asked to end ({signal.Signals(number).name})")

    heard = [s for s in SIGNALS if signal.getsignal(s) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)
