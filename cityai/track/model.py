"""The model in MLflow: text, JSON and tables behind a small script, no pickle."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cityai.scratch import open_scratch
from cityai.store.records import digest_files, read_files, save_record
from cityai.track.door import import_mlflow
from cityai.track.runs import PROJECT, TrackedRun

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
    """A model that was logged.

    Attributes
    ----------
    model_id : str
        MLflow's name for it.
    digest : str
        SHA-256 over the digests of all its files.
    """

    model_id: str
    digest: str


NAME = "model"
FILES = f"artifacts/{NAME}"
"""Where the record's files are in a logged model."""

SCRIPT = Path(__file__).parent / "pyfunc_model.py"
PACKAGE = Path(__file__).parent.parent
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


def log_model(run: TrackedRun, final: Loggable, params: Mapping[str, str]) -> Logged:
    """Log a model.

    Call it inside `cityai.track.door.call_mlflow`.
    """
    mlflow = import_mlflow()
    client = run.tracking.client
    entry = client.create_logged_model(
        run.experiment_id,
        name=run.project,
        source_run_id=run.run_id,
        tags={PROJECT: run.project},
        params=dict(params),
        model_type="cityai",
    )
    with open_scratch() as made:
        folder = made / "mlflow"
        described = mlflow.models.Model(
            artifact_path=entry.artifact_location,
            run_id=run.run_id,
            model_uuid=entry.model_id,
            model_id=entry.model_id,
        )
        digest = write_model(final, folder, described)
        client.log_model_artifacts(entry.model_id, str(folder))
    client.finalize_logged_model(entry.model_id, "READY")
    output = mlflow.entities.LoggedModelOutput(entry.model_id, step=0)
    client.log_outputs(run.run_id, models=[output])
    return Logged(str(entry.model_id), digest)


def write_model(final: Loggable, folder: Path, described: Any = None) -> str:
    """Write a model in MLflow's format into a new folder; return the digest of its record."""
    mlflow = import_mlflow()
    described = described or mlflow.models.Model()
    with open_scratch() as made:
        record, code = made / NAME, made / PACKAGE.name
        save_record(final, record)
        digest = digest_files(read_files(record))
        shutil.copytree(PACKAGE, code, ignore=shutil.ignore_patterns("__pycache__"))
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(SCRIPT),
            artifacts={NAME: str(record)},
            code_paths=[str(code)],
            pip_requirements=[
                f"{name}=={version(name)}"
                for name in sorted({*REQUIREMENTS, *final.list_libraries()})
            ],
            signature=_describe_columns(mlflow, final),
            mlflow_model=described,
        )
    _forget_paths(described)
    described.save(str(folder / "MLmodel"))
    for path in folder.rglob("__pycache__"):
        shutil.rmtree(path)
    return digest


def _describe_columns(mlflow: Any, final: Loggable) -> Any:
    schemas = (
        mlflow.types.Schema([mlflow.types.ColSpec(kind, name) for name, kind in columns.items()])
        for columns in (final.list_inputs(), final.list_outputs())
    )
    return mlflow.models.ModelSignature(*schemas)


def _forget_paths(described: Any) -> None:
    """Take this machine's folders out of the description that MLflow wrote."""
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = SCRIPT.name
    for artifact in flavor.get("artifacts", {}).values():
        artifact["uri"] = artifact["path"]
