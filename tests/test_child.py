"""The process that works on what came from outside: an answer belongs to its question."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from cityai.confine import child
from cityai.confine import reader as reader_module
from cityai.confine.child import Child, Ended
from cityai.data.source.engine import open_room
from tests.track.conftest import fork

SLOW = "SELECT sum(a.range % 7) FROM range(1000000) a, range(100000) b"


@pytest.fixture
def reader() -> Iterator[Child]:
    made = Child("cityai.confine.tables")
    made.ask(json.dumps(["open", ":memory:", "/tmp", None, False]).encode())
    yield made
    made.close()


def ask(reader: Child, number: int) -> int:
    (rows,) = reader.ask(json.dumps(["run", f"SELECT {number}"]).encode())
    return int(json.loads(rows)[0][0])


def test_who_is_interrupted_leaves_no_answer_to_the_next(
    reader: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(file: object) -> None:
        raise KeyboardInterrupt

    assert ask(reader, 1) == 1
    with monkeypatch.context() as patch:
        patch.setattr(child, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ask(reader, 2)
    assert not reader.is_ready
    with pytest.raises(Ended, match="no longer"):
        ask(reader, 3)


def test_the_answer_to_another_message_is_none(
    reader: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = child.receive
    monkeypatch.setattr(child, "receive", lambda file: [b"7", *read(file)[1:]])
    with pytest.raises(Ended):
        ask(reader, 1)


def test_a_fork_starts_a_process_of_its_own(reader: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_READERS", [reader])

    def read_on() -> None:
        assert not reader.is_ready
        with open_room() as room:
            room.begin(room.folder)
            assert room.run("SELECT 5") == [[5]]

    assert os.waitpid(fork(read_on), 0)[1] == 0
    assert reader.is_ready
    assert ask(reader, 6) == 6


def test_a_fork_killed_while_it_waits_takes_no_answer(
    reader: Child, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(reader_module, "_READERS", [reader])
    begun, told = os.pipe()

    def wait_long() -> None:
        with open_room() as room:
            room.begin(room.folder)
            os.write(told, b"x")
            room.run(SLOW)

    pid = fork(wait_long)
    os.read(begun, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for number in range(3):
        assert ask(reader, number) == number
