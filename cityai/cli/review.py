"""`cityai gate` and `cityai review`: may it be used, and who said so."""

from __future__ import annotations

import textwrap
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from cityai.cli.console import measure_width, tell
from cityai.errors import UserError

if TYPE_CHECKING:
    from cityai.pipeline.review import Reviewed
    from cityai.review.acts import Condition, Said
    from cityai.review.chain import Link
    from cityai.review.gate import Checked
    from cityai.review.standing import Standing

ACTS: Final[dict[Said, str]] = {
    "open": "Ask for a review of the published card.",
    "comment": "Say something on the card, and decide nothing.",
    "approve": "Say yes to a phase, or yes on conditions.",
    "return": "Say no, and what must be different.",
    "withdraw": "Take back one's own approval or return.",
    "fulfil": "Say that a condition of an approval is met, and how.",
    "override": "Let it be used although a rule does not hold, until a day.",
}
"""What each act is."""
LABEL = 18
"""Columns of the outcome."""


Phase = Literal["pilot", "operational"]
"""The phase that is asked for."""
Part = Literal[
    "first", "decision", "accuracy", "people", "where", "limits", "data", "risks", "object", "annex"
]
"""The part of the card that a comment is on."""
Named = Annotated[
    Path,
    typer.Argument(metavar="PROJECT", help="Folder of a project or of a card, or an audit file."),
]
Asked = Annotated[Phase, typer.Option("--phase", "--to", help="What it is to be used as.")]
Anchor = Annotated[
    str,
    typer.Option("--head", help="A head of the chain that was written down elsewhere."),
]
Key = Annotated[Path, typer.Option("--key", envvar="CITYAI_KEY", help="File of the private key.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a sentence.")]

review = typer.Typer(
    name="review",
    help="Sign what people say of a published card.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def gate(
    project: Named,
    phase: Asked = "pilot",
    head: Anchor = "",
    declared: Annotated[
        bool, typer.Option("--declared", help="Ask for the phase that the card names, for CI.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the result there, signed by --key (in-toto, SVR v0.2)."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", envvar="CITYAI_KEY", help="File of the private key.")
    ] = None,
) -> None:
    """Say by the policy's rules whether a card may be used."""
    if out is not None and key is None:
        raise UserError("a result is signed, and there is no key", next_step="name it with --key")
    if declared:
        from cityai.pipeline.review import read_review

        said = read_review(project, head).record.system.phase
        if said != "pilot" and said != "operational":
            tell(f"{project}: its card names no phase of use, so nothing is asked")
            return
        phase = said
    signed = (out, key) if out is not None and key is not None else None
    raise typer.Exit(0 if _show_gate(project, phase, head, signed) else 1)


def _show_gate(
    project: Path, phase: Phase, head: str, signed: tuple[Path, Path] | None = None
) -> bool:
    """Show each rule with what was observed, and tell whether the gate is open."""
    from cityai.pipeline.provenance import read_clock
    from cityai.pipeline.review import check_gate, read_review
    from cityai.pipeline.sign import write_gate
    from cityai.review.gate import is_open

    reviewed = read_review(project, head)
    found = check_gate(reviewed, phase)
    standing = reviewed.stand(phase, read_clock().date())
    if signed is not None:
        write_gate(reviewed, found, phase, out=signed[0], key=signed[1])
    tell(_write_gate(reviewed, found, standing, measure_width()))
    return is_open(found, standing) or standing.overridden


@review.command("key")
def make(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key is kept.")],
    name: Annotated[str, typer.Option("--name", help="Person or office that will hold it.")],
    role: Annotated[str, typer.Option("--role", help="Role that it speaks for.")],
) -> None:
    """Make a key to sign with; print what configs/keys.yaml needs."""
    from cityai.cli.windows import write_yaml
    from cityai.i18n.stored import clean_text
    from cityai.pipeline.provenance import read_clock
    from cityai.review.keys import make_key

    holder = {"name": clean_text(name).strip(), "role": clean_text(role).strip()}
    for part, told in holder.items():
        if not told:
            raise UserError(f"the key has no {part}", where=f"--{part}", expected="some words")
    public = make_key(file)
    entry = {**holder, "public": public, "since": read_clock().date().isoformat()}
    tell(f"The private key is in {file}; it stays with you. Who keeps configs/keys.yaml adds:\n")
    tell(write_yaml({"keys": [entry]}))


@review.command("show")
def show(project: Named, phase: Asked = "pilot", head: Anchor = "") -> None:
    """Show how the review of the card stands."""
    _show_gate(project, phase, head)


@review.command("log")
def log(project: Named, head: Anchor = "") -> None:
    """List all acts on the cards, and check their chain."""
    from cityai.pipeline.review import read_review

    reviewed = read_review(project, head)
    width = measure_width()
    for link in reviewed.chain.links:
        tell(write_link(link, width))
    for fault in reviewed.chain.faults:
        tell(f"FAULT  {fault.where}: {fault.why}")
    tell(f"head {reviewed.chain.head}" if reviewed.chain.links else "nobody has signed anything")
    raise typer.Exit(1 if reviewed.chain.faults else 0)


def _add_act(kind: Said, help_text: str) -> None:
    """Register the command of an act; all take the same options, and say what does not fit."""

    @review.command(kind, help=help_text)
    def act(
        project: Named,
        key: Key,
        reason: Reason,
        phase: Annotated[
            Phase | None, typer.Option("--phase", "--to", help="What it is to be used as.")
        ] = None,
        until: Annotated[
            datetime | None,
            typer.Option("--until", formats=["%Y-%m-%d"], help="Last day (approve, override)."),
        ] = None,
        condition: Annotated[
            list[str] | None,
            typer.Option("--condition", help="RULE: what is to be done BY YYYY-MM-DD (approve)."),
        ] = None,
        rule: Annotated[str, typer.Option("--rule", help="The condition met (fulfil).")] = "",
        section: Annotated[
            Part | None, typer.Option("--section", help="Part of the card (comment).")
        ] = None,
        evaluation: Annotated[
            list[str] | None,
            typer.Option("--evaluation", help="One that found harm, and is set aside (override)."),
        ] = None,
    ) -> None:
        from cityai.pipeline.sign import sign_act

        signed = sign_act(
            project,
            kind,
            phase=phase or "pilot",
            key=key,
            reason=reason,
            conditions=[_read_condition(text) for text in condition or ()],
            valid_until=until.date() if until else None,
            rule=rule,
            section=section,
            evaluations=tuple(evaluation or ()),
        )
        tell(write_link(signed, measure_width()))
        tell(f"head {signed.digest}")
        if phase is None:
            tell("It is about the pilot, as no phase was named: --phase operational for the other.")


def _read_condition(text: str) -> Condition:
    from cityai.review.acts import Condition

    name, colon, rest = text.partition(":")
    said, by, day = rest.rpartition(" by ")
    try:
        due = date.fromisoformat(day.strip())
        made = Condition(rule=name.strip(), text=said.strip(), due=due) if colon and by else None
    except ValueError:
        made = None
    if made is None:
        raise UserError(
            f"the condition '{text}' is not understood",
            expected="a rule's id, what is to be done, and a day",
            next_step="write 'groups: a monitor of the open groups runs by 2027-01-31'",
        )
    return made


def _write_gate(
    reviewed: Reviewed, found: tuple[Checked, ...], standing: Standing, width: int
) -> str:
    from cityai.review.gate import is_open, tell_stop

    title = reviewed.record.record.title
    lines = [*textwrap.wrap(f"{title}: may it be used ({standing.phase})?", width), ""]
    for checked in found:
        lines += _write_rule(checked, width)
    counts = [sum(c.outcome == outcome for c in found) for outcome in ("not met", "does not apply")]
    held = len(found) - sum(counts)
    lines.append(f"{held} of {len(found) - counts[1]} rules hold")
    if standing.stop:
        lines += textwrap.wrap(f"{tell_stop(standing.stop)} {standing.stop.act.reason}", width)
    lines.append("Yes, by the policy." if is_open(found, standing) else "No, by the policy.")
    for link in standing.overrides:
        who = f"{link.signer.name} ({link.signer.role})"
        until = f"until {link.act.valid_until}"
        if standing.is_of_card(link):
            told = f"Yes, by an override of {who} {until}: {link.act.reason}"
        else:
            told = f"An override of an earlier card by {who} stands {until}: {link.act.reason}"
        lines += textwrap.wrap(told, width)
    return "\n".join(lines)


def _write_rule(checked: Checked, width: int) -> list[str]:
    rule, pad = checked.rule, " " * LABEL
    said = [f"{rule.id} ({rule.owner}): {rule.sentence}", checked.observed]
    if checked.next_step:
        said.append(f"next: {checked.next_step}")
    lines = [line for text in said for line in textwrap.wrap(text, max(width - LABEL, 20))]
    label = checked.outcome.upper() if checked.outcome == "not met" else checked.outcome
    return [f"{label:<{LABEL}}{lines[0]}", *(pad + line for line in lines[1:]), ""]


def write_link(link: Link, width: int) -> str:
    """Write an act as a line of the log."""
    act = link.act
    head = f"{act.number}. {act.at:%Y-%m-%d %H:%M} {link.signer.name} ({link.signer.role}): "
    part = f" on {act.section}" if act.section else ""
    part += f" {' '.join(filter(None, (act.decision, *act.evaluations)))}" * bool(act.evaluations)
    said = [f"{act.act}{part}{f', {act.phase}' * bool(act.phase)}. {act.reason}"]
    said += [f"Drawn: {act.drawn}."] * bool(act.drawn)
    said += [f"Condition {c.rule}: {c.text}, by {c.due}." for c in act.conditions]
    said += [f"Until {act.valid_until}."] * (act.valid_until is not None)
    said += [f"Condition met: {act.rule}."] * bool(act.rule)
    said += [f"In use is version {act.version}."] * bool(act.version)
    return textwrap.fill(head + " ".join(said), width, subsequent_indent="   ")


for _kind, _help in ACTS.items():
    _add_act(_kind, _help)
