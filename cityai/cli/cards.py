"""`cityai card`: verified, compared, listed, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cityai.cli.console import measure_width, open_project, tell, tell_progress

card = typer.Typer(
    name="card", help="Look after published cards.", no_args_is_help=True, rich_markup_mode=None
)
FORCE = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]
CardPath = Annotated[
    Path,
    typer.Argument(
        metavar="CARD",
        help="A project, an audit file, a folder with a card, or a card.json.",
    ),
]


@card.command("verify")
def verify(path: CardPath) -> None:
    """Compute every figure of a card again, and make its pages again."""
    from cityai.findings import Status

    with tell_progress() as progress, progress.stage("Compute the card's figures again"):
        from cityai.pipeline.verify import verify_published

        found = verify_published(path)
    from cityai.cli.summary import write_findings

    tell(write_findings(found, measure_width()))
    wrong = any(finding.status in (Status.FAIL, Status.ERROR) for finding in found)
    raise typer.Exit(1 if wrong else 0)


@card.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="The earlier card, as for verify.")],
    after: Annotated[
        Path | None,
        typer.Argument(metavar="B", help="The later one; A beside the card before it, without."),
    ] = None,
) -> None:
    """Tell what changed between two cards, and what may be chance."""
    from cityai.card.diff.plain_text import write_changes
    from cityai.pipeline.cards import compare_published

    tell(write_changes(compare_published(before, after), measure_width()))


@card.command("brief")
def brief(
    path: CardPath,
    language: Annotated[
        str, typer.Option("--language", help="en, es, pt or fr; all of the card's without it.")
    ] = "",
) -> None:
    """Write a card on one page of paper for a council, as PDF."""
    with tell_progress() as progress, progress.stage("Set the page"):
        from cityai.pipeline.export import write_brief_of

        written = write_brief_of(path, language)
    for file in written:
        tell(file)


@card.command("index")
def index(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of the workspace; the present one without it.")
    ] = None,
) -> None:
    """Make the list of all published cards again."""
    from cityai.config.places import find_workspace
    from cityai.pipeline.portfolio import publish_portfolio

    tell(publish_portfolio(find_workspace((folder or Path.cwd()).resolve())))


@card.command("bundle")
def bundle(
    path: CardPath,
    out: Annotated[Path, typer.Option("--out", help="A new folder, or a file that ends in .zip.")],
    force: FORCE = False,
) -> None:
    """Pack a card, its reviews and a page that checks them."""
    from cityai.pipeline.bundle import bundle_card

    tell(bundle_card(path, out, replace=force))


@card.command("export")
def export(
    path: CardPath,
    to: Annotated[str, typer.Option("--to", help="The register: cyclonedx or inventory.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File (folder for several); the present folder without it."),
    ] = None,
    force: FORCE = False,
) -> None:
    """Write a card as a register asks for it; tell what is missing."""
    from cityai.cli.summary import write_completeness
    from cityai.pipeline.export import export_card

    exported = export_card(path, to, out or Path.cwd(), replace=force)
    tell(write_completeness(exported, measure_width()))
    raise typer.Exit(0 if exported.export.complete else 1)


@card.command("translate")
def translate(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="Folder of the project, or its project.yaml.")
    ],
    language: Annotated[
        str, typer.Option("--language", help="es, pt, fr or en; all of the city's without it.")
    ] = "",
    write: Annotated[
        bool,
        typer.Option("--write", help="Write a file to fill in; none is replaced."),
    ] = False,
) -> None:
    """List which of the city's own words have no translation."""
    from cityai.scaffold.translate import choose_languages, find_words, list_missing, write_skeleton

    loaded = open_project(project)
    words = find_words(loaded, project)
    for code in choose_languages(loaded, language):
        if write:
            tell(f"{write_skeleton(loaded, code, words)}")
            continue
        missing = list_missing(loaded, code, words)
        tell(f"{code}: {len(missing)} texts are missing")
        for line in missing:
            tell(f"  {line}")
