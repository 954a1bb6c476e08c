"""What people decided, as a block at the top of a card's pages: made and taken out without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cityai.card.impact_words import DECIDED_WORDS
from cityai.card.record import MARKDOWN, CardRecord
from cityai.card.release import DecisionPart, PhasePart, ReleasePart, take_out_release
from cityai.card.render.markdown import escape_markdown
from cityai.card.render.own_words import open_translator
from cityai.card.render.page import fill_template, list_languages, name_page
from cityai.card.words import LIFE_PHASES
from cityai.i18n.messages import join, say, write_day

OPENED: Final = '<main id="main">\n'
MARKS: Final = {"approved": "pass", "not approved": "not enough evidence"}
"""The sign beside a state; of every other that of a failure."""


def put_in_release(
    files: dict[str, str], record: CardRecord, release: ReleasePart | None
) -> dict[str, str]:
    """Return a card's pages with the block that is true now; others stay as they are."""
    made = {name: take_out_release(text.encode()).decode() for name, text in files.items()}
    if release is None:
        return made
    codes = list_languages(record.record.languages, record.record.words_language)
    for code in codes:
        name = name_page(code, codes[0])
        if name in made:
            block = fill_template(
                "release.html.j2",
                open_translator(record, code),
                release=release,
                shown=list_decided(release),
                stopped=bool(release.decisions) and release.decisions[0].decision == "stop",
                tell_decision=tell_decision,
            )
            made[name] = made[name].replace(OPENED, OPENED + block, 1)
    if MARKDOWN in made:
        title, gap, rest = made[MARKDOWN].partition("\n\n")
        made[MARKDOWN] = title + gap + _write_markdown(release) + rest
    return made


def _write_markdown(release: ReleasePart) -> str:
    if release.broken:
        lines = ["**The chain of signed acts does not hold.**"]
    else:
        lines = [
            f"- **Allowed against the rules ({o.phase})** until {write_day(o.until)}, allowed by "
            f"{escape_markdown(o.role)}: {escape_markdown(o.reason)}"
            for o in release.overrides
        ]
        lines += [f"- {d.phase}: {d.told}" for d in list_decided(release)]
        lines += [f"- {tell_decision(d)} {escape_markdown(d.reason)}" for d in release.decisions]
        lines.append(f"- Head of {release.acts:,} signed acts: `{release.head}`")
    return "\n".join(["<!--release-->", *lines, "", "<!--/release-->", ""])


@dataclass(frozen=True, slots=True)
class Decided:
    """How a phase stands, in words, with the sign beside it."""

    phase: str
    mark: str
    told: str
    of_card: bool


def tell_decision(taken: DecisionPart) -> str:
    """Say what the city does with what an evaluation found."""
    day = write_day(taken.day)
    told = [
        say("After the evaluation “{name}”:", name=taken.evaluation),
        DECIDED_WORDS[taken.decision].format(role=taken.role, day=day),
    ]
    if taken.outdated:
        told.append(say("That was decided on another result than the one that stands here."))
    return join(" ", told)


def list_decided(release: ReleasePart) -> list[Decided]:
    """List how the phases stand of which there is something to say; of none the first."""
    told = [p for p in release.phases if p.version or p.state != "not approved"]
    return [
        Decided(LIFE_PHASES[p.phase], MARKS.get(p.state, "fail"), _tell_phase(p), p.of_card)
        for p in told or release.phases[:1]
    ]


def _tell_phase(part: PhasePart) -> str:
    day = write_day(part.until) if part.until else ""
    told = {
        ("approved", True): say("in use, approved until {day}; suspended after that day", day=day),
        ("approved", False): say("approved until {day}, not in use", day=day),
        ("overridden", True): say("in use by an override until {day}", day=day),
        ("overridden", False): say("allowed by an override until {day}, not in use", day=day),
        ("suspended", True): say("suspended: its approval does not count any more"),
        ("suspended", False): say("suspended: its approval does not count any more"),
        ("returned", False): say("returned: a reviewer said no"),
        ("not approved", False): say("not approved"),
    }
    return told[part.state, bool(part.version)]
