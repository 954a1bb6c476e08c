"""A city's own words in other languages: `card.<language>.yaml` beside the `card.yaml`.

The file has the keys of `card.yaml`, any of them, and ``names``: names as the project writes them
(groups, dimensions, units), each with what it is called in the language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cityai.config.project import AuditableSpec
from cityai.config.yaml import Document, Location, Value, read_yaml
from cityai.errors import SpecError, suggest_name

LANGUAGES: Final = ("en", "es", "pt", "fr")
NAMES: Final = "names"
FIXED: Final = frozenset(
    {"language", "phase", "autonomy", "personal_data", "access_level", "likelihood", "severity"}
    | {"residual", "status", "level", "id", "link", "links", "url", "date", "review_due"}
    | {"contact", "currency", "registers", "translations"}
)
"""Keys whose values the page says in every language by itself, and addresses."""
CALLED: Final = frozenset(
    {"title", "unit", "email", "label", "label_plural", "action", "rest", "reason", "decided_by"}
)
"""Keys of a project whose value is a name or a text for readers."""
LISTED: Final = frozenset({"band_names"})
KEYED: Final = frozenset({"shares", "population"})
"""Keys of a project whose own keys are names of groups."""
SAID: Final = frozenset({"labels"})
"""Keys of a project whose values are names: of groups and features."""


def find_file(words: Path, language: str) -> Path:
    """Return where the words of a language stand: ``card.es.yaml`` for ``card.yaml``."""
    return words.with_suffix(f".{language}.yaml")


def read_translations(words: Path, own: str) -> dict[str, dict[str, str]]:
    """Read every text that people translated, by language: the text as written, and its words.

    Raises
    ------
    SpecError
        When a key is not in ``card.yaml``, or its value is another kind of thing; with the line.
    """
    written = read_yaml(words).content if words.exists() else {}
    found: dict[str, dict[str, str]] = {}
    for file in sorted(words.parent.glob(f"{words.stem}.*.yaml")):
        language = file.suffixes[-2].removeprefix(".")
        others = [code for code in LANGUAGES if code != own]
        if language not in others:
            raise SpecError(
                f"{words.name} is not translated into '{language}'",
                where=str(file),
                expected=f"the words of another language: {', '.join(others)}",
                next_step="rename the file",
            )
        document = read_yaml(file)
        content = dict(document.content)
        pairs = [*_read_names(content.pop(NAMES, None), document)]
        pairs += _pair(content, written, (), document, words.name)
        found[language] = {" ".join(text.split()): said for text, said in pairs}
    return found


def list_texts(content: Value, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """List the texts of a ``card.yaml`` that another language needs, by their place."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key not in FIXED:
                yield from list_texts(value, (*at, key))
    elif isinstance(content, list):
        for i, value in enumerate(content):
            yield from list_texts(value, (*at, i))
    elif isinstance(content, str):
        yield at, content


def list_names(spec: AuditableSpec) -> tuple[str, ...]:
    """List the names that a project gives, in the order of its keys."""
    content = spec.model_dump(mode="json", exclude={"words", "policy"}, exclude_defaults=True)
    names = (*_find_names(content), *_list_values(spec))
    return tuple(dict.fromkeys(name for name in names if name.strip()))


def check_translations(words: Path, spec: AuditableSpec) -> None:
    """Refuse a translation of a name that the project does not give."""
    areas = (table.names for table in spec.city.areas.values())
    known = {
        *list_names(spec),
        *(n for names in areas if isinstance(names, dict) for n in names.values()),
    }
    for language in sorted(spec.words.translations):
        file = find_file(words, language)
        if not file.exists():
            continue
        document = read_yaml(file)
        given = document.content.get(NAMES)
        for name in given if isinstance(given, dict) else ():
            if " ".join(name.split()) not in known:
                raise SpecError(
                    f"`{NAMES}` translates '{name}', which is no name of the project",
                    where=document.locate((NAMES, name)),
                    expected=suggest_name(name, known),
                    next_step="correct it, or take it out; a value of the data is a name once "
                    "`labels` of its dimension say it",
                )


def _list_values(spec: AuditableSpec) -> Iterator[str]:
    """Yield the values that groups are called by, as far as the contract names them."""
    for dimension in spec.audit.dimensions.values():
        column = spec.contract.get(dimension.attribute or "")
        if column is not None and dimension.cuts is None:
            yield from (dimension.labels.get(value, value) for value in column.allowed or ())


def _find_names(content: object, key: str = "") -> Iterator[str]:
    if isinstance(content, dict):
        if key in KEYED:
            yield from map(str, content)
        if key in SAID:
            yield from map(str, content.values())
        for name, value in content.items():
            yield from _find_names(value, str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _find_names(value, key)
    elif isinstance(content, str) and key in CALLED | LISTED and "@" not in content:
        yield content  # an address is the same in every language


def _read_names(content: Value, document: Document) -> Iterator[tuple[str, str]]:
    if content is None:
        return
    if not isinstance(content, dict):
        raise SpecError(
            "`names` holds no names",
            where=document.locate((NAMES,)),
            expected="lines such as `North: Norte`",
        )
    for name, said in content.items():
        if said is not None and not isinstance(said, str):
            raise SpecError(
                f"`names.{name}` is no text",
                where=document.locate((NAMES, name)),
                expected="what the name is called in this language",
            )
        if said:
            yield name, said


def _pair(
    content: Value, own: Value, at: Location, document: Document, file: str
) -> Iterator[tuple[str, str]]:
    """Pair what is written at the same place of both files; an empty value is not yet said."""
    if content is None:
        return
    if isinstance(content, dict) and isinstance(own, dict):
        for key, value in content.items():
            _check_key(key, own, (*at, key), document, file)
            yield from _pair(value, own[key], (*at, key), document, file)
    elif isinstance(content, list) and isinstance(own, list) and len(content) <= len(own):
        for i, value in enumerate(content):
            yield from _pair(value, own[i], (*at, i), document, file)
    elif isinstance(content, str) and isinstance(own, str):
        if content.strip():
            yield own, content.strip()
    else:
        raise SpecError(
            f"`{write_location(at)}` is not what {file} has there",
            where=document.locate(at),
            expected=_describe(own),
        )


def _check_key(
    key: str, own: Mapping[str, Value], at: Location, document: Document, file: str
) -> None:
    if key in FIXED:
        raise SpecError(
            f"`{write_location(at)}` needs no translation: the page says it in every language",
            where=document.locate(at),
            next_step="take the line out",
        )
    if key not in own:
        raise SpecError(
            f"{file} has no `{write_location(at)}` that this could be the translation of",
            where=document.locate(at),
            expected=suggest_name(key, [*own, NAMES] if len(at) == 1 else own),
        )


def _describe(own: Value) -> str:
    if isinstance(own, list):
        return f"a list of at most {len(own)}, in the same order"
    return "the same keys" if isinstance(own, dict) else "a text"


def write_location(at: Location) -> str:
    """Write a place of a document as a path: `risks[0].name`."""
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in at).lstrip(".")
