from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from cityai.track.process import (
    BOOT,
    HEARTBEAT,
    HOST,
    PID,
    STARTED,
    describe_process,
    is_dead,
    keep_beating,
    read_start,
)
from tests.track.conftest import fork


def test_this_process_is_alive() -> None:
    tags = describe_process()
    assert not is_dead(tags)
    assert tags[PID] == str(os.getpid())
    assert os.uname().nodename not in tags.values()


def test_an_ended_process_is_dead() -> None:
    pid = fork(lambda: time.sleep(60))
    tags = describe_process(pid)
    assert not is_dead(tags)
    os.kill(pid, 9)
    time.sleep(0.1)
    assert is_dead(tags)  # a zombie, as long as nobody has waited for it
    os.waitpid(pid, 0)
    assert is_dead(tags)
    assert read_start(pid) == ""


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({STARTED: "1"}, True),
        ({BOOT: "another"}, True),
        ({HOST: "another"}, False),
        ({HOST: "another", HEARTBEAT: "2020-01-01T00:00:00+00:00"}, True),
        ({HOST: "another", HEARTBEAT: "?"}, False),
    ],
    ids=["number reused", "rebooted", "elsewhere", "elsewhere and silent", "elsewhere, odd"],
)
def test_who_is_dead(changes: dict[str, str], dead: bool) -> None:
    assert is_dead({**describe_process(), **changes}) is dead


def test_runs_of_others_are_left_alone() -> None:
    assert not is_dead({"mlflow.user": "somebody"})


def test_silence_of_another_machine_is_given_time() -> None:
    tags = {**describe_process(), HOST: "another"}
    assert not is_dead(tags, datetime.now(UTC) + timedelta(minutes=14))
    assert is_dead(tags, datetime.now(UTC) + timedelta(minutes=16))


def test_a_beat_that_fails_is_not_the_blocks_trouble() -> None:
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        raise OSError

    with keep_beating(beat, seconds=0.02):
        time.sleep(0.2)
    assert len(beats) > 2
    counted = len(beats)
    time.sleep(0.1)
    assert len(beats) == counted
