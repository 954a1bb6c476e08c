"""Findings, checks and other closing words: calm, aligned, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.cli.windows import tell_more
from cityai.findings import Finding, Status, count_statuses, sort_findings

if TYPE_CHECKING:
    from cityai.assessment.foresight import Foresight
    from cityai.doctor import Part
    from cityai.pipeline.result import Checked

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
    if not told or not checked.quality.counts.out_of_scope:
        return []
    return [f"out of scope are rows outside {', '.join(told)}, and of periods that are not whole"]


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
