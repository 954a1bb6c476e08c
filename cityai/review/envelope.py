"""Dead Simple Signing Envelope (DSSE 1.0): signed bytes with their type.

Source: https://github.com/secure-systems-lab/dsse
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final

from cityai.errors import DataError
from cityai.review.keys import Private, Public, name_key, sign, verify

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_BYTES: Final = 1_000_000
_FIELDS: Final = {"payload", "payloadType", "signatures"}


@dataclass(frozen=True)
class Envelope:
    """A payload and who signed it."""

    payload: bytes
    """An in-toto statement as JSON."""
    keyid: str
    """SHA-256 of the signer's public key (DER SubjectPublicKeyInfo)."""
    signature: bytes
    """Over the pre-authentication encoding of the payload and its type."""

    def is_signed_by(self, public: Public) -> bool:
        """Tell whether the signature is that of a key."""
        return self.keyid == name_key(public) and verify(
            public, self.signature, encode_message(self.payload)
        )


def encode_message(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the pre-authentication encoding (PAE): what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign_payload(payload: bytes, private: Private) -> Envelope:
    """Sign a payload."""
    return Envelope(payload, name_key(private.public_key()), sign(private, encode_message(payload)))


def write_envelope(envelope: Envelope) -> bytes:
    """Return the JSON of an envelope: keys sorted, one line."""
    signature = {"keyid": envelope.keyid, "sig": _encode(envelope.signature)}
    told = {
        "payload": _encode(envelope.payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [signature],
    }
    return json.dumps(told, sort_keys=True).encode() + b"\n"


def read_envelope(content: bytes, *, where: str) -> Envelope:
    """Read an envelope with one signature.

    Raises
    ------
    DataError
        When it is none: other bytes than `write_envelope` would write are refused too.
    """
    try:
        if len(content) > MAX_BYTES:
            raise ValueError("it is too large")
        told = json.loads(content)
        if not isinstance(told, dict) or set(told) != _FIELDS:
            raise ValueError("its fields are others")
        if told["payloadType"] != PAYLOAD_TYPE:
            raise ValueError("it holds something else")
        (signed,) = told["signatures"]
        read = Envelope(_decode(told["payload"]), str(signed["keyid"]), _decode(signed["sig"]))
        if write_envelope(read) != content:
            raise ValueError("it is written in another way")
    except (ValueError, TypeError, LookupError, RecursionError, binascii.Error) as error:
        raise DataError(
            f"this is no signed act ({error})",
            where=where,
            expected="a DSSE envelope as `cityai review` writes it",
            next_step="take the file from where it was published, or from version control",
        ) from None
    return read


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(text: object) -> bytes:
    return base64.b64decode(str(text).encode("ascii"), validate=True)
