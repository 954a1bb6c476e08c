"""The model as MLflow runs it. This file itself is logged and executed; nothing is unpickled.

Every file of the saved record is held against its SHA-256 before anything in it is parsed: a
damaged text of trees can end the interpreter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from cityai.modeling.final import FinalModel, predict_rows
from cityai.store.records import read_record


class DemandModel(PythonModel):  # type: ignore[misc]
    """Features and the other candidates' forecasts in, forecasts with intervals out."""

    def load_context(self, context: Any) -> None:
        """Check the saved record, then read it."""
        folder = Path(context.artifacts["model"])
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        self.final = read_record(FinalModel, files, str(folder))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return what `cityai.modeling.final.predict_rows` returns."""
        return predict_rows(self.final, model_input)


set_model(DemandModel())
