"""Find the marked sentences of the code and of the templates, for the catalogues."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, nodes

from cityai.i18n.messages import COUNT, find_places, name_template, say, say_n


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
        Where the marked text is no literal, or its places are not those that are filled.
    """
    tree = ast.parse(source)
    names = _find_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        mark = names.get(node.func.id)
        if mark is not None:
            _check_places(node, where)
        if mark == say.__name__:
            yield Marked(_read_text(node.args[0], where), "", where)
        elif mark == say_n.__name__:
            one, several = (_read_text(form, where) for form in node.args[:2])
            yield Marked(one, several, where)


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


def _check_places(call: ast.Call, where: str) -> None:
    """Refuse a call whose arguments are not the places of its template."""
    filled = {keyword.arg for keyword in call.keywords}
    for form in (a.value for a in call.args if isinstance(a, ast.Constant)):
        named = set(find_places(str(form))) - {COUNT}
        if filled and not named <= filled:
            lost = ", ".join(sorted(named - filled))
            raise ValueError(f"{where}:{call.lineno}: nothing is given for {lost}")


def _read_text(node: ast.expr, where: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value != node.value.strip():
            raise ValueError(f"{where}:{node.lineno}: a space around a text is lost in translation")
        return name_template(node.value)
    raise ValueError(f"{where}:{node.lineno}: only a literal text can be marked")
