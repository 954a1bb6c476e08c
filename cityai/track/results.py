"""The final log: everything about a run that was computed, in a few calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from cityai.card.counts import Judged
from cityai.card.pages import JSON, MARKDOWN
from cityai.columns import BASELINE
from cityai.findings import Finding, Status
from cityai.scratch import open_scratch
from cityai.track.door import call_mlflow
from cityai.track.measures import Measures, list_models, measure_forecast, measure_model
from cityai.track.model import Loggable, log_model
from cityai.track.process import describe_process
from cityai.track.runs import NAME, NOTE, PARENT, PROJECT, SOURCE, USER, TrackedRun, get_user

if TYPE_CHECKING:
    import pandas as pd

    from cityai.config.project import AuditableSpec

RUN_DIGEST = "cityai.run_digest"
DATA_DIGEST = "cityai.data_digest"
SPEC_DIGEST = "cityai.spec_digest"
GIT_COMMIT = "cityai.git_commit"
FAILED = "cityai.findings.failed"
FAILED_CODES = "cityai.findings.failed_codes"
UNDEFINED = "cityai.metrics.undefined"
MODEL_ID, MODEL_DIGEST = "cityai.model_id", "cityai.model_digest"
ASKED_DIGEST = "cityai.asked_digest"
"""Of the parts of the specification that a model depends on, and of the project's features."""
ROLE, MODEL = "cityai.role", "cityai.model"

CARD = "card"
LONGEST_NOTE = 5000
"""Characters of a description that every MLflow server takes."""
LONGEST_TAG = 5000
LONGEST_PARAM = 250
MOST_METRICS, MOST_TAGS, MOST_PARAMS = 900, 100, 100
SECTIONS = ("question", "features", "backtest", "models", "predictions", "maturity")
TYPES = {
    "text": "string",
    "integer": "long",
    "number": "double",
    "boolean": "boolean",
    "date": "datetime",
    "datetime": "datetime",
}

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Outcome:
    """What the final log is made from.

    Attributes
    ----------
    spec : AuditableSpec
        The resolved specification.
    metrics : pandas.DataFrame
        `Evaluation.metrics`.
    audit : pandas.DataFrame
        `Audit.table`.
    findings : tuple of Finding
        All findings of the run.
    run_digest, data_digest, spec_digest, git_commit : str
        What the run was made from.
    pages : dict of str to str
        File name to HTML: the card in each language.
    markdown, json : str
        The card.
    results : sequence of Judged
        The card's figures of groups.
    settings : mapping of str to mapping of str to str
        Parameters of each candidate, by its name.
    final : Loggable or None
        The model to log.
    rows : int
        Accepted rows of the data.
    seconds : dict of str to float
        Duration of each stage.
    tags : dict of str to str
        More tags.
    """

    spec: AuditableSpec
    metrics: pd.DataFrame
    audit: pd.DataFrame
    findings: tuple[Finding, ...]
    run_digest: str
    data_digest: str
    spec_digest: str
    git_commit: str
    pages: dict[str, str]
    markdown: str
    json: str
    results: Sequence[Judged] = ()
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    final: Loggable | None = None
    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def log_outcome(run: TrackedRun, outcome: Outcome) -> None:
    """Log everything about a run.

    Raises
    ------
    TrackingError
        If the store does not answer.
    """
    measures = measure_forecast(
        outcome.metrics, outcome.audit, outcome.findings, outcome.spec.coverage, outcome.results
    )
    with call_mlflow("the run could not be logged", run.tracking.where):
        _log_batches(
            run,
            run.run_id,
            measures,
            build_params(outcome.spec),
            build_tags(outcome, measures),
            {f"seconds.{stage}": s for stage, s in outcome.seconds.items()},
        )
        _log_children(run, outcome)
        _log_dataset(run, outcome)
        _log_card(run, outcome)
        if outcome.final is not None:
            model = log_model(run, outcome.final, params=build_params(outcome.spec))
            run.set_tags({MODEL_ID: model.model_id, MODEL_DIGEST: model.digest})


def build_tags(outcome: Outcome, measures: Measures) -> dict[str, str]:
    """Return the tags of the run, each as short as MLflow wants it."""
    failed = [f for f in outcome.findings if f.status in {Status.FAIL, Status.ERROR}]
    tags = {
        RUN_DIGEST: outcome.run_digest,
        DATA_DIGEST: outcome.data_digest,
        SPEC_DIGEST: outcome.spec_digest,
        GIT_COMMIT: outcome.git_commit,
        FAILED: str(len(failed)),
        FAILED_CODES: ", ".join(sorted({f.code for f in failed})),
        UNDEFINED: ", ".join(measures.undefined),
        **outcome.tags,
    }
    return {
        **{name: cut_text(text, LONGEST_TAG) for name, text in tags.items()},
        NOTE: cut_note(outcome.markdown),
    }


def build_params(spec: AuditableSpec) -> dict[str, str]:
    """Return the specification's choices as flat, short parameters."""
    sections = spec.model_dump(mode="json", include=set(SECTIONS), exclude_none=True)
    flat = dict(_flatten(sections))
    return {name: cut_text(text, LONGEST_PARAM) for name, text in sorted(flat.items())}


def cut_note(markdown: str) -> str:
    """Return a description that MLflow takes, cut at a paragraph, with where the rest is."""
    if len(markdown) <= LONGEST_NOTE:
        return markdown
    pointer = f"\n\n*Cut here. The whole card is in the artifact `{CARD}/card.html`.*\n"
    head = markdown[: LONGEST_NOTE - len(pointer)]
    end = max(head.rfind("\n\n"), 0) or len(head)
    return head[:end] + pointer


def cut_text(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters, its end shown as cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _flatten(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(value, f"{name}.{key}" if name and name not in SECTIONS else key)
    elif isinstance(node, list):
        if node:
            yield name, ", ".join(str(value) for value in node)
    else:
        yield name, str(node)


def _log_batches(
    run: TrackedRun,
    run_id: str,
    measures: Measures,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    more: Mapping[str, float],
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = time.time_ns() // 1_000_000
    metrics = [Metric(m.name, m.value, now, m.step) for m in measures.logged]
    metrics += [Metric(name, value, now, 0) for name, value in more.items()]
    client = run.tracking.client
    for chunk in _split(metrics, MOST_METRICS):
        client.log_batch(run_id, metrics=chunk)
    for few in _split([Param(name, value) for name, value in params.items()], MOST_PARAMS):
        client.log_batch(run_id, params=few)
    for some in _split([RunTag(name, value) for name, value in tags.items()], MOST_TAGS):
        client.log_batch(run_id, tags=some)


def _log_children(run: TrackedRun, outcome: Outcome) -> None:
    """Write one child run for each candidate and baseline."""
    client, coverage = run.tracking.client, outcome.spec.coverage
    for model in list_models(outcome.metrics):
        role, _, name = model.partition(".")
        tags = {
            **describe_process(),
            PARENT: run.run_id,
            PROJECT: run.project,
            RUN_DIGEST: outcome.run_digest,
            ROLE: "baseline" if model.startswith(BASELINE) else role,
            MODEL: name or model,
            NAME: model,
            USER: get_user(),
            SOURCE: "cityai",
        }
        child = client.create_run(run.experiment_id, tags=tags, run_name=model).info.run_id
        measures = measure_model(outcome.metrics, model, coverage)
        undefined = {UNDEFINED: cut_text(", ".join(measures.undefined), LONGEST_TAG)}
        own = outcome.settings.get(name, {}) if role == "candidate" else {}
        params = {key: cut_text(text, LONGEST_PARAM) for key, text in own.items()}
        _log_batches(run, child, measures, params, undefined if measures.undefined else {}, {})
        client.set_terminated(child, "FINISHED")


def _log_dataset(run: TrackedRun, outcome: Outcome) -> None:
    """Log which data were used: name, digest and declared columns; no row and no path."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    columns = [
        {"type": TYPES[column.type], "name": name, "required": column.required}
        for name, column in outcome.spec.contract.items()
    ]
    dataset = Dataset(
        name=outcome.spec.name,
        digest=outcome.data_digest[:32],
        source_type="code",
        source=json.dumps({"tags": {PROJECT: outcome.spec.name}}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": outcome.rows}),
    )
    used = DatasetInput(dataset, [InputTag("mlflow.data.context", "backtest")])
    run.tracking.client.log_inputs(run.run_id, datasets=[used])


def _log_card(run: TrackedRun, outcome: Outcome) -> None:
    with open_scratch() as folder:
        contents = {**outcome.pages, MARKDOWN: outcome.markdown, JSON: outcome.json}
        for name, text in contents.items():
            (folder / name).write_text(text, encoding="utf-8")
        run.tracking.client.log_artifacts(run.run_id, str(folder), CARD)


def _split(items: Sequence[ItemT], size: int) -> Iterable[Sequence[ItemT]]:
    return (items[i : i + size] for i in range(0, len(items), size))
