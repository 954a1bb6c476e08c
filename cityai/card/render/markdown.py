"""The card as compact Markdown, every text through one escaping function."""

from __future__ import annotations

import re

from cityai.card.counts import tally_statuses
from cityai.card.record import CardRecord
from cityai.card.render import tables
from cityai.card.render.head import arrange_failed, arrange_unsure, tell_reason
from cityai.card.render.options import arrange_options
from cityai.card.words import PAIR, STATUS_WORDS, SYMBOLS
from cityai.config.words import NotApplicable
from cityai.i18n.clean import clean_text
from cityai.i18n.messages import write_day

MOST_NAMED = 8
"""Checks of an outcome that are named at the top."""


def escape_markdown(text: object) -> str:
    r"""Make a text harmless in Markdown and in the HTML made from it.

    One line, no tag, no entity, no link, no emphasis, no table bar:
    ``<b>`` becomes ``&lt;b&gt;``, ``[x](y)`` becomes ``\[x\](y)``, ``://`` no longer links.
    """
    line = " ".join(clean_text(str(text)).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]#!|~$])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    line = re.sub(r"^([-+=:])", r"\\\1", line)
    line = line.replace("://", ":&#47;&#47;").replace("@", "&#64;")
    return re.sub(r"(?i)\b(www)\.", r"\1&#46;", line)


def render_markdown(record: CardRecord) -> str:
    """Render the card's main facts as Markdown (a few kilobytes)."""
    e = escape_markdown
    lines = [f"# {e(record.system.name or record.record.title)}", ""]
    if record.system.synthetic:
        lines += [
            f"**{e(record.system.city)} is an invented city: nothing here is about a real one.**",
            "",
        ]
    lines += [e(record.system.summary_plain), ""] if record.system.summary_plain else []
    contact = record.owner.city_contact
    lines += [f"Questions: {e(contact.unit)}, {e(contact.email)}", ""]
    loud = _list_loud(record)
    lines += _list_attention(record)
    lines += ["## How well it works", "", *(f"- {e(s)}" for s in record.eval.in_words), ""]
    lines += [*_write_grid(tables.arrange_practice(record)), "## For whom it works", ""]
    lines += [*(f"- {e(s)}" for s in record.fairness.in_words), ""]
    for dimension in record.fairness.dimensions:
        if PAIR in dimension.name:
            continue
        lines += _write_grid(tables.arrange_groups(record, dimension))
        lines += [f"{e(dimension.caveat)}", ""] if dimension.caveat else []
    told = (*record.fairness.representation, *record.fairness.proxies_in_words)
    lines += [*(f"- {e(s)}" for s in told), ""] if told else []
    options = record.fairness.options
    if options is not None:
        lines += ["### What could be done about it", "", *(f"- {e(s)}" for s in options.in_words)]
        lines += ["", *_write_grid(arrange_options(options))]
    lines += _list_human(record)
    lines += ["## Every check that failed or cannot be told", "", *loud, ""] if loud else []
    head = record.record
    required = sum(g.required for g in record.gaps)
    lines += [
        f"Missing answers: {len(record.gaps)}, {required} of them needed for release.",
        "",
        f"Made {write_day(head.created)}; record `{head.content_digest}`.",
        "",
    ]
    return "\n".join(lines)


def _list_attention(record: CardRecord) -> list[str]:
    """List the counts of all checks, and the first that failed; the others come last."""
    checks, e = tally_statuses(f.status for f in record.findings), escape_markdown
    counted = (
        f"{checks.total} checks: {checks.passed} passed, {checks.failed} failed, "
        f"{checks.unknown} lack evidence, {checks.hidden} not shown, {checks.informed} only inform."
    )
    failed = dict.fromkeys(n.title for n in arrange_failed(record))
    unsure = dict.fromkeys(n.title for n in arrange_unsure(record))
    lines = ["## First to know", "", f"- {counted}"]
    for status, titles in (("fail", failed), ("not enough evidence", unsure)):
        if titles:
            named = "; ".join([*titles][:MOST_NAMED])
            more = f"; and {len(titles) - MOST_NAMED} more" if len(titles) > MOST_NAMED else ""
            lines += [f"- {SYMBOLS[status]} **{STATUS_WORDS[status]}** · {e(named + more)}."]
    return [*lines, ""]


def _list_loud(record: CardRecord) -> list[str]:
    e = escape_markdown
    return [
        f"- {SYMBOLS[f.status]} **{STATUS_WORDS[f.status]}** · {e(f.title)}: {e(tell_reason(f))}"
        for f in record.findings
        if f.status in {"error", "fail", "not enough evidence"}
    ]


def _list_human(record: CardRecord) -> list[str]:
    e = escape_markdown
    answers = [
        ("Decision", record.decision.supported_decision),
        ("Who decides", record.decision.autonomy),
        ("Not to be used for", record.use.out_of_scope),
        ("How to object", record.oversight.appeal),
    ]
    lines = ["## Use", ""]
    for label, answer in answers:
        if answer is None:
            lines.append(f"- **{label}:** not yet answered")
        elif isinstance(answer, NotApplicable):
            lines.append(f"- **{label}:** does not apply ({e(answer.not_applicable)})")
        else:
            text = "; ".join(answer) if isinstance(answer, tuple) else answer
            lines.append(f"- **{label}:** {e(text)}")
    return [*lines, ""]


def _write_grid(grid: tables.Grid) -> list[str]:
    e = escape_markdown
    mark = [":--" if i not in grid.numeric else "--:" for i in range(len(grid.columns))]
    rows = [
        "| "
        + " | ".join(f"{SYMBOLS[c.status]} {e(c.text)}" if c.status else e(c.text) for c in row)
        + " |"
        for row in grid.rows
    ]
    head = "| " + " | ".join(e(c) for c in grid.columns) + " |"
    return [f"**{e(grid.caption)}**", "", head, "| " + " | ".join(mark) + " |", *rows, ""]
