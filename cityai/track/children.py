"""One child run for each candidate and baseline: its figures, its settings, its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityai.card.record import CardRecord
from cityai.columns import BASELINE
from cityai.track.batch import log_batch
from cityai.track.measures import list_models, measure_model
from cityai.track.process import describe_process
from cityai.track.runs import TrackedRun, get_user
from cityai.track.tags import (
    MODEL,
    NAME,
    NOTE,
    PARENT,
    PROJECT,
    ROLE,
    RUN_DIGEST,
    SOURCE,
    UNDEFINED,
    USER,
)


def log_children(
    run: TrackedRun, card: CardRecord, settings: Mapping[str, Mapping[str, str]], dataset: Any
) -> None:
    """Write a child run for each candidate and baseline.

    Call it inside `cityai.track.door.call_mlflow`.

    Parameters
    ----------
    run : TrackedRun
        The parent.
    card : CardRecord
        As published.
    settings : mapping of str to mapping of str to str
        Parameters of each candidate, by its name.
    dataset : mlflow.entities.DatasetInput
        The data that all of them saw.
    """
    client = run.tracking.client
    labels = {m.name: str(m.label) for m in (*card.model.candidates, *card.model.baselines)}
    weights = {m.name: m.weight for m in card.model.candidates}
    for model in list_models(card):
        role, _, name = model.partition(".")
        name = name or model
        role = "baseline" if model.startswith(BASELINE) else role
        measures = measure_model(card, model)
        params = {"model": name, "role": role, "label": labels.get(name, name)}
        if weights.get(name) is not None:
            params["weight"] = f"{weights[name]:g}"
        params |= settings.get(name, {}) if role == "candidate" else {}
        tags = {
            PARENT: run.run_id,
            PROJECT: run.project,
            ROLE: role,
            MODEL: name,
            NAME: model,
            USER: get_user(),
            SOURCE: "cityai",
            NOTE: f"{labels.get(name, name)}: a {role} of the run above.",
            **({UNDEFINED: ", ".join(measures.undefined)} if measures.undefined else {}),
            RUN_DIGEST: card.provenance.run_digest,
            **describe_process(),
        }
        child = client.create_run(run.experiment_id, tags=tags, run_name=model).info.run_id
        log_batch(client, child, measures.logged, params=params)
        client.log_inputs(child, datasets=[dataset])
        client.set_terminated(child, "FINISHED")
