"""Which process wrote a run, and whether it is still alive."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cityai.track.names import PROCESS

BEAT_SECONDS = 30.0
SILENT_FOR = timedelta(minutes=15)
"""A run of another machine that has been silent for this long is taken for dead."""


def describe_process(pid: int | None = None) -> dict[str, str]:
    """Return the tag that tells a process from any other, here or elsewhere: its life as JSON.

    The host's name is published as a digest only.
    """
    pid = os.getpid() if pid is None else pid
    life = {
        "pid": pid,
        "host": _shorten(platform.node() + _read_link("/proc/self/ns/pid")),
        "boot": _shorten(_read("/proc/sys/kernel/random/boot_id")),
        "started": read_start(pid),
        "heartbeat": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {PROCESS: json.dumps(life)}


def is_dead(tags: Mapping[str, str], now: datetime | None = None) -> bool:
    """Tell from a run's tags whether the process that wrote it has ended.

    On the same machine this is exact (a process of the same number that started at another time
    is another one); for other machines the age of the heartbeat decides. Runs without our tag
    are never dead: they are not ours.
    """
    if PROCESS not in tags:
        return False
    life, here = json.loads(tags[PROCESS]), json.loads(describe_process()[PROCESS])
    if life["host"] == here["host"]:
        if life["boot"] != here["boot"]:
            return True
        return read_start(int(life["pid"])) != str(life["started"])
    try:
        last = datetime.fromisoformat(life["heartbeat"])
    except ValueError:
        return False
    return (now or datetime.now(UTC)) - last > SILENT_FOR


def read_start(pid: int) -> str:
    """Return when a process started (in the system's ticks since it was booted); "" if none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if fields[:1] in (["Z"], ["X"]):
        return ""
    return fields[19] if len(fields) > 19 else "alive"


@contextmanager
def keep_beating(beat: Callable[[], object], seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Call `beat` now and then, beside the block. A beat that fails is not the block's trouble."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(seconds):
            with suppress(Exception):
                beat()

    thread = threading.Thread(target=go_on, name="cityai-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=seconds)


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text()
    return ""


def _read_link(path: str) -> str:
    with suppress(OSError):
        return os.readlink(path)
    return ""


def _shorten(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
