"""The model in MLflow: text, JSON and tables behind a small script, no pickle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cityai.columns import CANDIDATE, ENTITY, STEP, Y_HIGH, Y_LOW, Y_PRED
from cityai.store.records import save_record
from cityai.track.door import import_mlflow
from cityai.track.runs import PROJECT, TrackedRun

if TYPE_CHECKING:
    from cityai.modeling.final import FinalModel

NAME = "model"
LEVEL = "level"
"""Column with an entity's recent mean, which the trees need."""

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


def log_model(run: TrackedRun, final: FinalModel, params: Mapping[str, str]) -> str:
    """Log a model and return its MLflow address (``models:/...``).

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
    with tempfile.TemporaryDirectory(prefix="cityai-") as made:
        folder = Path(made) / "mlflow"
        described = mlflow.models.Model(
            artifact_path=entry.artifact_location,
            run_id=run.run_id,
            model_uuid=entry.model_id,
            model_id=entry.model_id,
        )
        write_model(final, folder, described)
        client.log_model_artifacts(entry.model_id, str(folder))
    client.finalize_logged_model(entry.model_id, "READY")
    output = mlflow.entities.LoggedModelOutput(entry.model_id, step=0)
    client.log_outputs(run.run_id, models=[output])
    return f"models:/{entry.model_id}"


def write_model(final: FinalModel, folder: Path, described: Any = None) -> None:
    """Write a model in MLflow's format into a new folder."""
    mlflow = import_mlflow()
    described = described or mlflow.models.Model()
    with tempfile.TemporaryDirectory(prefix="cityai-") as made:
        record, code = Path(made) / NAME, Path(made) / PACKAGE.name
        save_record(final, record)
        shutil.copytree(PACKAGE, code, ignore=shutil.ignore_patterns("__pycache__"))
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(SCRIPT),
            artifacts={NAME: str(record)},
            code_paths=[str(code)],
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            signature=_describe_columns(mlflow, final),
            mlflow_model=described,
        )
    _forget_paths(described)
    described.save(str(folder / "MLmodel"))
    for path in folder.rglob("__pycache__"):
        shutil.rmtree(path)


def list_inputs(final: FinalModel) -> dict[str, str]:
    """Return the columns that a model takes, with MLflow's names of their types."""
    trees = {LEVEL: "double"} if final.feature_names else {}
    trees |= {n: "string" if n in final.categories else "double" for n in final.feature_names}
    others = {CANDIDATE + n: "double" for n in final.blend if n != final.trees}
    return {ENTITY: "string", STEP: "long", **trees, **others}


def list_outputs(final: FinalModel) -> dict[str, str]:
    """Return the columns that a model gives."""
    names = (Y_PRED, Y_LOW, Y_HIGH, *(CANDIDATE + name for name in final.blend))
    return dict.fromkeys(names, "double")


def _describe_columns(mlflow: Any, final: FinalModel) -> Any:
    schemas = (
        mlflow.types.Schema([mlflow.types.ColSpec(kind, name) for name, kind in columns.items()])
        for columns in (list_inputs(final), list_outputs(final))
    )
    return mlflow.models.ModelSignature(*schemas)


def _forget_paths(described: Any) -> None:
    """Take this machine's folders out of the description that MLflow wrote."""
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = SCRIPT.name
    for artifact in flavor.get("artifacts", {}).values():
        artifact["uri"] = artifact["path"]
