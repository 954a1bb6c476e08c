"""Whether a card's every sentence is found in every language."""

from __future__ import annotations

import re

from cityai.card.record import CardRecord
from cityai.card.render import render_html
from cityai.card.render.own_words import list_own_words
from cityai.i18n.catalogue import LOCALES
from cityai.i18n.speaker import Speaker

OTHERS = [language for language in LOCALES if language != "en"]
ENGLISH = re.compile(r"\b(the|of|is|was|were|and|with|from|that|than|which|not)\b", re.I)
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
}
"""Sentences that only the tests' own city says."""


def check_card(record: CardRecord, figures=()) -> None:
    """Render a card in every language but English; nothing is left as it was, and unknown."""
    own = list_own_words(record)
    for language in OTHERS:
        speaker = Speaker(language, own, record.record.words_language)
        render_html(record, figures, speaker=speaker)
        unknown = speaker.unknown - INVENTED
        assert not unknown, unknown
        left = {text for text in speaker.opaque if len(ENGLISH.findall(text)) > 1} - own - INVENTED
        assert not left, left
