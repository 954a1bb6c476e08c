"""The chain of acts: what was changed afterwards is found, and nothing else is."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from cityai.config.keys import KeySpec, KeysSpec
from cityai.errors import StoreError, UserError
from cityai.review.acts import Act, Seen, make_act, write_statement
from cityai.review.chain import Chain, Ring, append_act, name_file, read_chain
from cityai.review.envelope import sign_payload, write_envelope
from cityai.review.keys import write_public
from tests.promises import trials
from tests.track.conftest import fork

LENGTH = trials(200, 40)
PEOPLE = [ed25519.Ed25519PrivateKey.generate() for _ in range(3)]
START = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECTS = {"card.json": "ab" * 32}


def list_keys(**changed: object) -> KeysSpec:
    return KeysSpec(
        keys=tuple(
            KeySpec.model_validate(
                {
                    "name": f"person {i}",
                    "role": "board",
                    "public": write_public(private.public_key()),
                    "since": date(2025, 1, 1),
                    **changed,
                }
            )
            for i, private in enumerate(PEOPLE)
        )
    )


RING = Ring(list_keys())


def build_act(number: int, previous: str, reason: str = "said", day: int | None = None) -> Act:
    return make_act(
        act="comment", project="waste", phase="pilot", number=number, previous=previous,
        at=START + timedelta(days=number if day is None else day), reason=reason,
        seen=Seen(verdict=""),
    )  # fmt: skip


def write_chain(folder: Path, length: int, word: str = "said") -> None:
    import hashlib

    folder.mkdir()
    previous = ""
    for number in range(1, length + 1):
        payload = write_statement(build_act(number, previous, f"{word} {number}"), SUBJECTS)
        content = write_envelope(sign_payload(payload, PEOPLE[number % 3]))
        (folder / name_file(number)).write_bytes(content)
        previous = hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain") / "reviews"
    write_chain(folder, LENGTH)
    return folder


def count(folder: Path) -> int:
    return len([*folder.iterdir()])


def edit(folder: Path, at: int) -> None:
    path = folder / name_file(at + 1)
    content = bytearray(path.read_bytes())
    content[random.Random(at).randrange(len(content))] ^= 1 << at % 7
    path.write_bytes(bytes(content))


def remove(folder: Path, at: int) -> None:
    (folder / name_file(at + 1)).unlink()


def close_gap(folder: Path, at: int) -> None:
    last = count(folder)
    (folder / name_file(at + 1)).unlink()
    for number in range(at + 2, last + 1):
        (folder / name_file(number)).rename(folder / name_file(number - 1))


def swap(folder: Path, at: int) -> None:
    first = at % (count(folder) - 1) + 1
    one, other = folder / name_file(first), folder / name_file(first + 1)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def cut(folder: Path, at: int) -> None:
    for number in range(at + 1, count(folder) + 1):
        (folder / name_file(number)).unlink()


def put_in(folder: Path, at: int) -> None:
    first = at + 1
    for number in range(count(folder), first - 1, -1):
        (folder / name_file(number)).rename(folder / name_file(number + 1))
    stranger = ed25519.Ed25519PrivateKey.generate()
    content = write_envelope(sign_payload(write_statement(build_act(first, ""), {}), stranger))
    (folder / name_file(first)).write_bytes(content)


TAMPERINGS = [edit, remove, close_gap, swap, cut, put_in]


@pytest.mark.parametrize("tamper", TAMPERINGS)
@pytest.mark.promise(12)
def test_every_tampering_is_found(whole: Path, tmp_path: Path, tamper: Callable, observe) -> None:
    """Tamper at every position of a chain; its head stands elsewhere."""
    head, length = read_chain(whole, RING).head, count(whole)
    for at in range(length):
        folder = tmp_path / str(at)
        shutil.copytree(whole, folder)
        tamper(folder, at)
        assert read_chain(folder, RING, head).faults, f"{tamper.__name__} at {at}"
        shutil.rmtree(folder)
    observe(f"{tamper.__name__}: {length} of {length} positions found")


@pytest.mark.promise(12)
def test_untouched_chains_give_no_alarm(tmp_path: Path, observe) -> None:
    """Chains of drawn lengths, each read against all heads that it ever had."""
    chains, alarms = trials(1_000, 30), 0
    for seed in range(chains):
        folder = tmp_path / str(seed)
        write_chain(folder, random.Random(seed).randint(0, 8), f"said {seed}")
        heads = [link.digest for link in read_chain(folder, RING).links]
        chain = read_chain(folder, RING, *heads)
        alarms += bool(chain.faults) or len(chain.links) != count(folder)
        shutil.rmtree(folder)
    observe(f"{alarms} false alarms in {chains:,} untouched chains")
    assert alarms == 0


def test_a_chain_written_anew_is_found_by_its_head(whole: Path, tmp_path: Path) -> None:
    head = read_chain(whole, RING).head
    write_chain(tmp_path / "anew", LENGTH, "said otherwise")
    assert read_chain(tmp_path / "anew", RING).faults == ()
    (fault,) = read_chain(tmp_path / "anew", RING, head).faults
    assert "written anew" in fault.why


@pytest.mark.promise(12)
def test_an_untouched_chain_holds_at_each_of_its_heads(whole: Path, observe) -> None:
    chain = read_chain(whole, RING)
    assert [link.act.number for link in chain.links] == list(range(1, LENGTH + 1))
    for link in chain.links:
        assert read_chain(whole, RING, link.digest).faults == ()
    observe("0 false alarms")


def test_days_of_a_key_count(whole: Path) -> None:
    late = read_chain(whole, Ring(list_keys(since=date(2026, 1, 11))))
    assert (len(late.links), late.faults[0].why[:30]) == (0, "the key of person 1 does not s")
    gone = read_chain(whole, Ring(list_keys(until=date(2026, 1, 11))))
    assert len(gone.links) == 10
    assert "does not speak on 2026-01-12" in gone.faults[0].why


def test_a_key_that_is_listed_twice_is_refused() -> None:
    keys = list_keys()
    with pytest.raises(UserError, match="listed twice"):
        Ring(KeysSpec(keys=(*keys.keys, keys.keys[0])))


def follow(chain: Chain, signer: KeySpec) -> tuple[Act, dict[str, str]]:
    return build_act(len(chain.links) + 1, chain.head, signer.name, 0), SUBJECTS


def test_two_who_sign_at_once_both_stand(tmp_path: Path) -> None:
    folder, state = tmp_path / "cards" / "waste" / "reviews", tmp_path / "state"
    pids = [
        fork(lambda person=person: append_act(folder, state, RING, person, follow))
        for person in PEOPLE * 3
    ]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 9
    chain = read_chain(folder, RING)
    assert (len(chain.links), chain.faults) == (9, ())


def test_who_is_killed_while_signing_leaves_a_whole_chain(tmp_path: Path) -> None:
    folder, state = tmp_path / "cards" / "waste" / "reviews", tmp_path / "state"
    drawn = random.Random(7)

    def sign_on() -> None:
        while True:
            append_act(folder, state, RING, PEOPLE[0], follow)

    before = 0
    for _ in range(20):
        pid = fork(sign_on)
        time.sleep(drawn.uniform(0.0, 0.1))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        chain = read_chain(folder, RING)
        assert chain.faults == ()
        assert len(chain.links) >= before
        before = len(chain.links)
    append_act(folder, state, RING, PEOPLE[1], follow)
    assert len(read_chain(folder, RING).links) == before + 1


def test_nothing_is_signed_on_a_chain_that_does_not_hold(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "waste" / "reviews"
    shutil.copytree(whole, folder)
    edit(folder, 3)
    with pytest.raises(UserError, match="does not hold"):
        append_act(folder, tmp_path / "state", RING, PEOPLE[0], follow)


def test_a_stranger_signs_nothing(tmp_path: Path) -> None:
    stranger = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(UserError, match="nobody listed the key"):
        append_act(tmp_path / "waste" / "reviews", tmp_path, RING, stranger, follow)


def test_a_folder_that_refuses_leaves_the_chain(tmp_path: Path) -> None:
    folder = tmp_path / "waste" / "reviews"
    folder.parent.mkdir()
    folder.write_text("a file is in its place")
    with pytest.raises(StoreError):
        append_act(folder, tmp_path / "state", RING, PEOPLE[0], follow)
