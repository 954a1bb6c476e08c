"""What was tried to close a gap, as one child run an option."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cityai.card.record.fairness import OptionResult, OptionsPart
from cityai.scratch import open_scratch
from cityai.track.door import call_mlflow
from cityai.track.measures import LONGEST_TAG, Measure, cut_text
from cityai.track.names import NOTE, PROJECT, ROLE, SPEC_DIGEST
from cityai.track.runs import TrackedRun
from cityai.track.tables import save_tables

FOLDER: Final = "mitigation"
OPTIONS: Final = f"{FOLDER}/options.json"
GROUPS: Final = f"{FOLDER}/groups.json"
FIGURES: Final = ("before", "after", "closed", "closed_low", "closed_high")
COSTS: Final = ("lost", "lost_low", "lost_high")


def log_mitigation(run: TrackedRun, part: OptionsPart, spec_digest: str, drawing: str) -> None:
    """Log every option as a child of the run, and the plane with its tables as its artifacts.

    Parameters
    ----------
    run : TrackedRun
        The parent.
    part : OptionsPart
        As a card would show them: figures of groups that may not be shown are not in it.
    spec_digest : str
        Of the specification.
    drawing : str
        The plane, as SVG.
    """
    import pandas as pd

    shared = {PROJECT: run.project, SPEC_DIGEST: spec_digest, "cityai.dimension": part.dimension}
    with call_mlflow("the options could not be logged", run.tracking.where):
        run.set_tags({**shared, ROLE: "mitigation", NOTE: _write_note(part.options)})
        for name in dict.fromkeys(option.name for option in part.options):
            own = [option for option in part.options if option.name == name]
            tags = {
                **shared,
                "cityai.option": name,
                "cityai.chosen": str(name == part.choice).lower(),
                NOTE: _write_note(own),
            }
            params = {"option": name, "label": own[0].label, "chosen": tags["cityai.chosen"]}
            run.log_child(name, "mitigation", _list_measures(own), params, tags)
        tables = {
            file: pd.DataFrame([row.model_dump(mode="python") for row in rows])
            for file, rows in ((OPTIONS, part.options), (GROUPS, part.groups))
            if rows
        }
        with open_scratch() as folder:
            (folder / FOLDER).mkdir()
            (folder / FOLDER / "plane.svg").write_text(drawing, encoding="utf-8")
            run.set_tags(save_tables(tables, folder))
            run.tracking.client.log_artifacts(run.run_id, str(folder))


def _list_measures(own: Iterable[OptionResult]) -> Iterator[Measure]:
    """Yield the figures of one option that are defined and may be shown."""
    seen: set[str] = set()
    for option in own:
        costs = {f"{option.cost_metric}/{name}": getattr(option, name) for name in COSTS}
        gaps = {f"{option.metric}/{name}": getattr(option, name) for name in FIGURES}
        for name, value in {**gaps, **costs}.items():
            if value is not None and name not in seen:
                seen.add(name)
                yield Measure(name, value)


def _write_note(options: Iterable[OptionResult]) -> str:
    lines = [f"- **{option.label}**: {option.sentence}" for option in options]
    return cut_text("\n".join(lines), LONGEST_TAG)
