"""What comes from outside is shown by a terminal, and never obeyed."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from cityai.cli.console import NAME, LiveProgress, clean, tell
from cityai.pipeline import check, run
from cityai.pipeline.stage import Stage
from cityai.progress import SilentProgress, counting, heard_by, measure_folder, telling_size
from cityai.progress import tell as tell_listener

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


class Told(SilentProgress):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def say(self, what: str) -> None:
        self.said.append(what)

    def advance(self, done: int, total: int) -> None:
        self.said.append((done, total))


def test_what_is_done_deep_down_is_heard_by_who_listens_and_by_nobody_else() -> None:
    told = Told()
    assert list(counting("ab")) == ["a", "b"]
    with heard_by(told):
        tell_listener("boosted trees")
        assert list(counting([7, 8])) == [7, 8]
    tell_listener("nobody hears it")
    assert told.said == ["boosted trees", (0, 2), (1, 2)]


def test_a_live_line_says_what_how_much_and_for_how_long() -> None:
    out = io.StringIO()
    screen = Console(file=out, force_terminal=True, width=60)
    with screen.status("") as status:
        live = LiveProgress(status)
        live.idle = (live.idle[0], live.idle[1] - 6)
        live.say("opening MLflow")
        assert live.__rich__().plain == "Get ready  6 s  opening MLflow"
        with live.stage("Ask the past what it would have predicted"):
            live.say("boosted [trees]\x1b[2J")
            live.advance(3, 4)
            assert re.fullmatch(
                r"Ask the past what it would have predicted  (█{12}░{4}|#{12}\.{4}) 3 of 4  0 s"
                r"  boosted \[trees\]\\x1b\[2J",
                live.__rich__().plain,
            )
            live.say("next")
            assert live.__rich__().plain.endswith("predicted  0 s  next")
        assert live.__rich__().plain == "Go on  0 s"
    assert "predicted     " in out.getvalue()


def test_who_waits_for_a_table_sees_it_grow(tmp_path: Path) -> None:
    told: list[str] = []
    heard = threading.Event()

    class Listener(SilentProgress):
        def say(self, what: str) -> None:
            told.append(what)
            heard.set()

    with heard_by(Listener()), telling_size(tmp_path, seconds=0.01):
        (tmp_path / "few").write_bytes(bytes(100))
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "many").write_bytes(bytes(2_500_000))
        assert heard.wait(10)
    assert told[0] == "2.5 MB stored"
    assert measure_folder(tmp_path) >= 2_500_100
    assert measure_folder(tmp_path / "none") == 0
    count = len(told)
    (tmp_path / "later").write_bytes(bytes(1_000_000))
    assert len(told) == count  # nobody is told after the block


def test_every_stage_says_in_a_few_words_what_it_does() -> None:
    stages = [s for m in (run, check) for s in vars(m).values() if isinstance(s, Stage)]
    assert {s.name for s in stages} >= {"snapshot", "backtest", "audit", "foresight"}
    for stage in stages:
        assert re.fullmatch(r"[A-Z][a-z]+ [a-z, ]+[a-z]", stage.told), stage.told
        assert len(f"{stage.told} (as saved)") <= NAME
