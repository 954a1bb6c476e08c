"""What a run of the tests proves, and what it says that it does not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import list_unproven

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("marks", "has_data", "has_browser", "said"),
    [
        ("", True, True, []),
        ("not long", True, True, ["long"]),
        ("not slow and not long", False, True, ["long", "slow", "CITYAI_DATA"]),
        ("long", True, False, ["Chromium"]),
    ],
)
def test_what_is_not_proven_is_said(marks, has_data, has_browser, said):
    lines = list_unproven(marks, has_data, has_browser)
    assert len(lines) == len(said)
    assert all(word in line for word, line in zip(said, lines, strict=True))


def test_ci_runs_every_test():
    """Each mark that `make test` leaves out is run by a command of CI."""
    made = (ROOT / "Makefile").read_text()
    marks = dict(
        re.findall(
            r'^(\w+): .*?\n(?:\t.*\n)*?\t@?\$\(TESTS\).* -m "?([\w ]+)"?(?:;.*)?$', made, re.M
        )
    )
    assert marks == {"test": "not long", "long": "long", "fast": "not slow and not long"}
    commands = re.findall(r"^make (\w+)$", (ROOT / ".ci" / "run").read_text(), re.M)
    assert {marks[command] for command in commands} == {"not long", "long"}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    names = {mark.split(":")[0] for mark in declared["ini_options"]["markers"]}
    assert names == {"slow", "long", "promise(number)"}
