"""One child run for each candidate and baseline: its figures, its settings, its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityai.card.record import CardRecord
from cityai.columns import BASELINE
from cityai.track.measures import list_models, measure_model
from cityai.track.runs import TrackedRun
from cityai.track.tags import MODEL, NOTE, RUN_DIGEST, UNDEFINED


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
            MODEL: name,
            NOTE: f"{labels.get(name, name)}: a {role} of the run above.",
            **({UNDEFINED: ", ".join(measures.undefined)} if measures.undefined else {}),
            RUN_DIGEST: card.provenance.run_digest,
        }
        run.log_child(model, role, measures.logged, params, tags, dataset)
