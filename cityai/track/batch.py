"""Figures, parameters and tags in one call; each text as short as MLflow wants it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cityai.track.measures import Measure
from cityai.track.names import FOLDS

LONGEST_PARAM: Final = 250
LONGEST_TAG: Final = 5000
"""Characters that every MLflow server takes."""


def log_batch(
    client: Any,
    run_id: str,
    measures: Iterable[Measure] = (),
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Log all that a run has in one call.

    Call it inside `cityai.track.door.call_mlflow`.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The door to the store.
    run_id : str
        MLflow's name of the run.
    measures : iterable of Measure
        Its metrics.
    params, tags : mapping of str to str, optional
        Its parameters and tags.
    about : mapping of str to str, optional
        ``model_id``, ``dataset_name``, ``dataset_digest``: the model that the metrics over all
        rows are of.
    """
    from mlflow.entities import Metric, Param, RunTag

    now = time.time_ns() // 1_000_000
    whole, fold = about or {}, f"{FOLDS}/"
    client.log_batch(
        run_id,
        metrics=[
            Metric(m.name, m.value, now, m.step, **({} if m.name.startswith(fold) else whole))
            for m in measures
        ],
        params=[Param(k, cut_text(text, LONGEST_PARAM)) for k, text in (params or {}).items()],
        tags=[RunTag(k, cut_text(text, LONGEST_TAG)) for k, text in (tags or {}).items()],
    )


def cut_text(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters, its end shown as cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
