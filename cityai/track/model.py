"""The model in MLflow: text, JSON and tables behind a small script, no pickle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from cityai.scratch import open_scratch
from cityai.store.records import digest_files, read_files, save_record
from cityai.track.door import DENIED, find_code, import_mlflow, trust_requirements
from cityai.track.measures import LONGEST_PARAM, cut_text
from cityai.track.names import NOTE, PROJECT, RUN_NAME
from cityai.track.runs import TrackedRun

if TYPE_CHECKING:
    import pandas as pd


class Loggable(Protocol):
    """A frozen record of a model that can be logged: it knows its columns and predicts."""

    def list_inputs(self) -> dict[str, str]:
        """Return the columns that it takes, with MLflow's names of their types."""

    def list_outputs(self) -> dict[str, str]:
        """Return the columns that it gives."""

    def list_libraries(self) -> set[str]:
        """Return the libraries that it needs beside `REQUIREMENTS`."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return its predictions."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A model that was logged."""

    model_id: str
    """MLflow's name for it."""
    digest: str
    """SHA-256 over the digests of all its files."""
    place: str
    """Address of its files."""


@dataclass(frozen=True, slots=True)
class Described:
    """What MLflow says of a model beside its figures."""

    params: Mapping[str, str]
    """What it was made with."""
    name: str
    """What tells it from the model before it."""
    note: str
    """The card's verdict, in Markdown."""
    title: str
    """Of the project, for readers."""


NAME = "model"
CANDIDATE: Final = "candidate"
"""Alias of the registered version that a person has not decided about yet: the latest."""
VERSIONS: Final = "mlflow.modelVersions"
"""Tag by which MLflow's pages lead from a model to its registered version."""
ABSENT: Final = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
"""What a registry answers when it has no such model."""
THERE: Final = "RESOURCE_ALREADY_EXISTS"
"""What it answers when it has one already."""
FILES = f"artifacts/{NAME}"
"""Where the record's files are in a logged model."""

SCRIPT = Path(__file__).parent / "pyfunc_model.py"
PACKAGE = Path(__file__).parent.parent
CODE: Final = "code"
"""Where our own sources are in a logged model."""
CHAPTERS: Final = ("confine", "config", "data", "i18n", "modeling", "records", "store")
"""Parts of the package that a model predicts with; a server is sent no more."""
REQUIREMENTS = (
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "scipy",
)
"""What the logged model needs to predict, beside the package's own sources, logged with it."""


def log_model(run: TrackedRun, final: Loggable, described: Described) -> Logged:
    """Log a model; `register_model` makes it the candidate.

    Call it inside `cityai.track.door.call_mlflow`.
    """
    mlflow = import_mlflow()
    client = run.tracking.client
    entry = client.create_logged_model(
        run.experiment_id,
        name=run.project,
        source_run_id=run.run_id,
        tags={NOTE: described.note, PROJECT: run.project, RUN_NAME: described.name},
        params={name: cut_text(text, LONGEST_PARAM) for name, text in described.params.items()},
        model_type="cityai",
    )
    with open_scratch() as made:
        folder = made / "mlflow"
        written = mlflow.models.Model(
            artifact_path=entry.artifact_location,
            run_id=run.run_id,
            model_uuid=entry.model_id,
            model_id=entry.model_id,
        )
        digest = write_model(final, folder, written)
        client.log_model_artifacts(entry.model_id, str(folder))
    client.finalize_logged_model(entry.model_id, "READY")
    output = mlflow.entities.LoggedModelOutput(entry.model_id, step=0)
    client.log_outputs(run.run_id, models=[output])
    return Logged(str(entry.model_id), digest, str(entry.artifact_location))


def register_model(run: TrackedRun, logged: Logged, described: Described) -> None:
    """Make a model the latest version of the project's registered one, with its alias.

    Call it inside `cityai.track.door.call_mlflow`.
    """
    client, name = run.tracking.client, run.tracking.name_model(run.project)
    if not name:
        return
    own = {run.tracking.name_tag(PROJECT): run.project}
    _register_name(client, name, tags=own, description=described.title)
    tags = {PROJECT: run.project, RUN_NAME: described.name}
    version = client.create_model_version(
        name,
        logged.place,
        run_id=run.run_id,
        tags={run.tracking.name_tag(tag): text for tag, text in tags.items()},
        description=described.note,
        model_id=logged.model_id,
    )
    client.set_registered_model_alias(name, CANDIDATE, version.version)
    if VERSIONS not in client.get_logged_model(logged.model_id).tags:  # a server writes it itself
        listed = json.dumps([{"name": name, "version": version.version}])
        client.set_logged_model_tags(logged.model_id, {VERSIONS: listed})


def _register_name(client: Any, name: str, **described: Any) -> None:
    """Make a registered model where there is none.

    A server that lets nobody look at what is not theirs denies what is not there, too.
    """
    denial: Exception | None = None
    try:
        client.get_registered_model(name)
        return
    except Exception as error:
        if (code := find_code(error)) == DENIED:
            denial = error
        elif code not in ABSENT:
            raise
    try:
        client.create_registered_model(name, **described)
    except Exception as error:
        if find_code(error) != THERE:
            raise
        if denial is not None:
            raise denial from None


def write_model(final: Loggable, folder: Path, described: Any = None) -> str:
    """Write a model in MLflow's format into a new folder; return the digest of its record."""
    mlflow = import_mlflow()
    described = described or mlflow.models.Model()
    with open_scratch() as made:
        record = made / NAME
        save_record(final, record)
        digest = digest_files(read_files(record))
        with trust_requirements():
            mlflow.pyfunc.save_model(
                str(folder),
                python_model=str(SCRIPT),
                artifacts={NAME: str(record)},
                pip_requirements=[
                    f"{name}=={version(name)}"
                    for name in sorted({*REQUIREMENTS, *final.list_libraries()})
                ],
                signature=_describe_columns(mlflow, final),
                mlflow_model=described,
            )
    _add_sources(folder / CODE / PACKAGE.name)
    _correct_flavor(described)
    described.save(str(folder / "MLmodel"))
    for path in folder.rglob("__pycache__"):
        shutil.rmtree(path)
    return digest


def _add_sources(folder: Path) -> None:
    """Copy what of our own package a model needs: MLflow would copy all of it, and twice."""
    cached = shutil.ignore_patterns("__pycache__")
    for chapter in CHAPTERS:
        shutil.copytree(PACKAGE / chapter, folder / chapter, ignore=cached)
    for path in PACKAGE.glob("*.py"):
        shutil.copyfile(path, folder / path.name)


def _describe_columns(mlflow: Any, final: Loggable) -> Any:
    schemas = (
        mlflow.types.Schema([mlflow.types.ColSpec(kind, name) for name, kind in columns.items()])
        for columns in (final.list_inputs(), final.list_outputs())
    )
    return mlflow.models.ModelSignature(*schemas)


def _correct_flavor(described: Any) -> None:
    """Name our sources in the description that MLflow wrote, and none of this machine's folders."""
    flavor = described.flavors["python_function"]
    flavor["code"] = CODE
    flavor["model_code_path"] = SCRIPT.name
    for artifact in flavor.get("artifacts", {}).values():
        artifact["uri"] = artifact["path"]
