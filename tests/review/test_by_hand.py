"""What the docs say that anybody can check with python3 and openssl is checked so."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

from cityai.pipeline.review import read_review
from tests.review.conftest import Place
from tests.review.test_release import YES

PAGE = (Path(__file__).parents[2] / "docs" / "reviewing.md").read_text("utf-8")


def read_snippet() -> str:
    """The Python of "with nothing but the published files"."""
    part = PAGE.partition("### With nothing but the published files")[2]
    (code,) = re.findall(r"<<'PY'\n(.*?)\n    PY\n", part, re.DOTALL)
    return textwrap.dedent(code)


def check(place: Place) -> list[str]:
    done = subprocess.run(
        ["python3", "-I", "-", str(place.card)],
        input=read_snippet(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_acts_are_checked_by_hand(place: Place) -> None:
    place.sign("open", "ana")
    place.sign("approve", "ben", *YES)
    links = read_review(place.project).chain.links
    *told, head = check(place)
    assert head == f"head {links[-1].digest}"
    assert [line.split()[:3] for line in told] == [
        ["1", "open", "pilot"],
        ["2", "approve", "pilot"],
    ]
    assert all(line.endswith("follows this card") for line in told)
    assert [link.keyid[:12] for link in links] == [line.split()[4] for line in told]
    (place.card / "reviews" / "0001.json").unlink()
    assert "DOES NOT FOLLOW" in check(place)[0]
    place.write_card("cd" * 32)
    assert check(place)[0].endswith("another card")
