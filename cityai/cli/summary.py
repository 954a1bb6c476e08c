"""What a command says at the end: calm, aligned, in 80 columns, without colour."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cityai.card.counts import tally_groups, tally_statuses
from cityai.card.words import PAIR
from cityai.columns import BASELINE, EVERYWHERE, HEADLINE, LIST_HEADLINE
from cityai.findings import Finding, Status, count_statuses, sort_findings

if TYPE_CHECKING:
    import pandas as pd

    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.card.record import CardRecord
    from cityai.config.project import AuditableSpec
    from cityai.doctor import Part
    from cityai.pipeline.external_audit import Audited, Judged
    from cityai.pipeline.result import Checked, Result

Block: TypeAlias = tuple[str, list[str]]
"""A label, and the lines beside it."""
LABEL = 11
LARGEST = 3
"""Groups of a dimension whose shares are told."""
SHOWN = 6
"""Findings that are listed one by one."""
_MOST_REASONS = 8
"""Reasons of rejected rows that a check tells."""


def write_summary(result: Result, here: Path, width: int) -> str:
    """Return the closing words of a run.

    Parameters
    ----------
    result : Result
        What the run left.
    here : Path
        Folder that paths are shown from.
    width : int
        Columns of the terminal.
    """
    blocks = [
        ("How good", list(result.card.eval.in_words)),
        ("Against", _tell_baselines(result.evaluation)),
        *_tell_judgement(result.card, result.audit),
    ]
    words = show_path(result.project.folder / "card.yaml", here)
    return _write_closing(result, result.project.spec, blocks, words, here, width)


def write_audited(audited: Audited, here: Path, width: int) -> str:
    """Return the closing words of an audit of given predictions."""
    judged = audited.judged
    spec = judged.order.spec
    blocks = [
        ("Rows", [_tell_rows(judged)]),
        ("How good", list(audited.card.eval.in_words)),
        *_tell_judgement(audited.card, judged.audit, bool(spec.limits)),
        ("Shares", _tell_shares(judged)),
    ]
    words = f"the `card` of {show_path(judged.order.path, here)}"
    return _write_closing(audited, spec, blocks, words, here, width)


def _write_closing(
    done: Result | Audited,
    spec: AuditableSpec,
    blocks: Sequence[Block],
    words: str,
    here: Path,
    width: int,
) -> str:
    """Return what every run ends with: what is missing, and where everything is."""
    whole = [
        *blocks,
        ("Missing", _tell_gaps(done.card, words)),
        ("Card", [show_path(done.card_path, here)]),
        ("MLflow", [f"run {done.mlflow_run_id} (`cityai ui` shows it)"]),
        ("Time", [_tell_time(done.seconds)]),
    ]
    head = f"{spec.title}, {spec.city.name}"
    return "\n".join(["", *textwrap.wrap(head, width), "", *align_blocks(whole, width)])


def _tell_judgement(card: CardRecord, audit: Audit, has_limits: bool = True) -> list[Block]:
    return [
        ("For whom", _tell_groups(card)),
        *_tell_hidden(audit),
        ("Checks", _tell_checks(card, has_limits)),
    ]


def write_check(checked: Checked, width: int) -> str:
    """Return the closing words of a check."""
    windows = checked.folds.to_table()
    asked_at = windows.loc[windows["role"] == "test", "as_of"]
    first, last = asked_at.iloc[0], asked_at.iloc[-1]
    asked = f"{len(asked_at)} moments, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    counts = checked.quality.counts
    rows = f"{counts.accepted:,} of {counts.read:,} used, {counts.rejected:,} rejected, "
    blocks = [
        ("Rows", [f"{rows}{counts.out_of_scope:,} out of scope"]),
        ("Asked", [asked]),
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


def _tell_baselines(evaluation: Evaluation) -> list[str]:
    overall = evaluation.metrics[evaluation.metrics["slice_kind"] == EVERYWHERE]
    decides = LIST_HEADLINE if LIST_HEADLINE in set(overall["metric"]) else HEADLINE
    names = sorted(
        str(model).removeprefix(BASELINE)
        for model in set(overall["model"])
        if str(model).startswith(BASELINE)
    )
    longest = max((len(name) for name in names), default=0)
    lines = []
    for name in names:
        error = _say_share(_pick(overall, f"{BASELINE}{name}", decides))
        verdict = _find_verdict(evaluation.comparisons, name, decides)
        lines.append(f"{name.replace('_', ' '):<{longest}}  {error:>7}  {verdict}".rstrip())
    return lines or ["no baseline could be computed"]


def _find_verdict(comparisons: pd.DataFrame, name: str, decides: str) -> str:
    rows = comparisons[(comparisons["baseline"] == name) & (comparisons["metric"] == decides)]
    if rows.empty:
        return ""
    words = {
        Status.PASS.value: "the forecast is better",
        Status.FAIL.value: "the forecast is not better",
        Status.NOT_ENOUGH.value: "not enough evidence that the forecast is better",
    }
    verdict = str(rows.iloc[0]["verdict"])
    return words.get(verdict, verdict)


def _tell_rows(judged: Judged) -> str:
    counts = judged.given.counts
    known = int(judged.given.predictions.table["y_true"].notna().sum())
    return (
        f"{counts.accepted:,} of {counts.read:,} used, {counts.rejected:,} rejected, "
        f"{known:,} with a known outcome"
    )


def _tell_shares(judged: Judged) -> list[str]:
    table, lines = judged.shares.table, []
    got = "selected" if judged.order.spec.predictions.kind == "yes/no" else "forecast"
    for dimension in judged.audit.dimensions.to_dict("records"):
        own = table[(table["dimension"] == dimension["dimension"]) & table["rows_share"].notna()]
        for row in own.nlargest(LARGEST, "received_share").to_dict("records"):
            shares = (
                ("population_share", "population"),
                ("rows_share", "rows"),
                ("received_share", got),
            )
            known = [(row[key], what) for key, what in shares if math.isfinite(row[key])]
            parts = [f"{share:.0%} of the {what}" for share, what in known]
            lines.append(f"{dimension['label']}, {row['group']}: {', '.join(parts)}")
    declared = not judged.audit.dimensions.empty
    return lines or ["too few rows to show" if declared else "no dimension is declared"]


def _tell_groups(card: CardRecord) -> list[str]:
    """Return the card's own sentences and counts; groups of two dimensions stand in the card."""
    fairness = card.fairness
    if not fairness.dimensions:
        return ["no dimension is declared: nobody knows for whom it holds"]
    lines = list(fairness.in_words)
    for row in fairness.dimensions:
        counts = tally_groups(r for r in fairness.results if r.dimension == row.name)
        verdicts = (
            (counts.failed, "beyond a limit"),
            (counts.unknown, "cannot be told"),
            (counts.passed, "within"),
            (counts.hidden, "not shown"),
        )
        told = ", ".join(f"{n} {word}" for n, word in verdicts if n) or "nothing to judge"
        lines += [f"- {row.label}: {told}"] if PAIR not in row.name else []
    return lines


def _tell_hidden(audit: Audit) -> list[Block]:
    """Name what was hidden or joined, and for which cell: here alone, for the card must not."""
    lines = [
        f"{row['dimension']}={group} is too small: counted with {other}"
        for row in audit.dimensions.to_dict("records")
        for group, other in zip(row["groups"], row["counted_with"], strict=True)
        if other
    ]
    causes = audit.causes.to_dict("records")
    lines += [f"{c['dimension']}={c['group']} for the sake of {c['cause']}" for c in causes]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [("Not shown", [*lines[:SHOWN], *more])] if lines else []


def _tell_checks(card: CardRecord, has_limits: bool = True) -> list[str]:
    checks = tally_statuses(f.status for f in card.findings)
    lines = [] if has_limits else ["no limit is declared, so no group was judged"]
    failed = f"{checks.failed} failed, " if has_limits or checks.failed else ""
    lines.append(
        f"{checks.total} checks: {checks.passed} passed, {failed}"
        f"{checks.unknown} lack evidence, {checks.hidden} not shown, {checks.informed} only inform"
    )
    grave = [f for f in card.findings if f.status in (Status.ERROR, Status.FAIL)]
    lines += [f"- {f.title}{f' ({f.subject})' if f.subject else ''}" for f in grave[:SHOWN]]
    if len(grave) > SHOWN:
        lines.append(f"- and {len(grave) - SHOWN} more, all in the card")
    return lines


def _tell_gaps(card: CardRecord, place: str) -> list[str]:
    """Return how many answers only a person can give are missing, and with which to begin."""
    if not card.gaps:
        return ["no answer of a person"]
    required = sum(gap.required for gap in card.gaps)
    first = card.gaps[0]
    return [
        f"{len(card.gaps)} answers of a person, {required} of them needed for release",
        f"begin with `{first.path}` in {place}: {first.what}",
    ]


def _tell_time(seconds: dict[str, float]) -> str:
    parts = [f"{name} {s:.0f}" for name, s in seconds.items() if s >= 0.5]
    made = f": {', '.join(parts)}" if parts else ""
    return f"{sum(seconds.values()):.0f} s{made}"


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


def _pick(overall: pd.DataFrame, model: str, metric: str) -> float:
    rows = overall[(overall["model"] == model) & (overall["metric"] == metric)]
    value: Any = rows["value"].iloc[0] if len(rows) else math.nan
    return float(value)


def _say_share(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "not known"


def show_path(path: Path, here: Path) -> str:
    """Return a path as seen from a folder, where it lies in it."""
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
