"""What was tried to close a gap, as one child run an option."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from cityai.scratch import open_scratch
from cityai.track.door import call_mlflow
from cityai.track.names import name_groups
from cityai.track.process import describe_process
from cityai.track.results import LONGEST_TAG, ROLE, SPEC_DIGEST, cut_text
from cityai.track.runs import NAME, NOTE, PARENT, PROJECT, SOURCE, USER, TrackedRun, get_user

if TYPE_CHECKING:
    import pandas as pd

    from cityai.assessment.mitigation import Mitigation

FOLDER = "mitigation"
FIGURES = ("before", "after", "closed", "lost")


def log_mitigation(run: TrackedRun, tried: Mitigation, spec_digest: str, drawing: str) -> None:
    """Log every option as a child of the run, and the plane with its table as its artifacts.

    Figures of groups that may not be shown are NaN, so they are not logged.

    Raises
    ------
    TrackingError
        If the store does not answer.
    """
    client = run.tracking.client
    shared = {PROJECT: run.project, SPEC_DIGEST: spec_digest, "cityai.dimension": tried.dimension}
    with call_mlflow("the options could not be logged", run.tracking.where):
        run.set_tags({**shared, ROLE: "mitigation", NOTE: _write_note(tried.options)})
        for name in dict.fromkeys(tried.options["option"]):
            own = tried.options[tried.options["option"] == name]
            tags = {
                **describe_process(),
                **shared,
                PARENT: run.run_id,
                ROLE: "mitigation",
                "cityai.option": name,
                "cityai.chosen": str(bool(own["chosen"].iloc[0])).lower(),
                NAME: name,
                USER: get_user(),
                SOURCE: "cityai",
                NOTE: _write_note(own),
            }
            child = client.create_run(run.experiment_id, tags=tags, run_name=name).info.run_id
            client.log_batch(child, metrics=_list_metrics(tried, name))
            client.set_terminated(child, "FINISHED")
        with open_scratch() as folder:
            (folder / "plane.svg").write_text(drawing, encoding="utf-8")
            tried.options.to_csv(folder / "options.csv", index=False)
            client.log_artifacts(run.run_id, str(folder), FOLDER)


def _list_metrics(tried: Mitigation, name: str) -> list[Any]:
    from mlflow.entities import Metric

    values: dict[str, float] = {}
    for row in tried.options[tried.options["option"] == name].to_dict("records"):
        for figure in FIGURES:
            of = row["cost_metric"] if figure == "lost" else row["metric"]
            for end in ("", "_low", "_high"):
                values[f"{of}.{figure}{end}"] = float(row[f"{figure}{end}"])
    own = tried.groups[tried.groups["option"] == name] if len(tried.groups) else tried.groups
    names = name_groups(sorted(set(tried.groups["group"]))) if len(tried.groups) else {}
    for row in own.to_dict("records"):
        middle = f"{row['metric']}.{tried.dimension}.{names[row['group']]}"
        values[middle] = float(row["value_after"])
        values[f"{middle}.gap"] = float(row["after"])
    now = time.time_ns() // 1_000_000
    return [Metric(key, value, now, 0) for key, value in values.items() if math.isfinite(value)]


def _write_note(options: pd.DataFrame) -> str:
    lines = [f"- **{row['label']}**: {row['reason']}" for row in options.to_dict("records")]
    return cut_text("\n".join(lines), LONGEST_TAG)
