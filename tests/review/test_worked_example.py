"""The worked example: what its page quotes was answered, and who runs it gets the same."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cityai.config.keys import KeysSpec
from cityai.config.validate import validate_spec
from cityai.config.yaml import read_yaml
from cityai.review.chain import Ring, read_chain

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "examples" / "review"
PAGE = (ROOT / "docs" / "a-review.md").read_text("utf-8")
TRANSCRIPT = (KEPT / "transcript.txt").read_text("utf-8")
HEADS = {"sample_inspections": 2, "sample_requests": 9}
"""Acts of each system."""


def list_quoted() -> list[str]:
    return re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


def test_every_answer_that_the_page_quotes_was_given() -> None:
    assert len(list_quoted()) >= 8
    for block in list_quoted():
        for part in re.split(r"^\.\.\.\n", block, flags=re.MULTILINE):
            assert part in TRANSCRIPT, part


@pytest.mark.parametrize("name", HEADS)
def test_the_acts_that_are_kept_hold(name: str) -> None:
    document = read_yaml(KEPT / "keys.yaml")
    ring = Ring(validate_spec(KeysSpec, document.content, document))
    chain = read_chain(KEPT / name, ring, find_head(name))
    assert chain.faults == ()
    assert len(chain.links) == HEADS[name]
    for link in chain.links:
        assert link.act.reason in PAGE + TRANSCRIPT


def find_head(name: str) -> str:
    """The last head that `review log` printed for a system."""
    told = TRANSCRIPT.rpartition(f"$ cityai review log projects/{name}\n")[2]
    return re.search(r"^head ([0-9a-f]{64})$", told, re.MULTILINE)[1]  # type: ignore[index]


def mask(text: str) -> str:
    """Leave out what is another on another day, with other keys, of another commit of the models.

    Which checks of groups are open is the card's to say; that some are, and what follows, is here.
    """
    text = re.sub(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?", "DAY", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "DIGEST", text)
    text = " ".join(text.split())
    return re.sub(r"\d+ of \d+ are open: .*? and \d+ more", "SOME ARE OPEN", text)


def load_script() -> ModuleType:
    path = ROOT / "docs" / "examples" / "review.py"
    spec = importlib.util.spec_from_file_location("review_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, no_pictures: None, few_trees: None) -> Any:
    return SCRIPT.begin(tmp_path_factory.mktemp("example") / "port-ellery")


def find_card(begun: Any, project: str) -> Path:
    return begun.folder / "model_cards" / Path(project).name / "card.html"


def require_card(begun: Any, project: str) -> None:
    """Run a system where no test before did: each is a test of its own, as it takes minutes."""
    if not find_card(begun, project).is_file():
        SCRIPT.run(begun, project)


@pytest.mark.long
@pytest.mark.parametrize("project", [SCRIPT.REQUESTS, SCRIPT.KITCHENS])
def test_both_systems_have_a_card(begun: Any, project: str) -> None:
    require_card(begun, project)
    assert find_card(begun, project).is_file()


@pytest.mark.long
def test_who_runs_it_gets_the_same(begun: Any) -> None:
    for project in (SCRIPT.REQUESTS, SCRIPT.KITCHENS):
        require_card(begun, project)
    SCRIPT.review(begun)
    made = (begun.folder / "transcript.txt").read_text("utf-8")
    assert mask(made) == mask(TRANSCRIPT)
    assert (begun.folder / "bundle.zip").is_file()
