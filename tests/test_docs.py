"""What is documented is what there is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from cityai.assessment.metrics import METRICS
from cityai.card.record import CardRecord
from cityai.cli import main as _commands  # noqa: F401  (all commands register themselves)
from cityai.cli.commands import app
from cityai.config.schema import build_schema

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
CHAPTERS = "time|quality|backtest|evaluate|audit|explain|card|mitigation|kit|cases"


def test_every_finding_is_documented():
    documented = set(
        re.findall(r"^\| `([a-z_.<>]+)`", (ROOT / "docs/findings.md").read_text(), re.M)
    )
    documented = {code.split(".<")[0] for code in documented}
    for path in (ROOT / "cityai").rglob("*.py"):
        for code in re.findall(
            rf'(?:Finding\(\s*(?:code=)?f?|^[A-Z_]+(?:: Final)? = )"((?:{CHAPTERS})\.[a-z_]+)[".]',
            path.read_text(),
            re.M,
        ):
            if code == "card.json":  # a file
                continue
            assert code in documented, f"{path.name}: {code} is not in docs/findings.md"


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    commands = "".join(path.read_text() for path in (ROOT / "cityai/cli").glob("*.py"))
    named = re.findall(
        r'@(\w+)\.command\((?:name=)?"([a-z-]+)"|@(\w+)\.command\(\)\s+def (\w+)', commands
    )
    assert len(named) >= 12
    for group, first, other, second in named:
        group, name = group or other, first or second.replace("_", "-")
        called = name if group == "app" else f"{group} {name}"
        assert re.search(rf"`cityai {called}\b", readme), f"`cityai {called}` is not in README.md"


def write_reference() -> dict[str, str]:
    path = ROOT / "docs/reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_pages()


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return write_reference()


def test_the_reference_has_every_command_with_its_options(reference):
    page = reference["commands"]
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        children = getattr(command, "commands", {"": command})
        for child, leaf in children.items():
            called = f"{name} {child}".strip()
            assert f"## `cityai {called}`" in page
            assert leaf.help
            for parameter in leaf.params:
                assert parameter.help or parameter.name == "help", f"{called}: {parameter.name}"
                assert (parameter.opts or [parameter.name])[0] in page


@pytest.mark.parametrize(
    ("page", "name"),
    [("project", "project"), ("files", "audit"), ("files", "city"), ("files", "policy"),
     ("files", "card")],
)  # fmt: skip
def test_the_reference_has_every_key(reference, page, name):
    for key in list_keys(build_schema(name)):
        assert f"| `{key}` |" in reference[page], key


def test_the_reference_has_every_card_field(reference):
    keys = list_keys(CardRecord.model_json_schema())
    assert len(keys) > 100
    for key in keys:
        assert f"| `{key}` |" in reference["card"], key


def test_the_reference_has_every_metric(reference):
    for metric in METRICS:
        assert f"| `{metric.name}` | {metric.label} |" in reference["metrics"]


def list_keys(schema: dict) -> set[str]:
    parts = (schema, *schema.get("$defs", {}).values())
    return {key for part in parts for key in part.get("properties", {})}


@pytest.mark.long
def test_the_site_builds_without_a_warning(tmp_path):
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed")
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pages = {p.relative_to(tmp_path / "site").as_posix() for p in tmp_path.rglob("*.html")}
    assert {"index.html", "first-project.html", "reference/commands.html"} <= pages
    text = "".join(path.read_text() for path in (tmp_path / "site").glob("*.html"))
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', text)


@pytest.mark.parametrize("name", ["project", "city", "policy"])
def test_every_key_says_what_it_is(name):
    schema = build_schema(name)
    parts = {name: schema, **schema.get("$defs", {})}
    words = re.compile("Words$|^(Risk|Harm|Third|Legal|Assess|Checklist|NotApplicable)")
    for part, content in parts.items():
        if words.search(part):
            continue
        for key, value in content.get("properties", {}).items():
            said = value.get("description") or "$ref" in value
            assert said, f"{part}.{key} has no description"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md"))),
    ],
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text()):
        made = re.fullmatch(r"reference/(\w+)\.md", target)
        if made and page.startswith("docs/"):
            assert made[1] in write_reference(), f"{page} links to {target}"
        elif "://" not in target:
            assert (path.parent / target).exists(), f"{page} links to {target}"


def test_every_word_of_the_glossary_is_one_of_the_code():
    """By that name, in a name or in a sentence of the package; and it is explained once."""
    rows = re.findall(r"^\| (?!\*\*|---|word)(.+?) \| (.+) \|$", GLOSSARY.read_text(), re.M)
    words = [word.strip(" `").lower() for cell, _ in rows for word in cell.split(",")]
    assert len(words) == len(set(words)) > 50
    package = ROOT / "cityai"
    code = "".join(f"{p.relative_to(package)} {p.read_text()}" for p in package.rglob("*.py"))
    for word in words:
        name = word.replace(" ", "[ _]")
        assert re.search(rf"(?<![a-z]){name}(s|ies)?(?![a-z])", code.lower()), word


def test_nothing_names_a_machine_or_an_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
