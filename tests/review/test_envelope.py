"""Signed acts: DSSE and in-toto as others read them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from cityai.errors import DataError, SpecError, UserError
from cityai.review.acts import Act, Condition, Seen, make_act, read_statement, write_statement
from cityai.review.envelope import encode_message, read_envelope, sign_payload, write_envelope
from cityai.review.keys import make_key, name_key, read_private, read_public, verify, write_public

ACT = make_act(
    act="approve", project="waste", phase="pilot", number=1, previous="", reason="It holds. Ñ",
    at=datetime(2026, 11, 29, 12, tzinfo=UTC), valid_until=date(2027, 5, 31),
    conditions=(Condition(rule="groups", text="a monitor", due=date(2027, 1, 31)),),
    seen=Seen(verdict="ready on conditions", findings={"pass": 40}),
)  # fmt: skip
SUBJECTS = {"card.json": "ab" * 32, "code": "cd" * 20}
ROOT = Path(__file__).parents[2]
PRIVATE = ed25519.Ed25519PrivateKey.generate()


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md."""
    encoded = encode_message(b"hello world", "http://example.com/HelloWorld")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@pytest.mark.parametrize(
    "private",
    [PRIVATE, ec.generate_private_key(ec.SECP256R1())],
    ids=["Ed25519", "ECDSA over P-256"],
)
def test_what_was_signed_is_read_again(private) -> None:
    content = write_envelope(sign_payload(write_statement(ACT, SUBJECTS), private))
    envelope = read_envelope(content, where="x")
    assert envelope.is_signed_by(private.public_key())
    assert not envelope.is_signed_by(ed25519.Ed25519PrivateKey.generate().public_key())
    assert read_statement(envelope.payload, where="x") == (ACT, SUBJECTS)


def test_the_statement_is_in_toto() -> None:
    told = json.loads(write_statement(ACT, SUBJECTS))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["subject"] == [
        {"name": "card.json", "digest": {"sha256": "ab" * 32}},
        {"name": "code", "digest": {"gitCommit": "cd" * 20}},
    ]
    assert told["predicate"]["conditions"][0]["due"] == "2027-01-31"


def test_the_schema_of_the_predicate_is_the_one_in_the_docs() -> None:
    """Written by `json.dumps(Act.model_json_schema(), indent=2)`."""
    published = json.loads((ROOT / "docs" / "review.schema.json").read_text())
    assert published == Act.model_json_schema()
    told = json.loads(write_statement(ACT, SUBJECTS))["predicate"]
    jsonschema.validate(told, published)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_openssl_verifies_an_envelope(tmp_path: Path, kind: str) -> None:
    """An implementation that knows nothing of us: JSON, base64 and openssl alone."""
    private = PRIVATE if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    content = write_envelope(sign_payload(write_statement(ACT, SUBJECTS), private))
    told = json.loads(content)
    payload = base64.b64decode(told["payload"])
    kind_text = told["payloadType"]
    message = f"DSSEv1 {len(kind_text)} {kind_text} {len(payload)} ".encode() + payload
    files = {name: tmp_path / name for name in ("message", "signature", "public")}
    files["message"].write_bytes(message)
    files["signature"].write_bytes(base64.b64decode(told["signatures"][0]["sig"]))
    files["public"].write_text(
        f"-----BEGIN PUBLIC KEY-----\n{write_public(private.public_key())}\n"
        "-----END PUBLIC KEY-----\n"
    )
    if kind == "ed25519":
        command = ["pkeyutl", "-verify", "-pubin", "-inkey", files["public"], "-rawin",
                   "-in", files["message"], "-sigfile", files["signature"]]  # fmt: skip
    else:
        command = ["dgst", "-sha256", "-verify", files["public"], "-signature",
                   files["signature"], files["message"]]  # fmt: skip
    assert subprocess.run(["openssl", *map(str, command)], capture_output=True).returncode == 0
    files["message"].write_bytes(message.replace(b"approve", b"refuse!"))
    assert subprocess.run(["openssl", *map(str, command)], capture_output=True).returncode != 0


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_else_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(DataError, match="no signed act"):
        read_envelope(content, where="x")


@given(st.data())
def test_other_json_is_no_act(data: st.DataObject) -> None:
    told = json.loads(write_statement(ACT, SUBJECTS))
    part = data.draw(st.sampled_from(["_type", "subject", "predicate", "predicateType"]))
    told[part] = data.draw(
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
    )
    payload = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(DataError, match="no act"):
        read_statement(payload, where="x")


def test_a_key_of_openssh_signs_too(tmp_path: Path) -> None:
    path = tmp_path / "id"
    path.write_bytes(PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    assert name_key(read_private(path).public_key()) == name_key(PRIVATE.public_key())


def test_a_key_is_private_and_may_be_locked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CITYAI_KEY_PASSPHRASE", "open")
    path = tmp_path / "k.pem"
    public = read_public(make_key(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert verify(public, read_private(path).sign(b"x"), b"x")  # type: ignore[call-arg]
    monkeypatch.setenv("CITYAI_KEY_PASSPHRASE", "wrong")
    with pytest.raises(UserError, match="locked by another passphrase"):
        read_private(path)
    path.chmod(0o644)
    with pytest.raises(UserError, match="read by others"):
        read_private(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_private(tmp_path / "none.pem")


@pytest.mark.parametrize("text", ["", "abc", "ssh-ed25519 AAAA", "ssh-rsa", "é"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="no public key"):
        read_public(text)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
    for private in other:
        path = tmp_path / f"{private.key_size}.pem"
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        with pytest.raises(UserError, match="another kind"):
            read_private(path)
        with pytest.raises(SpecError, match="another kind"):
            read_public(write_public(private.public_key()))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"valid_until": None}, "has a last day"),
        ({"act": "comment"}, "has a last day"),
        ({"act": "return", "valid_until": None}, "conditions belong"),
        ({"rule": "groups"}, "names the condition"),
        ({"valid_until": date(2026, 1, 1)}, "is over"),
        ({"at": datetime(2026, 11, 29)}, "no time zone"),  # noqa: DTZ001
        ({"reason": ""}, "reason"),
        ({"conditions": ACT.conditions * 2}, "one name"),
    ],
)
def test_an_act_that_does_not_fit_is_refused(changed, said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_act(**{**ACT.model_dump(), **changed})


def test_a_section_is_written_only_where_a_comment_names_one() -> None:
    """Acts that were signed before there were sections are read as they were written."""
    assert b"section" not in write_statement(ACT, SUBJECTS)
    told = ACT.model_dump() | {"act": "comment", "conditions": (), "valid_until": None}
    comment = Act.model_validate(told | {"section": "accuracy"})
    assert read_statement(write_statement(comment, SUBJECTS), where="x")[0] == comment
    with pytest.raises(ValueError, match="what a comment is on"):
        Act.model_validate(ACT.model_dump() | {"section": "accuracy"})
