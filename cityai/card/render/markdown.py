"""The card as compact Markdown, every text through one escaping function."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from cityai.card.record import CardRecord
from cityai.card.record.described import VerdictPart
from cityai.card.render import tables
from cityai.card.words import SYMBOLS, VERDICT_MARKS, VERDICT_WORDS
from cityai.config.words import NotApplicable
from cityai.i18n.messages import write_day
from cityai.i18n.stored import clean_text

LINE: Final = 60
"""Words of a text from which on it is cut."""
ANSWER: Final = 26
"""Words of a person's answer from which on it is cut."""
NOTHING: Final = "Nothing more. The city decides."
CONDITIONS: Final = 5
CHANGES: Final = 5
ROWS: Final = 6
"""Conditions, and ways to predict, that are shown."""


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
    """Render the verdict and the main facts as Markdown, in at most 600 words."""
    e = escape_markdown
    lines = [f"# {e(record.system.name or record.record.title)}", ""]
    if record.system.synthetic:
        city = e(record.system.city)
        lines += [f"**{city} is an invented city: nothing here is about a real one.**", ""]
    lines += _write_verdict(record.verdict) if record.verdict else []
    summary, contact = record.system.summary_plain, record.owner.city_contact
    lines += [e(_cut(summary)), ""] if summary else []
    lines += [f"Questions: {e(contact.unit)}, {e(contact.email)}", ""]
    practice = tables.arrange_practice(record)
    shown = replace(practice, rows=practice.rows[:ROWS])
    lines += ["## How well it works", "", *_write_grid(shown)]
    if record.impacts:
        lines += ["## What it changed", ""]
        lines += [e(" ".join(part.in_words)) + "\n" for part in record.impacts]
    lines += _list_human(record)
    head = record.record
    required = sum(g.required for g in record.gaps)
    lines += [
        f"Missing answers: {len(record.gaps)}, {required} of them needed for release.",
        "Groups, data, risks and every check: `card.html`, and `card.json` for machines.",
        "",
        f"Made {write_day(head.created)}; record `{head.content_digest}`.",
        "",
    ]
    return "\n".join(lines)


def render_note(record: CardRecord) -> str:
    """Render the verdict in five lines of Markdown, what changed, and where the card is."""
    e, part = escape_markdown, record.verdict
    if part is None:
        return f"{e(record.record.title)}\n"
    asked = " ".join(_cut(c.text, ANSWER) for c in part.conditions[:CONDITIONS]) or NOTHING
    lines = [*_tell_verdict(part), f"**What a yes would need:** {e(asked)}"]
    rest = " ".join([*([e(part.note)] if part.note else []), "The card is `card/card.html`."])
    changed = _tell_changes(record)
    return "\n".join([*(f"- {line}" for line in lines), "", *changed, rest, ""])


def _tell_changes(record: CardRecord) -> list[str]:
    """Tell what is otherwise than on the card before: how much, and what is no chance."""
    e, part = escape_markdown, record.changes
    if part is None:
        return []
    beyond = [item.sentence for item in part.items if item.weight == "beyond chance"]
    told = [f"- {e(sentence)}" for sentence in beyond[:CHANGES]]
    more = [f"- And {len(beyond) - CHANGES} more."] if len(beyond) > CHANGES else []
    summary = f"**Beside the card before:** {e(' '.join(part.in_words))} All: `changes.txt`."
    return [summary, "", *told, *more, *([""] if told else [])]


def _write_verdict(part: VerdictPart) -> list[str]:
    """Write the box that a card begins with."""
    asked = [escape_markdown(_cut(c.text, ANSWER)) for c in part.conditions[:CONDITIONS]]
    more = len(part.conditions) - len(asked)
    asked += [f"And {more} more, in `card.html`."] if more else []
    needed = "\n> - ".join(["> **What a yes would need:**", *(asked or [NOTHING])])
    return ["\n>\n".join([*(f"> {line}" for line in _tell_verdict(part)), needed]), ""]


def _tell_verdict(part: VerdictPart) -> list[str]:
    """Tell the word and what it rests on, a line each."""
    e = escape_markdown
    rule = f" (policy: `{part.rule}`)" if part.rule else ""
    sign = SYMBOLS[VERDICT_MARKS[part.word]]
    lines = (
        ("Does it work?", part.works),
        ("For whom not?", part.not_for_whom),
        ("What we do not know:", part.unknown),
    )
    head = f"{sign} **{VERDICT_WORDS[part.word]}.** {e(part.because)}{rule}"
    return [head, *(f"**{label}** {e(_cut(text))}" for label, text in lines)]


def _cut(text: str, most: int = LINE) -> str:
    """Return the first words of a text."""
    words = str.__str__(text).split()
    return " ".join(words) if len(words) <= most else " ".join(words[:most]) + " …"


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
            lines.append(
                f"- **{label}:** does not apply ({e(_cut(answer.not_applicable, ANSWER))})"
            )
        else:
            text = "; ".join(answer) if isinstance(answer, tuple) else answer
            lines.append(f"- **{label}:** {e(_cut(text, ANSWER))}")
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
