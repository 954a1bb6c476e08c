"""The final log: everything about a run that its card may show, in a few calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from cityai.card.counts import find_worst, is_beyond
from cityai.card.pages import Pages
from cityai.card.record import JSON, MARKDOWN, CardRecord
from cityai.card.record.fairness import GroupResult
from cityai.card.render.markdown import render_note
from cityai.columns import BASELINE
from cityai.findings import Status
from cityai.scratch import open_scratch
from cityai.track.door import call_mlflow
from cityai.track.measures import (
    LONGEST_PARAM,
    Measures,
    cut_text,
    list_models,
    log_batch,
    measure_card,
    measure_model,
)
from cityai.track.model import Described, Loggable, log_model, register_model
from cityai.track.names import (
    CITY,
    COLOUR,
    COMMIT,
    DATA_DIGEST,
    FAILED,
    MODEL,
    MODEL_DIGEST,
    MODEL_ID,
    NAME,
    NONE,
    NOTE,
    PHASE,
    PROJECT,
    ROLE,
    RUN_DIGEST,
    SPEC_DIGEST,
    UNDEFINED,
    VERDICT,
    WORST_SERVED,
)
from cityai.track.run_names import UNSET, Earlier, choose_colour, name_run
from cityai.track.runs import TrackedRun
from cityai.track.tables import make_tables, save_tables
from cityai.track.views import describe_experiment, draw_pictures

if TYPE_CHECKING:
    from PIL.Image import Image

    from cityai.config.project import AuditableSpec

CARD: Final = "card"
CHANGES: Final = "changes.txt"
"""What `cityai card diff` says beside the run before."""
SECONDS: Final = "seconds.json"
SECTIONS: Final = ("question", "features", "backtest", "models", "mitigation")
WORDS: Final = ("label", "label_plural", "labels", "reason", "decided_by", "threads")
"""Keys that change no figure: they would be told as differences between runs."""
OWN_CODE: Final = ("features.py", "models.py")
RUN: Final = "run"
MOST_EARLIER: Final = 20
"""Runs that a new one's name is chosen beside."""
TYPES: Final = {
    "text": "string",
    "integer": "long",
    "number": "double",
    "boolean": "boolean",
    "date": "datetime",
    "datetime": "datetime",
}


@dataclass(frozen=True)
class Outcome:
    """What the final log is made from."""

    spec: AuditableSpec
    """The resolved specification."""
    card: CardRecord
    """As it is published: the one door of disclosure, also for MLflow."""
    pages: Pages
    """Its files, and its pictures."""
    changes: str = ""
    """What is otherwise than on the card before, as the terminal says it; empty for the first."""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Parameters of each candidate, by its name."""
    code: Mapping[str, str] = field(default_factory=dict)
    """Digests of the project's own code, by file."""
    final: Loggable | None = None
    """The model to log."""
    rows: int = 0
    """Accepted rows of the data."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Duration of each stage."""
    tags: dict[str, str] = field(default_factory=dict)
    """More tags."""


def log_outcome(run: TrackedRun, outcome: Outcome) -> None:
    """Log everything about a run."""
    card = outcome.card
    measures, params = measure_card(card), build_params(outcome)
    with call_mlflow("the run could not be logged", run.tracking.where):
        client = run.tracking.client
        pictures = draw_pictures(outcome.pages)
        describe_experiment(run, card, measures, tuple(pictures))
        dataset = describe_dataset(outcome)
        client.log_inputs(run.run_id, datasets=[dataset])
        _log_children(run, card, outcome.settings, dataset)
        tags = {
            **build_tags(outcome, measures),
            **_tell_apart(run, outcome, params),
            **_log_files(run, outcome, pictures),
        }
        about: dict[str, str] = {}
        described, model = Described(params, tags[NAME], tags[NOTE], card.record.title), None
        if outcome.final is not None:
            model = log_model(run, outcome.final, described)
            tags |= {MODEL_ID: model.model_id, MODEL_DIGEST: model.digest}
            used = dataset.dataset
            about = {"model_id": model.model_id}
            about |= {"dataset_name": used.name, "dataset_digest": used.digest}
        client.update_run(run.run_id, name=tags[NAME])
        log_batch(client, run.run_id, measures.logged, params=params, tags=tags, about=about)
    if model is not None:  # last: the right to it is another one
        with call_mlflow("the model could not be registered", run.tracking.where):
            register_model(run, model, described)


def build_tags(outcome: Outcome, measures: Measures) -> dict[str, str]:
    """Return the tags of the run."""
    card = outcome.card
    failed = {f.code for f in card.findings if f.status in {Status.FAIL, Status.ERROR}}
    phase = card.system.phase
    made = card.provenance
    return {
        CITY: card.system.city,
        **({PHASE: phase} if isinstance(phase, str) else {}),
        VERDICT: card.verdict.word if card.verdict else "",
        WORST_SERVED: _name_worst(find_worst(card.fairness.results)),
        FAILED: ", ".join(sorted(failed)) or NONE,
        UNDEFINED: ", ".join(measures.undefined) or NONE,
        ROLE: RUN,
        RUN_DIGEST: made.run_digest,
        DATA_DIGEST: made.data_digest,
        SPEC_DIGEST: made.spec_digest,
        **({COMMIT: made.git_commit} if made.git_commit else {}),
        **outcome.tags,
        NOTE: render_note(card),
    }


def _name_worst(worst: GroupResult | None) -> str:
    """Name the group served worst, or, where none is beyond a limit, that of the largest gap."""
    if worst is None:
        return ""
    named = f"{worst.dimension}: {worst.group} ({worst.metric})"
    return named if is_beyond(worst) else f"none beyond a limit; largest gap {named}"


def build_params(outcome: Outcome) -> dict[str, str]:
    """Return the choices that a figure may depend on, flat: ``features.own``, ``data.last``."""
    sections = outcome.spec.model_dump(mode="json", include=set(SECTIONS))
    flat = dict(_flatten(sections, ""))
    for part in outcome.card.data[:1]:
        ends = {"data.first": part.first, "data.last": part.last}
        flat |= {name: day.isoformat() for name, day in ends.items() if day is not None}
    code = {name: UNSET for name in OWN_CODE if "models" in sections} | dict(outcome.code)
    flat |= {f"code.{name.replace('.', '_')}": sha[:12] for name, sha in code.items()}
    return dict(sorted(flat.items()))


def _flatten(node: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in WORDS:
                yield from _flatten(value, f"{name}.{key}" if name else key)
    elif node is None or node == []:
        if name.count(".") == 1:  # a choice of its own; what is deeper comes with one
            yield name, UNSET
    else:
        yield name, ", ".join(map(str, node)) if isinstance(node, list) else str(node)


def _tell_apart(run: TrackedRun, outcome: Outcome, params: Mapping[str, str]) -> dict[str, str]:
    """Return the name and the colour that tell a run from the finished ones before it."""
    client = run.tracking.client
    found = client.search_runs(
        [run.experiment_id],
        f"attributes.status = 'FINISHED' and tags.`{ROLE}` = '{RUN}' "
        f"and tags.`{PROJECT}` = '{run.project}'",
        order_by=["attributes.start_time DESC"],
        max_results=MOST_EARLIER,
    )
    zone, digest = ZoneInfo(outcome.spec.city.time_zone), outcome.card.provenance.data_digest

    def read_time(of: Any) -> datetime:
        return datetime.fromtimestamp(of.info.start_time / 1000, UTC).astimezone(zone)

    earlier = [
        Earlier(r.data.params, read_time(r), r.data.tags.get(DATA_DIGEST) == digest) for r in found
    ]
    shown = {name: cut_text(text, LONGEST_PARAM) for name, text in params.items()}
    name = name_run(shown, earlier, read_time(client.get_run(run.run_id)))
    return {NAME: name, COLOUR: choose_colour(found[0].data.tags.get(COLOUR, "") if found else "")}


def describe_dataset(outcome: Outcome) -> Any:
    """Describe which data were used: name, digest, versions, columns; no row and no path."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    columns = [
        {"type": TYPES[column.type], "name": name, "required": column.required}
        for name, column in outcome.spec.contract.items()
    ]
    versions = {
        f"version.{read.source}": f"{read.format} {read.version}"
        + (f", {read.made:%Y-%m-%dT%H:%M:%SZ}" if read.made else "")
        for part in outcome.card.data
        for read in part.versions or ()
    }
    dataset = Dataset(
        name=outcome.spec.name,
        digest=outcome.card.provenance.data_digest[:32],
        source_type="code",
        source=json.dumps({"tags": {PROJECT: outcome.spec.name, **versions}}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": outcome.rows}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "backtest")])


def _log_files(run: TrackedRun, outcome: Outcome, pictures: Mapping[str, Image]) -> dict[str, str]:
    """Log the card, its tables and pictures, and what changed; return the tag that says so."""
    client, pages = run.tracking.client, outcome.pages
    with open_scratch() as folder:
        (folder / CARD).mkdir()
        contents = {**pages.html, MARKDOWN: pages.markdown, JSON: pages.json}
        for name, text in contents.items():
            (folder / CARD / name).write_text(text, encoding="utf-8")
        if outcome.changes:
            (folder / CHANGES).write_text(outcome.changes, encoding="utf-8")
        (folder / SECONDS).write_text(json.dumps(outcome.seconds), encoding="utf-8")
        listed = save_tables(make_tables(outcome.card), folder)
        client.log_artifacts(run.run_id, str(folder))
    for key, picture in pictures.items():
        client.log_image(run.run_id, picture, key=key, synchronous=True)
    return listed


def _log_children(
    run: TrackedRun, card: CardRecord, settings: Mapping[str, Mapping[str, str]], dataset: Any
) -> None:
    """Write a child run for each candidate and baseline.

    Call it inside `cityai.track.door.call_mlflow`.
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
