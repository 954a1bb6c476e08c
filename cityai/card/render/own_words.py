"""The city's own words in a record: names of groups, places, things counted."""

from __future__ import annotations

from collections.abc import Iterator

from cityai.assessment.metrics import METRICS
from cityai.card.diff.facts import DIMENSIONS, GROUPS_OF
from cityai.card.record import CardRecord
from cityai.card.words import name_one
from cityai.columns import ENTITY
from cityai.i18n.messages import Figure, Message
from cityai.i18n.translator import Translator


def open_translator(record: CardRecord, language: str) -> Translator:
    """Return what says a record's texts in a language: the city's own words too, where it did."""
    own = record.record.words_language
    given = record.record.translations.get(language, {})
    return Translator(language, list_own_words(record), own, given)


def list_own_words(record: CardRecord) -> frozenset[str]:
    """Return the names that the city gave: they stand on the page as they were written.

    A name is looked up in the catalogue all the same: ``requests`` and ``neighbourhood`` are there.
    """
    unit = record.model.unit
    drivers = record.model.explanation.drivers if record.model.explanation else ()
    found = {
        record.record.title,
        record.system.city,
        record.system.name or "",
        unit,
        name_one(unit),
        record.eval.places_label,
        f"{record.eval.places_label[:1].upper()}{record.eval.places_label[1:]}",
        record.eval.boundaries,
        record.eval.boundaries_key,
        record.publication.table_schema.get(ENTITY, ""),
        *(name for place in record.eval.places for name in (place.id, place.name)),
        *(driver.label for driver in drivers),
        *(proxy.label for proxy in record.fairness.proxies),
        *(entry.label for entry in record.model.inputs),
        *(name for text in _list_told(record) for name in _find_names(text)),
        *(column for data in record.data for column in data.columns),
        *(column.replace("_", " ") for data in record.data for column in data.columns),
        *(data.name for data in record.data),
        *(m.name or m.slice for data in record.data for m in data.quality),
        *(metric.name for metric in METRICS),
        *record.eval.own_words,
        *record.publication.table_schema,
        *record.publication.table_schema.values(),
    }
    for dimension in record.fairness.dimensions:
        found |= {dimension.label, dimension.name, *(group.name for group in dimension.groups)}
        found |= {f"{dimension.label[:1].lower()}{dimension.label[1:]}"}
    for method in record.model.baselines:
        found |= {*_find_names(method.label)}
        found |= {method.label, f"{method.label[:1].upper()}{method.label[1:]}"}
    for part in record.impacts:
        found |= {part.name, part.label, part.who_decides, part.source, part.drawn}
    options = record.fairness.options
    if options is not None:
        found |= {options.reason, options.decided_by}
    return frozenset((found | _list_former(record)) - {""})


def _list_told(record: CardRecord) -> Iterator[str]:
    """Yield the sentences whose plain arguments are names: of features, covariates and values."""
    explanation = record.model.explanation
    yield from (entry.label for entry in record.model.inputs)
    yield from (driver.label for driver in (explanation.drivers if explanation else ()))
    yield from (proxy.label for proxy in record.fairness.proxies)
    yield from (measure.measure for data in record.data for measure in data.quality)
    yield from (text for data in record.data for text in data.cleaning)
    yield from record.eval.design
    yield from (f.reason for f in record.findings if f.code.startswith("quality.silent_"))


def _find_names(text: str) -> Iterator[str]:
    """Yield the plain texts that a message holds, by whatever depth."""
    for part in text.arguments.values() if isinstance(text, Message) else ():
        if isinstance(part, Message):
            yield from _find_names(part)
        elif not isinstance(part, Figure):
            yield part.strip()


def _list_former(record: CardRecord) -> set[str]:
    """Return names of dimensions and groups that the card before this one had."""
    found: set[str] = set()
    for item in record.changes.items if record.changes else ():
        if item.path.startswith(DIMENSIONS):
            label = item.subject.removeprefix(GROUPS_OF.format(label=""))
            found |= {label, item.path.removeprefix(DIMENSIONS), *item.before.split(", ")}
    return found
