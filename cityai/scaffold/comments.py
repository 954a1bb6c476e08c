"""YAML with comments: a specification with the explanations that a template gives its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cityai.scaffold.files import open_editor, write_yaml

Path = tuple[str, ...]
_KEY: Final = re.compile(r"^( *)([^\s#:-][^:#]*):(?: |$)")
_SHOWN: Final = re.compile(r"^( *)# (\w+): ")
_NOTE: Final = re.compile(r"\s{2,}(# .*)$")
_INDENT: Final = 2
_NOTE_AT: Final = 43
"""Column at which explanations stand."""
_SHORT: Final = 60
"""Longest list or mapping that stays on one line."""


@dataclass(frozen=True, slots=True)
class KeyComments:
    """Comments of a YAML file by key."""

    notes: dict[Path, str]
    """The comment at the end of a key's line, by path."""
    heads: dict[Path, tuple[str, ...]]
    """Blank lines and comments above a key's line, by path."""


def read_comments(text: str) -> KeyComments:
    """Read the comments of a YAML file by key."""
    notes: dict[Path, str] = {}
    heads: dict[Path, tuple[str, ...]] = {}
    above: list[str] = []
    last: Path = ()
    for path, line in _walk(text):
        if path:
            last, heads[path], above = path, tuple(above), []
        else:
            above.append(line)
            path = _find_shown(line, last)
        if path and (found := _NOTE.search(line.lstrip())):
            notes[path] = found[1]
    return KeyComments(notes, heads)


def write_commented(content: Mapping[str, Any], notes: KeyComments, heads: KeyComments) -> bytes:
    """Write a mapping as YAML, each key with what is said about it.

    Parameters
    ----------
    content : mapping
        Texts, numbers, dates, lists and mappings.
    notes : KeyComments
        Where the comments at the ends of lines come from.
    heads : KeyComments
        Where the lines above keys come from.
    """
    lines = []
    document = open_editor().map()
    document.update({key: _lay_out(value, is_section=True) for key, value in content.items()})
    for path, line in _walk(write_yaml(document, width=4096).decode()):
        lines += [h for h in heads.heads.get(path, ()) if not _has_shown(h, path, content)]
        note = notes.notes.get(path)
        lines.append(f"{line:<{_NOTE_AT - 1}} {note}" if note and len(line) < _NOTE_AT else line)
    return ("\n".join(lines) + "\n").encode()


def _walk(text: str) -> Iterator[tuple[Path, str]]:
    """Yield every line with the path of the key that it begins; an empty path where it has none."""
    at: list[str] = []
    for line in text.splitlines():
        found = _KEY.match(line)
        if found is None:
            yield (), line
            continue
        depth = len(found[1]) // _INDENT
        at = [*at[:depth], found[2].strip("\"'")]
        yield tuple(at), line


def _find_shown(line: str, last: Path) -> Path:
    """Return the path of the key that a comment shows, below the last key's parents."""
    shown = _SHOWN.match(line)
    return (*last[: len(shown[1]) // _INDENT], shown[2]) if shown else ()


def _has_shown(line: str, path: Path, content: Mapping[str, Any]) -> bool:
    """Whether the mapping has the key that a comment above a key shows."""
    node: Any = content
    for part in (shown := _find_shown(line, path)):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return bool(shown)


def _lay_out(value: Any, *, is_section: bool = False) -> Any:
    """Return a document of the editor in which what is short stands on one line."""
    if isinstance(value, Mapping):
        laid = open_editor().map()
        laid.update({key: _lay_out(part) for key, part in value.items()})
        nested = any(isinstance(part, Mapping | list | tuple) for part in value.values())
        if value and not nested and not is_section and len(str(dict(value))) <= _SHORT:
            laid.fa.set_flow_style()
        return laid
    if isinstance(value, list | tuple):
        listed = open_editor().seq([_lay_out(part) for part in value])
        if len(str(list(value))) <= _SHORT:
            listed.fa.set_flow_style()
        return listed
    return value
