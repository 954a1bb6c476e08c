"""Find the marked sentences of the code and of the templates, for the catalogues.

An f-string becomes a message with named places: ``f"{len(rows):,} rows of {spec.unit}"`` is
``{rows} rows of {unit}``. Babel's own extractor cannot read f-strings with places.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, nodes

from cityai.i18n.messages import say, say_n

COUNT = "n"
"""Name of the place that holds the number a plural form is chosen by."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One marked sentence.

    Attributes
    ----------
    text, plural : str
        The message, and its form for several; empty where it counts nothing.
    where : str
        File in which it stands.
    """

    text: str
    plural: str
    where: str


def extract_messages(package: Path) -> tuple[Marked, ...]:
    """Return every marked sentence of a package, by file and place."""
    found: list[Marked] = []
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package.parent).as_posix()
        found += read_code(path.read_text(encoding="utf-8"), where)
    for path in sorted(package.rglob("*.j2")):
        where = path.relative_to(package.parent).as_posix()
        found += read_template(path.read_text(encoding="utf-8"), where)
    return tuple(found)


def read_code(source: str, where: str) -> Iterator[Marked]:
    """Yield the sentences that Python code marks with `say` and `say_n`.

    Raises
    ------
    ValueError
        Where the marked text is neither a literal nor an f-string.
    """
    tree = ast.parse(source)
    names = _find_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        mark = names.get(node.func.id)
        if mark == say.__name__:
            yield Marked(_read_text(node.args[0], where), "", where)
        elif mark == say_n.__name__:
            one, several, n = node.args
            count = ast.unparse(n)
            yield Marked(_read_text(one, where, count), _read_text(several, where, count), where)


def read_template(source: str, where: str) -> Iterator[Marked]:
    """Yield the sentences that a template marks with ``_`` and ``_n``."""
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in {"_", "_n"}:
            continue
        texts = [a.value for a in call.args if isinstance(a, nodes.Const)]
        if call.node.name == "_":
            yield Marked(texts[0], "", where)
        else:
            yield Marked(texts[0], texts[1], where)


def _find_names(tree: ast.Module) -> dict[str, str]:
    """Return what a module calls the two marks."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == say.__module__
        for alias in node.names
    } | ({say.__name__: say.__name__, say_n.__name__: say_n.__name__} if _defines(tree) else {})


def _defines(tree: ast.Module) -> bool:
    """Tell whether a module defines both marks; the terminal has a `say` of another kind."""
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    return {say.__name__, say_n.__name__} <= defined


def _read_text(node: ast.expr, where: str, count: str = "") -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{(\w+)[^}]*\}", r"{\1}", node.value).strip()
    if not isinstance(node, ast.JoinedStr):
        raise ValueError(f"{where}:{node.lineno}: only a literal text can be marked")
    names: dict[str, str] = {}
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            expression = ast.unparse(part.value)
            if expression not in names:
                name = COUNT if expression == count else _name_place(part.value)
                taken = set(names.values())
                names[expression] = _tell_apart(name, taken)
            parts.append(f"{{{names[expression]}}}")
    return "".join(parts).strip()


def _name_place(node: ast.expr) -> str:
    """Return the last name in an expression: ``spec.unit`` -> ``unit``."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lstrip("_").lower()
        case ast.Call(args=[first, *_]) if not isinstance(first, ast.Constant):
            return _name_place(first)
        case ast.Call(func=func):
            return _name_place(func)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return re.sub(r"\W", "", key) or "part"
        case ast.Subscript(value=value):
            return _name_place(value)
        case ast.IfExp(test=test):
            return _name_place(test)
        case ast.BinOp(left=left) | ast.Compare(left=left):
            return _name_place(left)
        case ast.UnaryOp(operand=operand):
            return _name_place(operand)
    return "part"


def _tell_apart(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = next(i for i in range(2, 99) if f"{name}{i}" not in taken)
    return f"{name}{number}"
