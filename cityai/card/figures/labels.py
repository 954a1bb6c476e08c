"""Labels of pictures: cut to their room, in every language of the page, and told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from cityai.i18n.messages import Figure as Printed
from cityai.i18n.messages import Message
from cityai.i18n.stored import clean_text
from cityai.i18n.translator import Translator

drawn_labels: Final[dict[str, tuple[str, int]]] = {}
"""Labels of the present drawing: as drawn, in full, and how long they may become."""
speakers: Final[list[Translator]] = []
"""What says the labels of the present drawing in the languages of its page."""


def fit_label(text: str, most: int) -> str:
    """Return a label as it is drawn: cut to `most`, and as long as the longest of its languages.

    The picture is laid out once, for all languages; `write_svg` puts the English label back, in
    full, and the page cuts what it says in its own language.
    """
    full = text if isinstance(text, Message | Printed) else _write_line(text)
    told = [full, *(translator.translate(full) for translator in speakers)]
    said = [_write_line(text) for text in told]
    longest = max(map(len, said))
    for room in range(most, most + 80):
        drawn = max((_cut(line, room) for line in said), key=len)
        if drawn_labels.setdefault(drawn, (full, most)) == (full, most) or room >= longest:
            break
    return drawn


def shorten(text: str, length: int) -> str:
    """Cut a label that would push the picture aside, and drop what no picture can show."""
    return _cut(_write_line(text), length)


def _write_line(text: str) -> str:
    return " ".join(clean_text(text).split())


def _cut(line: str, length: int, tail: int = 0) -> str:
    if len(line) <= length:
        return line
    head = line[: length - 1 - tail].rstrip()
    return f"{head}…{line[len(line) - tail :].lstrip()}"


def tell_apart(labels: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Cut the labels of one picture, so that two names that differ do not become the same.

    Names that begin alike keep as many of their last letters as it takes, and lose those between.

    Parameters
    ----------
    labels : iterable of (str, int)
        Each label in full, and how long it may become.
    """
    lines = {(text, most): _write_line(text) for text, most in labels}
    told = {label: _cut(line, label[1]) for label, line in lines.items()}
    alike = Counter(shown for shown, _ in {*zip(told.values(), lines.values(), strict=True)})
    for label in [label for label, shown in told.items() if alike[shown] > 1]:
        others = {told[other] for other in told if lines[other] != lines[label]}
        cuts = (_cut(lines[label], label[1], tail) for tail in range(1, label[1] - 1))
        told[label] = next((cut for cut in cuts if cut not in others), told[label])
    return told
