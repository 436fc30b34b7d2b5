"""Ed25519 signatures of statements, in DSSE envelopes that other tools of the supply chain read.

Form: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import Any

from evalgate.core.artefacts import PROVENANCE
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.sealing import write_key

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def make_signing_key(path: Path) -> Path:
    """Write a new private key for its owner's eyes, and `FILE.pub` beside it; gives that one. Raises `key-exists`."""
    serialization, ed25519 = _cryptography()
    public = path.with_name(path.name + ".pub")
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_key(path, private)
    write_key(public, _pem(key.public_key()), 0o644)
    return public


def read_private(path: Path) -> Any:
    """A private Ed25519 key in PEM. Raises `bad-key`, `no-cryptography`."""
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise _bad_key("private", path)
    return key


def read_public(path: Path) -> Any:
    """A public Ed25519 key in PEM. Raises `bad-key`, `no-cryptography`."""
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise _bad_key("public", path)
    return key


def key_id(public: Any) -> str:
    """What names a public key: the SHA-256 of its DER form."""
    serialization, _ = _cryptography()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def envelope(payload: bytes, key: Any) -> bytes:
    """A DSSE envelope of a statement's bytes, signed."""
    return _written(payload, key_id(key.public_key()), key.sign(encoded(PAYLOAD_TYPE, payload)))


def _written(payload: bytes, keyid: str, signature: bytes) -> bytes:
    told = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(told, indent=2).encode() + b"\n"


def encoded(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def trouble_with(data: bytes, payload: bytes, signer: str, public: Any | None) -> str:
    """What is wrong with an envelope of a statement's bytes; empty if nothing is. Without a key only its form.

    `signer` is the id of the key that the statement names.
    """
    try:
        told = json.loads(data)
        [one] = told["signatures"]
        signature, keyid = base64.b64decode(one["sig"], validate=True), one["keyid"]
        signed = base64.b64decode(told["payload"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return "it is no DSSE envelope with one signature"
    if signed != payload:
        return f"it signs another statement than {PROVENANCE}"
    if keyid != signer:
        return f"it names another key than {PROVENANCE}"
    if _written(payload, keyid, signature) != data:  # Base64 and JSON can write the same in several ways
        return "it is not in the form in which it was written"
    if public is None:
        return ""
    return "" if _signs(public, signature, payload) else "its signature is not of the given key"


def _signs(public: Any, signature: bytes, payload: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        public.verify(signature, encoded(PAYLOAD_TYPE, payload))
    except InvalidSignature:
        return False
    return True


def _pem(public: Any) -> bytes:
    serialization, _ = _cryptography()
    return bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise EvalgateError(
            "signatures need the package cryptography, which is not installed",
            code="no-cryptography",
            fix="pip install 'evalgate-harness[sign]'",
        ) from None
    return serialization, ed25519


def _bad_key(kind: str, path: Path) -> EvalgateError:
    return UsageError(
        f"the file holds no {kind} Ed25519 key in PEM",
        code="bad-key",
        fix="make a pair with `evalgate keygen FILE --sign`: FILE signs, FILE.pub verifies",
        where=str(path),
    )
