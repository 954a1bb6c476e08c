"""The model as MLflow runs it. This file itself is logged and executed; nothing is unpickled.

Every file of the saved record is held against its SHA-256 before anything in it is parsed: a
damaged text of trees can end the interpreter.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from cityai.store.records import find_kind, read_files, read_record

CHAPTER = "cityai.modeling."
"""Only records of this chapter are models."""


class LoggedModel(PythonModel):  # type: ignore[misc]
    """What the record's `list_inputs` names in, what its `list_outputs` names out."""

    def load_context(self, context: Any) -> None:
        """Check the saved record, then read it."""
        folder = Path(context.artifacts["model"])
        files = read_files(folder)
        module, _, name = find_kind(files, str(folder)).rpartition(".")
        if not module.startswith(CHAPTER):
            raise ValueError(f"{module}.{name} is not a model")
        self.final = read_record(getattr(import_module(module), name), files, str(folder))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return what the record's own `predict` returns."""
        return self.final.predict(model_input)


set_model(LoggedModel())
