"""What is missing of a city's own words in another language: a list, or a file to fill in."""

from __future__ import annotations

from pathlib import Path

from cityai.config.load import Project, ProjectFile
from cityai.config.project import BaseProjectSpec
from cityai.config.translations import (
    LANGUAGES,
    NAMES,
    find_file,
    list_names,
    list_texts,
    write_location,
)
from cityai.config.yaml import Location, Value, read_yaml
from cityai.errors import SpecError
from cityai.store.files import PUBLIC_FILE_MODE, write_files


def list_missing(project: Project[BaseProjectSpec], language: str, words: Path) -> list[str]:
    """List the texts and names that a language lacks, each with its place."""
    said = project.spec.words.translations.get(language, {})
    content = read_yaml(words).content if words.exists() else {}
    texts = [(write_location(at), text) for at, text in list_texts(content)]
    texts += [(f"{NAMES}: {name}", name) for name in list_names(project.spec)]
    return [
        f"{at}: {text}" if at != f"{NAMES}: {text}" else at
        for at, text in texts
        if " ".join(text.split()) not in said
    ]


def write_skeleton(project: Project[BaseProjectSpec], language: str, words: Path) -> Path:
    """Write a file with every text as a comment over an empty value.

    Raises
    ------
    SpecError
        When there is one: what people wrote is never replaced.
    """
    file = find_file(words, language)
    if file.exists():
        raise SpecError(
            "there is such a file, and what people wrote is not replaced",
            where=str(file),
            next_step="run `cityai card translate` without `--write`, and add what it lists",
        )
    content = read_yaml(words).content if words.exists() else {}
    wanted = {at for at, _ in list_texts(content)}
    head = f"# {words.name} in another language ({language}): a value that stays empty is shown as"
    lines = [head, f"# {words.name} has it, and marked.", *_list_lines(content, (), wanted)]
    lines += [f"{NAMES}:", *(f"  {_quote(name)}:" for name in list_names(project.spec))]
    text = "\n".join(lines) + "\n"
    write_files({file.name: text.encode()}, file.parent, PUBLIC_FILE_MODE, replace=False)
    return file


def find_words(project: Project[BaseProjectSpec], given: Path) -> Path:
    """Return the human part of a project's card: the file that `card` names."""
    main = given if given.suffix == ".yaml" else project.folder / "project.yaml"
    content = read_yaml(main).content if main.exists() else {}
    own = str(content.get("card") or ProjectFile().card)
    return project.folder / own


def choose_languages(project: Project[BaseProjectSpec], language: str) -> tuple[str, ...]:
    """Return the languages to look at: one, or all that the city's pages have.

    Raises
    ------
    SpecError
        When no page is written in it, or the words are.
    """
    own = project.spec.words.language
    others = tuple(code for code in project.spec.city.languages or LANGUAGES if code in LANGUAGES)
    others = tuple(code for code in others if code != own)
    if language and language not in set(LANGUAGES) - {own}:
        raise SpecError(
            f"the card's words are not translated into '{language}'",
            where="--language",
            expected=", ".join(code for code in LANGUAGES if code != own),
        )
    return (language,) if language else others


def _list_lines(content: Value, at: Location, wanted: set[Location]) -> list[str]:
    space = "  " * len(at)
    lines: list[str] = []
    pairs: list[tuple[str | int, Value]] = []
    if isinstance(content, dict):
        pairs = [*content.items()]
    elif isinstance(content, list):
        pairs = [*enumerate(content)]
    for key, value in pairs:
        here = (*at, key)
        if not any(place[: len(here)] == here for place in wanted):
            lines += [f"{space}-"] if isinstance(key, int) else []
            continue
        head = f"{space}-" if isinstance(key, int) else f"{space}{key}:"
        if isinstance(value, str):
            lines += [f"{space}# {' '.join(value.split())}", head]
        else:
            lines += [head, *_list_lines(value, here, wanted)]
    return lines


def _quote(name: str) -> str:
    plain = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
