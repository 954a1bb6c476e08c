"""Reference pages made from the code when the site is built, so that they cannot differ from it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

Part = dict[str, Any]
"""A part of a JSON Schema."""
Path_ = tuple[str, ...]
SCRIPT: Final = "site.js"
SEARCH: Final = ('class="md-search" ', 'class="md-search" aria-label="Search" ')
ROOT: Final = Path(__file__).parents[1]
TEMPLATES: Final = "cityai/scaffold/templates/[!_]*/project.yaml"
ANY: Final = "*"
"""In a path: any name, or any item of a list."""
SHORT: Final = 48
"""Characters of an example, at most."""
ORDER: Final = (
    *("name", "title", "kind", "use", "city", "policy", "card", "question", "data", "covariates"),
    *("events", "features", "backtest", "models", "audit", "mitigation"),
)
"""Sections of a project, as its file is written."""
HEAD: Final = (
    "In the order of the file. **needed**: without it there is an error that names it; what stands "
    "under default holds where the key is left out. Examples are those of the worked projects."
)

TABLES: Final = """\
What is a table has a name for each column, once, and a row for each part of the list:

```json
{"columns": ["metric", "value", "slice.fold", "reason"],
 "rows": [["wape", 0.046, "1", 0], ["wape", 0.051, "2", 0]],
 "every": {"unit": "share", "slice.model": "forecast"},
 "texts": {"reason": ["No interval from 1 test periods; at least 6 are needed."]}}
```

`every` holds what is the same in each row. A dot goes into an object: the first row's `slice` is
`{"fold": "1", "model": "forecast"}`. `null` is nothing: the part lacks that key. In a column that
`texts` names, a whole number is the place of a text there, counted from 0. In pandas:
`pd.DataFrame(t["rows"], columns=t["columns"]).assign(**t.get("every", {}))`. The n-th row is what
`cityai card verify` and `card diff` call `[n]`, counted from 0.

Sentences stand as English text. `messages` says how each is made: a template, and what stands in
its places, so that a page can write it in another language.

Cards before schema 3.0 have lists of objects with the same keys, and where a sentence stands an
object with `id`, `arguments` and `text`. They are read as before."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for name, content in write_pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the search's helper from the site itself, not from a host; name its dialog."""
    return _keep_home(output, get_relative_url(SCRIPT, page.url))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of what is not found."""
    return _keep_home(output_content, SCRIPT)


def _keep_home(output: str, script: str) -> str:
    return output.replace("https://unpkg.com/iframe-worker/shim", script).replace(*SEARCH)


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
            lines += ["| option | what it does |", "| --- | --- |"]
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
    from cityai.config.load import SPECS
    from cityai.config.schema import build_schema

    schema = build_schema("project")
    lines = [
        "# Keys of project.yaml",
        "",
        HEAD,
        "",
        "[Your editor](../editors.md) completes them.",
        "",
    ]
    told: set[str] = set()
    for kind, spec in SPECS.items():
        root = schema["$defs"][f"{kind.capitalize()}Project"]
        needed = {name for name, field in spec.model_fields.items() if field.is_required()}
        root = {**root, "required": sorted(needed - {"city"})}
        lines += [f"## With `kind: {kind}`", ""]
        lines += ["Sections that are not told again are as above.", ""] if told else []
        lines += _list_keys(root, schema["$defs"], told, kind)
    return "\n".join(lines)


def write_files() -> str:
    """Every key of the other files."""
    from cityai.config.schema import build_schema

    lines = ["# Keys of the other files", "", HEAD, ""]
    for name, written in (
        ("evaluation", "evaluations/NAME.yaml"),
        ("audit", "audit.yaml"),
        ("city", "configs/city.yaml"),
        ("policy", "configs/policy.yaml"),
        ("keys", "configs/keys.yaml"),
        ("card", "card.yaml"),
    ):
        schema = build_schema(name)  # type: ignore[arg-type]
        lines += [f"## {written}", ""]
        lines += _list_keys(schema, schema.get("$defs", {}), set(), name)
    return "\n".join(lines)


def list_examples(name: str) -> list[Any]:
    """Return files whose values are shown, read: the worked examples first."""
    worked = {
        "demand": ["projects/*/project.yaml", TEMPLATES],
        "risk": ["projects/*/project.yaml", TEMPLATES],
        "city": ["configs/[!p]*.yaml"],
        "policy": ["configs/policy.yaml"],
        "card": ["projects/*/card.yaml"],
        "evaluation": ["projects/*/evaluations/*.yaml"],
    }
    files = [*worked.get(name, ()), f"docs/examples/{name}.yaml"]
    read = [yaml for pattern in files for yaml in _read_yaml(pattern)]
    other = {"demand": "risk", "risk": "demand"}.get(name)
    return [yaml for yaml in read if other is None or yaml.get("kind") != other]


def _list_keys(root: Part, named: dict[str, Part], told: set[str], name: str) -> list[str]:
    """List the keys of a file in its order: a table a section, each section once."""
    examples = list_examples(name)
    lines: list[str] = []
    for path, part in walk_sections(root, named, told):
        if path:
            anchor = "-".join((name, *(p for p in path if p != ANY)))
            lines += [f"### `{write_path(path)}` {{#{anchor}}}", ""]
            lines += [_cell(part.get("description", "")), ""]
        lines += ["| key | holds | default | example | what it is |", "| --- |" + " --- |" * 4]
        keys = part["properties"]
        for key in _order_keys(path, part):
            value, needed = keys[key], key in part.get("required", ())
            inside = bool(find_sections(value, named))
            example = find_example(examples, [*path, key], value)
            shown = "" if inside and isinstance(example, dict | list | None) else _show(example)
            default = "**needed**" if needed else _show_default(value, inside)
            cells = _tell_type(value), default, shown, _cell(value.get("description", ""))
            lines.append(f"| `{key}` | {' | '.join(cells)} |")
        lines.append("")
    return lines


def walk_sections(
    root: Part, named: dict[str, Part], told: set[str]
) -> Iterator[tuple[Path_, Part]]:
    """Yield a file's sections by path, as the file is read; those in `told` are left out."""

    def walk(path: Path_, part: Part) -> Iterator[tuple[Path_, Part]]:
        yield path, part
        for key in _order_keys(path, part):
            for name, more in find_sections(part["properties"][key], named):
                if name not in told:
                    told.add(name)
                    yield from walk((*path, key, *more), named[name])

    yield from walk((), root)


def _order_keys(path: Path_, part: Part) -> list[str]:
    """Return the keys of a section as its file is written."""
    order = {key: place for place, key in enumerate(ORDER)} if not path else {}
    return sorted(part["properties"], key=lambda key: order.get(key, len(order)))


def find_sections(value: Part, named: dict[str, Part]) -> list[tuple[str, Path_]]:
    """Find the sections that a key holds: by name, and what lies between."""
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        return [(name, ())] if "properties" in named[name] else []
    several = [v for key in ("anyOf", "oneOf", "allOf") for v in value.get(key, ())]
    found = [s for v in several for s in find_sections(v, named)]
    for key in ("items", "additionalProperties"):
        if isinstance(value.get(key), dict):
            found += [(name, (ANY, *more)) for name, more in find_sections(value[key], named)]
    return found


def find_example(examples: Sequence[Any], path: Sequence[str], value: Part) -> Any:
    """Find a key's value in the examples, the first short one; else one that it may hold."""
    found = [v for yaml in examples for v in _look_up(yaml, list(path)) if v not in (None, {}, [])]
    short = [v for v in found if len(_write_yaml(v)) <= SHORT]
    if short or found:
        return (short or found)[0]
    others = [v for v in _list_allowed(value) if v != value.get("default")]
    return others[0] if others else value.get("default")


def _list_allowed(value: Part) -> list[Any]:
    several = [value, *value.get("anyOf", ())]
    allowed = [v for part in several for v in (*part.get("enum", ()), *_one(part, "const"))]
    return allowed + [True, False] * any(part.get("type") == "boolean" for part in several)


def _one(part: Part, key: str) -> list[Any]:
    return [part[key]] if key in part else []


def _look_up(yaml: Any, path: list[str]) -> list[Any]:
    if not path:
        return [yaml]
    if path[0] == ANY or isinstance(yaml, list):
        inside = yaml.values() if isinstance(yaml, dict) else yaml if isinstance(yaml, list) else ()
        rest = path[1:] if path[0] == ANY else path
        return [found for part in inside for found in _look_up(part, rest)]
    return _look_up(yaml[path[0]], path[1:]) if isinstance(yaml, dict) and path[0] in yaml else []


@cache
def _read_yaml(pattern: str) -> list[Any]:
    """Read the files of a pattern, from the repository's root."""
    from ruamel.yaml import YAML

    return [YAML(typ="safe").load(path) for path in sorted(ROOT.glob(pattern))]


def write_path(path: Path_) -> str:
    """Write the path of a section; a name that is free stands in angle brackets."""
    return ".".join("<name>" if part == ANY else part for part in path)


def _show_default(value: Part, inside: bool) -> str:
    if inside:
        return ""
    default = value.get("default")
    if default in (None, "", [], {}):
        return "none"
    return _show(default)


def _show(value: Any) -> str:
    text = _write_yaml(value)
    return f"`{text if len(text) <= SHORT else text[: SHORT - 2] + ' …'}`".replace("|", "\\|")


def _write_yaml(value: Any) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml, out = YAML(typ="safe"), StringIO()
    yaml.default_flow_style, yaml.width = True, 10_000
    yaml.dump(value, out)
    return out.getvalue().removesuffix("\n").removesuffix("\n...").replace("`", "'")


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
    if "columns" in value.get("properties", {}):
        return "table"
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

    head = f"# Fields of the card\n\n`card.json` holds them; the page shows them.\n\n{TABLES}\n\n"
    return head + "\n".join(_describe_schema(CardRecord.model_json_schema()))


def write_python() -> str:
    """What the package gives to Python programs and notebooks."""
    import cityai
    from cityai import testing
    from cityai.pipeline import result

    lines = ["# From Python", ""]
    for module, names in ((cityai, cityai.__all__), (testing, testing.__all__)):
        lines += [f"## `{module.__name__}`", "", _quote(module.__doc__), ""]
        for name in names:
            thing = getattr(module, name)
            if not callable(thing):
                continue
            signature = inspect.signature(thing) if inspect.isfunction(thing) else ""
            lines += [f"### `{name}{signature}`", "", _quote(thing.__doc__), ""]
    for name, columns in (("figures", result.FIGURES), ("predictions", result.PREDICTIONS)):
        lines += [
            f"## Columns of `Result.{name}`",
            "",
            "| column | what it holds |",
            "| --- | --- |",
        ]
        lines += [f"| `{column}` | {_cell(told)} |" for column, told in columns.items()] + [""]
    return "\n".join(lines)


def _quote(text: str | None) -> str:
    return "\n".join(["```text", inspect.cleandoc(text or ""), "```"])


def _cell(text: str | None) -> str:
    return " ".join(str(text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return f"`{text}`"


def _plain(name: str) -> str:
    return name.removesuffix("Spec").removesuffix("Part") or name
