"""Closing words of a run and of an audit: the verdict in a box, a line a dimension, the card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from cityai.card.numbers import write_brief_gap
from cityai.card.render.matrix import Body, arrange_worst
from cityai.card.words import (
    GRADES,
    SYMBOLS,
    VERDICT_MARKS,
    VERDICT_WORDS,
    VERDICTS,
    describe_metric,
)
from cityai.cli.console import clean
from cityai.cli.summary import LABEL, show_path

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.card.record import CardRecord
    from cityai.pipeline.result import Result

LINES: Final = 14
"""Of the closing words, at most."""
FIXED: Final = 7
"""Of these, what always stands: a box of five lines, what is needed, and where the card is."""
DIMENSION: Final = 20
"""Columns of a dimension's name where room is short."""
CUT: Final = " …"
FOLD: Final = re.compile(r" by fold=(\d+):")
"""How the audit names a cell of a test period, counted from 0."""
STYLES: Final = {"pass": "green", "fail": "red", "not enough evidence": "yellow"}
"""Colour of a sign; the words beside it keep the terminal's own, which can be read in any theme."""
BADGES: Final = {
    "ready": "black on green",
    "ready on conditions": "black on yellow",
    "not ready": "white on red",
    "too little data": "black on cyan",
}
SHORT: Final = {
    GRADES["within"]: "within",
    GRADES["beyond"]: "beyond",
    GRADES["leans beyond"]: "leans",
    GRADES["gap of open size"]: "gap",
    GRADES["no gap seen"]: "no gap",
    GRADES["too few to say"]: "too few",
    VERDICTS["not enough evidence"]: "open",
    VERDICTS["suppressed"]: "hidden",
    VERDICTS["not applicable"]: "no check",
    VERDICTS["error"]: "error",
}
"""Verdicts on a dimension, in a word."""


def close_run(result: Result, here: Path, width: int) -> list[Text]:
    """Return the closing words of a run.

    Returns
    -------
    list of rich.text.Text
        `LINES` at most, none wider than the terminal but the card's path, which is never cut.
    """
    words = show_path(result.project.folder / "card.yaml", here)
    asides = [*_tell_hidden(result.audit), *_tell_gaps(result.card, words)]
    return _close(result, asides, here, width)


def close_audit(result: Result, here: Path, width: int) -> list[Text]:
    """Return the closing words of an audit of given predictions (see `close_run`)."""
    words = f"the `card` of {show_path(result.project.file, here)}"
    rows = ("Rows", _tell_rows(result))
    asides = [rows, *_tell_hidden(result.audit), *_tell_gaps(result.card, words)]
    return _close(result, asides, here, width)


def _close(done: Result, asides: Sequence[tuple[str, str]], here: Path, width: int) -> list[Text]:
    verdict, spec = done.card.verdict, done.project.spec
    assert verdict is not None  # noqa: S101 - every card that is drafted has one
    bodies = [body for body in arrange_worst(done.card).bodies if body.label]
    room = LINES - FIXED - len(asides)
    groups = _write_dimensions(bodies, room, width)
    n = len(verdict.conditions)
    needed = " ".join(str(c.text) for c in verdict.conditions) or "Nothing more. The city decides."
    needed = f"{n} conditions. {needed}" if n > 1 else needed
    invented = " (an invented city)" if spec.city.synthetic else ""
    rule = f" ({verdict.rule})" if verdict.rule else ""
    title, because, works = box = (
        _Part("", f"{spec.title}, {spec.city.name}{invented}", 1),
        _Part("", f"{verdict.because}{rule}", 1),
        _Part("", str(verdict.works), 1),
    )
    against = _Part("Not for", str(verdict.not_for_whom), 0)
    unknown, wanted = _Part("Unknown", str(verdict.unknown), 0), _Part("Needed", needed, 1)
    told = [_Part(label, text, 1) for label, text in asides]
    first = () if groups else (against,)
    _share_out(room - len(groups), (*first, unknown, works, wanted, because, against, title), width)
    seconds = sum(done.seconds.values())
    foot = f" MLflow run {done.mlflow_run_id} (`cityai ui`), {seconds:.0f} s "
    return [
        *_draw_box(verdict.word, [line for part in box for line in part.wrap(width)], foot, width),
        *against.write(width),
        *groups,
        *(line for part in (unknown, wanted, *told) for line in part.write(width)),
        _show_card(done.card_path.resolve(), here, width),
    ]


@dataclass(slots=True)
class _Part:
    """A text with its label, or inside the box, and how many lines it has."""

    label: str
    text: str
    most: int

    def wrap(self, width: int) -> list[str]:
        """Return it on its lines at most."""
        return wrap(self.text, width - (LABEL if self.label else 4), self.most)

    def write(self, width: int) -> list[Text]:
        """Return it on its lines, the label in a column of its own."""
        heads = [f"{self.label:<{LABEL}}", *[" " * LABEL] * self.most]
        pairs = zip(heads, self.wrap(width), strict=False)
        return [Text.assemble((head, "bold"), line) for head, line in pairs]


def _share_out(room: int, wished: Iterable[_Part], width: int) -> None:
    """Give a line more to each that is cut, in this order, as long as there is room."""
    for part in wished:
        before = part.wrap(width)
        part.most += 1
        if room <= 0 or part.wrap(width) == before:
            part.most -= 1
        else:
            room -= 1


def _draw_box(word: str, inside: Iterable[str], foot: str, width: int) -> list[Text]:
    """Draw the verdict's box, its word above and the run below; the first line inside is bold."""
    colour = BADGES[word].rsplit(" ", 1)[-1]
    badge = f" {SYMBOLS[VERDICT_MARKS[word]]} {VERDICT_WORDS[word].upper()} "
    foot = fit(foot, width - 4)
    rest = "─" * (width - 3 - cell_len(badge))
    lines = [Text.assemble(("┌─", colour), (badge, f"bold {BADGES[word]}"), (f"{rest}┐", colour))]
    for i, text in enumerate(inside):
        body = (set_cell_size(text, width - 4), "bold" if i == 0 else "")
        lines.append(Text.assemble(("│ ", colour), body, (" │", colour)))
    rest = "─" * (width - 3 - cell_len(foot))
    lines.append(Text.assemble((f"└{rest}", colour), foot, ("─┘", colour)))
    return lines


def _write_dimensions(bodies: Sequence[Body], room: int, width: int) -> list[Text]:
    """Write a line a dimension, the worst served first, in columns; count those without room."""
    shown = bodies if len(bodies) <= room else bodies[: room - 1]
    gaps = [_tell_gap(body) for body in shown]
    size = max(map(len, gaps), default=0)
    worst = max((cell_len(_tell_worst(b)) for b in shown), default=0)
    names = max(min(DIMENSION, width // 4), width - LABEL - size - worst - 2 * len("  "))
    names = min(names, max((cell_len(str(b.label)) for b in shown), default=0))
    lines = []
    for body, gap in zip(shown, gaps, strict=True):
        sign, word = SYMBOLS[body.verdict.status], SHORT.get(body.verdict.text, "")
        name = set_cell_size(fit(str(body.label), names), names)
        rest = f"{word:<{LABEL - 2}}{name}  {gap:>{size}}  {_tell_worst(body)}"
        style = STYLES.get(body.verdict.status, "")
        lines.append(Text.assemble((sign, style), " ", fit(rest.rstrip(), width - 2)))
    more = len(bodies) - len(shown)
    lines += [Text(f"{'':<{LABEL}}{more} more ways to divide are on the card")] * bool(more)
    return lines


def _tell_gap(body: Body) -> str:
    worst = body.worst
    return "" if worst is None else write_brief_gap(worst.gap, worst.gap_between, worst.unit)


def _tell_worst(body: Body) -> str:
    if body.worst is None:
        return ""
    return f"{body.worst.group}: {describe_metric(body.worst.metric).label.lower()}"


def _show_card(path: Path, here: Path, width: int) -> Text:
    """Return where the card is: whole, and a link where the terminal knows links."""
    uri = path.as_uri()
    told = uri if len(uri) <= width else clean(show_path(path, here))
    return Text(told, style=f"link {uri}")


def wrap(text: str, width: int, most: int) -> list[str]:
    """Return a text on so many lines at most, the last one cut at a word."""
    whole = Text(clean(" ".join(text.split()))).wrap(Console(width=width), width)
    lines = [line.plain.rstrip() for line in whole]
    return lines if len(lines) <= most else _cut(lines, width, most)


def _cut(lines: Sequence[str], width: int, most: int) -> list[str]:
    return [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), width)] if most else []


def fit(text: str, width: int) -> str:
    """Return a text on one line, cut at a word where it is too long."""
    text = clean(text)
    if cell_len(text) <= width:
        return text
    kept = set_cell_size(text, width - len(CUT))
    whole = kept if text[len(kept)] == " " else kept.rsplit(" ", 1)[0]
    return (whole if cell_len(whole) > width // 2 else kept).rstrip() + CUT


def _tell_rows(result: Result) -> str:
    counts = result.quality.counts
    known = int(result.predictions["y_true"].notna().sum())
    return (
        f"{counts.accepted:,} of {counts.read:,} used, {counts.rejected:,} rejected, "
        f"{known:,} with a known outcome"
    )


def _tell_hidden(audit: Audit) -> list[tuple[str, str]]:
    """Name what was hidden or joined, and for which cell: here alone, for the card must not."""
    lines = [
        f"{row['dimension']}={group} is too small: counted with {other}"
        for row in audit.dimensions.to_dict("records")
        for group, other in zip(row["groups"], row["counted_with"], strict=True)
        if other
    ]
    causes = audit.causes.to_dict("records")
    lines += [f"{c['dimension']}={c['group']} for the sake of {c['cause']}" for c in causes]
    told = FOLD.sub(lambda found: f", test period {int(found[1]) + 1}=", "; ".join(lines))
    return [("Not shown", f"{len(lines)}: {told}")] if lines else []


def _tell_gaps(card: CardRecord, place: str) -> list[tuple[str, str]]:
    """Return how many answers only a person can give are missing, and with which to begin."""
    if not card.gaps:
        return []
    required = sum(gap.required for gap in card.gaps)
    told = f"{len(card.gaps)} answers, {required} needed; first `{card.gaps[0].path}`"
    return [("Missing", f"{told} in {place}")]
