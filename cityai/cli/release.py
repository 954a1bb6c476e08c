"""`cityai promote`, `rollback`, `retire`, `registry`: what is in use, by what people signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cityai.cli.console import measure_width, tell
from cityai.cli.review import Anchor, Key, Named, Phase, Reason, write_link

if TYPE_CHECKING:
    from cityai.review.chain import Link

Into = Annotated[Phase, typer.Option("--to", "--phase", help="The phase.")]
Projects = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PROJECT...", help="Projects; every one with a card without them."),
]
registry = typer.Typer(
    name="registry",
    help="Hold what is in use against what people signed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def promote(project: Named, to: Into, key: Key, reason: Reason) -> None:
    """Put a reviewed model into use: moves MLflow's alias."""
    from cityai.pipeline.release import promote_model

    _tell(promote_model(project, to, key=key, reason=reason))


def rollback(project: Named, to: Into, key: Key, reason: Reason) -> None:
    """Go back to the model that was in use before."""
    from cityai.pipeline.release import roll_back

    _tell(roll_back(project, to, key=key, reason=reason))


def retire(project: Named, to: Into, key: Key, reason: Reason) -> None:
    """Take a model out of use: removes MLflow's alias."""
    from cityai.pipeline.release import retire_model

    _tell(retire_model(project, to, key=key, reason=reason))


@registry.command("check")
def check(projects: Projects = None, head: Anchor = "") -> None:
    """Find what was moved, changed, cut or expired.

    Exit code 1 where anything was.
    """
    from cityai.cli.summary import write_findings
    from cityai.errors import CityaiError
    from cityai.findings import Finding, Status
    from cityai.pipeline.registry import check_registry

    wrong = False
    for project in projects or _list_projects():
        try:
            found = check_registry(project, head)
        except CityaiError as error:  # the others are looked at all the same
            found = (Finding("registry.card", Status.ERROR, "The review can be read", str(error)),)
        wrong |= any(finding.status in (Status.FAIL, Status.ERROR) for finding in found)
        tell(f"{project}: {write_findings(found, measure_width())}")
    raise typer.Exit(1 if wrong else 0)


@registry.command("restore")
def restore(project: Named) -> None:
    """Move aliases back to where the signed acts say."""
    from cityai.pipeline.release import restore_aliases

    for line in restore_aliases(project) or ["every alias is where it should be"]:
        tell(line)


def _list_projects() -> list[Path]:
    """List the projects of the workspace that have a card."""
    from cityai.config.places import find_workspace
    from cityai.store.cards import CARDS, JSON

    workspace = find_workspace(Path.cwd())
    found = sorted((workspace / "projects").glob("*/project.yaml"))
    folders = [path.parent for path in found]
    return [f for f in folders if (workspace / CARDS / f.name / JSON).is_file()]


def _tell(link: Link) -> None:
    tell(write_link(link, measure_width()))
    tell(f"head {link.digest}")
