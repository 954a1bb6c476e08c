"""Reference pages made from the code when the site is built, so that they cannot differ from it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for name, content in write_pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def write_pages() -> dict[str, str]:
    """Return the generated pages by name, as Markdown."""
    return {
        "commands": write_commands(),
        "project": write_project(),
        "files": write_files(),
        "metrics": write_metrics(),
        "card": write_card(),
        "python": write_python(),
    }


def write_commands() -> str:
    """Every command with its arguments and options."""
    import typer.main

    from cityai.cli.commands import app
    from cityai.cli.main import run_command  # noqa: F401  (all commands register themselves)

    lines = ["# Commands", "", "Exit codes: 0 done, findings or not; 1 it could not be completed;"]
    lines += ["2 a mistake in what you gave.", ""]
    for path, command in _walk_commands(typer.main.get_command(app), "cityai"):
        lines += [f"## `{path}`", "", inspect.cleandoc(command.help or ""), ""]
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        if shown:
            lines += ["| | |", "| --- | --- |"]
            for parameter in shown:
                names = parameter.opts or [parameter.name]
                lines += [f"| {_code(', '.join(names))} | {_cell(parameter.help)} |"]
        lines += [""]
    return "\n".join(lines)


def _walk_commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in sorted(getattr(command, "commands", {}).items()):
        if hasattr(child, "commands"):
            yield from _walk_commands(child, f"{path} {name}")
        else:
            yield f"{path} {name}", child


def write_project() -> str:
    """Every key of `project.yaml`, for each kind of question."""
    from cityai.config.schema import build_schema

    head = "# Keys of project.yaml\n\nYour editor completes them: [editors](../editors.md).\n"
    return head + "\n".join(_describe_schema(build_schema("project")))


def write_files() -> str:
    """Every key of the other files."""
    from cityai.config.schema import build_schema

    lines = ["# Keys of the other files", ""]
    for name, written in (
        ("audit", "audit.yaml"),
        ("city", "configs/city.yaml"),
        ("policy", "configs/policy.yaml"),
        ("card", "card.yaml"),
    ):
        lines += [f"# {written}", "", *_describe_schema(build_schema(name))]  # type: ignore[arg-type]
    return "\n".join(lines)


def _describe_schema(schema: dict[str, Any]) -> list[str]:
    parts = {schema.get("title", ""): schema, **schema.get("$defs", {})}
    lines = []
    for name, part in parts.items():
        if "properties" not in part:
            continue
        lines += [f"## {_plain(name)}", "", _cell(part.get("description", "")), ""]
        lines += ["| key | holds | what it is |", "| --- | --- | --- |"]
        for key, value in part["properties"].items():
            lines += [f"| `{key}` | {_tell_type(value)} | {_cell(value.get('description', ''))} |"]
        lines += [""]
    return lines


def _tell_type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return _plain(value["$ref"].rsplit("/", 1)[-1])
    if "enum" in value:
        return _cell(", ".join(f"`{v}`" for v in value["enum"]))
    if "const" in value:
        return f"`{value['const']}`"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in value:
            told = dict.fromkeys(_tell_type(v) for v in value[key] if v.get("type") != "null")
            return " or ".join(told)
    if value.get("type") == "array":
        return f"list of {_tell_type(value.get('items', {}))}"
    return str(value.get("type", ""))


def write_metrics() -> str:
    """Every metric of the registry; those that are audited as the ratio of two sums."""
    from cityai.assessment.metrics import find_metrics

    told = "Each is the ratio of two sums over rows, or the root of one, where sums are named."
    lines = ["# Metrics", "", told, ""]
    for title, metrics in (
        ("Amounts", find_metrics("amount")),
        ("Yes or no", find_metrics("yes/no")),
        ("Lists", find_metrics("list")),
        ("Scores as a whole", find_metrics("score")),
    ):
        lines += [f"## {title}", "", "| metric | what it is | sums | undefined when |"]
        lines += ["| --- | --- | --- | --- |"]
        for m in metrics:
            ratio = f"{m.numerator} / {m.denominator}"
            ratio = f"root of {ratio}" if m.root else ratio if m.numerator else ""
            lines += [f"| `{m.name}` | {m.label} | {ratio} | {m.undefined} |"]
        lines += [""]
    return "\n".join(lines)


def write_card() -> str:
    """Every field of a card's record."""
    from cityai.card.record import CardRecord

    head = "# Fields of the card\n\n`card.json` holds them; the page shows them.\n\n"
    return head + "\n".join(_describe_schema(CardRecord.model_json_schema()))


def write_python() -> str:
    """What the package gives to Python programs and notebooks."""
    import cityai
    from cityai import testing

    lines = ["# From Python", ""]
    for module, names in ((cityai, cityai.__all__), (testing, testing.__all__)):
        lines += [f"## `{module.__name__}`", "", _quote(module.__doc__), ""]
        for name in names:
            thing = getattr(module, name)
            if not callable(thing):
                continue
            signature = inspect.signature(thing) if inspect.isfunction(thing) else ""
            lines += [f"### `{name}{signature}`", "", _quote(thing.__doc__), ""]
    return "\n".join(lines)


def _quote(text: str | None) -> str:
    return "\n".join(["```text", inspect.cleandoc(text or ""), "```"])


def _cell(text: str | None) -> str:
    return " ".join(str(text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return f"`{text}`"


def _plain(name: str) -> str:
    return name.removesuffix("Spec").removesuffix("Part") or name
