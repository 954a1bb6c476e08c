"""The council's page: verdict, worst gap, conditions, and lines to sign, on one sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cityai.card.counts import list_judged, name_worst, rank_result
from cityai.card.figures.gaps import choose_worst, tell_signs
from cityai.card.figures.paper import (
    COLOURS,
    MUTED,
    Boxed,
    Chart,
    Gap,
    Part,
    Row,
    Say,
    Signed,
    Tightness,
)
from cityai.card.figures.pen import fit_sheet, write_pdf
from cityai.card.numbers import (
    find_finest,
    write_brief_figure,
    write_brief_gap,
    write_figure,
    write_gap,
    write_to,
)
from cityai.card.record import CardRecord
from cityai.card.record.described import VerdictPart
from cityai.card.record.fairness import GroupResult
from cityai.card.record.part import index_whole
from cityai.card.release import ReleasePart
from cityai.card.render.head import find_headline
from cityai.card.render.matrix import write_result
from cityai.card.render.own_words import open_translator
from cityai.card.render.page import list_languages
from cityai.card.render.release import list_decided, tell_decision
from cityai.card.render.tables import name_model
from cityai.card.words import (
    BEYOND,
    LIFE_PHASES,
    MARKS,
    SYMBOLS,
    VERDICT_MARKS,
    VERDICT_WORDS,
    VERDICTS,
    describe_metric,
    find_side,
    name_verdict,
)
from cityai.columns import BASELINE, FORECAST
from cityai.i18n.messages import join, say, write_day
from cityai.i18n.translator import Translator

MOST_ROWS, MOST_WORST = 8, 3
"""Lines of the chart; groups that are told in words."""
SIGNS = {"pass": "pass", "fail": "fail", "not enough evidence": "open"}


def list_brief_languages(record: CardRecord) -> tuple[str, ...]:
    """List the languages in which there is a brief: those of the card's pages, its own first."""
    return list_languages(record.record.languages, record.record.words_language)


def name_brief(language: str, main: str) -> str:
    """Return the file's name: ``brief.pdf``, ``brief.es.pdf``."""
    return "brief.pdf" if language == main else f"brief.{language}.pdf"


def render_brief(
    record: CardRecord, verdict: VerdictPart, language: str, release: ReleasePart | None = None
) -> bytes:
    """Render the council's page as a PDF of one page of A4.

    Returns
    -------
    bytes
        The same for the same record, decisions, language and version of the libraries.
    """
    author = _Author(record, verdict, open_translator(record, language), release)
    title = author.translate(say("{name}: on one page", name=author.name))
    keywords = f"record {record.record.content_digest}"
    return write_pdf(fit_sheet(author.arrange), title, language, record.record.created, keywords)


@dataclass(frozen=True)
class _Author:
    """Says a record's sentences in a language, as parts of a sheet."""

    record: CardRecord
    verdict: VerdictPart
    translator: Translator
    release: ReleasePart | None

    @property
    def name(self) -> str:
        return self.record.system.name or self.record.record.title

    def translate(self, text: str) -> str:
        return self.translator.translate(text)

    def arrange(self, step: Tightness) -> list[Part]:
        """Arrange the sheet, folded as far as `step` asks."""
        parts = [
            *self._head(step),
            *self._released(step),
            self._box(step),
            *self._chart(step),
            *self._worst(step),
        ]
        return [*parts, *self._conditions(step), *self._people(step), *self._foot()]

    def _cut(self, text: str, step: Tightness) -> str:
        said = " ".join(self.translate(text).split())
        if len(said) <= step.letters:
            return said
        return f"{said[: step.letters].rstrip()}… {self.translate(say('(see the card)'))}"

    def _head(self, step: Tightness) -> Iterator[Part]:
        record = self.record
        phase = LIFE_PHASES.get(record.system.phase or "", "")
        facts = [
            *([phase] if phase else ()),
            say("Made {day}", day=write_day(record.record.created)),
        ]
        if record.record.review_due:
            facts.append(say("to be reviewed by {day}", day=write_day(record.record.review_due)))
        above = join(" · ", (say("For the council, on one page"), record.system.city))
        yield Say(self._cut(above, step), 8.2, colour=MUTED)
        yield Say(self._cut(self.name, step), 16, bold=True)
        yield Say(self._cut(join(" · ", facts), step), 8.2, colour=MUTED)
        if record.system.synthetic:
            invented = say("{city} is an invented city.", city=record.system.city)
            yield Say(self._cut(invented, step), 8.6, bold=True, colour=COLOURS["open"])
        yield Gap(6)

    def _released(self, step: Tightness) -> Iterator[Part]:
        """Say what people decided; that a rule was set aside before all else."""
        if self.release is None:
            return
        if self.release.broken:
            broken = say("The chain of signed acts does not hold: nothing that it says counts.")
            yield Say(self._cut(broken, step), 9, bold=True, colour=COLOURS["fail"])
        for override in self.release.overrides:
            head = join(" – ", (say("Allowed against the rules"), LIFE_PHASES[override.phase]))
            yield Say(self._cut(head, step), 10.5, bold=True, colour=COLOURS["fail"])
            allowed = say(
                "“{role}” allowed it until {day}, although a rule of the policy does not hold.",
                role=override.role,
                day=write_day(override.until),
            )
            yield Say(self._cut(join(" ", (allowed, override.reason)), step), 8.8, above=0)
        for decided in () if self.release.broken else list_decided(self.release):
            told = say("{phase}: {decided}", phase=decided.phase, decided=decided.told)
            yield Say(self._cut(told, step), 8.2, colour=MUTED)
        for taken in self.release.decisions[:1]:
            stop = taken.decision == "stop"
            told = join(" ", (tell_decision(taken), taken.reason))
            yield Say(
                self._cut(told, step), 8.8, bold=stop, colour=COLOURS["fail"] if stop else MUTED
            )
        yield Gap(4)

    def _box(self, step: Tightness) -> Part:
        verdict = self.verdict
        status = VERDICT_MARKS[verdict.word]
        colour = COLOURS[MARKS[status]]
        word = f"{SYMBOLS[status]} {self.translate(VERDICT_WORDS[verdict.word])}"
        lines = (
            (say("Does it work?"), verdict.works),
            (say("For whom not?"), verdict.not_for_whom),
            (say("What we do not know"), verdict.unknown),
        )
        parts = [
            Say(self._cut(say("Can the city use it?"), step), 8.2, colour=MUTED),
            Say(word, 15, bold=True, colour=colour, above=0),
            Say(self._cut(verdict.because, step), 8.8),
        ]
        for label, text in lines:
            parts.append(Say(self._cut(label, step), 8.2, bold=True, colour=MUTED, above=4))
            parts.append(Say(self._cut(text, step), above=0))
        return Boxed(colour, tuple(parts))

    def _title(self, text: str, step: Tightness) -> Say:
        return Say(self._cut(text, step), 10.5, bold=True, above=9)

    def _chart(self, step: Tightness) -> Iterator[Part]:
        if not step.chart:
            return
        worst = choose_worst(self.record)
        if worst is None:
            yield from self._chart_practice(step)
            return
        by_group = {r.group: r for r in worst.results}
        shown = [by_group[g] for g in worst.groups if g in by_group][:MOST_ROWS]
        limit = next((r.limit for r in worst.results if r.limit is not None), None)
        yield self._title(worst.title, step)
        decimals = max((find_finest((r.value, r.gap), r.unit) for r in shown), default=0)
        yield Chart(tuple(self._draw_gap(result, decimals) for result in shown), limit)
        yield Say(self._cut(tell_signs(self.record, shown), step), 7.6, colour=MUTED, above=0)

    def _draw_gap(self, result: GroupResult, decimals: int) -> Row:
        reference = result.group == result.reference
        between = result.gap_between
        value = None if between is not None else result.gap
        if reference and result.value is not None:
            value = 0.0
        said = write_result(result, decimals)
        if not reference and (result.gap is not None or between is not None):
            gap = write_result(result, decimals, gap=True)
            said = say("{value} ({gap})", value=said, gap=gap)
        elif not reference:
            said = VERDICTS[result.status]
        sign = "reference" if reference else SIGNS.get(result.status, "open")
        low, high = (result.gap_low, result.gap_high) if value is not None else (None, None)
        label, told = self.translate(result.group), self.translate(said)
        return Row(
            label, told, value, None if reference else low, None if reference else high, sign
        )

    def _chart_practice(self, step: Tightness) -> Iterator[Part]:
        record, headline = self.record, find_headline(self.record)
        figures = {
            model: n
            for (model, metric), n in index_whole(record.eval.metrics).items()
            if metric == headline.decides and (n.between or n.value is not None)
        }
        decimals = max((find_finest((n.value,), n.unit) for n in figures.values()), default=0)
        models = [FORECAST, *(f"{BASELINE}{b.name}" for b in record.model.baselines)]
        rows = [
            Row(self.translate(name_model(record, m)),
                self.translate(write_figure(n.value, n.between, n.unit) if n.between else
                               write_to(n.value, n.unit, decimals)), n.value)
            for m in models if m in figures for n in [figures[m]]
        ]  # fmt: skip
        if rows:
            label = describe_metric(headline.decides).label
            yield self._title(say("{label}: beside simpler ways", label=label), step)
            yield Chart(tuple(rows[:MOST_ROWS]))

    def _worst(self, step: Tightness) -> Iterator[Part]:
        judged = sorted(list_judged(self.record.fairness.results), key=rank_result, reverse=True)
        told = [r for r in judged if rank_result(r)[0] >= 0][: min(MOST_WORST, step.most)]
        if not told:
            return
        yield self._title(name_worst(told), step)
        for result in told:
            yield Say(self._cut(_tell_group(result), step), 8.8, indent=8)

    def _conditions(self, step: Tightness) -> Iterator[Part]:
        yield self._title(say("What a yes would need"), step)
        conditions = self.verdict.conditions
        for condition in conditions[: step.most]:
            yield Say(self._cut(condition.text, step), 8.8, indent=16, mark="box")
        if not conditions:
            yield Say(self._cut(say("Nothing more. The city decides."), step), 8.8)
        if len(conditions) > step.most:
            more = say("And {n} more: see the card.", n=len(conditions) - step.most)
            yield Say(self._cut(more, step), 8.8, indent=16)

    def _people(self, step: Tightness) -> Iterator[Part]:
        owner = self.record.owner
        unit = owner.unit if isinstance(owner.unit, str) else owner.city_contact.unit
        role = owner.accountable_role if isinstance(owner.accountable_role, str) else ""
        contact = owner.contact if isinstance(owner.contact, str) else ""
        asked = [owner.city_contact.unit, owner.city_contact.email, owner.city_contact.url or ""]
        yield self._title(say("Who answers, and whom to ask"), step)
        answers = join(", ", [text for text in (unit, role, contact) if text])
        yield Say(self._cut(answers, step), 8.8)
        asked_here = say("Questions: {contacts}", contacts=join(", ", [t for t in asked if t]))
        yield Say(self._cut(asked_here, step), 8.8)
        yield self._title(say("Decision"), step)
        for choice in (
            say("Yes"),
            say("Yes, on the conditions ticked above"),
            say("No, or not yet"),
        ):
            yield Say(self.translate(choice), 8.8, indent=16, mark="box")
        labels = (say("Name and role"), say("Day"), say("Signature"))
        yield Signed(tuple(self.translate(label) for label in labels))
        yield Signed(tuple(self.translate(label) for label in labels))

    def _foot(self) -> Iterator[Part]:
        record = self.record.record
        rule = say(
            "The word follows from the city's own rules, and is no release: the city decides."
        )
        card = say(
            "The whole card: card.html in the folder {folder}; "
            "the record's fingerprint is {digest}.",
            folder=record.id,
            digest=record.content_digest,
        )
        yield Gap(8, rule=True)
        yield Say(self.translate(rule), 7.4, colour=MUTED)
        yield Say(self.translate(card), 7.4, colour=MUTED, above=0)


def _tell_group(result: GroupResult) -> str:
    verdict, _ = name_verdict(result.status, result.grade)
    if result.status == "fail":
        verdict = BEYOND[find_side(result.metric, result.middle_gap)]
    return say(
        "{group}: {label} {value}; the gap is {gap}, the limit {limit}. {verdict}.",
        group=result.group,
        label=describe_metric(result.metric).label.lower(),
        value=write_brief_figure(result.value, result.between, result.unit),
        gap=write_brief_gap(result.gap, result.gap_between, result.unit),
        limit=write_gap(result.limit, result.unit, signed=False),
        verdict=verdict,
    )
