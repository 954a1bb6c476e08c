"""A logged model's files, by the run that made it. Nothing in them is run or unpickled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cityai.errors import StoreError, TrackingError
from cityai.scratch import open_scratch
from cityai.store.records import check_manifest, digest_files, read_files
from cityai.store.values import Files
from cityai.track.door import call_mlflow, import_mlflow
from cityai.track.model import FILES
from cityai.track.names import MODEL_DIGEST, MODEL_ID, PROJECT
from cityai.track.server import Tracking

LARGEST = 1_000_000_000
"""Bytes of a model's files; more are not read."""


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """The files of a logged model, each held against its SHA-256."""

    run_id: str
    """The run that made it."""
    digest: str
    """SHA-256 of its manifest, as it was written down in the run when the model was logged."""
    tags: dict[str, str]
    """The run's tags."""
    files: Files
    """By name."""
    where: str
    """What to call it in a message."""


def fetch_model(tracking: Tracking, project: str, run_id: str = "") -> FetchedModel:
    """Fetch the model of a project's latest finished run, or of the run that is named.

    Parameters
    ----------
    tracking : Tracking
        The store.
    project : str
        Name of the project.
    run_id : str
        MLflow's name of a run; the latest finished one of the project when empty.

    Raises
    ------
    TrackingError
        When there is no such run, or it did not finish, belongs to another project or has no model.
    StoreError
        When a file was changed, added or removed since the model was logged.
    """
    with call_mlflow("the model could not be found", tracking.where):
        run = _find_run(tracking, project, run_id)
    tags, found = dict(run.data.tags), str(run.info.run_id)
    where = f"model of run {found}"
    with (
        call_mlflow("the model could not be fetched", tracking.where),
        open_scratch() as place,
    ):
        files = _download(tracking, tags[MODEL_ID], place, where)
    check_manifest(files, where)
    if digest_files(files) != tags[MODEL_DIGEST]:
        raise StoreError(
            "the model is not the one that the run logged",
            where=where,
            expected=f"files with the fingerprint {tags[MODEL_DIGEST][:16]}...",
            next_step=f"cityai run projects/{project}, or name another run with --run",
        )
    return FetchedModel(found, tags[MODEL_DIGEST], tags, files, where)


def _find_run(tracking: Tracking, project: str, run_id: str) -> Any:
    client = tracking.client
    next_step = f"cityai run projects/{project}"
    if run_id:
        try:
            run = client.get_run(run_id)
        except Exception as error:
            raise TrackingError(
                f"there is no run '{run_id}'",
                where=tracking.where,
                expected="a run of this project (`cityai ui` shows them)",
                next_step="leave --run out to take the latest",
            ) from error
        if run.data.tags.get(PROJECT) != project:
            raise TrackingError(
                f"the run belongs to the project '{run.data.tags.get(PROJECT, 'of nobody')}'",
                where=f"run {run_id}",
                expected=f"a run of '{project}'",
                next_step=next_step,
            )
    else:
        run = _find_latest(tracking, project)
    if run is None or run.info.status != "FINISHED" or MODEL_DIGEST not in run.data.tags:
        what = f"no finished run of '{project}' has a model"
        if run is not None and run.info.status != "FINISHED":
            what = f"the run did not finish: it is {run.info.status}"
        elif run is not None:
            what = "the run logged no model"
        raise TrackingError(
            what,
            where=f"run {run_id}" if run_id else tracking.where,
            expected="a finished run with a model and its fingerprint",
            next_step=next_step,
        )
    return run


def _find_latest(tracking: Tracking, project: str) -> Any:
    client = tracking.client
    experiment = client.get_experiment_by_name(tracking.name_experiment(project))
    if experiment is None:
        return None
    runs = client.search_runs(
        [experiment.experiment_id],
        f"attributes.status = 'FINISHED' and tags.`{MODEL_DIGEST}` LIKE '%'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return runs[0] if runs else None


def _download(tracking: Tracking, model_id: str, place: Path, where: str) -> Files:
    mlflow = import_mlflow()
    model = tracking.client.get_logged_model(model_id)
    listed = tracking.client.list_logged_model_artifacts(model_id, FILES)
    size = sum(int(file.file_size or 0) for file in listed)
    if size > LARGEST or any(file.is_dir for file in listed):
        raise StoreError(
            f"the model's folder holds {size:,} bytes or folders of its own",
            where=where,
            expected=f"at most {LARGEST:,} bytes, and only files",
        )
    folder = mlflow.artifacts.download_artifacts(
        artifact_uri=f"{model.artifact_location}/{FILES}",
        dst_path=str(place),
        tracking_uri=tracking.uri,
    )
    return read_files(Path(folder))
