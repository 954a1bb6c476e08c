"""`cityai review drill`: a card with a planted fault, and who would have approved it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Literal

import typer

from cityai.cli.console import measure_width, tell
from cityai.cli.review import Reason, review

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the drill.")]


Decision = Literal["approve", "return"]
"""What a reviewer would sign."""


@review.command("drill")
def make(
    out: Annotated[Path | None, typer.Option("--out", help="New folder for the reviewers.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Chooses the fault; a random one without it.")
    ] = None,
    faults: Annotated[
        bool, typer.Option("--list", help="List the ten faults, and what gives each away.")
    ] = False,
) -> None:
    """Make a card with one planted fault, for reviewers to find."""
    from cityai.drill.faults import FAULTS
    from cityai.drill.make import make_drill
    from cityai.errors import UserError

    width = measure_width()
    if faults:
        for fault in FAULTS:
            tell(textwrap.fill(f"{fault.name}: {fault.what}", width, subsequent_indent="  "))
            sign = f"  What gives it away: {fault.sign}"
            tell(textwrap.fill(sign, width, subsequent_indent="  ") + "\n")
        return
    if out is None:
        raise UserError("the drill has no folder", next_step="name a new one with --out")
    sealed = make_drill(out, seed=seed)
    tell(f"Drill {sealed.drill} is in {out}; what was planted is sealed ({sealed.seal[:12]}).")
    tell(f"Reviewers read {out}/card/card.html, then: cityai review drill-answer {out} ...")
    tell(f"You open it at the end: cityai review drill-result {out}")


@review.command("drill-answer")
def answer(
    folder: Folder,
    name: Annotated[str, typer.Option("--name", help="Who answers.")],
    decision: Annotated[Decision, typer.Option("--decision", help="What you would sign.")],
    reason: Reason,
    fault: Annotated[
        str, typer.Option("--fault", help="The fault that you see, as `drill --list` names it.")
    ] = "",
) -> None:
    """Say what you would sign of a drill's card."""
    from cityai.drill.answers import answer_drill

    path = answer_drill(folder, name, decision, reason, fault=fault)
    tell(f"Your answer is in {path}; nobody else can read it, and it is no approval.")


@review.command("drill-result")
def result(folder: Folder) -> None:
    """Tell what was planted, and who would have approved."""
    from cityai.drill.answers import open_result

    fault, told = open_result(folder)
    width = measure_width()
    tell(textwrap.fill(f"Planted: {fault.name}. {fault.what}", width))
    tell(textwrap.fill(f"What gives it away: {fault.sign}", width) + "\n")
    for one in told:
        late = " (answered after the result was opened)" * one.late
        said = f"{one.answer.name}: {one.outcome}{late}. {one.answer.reason}"
        tell(textwrap.fill(said, width, subsequent_indent="  "))
    approved = sum(one.outcome == "would have approved" for one in told)
    tell(f"{approved} of {len(told)} would have approved; a drill's card can never be used.")
