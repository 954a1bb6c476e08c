"""Bring the catalogues up to date with the code: ``python -m cityai.i18n.collect``.

New messages come in empty, translations stay. What nothing says any more moves to the catalogue of
former messages: an older card that says it still is shown in every language. The tests fail until
the empty ones are written.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages import pofile
from babel.messages.catalog import Catalog
from jinja2 import Environment, nodes

from cityai.i18n.catalogue import DOMAIN, FORMER, LOCALES, find_file, read_catalogue, space_marks
from cityai.i18n.messages import COUNT, find_places, name_template, say, say_n

_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""Instead of the day on which the file was written: the same code gives the same bytes."""
HEADERS: Final = {
    DOMAIN: "# The card's sentences. `make messages` keeps this file in step.",
    FORMER: "# What older cards say, and nothing says any more. `make messages` keeps it.",
}
PACKAGE = Path(__file__).parents[1]


def _collect_messages(language: str, marked: tuple[_Marked, ...]) -> Catalog:
    """Return a language's catalogue with the messages of the code, in their order."""
    old = read_catalogue(language)
    fresh = _begin(language, DOMAIN)
    former = {_name(entry.id): entry for entry in read_catalogue(language, FORMER) if entry.id}
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for message in marked:
        if message.where not in places[message.text, message.plural]:
            places[message.text, message.plural].append(message.where)
    for (text, plural), where in places.items():
        known = old.get(text) or former.get(text)
        told = known.string if known and isinstance(known.id, tuple) is bool(plural) else None
        if isinstance(told, str):
            told = space_marks(told, " ", language)
        elif told:
            told = tuple(space_marks(form, " ", language) for form in told)
        empty: str | tuple[str, ...] = ("", "") if plural else ""
        fresh.add(
            (text, plural) if plural else text,
            told or empty,
            locations=[(name, 0) for name in sorted(where)],
        )
    return fresh


def _keep_former(language: str, fresh: Catalog) -> Catalog:
    """Return the catalogue of what was said once, with its translations, and is said no more."""
    kept, said = _begin(language, FORMER), {_name(entry.id) for entry in fresh if entry.id}
    for domain in (FORMER, DOMAIN):
        for entry in read_catalogue(language, domain):
            told = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            if entry.id and _name(entry.id) not in said and all(told):
                kept.add(entry.id, entry.string)
    return kept


def _begin(language: str, domain: str) -> Catalog:
    return Catalog(
        locale=LOCALES[language],
        domain=domain,
        project="cityai",
        version="1",
        header_comment=HEADERS[domain],
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        charset="utf-8",
        fuzzy=False,
    )


def _name(id: str | tuple[str, ...] | list[str]) -> str:
    """Return the message, or the one of a pair that counts one."""
    return id if isinstance(id, str) else id[0]


def write_catalogue(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue; the same messages give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pofile.write_po(file, catalogue, width=100, include_lineno=False)


@dataclass(frozen=True, slots=True)
class _Marked:
    """One marked sentence."""

    text: str
    plural: str
    """The message, and its form for several; empty where it counts nothing."""
    where: str
    """File in which it stands."""


def _extract_messages(package: Path) -> tuple[_Marked, ...]:
    """Return every marked sentence of a package, by file and place."""
    found: list[_Marked] = []
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package.parent).as_posix()
        found += _read_code(path.read_text(encoding="utf-8"), where)
    for path in sorted(package.rglob("*.j2")):
        where = path.relative_to(package.parent).as_posix()
        found += read_template(path.read_text(encoding="utf-8"), where)
    return tuple(found)


def _read_code(source: str, where: str) -> Iterator[_Marked]:
    """Yield the sentences that Python code marks with `say` and `say_n`."""
    tree = ast.parse(source)
    names = _find_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        mark = names.get(node.func.id)
        if mark is not None:
            _check_places(node, where)
        if mark == say.__name__:
            yield _Marked(_read_text(node.args[0], where), "", where)
        elif mark == say_n.__name__:
            one, several = (_read_text(form, where) for form in node.args[:2])
            yield _Marked(one, several, where)


def read_template(source: str, where: str) -> Iterator[_Marked]:
    """Yield the sentences that a template marks with ``_`` and ``_n``."""
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in {"_", "_n"}:
            continue
        texts = [a.value for a in call.args if isinstance(a, nodes.Const)]
        if call.node.name == "_":
            yield _Marked(texts[0], "", where)
        else:
            yield _Marked(texts[0], texts[1], where)


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


if __name__ == "__main__":
    found = _extract_messages(PACKAGE)
    for code in LOCALES:
        if code != "en":
            fresh = _collect_messages(code, found)
            former = _keep_former(code, fresh)
            write_catalogue(fresh, find_file(code))
            write_catalogue(former, find_file(code, FORMER))
