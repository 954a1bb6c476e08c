"""Messages as JSON, and back: id, arguments, and for people the English text.

A figure carries its format beside its name, as a place of a template does: ``{"rows:,": 1728}``,
``{"share:.1%": 0.377}``, ``{"day:%B %Y": "2026-03-01"}``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from cityai.i18n.messages import (
    COUNT,
    Figure,
    Message,
    fill_places,
    find_places,
    recase,
    write,
    write_span,
)

Json = Any
TEXT = "text"
ALONE = "{0}"
"""Template of a figure that stands by itself."""
_KEYS = frozenset({"id", "arguments", "several", "case", TEXT})


def dump_text(text: str) -> Json:
    """Return a text as JSON; a name, and a message without arguments, is its own text."""
    if type(text) is str:  # most are
        return text
    if isinstance(text, Figure):
        text = Message(str.__str__(text), ALONE, {"0": text})
    content = _dump(text)
    return content if isinstance(content, str) else {**content, TEXT: str.__str__(text)}


def load_text(content: Json) -> str:
    """Return the text that `dump_text` was given."""
    if isinstance(content, str):
        return content
    if not isinstance(content, dict) or not isinstance(content.get("id"), str):
        raise ValueError("no text, and no message with an `id`")
    if not set(content) <= _KEYS or not isinstance(content.get("arguments", {}), dict):
        raise ValueError("a message has `id`, `arguments`, `several`, `case` and `text`")
    form, several = content["id"], str(content.get("several", ""))
    pairs = (_load_argument(*pair) for pair in content.get("arguments", {}).items())
    arguments = dict(pairs)
    if form == ALONE and isinstance(arguments.get("0"), Figure):
        return arguments["0"]
    if arguments and not set(find_places(form)) <= {*arguments, COUNT}:
        raise ValueError(f"nothing is given for a place of '{form}'")
    case = content.get("case", "")
    text = content.get(TEXT)
    if text is None:
        one = not several or arguments.get(COUNT) == "1"
        text = recase(fill_places(form if one else several, arguments), case)
    return Message(str(text), form, arguments, several, case)


def _dump(text: str) -> Json:
    english = str.__str__(text)
    if not isinstance(text, Message) or (text.id == english and not text.arguments):
        return english
    content: dict[str, Json] = {"id": text.id}
    if text.arguments:
        content["arguments"] = dict(_dump_argument(*pair) for pair in text.arguments.items())
    if text.several:
        content["several"] = text.several
    if text.case:
        content["case"] = text.case
    return content


def _dump_argument(name: str, text: str) -> tuple[str, Json]:
    if not isinstance(text, Figure):
        return name, _dump(text)
    value = text.value
    if isinstance(value, tuple):
        return f"{name}:{text.format}", [day.isoformat() for day in value]
    if isinstance(value, date):
        return f"{name}:{text.format}", value.isoformat()
    return (f"{name}:{text.format}", value) if math.isfinite(value) else (name, str.__str__(text))


def _load_argument(key: str, content: Json) -> tuple[str, str]:
    name, mark, form = key.partition(":")
    if not mark:
        return name, load_text(content)
    match content:
        case [str(first), str(last)]:
            return name, write_span(date.fromisoformat(first), date.fromisoformat(last))
        case str():
            return name, write(date.fromisoformat(content), form)
        case int() | float():
            return name, write(content, form)
    raise ValueError(f"'{key}' is no figure")


def is_message(content: Json) -> bool:
    """Tell whether JSON is a message as `dump_text` writes it."""
    return isinstance(content, dict) and "id" in content and TEXT in content


def list_plain(content: Json) -> Json:
    """Return JSON with the English text in place of each message, as schema 1 has it."""
    if is_message(content):
        return content[TEXT]
    if isinstance(content, Mapping):
        return {key: list_plain(value) for key, value in content.items()}
    return [list_plain(value) for value in content] if isinstance(content, list) else content


def clean_text(text: str) -> str:
    """Drop what no page can show: control characters and unpaired surrogates."""
    kept = re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\u202a-\u202e\u2066-\u2069\ue000\ue001]",
        "",
        text,
    )
    return kept.encode("utf-8", "ignore").decode("utf-8")
