"""HMAC signatures over raw bytes: made, checked against several secrets, and diagnosed when they fail.

A scheme is plain HMAC of the body (RFC 2104) in a header, in hex or base64, with an optional prefix.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, get_args

from msgspec import Struct

Encoding = Literal["hex", "base64"]
Digest = Literal["sha256", "sha1", "sha512"]

DIGEST_BYTES: Mapping[Digest, int] = {digest: hashlib.new(digest).digest_size for digest in get_args(Digest)}
DIAGNOSED_BYTES = 32 * 1024
"""`diagnose` looks for mistakes in bodies up to this size only: anybody can make us refuse a request."""


class Scheme(Struct, frozen=True):
    """Where a signature stands and how it is written; `header` is a lower-case name."""

    header: str
    encoding: Encoding = "hex"
    prefix: str = ""
    digest: Digest = "sha256"


class Signed(Struct, frozen=True):
    """The signature was made with the secret at this index."""

    secret_index: int


class Refused(Struct, frozen=True):
    """No secret made this signature. `hint` says which mistake it looks like; it holds no secret."""

    why: Literal["missing", "mismatch"]
    hint: str


def sign(secret: bytes, body: bytes, scheme: Scheme) -> str:
    """Return the header's value for this body."""
    made = _hmac(secret, body, scheme.digest)
    return scheme.prefix + (made.hex() if scheme.encoding == "hex" else base64.b64encode(made).decode())


def check(signature: str | None, body: bytes, secrets: Sequence[bytes], scheme: Scheme) -> Signed | Refused:
    """Say which of the secrets signed `body`, in time that does not depend on the secrets; never raises.

    An empty secret signs nothing: anybody can make its signature.
    """
    if not signature:
        return Refused(
            "missing", f"no '{scheme.header}' header: the sender signs nothing, or a proxy drops it"
        )
    given = _decode(signature.strip(), scheme)
    found = -1
    for index, secret in enumerate(secrets):
        made = _keyed(secret, scheme.digest)(body)
        if given is not None and secret and hmac.compare_digest(made, given) and found < 0:
            found = index
    return Signed(found) if found >= 0 else Refused("mismatch", "the signature does not match the body")


def diagnose(signature: str, body: bytes, secrets: Sequence[bytes], scheme: Scheme) -> str:
    """Return the likeliest reason why `check` refused, as a sentence without secrets; never raises.

    Tries what people get wrong: another encoding, prefix or digest, white space around the secret, a
    secret used as decoded bytes, a body that was parsed and written again. Work is bounded by
    `DIAGNOSED_BYTES` and by the number of secrets.
    """
    given = _readings(signature)
    if not given:
        return f"the '{scheme.header}' header does not hold a {scheme.digest} in {scheme.encoding}"
    if len(body) > DIAGNOSED_BYTES:
        return (
            f"no configured secret made this signature (a body of {len(body)} bytes is not looked at closer)"
        )
    for mistake, candidates in _mistakes(body, [secret for secret in secrets if secret], scheme):
        if any(hmac.compare_digest(made, reading) for made in candidates for reading in given):
            return mistake
    return "no configured secret made this signature: compare the secret with the sender's console"


def _mistakes(body: bytes, secrets: Sequence[bytes], scheme: Scheme) -> Iterator[tuple[str, Iterator[bytes]]]:
    digest = scheme.digest
    yield (
        f"the signature is right but not written as {scheme.encoding} with the prefix '{scheme.prefix}'",
        (_hmac(secret, body, digest) for secret in secrets),
    )
    for other in get_args(Digest):
        if other != digest:
            yield (
                f"the signature is a {other} where {digest} is expected",
                (_hmac(secret, body, other) for secret in secrets),
            )
    yield (
        "the secret has white space or a line break around it, here or at the sender",
        (_hmac(variant, body, digest) for secret in secrets for variant in _respaced(secret)),
    )
    yield (
        "the sender signs with the bytes that the secret's hex or base64 stands for, not with its text",
        (_hmac(variant, body, digest) for secret in secrets for variant in _decoded(secret)),
    )
    yield (
        "the body was changed on its way: a proxy or script parsed and rewrote the JSON",
        (_hmac(secret, copy, digest) for copy in _rewritten(body) for secret in secrets),
    )


def _readings(signature: str) -> list[bytes]:
    """Return every digest the text may stand for: with or without a prefix, as hex or base64."""
    bare = signature.strip()
    texts = [bare, re.sub(r"^[A-Za-z0-9]{1,10}[=,:]", "", bare)]
    readings = (_bytes_of(text.strip(), encoding) for text in texts for encoding in get_args(Encoding))
    sizes = DIGEST_BYTES.values()
    return [reading for reading in readings if reading is not None and len(reading) in sizes]


def _respaced(secret: bytes) -> Iterator[bytes]:
    bare = secret.strip()
    yield from (variant for variant in (bare, bare + b"\n", bare + b"\r\n", bare + b" ") if variant != secret)


def _decoded(secret: bytes) -> Iterator[bytes]:
    text = secret.decode("ascii", "replace")
    decoded: Iterable[bytes | None] = (_bytes_of(text, encoding) for encoding in get_args(Encoding))
    yield from (key for key in decoded if key)


def _rewritten(body: bytes) -> Iterator[bytes]:
    yield body.strip()
    yield body + b"\n"
    try:
        value = json.loads(body)
        for separators in ((",", ":"), (", ", ": ")):
            for ascii_only in (True, False):
                yield json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    except (ValueError, RecursionError):
        return


def _decode(signature: str, scheme: Scheme) -> bytes | None:
    prefix = scheme.prefix
    if not signature.startswith(prefix):
        return None
    return _bytes_of(signature[len(prefix) :] if prefix else signature, scheme.encoding)


def _bytes_of(text: str, encoding: Encoding) -> bytes | None:
    try:
        return binascii.unhexlify(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _keyed(secret: bytes, digest: Digest) -> Callable[[bytes], bytes]:
    """Return what makes HMACs with a secret: both hashes with the padded key in them, to be copied.

    RFC 2104, section 4. Beginning with the key costs more than hashing a body of this size.
    """
    size = hashlib.new(digest).block_size
    key = (hashlib.new(digest, secret).digest() if len(secret) > size else secret).ljust(size, b"\0")
    inner, outer = (hashlib.new(digest, bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))

    def made(body: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(body)
        around.update(within.digest())
        return around.digest()

    return made


def _hmac(secret: bytes, body: bytes, digest: Digest) -> bytes:
    return hmac.digest(secret, body, digest)
