"""The commands and their options."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from cityai.cli.cards import FORCE, card
from cityai.cli.console import (
    can_draw,
    loading,
    measure_width,
    open_project,
    show_lines,
    tell,
    tell_progress,
)
from cityai.cli.impact import evaluate
from cityai.cli.release import promote, registry, retire, rollback
from cityai.cli.review import gate, review

HELP = "Predict what a city's services will need, show for whom it holds, publish a model card."


def complete_project(incomplete: str) -> list[str]:
    """Return the projects of the workspace that begin so, for the shell's tab completion."""
    found = sorted(path.parent.as_posix() for path in Path("projects").glob("*/project.yaml"))
    return [path for path in found if path.startswith(incomplete)]


ProjectPath = Annotated[
    Path,
    typer.Argument(
        metavar="PROJECT",
        help="Folder of the project, or its project.yaml.",
        autocompletion=complete_project,
    ),
]

app = typer.Typer(
    name="cityai",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(card)
app.add_typer(review)
app.add_typer(evaluate)
app.add_typer(registry)
for command in (gate, promote, rollback, retire):
    app.command()(command)


Layout = Literal["yaml", "json"]
"""How `show` writes."""
File = Literal["project", "evaluation", "card", "audit", "city", "policy", "keys"]
"""What `schema` describes."""


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from cityai import __version__

        tell(f"cityai {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Predict what a city's services will need, show for whom it holds, publish a model card."""


@app.command()
def run(
    project: ProjectPath,
    again: Annotated[
        bool, typer.Option("--again", help="Make a run even if nothing changed since the last.")
    ] = False,
) -> None:
    """Run a project, from its data to its card."""
    from cityai.pipeline.unchanged import find_unchanged

    loaded = open_project(project)
    if not again and (done := find_unchanged(loaded)) is not None:
        from cityai.cli.summary import write_unchanged

        tell(write_unchanged(done, Path.cwd(), measure_width()))
        return
    with tell_progress() as progress:
        with loading():
            from cityai.pipeline import cards  # noqa: F401 - for the run's end
            from cityai.pipeline.run import run_project
            from cityai.track import results  # noqa: F401

        result = run_project(loaded, progress)
    from cityai.cli.closing import close_run

    show_lines(close_run(result, Path.cwd(), measure_width()))


@app.command()
def audit(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="CSV or Parquet file, or a database.")
    ],
    spec: Annotated[Path, typer.Option("--spec", help="The audit file (audit.yaml).")],
    tables: Annotated[
        Path | None,
        typer.Option("--tables", help="Also write every figure and count as CSV to this folder."),
    ] = None,
    force: FORCE = False,
) -> None:
    """Audit and card predictions that somebody else made."""
    from cityai.config.load_audit import load_audit

    order = load_audit(spec)
    with tell_progress() as progress:
        with loading():
            from cityai.pipeline.external_audit import audit_given, write_tables

        audited = audit_given(order, predictions, progress)
        if tables is not None:
            write_tables(audited, tables, replace=force)
    from cityai.cli.closing import close_audit

    show_lines(close_audit(audited, Path.cwd(), measure_width()))


@app.command()
def predict(
    project: ProjectPath,
    as_of: Annotated[
        datetime,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day on which the question is asked."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to; the workspace's private folder without it."),
    ] = None,
    run: Annotated[
        str, typer.Option("--run", help="MLflow's id of a run; the latest finished one without it.")
    ] = "",
    sheets: Annotated[
        int, typer.Option("--sheets", min=0, max=1000, help="Pages to write, from the first row.")
    ] = 0,
    assign: Annotated[
        bool, typer.Option("--assign", help="Draw lots by the sealed plan of an evaluation.")
    ] = False,
    force: FORCE = False,
) -> None:
    """Predict a day with the model of a run: forecast or list, why."""
    loaded = open_project(project)
    with tell_progress() as progress:
        from cityai.delivery.predict import predict_project

        delivered = predict_project(
            loaded,
            as_of,
            out=out,
            replace=force,
            run_id=run,
            sheets=sheets,
            assign=assign,
            progress=progress,
        )
    from cityai.cli.summary import write_delivered

    tell(write_delivered(delivered, Path.cwd(), measure_width()))


@app.command()
def misses(
    project: ProjectPath,
    count: Annotated[int, typer.Option("--count", min=1, max=200, help="Pages to write.")] = 10,
) -> None:
    """Write private pages on the replay's worst misses."""
    loaded = open_project(project)
    with tell_progress() as progress:
        from cityai.delivery.sheets import show_misses

        missed = show_misses(loaded, count, progress)
    from cityai.cli.summary import write_missed

    tell(write_missed(missed, Path.cwd(), measure_width()))


@app.command()
def mitigate(project: ProjectPath) -> None:
    """Try what could close a gap between groups, and at what cost."""
    loaded = open_project(project)
    with tell_progress() as progress:
        from cityai.pipeline.mitigate import mitigate_project

        tried = mitigate_project(loaded, progress)
    from cityai.cli.summary import write_options

    tell(write_options(tried, Path.cwd(), measure_width()))


ALL_LIMITS = Annotated[
    bool,
    typer.Option("--all", help="What can be decided in every dimension, not the worst alone."),
]


@app.command()
def check(project: ProjectPath, every: ALL_LIMITS = False) -> None:
    """Check specification, data and time; fit nothing."""
    loaded = open_project(project)
    with tell_progress() as progress:
        from cityai.pipeline.check import check_project

        checked = check_project(loaded, progress)
    from cityai.cli.summary import write_check

    tell(write_check(checked, measure_width(), every=every))


@app.command()
def folds(project: ProjectPath, every: ALL_LIMITS = False) -> None:
    """Show when the backtest asks, and what that can decide."""
    loaded = open_project(project)
    with tell_progress() as progress:
        from cityai.pipeline.check import plan_project

        planned = plan_project(loaded, progress)
    from cityai.cli.summary import align_blocks, tell_decidable
    from cityai.cli.windows import draw_folds

    tell(draw_folds(planned.folds, measure_width(), fine=can_draw()))
    for line in align_blocks(tell_decidable(planned.foresight, every=every), measure_width()):
        tell(line)


@app.command()
def show(
    project: ProjectPath,
    layout: Annotated[Layout, typer.Option("--format", help="How it is written.")] = "yaml",
) -> None:
    """Show the specification with everything filled in."""
    from cityai.cli.windows import write_yaml

    content = open_project(project).spec.model_dump(mode="json", exclude_none=True)
    as_json = json.dumps(content, indent=2, ensure_ascii=False)
    tell(as_json if layout == "json" else write_yaml(content))


@app.command()
def schema(
    name: Annotated[File, typer.Argument(help="Which file.")] = "project",
    write: Annotated[bool, typer.Option("--write", help="Write all of them to configs/.")] = False,
) -> None:
    """Print the JSON Schema for editors."""
    from cityai.config.schema import write_schema

    if not write:
        tell(write_schema(name), nl=False)
        return
    from cityai.config.places import find_workspace
    from cityai.scaffold.workspace import write_schemas
    from cityai.store.files import guard_files

    workspace = find_workspace(Path.cwd())
    for path, content in write_schemas().items():
        with guard_files(workspace / path, "the schemas cannot be written"):
            (workspace / path).write_bytes(content)
        tell(path)


@app.command()
def ui(
    project: Annotated[
        Path | None,
        typer.Argument(
            help="Whose runs to compare; without it, of what ran last.", metavar="PROJECT"
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1024, max=65000, help="Wanted port.")] = 5000,
) -> None:
    """Open MLflow's pages on this machine: compare runs."""
    from cityai.config.places import find_place, find_state
    from cityai.track.pages import find_page, find_server, open_pages

    loaded = open_project(project) if project else None
    state = loaded.state if loaded else find_state(find_place())
    name = loaded.spec.name if loaded else ""
    if server := find_server(state):
        tell(f"MLflow's pages are at {find_page(state, server, name)}")
        return

    def tell_page(address: str) -> None:
        tell(f"MLflow's pages: {address}   (end with Ctrl-C)")

    raise typer.Exit(open_pages(state, find_port(port), tell_page, name))


def find_port(wanted: int) -> int:
    """Return the first free port of this machine, from the wanted one on."""
    import socket

    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    return wanted


@app.command()
def doctor() -> None:
    """See whether everything is in place."""
    from cityai.cli.summary import write_checkup
    from cityai.config.places import find_place
    from cityai.doctor import MISSING, examine_machine

    checkup = examine_machine(find_place())
    tell(write_checkup(checkup))
    raise typer.Exit(1 if any(part.state == MISSING for part in checkup) else 0)


@app.command("sample-city")
def sample_city(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; the workspace's private folder without it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
) -> None:
    """Write the data of an invented city."""
    from cityai.config.places import find_place, find_state
    from cityai.store.files import guard_files

    place = folder or find_state(find_place()) / "sample_city"
    with tell_progress() as progress, progress.stage("Invent the city"):
        from cityai.samples.write import ensure_sample_city

        with guard_files(place, "the sample city cannot be written"):
            ensure_sample_city(place, seed)
    tell(f"An invented city is in {place}")
