"""What comes from outside is shown by a terminal, and never obeyed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cityai.cli.console import clean, tell

CLI = Path(__file__).parents[2] / "cityai" / "cli"
CODES = "\x1b[2J\x1b]0;title\x07 \x9b31m \r over \x7f \u202egnp.exe \ud800 \x00"


def test_no_code_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell(CODES)
    tell(CODES, err=True)
    for written in capsys.readouterr():
        assert re.fullmatch(r"[\x20-\x7e]*\n", written)
        assert r"\x1b[2J" in written
        assert r"\u202e" in written


def test_plain_text_of_any_language_stays() -> None:
    text = "Straße\t東京\n  │ ░▓ العربية e\u0301 👩‍👧"
    assert clean(text) == text


def test_every_command_writes_through_one_door() -> None:
    called = {
        path.name: re.findall(r"typer\.s?echo\(|(?<![.\w])print\(", path.read_text())
        for path in CLI.glob("*.py")
    }
    assert {name: calls for name, calls in called.items() if calls} == {
        "console.py": ["typer.echo("]
    }
