"""Find the message that an English sentence was made from, and what stood in its places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

_PLACE = re.compile(r"\{(\w+)\}")
_QUOTED = re.compile(r"['`]\{(\w+)\}['`]")
WEAK = 9
"""With fewer letters of its own, a message is taken only where everything in its places is known:
``{low} to {high}`` must not match ``Access to food``."""


@dataclass(frozen=True)
class Pattern:
    """One English form of a message.

    Attributes
    ----------
    text : str
        The form, with its places: ``{rows} rows of {unit}``.
    key : str
        The message it belongs to; another than `text` for the form of several.
    """

    text: str
    key: str

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The texts between the places."""
        return tuple(_PLACE.split(self.text)[::2])

    @cached_property
    def weight(self) -> int:
        """How many characters are the message's own."""
        return sum(len(t) for t in self.literals)

    @cached_property
    def weak(self) -> bool:
        """Whether too little of it is its own to be sure."""
        return sum(c.isalpha() for t in self.literals for c in t) < WEAK

    @cached_property
    def quoted(self) -> frozenset[str]:
        """Places in quotation marks: names for machines, never translated."""
        return frozenset(_QUOTED.findall(self.text))

    @cached_property
    def _longest(self) -> str:
        return max(self.literals, key=len)

    @cached_property
    def _forms(self) -> tuple[re.Pattern[str], ...]:
        frugal, hungry = _compile(self.text, ".+?"), _compile(self.text, ".+")
        return (frugal,) if self.text.count("{") < 2 else (frugal, hungry)

    def match(self, text: str) -> Iterator[dict[str, str]]:
        """Yield what may stand in the places; nothing where the text is of another message."""
        first, last = self.literals[0], self.literals[-1]
        if not text.startswith(first) or not text.endswith(last) or self._longest not in text:
            return
        seen: list[dict[str, str]] = []
        for form in self._forms:
            found = form.fullmatch(text)
            if found and found.groupdict() not in seen:
                seen.append(found.groupdict())
                yield found.groupdict()


def list_patterns(forms: Iterable[tuple[str, str]]) -> tuple[Pattern, ...]:
    """Return the patterns of (form, message) pairs that have places, the most telling first."""
    made = [Pattern(text, key) for text, key in forms if _PLACE.search(text)]
    return tuple(sorted(made, key=lambda p: (-p.weight, p.text)))


def find_places(text: str) -> tuple[str, ...]:
    """Return the names of a message's places, each once."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def _compile(text: str, gap: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for i, part in enumerate(_PLACE.split(text)):
        if i % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.add(part)
            parts.append(f"(?P<{part}>{gap})")
    return re.compile("".join(parts), re.DOTALL)
