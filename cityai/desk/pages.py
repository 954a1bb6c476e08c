"""The desk's pages: the card's look, no script, every text a message or marked as somebody's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from cityai.card.diff import compare_cards
from cityai.card.diff.plain_text import HEADS
from cityai.card.record import CardRecord
from cityai.card.record.described import ChangesPart
from cityai.card.release import ReleasePart
from cityai.card.render.own_words import open_translator
from cityai.card.render.page import (
    Language,
    list_languages,
    make_words,
    name_page,
    open_environment,
)
from cityai.card.render.release import list_decided
from cityai.card.words import VERDICT_MARKS, VERDICT_WORDS
from cityai.config.release import Phase
from cityai.desk.checklist import arrange_checklist
from cityai.desk.forms import EXTRA, Told
from cityai.desk.queue import System, say_title
from cityai.desk.sessions import Session
from cityai.errors import CityaiError, SpecError
from cityai.i18n.catalogue import LOCALES, NAMES
from cityai.i18n.messages import say
from cityai.i18n.translator import Translator
from cityai.pipeline.cards import read_before
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import Reviewed, check_gate
from cityai.pipeline.sign import show_bytes
from cityai.review.acts import Kind, Section, Taken
from cityai.review.gate import Checked, Outcome, is_open, tell_stop
from cityai.review.release import describe_phase
from cityai.review.standing import Standing

TEMPLATES: Final = Path(__file__).parent / "templates"
STYLES: Final = (Path(__file__).parents[1] / "card" / "templates" / "style.css", "desk.css")
OUTCOMES: Final[dict[Outcome, tuple[str, str]]] = {
    "met": ("pass", say("Holds")),
    "met on condition": ("near", say("Holds on a condition")),
    "not met": ("fail", say("Does not hold")),
    "does not apply": ("none", say("Does not apply")),
}
"""Mark and word of a rule's outcome."""
ACTS: Final[dict[Kind, str]] = {
    "open": say("asked for a review"),
    "comment": say("commented"),
    "approve": say("approved"),
    "return": say("returned it"),
    "withdraw": say("withdrew their decision"),
    "fulfil": say("said that a condition is met"),
    "override": say("allowed it against the rules"),
    "promote": say("put it into use"),
    "rollback": say("went back to the model before"),
    "retire": say("took it out of use"),
    "announce": say("announced an evaluation"),
    "draw": say("drew for an evaluation"),
    "decide": say("decided on an evaluation"),
}
"""What an act is, after a person's name."""
TAKEN: Final[dict[Taken, str]] = {
    "scale": say("Scale it up"),
    "change": say("Change it"),
    "stop": say("Stop it: nothing is in use then"),
}
"""What a city does with what an evaluation found."""
SECTIONS: Final[dict[Section, str]] = {
    "first": say("First"),
    "decision": say("The decision"),
    "accuracy": say("How well it works"),
    "people": say("For whom"),
    "where": say("Where"),
    "limits": say("Limits of use"),
    "data": say("The data"),
    "risks": say("Risks"),
    "object": say("How to object"),
    "annex": say("Annex"),
}
"""The parts of a card, as its own page calls them."""
WEIGHTS: Final = {
    "beyond chance": ("", say("More than chance explains")),
    "may be chance": ("none", say("Chance may explain it")),
    "cannot be told": ("open", say("Cannot be told")),
    "no figure": ("", ""),
}
READ_ANOTHER: Final = say("the card is another since you read it")
SHOWN: Final = 1_500
"""Characters of what somebody wrote that are shown before it is unfolded."""


@dataclass(frozen=True)
class View:
    """Who looks at which page, and in which language."""

    language: str
    """``en``, ``es``, ``pt`` or ``fr``."""
    path: str = "/"
    """The page's address after the language."""
    session: Session | None = None
    """Who signed in."""
    record: CardRecord | None = None
    """The card that it is about: its city's own words are shown as the city says them."""

    def render(self, template: str, **more: object) -> str:
        """Return the page."""
        translator = (
            open_translator(self.record, self.language)
            if self.record
            else Translator(self.language)
        )
        found = open_environment(TEMPLATES).get_template(template)
        return found.render(
            make_words(translator),
            translator=translator,
            language=self.language,
            languages=[Language(c, NAMES[c], f"/{c}{self.path}") for c in LOCALES],
            session=self.session,
            fold=lambda text: (text[:SHOWN], text[SHOWN:]),
            **more,
        )


@cache
def read_style() -> str:
    """Read the card's style and, after it, what the desk adds."""
    card, own = STYLES
    return Path(card).read_text("utf-8") + (TEMPLATES / own).read_text("utf-8")


def render_notice(
    view: View, title: str, told: str = "", *, error: CityaiError | None = None, kept: str = ""
) -> str:
    """Render a page that only says something, and gives back what was written in vain."""
    return view.render("notice.html.j2", title=title, told=told, error=error, kept=kept)


def render_sign_in(view: View, *, name: str = "", role: str = "", secret: str = "") -> str:
    """Render the page to sign in at: with a name only where somebody may."""
    return view.render("sign_in.html.j2", name=name, role=role, secret=secret)


def render_queue(view: View, systems: list[System]) -> str:
    """Render the list of systems."""
    return view.render(
        "queue.html.j2",
        systems=systems,
        decide=lambda part: list_decided(ReleasePart(phases=(part,)))[0],
        words=VERDICT_WORDS,
        word_marks=VERDICT_MARKS,
    )


def render_review(
    view: View,
    reviewed: Reviewed,
    phase: Phase,
    *,
    signed: int = 0,
    told: Told | None = None,
    error: CityaiError | None = None,
) -> str:
    """Render a review: the rules, the checklist, what people signed, and the forms to sign.

    Parameters
    ----------
    view : View
        Who looks.
    reviewed : Reviewed
        The card and the acts on it; its chain holds.
    phase : {"pilot", "operational"}
        What it is to be used as.
    signed : int
        Number of the act that was just signed.
    told : Told, optional
        What was sent and does not fit: it is shown again.
    error : CityaiError, optional
        Why nothing was signed.
    """
    record, today = reviewed.record, read_clock().date()
    standing = reviewed.stand(phase, today)
    rules = reviewed.policy.release
    found, wanting = _check(reviewed, phase)
    who = view.session.reviewer if view.session else None
    own = [d.signer.name for d in (*standing.decisions, *standing.overrides)]
    done = [li for li in reviewed.chain.links if li.act.number == signed]
    part = describe_phase(rules, record, standing)
    return view.render(
        "review.html.j2",
        record=record,
        name=reviewed.name,
        title=say_title(record, view.language),
        phase=phase,
        decided=list_decided(ReleasePart(phases=(part,))),
        asked=[li for li in reviewed.chain.links if (li.act.act, li.act.phase) == ("open", phase)],
        found=found,
        wanting=wanting,
        gate_open=is_open(found, standing),
        stop=tell_stop(standing.stop) if standing.stop else "",
        outcomes=OUTCOMES,
        against=[c for c in found if _stops(c)],
        conditions=[c for c in found if c.on_condition],
        mended_here={c.rule.id for c in found if _is_mended_here(c, standing)},
        extra=EXTRA,
        checklist=arrange_checklist(record),
        links=reviewed.chain.links[::-1],
        acts=ACTS,
        sections=SECTIONS,
        evaluations=[
            part
            for part in record.impacts
            if part.found and who and who.role.lower() == part.who_decides.lower()
        ],
        taken=TAKEN,
        shown=show_bytes(reviewed),
        head=reviewed.chain.head,
        number=len(reviewed.chain.links) + 1,
        digest=reviewed.subjects["card.json"],
        read_another=READ_ANOTHER if has_read_another(view, reviewed) and not error else "",
        decided_before=who is not None and who.name in own,
        signed=done[0] if done and who and done[0].signer.name == who.name else None,
        told=told,
        typed=told.given if told else {},
        problems={p.field: p.told for p in told.problems} if told else {},
        error=error,
        today=today,
        word_marks=VERDICT_MARKS,
        words=VERDICT_WORDS,
    )


def has_read_another(view: View, reviewed: Reviewed) -> bool:
    """Tell whether who looks read a card that has become another since."""
    digest = reviewed.subjects["card.json"]
    return view.session is not None and view.session.has_read_another(reviewed.name, digest)


def _check(reviewed: Reviewed, phase: Phase) -> tuple[tuple[Checked, ...], SpecError | None]:
    try:
        return check_gate(reviewed, phase), None
    except SpecError as error:
        return (), error


def _stops(checked: Checked) -> bool:
    """Tell whether a rule stands against an approval that no condition makes up for."""
    asks = checked.rule.reviewers or checked.on_condition
    return checked.outcome == "not met" and not asks


def _is_mended_here(checked: Checked, standing: Standing) -> bool:
    """Tell whether an approval, or one on a condition, would meet a rule."""
    rule, made = checked.rule, {condition.rule for condition in standing.conditions}
    asks = bool(rule.reviewers) and not standing.returns
    return checked.outcome == "not met" and (asks or (checked.on_condition and rule.id not in made))


def render_card(view: View, reviewed: Reviewed, reading: str) -> str:
    """Render a card beside the one before it, in frames, and what is otherwise."""
    record = reviewed.record
    before = read_before(reviewed.place, record)
    changes = _find_changes(before, record)
    file = name_page(*_choose_languages(record, view.language))
    base = f"/read/{reading}/{reviewed.name}"
    return view.render(
        "card_beside.html.j2",
        record=record,
        name=reviewed.name,
        title=say_title(record, view.language),
        changes=changes,
        kinds=HEADS,
        weights=WEIGHTS,
        now=f"{base}/{file}",
        before=f"{base}/before.{view.language}.html" if before else "",
    )


def _find_changes(before: CardRecord | None, record: CardRecord) -> ChangesPart | None:
    """Compare with the card before; without it take what the card itself says of it."""
    return compare_cards(before, record) if before else record.changes


def _choose_languages(record: CardRecord, language: str) -> tuple[str, str]:
    codes = list_languages(record.record.languages, record.record.words_language)
    return (language if language in codes else codes[0]), codes[0]
