"""What is documented is what there is."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import typer.main

from cityai.assessment.metrics import METRICS
from cityai.card.record import CardRecord
from cityai.cli import main as _commands  # noqa: F401  (all commands register themselves)
from cityai.cli.commands import app
from cityai.config.load import SPECS
from cityai.config.schema import build_schema
from tests.card.test_browser import TAGS
from tests.conftest import BROWSER

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GLOSSARY = ROOT / "docs" / "glossary.md"
ON_A_PHONE = {"type": "rule", "values": ["scrollable-region-focusable", "target-size"]}
CHAPTERS = "time|quality|backtest|evaluate|audit|explain|card|mitigation|kit|cases|impact"


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
            if code in {"card.json", "card.md"}:  # files
                continue
            assert code in documented, f"{path.name}: {code} is not in docs/findings.md"


def test_every_command_is_in_the_readme():
    commands = "".join(path.read_text() for path in (ROOT / "cityai/cli").glob("*.py"))
    named = re.findall(
        r'@(\w+)\.command\((?:name=)?"([a-z-]+)"|@(\w+)\.command\(\)\s+def (\w+)', commands
    )
    assert len(named) >= 12
    for group, first, other, second in named:
        group, name = group or other, first or second.replace("_", "-")
        called = name if group == "app" else f"{group} {name}"
        assert re.search(rf"`cityai {called}\b", README), f"`cityai {called}` is not in README.md"


def load_script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE, GALLERY = load_script("reference"), load_script("gallery")


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return REFERENCE.write_pages()


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
    "name", ["demand", "risk", "evaluation", "audit", "city", "policy", "keys", "card"]
)
def test_the_reference_has_every_key_with_default_and_a_valid_example(reference, name):
    told, schema = set(), build_schema("project" if name in SPECS else name)
    named, page = schema.get("$defs", {}), reference["project" if name in SPECS else "files"]
    head = "NAME" if name == "evaluation" else name
    root = named[f"{name.capitalize()}Project"] if name in SPECS else schema
    part_of = page.partition(f"## With `kind: {name}`" if name in SPECS else f"{head}.yaml\n")[2]
    if name == "risk":  # what both kinds have is told once
        list(REFERENCE.walk_sections(named["DemandProject"], named, told))
    examples = REFERENCE.list_examples(name)
    sections = list(REFERENCE.walk_sections(root, named, told))
    assert len(sections) > 1
    for path, part in sections:
        if path:
            part_of = part_of.partition(f"### `{REFERENCE.write_path(path)}` ")[2]
        for key, value in part["properties"].items():
            row = re.search(rf"^\| `{key}` \| (.+?) \| (.*?) \| (.*?) \| .* \|$", part_of, re.M)
            assert row, f"{path}: {key} is not told"
            if REFERENCE.find_sections(value, named):
                continue
            example = REFERENCE.find_example(examples, [*path, key], value)
            holds = jsonschema.Draft202012Validator({**value, "$defs": named})
            holds.validate(json.loads(json.dumps(example, default=str)))
            assert row[2]
            assert len(row[3]) > 2, f"{path}: {key} has no example"
            assert (row[2] == "**needed**") == (key in part.get("required", ())) or not path


def test_sections_stand_in_the_order_of_the_file(reference):
    heads = re.findall(
        r"^### `([\w.<>]+)`", reference["project"].partition("## With `kind: risk")[0], re.M
    )
    tops = list(dict.fromkeys(head.split(".")[0] for head in heads))
    template = (ROOT / "cityai/scaffold/templates/service_requests/project.yaml").read_text()
    written = [key for key in re.findall(r"^(?:# )?(\w+):", template, re.M) if key in tops]
    assert [key for key in tops if key in written] == written
    assert heads.index("question") < heads.index("question.entity") < heads.index("data")


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


@pytest.mark.parametrize("path", sorted((ROOT / "projects").iterdir()), ids=lambda p: p.name)
def test_the_readme_says_of_each_example_what_its_card_says(path):
    """Verdict, the figure that decides, today's practice, and the best simple rule."""
    card = GALLERY.read_card(path.name)
    [row] = [line for line in README.splitlines() if line.startswith(f"| [`{path.name}`]")]
    verdict, *told = [cell.strip() for cell in row.split("|")[3:7]]
    assert verdict == f"[{card['verdict']['word']}](model_cards/{path.name}/card.md)"
    assert told == list(GALLERY.tell_figures(card)[1:])


def test_the_gallery_says_of_each_card_what_its_record_says():
    page = GALLERY.write_gallery()
    for path in GALLERY.list_cards():
        name = path.parent.name
        card = GALLERY.read_card(name)
        part = page.partition(f"(pictures/{name}.png)")[2].partition("## ")[0]
        assert f"**{card['verdict']['word'].capitalize()}.** {card['verdict']['because']}" in part
        assert f"| {' | '.join(GALLERY.tell_figures(card)[1:])} |" in part
        assert (path.parent / "card.html").is_file()
        assert (ROOT / "docs/pictures" / f"{name}.png").stat().st_size < 60_000
    assert (ROOT / "docs/card.png").stat().st_size < 200_000


def test_every_decision_and_page_is_in_the_contents_by_its_own_title():
    contents = (ROOT / "mkdocs.yml").read_text()
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text().splitlines()[0].removeprefix("# ")
        assert f'- "{title}": decisions/{path.name}\n' in contents
    named = re.findall(r"[\w./-]+\.md", contents)
    made = {name for name in named if name.startswith("reference/")} | {GALLERY.PAGE}
    lost = [n for n in named if n not in made and not (ROOT / "docs" / n).is_file()]
    assert lost == []
    assert {p.name for p in (ROOT / "docs").glob("*.md")} <= set(named)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site, once."""
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.long
def test_the_site_builds_without_a_warning(site):
    pages = {p.relative_to(site).as_posix() for p in site.rglob("*.html")}
    assert {"index.html", "first-project.html", "reference/commands.html"} <= pages
    text = "".join(path.read_text() for path in site.glob("*.html"))
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', text)
    assert 'src="site.js"' in text


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (or CITYAI_BROWSER)")
def test_every_page_is_accessible_in_both_modes_and_asks_no_other_host(site):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    package = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    run = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"
    told = ".then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].html))"
    decisions = sorted(site.glob("decisions/*.html"))[1:]  # one stands for all: the same markup
    left_out = {site / "404.html", *decisions, *site.glob("cards/*/*.html")}  # cards have their own
    pages = sorted({*site.rglob("*.html")} - left_out)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for scheme, width, rules in (
            ("light", 1280, TAGS),
            ("dark", 1280, TAGS),
            ("light", 390, ON_A_PHONE),
        ):
            size = {"width": width, "height": 800}
            page = browser.new_context(color_scheme=scheme, viewport=size).new_page()
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            for path in pages:
                page.goto(path.as_uri())
                page.evaluate(axe)
                assert page.evaluate(run + told, rules) == [], f"{path.name}, {scheme}, {width}"
            assert [url for url in asked if not url.startswith(site.as_uri())] == []
        page = browser.new_page()
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("/")
        page.keyboard.type("truncation")
        page.locator(".md-search-result__item a").first.wait_for()
        browser.close()


@pytest.mark.parametrize("name", ["project", "evaluation", "city", "policy", "keys"])
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
def test_links_lead_somewhere(page, reference):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text()):
        made = re.fullmatch(r"reference/(\w+)\.md", target)
        if target == GALLERY.PAGE:
            continue
        if made and page.startswith("docs/"):
            assert made[1] in reference, f"{page} links to {target}"
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


def test_what_reviewers_are_told_of_the_sample_city_is_on_its_card() -> None:
    card = (ROOT / "model_cards" / "sample_requests" / "card.md").read_text("utf-8")
    page = (ROOT / "docs" / "cards-for-reviewers.md").read_text("utf-8")
    off = re.search(r"off by ([\d,]+ in every [\d,]+ requests), .* by ([\d,]+)\.", card)
    missed = re.search(r"1 request in (\d+) was missed; .* 1 request in (\d+) was", card)
    assert off
    assert missed
    assert f"by {off[1]}, the present rule by {off[2]} |" in page
    assert f"1 request in {missed[1]} missed, in the highest 1 in {missed[2]} |" in page
