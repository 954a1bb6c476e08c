"""The page in the reader's language: catalogues, figures as each locale writes them, sentences."""

from __future__ import annotations

from cityai.card.speech.catalogue import LOCALES, NAMES
from cityai.card.speech.speaker import Speaker

__all__ = ["LOCALES", "NAMES", "Speaker"]
