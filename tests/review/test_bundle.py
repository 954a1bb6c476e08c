"""A bundle, checked in a real browser that may ask nothing of any network."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cityai.cli.main import run_command
from cityai.errors import CityaiError
from cityai.pipeline.bundle import MANIFEST, make_bundle
from cityai.pipeline.registry import check_registry
from cityai.pipeline.review import read_review
from tests.conftest import BROWSER
from tests.review.conftest import CONDITION, Kept, Place, draw_again, move
from tests.review.test_release import SOON, UNTIL, YES

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    context.close()
    assert all(url.startswith("file:") for url in asked)


def look(page: Any, folder: Path, head: str = "", days: int = 0) -> tuple[bool, str]:
    """Choose a folder in its own page; return whether it holds, and all that is said."""
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=days))
    page.goto((folder / "verify.html").as_uri())
    page.fill("#head", head)
    page.set_input_files("#files", folder)
    page.wait_for_selector("body[data-result]")
    return page.get_attribute("body", "data-result") == "holds", page.inner_text("main")


def write_bundle(place: Place, folder: Path) -> Path:
    """As `cityai card bundle`, of a broken chain too: somebody who deceives would do so."""
    for name, content in make_bundle(read_review(place.project)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def seal(folder: Path) -> None:
    """Write the manifest anew, as who changed a file would."""
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST]
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n"
             for p in paths]  # fmt: skip
    (folder / MANIFEST).write_text("".join(lines))


def is_well(place: Place) -> bool:
    try:
        return not [f for f in check_registry(place.project) if f.status == "fail"]
    except CityaiError:
        return False


def test_a_bundle_is_whole_and_holds(place: Place, kept: Kept, page: Any, tmp_path: Path) -> None:
    place.sign("open", "ana", reason="The <b>East</b>; Ñandú.")
    place.sign("approve", "ben", *YES)
    move(place, "promote")
    folder = tmp_path / "bundle"
    asked = ["card", "bundle", str(place.project), "--out"]
    assert run_command([*asked, str(folder)]) == 0
    assert run_command([*asked, str(folder)]) != 0  # nothing is replaced
    assert run_command([*asked, str(tmp_path / "bundle.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "bundle.zip") as packed:
        assert {n: packed.read(n) for n in packed.namelist()} == {
            p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()
        }  # fmt: skip
    checked = subprocess.run(
        ["sha256sum", "-c", MANIFEST], cwd=folder, capture_output=True, check=False
    )
    assert checked.returncode == 0
    holds, told = look(page, folder, read_review(place.project).chain.head)
    assert holds, told
    assert "The <b>East</b>; Ñandú." in told
    assert "version 1 is in use; approvals that count today: ben (officer)" in told
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8") + ";0")
    assert page.evaluate("axe.run()")["violations"] == []
    holds, told = look(page, folder, "ab" * 32)
    assert not holds
    assert "the head that you gave names an act that is not in it" in told
    holds, told = look(page, folder, days=92)
    assert not holds
    assert "no approval of it counts today" in told


def draw_good(place: Place, kept: Kept, drawn: random.Random) -> None:
    """A use that is approved, after a history of its own."""
    for _ in range(drawn.randint(0, 3)):
        said = drawn.choice(["comment", "return", "approve"])
        place.sign(said, drawn.choice(["ben", "cai"]), *(YES if said == "approve" else ()))
    for name in ("ben", "cai"):
        place.sign("approve", name, *YES)
    move(place, "promote")
    if drawn.random() < 0.3:
        draw_again(place, kept, "cd" * 32, "2")
        place.sign(drawn.choice(["comment", "open"]), "ana")
    if drawn.random() < 0.3:
        move(place, "retire")
    if drawn.random() < 0.3:
        place.sign("withdraw", "cai")


def spoil_acts(place: Place, drawn: random.Random) -> int:
    """Sign, or let days pass, until what is in use is approved no more; return the days."""
    how = drawn.choice(["withdrawn", "over", "late", "returned"])
    if how == "withdrawn":
        place.sign("withdraw", "ben")
        place.sign("withdraw", "cai")
    elif how == "returned":
        place.sign("return", "dee")
    elif how == "late":
        for name in ("ben", "cai"):
            place.sign("approve", name, "--until", UNTIL, "--condition", f"groups: x by {SOON}")
        return 21
    return 92 if how == "over" else 0


def spoil_files(place: Place, folder: Path, drawn: random.Random, *, used: bool) -> None:
    """Change the same in the workspace and in the bundle; card and policy where they are in use."""
    acts = sorted(place.card.glob("reviews/*.json"))
    path = drawn.choice(acts)
    pairs = {
        "byte": (path, folder / "reviews" / path.name),
        "remove": (path, folder / "reviews" / path.name),
        "policy": (place.policy, folder / "policy.yaml"),
        "card": (place.card / "card.json", folder / "card" / "card.json"),
    }
    how = drawn.choice([*pairs][: 4 if used else 2])
    for file in pairs[how]:
        if how == "remove":
            file.unlink()
            continue
        content = bytearray(file.read_bytes())
        at = random.Random(len(content)).randrange(len(content) - 2)
        content[at] ^= 1
        file.write_bytes(bytes(content))
    seal(folder)


def count_agreements(made: Place, page: Any, tmp_path: Path, seeds: range, patch: Any) -> int:
    """Good and spoiled ones in turn: `verify.html` beside `cityai registry check`."""
    agreed = 0
    for seed in seeds:
        drawn, registry = random.Random(seed), Kept()
        for module in ("release", "registry"):
            where = f"cityai.pipeline.{module}.open_registry"
            patch.setattr(where, lambda state, project, own=registry: own)
        patch.delenv("SOURCE_DATE_EPOCH", raising=False)
        place = made.copy(tmp_path / f"city{seed}")
        draw_good(place, registry, drawn)
        spoiled, days = seed % 2 == 1, 0
        used = "pilot" in registry.aliases and len(registry.versions) == 1
        by_acts = spoiled and used and drawn.random() < 0.5
        if by_acts:
            days = spoil_acts(place, drawn)
        folder = write_bundle(place, tmp_path / f"bundle{seed}")
        if spoiled and not by_acts:
            spoil_files(place, folder, drawn, used=used)
        if days:
            later = datetime.now(UTC) + timedelta(days=days)
            patch.setenv("SOURCE_DATE_EPOCH", str(int(later.timestamp())))
            run_command(["card", "index", str(place.folder)])
        holds, told = look(page, folder, days=days)
        assert holds is not spoiled, (seed, told)
        assert is_well(place) is not spoiled, seed
        agreed += holds is is_well(place)
        shutil.rmtree(place.folder)
    return agreed


DRAWN = int(os.environ.get("CITYAI_DRAWN") or 10)
"""Bundles, good and spoiled in turn; 100 take five minutes of a core."""
PARTS = [pytest.param(range(at, at + 10), marks=pytest.mark.long) for at in range(0, DRAWN, 10)]


@pytest.mark.parametrize("seeds", [range(2), *PARTS], ids=lambda s: f"{s.start}-{s.stop}")
@pytest.mark.promise(12)
def test_the_page_agrees_with_the_registry_check(
    place: Place, page: Any, tmp_path: Path, seeds: range, monkeypatch, observe
) -> None:
    agreed = count_agreements(place, page, tmp_path, seeds, monkeypatch)
    observe(f"verify.html and the registry check agree on {agreed} of {len(seeds)} bundles")
    assert agreed == len(seeds)


def test_keys_of_each_kind_are_checked(place: Place, page: Any, tmp_path: Path) -> None:
    """ECDSA over P-256 in WebCrypto's own form of a signature; one that OpenSSH wrote."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    place.key("eva").write_bytes(pem)
    place.key("eva").chmod(0o600)
    listed = f'  - {{name: eva, role: board, public: "{public}", since: 2020-01-01}}\n'
    place.keys.write_text(place.keys.read_text() + listed)
    for _ in range(8):  # integers with and without a leading zero
        assert place.sign("comment", "eva") == 0
    folder = write_bundle(place, tmp_path / "bundle")
    holds, told = look(page, folder)
    assert holds, told
    assert CONDITION not in told
