"""Commands that make a workspace or a project, and bring an older project up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cityai.cli.commands import app
from cityai.cli.console import tell, tell_progress
from cityai.errors import SpecError

project = typer.Typer(
    name="project",
    help="Look after projects that were made from a template.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(project)

DEFAULTS = {
    "name": "My City",
    "country": "US",
    "time_zone": "America/New_York",
    "language": "en",
    "unit": "Office of Data",
    "email": "data@city.example",
}
"""Answers that `--yes` takes; each is a line of `configs/city.yaml` and easily changed there."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="New folder, such as my-city.")],
    name: Annotated[str | None, typer.Option(help="Name of the city, for readers.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166 code: US, BR, CA.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Such as America/New_York.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Languages of the cards, with commas: en,es,pt,fr.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Office that answers.")] = None,
    email: Annotated[str | None, typer.Option(help="Its shared mailbox.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take defaults.")] = False,
) -> None:
    """Make a workspace: settings, projects, cards, tests, CI."""
    from cityai.scaffold.workspace import CityAnswers, create_workspace

    def ask(key: str, given: str | None, question: str) -> str:
        if given is not None:
            return given
        try:
            return DEFAULTS[key] if yes else str(typer.prompt(question, default=DEFAULTS[key]))
        except typer.Abort:
            if sys.stdin.isatty():
                raise
            raise SpecError(
                f"nobody is there to answer: {question}",
                next_step="give --yes for defaults that are lines of configs/city.yaml, or the "
                "answers as options (cityai init --help)",
            ) from None

    answers = CityAnswers(
        name=ask("name", name, "Name of the city"),
        country=ask("country", country, "Country (ISO code, for public holidays)"),
        time_zone=ask("time_zone", time_zone, "Time zone"),
        languages=tuple(
            part.strip() for part in ask("language", language, "Languages of the cards").split(",")
        ),
        unit=ask("unit", unit, "Office that answers questions"),
        email=ask("email", email, "Its shared mailbox"),
    )
    made = create_workspace(folder, answers)
    tell(f"A workspace of {len(made.files)} files is in {folder}")
    tell(f"  next: cd {folder} && cityai new my_requests --template service_requests")


@app.command()
def templates() -> None:
    """List the templates that a project can be made from."""
    from cityai.scaffold.files import CATALOGUE

    width = max(len(template.name) for template in CATALOGUE)
    for template in CATALOGUE:
        tell(f"{template.name:<{width}}  {template.label}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the project and of its folder.")],
    template: Annotated[
        str | None, typer.Option("--template", help="What it starts from: cityai templates.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title for readers.")] = "",
    with_model: Annotated[
        bool, typer.Option("--with-model", help="With a models.py, for a model of your own.")
    ] = False,
    notebook: Annotated[
        bool,
        typer.Option("--notebook", help="With an explore.ipynb; alone, for a project you have."),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option("--from", help="Look at this table and propose the specification."),
    ] = None,
    time: Annotated[
        str, typer.Option(help="With --from: column with the moment; or its parts: year,month.")
    ] = "",
    place: Annotated[
        str, typer.Option(help="With --from: column with the place; several with commas.")
    ] = "",
    amount: Annotated[str, typer.Option(help="With --from: column to add up.")] = "",
    count: Annotated[bool, typer.Option("--count", help="With --from: count the rows.")] = False,
    key: Annotated[
        str, typer.Option(help="With --from: columns that name a row, with commas; or none.")
    ] = "",
    period: Annotated[str, typer.Option(help="With --from: day, week or month.")] = "",
    outcome: Annotated[
        str,
        typer.Option(help="With --from, for ranked lists: yes and no; score>=28; result=a,b."),
    ] = "",
    date_format: Annotated[
        str, typer.Option("--format", help="With --from: how --time is read, such as %d/%m/%y.")
    ] = "",
    encoding: Annotated[
        str, typer.Option(help="With --from: utf-8, cp1252 (Windows), latin-1 or utf-16.")
    ] = "",
    decimal: Annotated[str, typer.Option(help="With --from: decimal mark.")] = "",
    thousands: Annotated[
        str | None, typer.Option(help="With --from: mark between thousands.")
    ] = None,
    of_database: Annotated[
        str, typer.Option("--table", help="With --from: table of a DuckDB or SQLite file.")
    ] = "",
    width: Annotated[
        int | None, typer.Option(help="With --from: digits of place codes with lost zeros.")
    ] = None,
) -> None:
    """Make a project that runs at once, or from your own table."""
    from cityai.config.places import find_workspace
    from cityai.scaffold.project import add_notebook, create_project

    workspace = find_workspace(Path.cwd())
    there = workspace / "projects" / name
    if notebook and there.is_dir() and not (template or title or with_model or table):
        tell(f"The notebook is in {add_notebook(there).relative_to(workspace)}")
        return
    spec = None
    if table is not None:
        with tell_progress() as progress, progress.stage("Look at the table"):
            from cityai.config.load import read_city
            from cityai.scaffold.look import look_at_table
            from cityai.scaffold.project import find_kind
            from cityai.scaffold.proposal import Overrides

            overrides = Overrides(
                time, place, amount, count, key, period, date_format, encoding, decimal,
                thousands, width, outcome, of_database,
            )  # fmt: skip
            kind = find_kind(template or "blank_demand")
            profile = look_at_table(table, overrides, read_city(workspace), kind)
        tell(profile.tell())
        spec = profile.spec
    made = create_project(
        *(workspace, name, template or "blank_demand", title, spec),
        with_model=with_model,
        with_notebook=notebook,
    )
    tell(f"The project is in {made.folder.relative_to(workspace)}")
    tell(f"  next: cityai check projects/{name}, then cityai run projects/{name}")


@project.command("update")
def update(
    folder: Annotated[Path, typer.Argument(metavar="PROJECT", help="Folder of the project.")],
) -> None:
    """Give a project its template's changes; your edits are kept."""
    from cityai.scaffold.update import update_project

    done = update_project(folder)
    if done.current:
        tell("The template has not changed since.")
        return
    for word, paths in (
        ("changed", done.changed),
        ("added", done.added),
        ("left away, as you did", done.kept),
        ("CONFLICT, both are marked", done.conflicts),
    ):
        for path in paths:
            tell(f"{word}: {path}")
    if done.conflicts:
        tell("  next: choose the lines that hold, take the marks out", err=True)
        raise typer.Exit(1)
