"""Message catalogue of a card: its sentences stand as English, how they are made stands apart."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

from pydantic import ValidationError

from cityai.card.record.part import Part
from cityai.i18n.stored import is_message

Json = Any
NAME: Final = "messages"
FORM: Final = ("id", "several", "case")
"""What a template is, beside its arguments."""


class Template(Part):
    """A sentence with places, as the code has it."""

    id: str
    several: str | None = None
    """The same of more than one."""
    case: str | None = None
    """How its first letter is written: ``upper`` or ``lower``."""


class MessagesPart(Part):
    """How the card's sentences are made, for whoever wants them in another language."""

    templates: tuple[Template, ...]
    texts: dict[str, tuple[Any, ...]]
    """By the first 12 digits of the SHA-256 of the English text, or by the text itself: the number
    of its template, counted from 0, and its arguments by place. An argument that is a list is a
    message of its own; one with a colon is a figure and its format."""


def name_text(text: str) -> str:
    """Return the key of a text in the catalogue: most texts are longer."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def part_messages(facts: dict[str, Json]) -> dict[str, Json]:
    """Return the facts of a record with plain English texts, and how they are made under a key.

    A message whose text stands for something else too stays as it is; 10 is not 10.0.
    """
    plain: set[str] = set()
    holding: set[int] = set()
    _add_strings(facts, plain, holding)
    templates: dict[tuple[str, ...], int] = {}
    texts: dict[str, Json] = {}

    def take(content: Json) -> Json:
        if isinstance(content, list):
            return [*map(take, content)] if id(content) in holding else content
        if not isinstance(content, dict):
            return content
        if not is_message(content):
            return {k: take(v) for k, v in content.items()} if id(content) in holding else content
        text, made = content["text"], _shorten(content, templates)
        if text in plain or repr(texts.setdefault(name_text(text), made)) != repr(made):
            return content
        return text

    parted = {key: take(value) for key, value in facts.items()}
    if not texts:
        return facts
    listed = [{k: v for k, v in zip(FORM, form, strict=True) if v} for form in templates]
    return {**parted, NAME: {"templates": listed, "texts": texts}}


def join_messages(facts: Json) -> Json:
    """Return the facts with each message in its place again, as `part_messages` was given them.

    Raises
    ------
    ValueError
        When a template is missing.
    """
    if not isinstance(facts, dict) or facts.get(NAME) is None:
        return facts
    try:
        told = MessagesPart.model_validate(facts[NAME])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (NAME, *first["loc"])))
        raise ValueError(f"{where}: {first['msg']}") from error
    forms = [t.model_dump(exclude_none=True) for t in told.templates]
    texts = {key: _lengthen(list(made), forms) for key, made in told.texts.items()}

    @cache
    def find(text: str) -> dict[str, Json] | None:
        return texts.get(name_text(text)) or texts.get(text)

    def put(content: Json) -> Json:
        if isinstance(content, str):
            made = find(content)
            return {**made, "text": content} if made else content
        if isinstance(content, list):
            return [put(v) if isinstance(v, _CHANGED) else v for v in content]
        if not isinstance(content, dict) or is_message(content):
            return content
        return {k: put(v) if isinstance(v, _CHANGED) else v for k, v in content.items()}

    return {key: put(value) for key, value in facts.items() if key != NAME}


_HOLDING: Final = (dict, list)
"""What may be a message as it is made, or hold one."""
_CHANGED: Final = (str, *_HOLDING)
"""What may be one as it is published, or hold one."""


def _add_strings(content: Json, found: set[str], holding: set[int]) -> bool:
    """Add the texts that are no message's, and the ids of what holds one; tell whether this does.

    Most parts hold none, and stay as they are.
    """
    holds = False
    for part in content.values() if isinstance(content, dict) else content:
        if isinstance(part, str):
            found.add(part)
        elif isinstance(part, _HOLDING):
            holds |= is_message(part) or _add_strings(part, found, holding)
    if holds:
        holding.add(id(content))
    return holds


def _shorten(message: dict[str, Json], templates: dict[tuple[str, ...], int]) -> list[Json]:
    form = tuple(str(message.get(key, "")) for key in FORM)
    number = templates.setdefault(form, len(templates))
    arguments = {
        name: _shorten(value, templates) if isinstance(value, dict) else value
        for name, value in message.get("arguments", {}).items()
    }
    return [number, arguments] if arguments else [number]


def _lengthen(made: list[Json], forms: list[dict[str, Json]]) -> dict[str, Json]:
    match made:
        case [int(number)]:
            arguments: Json = {}
        case [int(number), dict(arguments)]:
            pass
        case _:
            raise ValueError("a message that is not made of a template and its arguments")
    if not 0 <= number < len(forms):
        raise ValueError(f"a message without the template {number}")
    if not arguments:
        return dict(forms[number])
    return {
        **forms[number],
        "arguments": {
            name: _lengthen(value, forms) if isinstance(value, list) and ":" not in name else value
            for name, value in arguments.items()
        },
    }
