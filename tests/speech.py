"""Whether a card's every sentence is found in every language."""

from __future__ import annotations

from typing import Any

from cityai.card.record import CardRecord
from cityai.card.render.own_words import list_own_words
from cityai.card.render.page import render_html
from cityai.i18n.catalogue import LOCALES
from cityai.i18n.stored import list_plain
from cityai.i18n.translator import Translator

OTHERS = [language for language in LOCALES if language != "en"]
INVENTED = {
    "87 % of rows came within 10 days; the limit is 90 %.",
    "As met by the average resident of each group; areas are mixed.",
    "It says what was looked at, not what causes demand.",
    "They add up to one.",
    "TreeSHAP.",
    "Weights",
    "Timeliness",
    "months present",
    "rows known within 10 days",
    "not known",
    "depth",
}
"""Sentences that only the tests' own city says."""


def read_plain(text: str) -> Any:
    """Read JSON of a card as English prints it: the text in place of each message."""
    return list_plain(CardRecord.model_validate_json(text).model_dump(mode="json"))


def check_card(record: CardRecord, figures=()) -> None:
    """Render a card in every language but English; every message is found, every name is known."""
    machines = {*record.model.parameters, *record.provenance.versions, record.model.name}
    known = list_own_words(record) | INVENTED | machines
    for language in OTHERS:
        translator = Translator(language, known, record.record.words_language)
        render_html(record, figures, translator=translator)
        assert not translator.untranslated, translator.untranslated
