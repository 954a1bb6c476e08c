"""What is documented is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cityai.spec.schema import build_schema

ROOT = Path(__file__).parents[1]
CHAPTERS = "time|quality|backtest|evaluate|audit|explain|card"


def test_every_finding_is_documented():
    documented = set(
        re.findall(r"^\| `([a-z_.<>]+)`", (ROOT / "docs/findings.md").read_text(), re.M)
    )
    documented = {code.split(".<")[0] for code in documented}
    for path in (ROOT / "cityai").rglob("*.py"):
        for code in re.findall(
            rf'Finding\(\s*(?:code=)?f?"((?:{CHAPTERS})\.[a-z_]+)', path.read_text()
        ):
            assert code in documented, f"{path.name}: {code} is not in docs/findings.md"


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    commands = "".join(
        (ROOT / f"cityai/cli/{name}.py").read_text() for name in ("commands", "cards")
    )
    named = re.findall(
        r'@\w+\.command\((?:name=)?"([a-z-]+)"|@\w+\.command\(\)\s+def (\w+)', commands
    )
    assert len(named) >= 8
    for first, second in named:
        name = first or second.replace("_", "-")
        assert re.search(rf"`cityai (card )?{name}\b", readme), (
            f"`cityai {name}` is not in README.md"
        )


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
        if "://" not in target:
            assert (path.parent / target).exists(), f"{page} links to {target}"


def test_nothing_names_a_machine_or_an_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
