"""What a language draws together where a word is put into a sentence: ``de el`` is ``del``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

CONTRACTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {"de el": "del", "a el": "al"},
    "pt": {
        **{f"de {article}": f"d{article}" for article in ("o", "a", "os", "as")},
        **{f"em {article}": f"n{article}" for article in ("o", "a", "os", "as")},
        **{f"por {article}": f"pel{article}" for article in ("o", "a", "os", "as")},
        **{"a o": "ao", "a os": "aos", "a a": "à", "a as": "às"},
    },
    "fr": {"de le": "du", "de les": "des", "à le": "au", "à les": "aux"},
}
"""By language, in small letters: a preposition and an article, and the one word they make."""

ELIDED: Final = re.compile(r"\b([Dd])e (?!onze\b|oui\b)(?=[aeiouyâàéèêëîïôœ])")
"""In French ``de`` loses its vowel before another."""


def draw_together(text: str, language: str) -> str:
    """Return a sentence with prepositions and articles drawn together.

    Parameters
    ----------
    text : str
        In the language; names that stand in it are marked, and stay as they are.
    language : str
        ``es``, ``pt`` or ``fr``; others draw nothing together here.
    """
    pairs = CONTRACTIONS.get(language)
    if not pairs:
        return text

    def join(match: re.Match[str]) -> str:
        word = pairs[f"{match[0][:1].lower()}{match[0][1:]}"]
        return f"{word[:1].upper()}{word[1:]}" if match[0][:1].isupper() else word

    text = _PAIRS[language].sub(join, text)
    return ELIDED.sub(r"\1’", text) if language == "fr" else text


def _compile(pairs: Mapping[str, str]) -> re.Pattern[str]:
    ways = "|".join(
        f"[{pair[0].upper()}{pair[0]}]{re.escape(pair[1:])}" for pair in sorted(pairs, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{ways})(?!\w)")


_PAIRS: Final = {language: _compile(pairs) for language, pairs in CONTRACTIONS.items()}
