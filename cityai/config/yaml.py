"""Strict YAML: 1.2 scalars, no duplicate key, no alias, a size limit, a line for every value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from ruamel.yaml import YAML, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import ReaderError

from cityai.errors import SpecError

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_DIGITS = 40
TAB = "cannot start any token"
QUOTE = "put quotes around a text that holds a colon, or a comma inside braces"
SHAPES = {
    **dict.fromkeys(("dict_type", "model_type"), "write its keys below it, a `key: value` each"),
    **dict.fromkeys(("tuple_type", "list_type"), "put it in brackets: `[one, another]`"),
}
"""What to do about a value where several are expected."""

Key = str | int
Location = tuple[Key, ...]
Value = None | bool | int | float | str | date | list["Value"] | dict[str, "Value"]

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER_WITH_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(\.[0-9]*)?")


@dataclass(frozen=True)
class Document:
    """A YAML file as plain values, and the line and column at which each was written."""

    path: Path
    content: dict[str, Value]
    lines: dict[Location, tuple[int, int]]

    def locate(self, location: Location) -> str:
        """Return ``file:line:column`` of a value, or of the nearest that holds it."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                line, column = self.lines[location[:end]]
                return f"{self.path}:{line}:{column}"
        return str(self.path)


def read_yaml(path: Path) -> Document:
    """Read a strict YAML file whose top level is a mapping.

    Raises
    ------
    SpecError
        If the file is missing, unreadable, too large, not UTF-8, or not strict YAML.
    """
    text = _read_text(path)
    node = _compose(path, text)
    if node is None:
        raise SpecError(
            "the file is empty", where=str(path), expected="keys and values", next_step="write it"
        )
    lines: dict[Location, tuple[int, int]] = {}
    content = _convert(node, (), lines, path)
    if not isinstance(content, dict):
        raise SpecError(
            "the file does not hold keys and values",
            where=f"{path}:1",
            expected="lines such as `name: waste_tonnage`",
        )
    return Document(path, content, lines)


def _read_text(path: Path) -> str:
    try:
        # A pipe or a device would be waited for without end.
        if path.exists() and not path.is_file():
            raise SpecError(
                "this is no file",
                where=str(path),
                expected="a specification file",
                next_step="name a file, not a folder or a pipe",
            )
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(
            "there is no such file",
            where=str(path),
            expected="a specification file",
            next_step="check the path, or list the folder",
        ) from None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if len(raw) > MAX_BYTES:
        raise SpecError(
            f"the file has {path.stat().st_size:,} bytes",
            where=str(path),
            expected=f"at most {MAX_BYTES:,}",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(
            "the file is not UTF-8 text",
            where=f"{path}:{line}",
            expected="UTF-8",
            next_step="save it as UTF-8 in your editor",
        ) from None


class _Refused(Exception):
    """What YAML allows and is not read here, with its place."""

    def __init__(self, mark: StreamMark, what: str, expected: str, next_step: str) -> None:
        super().__init__(what)
        self.mark, self.told = mark, {"expected": expected, "next_step": next_step}


class _Parser(Parser):
    """Looks at each event as it comes: what is too deep is met before it is built."""

    depth = 0

    def get_event(self) -> Event:
        event: Event = super().get_event()
        self.depth += isinstance(event, CollectionStartEvent)
        self.depth -= isinstance(event, CollectionEndEvent)
        _check_event(event, self.depth)
        return event


@lru_cache(maxsize=64)
def _parse(text: str) -> Node | None:
    """Compose a text once: a command reads a city's files in several places."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _Parser
    return yaml.compose(text)


def _compose(path: Path, text: str) -> Node | None:
    try:
        return _parse(text)
    except _Refused as refused:
        raise SpecError(str(refused), where=_place(path, refused.mark), **refused.told) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if (
            mark is not None
            and TAB in str(error.problem)
            and text[mark.index : mark.index + 1] == "\t"
        ):
            raise SpecError(
                "a tab stands where spaces should",
                where=_place(path, mark),
                expected="lines indented with spaces",
                next_step="put two spaces in place of each tab",
            ) from None
        colon = error.problem == "mapping values are not allowed here" or "got ':'" in str(
            error.problem
        )
        raise SpecError(
            f"is not valid YAML: {error.problem or error.context}",
            where=str(path) if mark is None else _place(path, mark),
            expected="one `key: value` a line, indented with spaces",
            next_step=QUOTE if colon else "",
        ) from None
    except (ReaderError, YAMLError) as error:
        at = error.position if isinstance(error, ReaderError) else None
        line = "" if at is None else f":{text.count(chr(10), 0, at) + 1}"
        raise SpecError(
            f"is not valid YAML: {str(error).splitlines()[0]}",
            where=f"{path}{line}",
            expected="plain text, without control characters",
            next_step="delete what your editor shows as a strange sign, or type the line again",
        ) from None


def _check_event(event: Event, depth: int) -> None:
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
        raise _Refused(
            event.start_mark,
            "anchors and aliases are not read",
            "each value written where it belongs",
            "copy the value, or use a preset with `use:`",
        )
    if tag := getattr(event, "tag", None):
        raise _Refused(
            event.start_mark,
            f"the tag {tag} is not read",
            "plain values",
            "leave the tag out; a text goes in quotes",
        )
    if depth > MAX_DEPTH:
        raise _Refused(
            event.start_mark,
            f"nested deeper than {MAX_DEPTH} levels",
            "sections with keys and values, as a template has them",
            "take out brackets that are never closed",
        )


def _place(path: Path, mark: StreamMark) -> str:
    return f"{path}:{mark.line + 1}:{mark.column + 1}"


def _convert(node: Node, at: Location, lines: dict[Location, tuple[int, int]], path: Path) -> Value:
    lines.setdefault(at, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, MappingNode):
        return _convert_mapping(node, at, lines, path)
    if isinstance(node, SequenceNode):
        return [_convert(child, (*at, i), lines, path) for i, child in enumerate(node.value)]
    return _convert_scalar(node, f"{path}:{lines[at][0]}:{lines[at][1]}")


def _convert_mapping(
    node: MappingNode, at: Location, lines: dict[Location, tuple[int, int]], path: Path
) -> dict[str, Value]:
    content: dict[str, Value] = {}
    for key_node, value_node in node.value:
        mark = key_node.start_mark
        where = _place(path, mark)
        if not isinstance(key_node, ScalarNode):
            raise SpecError("a key is not a text", where=where, expected="`key: value`")
        key = str(key_node.value)
        if key in content:
            first = lines[(*at, key)][0]
            raise SpecError(
                f"the key '{key}' was already given on line {first}",
                where=where,
                expected="each key once",
                next_step="delete one of the two",
            )
        lines[(*at, key)] = (mark.line + 1, mark.column + 1)
        content[key] = _convert(value_node, (*at, key), lines, path)
    return content


def _convert_scalar(node: Node, where: str) -> Value:
    text, tag = str(node.value), str(node.tag).rsplit(":", 1)[-1]
    if not isinstance(node, ScalarNode) or node.style is not None:
        return text
    if _NUMBER_WITH_LEADING_ZERO.fullmatch(text):
        raise SpecError(
            f"{text} begins with a zero, which a number would lose",
            where=where,
            expected=f'"{text}" in quotes for a code, or the number without the zero',
        )
    if tag in ("int", "float") and len(text) > MAX_DIGITS:
        raise SpecError(
            f"a number of {len(text):,} characters",
            where=where,
            expected=f"at most {MAX_DIGITS}, or a text in quotes",
        )
    match tag:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text.replace("_", ""), 0)
        case "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
        case "timestamp":
            return _read_day(text, where) if _DAY.fullmatch(text) else text
    return text


def _read_day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SpecError(
            f"there is no day {text} in the calendar",
            where=where,
            expected="year-month-day, such as 2027-06-30; a text goes in quotes",
        ) from None
