"""The reviewer's desk: who is let in, what may be sent to it, and that it adds nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.cli.main import run_command
from cityai.desk import pages
from cityai.desk.app import reviewing
from cityai.desk.checklist import ANSWERS, CHECKS, LINES, arrange_checklist
from cityai.desk.forms import MOST_BYTES, read_act, read_fields
from cityai.desk.links import SECONDS, Links, make_new_link
from cityai.desk.open import bind_port, check_address
from cityai.desk.sessions import HEADERS, IDLE, LONGEST, SECRET_HEADER, Limit, SignOn, is_own_form
from cityai.errors import UserError
from cityai.i18n.catalogue import LOCALES
from cityai.pipeline.review import read_review
from tests.review.conftest import NAME, Place
from tests.review.desk import REVIEW, Clock, Opened, Visitor, open_desk

TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=90)).isoformat()
YES = {"until": UNTIL, "text-groups": "a monitor of the open groups runs", "due-groups": UNTIL}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def opened(place: Place) -> Iterator[Opened]:
    with open_desk(place, "ben", "cai") as desk:
        yield desk


def list_acts(place: Place) -> list[tuple[str, str, str]]:
    """Who said what, of a chain that holds."""
    chain = read_review(place.project).chain
    assert chain.faults == ()
    return [(link.signer.name, link.act.act, link.act.reason) for link in chain.links]


def test_a_review_from_the_queue_to_the_gate(place: Place, opened: Opened) -> None:
    """What the desk signs is what `cityai review` signs: the same act over the same subjects."""
    place.sign("open", "ana", reason="May it begin in March?")
    ben = opened.visit("ben")
    _, _, queue = ben.get("/en/")
    assert "Systems, and what was decided" in queue
    assert "1 system waits for a decision" in queue
    assert "May it begin in March?" in queue
    assert place.gate() == 1
    status, _ = ben.sign("comment", "The far south?", section="people")
    assert status == 303
    assert ben.sign("approve", "It holds.", **YES)[0] == 303
    assert place.gate() == 0
    _, _, page = ben.get(f"{REVIEW}?signed=3")
    assert "Act 3 is signed" in page
    assert read_review(place.project).chain.head in page
    assert "No system waits" in ben.get("/en/")[2]
    condition = f"groups: {YES['text-groups']} by {UNTIL}"
    assert place.sign("approve", "cai", "--until", UNTIL, "--condition", condition) == 0
    *_, comment, own, other = read_review(place.project).chain.links
    assert comment.act.section == "people"
    apart = {"number", "previous", "at", "reason"}
    assert own.act.model_dump(exclude=apart) == other.act.model_dump(exclude=apart)
    assert own.subjects == other.subjects
    assert ben.sign("withdraw", "I was wrong.")[0] == 303
    assert ben.sign("return", "Show the far south.")[0] == 303
    assert place.gate() == 1


def test_the_desk_adds_no_rule_and_takes_none_away(place: Place, opened: Opened) -> None:
    """What the policy refuses is refused with its own words, and what was typed is kept."""
    ben = opened.visit("ben")
    status, page = ben.sign("approve", "It holds, I <think>.", until=UNTIL)
    assert status == 409
    assert "the policy allows no approval: groups: " in page
    assert "It holds, I &lt;think&gt;." in page
    place.sign("open", "cai")
    status, page = opened.visit("cai").sign("approve", **YES)
    assert status == 409
    assert "cai asked for the review, and does not approve what is their own" in page
    status, page = ben.sign("approve", "", until="31.5.2027", **{"text-groups": "x"})
    assert status == 422
    told = ("Write why", "“31.5.2027” is no day", "Write by which day it is to be done")
    assert all(text in page for text in told)
    for act in ("override", "promote", "open", ""):
        assert ben.sign(act, until=UNTIL)[0] == 400
    assert [act for _, act, _ in list_acts(place)] == ["open"]


def test_what_cannot_be_signed_is_told_in_the_queue(place: Place, opened: Opened, spoil) -> None:
    place.sign("comment", "cai")
    ben = opened.visit("ben")
    spoil(place.card / "reviews" / "0001.json", 200)
    assert "the chain of reviews does not hold" in ben.get("/en/")[2]
    status, _, page = ben.get(REVIEW)
    assert status == 409
    assert "take the folder from version control as it was" in page
    spoil(place.card / "reviews" / "0001.json", 200)
    others = [line for line in place.keys.read_text("utf-8").splitlines() if "ben" not in line]
    place.keys.write_text("\n".join(others), "utf-8")
    status, page = ben.sign("comment", "Am I listed?")
    assert status == 409
    assert "nobody listed the key" in page
    assert "Am I listed?" in page


def test_a_link_opens_once_in_time_and_for_its_own_role(place: Place, opened: Opened) -> None:
    link = opened.link("ben")
    first, second = Visitor(opened.desk.address), Visitor(opened.desk.address)
    assert "You will sign in as ben (officer)" in first.get("/en/sign-in?" + link.split("?")[1])[2]
    assert first.enter(link)[0] == 303
    assert second.enter(link)[0] == 401  # used
    assert second.enter(link[:-1])[0] == 401  # unknown
    old = opened.link("ben")
    opened.clock.now += SECONDS
    assert second.enter(old)[0] == 401
    other = opened.link("cai")
    ben = opened.visit("ben")
    status, _, page = ben.enter(other)
    assert status == 403
    assert "signed in as somebody else" in page
    assert second.enter(other)[0] == 303  # it was not used up
    stranger = opened.desk.links.make("a key that the desk does not have")
    assert Visitor(opened.desk.address).enter(stranger)[0] == 401
    fields = {"role": "board", "reviewer": "cai", "keyid": opened.find("cai").keyid}
    assert ben.sign("comment", "Who am I?", **fields)[0] == 303
    assert list_acts(place) == [("ben", "comment", "Who am I?")]


def test_of_many_who_use_a_link_at_once_one_is_let_in(opened: Opened) -> None:
    link = opened.link("ben")
    visitors = [Visitor(opened.desk.address) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda visitor: visitor.enter(link)[0], visitors))
    assert sorted(statuses) == [303] + [401] * 11


def test_a_cookie_is_nothing_after_sign_out_and_sessions_end(opened: Opened) -> None:
    ben = opened.visit("ben")
    ben.get("/en/")
    stolen = Visitor(opened.desk.address)
    stolen.cookie = ben.cookie
    assert stolen.get("/en/")[0] == 200
    reading = re.search(r'src="(/read/[^"]+)"', ben.get(f"/en/card/{NAME}")[2])
    assert reading is not None
    assert stolen.get(reading[1])[0] == 200
    ben.get("/en/")
    assert ben.post("/en/sign-out", ben.read_hidden())[0] == 200
    for path in ("/en/", REVIEW, f"/en/card/{NAME}", reading[1]):
        assert stolen.get(path)[0] == 401
    idle, busy = opened.visit("ben"), opened.visit("ben")
    for _ in range(int(LONGEST / IDLE) + 1):
        opened.clock.now += IDLE - 1
        busy.get("/en/")
    assert idle.get("/en/")[0] == 401
    assert busy.get("/en/")[0] == 401
    assert opened.visit("ben").cookie != ben.cookie


def test_who_needs_more_time_has_it_and_loses_no_text(place: Place, opened: Opened) -> None:
    secret = opened.link("ben").partition("link=")[2]
    slow, ben = opened.visit(), opened.visit("ben")
    assert slow.post("/en/sign-in", {"link": secret, "slow": "1"})[0] == 303
    ben.get(REVIEW)
    opened.clock.now += 9 * IDLE
    assert slow.get("/en/")[0] == 200
    late = ben.read_hidden() | {"act": "comment", "reason": "Two <pages>."}
    status, _, page = ben.post(REVIEW, late)
    assert status == 401
    assert "Two &lt;pages&gt;." in page
    opened.clock.now += 10 * IDLE
    assert slow.get("/en/")[0] == 401
    assert list_acts(place) == []


FORGED = {
    "no token": ({"form": ""}, {}),
    "another token": ({"form": "x" * 43}, {}),
    "no origin": ({}, {"Origin": ""}),
    "another origin": ({}, {"Origin": "https://evil.example"}),
    "an opaque origin": ({}, {"Origin": "null"}),
    "another port": ({}, {"Origin": "http://127.0.0.1:5000"}),
    "another site": ({}, {"Sec_Fetch_Site": "cross-site"}),
    "the same site": ({}, {"Sec_Fetch_Site": "same-site"}),
}


def test_forged_forms_are_refused(place: Place, opened: Opened) -> None:
    ben = opened.visit("ben")
    ben.get(REVIEW)
    good = ben.read_hidden() | {"act": "comment", "reason": "I did not write this."}
    for fields, headers in FORGED.values():
        assert ben.post(REVIEW, good | fields, **headers)[0] == 403
        assert ben.post("/en/sign-out", good | fields, **headers)[0] == 403
        assert ben.get("/en/")[0] == 200
    other = opened.visit("cai")
    other.get(REVIEW)
    assert ben.post(REVIEW, good | {"form": other.read_hidden()["form"]})[0] == 403
    assert Visitor(opened.desk.address).post(REVIEW, good)[0] == 401
    assert ben.ask("POST", REVIEW, json.dumps(good), Origin=opened.desk.address)[0] == 403
    assert list_acts(place) == []
    assert ben.post(REVIEW, good)[0] == 303  # all that was wrong was what was forged


def test_a_site_that_takes_the_desks_place_by_name_is_told_nothing(opened: Opened) -> None:
    ben = opened.visit("ben")
    port = opened.desk.address.rpartition(":")[2]
    for host in (f"evil.example:{port}", f"localhost:{port}", "127.0.0.1", ""):
        status, _, text = ben.get("/en/", Host=host)
        assert status in (400, 421)
        assert "Household" not in text


def test_every_answer_has_strict_headers(opened: Opened) -> None:
    ben = opened.visit("ben")
    asked = ["/", "/en/", "/style.css", "/nothing", "/en/sign-in", REVIEW, f"/en/card/{NAME}"]
    answers = [ben.get(path) for path in asked]
    answers += [ben.get("/en/", Host="evil.example"), ben.post("/en/", {}), ben.enter("x")]
    for _, told, text in answers:
        assert {name: told[name] for name in HEADERS} == HEADERS
        assert "server" not in told
        assert not re.search(r"<script|\son\w+=|javascript:|<style|style=", text)
    assert (
        "HttpOnly; Path=/; SameSite=strict"
        in opened.visit().enter(opened.link("ben"))[1]["set-cookie"]
    )
    with_name = Opened(opened.desk, opened.clock)
    with_name.desk.address = "https://review.city.example"
    assert with_name.desk.cookie == "__Host-desk"


def test_a_published_card_cannot_act(place: Place, opened: Opened) -> None:
    """It has no script, no form, an origin of its own, and only the address that reads cards."""
    ben = opened.visit("ben")
    _, _, page = ben.get(f"/en/card/{NAME}")
    source = re.search(r'<iframe src="(/read/[^"]+)" title="[^"]+" sandbox>', page)
    assert source is not None
    visitor = opened.visit()  # a frame without an origin is sent no cookie
    status, told, text = visitor.get(source[1])
    assert status == 200
    assert text == (place.card / "card.html").read_text("utf-8")
    policy = told["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "form-action 'none'" in policy
    base = source[1].rpartition("/")[0]
    for name in ("card.json", "reviews", "..%2F..%2Fconfigs%2Fkeys.yaml", "before.en.html"):
        assert visitor.get(f"{base}/{name}")[0] == 404
    assert visitor.get(f"{base.rpartition('/')[0]}/..%2Fprivate/ana.pem")[0] == 404
    assert visitor.get(f"/read/{'x' * 43}/{NAME}/card.html")[0] == 401


def test_the_card_before_stands_beside_it(place: Place, opened: Opened, monkeypatch) -> None:
    record = read_review(place.project).record
    words = record.use.model_copy(update={"intended": ("Another use than now",)})
    earlier = record.model_copy(update={"use": words})
    for module in (reviewing, pages):
        monkeypatch.setattr(module, "read_before", lambda *_: earlier)
    ben = opened.visit("ben")
    _, _, page = ben.get(f"/en/card/{NAME}")
    assert "The card beside the last one" in page
    assert "What people wrote (1)" in page
    before = re.search(r'src="(/read/[^"]+before.en.html)"', page)
    assert before is not None
    assert "Another use than now" in ben.get(before[1])[2]


HOSTILE = {
    "script": "</textarea><script>document.title='x'</script><img src=x onerror=alert(1)>",
    "template": "{{ session.form }} {% raw %} ${7*7}",
    "bidi": "yes \u202eon\u2066 no",
    "control": "a\x00b\x1b[31mc\x07d",
    "entities": "&lt;b&gt; &amp;amp; \"quotes' `",
    "long word": "x" * 5_000,
    "lone surrogate": "a%ED%A0%80b",
}


def test_hostile_comments_are_harmless(place: Place, opened: Opened) -> None:
    ben = opened.visit("ben")
    for text in HOSTILE.values():
        assert ben.sign("comment", text)[0] == 303
    _, _, page = ben.get(REVIEW)
    assert "<script" not in page
    assert "onerror" not in re.sub(r"&[^;]+;", "", page) or "<img" not in page
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b\x07]", page)
    signed = [reason for _, _, reason in list_acts(place)]
    assert signed[0] == HOSTILE["script"]
    assert signed[2:4] == ["yes on no", "ab[31mcd"]  # what is signed is what was shown
    acts = len(signed)
    assert place.sign("comment", "cai", reason="y" * 1_000_000) == 2
    assert len(list_acts(place)) == acts  # refused before it could stand in the chain
    long = "\u202edrow " + "y" * 500_000  # a command signs it; the desk would not
    assert place.sign("comment", "cai", reason=long) == 0
    status, _, page = ben.get(REVIEW)
    assert status == 200
    assert "\u202e" not in page
    assert "The rest of this text" in page


@pytest.mark.parametrize("size", [MOST_BYTES, 1_000_000])
def test_a_text_that_is_too_long_is_told(place: Place, opened: Opened, size: int) -> None:
    ben = opened.visit("ben")
    status, page = ben.sign("comment", "x" * size)
    assert status == 413
    assert "The text is too long" in page
    assert list_acts(place) == []


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_none(body: bytes) -> None:
    told = read_act(read_fields(body))
    assert told.kind in ("", "comment", "approve", "return", "withdraw")
    shown = told.reason + "".join(c.text for c in told.conditions)
    assert not re.search(r"[\x00-\x08\u202a-\u202e\u2066-\u2069]", shown)


def test_two_reviewers_at_once_lose_and_double_nothing(place: Place, opened: Opened) -> None:
    """Of two who sign on the same page one is told to look again; nobody signs unseen."""
    people = [opened.visit(name) for name in ("ben", "cai")]
    for visitor in people:
        visitor.get(REVIEW)
    barrier = threading.Barrier(6)

    def send(at: int) -> int:
        visitor = people[at % 2]
        fields = visitor.read_hidden() | {"act": "approve", "reason": f"Yes {at % 2}."} | YES
        barrier.wait()
        return visitor.post(REVIEW, fields)[0]  # each of them clicked three times

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(send, range(6)))
    assert statuses == [303] + [409] * 5
    ((winner, _, _),) = list_acts(place)
    other = people[winner == "ben"]
    status, _, page = other.post(REVIEW, other.read_hidden() | {"act": "return", "reason": "No."})
    assert status == 409
    assert "somebody signed something, or the card is another" in page
    assert ">No.</textarea>" in page.replace("\n", "")
    other.page = page  # the page that came back has the new head
    assert other.post(REVIEW, other.read_hidden() | {"act": "return", "reason": "No."})[0] == 303
    assert sorted(act for _, act, _ in list_acts(place)) == ["approve", "return"]


def test_a_card_that_was_published_since_is_not_signed(place: Place, opened: Opened) -> None:
    ben = opened.visit("ben")
    ben.get(REVIEW)
    hidden = ben.read_hidden()
    place.write_card("cd" * 32)
    assert ben.post(REVIEW, hidden | {"act": "return", "reason": "No."})[0] == 409
    assert list_acts(place) == []


def test_who_read_a_card_that_became_another_reads_again_before_signing(
    place: Place, opened: Opened
) -> None:
    """A page to sign on that was opened afterwards shows the new card, and not what was read."""
    ben, told = opened.visit("ben"), "the card is another since you read it"
    read, fields = f"/en/card/{NAME}", {"act": "return", "reason": "No."}
    ben.get(read)
    assert told not in ben.get(REVIEW)[2].lower()
    place.write_card("cd" * 32)
    assert told in ben.get(REVIEW)[2].lower()
    for _ in range(2):  # a page that came back is no card that was read
        status, _, page = ben.post(REVIEW, ben.read_hidden() | fields)
        assert status == 409
        assert told in page
        ben.page = page
    assert list_acts(place) == []
    ben.get(read)
    assert told not in ben.get(REVIEW)[2].lower()
    assert ben.post(REVIEW, ben.read_hidden() | fields)[0] == 303


def test_who_asks_too_often_waits(place: Place) -> None:
    few = {"requests": Limit(12, 60), "failures": Limit(2, 60), "signatures": Limit(1, 60)}
    with open_desk(place, "ben", **few) as opened:
        ben = opened.visit("ben")
        assert [ben.enter("link=" + "x" * 40)[0] for _ in range(3)] == [401, 401, 429]
        assert ben.sign("comment")[0] == 303
        assert ben.sign("comment")[0] == 429
        for _ in range(12):
            status, told, _ = ben.get("/en/")
        assert (status, told["retry-after"]) == (429, "60")
        assert opened.visit().get("/style.css")[0] == 200  # others are counted apart


def test_a_limit_lets_so_many_through_in_its_time() -> None:
    clock = Clock()
    limit = Limit(3, 10, clock)
    assert [limit.allow("a") for _ in range(4)] == [True] * 3 + [False]
    assert limit.allow("b")
    clock.now += 10
    assert limit.allow("a")


PROXY = SignOn("127.0.0.1", "x-remote-user", "a secret of the proxy")
SHOWN = {SECRET_HEADER: PROXY.secret}


def test_a_single_sign_on_is_believed_from_its_proxy_alone(place: Place) -> None:
    ben, cai = {"X_Remote_User": "ben@city"} | SHOWN, {"X_Remote_User": "cai@city"} | SHOWN
    with open_desk(place, "ben", "cai", sign_on=PROXY) as opened:
        visitor = opened.visit()
        wrong = [
            {"X_Remote_User": "ben@city"},
            ben | {SECRET_HEADER: "another secret"},
            {"X_Remote_User": "dee@city"} | SHOWN,
            {"X_Remote_User": ""} | SHOWN,
            SHOWN,
        ]
        for headers in wrong:
            assert visitor.post("/en/sign-in", {}, **headers)[0] == 401
        link = opened.link("ben")
        assert visitor.enter(link)[0] == 401  # there are no links beside it
        assert "sign in as ben (officer)" in visitor.get("/en/sign-in", **ben)[2]
        assert visitor.post("/en/sign-in", {}, **ben)[0] == 303
        assert visitor.get("/en/", **ben)[0] == 200
        assert visitor.get("/en/", **cai)[0] == 401  # the cookie of one, the name of another
        assert visitor.get("/en/")[0] == 401
        visitor.get(REVIEW, **ben)
        form = visitor.read_hidden() | {"act": "comment", "reason": "By single sign-on."}
        assert visitor.post(REVIEW, form, **ben)[0] == 303
    assert list_acts(place) == [("ben", "comment", "By single sign-on.")]
    elsewhere = SignOn("10.0.0.9", PROXY.header, PROXY.secret)
    with open_desk(place, "ben", sign_on=elsewhere) as opened:
        assert opened.visit().post("/en/sign-in", {}, **ben)[0] == 401
    with open_desk(place, "ben") as opened:  # off, as it is by default
        assert opened.visit().post("/en/sign-in", {}, **ben)[0] == 401


def test_no_key_and_no_other_session_is_on_any_page(place: Place, opened: Opened) -> None:
    ben, cai = opened.visit("ben"), opened.visit("cai")
    cai.get(REVIEW)
    secrets = [place.key(name).read_text() for name in ("ben", "cai")]
    lines = [line for text in secrets for line in text.splitlines() if "KEY" not in line]
    lines += [str(place.folder / "private"), cai.read_hidden()["form"], cai.cookie[-20:]]
    for path in ("/en/", REVIEW, f"/en/card/{NAME}", "/en/sign-in"):
        page = ben.get(path)[2]
        assert not [line for line in lines if line in page]
    assert not [p for p in opened.desk.links.folder.iterdir() if p.stat().st_mode & 0o077]


@pytest.mark.parametrize("code", LOCALES)
def test_pages_speak_the_language(place: Place, opened: Opened, code: str) -> None:
    place.sign("open", "ana")
    ben = opened.visit("ben")
    for path in ("/", f"/review/{NAME}/pilot", f"/card/{NAME}"):
        _, _, page = ben.get(f"/{code}{path}")
        assert f'<html lang="{code}">' in page
        english = ("Sign out", "What is asked", "Does not hold", "Nobody approved", "Read the card")
        assert code == "en" or not [text for text in english if text in page]
    assert ben.get("/", Accept_Language=f"{code}-XX,en;q=0.5")[1]["location"] == f"/{code}/"


def test_the_checklist_is_whole_and_has_evidence(place: Place) -> None:
    text = (ROOT / ".." / "shared" / "standards" / "deon" / "checklist.yml").resolve()
    if text.is_file():
        assert re.findall(r"line_id: (\S+)", text.read_text("utf-8")) == [*LINES]
    record = read_review(place.project).record
    lines = {line.id: line for part in arrange_checklist(record).values() for line in part}
    assert [*lines] == [*LINES]
    assert {*LINES} - {*CHECKS, *ANSWERS} == {"B.2"}  # of which no card says anything
    assert all(line.counts or line.answers for name, line in lines.items() if name in ANSWERS)
    audited = [f for f in record.findings if f.code.startswith("audit.")]
    assert sum(lines["D.2"].counts.values()) == len(audited)
    assert {line.id for line in lines.values() if line.own} == {c.id for c in record.checklist}


STARTS = {
    "no key": ([], "no key was named"),
    "no such key": (["--key", "nobody.pem"], "the private key cannot be read"),
    "key without a role": (["--key", "stranger.pem"], "nobody listed the key"),
    "key twice": (["--key", "private/ben.pem", "--key", "private/ben.pem"], "is named twice"),
    "no port": (["--key", "private/ben.pem", "--port", "70000"], "cannot open at port 70000"),
    "in the clear": (
        ["--key", "private/ben.pem", "--address", "http://review.city.example"],
        "is no address that the desk can be shown at",
    ),
    "half a sign-on": (
        ["--key", "ben@city=private/ben.pem", "--proxy", "127.0.0.1"],
        "a single sign-on is not described whole",
    ),
}


@pytest.mark.parametrize("case", STARTS)
def test_a_wrong_start_is_told(place: Place, monkeypatch, capsys, case: str) -> None:
    monkeypatch.chdir(place.folder)
    monkeypatch.delenv("CITYAI_KEY", raising=False)
    run_command(["review", "key", "stranger.pem", "--name", "x", "--role", "y"])
    given, told = STARTS[case]
    assert run_command(["review", "serve", *given]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert told in said
    assert "next:" in said or "expected:" in said


def test_a_port_that_is_taken_and_a_folder_without_cards_are_told(
    place: Place, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(place.folder)
    key = ("--key", "private/ben.pem")
    taken = bind_port(0)
    port = str(taken.getsockname()[1])
    assert run_command(["review", "serve", *key, "--port", port]) == 1
    assert "Address already in use" in capsys.readouterr().err
    assert run_command(["review", "link", "ben", "--port", port]) == 2
    assert "no desk of this workspace is open" in capsys.readouterr().err
    taken.close()
    (place.card / "card.json").unlink()
    assert run_command(["review", "serve", *key]) == 1
    assert "no card is published" in capsys.readouterr().err


def test_a_new_link_for_a_name_or_a_role(place: Place, opened: Opened) -> None:
    state, port = (
        opened.desk.links.folder.parent.parent,
        int(opened.desk.address.rpartition(":")[2]),
    )
    opened.clock.now = 4e9  # the command has the clock of the system
    for who in ("cai", "board"):
        name, _ = make_new_link(state, port, who)
        assert name == "cai"
    with pytest.raises(UserError, match="'bored' is no name and no role") as refused:
        make_new_link(state, port, "bored")
    assert "board" in str(refused.value)


def test_the_command_opens_a_desk_and_leaves_nothing(place: Place) -> None:
    command = [sys.executable, "-u", "-m", "cityai", "review", "serve", "--port", "0"]
    keys = ["--key", "private/ben.pem", "--key", "private/cai.pem"]
    program = subprocess.Popen(
        [*command, *keys], cwd=place.folder, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    said = [program.stdout.readline() for _ in range(6)]
    assert "Ctrl-C ends it" in said[0]
    links = [line.strip() for line in said if "link=" in line]
    assert len(links) == 2
    visitor = Visitor(links[0].partition("/sign-in")[0])
    assert visitor.enter(links[0])[0] == 303
    assert "Signed in: <bdi>ben</bdi>" in visitor.get("/en/")[2]
    program.terminate()
    assert program.wait(30) is not None
    program.stdout.close()
    assert not list((place.folder / ".cityai" / "desk").iterdir())


@pytest.mark.parametrize("address", ["https://a.example/desk", "ftp://a", "review", "https://"])
def test_an_address_is_one_over_https_without_a_path(address: str) -> None:
    with pytest.raises(UserError, match="is no address"):
        check_address(address)
    assert check_address("https://Review.City.example/") == "https://review.city.example"


def test_a_form_is_of_the_desk_where_the_browser_says_so() -> None:
    address = "https://review.city.example"
    assert is_own_form({"origin": address, "sec-fetch-site": "same-origin"}, address)
    assert is_own_form({"origin": address}, address)  # a browser of before 2023
    assert not is_own_form({"sec-fetch-site": "same-origin"}, address)


def test_links_of_an_earlier_desk_are_gone(tmp_path: Path) -> None:
    links = Links(tmp_path, 1)
    links.begin("http://x", {})
    secret = links.make("k").partition("link=")[2]
    assert links.find(secret) == "k"
    links.begin("http://x", {})
    assert links.use(secret) == ""
