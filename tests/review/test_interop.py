"""Implementations that are not ours read what we sign: DSSE, in-toto Statement v1, SVR v0.2."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.resource_descriptor_pb2 import ResourceDescriptor as Described
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Stated
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from cityai.pipeline.review import check_gate, read_review
from cityai.review.envelope import sign_payload, write_envelope
from cityai.review.keys import name_key, read_private
from cityai.review.verification import SVR
from cityai.store.cards import REVIEWS
from tests.review.conftest import Place
from tests.review.test_envelope import ACT, SUBJECTS, write_statement
from tests.review.test_release import YES

STRANGER = ed25519.Ed25519PrivateKey.generate()


def list_key(private) -> SSlibKey:
    public = private.public_key()
    return SSlibKey.from_crypto(public, keyid=name_key(public))


def open_envelope(content: bytes, private) -> bytes:
    """Return the payload, after securesystemslib has verified who signed it."""
    envelope = Envelope.from_dict(json.loads(content))
    assert [*envelope.verify([list_key(STRANGER), list_key(private)], 1)] == [
        name_key(private.public_key())
    ]
    assert envelope.payload_type == "application/vnd.in-toto+json"
    return envelope.payload


def read_stated(payload: bytes) -> Stated:
    """Return a statement, after in-toto's own bindings have read and validated it."""
    stated = Parse(payload, Stated())
    Statement.copy_from_pb(stated).validate()
    return stated


@pytest.mark.parametrize(
    "private",
    [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())],
    ids=["Ed25519", "ECDSA over P-256"],
)
@pytest.mark.promise(12)
def test_another_implementation_verifies_an_envelope(private, observe) -> None:
    content = write_envelope(sign_payload(write_statement(ACT, SUBJECTS), private))
    stated = read_stated(open_envelope(content, private))
    assert {s.name: dict(s.digest) for s in stated.subject} == {
        "card.json": {"sha256": "ab" * 32},
        "code": {"gitCommit": "cd" * 20},
    }
    assert stated.predicate["act"] == "approve"
    told = json.loads(content)
    refused = 0
    for at in range(0, len(payload := base64.b64decode(told["payload"])), 7):
        other = bytes([*payload[:at], payload[at] ^ 1, *payload[at + 1 :]])
        changed = json.loads(content) | {"payload": base64.b64encode(other).decode()}
        with pytest.raises(VerificationError):
            Envelope.from_dict(changed).verify([list_key(private)], 1)
        refused += 1
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(content)).verify([list_key(STRANGER)], 1)
    observe(f"securesystemslib verifies the envelope, and refuses {refused} of {refused} changed")


def test_every_act_of_a_review_is_read_by_others(place: Place) -> None:
    place.sign("open", "ana")
    place.sign("return", "cai", reason="The <b>East</b>; Ñandú.")
    place.sign("withdraw", "cai")
    place.sign("approve", "ben", *YES)
    paths = sorted((place.card / REVIEWS).glob("*.json"))
    for path, name in zip(paths, ("ana", "cai", "cai", "ben"), strict=True):
        stated = read_stated(open_envelope(path.read_bytes(), read_private(place.key(name))))
        assert stated.predicate_type == "urn:cityai:predicate:review:1"
        assert {s.name for s in stated.subject} >= {"card.json", "model", "policy.yaml", "code"}


def test_the_gate_says_what_it_found_in_the_standard_form(place: Place, tmp_path, capsys) -> None:
    """Fields, types and sense as the specification of SVR v0.2 has them."""
    place.sign("approve", "ben", *YES)
    out, key = tmp_path / "gate.json", str(place.key("ana"))
    assert place.gate("--out", str(out), "--key", key) == 0
    payload = open_envelope(out.read_bytes(), read_private(place.key("ana")))
    stated, told = read_stated(payload), json.loads(payload)["predicate"]
    assert stated.predicate_type == SVR == "https://in-toto.io/attestation/svr/v0.2"
    assert {*told} == {"verifier", "timeCreated", "properties"}
    assert re.match(r"[a-z]+:", told["verifier"]["id"])
    datetime.strptime(told["timeCreated"], "%Y-%m-%dT%H:%M:%S%z")
    reviewed = read_review(place.project)
    for policy in told["verifier"]["policies"]:
        ResourceDescriptor.copy_from_pb(Parse(json.dumps(policy), Described())).validate()
        assert policy["digest"] == {"sha256": reviewed.subjects[policy["name"]]}
    found = check_gate(reviewed, "pilot")
    assert told["properties"] == [
        *(f"CITYAI_PILOT_{c.rule.id}" + "_ON_CONDITION" * (c.outcome == "met on condition")
          for c in found),
        "CITYAI_PILOT_ALLOWED",
    ]  # fmt: skip
    assert place.gate("--to", "operational", "--out", str(tmp_path / "no.json"), "--key", key) == 1
    told = json.loads(
        open_envelope((tmp_path / "no.json").read_bytes(), read_private(place.key("ana")))
    )
    assert told["predicate"]["properties"] == ["CITYAI_OPERATIONAL_time"]
    assert place.gate("--out", str(out), "--key", key) == 1  # nothing is replaced
    place.keys.write_text(
        place.keys.read_text("utf-8").replace("2020-01-01", "2999-01-01"), "utf-8"
    )


def test_a_result_needs_a_key_that_speaks(place: Place, tmp_path, capsys) -> None:
    out = tmp_path / "gate.json"
    assert place.gate("--out", str(out)) == 2
    assert "there is no key" in capsys.readouterr().err
    place.keys.write_text(
        place.keys.read_text("utf-8").replace("2020-01-01", "2999-01-01"), "utf-8"
    )
    assert place.gate("--out", str(out), "--key", str(place.key("ana"))) == 2
    assert "does not speak on" in capsys.readouterr().err
    assert not out.exists()
