"""Digital signatures: Ed25519 (RFC 8032) and ECDSA over P-256 (FIPS 186-5), with keys in files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from cityai.errors import SpecError, UserError
from cityai.store.files import write_files

Private: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey
Public: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey
PASSPHRASE: Final = "CITYAI_KEY_PASSPHRASE"  # noqa: S105 - a name
"""Variable of the environment with what a private key's file is locked by."""
_KINDS: Final = "Ed25519 or ECDSA over P-256"
_ASYMMETRIC: Final = (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error)


def make_key(path: Path) -> str:
    """Make an Ed25519 key pair; the private key goes to a new private file.

    Returns
    -------
    str
        The public key in one line.

    Raises
    ------
    StoreError
        When there is such a file, or the folder refuses.
    """
    private = Ed25519PrivateKey.generate()
    given = os.environ.get(PASSPHRASE)
    lock = BestAvailableEncryption(given.encode()) if given else NoEncryption()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    write_files({path.name: content}, path.absolute().parent, replace=False)
    return write_public(private.public_key())


def read_private(path: Path) -> Private:
    """Read a private key: PKCS 8 as `make_key` writes it, or OpenSSH's own form.

    Raises
    ------
    UserError
        When it cannot be read, is open to others, is locked, or is of another kind.
    """
    try:
        content = path.read_bytes()
        if b"PRIVATE KEY" in content and path.stat().st_mode & 0o077:
            raise UserError(
                "the private key can be read by others",
                where=str(path),
                expected="a file of your own account alone",
                next_step=f"chmod 600 {path}; if it may have been copied, make another key",
            )
    except OSError as error:
        raise UserError(
            f"the private key cannot be read ({error.strerror})",
            where=str(path),
            next_step="name it with --key, or make one with `cityai review key`",
        ) from None
    read = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in content else load_pem_private_key
    given = os.environ.get(PASSPHRASE)
    try:
        private = read(content, given.encode() if given else None)
    except _ASYMMETRIC:
        raise UserError(
            "this is no private key, or it is locked by another passphrase",
            where=str(path),
            expected=f"a key of {_KINDS}, in PEM or as ssh-keygen writes it",
            next_step=f"set {PASSPHRASE} where the file is locked",
        ) from None
    if not isinstance(private, Private) or not _is_known(private.public_key()):
        raise UserError("the key is of another kind", where=str(path), expected=_KINDS)
    return private


def read_public(text: str, *, where: str = "") -> Public:
    """Read a public key in one line: base64 of its DER form, or OpenSSH's ``ssh-ed25519 ...``."""
    public: object
    try:
        if " " in text.strip():
            public = load_ssh_public_key(text.strip().encode("ascii"))
        else:
            public = load_der_public_key(base64.b64decode(text.encode("ascii"), validate=True))
    except _ASYMMETRIC:
        raise SpecError(
            "this is no public key", where=where, expected=f"one line, of {_KINDS}"
        ) from None
    if not isinstance(public, Public) or not _is_known(public):
        raise SpecError("the public key is of another kind", where=where, expected=_KINDS)
    return public


def _is_known(public: Public) -> bool:
    return isinstance(public, Ed25519PublicKey) or isinstance(public.curve, SECP256R1)


def write_public(public: Public) -> str:
    """Return a public key in one line: base64 of its DER SubjectPublicKeyInfo."""
    return base64.b64encode(_encode(public)).decode()


def name_key(public: Public) -> str:
    """Return a key's id: SHA-256 of its DER SubjectPublicKeyInfo."""
    return hashlib.sha256(_encode(public)).hexdigest()


def _encode(public: Public) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(private: Private, message: bytes) -> bytes:
    """Sign a message; of ECDSA the DER form over SHA-256."""
    if isinstance(private, Ed25519PrivateKey):
        return private.sign(message)
    return private.sign(message, ECDSA(hashes.SHA256()))


def verify(public: Public, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature is a key's over a message."""
    try:
        if isinstance(public, Ed25519PublicKey):
            public.verify(signature, message)
        else:
            public.verify(signature, message, ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
