from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from cityai.track.names import PROCESS
from cityai.track.process import describe_process, is_dead, keep_beating, read_start
from tests.track.conftest import fork


def test_this_process_is_alive() -> None:
    tags = describe_process()
    assert not is_dead(tags)
    assert json.loads(tags[PROCESS])["pid"] == os.getpid()
    assert os.uname().nodename not in tags[PROCESS]


def change_life(**changes: str) -> dict[str, str]:
    return {PROCESS: json.dumps({**json.loads(describe_process()[PROCESS]), **changes})}


def test_an_ended_process_is_dead() -> None:
    pid = fork(lambda: time.sleep(60))
    tags = describe_process(pid)
    assert not is_dead(tags)
    os.kill(pid, 9)
    late = time.monotonic() + 10
    while not is_dead(tags) and time.monotonic() < late:
        time.sleep(0.05)
    assert is_dead(tags)  # a zombie, as long as nobody has waited for it
    os.waitpid(pid, 0)
    assert is_dead(tags)
    assert read_start(pid) == ""


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({"started": "1"}, True),
        ({"boot": "another"}, True),
        ({"host": "another"}, False),
        ({"host": "another", "heartbeat": "2020-01-01T00:00:00+00:00"}, True),
        ({"host": "another", "heartbeat": "?"}, False),
    ],
    ids=["number reused", "rebooted", "elsewhere", "elsewhere and silent", "elsewhere, odd"],
)
def test_who_is_dead(changes: dict[str, str], dead: bool) -> None:
    assert is_dead(change_life(**changes)) is dead


def test_runs_of_others_are_left_alone() -> None:
    assert not is_dead({"mlflow.user": "somebody"})


def test_silence_of_another_machine_is_given_time() -> None:
    tags = change_life(host="another")
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
