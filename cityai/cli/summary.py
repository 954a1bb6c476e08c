"""Findings, checks and other closing words: calm, aligned, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.cli.console import clean
from cityai.cli.windows import tell_more
from cityai.findings import Finding, Status, count_statuses, sort_findings

if TYPE_CHECKING:
    from cityai.assessment.foresight import Foresight
    from cityai.delivery.predict import Delivered
    from cityai.delivery.sheets import Missed
    from cityai.doctor import Part
    from cityai.pipeline.export import Exported
    from cityai.pipeline.mitigate import Tried
    from cityai.pipeline.result import Checked
    from cityai.pipeline.unchanged import Unchanged

STATES = {
    "filled": "filled",
    "missing": "missing, required",
    "invalid": "filled, but not as asked",
    "empty": "empty, not required",
    "not applicable": "does not apply",
}
SHOWN = 5
"""Rows of a list that are told."""
LABEL = 11
_MOST_REASONS = 8
"""Reasons of rejected rows that a check tells."""


def tell_decidable(foresight: Foresight, *, every: bool = False) -> list[tuple[str, list[str]]]:
    """Say of each limit what the design can decide: in the worst dimension, or in every one."""
    table = foresight.decidable if every else foresight.choose_worst()
    return [("Can tell", [str(told) for told in table["sentence"]])] if len(table) else []


def write_check(checked: Checked, width: int, *, every: bool = False) -> str:
    """Return the closing words of a check; `every` as for `tell_decidable`."""
    windows = checked.folds.to_table()
    asked_at = windows.loc[windows["role"] == "test", "as_of"]
    first, last = asked_at.iloc[0], asked_at.iloc[-1]
    asked = f"{len(asked_at)} moments, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    counts = checked.quality.counts
    rows = f"{counts.accepted:,} of {counts.read:,} used, {counts.rejected:,} rejected, "
    blocks = [
        ("Rows", [f"{rows}{counts.out_of_scope:,} out of scope", *_tell_scope(checked)]),
        ("Asked", [asked, *tell_more(checked.folds)]),
        *tell_decidable(checked.foresight, every=every),
    ]
    from cityai.data.rejects import tell_rejects

    told = tell_rejects(checked.quality.rejects)
    if told:
        lines = [f"{n:,} cells or rows, {why}" for n, why in told[:_MOST_REASONS]]
        lines += [f"and {len(told) - len(lines)} reasons more"] * (len(told) > len(lines))
        blocks.insert(1, ("Rejected", lines))
    return "\n".join(
        ["", *align_blocks(blocks, width), "", write_findings(checked.findings, width)]
    )


def _tell_scope(checked: Checked) -> list[str]:
    """Name what may leave rows out, where some are: an `until` that nobody moved on, above all."""
    data = checked.project.spec.data
    limits = {
        "since": data.since,
        "until": data.until,
        "where": ", ".join(data.where),
        "without": ", ".join(data.without),
    }
    told = [f"`{name}` {limit}" for name, limit in limits.items() if limit]
    parts = [f"outside {', '.join(told)}"] if told else []
    asked = getattr(checked.project.spec.question, "asked", None)
    if asked is not None and asked.registered:
        parts.append(f"not known by `{asked.registered}` when they would be asked about")
    elif asked is None and told:
        parts.append("of periods that are not whole")
    if not parts or not checked.quality.counts.out_of_scope:
        return []
    return [f"out of scope are rows {', and '.join(parts)}"]


def write_findings(findings: Iterable[Finding], width: int) -> str:
    """Return all findings that are not passed, each with its reason, and the count of all."""
    ordered = sort_findings(findings)
    open_ones = [f for f in ordered if f.status is not Status.PASS]
    lines = [line for finding in open_ones for line in _tell_finding(finding, width)]
    counts = [f"{n} {name}" for name, n in count_statuses(f.status for f in ordered).items() if n]
    return "\n".join([*lines, ", ".join(counts) if counts else "no findings"])


def write_checkup(parts: Sequence[Part]) -> str:
    """Return what the doctor found, a line a part, and how to mend what is missing."""
    lines: list[str] = []
    for part in parts:
        lines.append(f"{part.state:<9}{part.name:<18}{part.detail}".rstrip())
        if part.remedy:
            lines.append(f"{'':<9}{'':<18}-> {part.remedy}")
    return "\n".join(lines)


def _tell_finding(finding: Finding, width: int) -> list[str]:
    subject = f" ({finding.subject})" if finding.subject else ""
    head = f"{finding.status.value.upper()}  {finding.title}{subject}"
    return [
        *textwrap.wrap(head, width, subsequent_indent="  "),
        *textwrap.wrap(finding.reason, width, initial_indent="  ", subsequent_indent="  "),
        "",
    ]


def align_blocks(blocks: Sequence[tuple[str, Sequence[str]]], width: int) -> list[str]:
    """Return labelled blocks of text as lines, the labels in a column of their own."""
    lines = []
    for label, texts in blocks:
        for i, text in enumerate(texts):
            head = f"{label if i == 0 else '':<{LABEL}}"
            lines += textwrap.wrap(
                text,
                width,
                initial_indent=head,
                subsequent_indent=" " * (LABEL + 2),
                break_long_words=False,
                break_on_hyphens=False,
                drop_whitespace=True,
            ) or [head.rstrip()]
    return lines


def show_path(path: Path, here: Path) -> str:
    """Return a path as seen from a folder, where it lies in it."""
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def write_unchanged(done: Unchanged, here: Path, width: int) -> str:
    """Return the verdict that stands, where its card is, and how another run is made."""
    verdict, own = done.card.verdict, done.card.record
    assert verdict is not None  # noqa: S101 - every card that is drafted has one
    said = [
        f"Nothing changed since the run of {own.created:%Y-%m-%d %H:%M}: none was made (--again "
        "makes one).",
        f"{verdict.word.upper()}: {own.title}. {verdict.because}",
        f"MLflow run {done.mlflow_run_id} (`cityai ui`)",
    ]
    lines = [line for text in said for line in textwrap.wrap(clean(text), width)]
    return "\n".join([*lines, clean(show_path(done.card_path.resolve(), here))])


def write_completeness(exported: Exported, width: int) -> str:
    """Return where a register's files are, and which of its fields are filled or missing."""
    from cityai.card.diff.plain_text import hang

    export = exported.export
    counts = export.counts
    told = ", ".join(f"{n} {STATES[state]}" for state, n in counts.items() if n)
    lines = [str(path) for path in exported.paths]
    lines += ["", *textwrap.wrap(f"{export.title}: {told}.", width)]
    for field in export.fields:
        if field.state in {"missing", "invalid"}:
            lines += hang("  ", f"{field.name}: {field.say()}", width)
        elif field.state == "filled" and field.note:
            lines += hang("  ", f"{field.name}: {field.value}; {field.note}", width)
    if empty := [field.name for field in export.fields if field.state == "empty"]:
        lines += hang("  ", f"Left empty, not required: {', '.join(empty)}", width)
    return "\n".join(lines)


def write_delivered(delivered: Delivered, here: Path, width: int) -> str:
    """Return the closing words of `cityai predict`."""
    predicted, model = delivered.predicted, delivered.model
    blocks = [
        (
            "List",
            [f"{len(predicted.table):,} rows", *(show_path(p, here) for p in delivered.files)],
        ),
        ("First", _tell_first(predicted.heads, predicted.tells)),
        ("Model", [f"run {model.run_id}", f"fingerprint {model.digest[:16]}, {model.approval}"]),
        ("Mind", [*delivered.warnings, *predicted.notes]),
    ]
    if delivered.sheets:
        folder = show_path(delivered.sheets[0].parent, here)
        blocks.insert(1, ("Sheets", [f"{len(delivered.sheets)} in {folder}"]))
    spec = delivered.project.spec
    head = textwrap.wrap(f"{spec.title}, {spec.city.name}", width)
    return "\n".join(["", *head, "", *align_blocks(blocks, width)])


def write_missed(missed: Missed, here: Path, width: int) -> str:
    """Return the closing words of `cityai misses`."""
    predicted = missed.predicted
    folder = show_path(missed.sheets[0].parent, here) if missed.sheets else ""
    blocks = [
        ("Sheets", [f"{len(missed.sheets)} in {folder}" if folder else "there is no miss"]),
        ("First", _tell_first(predicted.heads, predicted.tells)),
        ("Mind", ["chosen with hindsight, private, not for publication", *predicted.notes]),
    ]
    return "\n".join(["", *align_blocks(blocks, width)])


def _tell_first(heads: tuple[str, ...], tells: tuple[tuple[str, ...], ...]) -> list[str]:
    return [f"{head}: {said[0]}" for head, said in zip(heads, tells, strict=True)][:SHOWN]


def write_options(tried: Tried, here: Path, width: int) -> str:
    """Return every option with what it closes and costs, and what a person does next."""
    found = tried.mitigation
    lines = ["", f"{tried.project.spec.title}: {found.label}", ""]
    for name in dict.fromkeys(found.options["option"]):
        rows = found.options[found.options["option"] == name].to_dict("records")
        mark = " (chosen)" if rows[0]["chosen"] else ""
        lines += textwrap.wrap(f"{name}{mark}: {rows[0]['told']}", width, subsequent_indent="  ")
        for text in dict.fromkeys(f"{row['reason']} [{row['outcome']}]" for row in rows):
            lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
        lines.append("")
    lines += [
        f"Plane   {show_path(tried.plane, here)}",
        f"MLflow  run {tried.mlflow_run_id} (`cityai ui` shows it)",
        "",
        *textwrap.wrap(
            "A person chooses: write `choice`, `reason` and `decided_by` under `mitigation` in "
            "project.yaml; `cityai run` then applies it, and the card shows the options not taken.",
            width,
        ),
    ]
    return "\n".join(lines)
