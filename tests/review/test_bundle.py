"""A bundle, checked in a real browser that may ask nothing of any network."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cityai.card.words import LIFE_PHASES
from cityai.cli.main import run_command
from cityai.config.release import ASKED, PHASES
from cityai.errors import CityaiError
from cityai.pipeline.bundle import MANIFEST, make_bundle
from cityai.pipeline.registry import check_registry
from cityai.pipeline.review import check_gate, read_review
from cityai.review.keys import make_key
from tests.conftest import BROWSER
from tests.promises import trials
from tests.review.conftest import CONDITION, Kept, Place, draw_again, move
from tests.review.test_release import SOON, UNTIL, YES

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")
KINDS = """
release:
  - {id: a, sentence: A, owner: x, findings: [time.*]}
  - {id: b, sentence: B, owner: x, findings: [audit.*], open: condition, compensation: y}
  - {id: c, sentence: C, owner: x, findings: ["audit.*", "quality.?*"], open: allow}
  - {id: d, sentence: D, owner: x, findings: ["audit.[!d]*"]}
  - {id: e, sentence: E, owner: x, findings: [no.such]}
  - {id: f, sentence: F, owner: x, findings: [time.*], risk: [no such level]}
  - {id: g, sentence: G, owner: x, verdicts: [ready, ready on conditions]}
  - {id: h, sentence: H, owner: x, verdicts: [not ready, too little data], phases: [pilot]}
  - {id: i, sentence: I, owner: x, answers: ["*"]}
  - {id: j, sentence: J, owner: x, answers: [no.such.*]}
  - {id: k, sentence: K, owner: x, card_days: 1}
  - {id: l, sentence: L, owner: x, card_days: 99999}
  - {id: m, sentence: M, owner: x, reviewers: {anyone: 1}}
  - {id: n, sentence: N, owner: x, committed: true}
  - {id: o, sentence: O, owner: x, evaluation: {required_after_days: 0}}
override: {roles: [mayor], days: 30}
"""
"""A policy with rules of every kind."""


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
    assert "Pilot: approvals that count today: ben (officer)" in told
    require_accessible(page)
    holds, told = look(page, folder, "ab" * 32)
    assert not holds
    assert "the head that you gave names an act that is not in it" in told
    holds, told = look(page, folder, days=92)
    assert not holds
    assert "may not be used today" in told


def test_the_page_speaks_four_languages(place: Place, kept: Kept, page: Any, tmp_path) -> None:
    place.sign("approve", "ben", *YES)
    move(place, "promote")
    folder = write_bundle(place, tmp_path / "bundle")
    _, told = look(page, folder, "ab" * 32)
    read = {"en": told}
    for code in ("es", "fr", "pt"):
        page.select_option("#language", code)
        page.wait_for_selector(f"body[data-language={code}]")
        read[code] = page.inner_text("main")
        require_accessible(page)
    assert "missing: 1 of board" in read["en"]
    assert "faltan: 1 de board" in read["es"]
    assert "manquent\u00a0: 1 de board" in read["fr"]
    assert "a cabeça que você deu" in read["pt"]
    own = {"A monitor", "Nothing was known", "Every group", "Another person", "The board said"}
    kept_words = "|".join(own)
    lines = {code: {li for li in text.split("\n") if not re.search(kept_words, li)}
             for code, text in read.items()}  # fmt: skip
    digests = {li for li in lines["en"] if re.fullmatch(r"\W*[0-9a-f]{64}\W*", li)}
    for code in ("es", "fr", "pt"):
        shared = {li for li in (lines[code] & lines["en"]) - digests if len(li.split()) > 3}
        assert not shared, (code, shared)


def require_accessible(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8") + ";0")
    assert page.evaluate("axe.run()")["violations"] == []


def test_a_rule_of_each_kind_is_held_as_the_gate_holds_it(
    place: Place, kept: Kept, page: Any, tmp_path: Path
) -> None:
    """Rules that this card meets and does not; each outcome stands on the page."""
    place.policy.write_text(place.policy.read_text("utf-8").split("\nrelease:")[0] + KINDS, "utf-8")
    place.sign("override", "dee", "--until", SOON)
    place.sign("comment", "ben")
    reviewed = read_review(place.project)
    folder = write_bundle(place, tmp_path / "bundle")
    _, told = look(page, folder)
    words = {"met": "holds", "met on condition": "holds on a condition",
             "not met": "does not hold", "does not apply": "does not apply"}  # fmt: skip
    outcomes = set()
    for phase in PHASES:
        for found in check_gate(reviewed, phase):
            (line,) = [li for li in told.split("\n") if f", {found.rule.id} (" in li
                       and li.startswith(LIFE_PHASES[phase])]  # fmt: skip
            assert line.split(" – ")[-1].split(";")[0] == words[found.outcome], line
            outcomes.add((found.outcome, next(k for k in ASKED if getattr(found.rule, k))))
    assert len(outcomes) >= 9, outcomes


BY_ACTS = ("too few", "author", "role", "key", "withdrawn", "over", "late", "returned")
"""What makes an approval count no more without one byte of the card or the chain being changed."""
BY_ROLE = BY_ACTS[:3]
"""Those that only a rule on roles shows."""


def draw_good(place: Place, kept: Kept, drawn: random.Random, how: str) -> None:
    """A use that is approved, after a history of its own."""
    public = make_key(place.key("eva"))
    place.keys.write_text(place.keys.read_text("utf-8")
        + f'  - {{name: eva, role: board, public: "{public}", since: 2020-01-01}}\n')  # fmt: skip
    policy = place.policy.read_text("utf-8")
    place.policy.write_text(policy.replace("{board: 1}", "{board: 2}"), "utf-8")
    for _ in range(drawn.randint(0, 3)):
        said = drawn.choice(["comment", "return", "approve"])
        place.sign(said, drawn.choice(["ben", "cai"]), *(YES if said == "approve" else ()))
    for name in ("ben", "cai"):
        place.sign("approve", name, *YES)
    move(place, "promote")
    if how in BY_ROLE or drawn.random() < 0.5:
        for name in ("cai", "eva"):
            place.sign("approve", name, "--to", "operational", *YES)
        assert move(place, "promote", "operational") == 0
    if how:
        return
    if drawn.random() < 0.3:
        draw_again(place, kept, "cd" * 32, "2")
        place.sign(drawn.choice(["comment", "open"]), "ana")
    if drawn.random() < 0.3:
        move(place, "retire")
    if drawn.random() < 0.3:
        place.sign("withdraw", "cai")  # from the pilot, for which one is enough


def spoil_acts(place: Place, drawn: random.Random, how: str) -> int:
    """Sign, or let days pass, until what is in use is approved no more; return the days."""
    keys = place.keys.read_text("utf-8")
    if how == "too few":
        place.sign("withdraw", drawn.choice(["cai", "eva"]), "--to", "operational")
    elif how == "author":
        place.sign("open", drawn.choice(["cai", "eva"]))
    elif how == "role":
        place.keys.write_text(keys.replace("eva, role: board", "eva, role: officer"), "utf-8")
    elif how == "key":
        day = (datetime.now(UTC) - timedelta(days=1)).date()
        ended = keys.replace("since: 2020-01-01", f"since: 2020-01-01, until: {day}")
        late = keys.replace("since: 2020-01-01", f"since: {day + timedelta(days=2)}")
        place.keys.write_text(drawn.choice([ended, late]), "utf-8")
    elif how == "withdrawn":
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
        spoiled, days = seed % 2 == 1, 0
        how = (*BY_ACTS, *[""] * len(BY_ACTS))[seed // 2 % 16] if spoiled else ""
        draw_good(place, registry, drawn, how)
        used = bool(registry.aliases) and len(registry.versions) == 1
        if how:
            days = spoil_acts(place, drawn, how)
            run_command(["card", "index", str(place.folder)])
        folder = write_bundle(place, tmp_path / f"bundle{seed}")
        if spoiled and not how:
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


DRAWN = trials(200, 20)
"""Bundles, good and spoiled in turn: of 32 the spoiled ones are of every kind."""
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
