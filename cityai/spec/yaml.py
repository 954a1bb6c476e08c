"""Strict YAML: 1.2 scalars, no duplicate key, no alias, a size limit, a line for every value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ruamel.yaml import YAML, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from cityai.errors import SpecError

MAX_BYTES = 1_000_000
MAX_DEPTH = 30

Key = str | int
Location = tuple[Key, ...]
Value = None | bool | int | float | str | date | list["Value"] | dict[str, "Value"]

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
        raw = path.read_bytes()
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
            f"the file has {len(raw):,} bytes", where=str(path), expected=f"under {MAX_BYTES:,}"
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


def _compose(path: Path, text: str) -> Node | None:
    loader = YAML(typ="safe", pure=True)
    try:
        for event in loader.parse(text):
            if type(event).__name__ == "AliasEvent" or getattr(event, "anchor", None):
                mark = event.start_mark
                raise SpecError(
                    "anchors and aliases are not read",
                    where=f"{path}:{mark.line + 1}:{mark.column + 1}",
                    expected="each value written where it belongs",
                    next_step="copy the value, or use a preset with `use:`",
                )
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        raise SpecError(
            f"is not valid YAML: {error.problem or error.context}",
            where=f"{path}{at}",
            expected="one `key: value` a line, indented with spaces",
        ) from None
    except (ReaderError, YAMLError) as error:
        raise SpecError(
            f"is not valid YAML: {str(error).splitlines()[0]}", where=str(path)
        ) from None
    return node


def _convert(node: Node, at: Location, lines: dict[Location, tuple[int, int]], path: Path) -> Value:
    lines.setdefault(at, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(at) > MAX_DEPTH:
        raise SpecError(f"nested deeper than {MAX_DEPTH} levels", where=f"{path}:{lines[at][0]}")
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
        where = f"{path}:{mark.line + 1}:{mark.column + 1}"
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
            return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
        case "str":
            return text
    raise SpecError(f"the tag {node.tag} is not read", where=where, expected="plain values")
